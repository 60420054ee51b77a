"""Why the score of one run is not that of another, and whether it is more than noise."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.analysis.selection import corrected_pvalue
from autotrack.cli import main

X, y = make_classification(240, 5, n_informative=3, flip_y=0.2, random_state=0)
FRAME = pd.DataFrame(X, columns=list("abcde"))


def last() -> autotrack.Run:
    run = autotrack.last_run()
    assert run is not None
    return run


def fitted(model, rows=slice(0, 160), data=X):
    model.fit(data[rows], y[rows])
    return last()


def changed(found):
    return {(c.section, c.key): (c.a, c.b) for c in found.changes}


@pytest.fixture
def function():
    """Two functions of one name, as an edit between two runs makes them."""

    def make(body, **held):
        space = {"np": np, "__name__": "__main__", **held}
        exec(f"def prepared(X):\n    return {body}", space)
        return make_pipeline(FunctionTransformer(space["prepared"]), Ridge())

    return make


def test_params_seeds_and_splits_are_told_apart(tracking):
    a = fitted(RandomForestClassifier(5, random_state=0))
    b = fitted(RandomForestClassifier(9, random_state=1))
    found = changed(autotrack.explain(a, b))
    assert found == {("params", "n_estimators"): (5, 9), ("seeds", "random_state"): (0, 1)}
    cross_validate(Ridge(), X, y, cv=KFold(3))
    a = last()
    cross_validate(Ridge(), X, y, cv=KFold(4))
    found = changed(autotrack.explain(a.run_id, last().run_id))
    assert set(found) == {("split", "cv"), ("split", "rows of the splits")}


def test_a_run_explains_itself_with_nothing(tracking):
    run = fitted(Ridge())
    found = autotrack.explain(run, run)
    assert found.changes == ()
    assert {"params", "data", "code", "seeds", "split"} <= set(found.same)


def test_rows_and_columns_that_were_added_and_removed_are_counted(tracking):
    a = fitted(Ridge(), data=FRAME.to_numpy())
    b = fitted(Ridge(), slice(0, 200))
    assert changed(autotrack.explain(a, b))["data", "train rows"] == (160, 200)
    Ridge().fit(FRAME, y)
    a = last()
    Ridge().fit(FRAME.drop(columns=["a", "b"]).assign(new=1.0), y)
    columns = next(c for c in autotrack.explain(a, last()).changes if c.section == "data")
    assert (columns.key, columns.a, columns.b) == ("train columns", 5, 4)
    assert columns.detail == "1 added: new; 2 removed: a, b"
    Ridge().fit(FRAME[list("edcba")], y)
    assert any("another order" in c.detail for c in autotrack.explain(a, last()).changes)
    Ridge().fit(FRAME.astype({"a": "float32"}), y)
    found = changed(autotrack.explain(a, last()))
    assert found["data", "train column a"] == ("float64", "float32")


def test_other_values_and_another_target_are_told_apart(tracking):
    a = fitted(Ridge())
    b = fitted(Ridge(), data=X + 1)
    assert ("data", "train values") in changed(autotrack.explain(a, b))
    Ridge().fit(X[:160], 1 - y[:160])
    assert list(changed(autotrack.explain(a, last()))) == [("data", "train target")]


def test_a_scaler_that_moved_into_the_pipeline_is_one_change(tracking):
    LogisticRegression().fit(StandardScaler().fit_transform(X), y)
    a = last()
    make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    found = changed(autotrack.explain(a, last()))
    expected = ("outside of the model", "a step of the model")
    assert found["preprocessing", "standardscaler"] == expected
    assert ("params", "standardscaler") not in found
    back = changed(autotrack.explain(last(), a))
    assert back["preprocessing", "standardscaler"] == expected[::-1]


def test_code_that_was_edited_is_shown_as_a_difference_of_its_lines(tracking, tmp_path, run_python):
    script = tmp_path / "train.py"
    lines = [
        "import autotrack, numpy as np",
        "autotrack.enable(log_models=False)",
        "from sklearn.linear_model import Ridge",
        "from sklearn.pipeline import make_pipeline",
        "from sklearn.preprocessing import FunctionTransformer",
        "def prepared(X):",
        "    return np.clip(X, -1, 1)",
        "make_pipeline(FunctionTransformer(prepared), Ridge()).fit(np.eye(4), [1, 2, 3, 4.0])",
    ]
    script.write_text("\n".join(lines))
    run_python(script)
    script.write_text("\n".join(lines).replace("-1, 1", "-2, 2"))
    run_python(script)
    b, a = autotrack.search_runs()["run_id"]
    [change] = autotrack.explain(a, b).changes
    assert change.key == "__main__.prepared"
    assert "-    return np.clip(X, -1, 1)" in change.detail.splitlines()
    assert "+    return np.clip(X, -2, 2)" in change.detail.splitlines()
    assert "+    return np.clip(X, -2, 2)" in repr(autotrack.explain(a, b))


def test_a_value_that_the_code_reads_is_a_change_though_its_source_is_the_same(tracking, function):
    a = fitted(function("X * TABLE['w']", TABLE={"w": 1.0}))
    b = fitted(function("X * TABLE['w']", TABLE={"w": 2.0}))
    [change] = [c for c in autotrack.explain(a, b).changes if c.section == "code"]
    assert change.detail == "the same source, but a value that it reads differs"
    a = fitted(function("X * WEIGHT", WEIGHT=1.0))
    b = fitted(function("X * WEIGHT", WEIGHT=2.5))
    [change] = [c for c in autotrack.explain(a, b).changes if c.section == "code"]
    assert "+WEIGHT = 2.5" in change.detail


def test_validations_on_the_same_splits_are_held_against_each_other_by_the_t_test(tracking):
    one = cross_validate(LogisticRegression(), X, y, scoring="accuracy")
    a = last()
    other = cross_validate(DecisionTreeClassifier(random_state=0), X, y, scoring="accuracy")
    found = autotrack.explain(a, last())
    [score] = found.comparisons
    differences = one["test_score"] - other["test_score"]
    t = differences.mean() / math.sqrt((1 / 5 + 48 / 192) * differences.var(ddof=1))
    expected = 2 * stats.t.sf(abs(t), 4)
    assert score.metric == "mean_test_accuracy"
    assert score.p_value == pytest.approx(expected)
    assert found.within_noise is bool(expected > 0.05)
    assert score.difference == pytest.approx(-differences.mean())


def test_a_large_difference_on_the_same_splits_is_no_noise(tracking):
    cross_validate(DecisionTreeClassifier(random_state=0), X, X[:, 0] > 0, cv=5)
    a = last()
    cross_validate(DecisionTreeClassifier(random_state=0), X[:, 1:], X[:, 0] > 0, cv=5)
    score = autotrack.explain(a, last()).comparisons[0]
    assert score.within_noise is False
    assert score.p_value < 0.05


def test_different_splits_are_not_compared(tracking):
    for seed in (0, 1):
        cross_validate(Ridge(), X, y, cv=KFold(5, shuffle=True, random_state=seed))
    b, a = autotrack.search_runs()["run_id"]
    score = autotrack.explain(a, b).comparisons[0]
    assert score.within_noise is None
    assert "different splits" in score.reason


def test_searches_are_compared_by_their_best_candidates_and_candidates_by_themselves(tracking):
    tree = DecisionTreeClassifier(random_state=0)
    search = GridSearchCV(tree, {"max_depth": [1, 3]}, cv=5).fit(X, y)
    a = last()
    results = search.cv_results_
    scores = [[results[f"split{i}_test_score"][c] for i in range(5)] for c in (0, 1)]
    expected = corrected_pvalue([p - q for p, q in zip(*scores, strict=True)], 48 / 192)
    candidates = a.children().sort_values("params.max_depth")["run_id"]
    score = autotrack.explain(*candidates).comparisons[0]
    assert score.p_value == pytest.approx(expected)
    GridSearchCV(tree, {"min_samples_leaf": [5, 20]}, cv=5).fit(X, y)
    score = autotrack.explain(a, last()).comparisons[0]
    assert score.a == pytest.approx(search.best_score_)
    assert not math.isnan(score.p_value)


def held_out(model, columns=slice(None)):
    model.fit(X[:160, columns], y[:160])
    accuracy_score(y[160:], model.predict(X[160:, columns]))
    return last(), model.predict(X[160:, columns]) == y[160:]


def exact(right, other):
    """McNemar's exact test for predictions that are known row by row."""
    alone, theirs = int((right & ~other).sum()), int((other & ~right).sum())
    if not alone + theirs:
        return 1.0
    return stats.binomtest(alone, alone + theirs).pvalue


