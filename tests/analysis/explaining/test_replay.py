"""A recorded fit made once more: the same model, or the first difference and its cause."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import DBSCAN
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack.cli import main
from autotrack.crates.verification import replay as replaying
from autotrack.crates.verification.refit import compared
from autotrack.tracking.workspace import workspace

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(90, 3))
y = (X[:, 0] + RANDOM.normal(size=90) > 0).astype(int)
FRAME = pd.DataFrame(X, columns=list("abc"))


@pytest.fixture
def tracking():
    with autotrack.enable():
        yield


def fitted(model, X=X, y=y, **further):
    model.fit(X, y, **further)
    run = autotrack.last_run()
    assert run is not None
    return run


class Counted(RegressorMixin, BaseEstimator):
    """Says how often a class of the user's own was fitted here, which differs elsewhere."""

    fits = 0

    def fit(self, X, y):
        Counted.fits += 1
        self.value_ = float(Counted.fits)
        return self

    def predict(self, X):
        return np.full(len(X), self.value_)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression(C=0.3)),
        RandomForestClassifier(5, random_state=0),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}),
    ],
    ids=["pipeline", "forest", "search"],
)
def test_a_model_with_its_seeds_is_the_same_when_it_is_fitted_again(tracking, model):
    found = fitted(model, FRAME).replay(FRAME, y)
    assert found
    assert found.verdict == "identical"
    assert "predict(X)" in found.compared


def test_what_is_fitted_again_is_no_run(tracking):
    run = fitted(Ridge())
    run.replay(X, y)
    assert autotrack.search_runs()["run_id"].tolist() == [run.run_id]


def test_a_model_without_predict_is_compared_by_what_it_learned(tracking):
    found = fitted(DBSCAN(eps=1.0), y=None).replay(X)
    assert found.verdict == "identical"
    assert "labels_" in found.compared


def test_a_seed_that_was_never_set_is_the_cause_that_is_named(tracking):
    found = fitted(RandomForestClassifier(5)).replay(X, y)
    assert not found
    assert found.verdict == "different"
    assert found.difference.startswith("seed never set: random_state (")


def test_other_weights_are_refused_by_name(tracking):
    weights = np.random.default_rng(0).random(90)
    run = fitted(LogisticRegression(), sample_weight=weights)
    with pytest.raises(autotrack.InvalidValueError, match=r"sample_weight is not what .* xxh3:"):
        run.replay(X, y, fit_params={"sample_weight": np.ones(90)})
    assert run.replay(X, y, fit_params={"sample_weight": weights}).verdict == "identical"


@pytest.mark.parametrize("model", [LogisticRegression(), Ridge()])
def test_a_seed_that_nothing_was_drawn_by_is_not_named(tracking, model):
    weights = np.random.default_rng(0).random(90)
    run = fitted(model, sample_weight=weights)
    workspace.store().set_tags(
        run.run_id, {"autotrack.fit_arguments": "{}"}
    )  # as in a record from before
    found = run.replay(X, y, fit_params={"sample_weight": np.ones(90)})
    assert found.verdict == "different"
    assert "seed" not in found.difference
    assert found.difference.startswith("sample_weight may be another")


def test_a_generator_as_seed_is_the_cause_that_is_named(tracking):
    model = RandomForestClassifier(5, random_state=np.random.RandomState(3))
    found = fitted(model).replay(X, y)
    assert found.difference.startswith("seed: random_state is a generator")


def test_a_fit_that_gives_something_else_each_time_says_so(tracking):
    Counted.fits = 7
    found = fitted(Counted()).replay(X, y)
    assert found.verdict == "different"
    assert "not deterministic" in found.difference


def test_a_version_that_is_another_is_named(tracking, monkeypatch):
    from autotrack.crates.packing import pack

    true = pack.exact_requirements

    def older(*about):
        return ["scikit-learn==0.1" if r.startswith("scikit-learn") else r for r in true(*about)]

    monkeypatch.setattr(pack, "exact_requirements", older)
    unseeded = fitted(RandomForestClassifier(5)).replay(X, y)
    assert unseeded.difference.startswith("version: scikit-learn ")
    assert "recorded 0.1" in unseeded.difference
    same = fitted(Ridge()).replay(X, y)
    assert same.verdict == "identical"
    assert "although the version differs: scikit-learn" in str(same)


def test_params_that_are_others_in_the_record_are_named_first(tracking):
    run = fitted(RandomForestClassifier(5))
    workspace.store().set_params(run.run_id, {"n_estimators": 6})
    assert run.replay(X, y).difference.startswith("params: n_estimators is 5 in the crate, 6 in")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((FRAME.iloc[:80], y[:80]), r"X is not the training data .*FRAME.*rows: 80, recorded 90"),
        ((FRAME[["a", "b"]], y), r"1 removed: c"),
        ((FRAME + 1, y), "other values or another order"),
        ((FRAME, 1 - y), "y is not the target"),
        ((FRAME, None), "y is not the target"),
        (("nonsense", y), "that is no data"),
    ],
)
def test_other_data_is_refused_by_what_is_different(tracking, given, message):
    run = fitted(Ridge(), FRAME)
    with pytest.raises(autotrack.InvalidValueError, match=message):
        run.replay(*given)


def test_what_else_the_fit_was_given_is_asked_for(tracking):
    weights = np.linspace(1, 2, 90)
    run = fitted(Ridge(), sample_weight=weights)
    with pytest.raises(autotrack.InvalidValueError, match="sample_weight as well"):
        run.replay(X, y)
    assert run.replay(X, y, fit_params={"sample_weight": weights}).verdict == "identical"


