"""Ways from a model's prediction to what a program scores, and ways that only look alike."""

from __future__ import annotations

import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import LabelEncoder, StandardScaler

import autotrack
from tests.looking import history, runs


class World(NamedTuple):
    """Two models of one problem, of which the first is scored, and their runs."""

    a: Any
    b: Any
    X_test: Any
    y_test: Any
    run_a: autotrack.Run
    run_b: autotrack.Run


@pytest.fixture
def labels(tracking, binary):
    """Two classifiers, whose labels differ in a few rows of sixty."""
    X_train, X_test, y_train, y_test = binary
    a = LogisticRegression().fit(X_train, y_train)
    run_a = autotrack.last_run()
    b = RandomForestClassifier(15, random_state=0).fit(X_train, y_train)
    return World(a, b, X_test[:60], y_test[:60], run_a, autotrack.last_run())


@pytest.fixture
def reals(tracking, numbers):
    """Two regressors."""
    X_train, X_test, y_train, y_test = numbers
    a = Ridge().fit(X_train, y_train)
    run_a = autotrack.last_run()
    b = RandomForestRegressor(5, random_state=0).fit(X_train, y_train)
    return World(a, b, X_test[:60], y_test[:60], run_a, autotrack.last_run())


def everything(run):
    """Every number that a run holds as its own."""
    own = [key for key in run.metrics if not key.startswith("unlinked_")]
    return sorted(value for key in own for value in history(run, key))


def listed(value):
    return sorted(value) if isinstance(value, list) else [value]


# -- ways that are credited -----------------------------------------------------------------------

LABELS, REALS = [], []


def of_labels(function):
    LABELS.append(pytest.param(function, id=function.__name__))
    return function


def of_reals(function):
    REALS.append(pytest.param(function, id=function.__name__))
    return function


@of_labels
def a_chain_over_several_lines(w):
    p = (
        w.a
        .predict_proba(w.X_test)  # each method in a line of its own
        [:, 1]
        .round(4)
    ) > 0.3  # fmt: skip
    return (
        accuracy_score(
            w.y_test,
            p.astype(int),
        )
    )  # fmt: skip


@of_labels
def nested_calls(w):
    return accuracy_score(w.y_test.tolist(), list(np.asarray(w.a.predict(w.X_test))))


@of_labels
def variables_in_a_row(w):
    first = w.a.predict(w.X_test)
    second = first.tolist()
    third = np.array(second)
    return accuracy_score(w.y_test, third)


@of_labels
def a_name_given_again(w):
    p = w.b.predict(w.X_test).tolist()
    p = w.a.predict(w.X_test).tolist()
    return accuracy_score(w.y_test, p)


def _outer(w, p):
    return _inner(w.y_test, guess=p)


def _inner(true, *, guess):
    return accuracy_score(true, np.array(guess))


@of_labels
def parameters_through_helpers(w):
    return _outer(w, w.a.predict(w.X_test).tolist())


def _first(values):
    values = list(values)
    return values[0]


@of_labels
def a_parameter_that_is_made_a_list_of_itself(w):
    return accuracy_score(w.y_test, _first([w.a.predict(w.X_test).tolist()]))


@of_labels
def a_column_found_by_the_name_of_its_class(w):
    model = w.a
    for model in (w.b, w.a):
        column = model.predict_proba(w.X_test)[:, list(model.classes_).index(1)]
        if model is w.a:
            return accuracy_score(w.y_test, np.where(column > 0.35, 1, 0))
    return None


@of_labels
def a_comprehensions_variable_that_is_called_like_another(w):
    p = w.b.predict(w.X_test)
    mine = w.a.predict(w.X_test)
    assert len(p)
    return accuracy_score(w.y_test, [int(p > 0) for p in mine])


@of_labels
def a_comprehension_over_what_its_variable_is_called(w):
    p = w.a.predict(w.X_test)
    return accuracy_score(w.y_test, [int(p > 0) for p in p])


