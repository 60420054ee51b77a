"""Data and models of the random sessions."""

from __future__ import annotations

from tests.truth.writing import Data, Model, Script

HEAD = """\
import functools
import statistics
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import autotrack

autotrack.enable(log_models=False, progress=False)

import numpy as np
import pandas as pd
import sklearn.metrics
from scipy import stats
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import *
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, LabelEncoder, MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

warnings.filterwarnings("ignore", category=Warning, module="sklearn")


class Judged:
    def __init__(self, y, p):
        self.y = y
        self.p = p

    def judge(self, metric, **options):
        return metric(self.y, self.p, **options)


class ByHand:
    \"\"\"A model that is none of scikit-learn's.\"\"\"

    def __init__(self, X, y):
        X = np.asarray(X, dtype=float)
        self.weights = np.linalg.lstsq(np.c_[np.ones(len(X)), X], np.asarray(y), rcond=None)[0]

    def predict(self, X):
        X = np.asarray(X, dtype=float)
        return np.c_[np.ones(len(X)), X] @ self.weights


scores = {}
"""

#: How the rows of training, and of two sets that are held out, are called, and by it their keys.
SCHEMES = (
    (("X_train", "y_train"), (("X_test", "y_test", "test"), ("X_val", "y_val", "val"))),
    (("X_train", "y_train"), (("X_valid", "y_valid", "valid"), ("X_test", "y_test", "test"))),
    (("Xtr", "ytr"), (("Xte", "yte", "Xte"), ("Xva", "yva", "Xva"))),
    (("X", "y"), (("X_new", "y_new", "new"), ("X_later", "y_later", "later"))),
    (("X_fit", "y_fit"), (("holdout", "y_holdout", "holdout"), ("X_test", "y_test", "test"))),
)


def write_data(script: Script) -> None:
    """Rows for training and for judging, under some names and in some container."""
    pick = script.random
    script.add(f"rng = np.random.default_rng({pick.randrange(10**6)})")
    columns = pick.choice([3, 4, 5])
    train = pick.choice([30, 60, 60, 120, 240])
    held = [pick.choice([5, 8, 12, 20, 40, 100]) for _ in range(2)]
    total = train + sum(held)
    classes = {"regression": 0, "binary": 2, "multiclass": 3}[script.task]
    if classes:
        spread = pick.choice([0.4, 0.8, 1.5])
        script.add(f"labels = np.arange({total}) % {classes}")
        script.add(
            f"features = rng.normal(size=({total}, {columns}))",
            f"features += labels[:, None] * {spread} * rng.uniform(0.2, 1, size={columns})",
        )
        if pick.random() < 0.4:
            script.labels = ("no", "yes") if classes == 2 else ("low", "medium", "tall")
            script.add(f"labels = np.array({list(script.labels)!r})[labels]")
        else:
            script.labels = tuple(map(str, range(classes)))
    else:
        script.add(
            f"features = rng.normal(size=({total}, {columns}))",
            f"labels = 20 + features @ rng.normal(size={columns}) + "
            f"{pick.choice([0.1, 0.5, 1.0])} * rng.normal(size={total})",
        )
    container = pick.choices(["array", "frame", "list"], [5, 4, 1])[0]
    (X, y), others = pick.choice(SCHEMES)
    start = 0
    parts = [(X, y, "train", train), *((*o, n) for o, n in zip(others, held, strict=True))]
    for X, y, name, rows in parts:
        stop = start + rows
        if container == "frame":
            letters = list("abcdefg"[:columns])
            script.add(
                f"{X} = pd.DataFrame(features[{start}:{stop}], columns={letters}, "
                f"index=range({start + 1000}, {stop + 1000}))",
                f"{y} = pd.Series(labels[{start}:{stop}], index={X}.index)",
            )
        elif container == "list":
            script.add(f"{X} = features[{start}:{stop}].tolist()")
            script.add(f"{y} = labels[{start}:{stop}].tolist()")
        else:
            script.add(f"{X}, {y} = features[{start}:{stop}].copy(), labels[{start}:{stop}].copy()")
        start = stop
        names = frozenset({name})
        of_target = y.removeprefix("y_")
        temporary = frozenset({name, of_target, "test"} if of_target == y else {name, of_target})
        data = Data(X, y, names, temporary, container, rows)
        if name == "train":
            script.train = data
        else:
            script.sets.append(data)
    script.add("del features, labels")


