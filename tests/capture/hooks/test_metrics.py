"""Every function of ``sklearn.metrics``: what it returns, and what is recorded of it."""

from __future__ import annotations

import copy
import re
import types
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.metrics import (
    accuracy_score,
    check_scoring,
    f1_score,
    fbeta_score,
    get_scorer,
    log_loss,
    make_scorer,
    precision_score,
    roc_auc_score,
)
from sklearn.multiclass import OneVsRestClassifier

import autotrack
from tests.looking import history, only_run, runs, tables

# -- what is judged -------------------------------------------------------------------------------


class World:
    """Models and what they predict, each made when it is asked for."""

    def __init__(self) -> None:
        random = np.random.RandomState(0)
        self.X_train, self.X_test = random.normal(size=(120, 4)), random.normal(size=(60, 4))
        noise = [random.normal(size=(len(X), 3)) for X in (self.X_train, self.X_test)]
        weights = random.normal(size=(4, 3))
        parts = zip((self.X_train, self.X_test), noise, strict=True)
        self.values_train, self.values = (X @ weights + e for X, e in parts)
        self.w = random.rand(60) + 0.5
        self.accuracy = sklearn.metrics.accuracy_score

    # Two classes.
    @cached_property
    def y(self) -> Any:
        return (self.values[:, 0] > 0).astype(int)

    @cached_property
    def signs(self) -> Any:
        return 2 * self.y - 1

    @cached_property
    def binary(self) -> Any:
        return LogisticRegression().fit(self.X_train, (self.values_train[:, 0] > 0).astype(int))

    @cached_property
    def p(self) -> Any:
        return self.binary.predict(self.X_test)

    @cached_property
    def proba(self) -> Any:
        return self.binary.predict_proba(self.X_test)

    @cached_property
    def score(self) -> Any:
        return self.proba[:, 1]

    @cached_property
    def decision(self) -> Any:
        return self.binary.decision_function(self.X_test)

    @cached_property
    def curve(self) -> Any:
        return sklearn.metrics.roc_curve(self.y, self.score)

    @cached_property
    def fpr(self) -> Any:
        return self.curve[0]

    @cached_property
    def tpr(self) -> Any:
        return self.curve[1]

    # Three classes.
    @cached_property
    def y3(self) -> Any:
        return self.values.argmax(axis=1)

    @cached_property
    def names3(self) -> Any:
        return np.array(["ale", "porter", "stout"])[self.y3]

    @cached_property
    def p3_names(self) -> Any:
        names = np.array(["ale", "porter", "stout"])[self.values_train.argmax(axis=1)]
        return LogisticRegression().fit(self.X_train, names).predict(self.X_test)

    @cached_property
    def multi(self) -> Any:
        return LogisticRegression().fit(self.X_train, self.values_train.argmax(axis=1))

    @cached_property
    def p3(self) -> Any:
        return self.multi.predict(self.X_test)

    @cached_property
    def proba3(self) -> Any:
        return self.multi.predict_proba(self.X_test)

    # Several labels at once.
    @cached_property
    def Y(self) -> Any:
        return (self.values > 0).astype(int)

    @cached_property
    def labels(self) -> Any:
        model = OneVsRestClassifier(LogisticRegression())
        return model.fit(self.X_train, (self.values_train > 0).astype(int))

    @cached_property
    def P(self) -> Any:
        return self.labels.predict(self.X_test)

    @cached_property
    def S(self) -> Any:
        return self.labels.predict_proba(self.X_test)

    # Numbers, which some functions want to be positive.
    @cached_property
    def t(self) -> Any:
        return np.exp(self.values[:, 0] / 4)

    @cached_property
    def regression(self) -> Any:
        return PoissonRegressor().fit(self.X_train, np.exp(self.values_train[:, 0] / 4))

    @cached_property
    def r(self) -> Any:
        return self.regression.predict(self.X_test)

    @cached_property
    def T(self) -> Any:
        return self.values + 20

    @cached_property
    def R(self) -> Any:
        return LinearRegression().fit(self.X_train, self.values_train + 20).predict(self.X_test)

    # Clusters.
    @cached_property
    def clusters(self) -> Any:
        return KMeans(3, n_init=1, random_state=0).fit(self.X_train)

    @cached_property
    def found(self) -> Any:
        return self.clusters.labels_

    @cached_property
    def kinds(self) -> Any:
        return self.values_train.argmax(axis=1)