class Judge:
    """Keeps what it judges."""

    def __init__(self, model, X, y):
        self.p = model.predict(X).tolist()
        self.y = y

    def judge(self):
        return accuracy_score(self.y, self.p)

    def judge_this(self, p):
        return accuracy_score(self.y, list(p))


@of_labels
def an_attribute_of_self(w):
    return Judge(w.a, w.X_test, w.y_test).judge()


@of_labels
def a_parameter_of_a_method(w):
    return Judge(w.b, w.X_test, w.y_test).judge_this(w.a.predict(w.X_test))


@of_labels
def an_attribute_of_another_object(w):
    held = SimpleNamespace()
    held.p = w.a.predict(w.X_test).tolist()
    return accuracy_score(w.y_test, held.p)


@of_labels
def a_closure(w):
    p = w.a.predict(w.X_test).tolist()

    def judge():
        return accuracy_score(w.y_test, p)

    return judge()


@of_labels
def lambdas_in_a_dictionary(w):
    ways = {"plain": lambda m: m.predict(w.X_test).tolist(), "none": lambda m: None}
    return accuracy_score(w.y_test, ways["plain"](w.a))


@of_labels
def keywords_out_of_order(w):
    return accuracy_score(y_pred=w.a.predict(w.X_test).tolist(), y_true=w.y_test)


@of_labels
def starred_arguments(w):
    pair = (w.y_test, w.a.predict(w.X_test))
    return accuracy_score(*pair)


@of_labels
def starred_keywords(w):
    given = {"y_true": w.y_test, "y_pred": w.a.predict(w.X_test)}
    return accuracy_score(**given)


@of_labels
def a_partial_with_the_truth(w):
    judge = functools.partial(accuracy_score, w.y_test)
    return judge(w.a.predict(w.X_test).tolist())


@of_labels
def a_comprehension_over_models(w):
    return [accuracy_score(w.y_test, m.predict(w.X_test).tolist()) for m in [w.a]]


@of_labels
def a_loop_that_appends(w):
    kept = []
    for model in (w.a, w.a):
        p = model.predict(w.X_test)
        kept.append(p.tolist())
    return [accuracy_score(w.y_test, p) for p in kept]


@of_labels
def a_dictionary_of_predictions(w):
    kept = {name: model.predict(w.X_test).tolist() for name, model in [("a", w.a), ("b", w.b)]}
    return accuracy_score(w.y_test, kept["a"])


@of_labels
def a_dictionary_filled_by_name(w):
    kept = {}
    kept["b"] = w.b.predict(w.X_test).tolist()
    kept["a"] = w.a.predict(w.X_test).tolist()
    return accuracy_score(w.y_test, kept["a"])


@of_labels
def an_element_of_a_list(w):
    kept = [w.b.predict(w.X_test).tolist(), w.a.predict(w.X_test).tolist()]
    return accuracy_score(w.y_test, kept[1])


@of_labels
def an_unpacked_tuple(w):
    p, q = w.a.predict(w.X_test).tolist(), w.b.predict(w.X_test).tolist()
    assert q is not None
    return accuracy_score(w.y_test, p)


@of_labels
def a_column_of_a_constructed_frame(w):
    frame = pd.DataFrame({"y": w.y_test, "a": w.a.predict(w.X_test), "b": w.b.predict(w.X_test)})
    return accuracy_score(frame["y"], frame["a"])


@of_labels
def a_column_set_by_item(w):
    frame = pd.DataFrame({"y": w.y_test})
    frame["b"] = w.b.predict(w.X_test)
    frame["a"] = w.a.predict(w.X_test)
    return accuracy_score(frame["y"], frame["a"])


@of_labels
def a_column_by_attribute(w):
    frame = pd.DataFrame({"y": w.y_test, "a": w.a.predict(w.X_test)})
    return accuracy_score(frame.y, frame.a)


@of_labels
def an_assigned_column(w):
    frame = pd.DataFrame({"y": w.y_test}).assign(a=w.a.predict(w.X_test))
    return accuracy_score(frame["y"], frame["a"])


