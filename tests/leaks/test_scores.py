"""Scores on rows that training had, and how findings are told, muted and switched off."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.errors import SettingError
from autotrack.lineage.evidence.assess import Evidence
from autotrack.store.store import Store


def shared(rows=200, both=20):
    """Training and test data that have rows in common."""
    random = np.random.default_rng(0)
    X = random.normal(size=(rows, 3))
    y = X @ [1.0, 2.0, 3.0] + random.normal(size=rows)
    half = rows // 2
    return X[: half + both], X[half:], y[: half + both], y[half:]


@pytest.mark.parametrize("held", [np.asarray, pd.DataFrame, np.ndarray.tolist])
def test_a_score_on_training_rows_has_that_of_the_rest_beside_it(held):
    autotrack.enable()
    X_train, X_test, y_train, y_test = shared()
    X_test = held(X_test)
    model = KNeighborsRegressor(1).fit(X_train, y_train)
    predicted = model.predict(X_test)
    r2_score(y_test, predicted)
    mean_absolute_error(y_test, predicted)
    model.score(X_test, y_test)
    metrics = autotrack.last_run().metrics
    rest = r2_score(y_test[20:], predicted[20:])
    assert metrics["test_unseen_r2_score"] == pytest.approx(rest)
    assert metrics["test_unseen_score"] == pytest.approx(rest)
    assert metrics["test_unseen_mean_absolute_error"] > metrics["test_mean_absolute_error"]
    assert "on the 80 of 100 rows not in training" in repr(autotrack.last_run())


@pytest.mark.parametrize("by_place", [True, False])
def test_a_weighted_score_has_that_of_the_rest_beside_it(by_place):
    autotrack.enable()
    X_train, X_test, y_train, y_test = shared()
    weights = np.random.default_rng(1).random(len(X_test))
    model = KNeighborsRegressor(1).fit(X_train, y_train)
    if by_place:
        model.score(X_test, y_test, weights)
    else:
        model.score(X_test, y_test, sample_weight=weights)
    found = autotrack.last_run().metrics["test_unseen_score_sample_weight"]
    rest = r2_score(y_test[20:], model.predict(X_test)[20:], sample_weight=weights[20:])
    assert found == pytest.approx(rest)


def _reordered(frame):
    return frame[frame.columns[::-1]]


def _one_more(frame):
    return frame.assign(note=1.0)


def _both(frame):
    return frame.assign(note="new")[["note", "c", "a", "b"]]


def _chosen(frame):
    return frame[["b", "a"]]


@pytest.mark.parametrize(
    ("changed", "gone"),
    [
        *itertools.product([_reordered, _one_more, _both], [False, True]),
        # What is left of a frame that is gone has no columns to choose.
        (_chosen, False),
    ],
)
def test_training_rows_are_known_by_the_names_of_their_columns(changed, gone):
    autotrack.enable()
    X_train, X_test, y_train, y_test = shared()
    X_train, X_test = (pd.DataFrame(X, columns=["a", "b", "c"]) for X in (X_train, X_test))
    columns = make_column_transformer(("passthrough", ["a", "b"]))
    model = make_pipeline(columns, KNeighborsRegressor(1)).fit(X_train, y_train)
    if gone:
        r2_score(y_test, model.predict(changed(X_test)))
    else:
        X_test = changed(X_test)
        model.score(X_test, y_test)
    found = autotrack.last_run().findings()
    assert found["code"].tolist() == ["AT104"]
    assert found["evidence"][0]["rows"] == 20
    assert found["evidence"][0]["with_target"] == 20


def test_other_rows_with_columns_in_another_order_are_no_training_rows():
    autotrack.enable()
    X_train, X_test, y_train, y_test = shared(both=0)
    X_train, X_test = (pd.DataFrame(X, columns=["a", "b", "c"]) for X in (X_train, X_test))
    columns = make_column_transformer(("passthrough", ["a", "b"]))
    model = make_pipeline(columns, KNeighborsRegressor(1)).fit(X_train, y_train)
    model.score(X_test[["c", "a", "b"]], y_test)
    assert autotrack.last_run().findings().empty


def test_without_shared_rows_there_is_no_second_score(capsys):
    autotrack.enable()
    X_train, X_test, y_train, y_test = shared(both=0)
    model = LinearRegression().fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))
    assert list(autotrack.last_run().metrics) == ["test_r2_score"]
    assert autotrack.last_run().findings().empty
    assert capsys.readouterr().err == ""


def test_a_run_is_told_of_in_one_line(capsys):
    autotrack.enable()
    X_train, X_test, y_train, y_test = shared()
    model = LinearRegression().fit(X_train, y_train)
    for _ in range(3):
        r2_score(y_test, model.predict(X_test))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("autotrack: AT104 rows were seen: 20 of 100 scored rows")
    found = autotrack.last_run().findings()
    assert found["code"].tolist() == ["AT104"]
    assert found["evidence"][0]["with_target"] == 20
    assert autotrack.search_runs()["findings"].tolist() == ["AT104"]


def test_a_comment_at_the_score_mutes_a_kind():
    autotrack.enable()
    X_train, X_test, y_train, y_test = shared()
    model = LinearRegression().fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))  # autotrack: ignore[AT104]
    assert autotrack.last_run().findings().empty
    r2_score(y_test, model.predict(X_test))  # autotrack: ignore[AT101]
    assert not autotrack.last_run().findings().empty


@pytest.mark.parametrize(("checks", "codes"), [(False, []), (["AT101"], []), (["AT104"], 1)])
def test_checks_can_be_chosen_and_switched_off(checks, codes):
    autotrack.enable(checks=checks)
    X_train, X_test, y_train, y_test = shared()
    r2_score(y_test, LinearRegression().fit(X_train, y_train).predict(X_test))
    assert len(autotrack.last_run().findings()) == (codes or 0)
    assert ("test_unseen_r2_score" in autotrack.last_run().metrics) == (checks is not False)


def test_with_checks_off_nothing_is_remembered_or_looked_at(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("checks are off")

    monkeypatch.setattr(Evidence, "__init__", fail)
    monkeypatch.setattr(Store, "measured", fail)
    monkeypatch.setattr(Store, "add_evidence", fail)
    monkeypatch.setattr(Store, "add_shared_rows", fail)
    autotrack.enable(checks=False, log_models=False)
    X_train, X_test, y_train, y_test = shared()
    with autotrack.start_run():
        for k in (1, 2, 3):
            model = KNeighborsRegressor(k).fit(X_train, y_train)
            r2_score(y_test, model.predict(X_test))
    cross_val_score(model, X_train, y_train, groups=range(len(y_train)), cv=GroupKFold(2))
    RandomForestRegressor(2).fit(X_train, y_train)
    autotrack.best_run("test_r2_score")
    assert autotrack.last_run().findings().empty


def test_the_variable_chooses_checks_too(monkeypatch):
    monkeypatch.setenv("AUTOTRACK_CHECKS", "at101, AT104")
    assert autotrack.enable().settings.checks == ("AT101", "AT104")
    with pytest.raises(SettingError, match="codes of findings"):
        autotrack.enable(checks=["sometimes"])


def test_no_value_of_the_data_is_in_the_store(store_path):
    autotrack.enable(log_models=False)
    random = np.random.default_rng(0)
    people = [f"Zacharias{n}Quux" for n in range(60)]
    frame = pd.DataFrame({"name": np.repeat(people, 4), "pay": 918273.6455 + random.random(240)})
    y = np.repeat(random.integers(0, 2, 60), 4) + 77001122
    order = random.permutation(240)
    frame, y = frame.iloc[order], y[order]
    X_train, X_test, y_train, y_test = frame[:160], frame[150:], y[:160], y[150:]
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        make_column_transformer(("passthrough", ["pay"])), DecisionTreeClassifier(max_depth=2)
    )
    accuracy_score(y_test, model.fit(X_train, y_train).predict(X_test))
    codes = set(autotrack.last_run().findings()["code"])
    assert {"AT104", "AT107"} <= codes
    autotrack.disable()
    planted = [b"Zacharias", b"Quux", b"77001122", b"77001123", b"918273", b"918274"]
    planted += [np.float64(value).tobytes() for value in frame["pay"]]
    for folder, _, files in os.walk(store_path):
        for file in files:
            with open(os.path.join(folder, file), "rb") as opened:
                content = opened.read()
            assert not [value for value in planted if value in content], file


def _told(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if "autotrack: AT" in line]


@pytest.mark.parametrize("scores", [0, 2])
def test_a_fit_that_did_not_converge_is_told_when_it_ends_and_only_then(scores, capsys):
    autotrack.enable()
    X_train, X_test, y_train, y_test = shared(both=0)
    model = MLPRegressor(max_iter=3, random_state=0).fit(X_train, y_train)
    assert "AT202" in autotrack.last_run().findings()["code"].tolist()
    for _ in range(scores):
        model.score(X_test, y_test)
    assert autotrack.last_run().findings()["code"].tolist() == ["AT202"]
    assert len(_told(capsys)) == 1


@pytest.mark.parametrize("scores", [0, 2])
def test_a_search_that_ended_at_an_edge_is_told_when_it_ends_and_only_then(scores, capsys):
    autotrack.enable(progress=False)
    X_train, X_test, y_train, y_test = shared(both=0)
    search = GridSearchCV(Ridge(), {"alpha": [10.0, 100.0, 1000.0]}, cv=3).fit(X_train, y_train)
    for _ in range(scores):
        search.score(X_test, y_test)
    assert autotrack.last_run().findings()["code"].tolist() == ["AT201"]
    assert len(_told(capsys)) == 1


def test_a_fit_can_be_muted_in_its_line():
    autotrack.enable()
    X_train, _, y_train, _ = shared(both=0)
    MLPRegressor(max_iter=3, random_state=0).fit(X_train, y_train)  # autotrack: ignore[AT202]
    assert autotrack.last_run().findings().empty


ALIASES = """
import autotrack
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

