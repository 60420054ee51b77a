"""
==========================
Metrics that are undefined
==========================

What scikit-learn warns of, with and without a filter by module.
"""

import warnings

import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, f1_score, precision_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

for C in (0.001, 1.0, 1000.0):
    model = LogisticRegression(C=C, max_iter=2).fit(X_train, y_train)
    print(C, model.score(X_test, y_test), precision_score(y_test, model.predict(X_test)))
print(classification_report(y_test, np.zeros_like(y_test)))

search = GridSearchCV(
    make_pipeline(StandardScaler(), LogisticRegression(max_iter=1)),
    {"logisticregression__C": [0.1, 1.0, -1.0]},
    cv=3,
    scoring="precision",
)
search.fit(X_train, y_train)
print(search.best_params_, search.best_score_)

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", module="sklearn")
    print(cross_val_score(LogisticRegression(max_iter=1), X, y, cv=3).round(3))
    print(f1_score(y_test, np.zeros_like(y_test)))