@of_labels
def an_inserted_column(w):
    frame = pd.DataFrame({"y": w.y_test})
    frame.insert(0, "a", w.a.predict(w.X_test))
    return accuracy_score(frame["y"], frame["a"])


def _judge_frame(frame, column):
    return accuracy_score(frame["y"], frame[column])


@of_labels
def a_frame_handed_to_a_helper(w):
    table = pd.DataFrame({"y": w.y_test, "a": w.a.predict(w.X_test), "b": w.b.predict(w.X_test)})
    return _judge_frame(table, "a")


class FrameJudge:
    def judge(self, frame):
        return accuracy_score(frame["y"], frame["a"])


@of_labels
def a_frame_handed_to_a_method(w):
    table = pd.DataFrame({"y": w.y_test, "a": w.a.predict(w.X_test), "b": w.b.predict(w.X_test)})
    return FrameJudge().judge(table)


@of_labels
def a_subset_by_a_mask(w):
    p, mask = w.a.predict(w.X_test), w.X_test[:, 0] > 0
    return accuracy_score(w.y_test[mask], p[mask])


@of_labels
def a_subset_by_loc(w):
    frame = pd.DataFrame({"y": w.y_test, "a": w.a.predict(w.X_test), "x": w.X_test[:, 0]})
    some = frame.loc[frame["x"] > 0]
    return accuracy_score(some["y"], some["a"])


@of_labels
def a_subset_by_query(w):
    frame = pd.DataFrame({"y": w.y_test, "a": w.a.predict(w.X_test), "x": w.X_test[:, 0]})
    some = frame.query("x > 0")
    return accuracy_score(some["y"], some["a"])


@of_labels
def groups_of_a_frame(w):
    frame = pd.DataFrame({"y": w.y_test, "a": w.a.predict(w.X_test), "side": w.X_test[:, 0] > 0})
    return [accuracy_score(part["y"], part["a"]) for _, part in frame.groupby("side")]


@of_labels
def a_walrus(w):
    if (p := w.a.predict(w.X_test).tolist()) is not None:
        return accuracy_score(w.y_test, p)
    return None


@of_labels
def a_conditional_expression(w):
    flat = True
    p = w.a.predict(w.X_test).tolist() if flat else None
    return accuracy_score(w.y_test, p)


@of_labels
def a_threshold_in_a_variable(w):
    limit = 0.4
    return accuracy_score(w.y_test, (w.a.predict_proba(w.X_test)[:, 1] > limit).astype(int))


@of_labels
def where_over_a_threshold(w):
    p = np.where(w.a.predict_proba(w.X_test)[:, 1] >= 0.5, 1, 0)
    return accuracy_score(w.y_test, p)


@of_labels
def the_highest_column(w):
    return accuracy_score(w.y_test, np.argmax(w.a.predict_proba(w.X_test), axis=1))


@of_labels
def classes_by_the_highest_column(w):
    p = w.a.predict_proba(w.X_test)
    return accuracy_score(w.y_test, w.a.classes_[p.argmax(axis=1)])


NAMES = {0: "no", 1: "yes"}


@of_labels
def names_from_a_dictionary(w):
    p = [NAMES[label] for label in w.a.predict(w.X_test).tolist()]
    return accuracy_score([NAMES[label] for label in w.y_test.tolist()], p)


@of_labels
def names_by_map(w):
    p = pd.Series(w.a.predict(w.X_test)).map(NAMES)
    return accuracy_score(pd.Series(w.y_test).map(NAMES), p)


@of_labels
def names_back_from_an_encoder(w):
    encoder = LabelEncoder().fit(["no", "yes"])
    p = encoder.inverse_transform(w.a.predict(w.X_test))
    return accuracy_score(encoder.inverse_transform(w.y_test), p)


@of_reals
def a_line_in_place(w):
    p = w.a.predict(w.X_test)
    p *= 2.0
    p += 1.0
    return mean_absolute_error(w.y_test, p)


