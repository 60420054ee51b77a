"""A store as people make it, for the pages to show: ``python -m tests.web.making``."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, roc_curve
from sklearn.model_selection import (
    GridSearchCV,
    cross_validate,
    learning_curve,
    train_test_split,
    validation_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import autotrack


def data() -> tuple[pd.DataFrame, pd.Series]:
    X, y = make_classification(300, 8, n_informative=4, random_state=0)
    return pd.DataFrame(X, columns=[f"column_{n}" for n in range(8)]), pd.Series(y, name="target")


def make() -> None:
    X, y = data()
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    with autotrack.enable(experiment="flowers", progress=False):
        for C in (0.01, 0.1, 2.0, 10.0):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=C))
            model.fit(X_train, y_train)
            accuracy_score(y_test, model.predict(X_test))
            accuracy_score(y_train, model.predict(X_train))
            roc_curve(y_test, model.predict_proba(X_test)[:, 1])
        cross_validate(make_pipeline(StandardScaler(), SVC(kernel="linear")), X_train, y_train)
        search = GridSearchCV(
            make_pipeline(StandardScaler(), SVC()),
            {"svc__C": [0.1, 1.0, 10.0], "svc__gamma": [0.01, 0.1, 1.0]},
        )
        search.fit(X_train, y_train)
        search.score(X_test, y_test)
        autotrack.register_model(f"runs:/{autotrack.last_run().run_id}/model", "flower classifier")
        autotrack.set_alias("flower classifier", "champion", 1)
    with autotrack.enable(experiment="careful", progress=False):
        chosen = SelectKBest(k=3).fit(X, y)
        kept_train, kept_test = chosen.transform(X_train), chosen.transform(X_test)
        forest = RandomForestClassifier(10, random_state=0).fit(kept_train, y_train)
        accuracy_score(y_test, forest.predict(kept_test))
        with autotrack.start_run("by hand", tags={"note": "kept for the talk"}):
            autotrack.log_params({"depth": 3, "who": "a person", "nothing": None, "often": True})
            for step in range(12):
                autotrack.log_metric("loss", 1 / (step + 1), step=step)
            autotrack.log_text("# A note\n\nwith two lines\n", "note.md")
            autotrack.log_text("<h1>kept</h1><script>document.title='ran'</script>", "page.html")
            autotrack.log_table(pd.DataFrame({"a": [1, 2], "b": ["x", "<b>y"]}), "table.csv")
            autotrack.log_text(
                '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">'
                '<circle cx="20" cy="20" r="15"/><script>document.title="ran"</script></svg>',
                "drawing.svg",
            )
            forest = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
            shown = forest.predict_proba(X_test)[:, 1]
            roc_curve(y_test, shown)
            confusion_matrix(y_test, forest.predict(X_test))
        learning_curve(LogisticRegression(), X_train, y_train)
        validation_curve(
            LogisticRegression(), X_train, y_train, param_name="C", param_range=[0.01, 0.1, 1]
        )
        broken = X_train.copy()
        broken.iloc[0, 0] = np.nan
        try:
            LogisticRegression().fit(broken, y_train)
        except ValueError as error:
            sys.stderr.write(f"as meant: {type(error).__name__}\n")


if __name__ == "__main__":
    make()