@dataclass(frozen=True)
class Call:
    """Arguments, some of them names of what a world holds, and what is recorded.

    `suffix` is what the options add to the key. `table` tells that the result is kept as a table,
    `parts` the names of the numbers or tables it consists of.
    """

    arguments: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    suffix: str = ""
    data: str = "test"
    table: bool = False
    parts: tuple[str, ...] = ()
    nothing: bool = False

    def __call__(self, name: str, world: World) -> tuple[Any, Any]:
        """Call the function, and tell what it returned and what had been recorded before."""
        arguments = [getattr(world, argument) for argument in self.arguments]
        options = {
            key: getattr(world, value[1:]) if str(value)[:1] == "@" else value
            for key, value in self.options.items()
        }
        before = recorded()
        return getattr(sklearn.metrics, name)(*arguments, **options), before

    def expected(self, name: str, result: Any) -> dict[str, Any]:
        """What is recorded, by key: a value, or None for a table."""
        if self.nothing:
            return {}
        key = f"{self.data}_{name}{self.suffix}"
        keys = [f"{key}_{part}" for part in self.parts] or [key]
        if self.table:
            return dict.fromkeys(keys)
        return dict(zip(keys, result if self.parts else [result], strict=False))


def call(*arguments: str, suffix: str = "", data: str = "test", **options: Any) -> Call:
    """A call that returns one number."""
    return Call(arguments, options, suffix, data)


def table(
    *arguments: str, suffix: str = "", data: str = "test", parts: Any = (), **options: Any
) -> Call:
    """A call whose result is kept as a table."""
    return Call(arguments, options, suffix, data, table=True, parts=parts)


def recorded() -> dict[str, list[Any]]:
    """Every number and table there is, by key."""
    found: dict[str, list[Any]] = {}
    for run in runs():
        for key in run.metrics:
            found.setdefault(key, []).extend(history(run, key))
        for name in tables(run):
            # A second table of a name is numbered.
            found.setdefault(re.sub(r"(\.\d+)?\.csv$", "", name), []).append(None)
    return found


def added(before: dict[str, list[Any]]) -> dict[str, Any]:
    """What was recorded since, each key once."""
    now = recorded()
    new = {key: values[len(before.get(key, ())) :] for key, values in now.items()}
    assert all(len(values) < 2 for values in new.values())
    return {key: values[0] for key, values in new.items() if values}


# -- the functions --------------------------------------------------------------------------------


def labels() -> list[Call]:
    """The calls of a function of labels that can be averaged."""
    return [
        call("y", "p"),
        call("y", "p", pos_label=0, suffix="_pos_label_0"),
        call("y3", "p3", average="macro", suffix="_macro"),
        call("y3", "p3", average="weighted", sample_weight="@w", suffix="_weighted_sample_weight"),
        table("y3", "p3", average=None, suffix="_None"),
        call("Y", "P", average="samples", zero_division=0, suffix="_samples"),
    ]


def errors() -> list[Call]:
    """The calls of a function of one or several numbers."""
    return [
        call("t", "r"),
        call("t", "r", sample_weight="@w", suffix="_sample_weight"),
        call("T", "R"),
        table("T", "R", multioutput="raw_values", suffix="_raw_values"),
    ]


def deviances() -> list[Call]:
    """The calls of a function of positive numbers."""
    return [call("t", "r"), call("t", "r", sample_weight="@w", suffix="_sample_weight")]


def agreement() -> list[Call]:
    """The calls of a function of two clusterings."""
    return [call("kinds", "found", data="train"), call("y3", "p3")]