def test_a_run_without_a_crate_says_what_can_be_done(tracking):
    cross_validate(Ridge(), X, y)
    with pytest.raises(autotrack.ArtifactNotFoundError, match="--script"):
        autotrack.last_run().replay(X, y)


def test_a_crate_that_nobody_vouches_for_asks_for_the_word(tracking):
    run = fitted(Ridge())
    with workspace.store().transaction() as connection:
        connection.execute("DELETE FROM packed")
    with pytest.raises(autotrack.UntrustedCrateError):
        run.replay(X, y)
    assert run.replay(X, y, trust=True).verdict == "identical"


def test_the_data_is_left_nowhere(tracking, tmp_path, monkeypatch):
    run = fitted(Ridge())
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    run.replay(X, y)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_difference_in_the_last_digits_is_told_from_a_real_one():
    assert compared(np.array([1.0, np.nan]), np.array([1.0, np.nan])) == (0.0, "")
    close, _ = compared(np.array([1.0]), np.array([1.0 + 4e-16]))
    assert 0 < close < 1e-12
    far, said = compared(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    assert far > 1e-12
    assert said == "1 of 2 values differ, by up to 0.5"
    assert compared(np.array(["a", "b"]), np.array(["a", "c"]))[1] == "1 of 2 values are others"


def test_what_runs_in_another_interpreter_needs_no_autotrack():
    for script in (Path(replaying.__file__), Path(replaying.__file__).with_name("refit.py")):
        code = (
            "import runpy, sys; sys.modules['autotrack'] = None; "
            f"runpy.run_path({str(script)!r}, run_name='elsewhere')"
        )
        subprocess.run([sys.executable, "-I", "-c", code], check=True)


SCRIPT = """
import autotrack, numpy as np
autotrack.enable()
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.ensemble import RandomForestRegressor
X = np.arange(40.0).reshape(20, 2) % 7
y = X[:, 0] + 1
for alpha in (1.0, 2.0):
    r2_score(y[10:], Ridge(alpha=alpha).fit(X[:10], y[:10]).predict(X[10:]))
r2_score(y[10:], RandomForestRegressor(3).fit(X[:10], X[:10, 0] + y[:10]).predict(X[10:]))
"""


@pytest.fixture
def scripted(tmp_path, run_python):
    """A script with three runs, which are given oldest first."""
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    run_python(script)
    return script, autotrack.search_runs(order_by="start_time")["run_id"].tolist()


def replayed(*arguments):
    done = CliRunner().invoke(main, ["replay", *arguments])
    return done.exit_code, done.output


def test_a_script_that_gives_the_same_is_said_to(scripted):
    script, runs = scripted
    code, said = replayed(runs[1], "--script")
    assert (code, said.splitlines()[0].partition(" (")[0]) == (
        0, f"run {runs[1][:8]} replayed: identical",
    )  # fmt: skip
    assert "test_r2_score" in said
    assert autotrack.search_runs().shape[0] == 3  # it records into a store of its own
    script.write_text(SCRIPT.replace("2.0)", "3.0)"))
    code, said = replayed(runs[1], "--script")
    assert code == 1
    assert "different: params: alpha is 3.0, recorded 2.0 (test_r2_score: " in said


def test_data_that_the_script_makes_otherwise_now_is_named(scripted):
    script, runs = scripted
    script.write_text(SCRIPT.replace("% 7", "% 8"))
    code, said = replayed(runs[0], "--script")
    assert code == 1
    assert "different: data: train" in said


def test_a_script_of_somebody_else_is_not_run_without_a_word(scripted, tmp_path):
    script, runs = scripted
    with workspace.store().transaction() as connection:
        connection.execute("UPDATE sources SET host = 'elsewhere'")
    ran = tmp_path / "ran"
    script.write_text(f"open({str(ran)!r}, 'w')")
    code, said = replayed(runs[0], "--script")
    assert code == 2
    assert "on elsewhere" in said
    assert "--trust" in said
    assert not ran.exists()
    replayed(runs[0], "--script", "--trust")
    assert ran.exists()


def test_a_script_that_records_nothing_any_more_says_so(scripted):
    script, runs = scripted
    script.write_text("raise ValueError('broken meanwhile')")
    code, said = replayed(runs[0], "--script")
    assert code == 1
    assert "failed: the script ended with 1" in said
    assert "broken meanwhile" in said


def test_the_command_takes_the_data_from_a_function_or_a_file(tracking, tmp_path):
    run = fitted(Ridge(), FRAME, pd.Series(y, name="label"))
    FRAME.assign(label=y).to_csv(tmp_path / "train.csv", index=False)
    code, said = replayed(run.run_id, "--data", str(tmp_path / "train.csv"), "--target", "label")
    # The columns may lie otherwise in memory than they did, and sums be rounded otherwise by that.
    assert code == 0
    assert "identical" in said or "equal within 1e-12" in said
    (tmp_path / "load.py").write_text("def train():\n    return [[1.0]], [2.0]\n")
    code, said = replayed(run.run_id, "--data", f"{tmp_path / 'load.py'}:train")
    assert code == 2
    assert "X is not the training data" in said
    plain = fitted(Ridge())
    np.savez(tmp_path / "train.npz", X=X, y=y)
    assert replayed(plain.run_id, "--data", str(tmp_path / "train.npz"))[0] == 0


def test_without_data_or_script_the_command_says_what_to_give(tracking):
    fitted(Ridge())
    code, said = replayed("last")
    assert code == 2
    assert "--data" in said
    assert "--script" in said


@pytest.mark.thorough
def test_a_fit_is_made_again_in_an_environment_of_its_own(scripted, tracking):
    _, runs = scripted
    assert replayed(runs[0], "--script", "--env")[0] == 0
    assert fitted(Ridge(), FRAME).replay(FRAME, y, env=True)
