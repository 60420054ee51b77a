"""Predictions of evaluations are kept on request, as they were made, whoever made them."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import autotrack
from tests.looking import runs
from tests.waiting import wait_until

X, y = load_breast_cancer(return_X_y=True)
X, y = X[:200], y[:200]
# Not all environments of the tests have pyarrow.
ENDING = ".parquet" if find_spec("pyarrow") else ".npz"
MODEL = make_pipeline(StandardScaler(), LogisticRegression())


@pytest.fixture
def keeping():
    with autotrack.enable(log_models=False, keep_predictions=True) as session:
        yield session


def last() -> autotrack.Run:
    run = autotrack.last_run()
    assert run is not None
    return run


def expected(model, splits, method="predict"):
    """What each split's model predicts, made by hand."""
    found = {}
    with autotrack.keep_predictions(False):
        for number, (train, test) in enumerate(splits):
            fitted = model.fit(X[train], y[train])
            found[number] = (test, getattr(fitted, method)(X[test]))
    return found


class SizeScorer:
    """A scorer that looks at the whole model, as one of its size does."""

    def __call__(self, estimator, X, y):
        import pickle

        assert not any("autotrack" in name for name in vars(estimator))
        return float(len(pickle.dumps(estimator))) + accuracy_score(y, estimator.predict(X))


class Drawing(ClassifierMixin, BaseEstimator):
    """Predicts by chance, from the global generator."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.random.choice(self.classes_, len(X))


class Same(BaseEstimator):
    """Predicts the same whatever it is asked, and takes any labels."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_nothing_is_kept_unless_it_is_asked_for():
    with autotrack.enable(log_models=False):
        cross_validate(MODEL, X, y, cv=3)
    run = last()
    assert not run.artifacts()["path"].str.startswith("predictions").any()
    with pytest.raises(autotrack.ArtifactNotFoundError, match="keep_predictions"):
        run.predictions()


@pytest.mark.parametrize("jobs", [None, 2])
@pytest.mark.parametrize("scoring", [None, "accuracy", ["accuracy", "roc_auc"]])
def test_a_validation_keeps_what_its_models_predicted(keeping, jobs, scoring):
    splits = list(KFold(3, shuffle=True, random_state=0).split(X))
    cross_validate(MODEL, X, y, cv=splits, scoring=scoring, n_jobs=jobs, return_train_score=True)

    kept = last().predictions()
    assert len(kept) == len(X)
    for split, (test, predicted) in expected(MODEL, splits).items():
        part = kept[kept["split"] == split]
        assert part["row"].tolist() == test.tolist()
        assert part["predict"].tolist() == predicted.tolist()
        assert part["y_true"].tolist() == y[test].tolist()


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing", "sequential"])
def test_a_search_keeps_them_of_each_candidate_in_every_backend(keeping, backend):
    splits = list(KFold(2).split(X))
    grid = {"logisticregression__C": [0.01, 100.0]}
    with joblib.parallel_backend(backend, n_jobs=1 if backend == "sequential" else 2):
        GridSearchCV(MODEL, grid, cv=splits, scoring="neg_log_loss").fit(X, y)

    run = last()
    kept = run.predictions()
    assert run.artifacts()["path"].tolist().count(f"predictions/out_of_fold{ENDING}") == 1
    for number, C in enumerate(grid["logisticregression__C"]):
        model = MODEL.set_params(logisticregression__C=C)
        for split, (_, predicted) in expected(model, splits, "predict_proba").items():
            part = kept[(kept["candidate"] == number) & (kept["split"] == split)]
            names = ["predict_proba_0", "predict_proba_1"]
            assert np.array_equal(part[names].to_numpy(), predicted)
    MODEL.set_params(logisticregression__C=1.0)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_cross_val_predict_keeps_what_it_returns(keeping, method):
    iris, species = load_iris(return_X_y=True)
    returned = cross_val_predict(MODEL, iris, species, cv=3, method=method)
    kept = last().predictions().sort_values("row")
    columns = [name for name in kept if name.startswith(method)]
    assert np.array_equal(kept[columns].to_numpy().squeeze(), returned)


def test_a_regression_and_repeated_splits_are_kept(keeping):
    data, target = load_diabetes(return_X_y=True)
    cross_val_score(Ridge(), data, target, cv=RepeatedKFold(n_splits=2, n_repeats=2))
    kept = last().predictions()
    assert len(kept) == 2 * len(data)
    assert kept["row"].value_counts().eq(2).all()
    assert np.array_equal(kept["y_true"], target[kept["row"]])


def test_results_and_random_numbers_are_those_of_a_call_without_it():
    def scores(keep: bool):
        np.random.seed(3)
        with autotrack.enable(log_models=False, keep_predictions=keep):
            found = cross_validate(Drawing(), X, y, cv=4, scoring=["accuracy", "f1"])
            forest = RandomForestClassifier(5, random_state=0)
            size = cross_val_score(forest, X, y, cv=3, scoring=SizeScorer())
        autotrack.disable()
        return (
            found["test_accuracy"].tolist(),
            found["test_f1"].tolist(),
            size.tolist(),
            np.random.rand(),
        )

    assert scores(True) == scores(False)