CASES: dict[str, list[Call]] = {
    "accuracy_score": [
        call("y", "p"),
        call("names3", "p3_names"),
        call("Y", "P"),
        call("y", "p", normalize=False, suffix="_normalize_false"),
        call("y", "p", sample_weight="@w", suffix="_sample_weight"),
    ],
    "adjusted_mutual_info_score": agreement(),
    "adjusted_rand_score": agreement(),
    "auc": [call("fpr", "tpr")],
    "average_precision_score": [
        call("y", "score"),
        call("Y", "S", average="micro", suffix="_micro"),
        table("Y", "S", average=None, suffix="_None"),
    ],
    "balanced_accuracy_score": [
        call("y3", "p3"),
        call("y", "p", adjusted=True, suffix="_adjusted"),
    ],
    "brier_score_loss": [
        call("y", "score"),
        call("y", "score", pos_label=0, suffix="_pos_label_0"),
    ],
    "calinski_harabasz_score": [call("X_train", "found", data="train")],
    "class_likelihood_ratios": [
        Call(("y", "p"), parts=("positive_likelihood_ratio", "negative_likelihood_ratio"))
    ],
    "classification_report": [
        table("y3", "p3"),
        table("y", "p", output_dict=True),
        table("Y", "P", zero_division=0),
    ],
    "cohen_kappa_score": [call("y3", "p3"), call("y3", "p3", weights="linear", suffix="_linear")],
    "completeness_score": agreement(),
    "confusion_matrix": [
        table("y3", "p3"),
        table("names3", "p3_names"),
        table("y", "p", normalize="all", suffix="_normalize_all"),
    ],
    "confusion_matrix_at_thresholds": [table("y", "score")],
    "coverage_error": [call("Y", "S")],
    "d2_absolute_error_score": errors(),
    "d2_brier_score": [call("y", "score"), call("y3", "proba3")],
    "d2_log_loss_score": [call("y", "proba"), call("y3", "proba3")],
    "d2_pinball_score": [*errors(), call("t", "r", alpha=0.9, suffix="_alpha_0.9")],
    "d2_tweedie_score": [*deviances(), call("t", "r", power=1, suffix="_power_1")],
    "davies_bouldin_score": [call("X_train", "found", data="train"), call("X_test", "p3")],
    "dcg_score": [call("Y", "S"), call("Y", "S", k=2, suffix="_k_2")],
    "det_curve": [table("y", "score")],
    "explained_variance_score": errors(),
    "f1_score": labels(),
    "fbeta_score": [
        call("y", "p", beta=0.5, suffix="_beta_0.5"),
        call("y3", "p3", beta=2, average="macro", suffix="_beta_2_macro"),
    ],
    "fowlkes_mallows_score": agreement(),
    "hamming_loss": [call("y", "p"), call("Y", "P")],
    "hinge_loss": [call("signs", "decision"), call("y", "decision")],
    "homogeneity_completeness_v_measure": [
        Call(
            ("kinds", "found"),
            data="train",
            parts=("homogeneity", "completeness", "v_measure"),
        )
    ],
    "homogeneity_score": agreement(),
    "jaccard_score": labels(),
    "label_ranking_average_precision_score": [call("Y", "S")],
    "label_ranking_loss": [call("Y", "S")],
    "log_loss": [
        call("y", "score"),
        call("y", "proba"),
        call("y3", "proba3"),
        call("y", "proba", normalize=False, suffix="_normalize_false"),
    ],
    "matthews_corrcoef": [call("y", "p"), call("y3", "p3")],
    "max_error": [call("t", "r")],
    "mean_absolute_error": errors(),
    "mean_absolute_percentage_error": errors(),
    "mean_gamma_deviance": deviances(),
    "mean_pinball_loss": errors(),
    "mean_poisson_deviance": deviances(),
    "mean_squared_error": errors(),
    "mean_squared_log_error": errors(),
    "mean_tweedie_deviance": [*deviances(), call("t", "r", power=1.5, suffix="_power_1.5")],
    "median_absolute_error": errors(),
    "metric_at_thresholds": [
        table("y", "score", metric_func="@accuracy", suffix="_accuracy_score")
    ],
    "multilabel_confusion_matrix": [table("y3", "p3"), table("Y", "P")],
    "mutual_info_score": agreement(),
    "ndcg_score": [call("Y", "S"), call("Y", "S", k=1, suffix="_k_1")],
    "normalized_mutual_info_score": [
        *agreement(),
        call("y3", "p3", average_method="min", suffix="_min"),
    ],
    "pair_confusion_matrix": [table("kinds", "found", data="train")],
    "precision_recall_curve": [table("y", "score"), table("y", "decision")],
    "precision_recall_fscore_support": [
        table("y3", "p3"),
        Call(
            ("y3", "p3"),
            {"average": "macro"},
            "_macro",
            parts=("precision", "recall", "fbeta_score"),
        ),
    ],
    "precision_score": labels(),
    "r2_score": errors(),
    "rand_score": agreement(),
    "recall_score": labels(),
    "roc_auc_score": [
        call("y", "score"),
        call("y", "decision"),
        call("y", "score", max_fpr=0.5, suffix="_max_fpr_0.5"),
        call("y3", "proba3", multi_class="ovr", suffix="_ovr"),
        call("y3", "proba3", multi_class="ovo", average="weighted", suffix="_weighted_ovo"),
        table("Y", "S", average=None, suffix="_None"),
    ],
    "roc_curve": [table("y", "score"), table("y", "score", drop_intermediate=False)],
    "root_mean_squared_error": errors(),
    "root_mean_squared_log_error": errors(),
    "silhouette_samples": [table("X_train", "found", data="train")],
    "silhouette_score": [
        call("X_train", "found", data="train"),
        call("X_train", "found", data="train", metric="cosine", suffix="_cosine"),
        call(
            "X_train",
            "found",
            data="train",
            sample_size=50,
            random_state=0,
            suffix="_sample_size_50",
        ),
    ],
    "top_k_accuracy_score": [
        call("y3", "proba3"),
        call("y3", "proba3", k=1, suffix="_k_1"),
        call("y", "score", k=1, suffix="_k_1"),
    ],
    "v_measure_score": agreement(),
    "zero_one_loss": [call("y", "p"), call("Y", "P", normalize=False, suffix="_normalize_false")],
}