def test_accuracies_on_the_same_rows_are_bounded_by_mcnemars_test(tracking):
    models = [
        LogisticRegression(),
        LogisticRegression(C=1e-6),
        DecisionTreeClassifier(random_state=0),
        DecisionTreeClassifier(max_depth=1, random_state=0),
        RandomForestClassifier(20, random_state=0),
    ]
    known = [held_out(model) for model in models]
    verdicts = []
    for a, right in known:
        for b, other in known:
            within = autotrack.explain(a, b).within_noise
            verdicts.append(within)
            if within is not None:  # what is said for certain holds for what they predicted
                assert within is bool(exact(right, other) > 0.05)
    assert True in verdicts


def test_a_difference_that_no_rows_could_explain_is_no_noise(tracking):
    target = (X[:, 0] > 0).astype(int)
    runs = []
    for shown in (X, np.zeros_like(X)):
        model = DecisionTreeClassifier(random_state=0).fit(shown[:160], target[:160])
        accuracy_score(target[160:], model.predict(shown[160:]))
        runs.append(last())
    score = autotrack.explain(*runs).comparisons[0]
    assert score.within_noise is False
    assert "McNemar" in score.reason


def test_one_number_of_another_kind_says_that_it_cannot_be_told(tracking):
    runs = []
    for alpha in (0.1, 10):
        model = Ridge(alpha=alpha).fit(X[:160], y[:160])
        r2_score(y[160:], model.predict(X[160:]))
        runs.append(last())
    found = autotrack.explain(*runs)
    assert found.within_noise is None
    assert "cross_validate both on the same splits" in found.comparisons[0].reason