def test_what_was_drawn_by_chance_is_what_was_scored(keeping):
    found = cross_val_score(Drawing(), X, y, cv=4, n_jobs=2)
    kept = last().predictions()
    again = [accuracy_score(p["y_true"], p["predict"]) for _, p in kept.groupby("split")]
    assert again == found.tolist()


def test_the_block_keeps_where_the_settings_do_not_and_the_other_way_round():
    with autotrack.enable(log_models=False):
        with autotrack.keep_predictions():
            cross_val_score(MODEL, X, y, cv=2)
        assert len(last().predictions()) == len(X)
    with autotrack.enable(log_models=False, keep_predictions=True):
        with autotrack.keep_predictions(False):
            cross_val_score(MODEL, X, y, cv=2)
        with pytest.raises(autotrack.ArtifactNotFoundError):
            last().predictions()


def test_the_variable_asks_for_it_too(monkeypatch):
    monkeypatch.setenv("AUTOTRACK_KEEP_PREDICTIONS", "1")
    with autotrack.enable(log_models=False):
        cross_val_score(MODEL, X, y, cv=2)
    assert len(last().predictions()) == len(X)


def test_texts_stay_texts_and_groups_become_numbers(keeping):
    names = np.where(y == 1, "benign", "malignant")
    patients = np.array([f"patient {n % 7}" for n in range(len(y))])
    cross_validate(MODEL, pd.DataFrame(X), pd.Series(names), groups=patients, cv=GroupKFold(3))
    kept = last().predictions().sort_values("row")
    assert kept["y_true"].tolist() == names.tolist()
    assert set(kept["predict"]) <= {"benign", "malignant"}
    assert kept["group"].tolist() == np.unique(patients, return_inverse=True)[1].tolist()


def test_labels_that_cannot_be_stored_are_left_out_and_the_run_says_so(keeping):
    mixed = np.array([1 if value else "none" for value in y], dtype=object)
    scores = cross_val_score(Same(), X, mixed, cv=KFold(2), scoring=lambda m, X, y: 0.5)
    assert scores.tolist() == [0.5, 0.5]
    assert "neither all numbers nor all texts" in last().tags["predictions_not_kept"]


def test_a_score_on_held_out_data_keeps_its_rows(keeping):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = MODEL.fit(X_train, y_train)
    model.score(X_test, y_test)
    accuracy_score(y_test, model.predict(X_test))
    chances = model.predict_proba(X_test)[:, 1]
    roc_auc_score(y_test, chances)
    accuracy_score(y_train, model.predict(X_train))

    kept = last().predictions()
    assert set(kept["data"]) == {"test"}
    assert kept["y_true"].tolist() == y_test.tolist()
    assert kept["predict"].tolist() == model.predict(X_test).tolist()
    assert kept["y_score"].tolist() == chances.tolist()


