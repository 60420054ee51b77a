"""Which runs tie, and which cannot be compared."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    fbeta_score,
    jaccard_score,
    log_loss,
    zero_one_loss,
)
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import autotrack

X, y = load_breast_cancer(return_X_y=True)
GOOD = make_pipeline(StandardScaler(), LogisticRegression())
ALIKE = make_pipeline(StandardScaler(), LogisticRegression(C=0.9))
POOR = DecisionTreeClassifier(max_depth=1)
CV = StratifiedKFold(5, shuffle=True, random_state=0)
MEAN = "mean_test_accuracy"


@pytest.fixture(autouse=True)
def tracking():
    with autotrack.enable(log_models=False) as session:
        yield session


def validated(model, data=X, target=y, cv=CV):
    scores = cross_val_score(model, data, target, cv=cv, scoring="accuracy")
    run = autotrack.last_run()
    assert run is not None
    return run, scores


def held_out(model, seed=0, score=accuracy_score):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
    score(y_test, model.fit(X_train, y_train).predict(X_test))
    return autotrack.last_run()


def test_scores_on_the_same_splits_are_compared_by_the_corrected_t_test():
    good, one = validated(GOOD)
    poor, other = validated(POOR)
    found = autotrack.compare(good, poor, MEAN)
    difference = one - other
    shares = [len(test) / len(train) for train, test in CV.split(X, y)]
    scale = np.sqrt((1 / 5 + np.mean(shares)) * difference.var(ddof=1))
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(difference.mean() / scale), 4))
    assert (found.verdict, found.n, found.comparable) == ("differs", 5, True)
    assert found.difference == pytest.approx(difference.mean())
    assert found.se_a == pytest.approx(one.std(ddof=1) / np.sqrt(5))
    assert autotrack.compare(good.run_id, validated(ALIKE)[0].run_id).verdict == "tied"


def test_with_a_rope_it_says_how_probable_it_is_that_they_are_practically_equal():
    good, alike, poor = (validated(model)[0] for model in (GOOD, ALIKE, POOR))
    same = autotrack.compare(good, alike, rope=0.01).rope
    assert same.equal > 0.9
    assert autotrack.compare(good, poor, rope=0.01).rope.better > 0.9
    assert autotrack.compare(poor, good, rope=0.01).rope.worse > 0.9
    assert autotrack.compare(good, alike).rope is None
    with pytest.raises(autotrack.InvalidValueError, match="rope"):
        autotrack.compare(good, alike, rope=-1)


def test_a_search_is_compared_by_its_best_candidate():
    run, _ = validated(GOOD)
    GridSearchCV(POOR, {"max_depth": [1, 2]}, cv=CV, scoring="accuracy").fit(X, y)
    search = autotrack.last_run()
    found = autotrack.compare(search, run)
    assert found.a == search.select().run_id
    assert found.method.startswith("corrected resampled t-test")


def test_different_data_is_never_compared():
    run, _ = validated(GOOD)
    fewer, _ = validated(GOOD, X[:300], y[:300])
    found = autotrack.compare(run, fewer)
    assert (found.verdict, found.tied) == ("not comparable", None)
    assert "different data (569x30 and 300x30)" in found.why
    relabelled, _ = validated(GOOD, X, 1 - y)
    assert autotrack.compare(run, relabelled).why == "the targets differ"


def test_other_splits_are_compared_by_rows_if_predictions_were_kept():
    other = StratifiedKFold(4)
    assert (
        "split in another way"
        in autotrack.compare(validated(GOOD)[0], validated(POOR, cv=other)[0]).why
    )
    with autotrack.keep_predictions():
        good, poor = validated(GOOD)[0], validated(POOR, cv=other)[0]
    found = autotrack.compare(good, poor)
    assert found.method == "McNemar's test on the same rows"
    assert (found.verdict, found.n) == ("differs", len(y))


def test_a_single_split_is_compared_by_its_rows_if_predictions_were_kept():
    cv = ShuffleSplit(1, test_size=0.5, random_state=0)
    bare = autotrack.compare(validated(GOOD, cv=cv)[0], validated(POOR, cv=cv)[0])
    assert "fewer than two splits" in bare.why
    assert "keep_predictions" in bare.why
    with autotrack.keep_predictions():
        good, poor = validated(GOOD, cv=cv)[0], validated(POOR, cv=cv)[0]
    found = autotrack.compare(good, poor)
    assert found.method == "McNemar's test on the same rows"
    assert (found.verdict, found.n, found.why) == ("differs", 285, "")


@pytest.mark.parametrize("scoring", ["accuracy", "f1", "roc_auc", "neg_log_loss"])
def test_the_values_are_those_that_the_difference_is_of(scoring):
    runs = []
    with autotrack.keep_predictions():
        for model, seed in ((GOOD, 0), (POOR, 1)):
            cv = KFold(7, shuffle=True, random_state=seed)
            cross_val_score(model, X, y, cv=cv, scoring=scoring)
            runs.append(autotrack.last_run())
    found = autotrack.compare(*runs)
    assert found.method
    assert found.difference == found.value_a - found.value_b
    assert found.pooled
    assert np.isnan([found.se_a, found.se_b]).all()
    assert "over all rows, differs" in repr(found)
    table = runs[0].predictions()
    if scoring == "accuracy":
        assert found.value_a == accuracy_score(table["y_true"], table["predict"])
    if scoring == "neg_log_loss":
        chances = table[["predict_proba_0", "predict_proba_1"]]
        assert found.value_a == pytest.approx(-log_loss(table["y_true"], chances))
    cross_val_score(ALIKE, X, y, cv=KFold(7, shuffle=True, random_state=0), scoring=scoring)
    same = autotrack.compare(runs[0], autotrack.last_run())
    assert not same.pooled
    assert same.difference == pytest.approx(same.value_a - same.value_b)
    assert "over all rows" not in repr(same)


OPTIONS = [
    (f1_score, {"pos_label": 0}),
    (f1_score, {"average": "macro"}),
    (fbeta_score, {"beta": 0.5, "pos_label": 0}),
    (fbeta_score, {"beta": 2, "average": "weighted", "zero_division": 0}),
    (jaccard_score, {"average": "weighted"}),
    (balanced_accuracy_score, {"adjusted": True}),
    (zero_one_loss, {"normalize": False}),
]


@pytest.mark.parametrize(("score", "options"), OPTIONS)
def test_the_options_in_the_key_of_a_score_are_those_it_is_compared_by(score, options):
    with autotrack.keep_predictions():
        good, poor = (
            held_out(model, score=lambda truth, p: score(truth, p, **options))
            for model in (GOOD, POOR)
        )
    found = autotrack.compare(good, poor)
    assert found.method == "paired bootstrap on the same rows"
    assert (found.verdict, found.why) == ("differs", "")
    assert found.difference == pytest.approx(found.value_a - found.value_b)


def test_the_positive_class_is_found_by_its_name_in_the_key():
    names = np.array(["Malign one", "benign"])
    with autotrack.keep_predictions():
        runs = []
        for model in (GOOD, POOR):
            X_train, X_test, y_train, y_test = train_test_split(X, names[y], random_state=0)
            predicted = model.fit(X_train, y_train).predict(X_test)
            f1_score(y_test, predicted, pos_label="Malign one")
            runs.append(autotrack.last_run())
    assert autotrack.compare(*runs).verdict == "differs"


def test_numbers_of_rows_that_are_right_are_compared_as_their_share_is():
    def count(truth, predicted):
        return accuracy_score(truth, predicted, normalize=False)

    with autotrack.keep_predictions():
        runs = [held_out(model, score=count) for model in (GOOD, POOR)]
        shares = [held_out(model) for model in (GOOD, POOR)]
    found = autotrack.compare(*runs, rope=0.5)
    assert found.method == "McNemar's test on the same rows"
    assert found.p_value == autotrack.compare(*shares, "test_accuracy_score").p_value
    assert found.difference == runs[0].metrics[found.metric] - runs[1].metrics[found.metric]
    assert found.rope.better > 0.9


def test_options_that_the_key_does_not_spell_out_are_named_as_the_reason():
    def some(truth, predicted):
        return f1_score(truth, predicted, labels=[1, 0], average="macro")

    with autotrack.keep_predictions():
        found = autotrack.compare(held_out(GOOD, score=some), held_out(POOR, score=some))
    assert (found.verdict, found.comparable) == ("unknown", True)
    assert "its options, which the key has as 'labels_1_0_macro', cannot be read" in found.why


def test_scores_on_held_out_rows_are_compared_row_by_row_if_these_were_kept():
    with autotrack.keep_predictions():
        good, alike, poor = (held_out(model) for model in (GOOD, ALIKE, POOR))
    found = autotrack.compare(good, poor, "test_accuracy_score")
    rows = good.predictions().merge(poor.predictions(), on="row")
    right = [rows[f"predict_{s}"] == rows["y_true_x"] for s in "xy"]
    only = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    assert found.method.startswith("McNemar")
    assert found.p_value == pytest.approx(stats.binomtest(only[0], sum(only)).pvalue)
    assert autotrack.compare(good, alike, "test_accuracy_score").tied


def test_other_metrics_of_held_out_rows_are_compared_by_the_bootstrap():
    with autotrack.keep_predictions():
        good, poor = (held_out(model, score=f1_score) for model in (GOOD, POOR))
    found = autotrack.compare(good, poor, "test_f1_score")
    assert found.method == "paired bootstrap on the same rows"
    assert found.difference > 0
    assert found.verdict == "differs"


@pytest.mark.parametrize("score", [accuracy_score, log_loss])
def test_with_a_rope_kept_rows_say_how_probable_practical_equality_is(score):
    def judged(model):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
        model.fit(X_train, y_train)
        method = model.predict if score is accuracy_score else model.predict_proba
        score(y_test, method(X_test))
        return autotrack.last_run()

    with autotrack.keep_predictions():
        good, alike, poor = (judged(model) for model in (GOOD, ALIKE, POOR))
    key = f"test_{score.__name__}"
    assert autotrack.compare(good, alike, key, rope=0.05).rope.equal > 0.9
    found = autotrack.compare(good, poor, key, rope=0.01).rope
    assert found.better > 0.9
    assert found.worse + found.equal + found.better == pytest.approx(1)
    assert autotrack.compare(poor, good, key, rope=0.01).rope.worse == found.better
    assert autotrack.compare(good, poor, key).rope is None


def test_a_mean_over_rows_is_compared_as_if_it_was_computed_anew_on_each_draw():
    with autotrack.keep_predictions():
        runs = []
        for model in (GOOD, ALIKE):
            X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
            log_loss(y_test, model.fit(X_train, y_train).predict_proba(X_test))
            runs.append(autotrack.last_run())
    fast = autotrack.compare(*runs, "test_log_loss")
    tables = [run.predictions() for run in runs]
    autotrack.disable()
    random, differences = np.random.default_rng(0), []
    for _ in range(1000):
        drawn = random.integers(0, len(y_test), len(y_test))
        losses = [
            log_loss(y_test[drawn], table[["predict_proba_0", "predict_proba_1"]].to_numpy()[drawn])
            for table in tables
        ]
        differences.append(losses[0] - losses[1])
    side = min(np.mean(np.array(differences) <= 0), np.mean(np.array(differences) >= 0))
    assert fast.p_value == pytest.approx(max(2 * side, 0.001))


def test_a_score_that_kept_rows_do_not_give_is_not_compared_by_them():
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    runs = []
    with autotrack.keep_predictions():
        for depth in (1, 3):
            # It is scored by what the search is: not by accuracy.
            search = GridSearchCV(POOR, {"max_depth": [depth]}, cv=2, scoring="f1")
            search.fit(X_train, y_train).score(X_test, y_test)
            runs.append(autotrack.last_run())
    assert "predict" in runs[0].predictions("test")
    found = autotrack.compare(*runs, "test_score")
    assert (found.verdict, found.comparable) == ("unknown", True)
    assert "weighted" in found.why


def test_of_a_model_that_was_fitted_again_the_last_rows_are_compared():
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    with autotrack.keep_predictions(), autotrack.start_run() as again:
        model = make_pipeline(StandardScaler(), LogisticRegression())
        for rows in (20, len(X_train)):
            model.fit(X_train[:rows], y_train[:rows])
            accuracy_score(y_test, model.predict(X_test))
    assert set(again.predictions()["data"]) == {"test", "test.2"}
    with autotrack.keep_predictions():
        found = autotrack.compare(again, held_out(POOR), "test_accuracy_score")
    assert found.method == "McNemar's test on the same rows"


def test_held_out_rows_are_the_same_though_a_model_was_given_them_scaled():
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    scaler = StandardScaler().fit(X_train)
    with autotrack.keep_predictions():
        model = LogisticRegression().fit(scaler.transform(X_train), y_train)
        accuracy_score(y_test, model.predict(scaler.transform(X_test)))
        scaled = autotrack.last_run()
        found = autotrack.compare(held_out(GOOD), scaled, "test_accuracy_score")
    assert (found.verdict, found.method) == ("tied", "McNemar's test on the same rows")


def test_single_values_are_not_compared_and_the_reason_is_said():
    good, poor = held_out(GOOD), held_out(POOR)
    found = autotrack.compare(good, poor, "test_accuracy_score")
    assert (found.verdict, found.comparable) == ("unknown", True)
    assert "keep_predictions" in found.why
    other = held_out(GOOD, seed=1)
    assert autotrack.compare(good, other, "test_accuracy_score").verdict == "not comparable"


def test_the_best_run_names_those_that_tie_with_it():
    best_one, _ = validated(GOOD)
    alike, _ = validated(ALIKE)
    poor, _ = validated(POOR)
    elsewhere, _ = validated(GOOD, X[:300], y[:300])
    best = autotrack.best_run(MEAN)
    ties = best.ties().set_index("run_id")
    names = {one.run_id for one in (best_one, alike, poor, elsewhere)}
    assert set(ties.index) == names - {best.run_id}
    if best.run_id in (best_one.run_id, alike.run_id):
        (tied,) = {best_one.run_id, alike.run_id} - {best.run_id}
        assert ties.loc[tied, "verdict"] == "tied"
        assert ties.loc[poor.run_id, "verdict"] == "differs"
        assert ties.loc[elsewhere.run_id, "verdict"] == "not comparable"
        assert ties.loc[tied, "n"] == 5
        assert f"tied with {tied[:8]}" in repr(best)
    assert "(standard error, n = 5)" in repr(best)
    assert "tied with" not in repr(autotrack.get_run(best.run_id))
    with pytest.raises(autotrack.InvalidValueError, match="name the metric"):
        poor.ties()


def test_frames_have_mean_error_and_number_of_splits():
    validated(GOOD)
    GridSearchCV(POOR, {"max_depth": [1, 2]}, cv=3, scoring="accuracy").fit(X, y)
    found = autotrack.search_runs(where="kind = 'validation'")
    assert found["metrics.n_test_accuracy"].tolist() == [5]
    assert found["metrics.se_test_accuracy"].gt(0).all()
    assert autotrack.last_run().children()["metrics.n_test_accuracy"].tolist() == [3, 3]