#: The functions that are no scores, and what they are instead.
NO_SCORES = {
    "check_scoring": "makes a scorer",
    "get_scorer": "finds a scorer",
    "get_scorer_names": "lists the scorers",
    "make_scorer": "makes a scorer",
    "consensus_score": "compares biclusters, which are sets of rows and columns: nobody predicts",
    "euclidean_distances": "distances between rows, nobody's prediction among them",
    "nan_euclidean_distances": "distances between rows, nobody's prediction among them",
    "pairwise_distances": "distances between rows, nobody's prediction among them",
    "pairwise_distances_argmin": "the nearest rows, nobody's prediction among them",
    "pairwise_distances_argmin_min": "the nearest rows, nobody's prediction among them",
    "pairwise_distances_chunked": "distances between rows, a part at a time",
    "pairwise_kernels": "similarities of rows, nobody's prediction among them",
}


def public_functions() -> set[str]:
    """The names of all functions of the installed scikit-learn's metrics."""
    names = sklearn.metrics.__all__
    return {
        name for name in names if isinstance(getattr(sklearn.metrics, name), types.FunctionType)
    }


def test_every_function_is_looked_at():
    assert public_functions() <= CASES.keys() | NO_SCORES.keys()
    assert not CASES.keys() & NO_SCORES.keys()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(CASES.keys() & public_functions()))
def test_a_function_returns_the_same_and_is_recorded(name):
    world = World()
    bare = [case(name, world)[0] for case in CASES[name]]
    with autotrack.enable(log_models=False):
        world = World()
        for case, expected in zip(CASES[name], bare, strict=True):
            result, before = case(name, world)
            np.testing.assert_equal(result, expected)
            assert type(result) is type(expected)
            assert added(before) == case.expected(name, result)


# -- scorers --------------------------------------------------------------------------------------

CLUSTERINGS = (
    "adjusted_mutual_info_score adjusted_rand_score completeness_score fowlkes_mallows_score "
    "homogeneity_score mutual_info_score normalized_mutual_info_score rand_score v_measure_score"
).split()
REGRESSIONS = "r2 max_error explained_variance d2_absolute_error_score".split()


def suited(name: str, world: World) -> tuple[Any, Any]:
    """A model that a scorer can score, and the truth."""
    if name in CLUSTERINGS:
        return world.clusters, world.y3
    if name.endswith("_samples"):
        return world.labels, world.Y
    if name in REGRESSIONS or "_error" in name or "deviance" in name:
        return world.regression, world.t
    if "_ov" in name or name == "top_k_accuracy":
        return world.multi, world.y3
    return world.binary, world.y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sklearn.metrics.get_scorer_names())
def test_every_scorer_is_recorded_by_the_function_it_uses(name):
    def score(world):
        model, truth = suited(name, world)
        return sklearn.metrics.get_scorer(name)(model, world.X_test, truth)

    bare = score(World())
    with autotrack.enable(log_models=False):
        value = score(World())
    assert value == bare
    scorer = sklearn.metrics.get_scorer(name)
    function = scorer._score_func.__name__
    found = added({})
    if function.endswith("_likelihood_ratio"):  # one of the two numbers of a public function
        assert len(found) == 2
        found = {f"test_{function}": found[f"test_class_likelihood_ratios_{function}"]}
    ((key, recorded_value),) = found.items()
    assert key.startswith(f"test_{function}")
    assert recorded_value == scorer._sign * value