REGRESSORS = {
    "ridge": ("Ridge(alpha={x})", "alpha"),
    "lasso": ("Lasso(alpha={small})", "alpha"),
    "linear": ("LinearRegression(n_jobs={n})", "n_jobs"),
    "tree": ("DecisionTreeRegressor(max_depth={depth}, random_state={n})", "random_state"),
    "forest": ("RandomForestRegressor(n_estimators=6, random_state={n})", "random_state"),
    "knn": ("KNeighborsRegressor(n_neighbors={k}, leaf_size={n})", "leaf_size"),
    "pipeline": ("make_pipeline(StandardScaler(), Ridge(alpha={x}))", "ridge__alpha"),
    "boosting": (
        "GradientBoostingRegressor(n_estimators=4, max_depth=2, random_state={n})",
        "random_state",
    ),
    "target": (
        "TransformedTargetRegressor(Ridge(alpha={x}), func=np.log, inverse_func=np.exp)",
        "regressor__alpha",
    ),
    "scaled target": (
        "TransformedTargetRegressor(Ridge(alpha={x}), transformer=StandardScaler())",
        "regressor__alpha",
    ),
    "voting": (
        "VotingRegressor([('line', Ridge(alpha={x})), ('tree', DecisionTreeRegressor(max_depth=2,"
        " random_state=0))])",
        "line__alpha",
    ),
    "dummy": ("DummyRegressor(constant={x})", "constant"),
}
CLASSIFIERS = {
    "logistic": ("LogisticRegression(C={x})", "C"),
    "tree": ("DecisionTreeClassifier(max_depth={depth}, random_state={n})", "random_state"),
    "forest": ("RandomForestClassifier(n_estimators=6, random_state={n})", "random_state"),
    "knn": ("KNeighborsClassifier(n_neighbors={k}, leaf_size={n})", "leaf_size"),
    "bayes": ("GaussianNB(var_smoothing={small})", "var_smoothing"),
    "pipeline": (
        "make_pipeline(StandardScaler(), LogisticRegression(C={x}))",
        "logisticregression__C",
    ),
    "boosting": (
        "GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state={n})",
        "random_state",
    ),
    "ada": ("AdaBoostClassifier(n_estimators=3, random_state={n})", "random_state"),
    "voting": (
        "VotingClassifier([('line', LogisticRegression(C={x})), ('tree', DecisionTreeClassifier("
        "max_depth=2, random_state=0))])",
        "line__C",
    ),
    "dummy": ("DummyClassifier(strategy='stratified', random_state={n})", "random_state"),
}
_NO_PROBA = {"voting"}


def write_model(
    script: Script, family: str | None = None, *, var: str | None = None, data: Data | None = None
) -> Model:
    """A model, fitted to the rows for training."""
    pick, data = script.random, data or script.train
    known = REGRESSORS if script.task == "regression" else CLASSIFIERS
    family = family or pick.choice(
        [name for name in known if name != "dummy" or pick.random() < 0.3]
    )
    text, param = known[family]
    n = script.mark()
    values = {
        "n": n,
        "x": round(10 ** pick.uniform(-2, 2), 3) + n / 10**6,
        "small": round(10 ** pick.uniform(-3, -1.3), 5) + n / 10**8,
    }
    values = {key: float(f"{v:.9g}") if isinstance(v, float) else v for key, v in values.items()}
    used = next(key for key in values if f"{{{key}}}" in text)
    text = text.format(**values, depth=pick.randint(1, 4), k=pick.choice([1, 3, 5]))
    var = var or script.name(pick.choice(["model", "m", "clf", "est"]))
    model = Model(
        f"{var}",
        var,
        (param, values[used]),
        family,
        proba=script.task != "regression" and family not in _NO_PROBA,
        speaks=family != "dummy",
    )
    assert data is not None
    if pick.random() < 0.2 and data.container != "list":
        scaler = script.name("scaler")
        script.add(f"{scaler} = StandardScaler().fit({data.X})")
        model.feed = f"{scaler}.transform({{X}})"
    features = model.feed.format(X=data.X)
    if pick.random() < 0.5:
        script.add(f"{var} = {text}.fit({features}, {data.y})")
    else:
        script.add(f"{var} = {text}", f"{var}.fit({features}, {data.y})")
    script.models.append(model)
    return model