@of_reals
def clipped_and_rounded(w):
    return mean_absolute_error(w.y_test, np.round(np.clip(w.a.predict(w.X_test), -2, 2), 2))


@of_reals
def the_way_back_from_a_scaler(w):
    scaler = StandardScaler().fit(w.y_test[:, None])
    p = scaler.inverse_transform(w.a.predict(w.X_test)[:, None])[:, 0]
    return mean_absolute_error(w.y_test, p)


@of_reals
def a_column_of_stacked_predictions(w):
    both = np.column_stack([w.a.predict(w.X_test), w.b.predict(w.X_test)])
    return r2_score(w.y_test, both[:, 0])


@of_reals
def a_regular_part(w):
    p = w.a.predict(w.X_test)
    return r2_score(w.y_test[::2], p[::2])


@of_reals
def a_reversed_view_beside_the_reversed_truth(w):
    p = w.a.predict(w.X_test)
    return r2_score(w.y_test[::-1], p[::-1])


@pytest.mark.parametrize("way", LABELS)
def test_labels_on_this_way_are_the_models(way, labels):
    value = way(labels)
    assert everything(labels.run_a) == listed(value)
    assert everything(labels.run_b) == []


@pytest.mark.parametrize("way", REALS)
def test_numbers_on_this_way_are_the_models(way, reals):
    value = way(reals)
    assert everything(reals.run_a) == listed(value)
    assert everything(reals.run_b) == []


