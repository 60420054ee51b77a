"""Scripts of many kinds, short ones, as lists and trees of runs have to tell of them.

``python -m tests.analysis.varied_scripts`` runs each in an experiment of its own.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.ensemble import RandomForestRegressor, VotingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFECV
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Lasso, Ridge, SGDRegressor
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
    train_test_split,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import autotrack

_X, _y = make_regression(120, 5, noise=20.0, random_state=0)
X, y = pd.DataFrame(_X, columns=list("abcde")), pd.Series(_y)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)


def nested_search() -> None:
    cross_val_score(GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3), X, y, cv=3)


def searched_pipeline() -> None:
    model = make_pipeline(StandardScaler(), Ridge(tol=0.01))
    search = GridSearchCV(model, {"ridge__alpha": [0.1, 1.0, 10.0]}, cv=3).fit(X_train, y_train)
    search.score(X_test, y_test)


def halving() -> None:
    grid = {"max_depth": [2, 3, 4, 5], "min_samples_leaf": [1, 5]}
    HalvingGridSearchCV(DecisionTreeRegressor(random_state=0), grid, cv=3, factor=2,
                        min_resources=30).fit(X, y)  # fmt: skip


def gaussian_process() -> None:
    for length in (0.5, 2.0):
        kernel = ConstantKernel(2.0) * RBF(length) + WhiteKernel(0.1)
        model = GaussianProcessRegressor(kernel, optimizer=None).fit(X_train, y_train)
        r2_score(y_test, model.predict(X_test))


def curve() -> None:
    validation_curve(
        Ridge(), X, y, param_name="alpha", param_range=[0.01, 1.0, 1e5], cv=3, scoring="r2"
    )


def importances() -> None:
    model = RandomForestRegressor(5, random_state=0).fit(X_train, y_train)
    permutation_importance(model, X_test, y_test, n_repeats=3, random_state=0)


def forest_by_hand() -> None:
    with autotrack.start_run("forest by hand"):
        chance = np.random.default_rng(0)
        for seed in range(40):
            rows = chance.integers(0, len(X_train), len(X_train))
            tree = DecisionTreeRegressor(max_depth=3, random_state=seed)
            tree.fit(X_train.iloc[rows], y_train.iloc[rows])
            r2_score(y_test, tree.predict(X_test))


def folds_by_hand() -> None:
    with autotrack.start_run("folds by hand"):
        for train, test in KFold(10).split(X):
            model = clone(Ridge()).fit(X.iloc[train], y.iloc[train])
            mean_absolute_error(y.iloc[test], model.predict(X.iloc[test]))


def growing_data() -> None:
    with autotrack.start_run("growing data"):
        for size in range(20, 90, 10):
            model = Lasso(alpha=0.5 + size / 1e6).fit(X_train[:size], y_train[:size])
            r2_score(y_test, model.predict(X_test))


def two_models() -> None:
    with autotrack.start_run("two models"):
        for model in (Ridge(alpha=2.0), Lasso(alpha=0.3)):
            model.fit(X_train, y_train)
            r2_score(y_test, model.predict(X_test))


def scaled_twice() -> None:
    scaler = StandardScaler().fit(X_train)
    X_train_scaled, X_test_scaled = scaler.transform(X_train), scaler.transform(X_test)
    plain = Ridge().fit(X_train, y_train)
    r2_score(y_test, plain.predict(X_test))
    scaled = Ridge(alpha=3.0).fit(X_train_scaled, y_train)
    r2_score(y_test, scaled.predict(X_test_scaled))


def several_scores() -> None:
    cross_validate(
        make_pipeline(StandardScaler(), Ridge()), X, y, cv=4,
        scoring=["r2", "neg_mean_absolute_error"], return_train_score=True,
    )  # fmt: skip


def selection() -> None:
    RFECV(Ridge(), cv=3).fit(X, y)


def epochs() -> None:
    model = SGDRegressor(random_state=0)
    with autotrack.start_run("epochs"):
        for _ in range(5):
            model.partial_fit(X_train, y_train)
            r2_score(y_test, model.predict(X_test))


def an_ensemble() -> None:
    parts = [("ridge", Ridge(alpha=0.5)), ("tree", DecisionTreeRegressor(max_depth=2))]
    VotingRegressor(parts).fit(X_train, y_train).score(X_test, y_test)


def one_that_fails() -> None:
    with contextlib.suppress(ValueError):
        Ridge(alpha=-1.0).fit(X, y)


SCRIPTS: tuple[Callable[[], None], ...] = (
    nested_search, searched_pipeline, halving, gaussian_process, curve, importances,
    forest_by_hand, folds_by_hand, growing_data, two_models, scaled_twice, several_scores,
    selection, epochs, an_ensemble, one_that_fails,
)  # fmt: skip


def run_all() -> None:
    """Run each in an experiment of its own."""
    warnings.simplefilter("ignore")
    for script in SCRIPTS:
        with autotrack.enable(
            experiment=script.__name__, progress=False, checks=False, log_models=False
        ):
            script()


if __name__ == "__main__":
    run_all()
