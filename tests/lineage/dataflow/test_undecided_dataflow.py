"""Rules by hand beside models that say the same: a model gets what it predicted itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, max_error, mean_absolute_error, recall_score
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import autotrack
from tests.looking import history, runs


class Rule:
    """Says what the stump says, by hand."""

    def __init__(self, feature, threshold):
        self.feature, self.threshold = feature, threshold

    def predict(self, X):
        return (X[self.feature] <= self.threshold).astype(int).to_numpy()


class World(NamedTuple):
    """A tree of two leaves, a rule with the same labels, and rows to judge both by."""

    stump: Any
    rule: Rule
    X: Any
    y: Any
    run: autotrack.Run


@pytest.fixture
def same(tracking):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    stump = DecisionTreeClassifier(max_depth=1, random_state=0).fit(X_train, y_train)
    rule = Rule(X.columns[stump.tree_.feature[0]], stump.tree_.threshold[0])
    return World(stump, rule, X_test, y_test, autotrack.last_run())


# Each with how many of its scores are the stump's own, and recorded.
WAYS = []


def own(count):
    def keep(function):
        WAYS.append(pytest.param(function, count, id=function.__name__))
        return function

    return keep


@own(1)
def in_one_dictionary(w):
    preds = {"stump": w.stump.predict(w.X), "rule": w.rule.predict(w.X)}
    for name, p in preds.items():
        accuracy_score(w.y, p, normalize=bool(name))


@own(1)
def converted_in_one_dictionary(w):
    preds = {"stump": w.stump.predict(w.X).tolist(), "rule": w.rule.predict(w.X).tolist()}
    for name, p in preds.items():
        accuracy_score(w.y, p, normalize=bool(name))


@own(1)
def in_a_list_of_pairs(w):
    for _name, p in [("s", w.stump.predict(w.X)), ("r", w.rule.predict(w.X))]:
        accuracy_score(w.y, p)


@own(0)
def appended_one_after_the_other(w):
    kept = []
    for model in (w.stump, w.rule):
        p = model.predict(w.X)
        kept.append(p.tolist())
    for p in kept:
        accuracy_score(w.y, p)


@own(1)
def a_column_that_a_rule_overwrites(w):
    df = pd.DataFrame({"y": w.y})
    df["pred"] = w.stump.predict(w.X)
    accuracy_score(df["y"], df["pred"])
    df["pred"] = w.rule.predict(w.X)
    accuracy_score(df["y"], df["pred"])


@own(1)
def a_column_assigned_twice(w):
    df = pd.DataFrame({"y": w.y})
    df = df.assign(pred=w.stump.predict(w.X))
    accuracy_score(df["y"], df["pred"])
    df = df.assign(pred=w.rule.predict(w.X))
    accuracy_score(df["y"], df["pred"])


@own(1)
def objects_in_one_loop(w):
    for m in (w.stump, w.rule):
        accuracy_score(w.y, m.predict(w.X).tolist())


@own(1)
def objects_in_one_comprehension(w):
    return [accuracy_score(w.y, m.predict(w.X).tolist()) for m in (w.stump, w.rule)]


@own(1)
def objects_in_one_loop_with_a_variable(w):
    for m in (w.stump, w.rule):
        p = m.predict(w.X).tolist()
        accuracy_score(w.y, p)


def _judge(model, w):
    return accuracy_score(w.y, model.predict(w.X).tolist())


@own(1)
def objects_handed_to_a_helper(w):
    for m in (w.stump, w.rule):
        _judge(m, w)


def _labels(model, X):
    return model.predict(X).tolist()


@own(1)
def objects_handed_to_a_helper_that_predicts(w):
    for m in (w.stump, w.rule):
        accuracy_score(w.y, _labels(m, w.X))


@own(1)
def attributes_of_objects_in_a_loop(w):
    for held in (SimpleNamespace(model=w.stump), SimpleNamespace(model=w.rule)):
        accuracy_score(w.y, held.model.predict(w.X).tolist())


@own(1)
def elements_by_key(w):
    models = {"stump": w.stump, "rule": w.rule}
    for name in ("stump", "rule"):
        accuracy_score(w.y, models[name].predict(w.X).tolist())


@own(1)
def two_branches_of_a_loop(w):
    for kind in ("model", "rule"):
        if kind == "model":
            pred = w.stump.predict(w.X).astype(float)
        else:
            pred = w.rule.predict(w.X).astype(float)
        accuracy_score(w.y, pred)


@own(1)
def a_branch_that_overwrites(w):
    for kind in ("model", "rule"):
        pred = w.stump.predict(w.X).astype(float)
        if kind == "rule":
            pred = w.rule.predict(w.X).astype(float)
        accuracy_score(w.y, pred)


@own(1)
def a_conditional_expression(w):
    for kind in ("model", "rule"):
        pred = (w.stump.predict(w.X) if kind == "model" else w.rule.predict(w.X)).astype(float)
        accuracy_score(w.y, pred)


@own(1)
def a_dictionary_of_lambdas(w):
    for kind in ("m", "r"):
        ways = {
            "m": lambda X: w.stump.predict(X).tolist(),
            "r": lambda X: w.rule.predict(X).tolist(),
        }
        accuracy_score(w.y, ways[kind](w.X))


@own(1)
def a_dictionary_of_lambdas_in_the_call(w):
    for kind in ("m", "r"):
        accuracy_score(
            w.y,
            {
                "m": lambda X: w.stump.predict(X).tolist(),
                "r": lambda X: w.rule.predict(X).tolist(),
            }[kind](w.X),
        )


def _either(kind, w):
    if kind == "model":
        return w.stump.predict(w.X).tolist()
    return w.rule.predict(w.X).tolist()


@own(0)
def a_helper_with_two_ways_out(w):
    for kind in ("model", "rule"):
        accuracy_score(w.y, _either(kind, w))


@own(1)
def the_best_of_a_loop(w):
    best, best_pred = 0, None
    for m in (w.stump, w.rule):
        pred = m.predict(w.X)
        score = accuracy_score(w.y, pred)
        if score >= best:
            best, best_pred = score, list(pred)
    accuracy_score(w.y, best_pred)


@own(0)
def a_flag_that_was_changed_since(w):
    wanted = False
    if wanted:
        p = w.stump.predict(w.X).tolist()
    else:
        w.stump.predict(w.X)
        p = w.rule.predict(w.X).tolist()
    wanted = True
    accuracy_score(w.y, p)


@own(0)
def a_dictionary_updated_by_rules(w):
    preds = {"a": w.stump.predict(w.X).tolist()}
    for name in ("a", "b"):
        preds[name] = w.rule.predict(w.X).tolist()
    accuracy_score(w.y, preds["a"])


@pytest.mark.parametrize(("way", "count"), WAYS)
def test_a_rule_that_says_the_same_is_no_models(way, count, same):
    way(same)
    keys = [key for key in same.run.metrics if not key.startswith("unlinked_")]
    assert sum(len(history(same.run, key)) for key in keys) == count


# -- other numbers --------------------------------------------------------------------------------


def test_a_baseline_with_two_other_levels_is_no_models(tracking):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    stump = DecisionTreeRegressor(max_depth=1, random_state=0).fit(X_train, y_train)
    feature, at = X.columns[stump.tree_.feature[0]], stump.tree_.threshold[0]
    low = X_train[feature] <= at
    levels = y_train[low].median(), y_train[~low].median()
    preds = {"stump": stump.predict(X_test), "medians": np.where(X_test[feature] <= at, *levels)}
    values = [max_error(y_test, p) for p in preds.values()]
    assert history(autotrack.last_run(), "test_max_error") == values[:1]


def test_two_rows_show_nothing(tracking):
    X, y = load_diabetes(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=2, random_state=0)
    model = Ridge().fit(X_train, y_train)
    preds = {"ridge": model.predict(X_test), "last": y_train[:2], "b": 150 + 900 * X_test[:, 2]}
    values = [mean_absolute_error(y_test, p) for p in preds.values()]
    assert history(autotrack.last_run(), "test_mean_absolute_error") == values[:1]


def test_rules_beside_a_threshold_are_no_models(tracking):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=25, random_state=1)
    logit = LogisticRegression(max_iter=9000).fit(X_train, y_train)
    proba = logit.predict_proba(X_test)[:, 1]
    own = []
    for at in np.linspace(10, 22, 25):
        rule = (X_test["mean radius"] < at).astype(int).to_numpy()
        preds = {"logit": (proba > 0.5).astype(int), "rule": rule}
        values = [accuracy_score(y_test, p) for p in preds.values()]
        own.append(values[0])
    assert history(autotrack.last_run(), "test_accuracy_score") == own


def test_a_coarser_rule_is_no_models(tracking):
    X, y = load_iris(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X_train, y_train)
    width = X_test[:, 3]
    preds = {
        "tree": tree.predict(X_test),
        "setosa or not": np.where(width < 0.8, 0, 1),
        "two cuts": np.where(width < 0.8, 0, np.where(width < 1.75, 2, 1)),
    }
    values = [accuracy_score(y_test, pred) for pred in preds.values()]
    assert history(autotrack.last_run(), "test_accuracy_score") == values[:1]


def test_a_vote_in_the_dictionary_of_its_voters_is_no_models(tracking):
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=20, random_state=1)
    models = {"l": LogisticRegression(max_iter=9000), "k": KNeighborsClassifier(3)}
    models["n"] = GaussianNB()
    preds = {}
    for name, model in models.items():
        preds[name] = model.fit(X_train, y_train).predict(X_test)
    preds["vote"] = (sum(preds.values()) >= 2).astype(int)
    for pred in preds.values():
        accuracy_score(y_test, pred)
    assert [len(history(run, "test_accuracy_score")) for run in runs()] == [1, 1, 1]


# -- two models that agree ------------------------------------------------------------------------


@pytest.fixture
def twins(tracking):
    """Two models that agree on every label, and what they are judged by."""
    X, y = load_iris(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    a = SVC(kernel="rbf").fit(X_train, y_train)
    run_a = autotrack.last_run()
    b = SVC(kernel="linear").fit(X_train, y_train)
    assert (a.predict(X_test) == b.predict(X_test)).all()
    return SimpleNamespace(a=a, b=b, X=X_test, y=y_test, run_a=run_a, run_b=autotrack.last_run())


def test_a_prediction_kept_from_an_earlier_round_is_not_the_last_models(twins):
    best, highest = None, 0.0
    for model in (twins.a, twins.b):
        pred = model.predict(twins.X).astype(float)
        score = recall_score(twins.y, pred, average="macro")
        if score > highest:
            best, highest = pred.copy(), score
    accuracy_score(twins.y, best)
    assert set(twins.run_b.metrics) == {"test_recall_score_macro"}
    assert set(twins.run_a.metrics) == {"test_recall_score_macro"}


@pytest.mark.parametrize("how", ["reverse", "pop", "sort", "slice"])
def test_a_list_that_was_changed_does_not_say_by_place_whose_it_holds(twins, how):
    preds = [twins.a.predict(twins.X).tolist(), twins.b.predict(twins.X).tolist()]
    if how == "reverse":
        preds.reverse()
    elif how == "pop":
        preds.pop(0)
    elif how == "sort":
        preds.sort(key=id)
    else:
        preds = preds[::-1]  # noqa: FURB187 - not in place
    accuracy_score(twins.y, preds[0])
    assert [twins.run_a.metrics, twins.run_b.metrics] == [{}, {}]


def test_a_column_that_is_overwritten_later_is_what_it_is_now(twins):
    p, q = twins.a.predict(twins.X), twins.b.predict(twins.X)
    df = pd.DataFrame({"rbf": p.tolist(), "linear": q.tolist()})
    accuracy_score(twins.y, df["linear"])
    df["linear"] = p
    assert twins.run_a.metrics == {}
    assert set(twins.run_b.metrics) == {"test_accuracy_score"}