def test_a_target_turned_back_by_the_model_itself_is_its_own(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = TransformedTargetRegressor(Ridge(), func=np.cbrt, inverse_func=lambda t: t**3)
    p = model.fit(X_train, y_train).predict(X_test).tolist()
    assert everything(autotrack.last_run()) == []
    value = r2_score(y_test, p)
    assert everything(autotrack.last_run()) == [value]


def test_a_target_turned_back_by_hand_is_the_models(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = Ridge().fit(X_train, np.log(y_train + 100))
    value = r2_score(y_test, np.exp(model.predict(X_test)) - 100)
    assert everything(autotrack.last_run()) == [value]


def test_a_score_in_another_thread_is_the_models(labels):
    found = []

    def judge(model):
        p = model.predict(labels.X_test).tolist()
        found.append(accuracy_score(labels.y_test, p))

    threads = [threading.Thread(target=judge, args=(m,)) for m in (labels.a, labels.b)]
    for thread in threads:
        thread.start()
        thread.join()
    assert [everything(labels.run_a), everything(labels.run_b)] == [[found[0]], [found[1]]]


# -- ways that are not ----------------------------------------------------------------------------

NOT_LABELS, NOT_REALS = [], []


def not_of_labels(function):
    NOT_LABELS.append(pytest.param(function, id=function.__name__))
    return function


def not_of_reals(function):
    NOT_REALS.append(pytest.param(function, id=function.__name__))
    return function


@not_of_labels
def labels_that_read_the_same_backwards(w):
    rows = [0, 1, 2, 3, 2, 1, 0]
    p = w.a.predict(w.X_test[rows])
    with ThreadPoolExecutor(1) as pool:
        pool.submit(accuracy_score, w.y_test[:7], p[::-1]).result()


@not_of_labels
def a_vote(w):
    votes = w.a.predict(w.X_test) + w.b.predict(w.X_test)
    accuracy_score(w.y_test, (votes > 0).astype(int))


@not_of_labels
def a_rule_by_hand_with_the_same_labels(w):
    p = w.a.predict(w.X_test)
    rule = np.array([int(label) for label in p.tolist()]) * 0 + (
        w.X_test @ w.a.coef_[0] + w.a.intercept_[0] > 0
    )
    by_hand = (w.X_test @ w.a.coef_[0] + w.a.intercept_[0] > 0).astype(int)
    assert rule is not None
    assert (by_hand == p).all()
    accuracy_score(w.y_test, by_hand)


@not_of_labels
def two_models_that_agree(w):
    p, q = w.a.predict(w.X_test), w.b.predict(w.X_test)
    accuracy_score(p.tolist(), q.tolist())


@not_of_labels
def corrected_where_another_column_says_so(w):
    p = w.a.predict(w.X_test)
    p[w.X_test[:, 1] > 1] = 0
    accuracy_score(w.y_test, p)


@not_of_labels
def the_other_models_labels_under_a_mask(w):
    p = np.where(w.X_test[:, 0] > 0, w.a.predict(w.X_test), w.b.predict(w.X_test))
    accuracy_score(w.y_test, p)


@not_of_labels
def a_vote_added_up_that_says_what_the_last_model_says(w):
    twin = LogisticRegression(C=0.99).fit(w.X_test, w.y_test)
    twin.coef_, twin.intercept_ = w.a.coef_, w.a.intercept_
    total = np.zeros(len(w.y_test))
    for model in (w.b, twin, w.a):
        total = total + model.predict(w.X_test)
    accuracy_score(w.y_test, (total >= 2).astype(int))


def _like_the_first(w):
    """Another model, whose probabilities are nearly those of the first."""
    model = LogisticRegression(C=0.99).fit(w.X_test, w.y_test)
    model.coef_, model.intercept_ = w.a.coef_ * 1.0001, w.a.intercept_
    return model


@not_of_labels
def a_mean_that_grows_from_a_number_in_place(w):
    total = 0.0
    for model in (_like_the_first(w), w.a):
        total += model.predict_proba(w.X_test)[:, 1]
    accuracy_score(w.y_test, np.digitize(total / 2, [0.3]))


@not_of_labels
def a_mean_that_grows_in_two_loops(w):
    for limit in (0.3, 0.4):
        total = 0
        for model in (_like_the_first(w), w.a):
            total += model.predict_proba(w.X_test)[:, 1]
        accuracy_score(w.y_test, (total / 2 > limit).astype(int))


@not_of_labels
def a_mean_that_grows_while_models_are_left(w):
    total, left = 0.0, [_like_the_first(w), w.a]
    while left:
        total += left.pop(0).predict_proba(w.X_test)[:, 1]
    accuracy_score(w.y_test, np.where(total / 2 > 0.3, 1, 0))


@not_of_labels
def a_rule_by_hand_where_it_might_be_the_prediction(w):
    p = w.a.predict(w.X_test)
    by_hand = (w.X_test @ w.a.coef_[0] + w.a.intercept_[0] > 0).astype(int)
    assert (by_hand == p).all()
    accuracy_score(w.y_test, by_hand if len(p) else p)


@not_of_labels
def a_rule_by_hand_in_step_with_the_prediction(w):
    p, by_hand = w.a.predict(w.X_test), []
    for row in w.X_test:
        said = row @ w.a.coef_[0] + w.a.intercept_[0] > 0
        by_hand.append(int(said))
    assert by_hand == p.tolist()
    accuracy_score(w.y_test, [label for label, _ in zip(by_hand, p, strict=True)])


@not_of_labels
def the_most_frequent_label(w):
    p = w.a.predict(w.X_test)
    accuracy_score(w.y_test, np.full(len(p), 1))


@not_of_labels
def a_bootstrap(w):
    p = w.a.predict(w.X_test)
    drawn = np.random.default_rng(0).integers(0, len(p), len(p))
    accuracy_score(w.y_test[drawn], p[drawn])


@not_of_labels
def labels_in_the_order_of_another_column(w):
    frame = pd.DataFrame({"a": w.a.predict(w.X_test), "x": w.X_test[:, 0]})
    accuracy_score(w.y_test, frame.sort_values("x")["a"])


@not_of_reals
def a_blend(w):
    r2_score(w.y_test, (w.a.predict(w.X_test) + w.b.predict(w.X_test)) / 2)


@not_of_reals
def a_blend_in_a_loop(w):
    total = np.zeros(len(w.y_test))
    for model in (w.a, w.b):
        total += model.predict(w.X_test)
    r2_score(w.y_test, total / 2)


@not_of_reals
def a_formula(w):
    w.a.predict(w.X_test)
    r2_score(w.y_test, w.X_test @ [3.0, -2.0, 1.0, 0.5])


@not_of_reals
def a_formula_with_a_prediction_in_it(w):
    r2_score(w.y_test, w.a.predict(w.X_test) + 0.1 * w.X_test[:, 0])


@not_of_reals
def frames_beside_one_another_by_pandas(w):
    parts = [pd.Series(m.predict(w.X_test), name=name) for name, m in (("a", w.a), ("b", w.b))]
    frame = pd.concat(parts, axis=1)
    r2_score(w.y_test, frame["a"] * 0.3 + frame["b"] * 0.7)


@not_of_reals
def a_lag(w):
    p = w.a.predict(w.X_test)
    r2_score(w.y_test[1:], p[:-1])


@not_of_reals
def sorted_numbers(w):
    r2_score(w.y_test, np.sort(w.a.predict(w.X_test)))


@not_of_reals
def a_shuffle(w):
    r2_score(w.y_test, np.random.default_rng(0).permutation(w.a.predict(w.X_test)))


@not_of_reals
def a_reversed_view(w):
    p = w.a.predict(w.X_test)
    r2_score(w.y_test, p[::-1])


@not_of_reals
def a_reversed_copy(w):
    p = w.a.predict(w.X_test)
    r2_score(w.y_test, p[::-1].copy())


@not_of_reals
def noise_on_top(w):
    p = w.a.predict(w.X_test)
    r2_score(w.y_test, p + np.random.default_rng(0).normal(size=len(p)))


@not_of_reals
def residuals_in_place_of_a_prediction(w):
    mean_absolute_error(np.zeros(len(w.y_test)), w.y_test - w.a.predict(w.X_test))


@not_of_reals
def a_view_that_was_changed(w):
    p = w.a.predict(w.X_test)
    part = p[:30]
    part[0] = 99.0
    r2_score(w.y_test[:30], part)


@not_of_reals
def the_first_rows_against_the_last(w):
    p = w.a.predict(w.X_test)
    r2_score(w.y_test[30:], p[:30])


@not_of_labels
def labels_that_a_roll_exchanges(w):
    rows = _alternating(w)
    accuracy_score(w.y_test[rows], np.roll(w.a.predict(w.X_test[rows]), 1))


@not_of_labels
def labels_that_are_turned_round_in_place(w):
    rows = _alternating(w)
    p = w.a.predict(w.X_test[rows])
    np.copyto(p, p[::-1].copy())
    accuracy_score(w.y_test[rows], p)


def _alternating(w):
    """Rows of which every other one is predicted to be of the second class."""
    p = w.a.predict(w.X_test)
    pairs = zip(np.flatnonzero(p == 0), np.flatnonzero(p == 1), strict=False)
    return np.array(list(pairs)).ravel()


@pytest.mark.parametrize("way", NOT_LABELS)
def test_labels_on_this_way_are_no_models(way, labels):
    way(labels)
    assert everything(labels.run_a) == []
    assert everything(labels.run_b) == []


@pytest.mark.parametrize("way", NOT_REALS)
def test_numbers_on_this_way_are_no_models(way, reals):
    way(reals)
    assert everything(reals.run_a) == []
    assert everything(reals.run_b) == []


def test_the_mean_of_a_frame_of_predictions_is_no_models(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    models = {c: LogisticRegression(C=c).fit(X_train, y_train) for c in (0.001, 1.0)}
    out = pd.DataFrame({f"c{c}": m.predict_proba(X_test)[:, 1] for c, m in models.items()})
    accuracy_score(y_test, (out.mean(axis=1) > 0.4).astype(int))
    assert [run.metrics for run in runs()] == [{}, {}]
    for column in out:
        accuracy_score(y_test, (out[column] > 0.4).astype(int))
    assert [len(run.metrics) for run in runs()] == [1, 1]


def test_a_list_that_is_made_anew_in_each_turn_is_in_nobodys_way(labels):
    parts = [labels.a.predict(labels.X_test).tolist()]
    for _ in range(3):
        parts = [part[:] for part in list(parts)]
    value = accuracy_score(labels.y_test, parts[0])
    assert everything(labels.run_a) in ([], [value])
    assert everything(labels.run_b) == []


def _of_both(model, X_val, X_test):
    return model.predict(X_val).tolist(), model.predict(X_test).tolist()


def _in_a_dictionary(model, X_val, X_test):
    return {"v": model.predict(X_val).tolist(), "t": model.predict(X_test).tolist()}


@pytest.mark.parametrize("kept", ["unpacked", "by number", "by name", "in a loop"])
def test_of_two_predictions_that_come_together_each_has_its_own_data(labels, binary, kept):
    X_val, X_test, y_val, y_test = labels.X_test, binary[1][60:], labels.y_test, binary[3][60:]
    if kept == "unpacked":
        of_val, of_test = _of_both(labels.a, X_val, X_test)
        accuracy_score(y_val, of_val), accuracy_score(y_test, of_test)
    elif kept == "by number":
        pair = [labels.a.predict(X_val).tolist(), labels.a.predict(X_test).tolist()]
        accuracy_score(y_val, pair[0]), accuracy_score(y_test, pair[1])
    elif kept == "by name":
        named = _in_a_dictionary(labels.a, X_val, X_test)
        accuracy_score(y_val, named["v"]), accuracy_score(y_test, named["t"])
    else:
        for y, p in zip((y_val, y_test), _of_both(labels.a, X_val, X_test), strict=True):
            accuracy_score(y, p)
    found = {key: history(labels.run_a, key) for key in labels.run_a.metrics}
    expected = [labels.a.score(X, y) for X, y in ((X_val, y_val), (X_test, y_test))]
    assert found == {"val_accuracy_score": expected[:1], "test_accuracy_score": expected[1:]}


def test_the_mean_of_one_models_predictions_for_two_inputs_is_no_score_of_its(reals):
    noisy = reals.X_test + np.random.default_rng(0).normal(size=reals.X_test.shape)
    first, second = reals.a.predict(reals.X_test), reals.a.predict(noisy)
    r2_score(reals.y_test, (first + second) / 2)
    mean = np.mean([first, second], axis=0)
    accuracy_score(reals.y_test > 0, mean > 0)
    assert everything(reals.run_a) == []


def test_the_score_of_a_perfect_model_is_kept_when_a_thread_computes_it(reals, numbers):
    X_train, _, y_train, _ = numbers
    perfect = KNeighborsRegressor(1).fit(X_train, y_train)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(r2_score, y_train, perfect.predict(X_train)).result() == 1.0
    assert autotrack.last_run().metrics == {"train_r2_score": 1.0}


def test_a_thread_finds_the_truth_of_some_rows_among_the_scripts_variables(reals, monkeypatch):
    y = pd.Series(reals.y_test, index=np.arange(60) + 7)
    monkeypatch.setattr(sys.modules["__main__"], "y_of_the_script", y, raising=False)
    p = reals.a.predict(reals.X_test)
    with ThreadPoolExecutor(1) as pool:
        value = pool.submit(r2_score, y[:20], p[:20]).result()
    assert everything(reals.run_a) == [value]
    with ThreadPoolExecutor(1) as pool:
        pool.submit(r2_score, y[20:40], p[:20]).result()
    assert everything(reals.run_a) == [value]


def test_a_perfect_prediction_turned_round_is_no_models_where_only_itself_is_the_truth(tracking):
    X, y = np.arange(40.0)[:, None], np.array(["no", "yes"] * 20)
    p = KNeighborsClassifier(1).fit(X, y).predict(X)
    with ThreadPoolExecutor(1) as pool:
        assert list(pool.map(lambda p: accuracy_score(y, p), [p[::-1]])) == [0.0]
    assert autotrack.last_run().metrics == {}