def miss(y_true, y_pred, *, cost=1.0, sample_weight=None):
    """A function of the user's own."""
    return float(np.average(y_true != y_pred, weights=sample_weight)) * cost


EARLY = {
    "f2": make_scorer(fbeta_score, beta=2),
    "area": make_scorer(roc_auc_score, response_method="decision_function"),
    "likelihood": make_scorer(log_loss, response_method="predict_proba", greater_is_better=False),
    "other": make_scorer(precision_score, pos_label=0),
    "own": make_scorer(miss, greater_is_better=False, cost=3.0),
}
EARLY_KEYS = {
    "f2": "test_fbeta_score_beta_2",
    "area": "test_roc_auc_score",
    "likelihood": "test_log_loss",
    "other": "test_precision_score_pos_label_0",
    "own": "test_miss_cost_3.0",
}


def signed(values: dict[str, float]) -> dict[str, float]:
    """What is recorded of what the scorers above return: the functions' own values."""
    return {EARLY_KEYS[name]: EARLY[name]._sign * value for name, value in values.items()}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("early", [True, False])
def test_scorers_made_before_and_after_are_heard(early, weighted, tracking):
    world = World()
    options = {"sample_weight": world.w} if weighted else {}
    scorers = EARLY if early else {name: copy.deepcopy(one) for name, one in EARLY.items()}
    values = {
        name: scorer(world.binary, world.X_test, world.y, **options)
        for name, scorer in scorers.items()
    }
    suffix = "_sample_weight" if weighted else ""
    assert only_run().metrics == {f"{key}{suffix}": value for key, value in signed(values).items()}


def test_several_scorers_in_one_are_recorded_each(tracking):
    world = World()
    several = check_scoring(world.binary, scoring=EARLY)
    values = several(world.binary, world.X_test, world.y)
    assert only_run().metrics == signed(values)
    by_name = check_scoring(world.binary, scoring=["accuracy", "neg_brier_score", "f1_macro"])
    found = by_name(world.binary, world.X_test, world.y)
    assert added({}) == signed(values) | {
        "test_accuracy_score": found["accuracy"],
        "test_brier_score_loss": -found["neg_brier_score"],
        "test_f1_score_macro": found["f1_macro"],
    }


def test_several_scorers_of_a_function_of_the_users_are_recorded_each(tracking):
    world = World()

    def both(estimator, X, y):
        p = estimator.predict(X)
        return {"accuracy": accuracy_score(y, p), "miss": miss(y, p)}

    values = both(world.binary, world.X_test, world.y)
    several = check_scoring(
        world.binary, scoring={"both": lambda *judged: both(*judged)["accuracy"]}
    )
    several(world.binary, world.X_test, world.y)
    assert history(only_run(), "test_accuracy_score") == [values["accuracy"]] * 2


def test_models_and_held_out_sets_interleaved_keep_their_scores_apart(tracking):
    world = World()
    X_train, y_train = world.X_train, (world.values_train[:, 0] > 0).astype(int)
    X_val, y_val, X_test, y_test = world.X_test[:30], world.y[:30], world.X_test[30:], world.y[30:]
    models = [LogisticRegression(C=c).fit(X_train, y_train) for c in (0.01, 1.0, 100.0)]
    several = check_scoring(models[0], scoring=["accuracy", "roc_auc"])
    predictions = [(model.predict(X_val), model.predict(X_test)) for model in models]
    expected = []
    for model in models:
        on_test = several(model, X_test, y_test)
        on_val = several(model, X_val, y_val)
        on_train = get_scorer("accuracy")(model, X_train, y_train)
        expected.append(
            {
                "test_accuracy_score": on_test["accuracy"],
                "test_roc_auc_score": on_test["roc_auc"],
                "val_accuracy_score": on_val["accuracy"],
                "val_roc_auc_score": on_val["roc_auc"],
                "train_accuracy_score": on_train,
            }
        )
    for held, (p_val, p_test) in zip(expected, predictions, strict=True):
        held["test_f1_score"] = f1_score(y_test, p_test)
        held["val_f1_score"] = f1_score(y_val, p_val)
        held["val_f1_score_sample_weight"] = f1_score(y_val, p_val, sample_weight=world.w[:30])
    assert [run.metrics for run in runs()] == expected
