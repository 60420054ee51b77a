"""What skore's checks say of the same workflows: `python -m benchmarks.leaks.skore_checks`.

To be run by an interpreter that has skore, imbalanced-learn and what autotrack needs (which stays
off). It prints a JSON object: by the name of a workflow the codes of issues and of tips.

skore judges what it is handed: a fitted estimator with its training and test data, or an estimator
and data to validate it on. So each workflow is run as it is, it is noted what its last score was
computed with, and skore is handed that.
"""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

#: Which checks of skore look for what a code of autotrack stands for.
SAME = {"AT106": "SKD011", "AT108": "SKD013", "AT201": "SKD014"}
#: Checks that compare a model with others, or its columns with each other; they take most of the
#: time and look for no leak.
BASELINES = ("SKD006", "SKD007", "SKD008", "SKD009", "SKD010", "SKD012", "SKD015", "SKD016")
_METRICS = ("accuracy_score", "f1_score", "r2_score", "roc_auc_score")
_PREDICTS = ("predict", "predict_proba", "decision_function")


class Watched:
    """What the workflow under way fitted and scored, by its own outermost calls."""

    def __init__(self) -> None:
        self.depth = 0
        self.trained: dict[int, tuple[Any, Any, Any]] = {}
        self.predicted: tuple[Any, Any] | None = None
        self.scored: Callable[[], Any] | None = None

    def begin(self) -> None:
        """Another workflow begins."""
        self.trained.clear()
        self.predicted = self.scored = None

    def outermost(self, function: Callable[..., Any], note: Callable[..., None]) -> Any:
        """Wrap a function so that `note` gets its arguments, unless a wrapped one called it."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self.depth += 1
            try:
                result = function(*args, **kwargs)
            finally:
                self.depth -= 1
            if not self.depth:
                note(*args, **kwargs)
            return result

        return wrapper

    def fit(self, model: Any, X: Any, y: Any = None, **_: Any) -> None:
        """A model was fitted."""
        self.trained[id(model)] = model, X, y

    def predict(self, model: Any, X: Any, **_: Any) -> None:
        """A model predicted."""
        self.predicted = model, X

    def score(self, model: Any, X: Any, y: Any = None, **_: Any) -> None:
        """A model was scored."""
        self._judge(model, X, y)

    def metric(self, truth: Any, *_: Any, **__: Any) -> None:
        """A metric was computed, of the last prediction."""
        if self.predicted is not None:
            self._judge(*self.predicted, truth)

    def validate(self, estimator: Any, X: Any, y: Any, *, cv: Any = None, **_: Any) -> None:
        """An estimator was validated."""
        import skore

        splits = {} if cv is None else {"splitter": cv}
        self.scored = lambda: skore.CrossValidationReport(estimator, X, y, **splits)

    def _judge(self, model: Any, X: Any, y: Any) -> None:
        known = self.trained.get(id(model))
        if known is None:  # the best estimator of a search, and the like
            return
        import skore
        from sklearn.base import clone

        def report() -> Any:
            # It takes training data for what it is to fit itself alone.
            return skore.EstimatorReport(
                clone(model), X_train=known[1], y_train=known[2], X_test=X, y_test=y
            )

        self.scored = report


def watch(modules: list[ModuleType]) -> Watched:
    """Wrap what the workflows use."""
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

    watched = Watched()
    kinds = {value for module in modules for value in vars(module).values()
             if inspect.isclass(value) and issubclass(value, BaseEstimator)}  # fmt: skip
    notes = {"fit": watched.fit, "score": watched.score} | dict.fromkeys(_PREDICTS, watched.predict)
    for kind in {Pipeline, *kinds}:
        for name, note in notes.items():
            function = inspect.getattr_static(kind, name, None)
            if inspect.isfunction(function):
                setattr(kind, name, watched.outermost(function, note))
            elif function is not None and name != "fit":  # there under a condition
                setattr(kind, name, _Conditional(watched, function, note))
    for module in modules:
        for name in _METRICS:
            if hasattr(module, name):
                wrapped = watched.outermost(getattr(module, name), watched.metric)
                setattr(module, name, wrapped)
        if hasattr(module, "cross_val_score"):
            validated = watched.outermost(module.cross_val_score, watched.validate)
            module.cross_val_score = validated  # type: ignore[attr-defined]
    return watched


class _Conditional:
    """A method that an estimator may not have."""

    def __init__(self, watched: Watched, descriptor: Any, note: Callable[..., None]) -> None:
        self._watched, self._descriptor, self._note = watched, descriptor, note

    def __get__(self, model: Any, owner: type) -> Any:
        method = self._descriptor.__get__(model, owner)
        if model is None:
            return method
        return self._watched.outermost(method, functools.partial(self._note, model))


def codes_of(report: Any) -> dict[str, list[str]]:
    """The codes of issues and of tips."""
    checks = report.checks.summarize(ignore=BASELINES)
    return {name: sorted({*checks.frame(section=name)["code"]}) for name in ("issue", "tip")}


def main() -> None:
    """Run the workflows, ask skore, and print what it says."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"AUTOTRACK_STORE": folder, "AUTOTRACK_QUIET": "1", "TQDM_DISABLE": "1"}
        from tests.leaks import clean, leaky
        from tests.leaks.registry import WORKFLOWS

        watched = watch([leaky, clean])
        found: dict[str, Any] = {"skore": importlib.metadata.version("skore")}
        wanted = sys.argv[1:]
        for workflow in WORKFLOWS:
            if wanted and workflow.name not in wanted:
                continue
            watched.begin()
            workflow.run()
            if watched.scored is None:
                found[workflow.name] = None
                continue
            watched.depth = 1  # skore's own calls are not the workflow's
            try:
                found[workflow.name] = codes_of(watched.scored())
            except Exception as error:
                found[workflow.name] = {"error": type(error).__name__}
            watched.depth = 0
            print(workflow.name, found[workflow.name], file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
