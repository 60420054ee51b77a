"""
==============
Fits that fail
==============

Tracebacks as they are printed, and those inside of scikit-learn's own warnings.
"""

import time
import traceback

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X = np.arange(20.0).reshape(10, 2)
y = np.arange(10) % 2
started = time.perf_counter()
for model in (
    LogisticRegression(C=-1.0),
    make_pipeline(StandardScaler(), Ridge(alpha="none")),
    OneVsRestClassifier(LogisticRegression(penalty="unknown")),
):
    try:
        model.fit(X, y)
    except Exception:
        print(traceback.format_exc())
try:
    cross_val_score(Ridge(alpha=-1.0), X, y, cv=2)
except ValueError as error:
    print(error)
print(f"took {time.perf_counter() - started:.9f} s")
Ridge().predict(X)
