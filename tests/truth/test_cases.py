"""One small script for each way in which a score was once credited, named or kept wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    adjusted_rand_score,
    cohen_kappa_score,
    log_loss,
    make_scorer,
    mean_squared_error,
    r2_score,
    roc_auc_score,
    silhouette_score,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    KFold,
    ShuffleSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
    validation_curve,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler, label_binarize
from sklearn.tree import DecisionTreeClassifier

import autotrack


@pytest.fixture(autouse=True)
def _tracking() -> Iterator[None]:
    with autotrack.enable(log_models=False, progress=False):
        yield


def history(run: autotrack.Run, key: str) -> list[float]:
    if key not in run.metrics:
        return []
    return autotrack.metric_history(run.run_id, key)["value"].tolist()


def everything(run: autotrack.Run) -> list[float]:
    """Every number that a run holds as its own."""
    return [
        value
        for key in run.metrics
        if not key.startswith("unlinked_")
        for value in history(run, key)
    ]


def numbers(rows: int, seed: int = 0, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 4))
    return X, X @ [1.0, 2.0, 0.5, 1.0] + noise * random.normal(size=rows)


def classes(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 3))
    return X, (X[:, 0] + random.normal(size=rows) > 0).astype(int)


# -- whose a score is ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_a_formula_by_hand_that_ranks_like_the_model_is_not_credited(seed):
    random = np.random.default_rng(seed)
    X = random.normal(size=(72, 3))
    y = X @ [3, 2, 1] + random.normal(size=72) * 0.5
    X_test, y_test = X[60:], y[60:]
    model = LinearRegression().fit(X[:60], y[:60])
    run = autotrack.last_run()
    model.predict(X_test)
    r2_score(y_test, 3 * X_test[:, 0] + 2 * X_test[:, 1] + X_test[:, 2])
    assert not run.metrics


@pytest.mark.parametrize("seed", range(10))
def test_a_blend_of_two_models_is_credited_to_neither(seed):
    X, y = numbers(100, seed, 0.5)
    a = Ridge(alpha=0.1).fit(X[:60], y[:60])
    run_a = autotrack.last_run()
    b = Ridge(alpha=5).fit(X[:60], y[:60])
    run_b = autotrack.last_run()
    X_test, y_test = X[60:], y[60:]
    blend = 0.9 * a.predict(X_test) + 0.1 * b.predict(X_test)
    r2_score(y_test, blend)
    assert not run_a.metrics
    assert not run_b.metrics


@pytest.mark.parametrize("seed", range(10))
def test_least_squares_by_numpy_is_not_credited_to_a_ridge(seed):
    X, y = numbers(75, seed, 0.5)
    model = Ridge(alpha=0.1).fit(X[:60], y[:60])
    run = autotrack.last_run()
    X_test, y_test = X[60:], y[60:]
    model.predict(X_test)
    r2_score(y_test, X_test @ np.linalg.lstsq(X[10:60], y[10:60], rcond=None)[0])
    assert not run.metrics


def test_a_ridge_and_least_squares_on_few_rows_keep_apart():
    X, y = load_diabetes(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.1, random_state=13)
    ridge = Ridge(alpha=1e-3).fit(X_train, y_train)
    own = mean_squared_error(y_test, ridge.predict(X_test))
    run = autotrack.last_run()
    A = np.column_stack([np.ones(len(X_train)), X_train])
    weights = np.linalg.lstsq(A, y_train, rcond=None)[0]
    mean_squared_error(y_test, np.column_stack([np.ones(len(X_test)), X_test]) @ weights)
    assert history(run, "test_mean_squared_error") == [own]


def test_an_earlier_stage_is_not_the_last_one():
    X, y = load_diabetes(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.1, random_state=13)
    boosting = GradientBoostingRegressor(n_estimators=60, learning_rate=0.01, random_state=0)
    boosting.fit(X_train, y_train)
    own = mean_squared_error(y_test, boosting.predict(X_test))
    run = autotrack.last_run()
    stages = [mean_squared_error(y_test, p) for p in boosting.staged_predict(X_test)]
    assert stages[-1] == own
    kept = [key for key in run.metrics if "mean_squared_error" in key]
    assert sorted(v for key in kept for v in history(run, key)) == sorted([own, *stages])


def test_sixty_predictions_in_a_frame_are_each_credited_to_their_own_model():
    X, y = numbers(140)
    X_test, y_test = X[100:], y[100:]
    models, runs = [], []
    for i in range(60):
        models.append(Ridge(alpha=0.5 * (i + 1)).fit(X[:100], y[:100]))
        runs.append(autotrack.last_run())
    frame = pd.DataFrame({i: model.predict(X_test) for i, model in enumerate(models)})
    true = [r2_score(y_test, frame[i]) for i in frame]
    assert [history(run, "test_r2_score") for run in runs] == [[value] for value in true]


def test_three_hundred_predictions_scored_afterwards_are_all_credited():
    X, y = numbers(140)
    X_test, y_test = X[100:], y[100:]
    models, runs = [], []
    for i in range(300):
        models.append(Ridge(alpha=i + 0.5).fit(X[:100], y[:100]))
        runs.append(autotrack.last_run())
    predictions = [model.predict(X_test) for model in models]
    true = [r2_score(y_test, p) for p in predictions]
    assert [history(run, "test_r2_score") for run in runs] == [[value] for value in true]


def test_the_agreement_of_two_models_is_the_score_of_neither():
    X, y = classes(400)
    X_train, X_test, y_train, y_test = X[:200], X[200:], y[:200], y[200:]
    a = LogisticRegression().fit(X_train, y_train)
    run_a = autotrack.last_run()
    b = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
    run_b = autotrack.last_run()
    table = pd.DataFrame({"y": y_test, "a": a.predict(X_test), "b": b.predict(X_test)})
    own_a, own_b = accuracy_score(table.y, table.a), accuracy_score(table.y, table.b)
    accuracy_score(table.a, table.b)
    cohen_kappa_score(table.a, table.b)
    assert everything(run_a) == [own_a]
    assert everything(run_b) == [own_b]


def test_the_agreement_of_a_model_with_a_blend_is_not_its_score():
    X, y = numbers(200)
    a = Ridge().fit(X[:100], y[:100])
    run_a = autotrack.last_run()
    b = RandomForestRegressor(20, random_state=0).fit(X[:100], y[:100])
    run_b = autotrack.last_run()
    X_test = X[100:]
    p, q = a.predict(X_test), b.predict(X_test)
    r2_score(p, (p + q) / 2)
    assert not run_a.metrics
    assert not run_b.metrics


@pytest.mark.parametrize("change", ["sorted", "shuffled", "rolled", "both sorted"])
def test_a_permuted_prediction_is_not_the_models(change):
    X, y = numbers(200)
    X_test, y_test = X[100:], y[100:]
    model = Ridge().fit(X[:100], y[:100])
    run = autotrack.last_run()
    p = model.predict(X_test)
    own = r2_score(y_test, p)
    if change == "sorted":
        r2_score(y_test, np.sort(p))
    elif change == "shuffled":
        r2_score(y_test, np.random.default_rng(1).permutation(p))
    elif change == "rolled":
        r2_score(y_test, np.roll(p, 1))
    else:
        r2_score(np.sort(y_test), np.sort(p))
    assert everything(run) == [own]


def test_stages_are_steps_of_the_boosting_and_of_no_other_model():
    X, y = make_classification(1000, n_informative=8, flip_y=0.1, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    stump = DecisionTreeClassifier(max_depth=1, random_state=0).fit(X_train, y_train)
    of_stump = autotrack.last_run()
    own = accuracy_score(y_test, stump.predict(X_test))
    boosting = AdaBoostClassifier(n_estimators=5, random_state=0).fit(X_train, y_train)
    run = autotrack.last_run()
    stages = [accuracy_score(y_test, p) for p in boosting.staged_predict(X_test)]
    scores = list(boosting.staged_score(X_test, y_test))
    assert everything(of_stump) == [own]
    found = [history(run, key) for key in run.metrics]
    assert stages in found or [*stages, *scores] in found
    assert scores in found or [*stages, *scores] in found
    assert scores == stages


def test_staged_probabilities_are_steps_too():
    X, y = make_classification(300, flip_y=0.2, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X_train, y_train)
    stages = [log_loss(y_test, p) for p in model.staged_predict_proba(X_test)]
    run = autotrack.last_run()
    assert [history(run, key) for key in run.metrics if "log_loss" in key] == [stages]


def test_the_last_step_of_a_pipeline_is_scored_in_the_pipelines_run():
    X, y = make_classification(300, flip_y=0.2, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    pipe = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=3))
    pipe.fit(X_train, y_train)
    value = log_loss(y_test, pipe[-1].predict_proba(pipe[:-1].transform(X_test)))
    assert value in everything(autotrack.last_run())


def test_members_are_scored_in_the_run_of_the_ensemble_under_their_names():
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    line = make_pipeline(StandardScaler(), LogisticRegression())
    voting = VotingClassifier(
        [("line", line), ("forest", RandomForestClassifier(20, random_state=0))]
    ).fit(X_train, y_train)
    run = autotrack.last_run()
    own = voting.score(X_test, y_test)
    for name, member in voting.named_estimators_.items():
        value = member.score(X_test, y_test)
        by_function = accuracy_score(y_test, member.predict(X_test))
        held = [v for key in run.metrics if name in key for v in history(run, key)]
        assert held.count(value) >= 1
        assert held.count(by_function) >= 2, "the score, and the function's"
    assert history(run, "test_score") == [own]


def test_labels_of_a_clusterer_in_a_pipeline_are_scored():
    X, y = load_iris(return_X_y=True)
    bare = KMeans(3, n_init=4, random_state=0).fit(X)
    expected = [adjusted_rand_score(y, bare.labels_), silhouette_score(X, bare.labels_)]
    assert sorted(everything(autotrack.last_run())) == sorted(expected)
    piped = make_pipeline(StandardScaler(), KMeans(3, n_init=4, random_state=1)).fit(X)
    run = autotrack.last_run()
    labels = piped[-1].labels_
    expected = [
        adjusted_rand_score(y, labels),
        silhouette_score(X, labels),
        adjusted_rand_score(y, piped.named_steps["kmeans"].labels_),
        adjusted_rand_score(y, piped.predict(X)),
    ]
    assert sorted(everything(run)) == sorted(expected)


@pytest.mark.parametrize("later", [10, 40])
def test_a_param_set_after_the_fit_makes_a_child_that_holds_its_scores(later):
    X, y = classes(300)
    X_train, X_test, y_train, y_test = X[:150], X[150:], y[:150], y[150:]
    knn = KNeighborsClassifier(n_neighbors=3).fit(X_train, y_train)
    run = autotrack.last_run()
    own = knn.score(X_test, y_test)
    changed = knn.set_params(n_neighbors=later).score(X_test, y_test)
    assert changed != own
    assert everything(run) == [own]
    (child,) = [autotrack.get_run(run_id) for run_id in run.children()["run_id"]]
    assert child.params["n_neighbors"] == later
    assert everything(child) == [changed]


def test_a_threshold_set_after_the_fit_makes_a_child_too():
    X, y = classes(300)
    X_train, X_test, y_train, y_test = X[:150], X[150:], y[:150], y[150:]
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.5).fit(X_train, y_train)
    run = autotrack.last_run()
    changed = model.set_params(threshold=0.1).score(X_test, y_test)
    assert changed not in everything(run)
    (child,) = [autotrack.get_run(run_id) for run_id in run.children()["run_id"]]
    assert child.params["threshold"] == 0.1
    assert everything(child) == [changed]


def test_a_part_that_another_pipeline_fitted_again_is_not_scored_as_before():
    X, y = classes(300)
    X = X * [1, 50, 1] + 20
    X_train, X_test, y_train, y_test = X[:150], X[150:], y[:150], y[150:]
    part = LogisticRegression()
    first = make_pipeline(StandardScaler(), part).fit(X_train, y_train)
    run = autotrack.last_run()
    before = accuracy_score(y_test, first.predict(X_test))
    make_pipeline(MinMaxScaler(), part).fit(X_train, y_train)
    other = autotrack.last_run()
    after = accuracy_score(y_test, first.predict(X_test))
    assert after != before
    assert everything(run) == [before]
    assert after not in everything(other)


# -- keys ------------------------------------------------------------------------------------------


def test_out_of_bag_predictions_of_a_regressor_have_a_key_of_their_own():
    X, y = load_diabetes(return_X_y=True)
    forest = RandomForestRegressor(50, oob_score=True, random_state=0).fit(X, y)
    run = autotrack.last_run()
    train = r2_score(y, forest.predict(X))
    out = r2_score(y, forest.oob_prediction_)
    assert history(run, "train_r2_score") == [train]
    (key,) = [key for key in run.metrics if key.startswith("oob_") and key.endswith("r2_score")]
    assert history(run, key) == [out]


def test_out_of_bag_probabilities_have_a_key_of_their_own():
    X, y = make_classification(300, flip_y=0.3, random_state=0)
    forest = RandomForestClassifier(100, oob_score=True, random_state=0).fit(X, y)
    run = autotrack.last_run()
    out = roc_auc_score(y, forest.oob_decision_function_[:, 1])
    train = roc_auc_score(y, forest.predict_proba(X)[:, 1])
    (key,) = [key for key in run.metrics if key.startswith("oob_")]
    assert history(run, key) == [out]
    assert history(run, "train_roc_auc_score") == [train]


def test_out_of_fold_predictions_have_a_key_of_their_own():
    X, y = make_classification(600, flip_y=0.2, random_state=0)
    X_train, _, y_train, _ = train_test_split(X, y, random_state=0)
    tree = DecisionTreeClassifier(random_state=0)
    predictions = cross_val_predict(tree, X_train, y_train)
    run = autotrack.last_run()
    value = accuracy_score(y_train, predictions)
    (key,) = [key for key in run.metrics if key.endswith("accuracy_score")]
    assert key.startswith("oof_")
    assert history(run, key) == [value]
    own = tree.fit(X_train, y_train).score(X_train, y_train)
    assert autotrack.last_run().metrics == {"train_score": own}


def test_data_sets_in_a_loop_are_told_apart():
    sets = {name: numbers(rows, rows) for name, rows in (("train", 200), ("a", 90), ("b", 100))}
    model = Ridge().fit(*sets["train"])
    run = autotrack.last_run()
    true = {name: r2_score(y_, model.predict(X_)) for name, (X_, y_) in sets.items()}
    assert history(run, "train_r2_score") == [true["train"]]
    assert sorted(map(tuple, (history(run, key) for key in run.metrics))) == sorted(
        (value,) for value in true.values()
    )


def test_a_metric_that_is_an_object_is_called_by_its_class():
    class Cost:
        def __call__(self, y_true: Any, y_pred: Any) -> float:
            return float(np.abs(y_true - y_pred).sum() * 1000)

    X, y = numbers(50)
    model = Ridge(alpha=5.0).fit(X, y)
    own = model.score(X, y)
    cost = make_scorer(Cost(), greater_is_better=False)(model, X, y)
    metrics = autotrack.last_run().metrics
    assert metrics["train_score"] == own
    (key,) = metrics.keys() - {"train_score"}
    assert key.startswith("train_")
    assert "cost" in key.lower()
    assert metrics[key] == -cost


def test_a_part_of_the_training_rows_is_called_so():
    X, y = classes(200)
    model = DecisionTreeClassifier(max_depth=3).fit(X, y)
    value = model.score(X[:50], y[:50])
    assert autotrack.last_run().metrics == {"train_part_score": value}


def test_training_rows_in_another_container_are_the_training_rows():
    X, y = classes(200)
    rows, labels = X.tolist(), y.tolist()
    model = DecisionTreeClassifier(max_depth=3).fit(rows, labels)
    value = accuracy_score(np.array(labels), model.predict(rows))
    assert autotrack.last_run().metrics == {"train_accuracy_score": value}


@pytest.mark.parametrize("change", ["noise", "columns swapped", "measured again"])
def test_other_features_with_the_training_target_are_not_the_training_rows(change):
    random = np.random.default_rng(0)
    X, y = classes(200)
    scaler = StandardScaler().fit(X)
    model = LogisticRegression().fit(scaler.transform(X), y)
    run = autotrack.last_run()
    if change == "noise":
        value = accuracy_score(y, model.predict(scaler.transform(X) + random.normal(size=X.shape)))
    elif change == "columns swapped":
        value = accuracy_score(y, model.predict(np.roll(scaler.transform(X), 1, axis=1)))
    else:
        X_again = X + random.normal(size=X.shape)
        value = accuracy_score(y, model.predict(scaler.transform(X_again)))
    (key,) = run.metrics
    assert not key.startswith(("train_", "oob_", "oof_"))
    assert run.metrics[key] == value


def test_a_display_does_not_write_over_a_number_of_the_users():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from sklearn.metrics import RocCurveDisplay

    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X[:, :2], y, random_state=0)
    probabilities = GaussianNB().fit(X_train, y_train).predict_proba(X_test)
    run = autotrack.last_run()
    onehot = label_binarize(y_test, classes=[0, 1, 2])
    own = roc_auc_score(onehot, probabilities)
    for k in range(3):
        RocCurveDisplay.from_predictions(onehot[:, k], probabilities[:, k], name=f"class {k}")
    assert history(run, "test_roc_auc_score") == [own]
    curves = [path for path in run.artifacts()["path"] if "roc_curve" in path]
    assert len(curves) == 3
    assert all(any(str(k) in path.rpartition("/")[2] for path in curves) for k in range(3))


# -- validations and searches ----------------------------------------------------------------------


def test_the_last_split_of_a_validation_is_not_in_the_column_of_hold_out_scores():
    X, y = load_diabetes(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=3)
    model = Ridge(alpha=0.1).fit(X_train, y_train)
    own = model.score(X_test, y_test)
    fitted = autotrack.last_run()
    cv = KFold(10, shuffle=True, random_state=6)
    scores = [cross_val_score(Ridge(alpha=alpha), X, y, cv=cv) for alpha in (0.5, 5.0)]
    runs = autotrack.search_runs()
    held_out = runs.set_index("run_id")["metrics.test_score"].dropna()
    validations = runs.set_index("run_id").loc[lambda frame: frame["kind"] == "validation"]
    assert held_out[fitted.run_id] == own
    for run_id in validations.index.intersection(held_out.index):
        assert any(np.isclose(held_out[run_id], split.mean()) for split in scores)


def test_one_quantity_has_one_key_wherever_it_is_cross_validated():
    X, y = load_diabetes(return_X_y=True)
    scoring = "neg_mean_squared_error"
    cross_val_score(Ridge(), X, y, scoring=scoring)
    of_score = autotrack.last_run()
    cross_validate(Ridge(), X, y, scoring=scoring)
    of_validate = autotrack.last_run()
    GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, scoring=scoring).fit(X, y)
    of_search = autotrack.get_run(autotrack.last_run().children()["run_id"].iloc[0])
    of_curves = []
    for curve, options in (
        (validation_curve, {"param_name": "alpha", "param_range": [0.1, 1, 10]}),
        (learning_curve, {}),
    ):
        curve(Ridge(), X, y, scoring=scoring, **options)
        of_curves.append(autotrack.last_run())

    def means(run: autotrack.Run) -> set[str]:
        return {key for key in run.metrics if key.startswith("mean_test")}

    assert means(of_validate)
    assert means(of_score) == means(of_validate)
    assert means(of_search) == means(of_validate)
    for run in of_curves:
        assert means(run) <= means(of_validate)


@pytest.mark.parametrize("error_score", [0.0, np.nan])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:.*non-finite")
def test_the_mean_of_a_callable_with_failed_fits_is_scikit_learns(error_score):
    class Picky(DecisionTreeClassifier):
        def fit(self, X: Any, y: Any) -> Any:
            if X[0, 0] > 0:
                raise ValueError("not this split")
            return super().fit(X, y)

    def scores(model: Any, X: Any, y: Any) -> dict[str, float]:
        return {"acc": accuracy_score(y, model.predict(X))}

    X, y = make_classification(90, 4, random_state=0)
    cv = ShuffleSplit(6, random_state=0)
    given = cross_validate(Picky(), X, y, scoring=scores, cv=cv, error_score=error_score)
    run = autotrack.last_run()
    np.testing.assert_allclose(run.metrics["mean_test_acc"], given["test_acc"].mean())
    search = GridSearchCV(
        Picky(), {"max_depth": [1, 2]}, scoring=scores, cv=cv, refit=False, error_score=error_score
    ).fit(X, y)
    children = autotrack.last_run().children().sort_values("params.max_depth")
    np.testing.assert_allclose(
        children["metrics.mean_test_acc"].to_numpy(dtype=float),
        search.cv_results_["mean_test_acc"],
    )


# -- params and differences ------------------------------------------------------------------------


def test_a_warm_start_keeps_the_param_that_moved_with_every_step():
    X, y = make_classification(400, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    forest = RandomForestClassifier(warm_start=True, random_state=0)
    expected = {}
    for n in (5, 10, 20):
        forest.set_params(n_estimators=n).fit(X_train, y_train)
        expected[n] = forest.score(X_test, y_test)
    runs = autotrack.search_runs(children=True)
    in_runs = {row["params.n_estimators"]: row["metrics.test_score"] for _, row in runs.iterrows()}
    run = autotrack.last_run()
    moved = [key for key in run.metrics if "n_estimators" in key]
    if moved:
        (key,) = moved
        in_runs = dict(zip(history(run, key), history(run, "test_score"), strict=True))
    assert in_runs == expected


class Link:
    def __init__(self, power: float) -> None:
        self.power = power


class Linked(RegressorMixin, BaseEstimator):
    def __init__(self, link: Any = None) -> None:
        self.link = link

    def fit(self, X: Any, y: Any) -> Linked:
        self.mean_ = float(np.mean(y) * self.link.power)
        return self

    def predict(self, X: Any) -> Any:
        return np.full(len(X), self.mean_)


def test_objects_without_a_representation_are_told_apart_by_what_they_hold():
    X, y = np.arange(40.0).reshape(-1, 1), np.arange(40.0)
    GridSearchCV(Linked(), {"link": [Link(1.0), Link(2.0)]}, cv=2).fit(X, y)
    children = autotrack.last_run().children()
    assert children["params.link"].nunique() == 2
    assert not children["params.link"].astype(str).str.contains("0x").any()
    with autotrack.start_run("two") as run:
        for power in (1.0, 3.0):
            Linked(Link(power)).fit(X, y).score(X, y)
    assert len(run.children()) == 1
    ids = []
    for power in (1.0, 2.0, 2.0):
        Linked(Link(power)).fit(X, y)
        ids.append(autotrack.last_run().run_id)
    assert (autotrack.diff_runs(ids[0], ids[1])["section"] == "params").sum() == 1
    assert (autotrack.diff_runs(ids[1], ids[2])["section"] == "params").sum() == 0


def times(factor: float) -> Any:
    def scaled(X: Any) -> Any:
        return X * factor

    return scaled


def test_closures_are_told_apart_by_what_they_hold():
    X, y = np.arange(40.0).reshape(-1, 1), np.arange(40.0)
    values = []
    with autotrack.start_run("closures") as run:
        for factor in (1, 1000):
            pipe = make_pipeline(FunctionTransformer(times(factor)), Ridge(alpha=100.0))
            values.append(pipe.fit(X, y).score(X, y))
    assert values[0] != values[1]
    assert history(run, "train_score") == values[:1]
    (child,) = [autotrack.get_run(run_id) for run_id in run.children()["run_id"]]
    assert history(child, "train_score") == values[1:]


def test_none_and_not_set_differ():
    X, y = make_classification(80, 5, random_state=0)
    ids = []
    for options in ({"max_features": None}, {}):
        RandomForestClassifier(n_estimators=3, random_state=0, **options).fit(X, y)
        ids.append(autotrack.last_run().run_id)
    found = autotrack.diff_runs(*ids)
    assert (found["section"] == "params").sum() == 1


def test_a_difference_in_any_of_several_data_sets_is_shown():
    X, y = make_classification(80, 5, random_state=0)
    X2, y2 = make_classification(80, 5, random_state=2)
    X3, y3 = make_classification(80, 5, random_state=3)
    ids = []
    for first, labels in ((X2, y2), (X3, y3)):
        model = LogisticRegression().fit(X, y)
        ids.append(autotrack.last_run().run_id)
        model.score(first[:40], labels[:40])
        model.score(X2[40:], y2[40:])
    assert (autotrack.diff_runs(*ids)["section"] == "data").any()


def test_an_input_does_not_pass_for_a_param_of_a_model_that_has_another():
    X, y = numbers(50)
    alpha = autotrack.param("alpha", 5.0)
    Ridge(alpha=alpha).fit(X, y)
    assert autotrack.last_run().params["alpha"] == 5.0
    Lasso().fit(X, y)
    assert autotrack.last_run().params.get("alpha", 1.0) == 1.0
    Ridge(alpha=1.0).fit(X, y)
    assert autotrack.last_run().params.get("alpha", 1.0) == 1.0
