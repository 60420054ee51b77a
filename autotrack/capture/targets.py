"""The table: which scikit-learn names are heard, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from types import CellType, FunctionType
from typing import Any

import joblib
import sklearn.metrics
import sklearn.model_selection
from sklearn.base import BaseEstimator
from sklearn.metrics._scorer import _BaseScorer

from autotrack.capture.estimators import EstimatorEars
from autotrack.capture.metrics import MetricEars, judges_predictions
from autotrack.capture.nesting import FitWatch, OutermostWatch, hear_parallel
from autotrack.capture.validation import FUNCTIONS, ValidationEars
from autotrack.identity import IdentityMap
from autotrack.patching import (
    Watch,
    is_patched,
    patch_attribute,
    patch_cell,
    restore,
    restore_cell,
    wrapped_cell,
)

#: Methods of estimators, and the method of :class:`EstimatorEars` that hears them. Whatever else
#: begins with ``predict`` is heard as a prediction.
METHODS = {
    "fit": "fit",
    "fit_predict": "fit",
    "fit_transform": "fit",
    "partial_fit": "partial_fit",
    "transform": "transform",
    "decision_function": "predict",
    "score_samples": "predict",
    "score": "score",
}
_BIRTH = "__init_subclass__"

# The classes being created in this context: several hooks of a chain run for each of them.
_creating: ContextVar[tuple[type, ...]] = ContextVar("autotrack_creating", default=())


class Targets:
    """Everything that is exchanged while tracking is on, and how to put it back."""

    def __init__(
        self, estimators: EstimatorEars, metrics: MetricEars, validation: ValidationEars
    ) -> None:
        self._watches: dict[str, Watch] = {
            kind: (FitWatch if "fit" in kind else OutermostWatch)(
                getattr(estimators, f"hear_{kind}"), deep=kind not in ("predict", "transform")
            )
            for kind in {*METHODS.values()}
        }
        self._metric = OutermostWatch(metrics.hear_metric)
        self._validation = OutermostWatch(validation.hear_validation)
        self._scorer = OutermostWatch(metrics.hear_scorer)
        self._parallel = Watch(hear_parallel)
        self._birth = Watch(self._born)
        # Weakly: a notebook defines the same class many times over. By identity: a metaclass may
        # say what it likes about equality.
        self._classes: IdentityMap[None] = IdentityMap()
        self._cells: list[CellType] = []

    def hear_class(self, cls: type) -> None:
        """Hear a class that exists already, and what it inherits from."""
        if issubclass(cls, BaseEstimator):
            for owner in cls.__mro__:
                self._hear_owner(owner)

    def apply(self) -> None:
        """Exchange everything; :meth:`undo` puts it back."""
        classes = _with_subclasses(BaseEstimator)
        owners = {id(owner): owner for cls in classes for owner in cls.__mro__}
        for owner in owners.values():
            self._hear_owner(owner)
        for function in _metric_functions():
            self._hear_function(function, self._metric)
        for name in FUNCTIONS:
            self._hear_function(getattr(sklearn.model_selection, name), self._validation)
        for owner, watch in ((joblib.Parallel, self._parallel), (_BaseScorer, self._scorer)):
            if patch_attribute(owner, "__call__", watch):
                self._classes.set(owner, None)

    def undo(self) -> None:
        """Put every original back, in classes born meanwhile too; silence the rest."""
        for cls, _ in self._classes.living():
            restore(cls)  # type: ignore[arg-type]
        self._classes.clear()
        while self._cells:
            restore_cell(self._cells.pop())
        single = (self._metric, self._validation, self._scorer, self._parallel, self._birth)
        for watch in (*self._watches.values(), *single):
            watch.hear = None

    def _hear_function(self, function: FunctionType, watch: Watch) -> None:
        cell = _innermost_cell(function)
        if cell is not None:
            patch_cell(cell, watch)
            self._cells.append(cell)

    def _hear_owner(self, owner: type) -> None:
        """Hear the methods that `owner` itself defines, and the classes derived from it later."""
        for name in list(owner.__dict__):
            kind = METHODS.get(name) or ("predict" if name.startswith("predict") else None)
            watch = self._birth if name == _BIRTH else self._watches.get(kind or "")
            if watch is not None and patch_attribute(owner, name, watch):
                self._classes.set(owner, None)

    def _born(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        # scikit-learn's own hook exchanges `transform` when its turn comes; only when the first
        # of the chain returns is the class as its author will find it.
        cls, creating = args[0], _creating.get()
        if any(cls is other for other in creating) or not issubclass(cls, BaseEstimator):
            return original(*args, **kwargs)
        token = _creating.set((*creating, cls))
        try:
            result = original(*args, **kwargs)
        finally:
            _creating.reset(token)
        for owner in cls.__mro__:
            self._hear_owner(owner)
        if is_patched(cls):
            # Methods of other classes came with it, under other names perhaps (`train = Base.fit`).
            self._classes.set(cls, None)
        return result


def _with_subclasses(cls: type) -> Iterator[type]:
    yield cls
    subclasses: list[type] = type.__subclasses__(cls)
    for subclass in subclasses:
        yield from _with_subclasses(subclass)


def _metric_functions() -> Iterator[FunctionType]:
    for name in sklearn.metrics.__all__:
        function = getattr(sklearn.metrics, name)
        if isinstance(function, FunctionType) and judges_predictions(function):
            yield function


def _innermost_cell(function: FunctionType) -> CellType | None:
    """The cell that holds the metric itself, below all its decorators."""
    cell = None
    here: Any = function
    while (inner := wrapped_cell(here)) is not None:
        cell, here = inner, inner.cell_contents
    return cell
