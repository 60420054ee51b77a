"""Estimators that fit others: models, each of them one run, and transformers, which have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.impute import IterativeImputer
from sklearn.linear_model import (
    ElasticNetCV,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    RANSACRegressor,
    Ridge,
    RidgeCV,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

_random = np.random.RandomState(0)
classes = _random.permutation(np.arange(60) % 3)
X = _random.normal(size=(60, 4)) + np.eye(3)[classes] @ _random.normal(size=(3, 4)) * 2
binary = (classes > 0).astype(int)
numbers = X @ [3.0, -2.0, 1.0, 0.5] + _random.normal(size=60)
two_classes = np.column_stack([binary, classes == 1])
two_numbers = np.column_stack([numbers, numbers**2])
some_classes = np.where(np.arange(60) % 4 == 1, -1, classes)
holes = np.where(_random.uniform(size=X.shape) < 0.1, np.nan, X)


class Average(RegressorMixin, BaseEstimator):
    """A user's own ensemble, which trains and scores its members in parallel tasks of its own."""

    def __init__(self, members=()):
        self.members = members

    def fit(self, X, y):
        tasks = (joblib.delayed(trained)(clone(member), X, y) for member in self.members)
        self.members_, self.scores_ = zip(*joblib.Parallel()(tasks), strict=True)
        return self

    def predict(self, X):
        tasks = (joblib.delayed(member.predict)(X) for member in self.members_)
        return np.mean(joblib.Parallel()(tasks), axis=0)


def trained(member, X, y):
    """A fitted member of an ensemble, and its score."""
    return member.fit(X, y), member.score(X, y)


Make = Callable[[], Any]
Composition = tuple[Make, Any, Any]

named = [("a", GaussianNB()), ("b", LogisticRegression())]
regressors = [("a", Ridge()), ("b", DecisionTreeRegressor(random_state=0))]