def test_scores_on_other_rows_are_not_compared(tracking):
    runs = []
    for part in (slice(160, 200), slice(200, 240)):
        model = LogisticRegression().fit(X[:160], y[:160])
        accuracy_score(y[part], model.predict(X[part]))
        runs.append(last())
    assert "different data" in autotrack.explain(*runs).comparisons[0].reason


def test_splits_of_other_data_are_not_compared_though_they_are_of_as_many_rows(tracking):
    runs = []
    for part in (slice(0, 100), slice(100, 200)):
        cross_validate(LogisticRegression(), X[part], y[part], cv=KFold(5))
        runs.append(last())
    score = autotrack.explain(*runs).comparisons[0]
    assert score.within_noise is None
    assert "not comparable: they were measured on different data" in score.reason


def test_splits_are_compared_though_a_column_is_left_out(tracking):
    runs = []
    for columns in (slice(0, None), slice(1, None)):
        cross_validate(LogisticRegression(), X[:, columns], y, cv=KFold(5))
        runs.append(last())
    assert "corrected resampled t-test" in autotrack.explain(*runs).comparisons[0].reason
    assert autotrack.compare(*runs).method.startswith("corrected resampled t-test")


def test_kept_predictions_tell_what_single_numbers_do_not(tracking):
    runs, amounts = [], X @ np.arange(X.shape[1])
    for alpha in (0.1, 1e5):
        model = Ridge(alpha=alpha).fit(X[:160], amounts[:160])
        with autotrack.keep_predictions():
            r2_score(amounts[160:], model.predict(X[160:]))
        runs.append(last())
    score = autotrack.explain(*runs).comparisons[0]
    assert score.within_noise is False
    rows = len(X) - 160
    assert score.reason == f"p = {score.p_value:.2g}, paired bootstrap on the same rows ({rows})"


def test_a_frame_and_plain_values_have_what_the_report_has(tracking):
    a, _ = held_out(LogisticRegression(C=1))
    b, _ = held_out(LogisticRegression(C=0.01))
    found = autotrack.explain(a, b)
    frame = found.frame()
    assert list(frame.columns) == ["section", "key", "a", "b", "detail"]
    assert frame["section"].tolist() == ["metrics", "params"]
    assert frame["a"].iloc[1] is pd.NA
    told = json.loads(json.dumps(found.to_dict()))
    assert told["changes"][0]["key"] == "C"
    assert told["within_noise"] is found.within_noise
    assert "within the noise of the split" in repr(found)


def test_the_command_says_the_same(tracking):
    a, _ = held_out(LogisticRegression(C=1))
    b, _ = held_out(LogisticRegression(C=0.01))
    printed = CliRunner().invoke(main, ["explain", a.run_id[:8], "last"]).output
    assert printed == repr(autotrack.explain(a, b)) + "\n"
    told = json.loads(CliRunner().invoke(main, ["explain", a.run_id, b.run_id, "--json"]).output)[
        "data"
    ]
    assert told == autotrack.explain(a, b).to_dict()


def test_runs_that_never_were_are_an_error(tracking):
    with pytest.raises(autotrack.RunNotFoundError):
        autotrack.explain("nobody", "nothing")