autotrack.enable(progress=False)
table, labels = load_diabetes(return_X_y=True)
def found(): return "AT105" in autotrack.last_run().findings()["code"].tolist()
"""


@pytest.mark.parametrize(
    ("lines", "is_found"),
    [
        ("X_test, y_test = table, labels\nr2_score(y_test, m.predict(X_test))", True),
        ("X_test, y_test = table, labels; r2_score(y_test, m.predict(X_test))", True),
        ("X_test, y_test = table, labels; m.score(X_test, y_test)", True),
        ("y_test = labels; é = m.score(table,\n    y_test)", True),
        ("X_test, y_test = table, labels; m.score(table, labels)", False),
        ("def judge(m, X_test, y_test): m.score(X_test, y_test)\njudge(m, table, labels)", False),
    ],
)
def test_training_data_under_a_second_name_is_what_its_score_calls_it(
    lines, is_found, run_python, tmp_path
):
    script = tmp_path / "script.py"
    fit = "m = Ridge().fit(table, labels)" + ("\n" if lines.startswith("def") else "; ")
    script.write_text(f"{ALIASES}\n{fit}{lines}\nassert found() is {is_found}\n")
    run_python(script)


def test_every_model_scored_on_the_same_data_is_told_what_is_wrong_with_it():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X["telling"], y = 2.0 * y, y.rename("target")
    X_train, X_test, y_train, y_test = X[:300], X[300:], y[:300], y[300:]
    runs = []
    with autotrack.enable():
        for model in (GaussianNB(), GaussianNB(var_smoothing=1e-3)):
            accuracy_score(y_test, model.fit(X_train, y_train).predict(X_test))
            runs.append(autotrack.last_run())
        codes = [{found.code for found in run.findings().itertuples()} for run in runs]
        assert "AT106" in codes[0]
        assert codes[0] == codes[1]

        # Values that are changed in place make it other data.
        X_test["telling"] = np.arange(len(X_test)) % 7.0
        model = GaussianNB(var_smoothing=1e-2).fit(X_train, y_train)
        accuracy_score(y_test, model.predict(X_test))
        assert "AT106" not in {found.code for found in autotrack.last_run().findings().itertuples()}


def test_a_model_trained_on_other_rows_is_held_against_its_own():
    X, y = load_breast_cancer(return_X_y=True)
    counts = []
    with autotrack.enable():
        for rows in (slice(0, 300), slice(250, 500)):
            model = GaussianNB().fit(X[rows], y[rows])
            accuracy_score(y[200:], model.predict(X[200:]))
            (found,) = autotrack.last_run().findings().query("code == 'AT104'").itertuples()
            counts.append(found.evidence["rows"])
    assert counts == [100, 250]