#: How a model is made, and what it is fitted to.
MODELS: dict[str, Composition] = {
    "voting": (lambda: VotingClassifier(named, voting="soft"), X, classes),
    "voting of regressors": (lambda: VotingRegressor(regressors), X, numbers),
    "stacking": (lambda: StackingClassifier(named, cv=2), X, classes),
    "stacking of regressors": (lambda: StackingRegressor(regressors, Ridge(), cv=2), X, numbers),
    "bagging": (lambda: BaggingClassifier(GaussianNB(), 4, random_state=0), X, classes),
    "bagging of pipelines": (
        lambda: BaggingRegressor(make_pipeline(StandardScaler(), Ridge()), 4, random_state=0),
        X,
        numbers,
    ),
    "adaptive boosting": (lambda: AdaBoostClassifier(n_estimators=3, random_state=0), X, classes),
    "adaptive boosting of regressors": (
        lambda: AdaBoostRegressor(n_estimators=3, random_state=0),
        X,
        numbers,
    ),
    "gradient boosting": (
        lambda: GradientBoostingClassifier(n_estimators=3, random_state=0),
        X,
        binary,
    ),
    "histogram boosting": (
        lambda: HistGradientBoostingClassifier(
            max_iter=3, early_stopping=True, scoring="accuracy", random_state=0
        ),
        X,
        classes,
    ),
    "histogram boosting of numbers": (
        lambda: HistGradientBoostingRegressor(max_iter=3, random_state=0),
        X,
        numbers,
    ),
    "forest": (lambda: RandomForestClassifier(4, oob_score=False, random_state=0), X, classes),
    "forest of regressors": (lambda: RandomForestRegressor(4, random_state=0), X, numbers),
    "extra trees": (lambda: ExtraTreesClassifier(4, random_state=0), X, classes),
    "isolation forest": (lambda: IsolationForest(n_estimators=4, random_state=0), X, None),
    "calibration": (lambda: CalibratedClassifierCV(GaussianNB(), cv=2), X, classes),
    "calibration of one": (
        lambda: CalibratedClassifierCV(GaussianNB(), cv=2, ensemble=False),
        X,
        classes,
    ),
    "one against the rest": (lambda: OneVsRestClassifier(LogisticRegression()), X, classes),
    "one against one": (lambda: OneVsOneClassifier(LogisticRegression()), X, classes),
    "output code": (
        lambda: OutputCodeClassifier(LogisticRegression(), random_state=0),
        X,
        classes,
    ),
    "chain of classifiers": (lambda: ClassifierChain(LogisticRegression(), cv=2), X, two_classes),
    "chain of regressors": (lambda: RegressorChain(Ridge(), cv=2), X, two_numbers),
    "several classes": (lambda: MultiOutputClassifier(GaussianNB()), X, two_classes),
    "several numbers": (lambda: MultiOutputRegressor(Ridge()), X, two_numbers),
    "several votes": (
        lambda: MultiOutputRegressor(VotingRegressor(regressors)),
        X,
        two_numbers,
    ),
    "ensemble of one's own": (lambda: Average([model for _, model in regressors]), X, numbers),
    "transformed target": (
        lambda: TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
        X,
        numbers,
    ),
    "tuned threshold": (lambda: TunedThresholdClassifierCV(GaussianNB(), cv=2), X, binary),
    "fixed threshold": (lambda: FixedThresholdClassifier(GaussianNB(), threshold=0.3), X, binary),
    "elimination": (lambda: RFE(LogisticRegression(), n_features_to_select=2), X, classes),
    "elimination by validation": (lambda: RFECV(LogisticRegression(), cv=2), X, classes),
    "sequential selection": (
        lambda: make_pipeline(
            SequentialFeatureSelector(GaussianNB(), n_features_to_select=2, cv=2), GaussianNB()
        ),
        X,
        classes,
    ),
    "selection by a model": (
        lambda: make_pipeline(SelectFromModel(LogisticRegression()), GaussianNB()),
        X,
        classes,
    ),
    "imputation by a model": (
        lambda: make_pipeline(IterativeImputer(Ridge(), max_iter=2, random_state=0), GaussianNB()),
        holes,
        classes,
    ),
    "columns": (
        lambda: make_pipeline(
            ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", PolynomialFeatures(), [2])]),
            LogisticRegression(),
        ),
        X,
        classes,
    ),
    "union": (
        lambda: make_pipeline(
            FeatureUnion([("a", StandardScaler()), ("b", SelectFromModel(Ridge()))]),
            LogisticRegression(),
        ),
        X,
        classes,
    ),
    "self-training": (lambda: SelfTrainingClassifier(GaussianNB()), X, some_classes),
    "consensus": (lambda: RANSACRegressor(LinearRegression(), random_state=0), X, numbers),
    "lasso by validation": (lambda: LassoCV(cv=2), X, numbers),
    "elastic net by validation": (lambda: ElasticNetCV(cv=2), X, numbers),
    "ridge by validation": (lambda: RidgeCV(), X, numbers),
    "ridge by folds": (lambda: RidgeCV(cv=2), X, numbers),
    "logistic regression by validation": (lambda: LogisticRegressionCV(Cs=3, cv=2), X, classes),
    "pipeline of pipelines": (
        lambda: make_pipeline(
            make_pipeline(StandardScaler(), PolynomialFeatures()),
            make_pipeline(StandardScaler(), LogisticRegression()),
        ),
        X,
        classes,
    ),
    "search in a pipeline": (
        lambda: make_pipeline(
            StandardScaler(),
            GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=2),
        ),
        X,
        classes,
    ),
}

TRANSFORMERS: dict[str, Composition] = {
    "sequential selection": (
        lambda: SequentialFeatureSelector(GaussianNB(), n_features_to_select=2, cv=2),
        X,
        classes,
    ),
    "selection by a model": (
        lambda: SelectFromModel(RandomForestClassifier(4, random_state=0)),
        X,
        classes,
    ),
    "imputation by a model": (
        lambda: IterativeImputer(
            RandomForestRegressor(2, random_state=0), max_iter=2, random_state=0
        ),
        holes,
        None,
    ),
    "columns": (
        lambda: ColumnTransformer([("a", SelectFromModel(Ridge()), [0, 1, 2])]),
        X,
        numbers,
    ),
    "union": (
        lambda: FeatureUnion([("a", StandardScaler()), ("b", SelectFromModel(Ridge()))]),
        X,
        numbers,
    ),
}


def fit(make: Make, data: Any, target: Any) -> Any:
    """A fitted model or transformer."""
    return make().fit(data) if target is None else make().fit(data, target)
