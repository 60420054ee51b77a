"""A tour: what people do with scikit-learn, and the tree of runs it leaves.

Ratings of coffees and of white wines, and no line that logs anything: each `with` block opens a
run, and what is fitted and scored in it finds its place.

    python examples/tour.py
    autotrack runs --tree -e tour
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import (
    BaggingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
)
from sklearn.feature_selection import RFECV
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge, SGDRegressor
from sklearn.metrics import (
    accuracy_score,
    classification_report,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack

DATA = Path(__file__).parent / "data"
TASTE = ["aroma", "flavor", "aftertaste", "acidity", "sweetness"]

coffee = pd.read_csv(DATA / "coffee_ratings.csv").dropna(subset=TASTE)
wine = pd.read_csv(DATA / "wine_quality_white.csv", sep=None, engine="python")


class Typical(RegressorMixin, BaseEstimator):
    """A rule of our own: the typical rating of coffees of about this flavor."""

    def __init__(self, digits=0):
        self.digits = digits

    def fit(self, X, y):
        keys = np.round(np.asarray(X)[:, 1], self.digits)
        self.ratings_ = pd.Series(np.asarray(y)).groupby(keys).median()
        self.default_ = float(np.median(y))
        return self

    def predict(self, X):
        keys = np.round(np.asarray(X)[:, 1], self.digits)
        return pd.Series(keys).map(self.ratings_).fillna(self.default_).to_numpy()


def fit_ridge(alpha, X, y):
    return make_pipeline(StandardScaler(), Ridge(alpha=alpha)).fit(X, y)


def coffees():
    X, y = coffee[TASTE], coffee["cupper_points"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)

    with autotrack.start_run("several models"):
        ridge = fit_ridge(1.0, X_train, y_train)
        typical = Typical(digits=1).fit(X_train, y_train)
        bagged = BaggingRegressor(Ridge(), n_estimators=20, random_state=0).fit(X_train, y_train)
        stacked = StackingRegressor(
            [("ridge", Ridge()), ("trees", HistGradientBoostingRegressor(max_iter=30))]
        ).fit(X_train, y_train)
        selected = RFECV(Ridge(), cv=3).fit(X_train, y_train)
        for model in (ridge, typical, bagged, stacked, selected):
            r2_score(y_test, model.predict(X_test))
            mean_absolute_error(y_test, model.predict(X_test))

    with autotrack.start_run("judged"):
        cross_validate(ridge, X, y, cv=5, scoring=["r2", "neg_mean_absolute_error"])
        learning_curve(Ridge(), X, y, train_sizes=[0.2, 0.6, 1.0], cv=3)
        forest = RandomForestRegressor(n_estimators=50, random_state=0).fit(X_train, y_train)
        permutation_importance(forest, X_test, y_test, n_repeats=3, random_state=0)

    with autotrack.start_run("searched"):
        search = GridSearchCV(
            make_pipeline(StandardScaler(), Ridge()),
            {"ridge__alpha": [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]},
            cv=5,
        ).fit(X_train, y_train)
        search.score(X_test, y_test)

    with autotrack.start_run("in threads and processes"):
        threads = [
            threading.Thread(target=fit_ridge, args=(alpha, X_train, y_train))
            for alpha in (0.1, 1.0)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with ThreadPoolExecutor(2) as executor:
            list(executor.map(fit_ridge, (2.0, 3.0), [X_train] * 2, [y_train] * 2))
        tasks = (joblib.delayed(fit_ridge)(alpha, X_train, y_train) for alpha in (4.0, 5.0))
        for model in joblib.Parallel(n_jobs=2)(tasks):
            r2_score(y_test, model.predict(X_test))


def wines():
    X, y = wine.drop(columns="quality"), wine["quality"]
    X_train, X_rest, y_train, y_rest = train_test_split(X, y, test_size=0.4, random_state=0)
    X_val, X_test, y_val, y_test = train_test_split(X_rest, y_rest, test_size=0.5, random_state=0)

    with autotrack.start_run("step by step"):
        scaler = StandardScaler().fit(X_train)
        steps = SGDRegressor(random_state=0)
        for _ in range(5):
            steps.partial_fit(scaler.transform(X_train), y_train)
            r2_score(y_val, steps.predict(scaler.transform(X_val)))

    with autotrack.start_run("warm start"):
        forest = RandomForestRegressor(10, warm_start=True, random_state=0)
        for trees in (10, 20, 40):
            forest.set_params(n_estimators=trees).fit(X_train, y_train)
            forest.score(X_val, y_val)
        forest.score(X_test, y_test)

    with autotrack.start_run("good or not") as run:
        classifier = make_pipeline(
            StandardScaler(), OneVsRestClassifier(LogisticRegression(C=0.5))
        ).fit(X_train, y_train >= 7)
        for X_part, y_part in ((X_val, y_val), (X_test, y_test)):
            accuracy_score(y_part >= 7, classifier.predict(X_part))
            roc_auc_score(y_part >= 7, classifier.predict_proba(X_part)[:, 1])
        classification_report(y_test >= 7, classifier.predict(X_test))

    # Another day: the crate is loaded, and what it scores reaches the run it came from.
    loaded = autotrack.load_model(f"runs:/{run.run_id}/model")
    X_later, y_later = X_test[::2], y_test[::2]
    accuracy_score(y_later >= 7, loaded.predict(X_later))


if __name__ == "__main__":
    autotrack.enable(experiment="tour")
    coffees()
    wines()