def everything_in(folder: Path) -> bytes:
    """The bytes of all files, and what compressed ones hold."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.append(path.read_bytes())
        columns = {}
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            table = pq.read_table(path)
            found.append(repr(table.schema.metadata).encode())
            columns = table.to_pandas()
        elif path.suffix == ".npz":
            with np.load(path) as parts:
                columns = dict(parts)
        for name in columns:
            values = np.asarray(columns[name])
            found += [repr(values.tolist()).encode(), values.tobytes()]
            if values.dtype.kind in "biuf":
                found.append(values.astype(np.float64).tobytes())
            if values.dtype == np.uint8:  # texts of a file
                found.append(bytes(values))
    return b"\n".join(found)


def test_no_value_of_the_columns_is_kept_beside_predictions(keeping, store_path):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "pay": 918_273.25 + random.permutation(120),
            "name": [f"Zacharias {n % 11}" for n in range(120)],
            "age": random.integers(77_001_000, 77_002_000, 120),
        },
        index=[f"Quux{n}" for n in range(120)],
    )
    outcome = np.where(random.random(120) > 0.5, "recovered", "relapsed")
    patients = [f"Xanthippe {n // 4}" for n in range(120)]
    columns = make_column_transformer(
        (StandardScaler(), ["pay", "age"]), (OneHotEncoder(handle_unknown="ignore"), ["name"])
    )
    model = make_pipeline(columns, LogisticRegression())
    cross_validate(model, frame, outcome, groups=patients, cv=GroupKFold(3), scoring="neg_log_loss")
    grid = {"logisticregression__C": [0.1, 1.0]}
    search = GridSearchCV(model, grid, cv=3).fit(frame[:80], outcome[:80])
    roc_auc_score(outcome[80:], search.predict_proba(frame[80:])[:, 1])
    search.score(frame[80:], outcome[80:])

    held = everything_in(store_path)
    texts = [b"Zacharias", b"Quux", b"Xanthippe", b"918273", b"7700"]
    values = [np.float64(value).tobytes() for value in (*frame["pay"], *frame["age"])]
    values += [np.int64(value).tobytes() for value in frame["age"]]
    assert [value for value in (*texts, *values) if value in held] == []
    # Truths and predictions are values too: they are what was asked for.
    assert b"relapsed" in held
    chances = runs()[0].predictions()["predict_proba_relapsed"]
    assert np.float64(chances[0]).tobytes() in held
    for run in runs():
        if run.kind in ("validation", "search"):
            kept = {name.split("_re")[0] for name in run.predictions()}
            assert kept <= {
                "data", "candidate", "split", "row", "group", "y_true", "y_score", "predict",
                "predict_proba",
            }  # fmt: skip


def test_scores_of_a_later_session_are_kept_beside_the_earlier_ones(tmp_path):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    with autotrack.enable(keep_predictions=True):
        model = MODEL.fit(X_train, y_train)
        accuracy_score(y_test, model.predict(X_test))
        run = last()
    autotrack.disable()
    first = run.predictions()
    with autotrack.enable(keep_predictions=True):
        loaded = run.load_model()
        chances = loaded.estimator.predict_proba(X_test)[:, 1]
        roc_auc_score(y_test, chances)
        X_test, y_test = X_test[:20], y_test[:20]
        accuracy_score(y_test, loaded.estimator.predict(X_test))
    kept = run.predictions()
    assert sorted(kept["data"].value_counts()) == [20, len(first)]
    again = kept[kept["data"] == "test"]
    assert again[list(first)].equals(first)
    assert again["y_score"].tolist() == chances.tolist()


def test_scores_in_many_threads_are_all_kept(keeping):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

    def judge(C):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=C)).fit(X_train, y_train)
        accuracy_score(y_test, model.predict(X_test))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(judge, np.linspace(0.1, 9.9, 40)))
    found = [run.predictions() for run in runs()]
    assert [len(kept) for kept in found] == [len(y_test)] * 40


def test_without_pyarrow_the_table_is_npz(run_python):
    code = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'pyarrow' else find(name, *a)\n"
        "import autotrack; autotrack.enable(keep_predictions=True)\n"
        "from sklearn.datasets import load_iris\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.model_selection import cross_val_score\n"
        "cross_val_score(LogisticRegression(), *load_iris(return_X_y=True), cv=3)\n"
        "run = autotrack.last_run()\n"
        "print(list(run.artifacts()['path'])[0], len(run.predictions()))\n"
    )
    assert run_python(code=code).stdout == "predictions/out_of_fold.npz 150\n"


KILLED = """
import os, time
import numpy as np
import autotrack
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

class Slow(DecisionTreeClassifier):
    def fit(self, X, y, sample_weight=None, check_input=True):
        if self.max_depth == 3 and os.environ.get("HANG"):
            open("hangs", "w").close()
            time.sleep(600)
        return super().fit(X, y, sample_weight, check_input)

X, y = load_breast_cancer(return_X_y=True)
autotrack.enable(keep_predictions=True, log_models=False)
search = GridSearchCV(Slow(random_state=0), {"max_depth": [1, 2, 3]}, cv=3).fit(X, y)
"""


def _killed_within_its_last_candidate(script: Path) -> None:
    environment = {**os.environ, "HANG": "1"}
    process = subprocess.Popen([sys.executable, str(script)], cwd=script.parent, env=environment)
    try:
        # What was finished is written before the next evaluation begins.
        wait_until((script.parent / "hangs").exists)
    finally:
        process.kill()
        process.wait()


def test_a_killed_search_has_what_was_finished_and_the_next_one_takes_it_over(tmp_path, run_python):
    script = tmp_path / "search.py"
    script.write_text(KILLED)
    _killed_within_its_last_candidate(script)

    killed = next(run for run in runs() if run.kind == "search")
    assert killed.status == "KILLED"
    before = killed.predictions()
    assert before.groupby(["candidate", "split"]).ngroups == 6

    run_python(script)
    run = next(run for run in reversed(runs()) if run.kind == "search")
    assert run.tags["resumed_from"] == killed.run_id
    kept = run.predictions()
    assert kept.groupby(["candidate", "split"]).ngroups == 9
    early = kept[kept["candidate"] < 2].sort_values(["candidate", "split"], kind="stable")
    assert early.reset_index(drop=True).equals(before)


def test_the_search_that_is_resumed_computes_again_what_has_no_predictions(tmp_path, run_python):
    script = tmp_path / "search.py"
    script.write_text(KILLED.replace("keep_predictions=True", "keep_predictions=False"))
    _killed_within_its_last_candidate(script)
    script.write_text(KILLED)
    run_python(script)
    run = next(run for run in reversed(runs()) if run.kind == "search")
    assert run.predictions().groupby(["candidate", "split"]).ngroups == 9


def test_importing_it_loads_neither_pyarrow_nor_statistics(run_python):
    code = (
        "import autotrack, sys; print([m for m in ('pyarrow', 'scipy.stats') if m in sys.modules])"
    )
    assert run_python(code=code).stdout == "[]\n"
