"""Three believable mistakes, told by autotrack as they are made, and the corrected script.

    python examples/leaky.py              # ends with three lines that name them
    python examples/leaky.py --corrected  # ends with none

The wine is of `examples/data`. Beside the score on stdout, autotrack says on stderr what it is
worth.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack

CORRECTED = "--corrected" in sys.argv[1:]
wine = pd.read_csv(Path(__file__).parent / "data" / "wine_quality_white.csv")

autotrack.enable(experiment="corrected" if CORRECTED else "leaky")

# 1. A quarter of the wines stand in the table more than once, so some are on both sides.
if CORRECTED:
    wine = wine.drop_duplicates(subset=wine.columns.drop("quality"), ignore_index=True)
X, y = wine.drop(columns="quality"), wine["quality"]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
forest = RandomForestRegressor(50, random_state=0, n_jobs=2).fit(X_train, y_train)
print(f"forest      r2 {r2_score(y_test, forest.predict(X_test)):.3f}")

# 2. Of 2,000 columns of noise those are chosen that go with the quality of all wines, those that
#    are scored later included.
wine = wine.drop_duplicates(subset=wine.columns.drop("quality"), ignore_index=True)[:300]
noise = np.random.default_rng(0).normal(size=(len(wine), 2000))
select = SelectKBest(f_regression, k=30)
if CORRECTED:
    X_train, X_test, y_train, y_test = train_test_split(noise, wine["quality"], random_state=0)
    model = make_pipeline(select, Ridge()).fit(X_train, y_train)
else:
    chosen = select.fit_transform(noise, wine["quality"])
    X_train, X_test, y_train, y_test = train_test_split(chosen, wine["quality"], random_state=0)
    model = Ridge().fit(X_train, y_train)
print(f"noise       r2 {r2_score(y_test, model.predict(X_test)):.3f}")

# 3. The search has seen the rows that its choice is scored on.
X, y = wine.drop(columns="quality"), wine["quality"]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
search = GridSearchCV(
    make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": np.logspace(-2, 3, 12)}, refit=False
)
if CORRECTED:
    search.fit(X_train, y_train)
else:
    search.fit(X, y)
ridge = make_pipeline(StandardScaler(), Ridge()).set_params(**search.best_params_)
ridge.fit(X_train, y_train)
print(f"ridge       r2 {r2_score(y_test, ridge.predict(X_test)):.3f}")
