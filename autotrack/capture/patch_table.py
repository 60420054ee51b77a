"""The table: which scikit-learn names are patched, and what is called instead."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextvars import ContextVar
from multiprocessing.pool import Pool
from multiprocessing.process import BaseProcess
from types import CellType, FunctionType
from typing import Any

import joblib
import sklearn.metrics
import sklearn.model_selection
from sklearn.metrics._scorer import _BaseScorer, _Scorer

from autotrack.capture.discovery import estimator_classes, is_estimator_class, with_subclasses
from autotrack.capture.hooks import imbalanced_metrics
from autotrack.capture.hooks.displays import (
    CALIBRATION_MODULE,
    DISPLAYS,
    MAKERS,
    DisplayHook,
    take_in_calibration,
)
from autotrack.capture.hooks.estimators import EstimatorHook
from autotrack.capture.hooks.metrics import (
    REPORT,
    REPORTED,
    MetricHook,
    ReportedWatch,
)
from autotrack.capture.hooks.validation import FUNCTIONS, ValidationHook
from autotrack.capture.naming.metric_keys import judges_predictions
from autotrack.capture.parallel.inner_predictions import PredictWatch
from autotrack.capture.parallel.launch import POOL_METHODS, LaunchHook
from autotrack.capture.parallel.outermost import FitWatch, OutermostWatch
from autotrack.capture.results.validation_splits import IMPORTANCE, IMPORTANCE_MODULE
from autotrack.capture.splitters import SPLIT, SplitHook, split_owners
from autotrack.failsafe import Failsafe
from autotrack.runtime.class_hooks import ClassHooks
from autotrack.runtime.import_hooks import once_loaded
from autotrack.runtime.in_between import in_between
from autotrack.runtime.patching import (
    Watch,
    is_patched,
    patch_attribute,
    patch_cell,
    restore,
    restore_cell,
    wrapped_cell,
)
from autotrack.runtime.weak_map import IdentityMap

#: Methods of estimators, and the method of :class:`EstimatorHook` that is called instead. Whatever
#: else begins with ``predict`` is taken as a prediction.
METHODS = {
    "fit": "fit",
    "fit_predict": "fit",
    "fit_transform": "fit",
    "fit_resample": "fit",
    "partial_fit": "partial_fit",
    "transform": "transform",
    "decision_function": "predict",
    "score_samples": "predict",
    "score": "score",
    "staged_predict": "staged",
    "staged_predict_proba": "staged",
    "staged_decision_function": "staged",
    "staged_score": "staged",
}
_NEW_CLASS = "__init_subclass__"
_FROZEN = "FrozenEstimator"

# The classes being created in this context: several hooks of a chain run for each of them.
_creating: ContextVar[tuple[type, ...]] = ContextVar("autotrack_creating", default=())


class PatchTable:
    """Everything that is exchanged while tracking is on, and how to put it back."""

    def __init__(
        self,
        estimators: EstimatorHook,
        metrics: MetricHook,
        validation: ValidationHook,
        workers: LaunchHook,
        displays: DisplayHook,
        splitters: SplitHook,
        failsafe: Failsafe,
    ) -> None:
        self._failsafe = failsafe
        self._watches: dict[str, Watch] = {
            kind: _watch_of(kind)(
                getattr(estimators, f"on_{kind}"),
                deep=kind not in ("predict", "transform"),
                takes=estimators.takes_fit if "fit" in kind else None,
            )
            for kind in {*METHODS.values()}
        }
        self._metric = OutermostWatch(metrics.on_metric)
        self._reports = {
            REPORT: OutermostWatch(metrics.on_report),
            REPORTED: ReportedWatch(metrics.on_metric),
        }
        report = imbalanced_metrics.ImbalancedReport(metrics, failsafe)
        self._reports[imbalanced_metrics.REPORT] = OutermostWatch(report.on_report)
        self._validation = OutermostWatch(validation.on_validation)
        self._scorer = OutermostWatch(metrics.on_scorer, takes=metrics.takes_scorer)
        self._display = OutermostWatch(displays.on_display)
        # Within tracked calls as well: these say the same.
        self._split = Watch(splitters.on_split)
        self._workers = _parallel_work(workers)
        self._new_class = Watch(self._on_new_class)
        self._class_hooks = ClassHooks(_concerns, self.patch_class)
        # Weakly: a notebook defines the same class many times over. By identity: a metaclass may
        # say what it likes about equality.
        self._classes: IdentityMap[None] = IdentityMap()
        self._cells: list[CellType] = []
        self._give_up_waiting: list[Callable[[], None]] = []

    def patch_class(self, cls: type) -> None:
        """Patch a class that exists already, and what it inherits from, if it is an estimator."""
        with self._failsafe.guard("patch a class"):
            if not is_estimator_class(cls):
                return
            for owner in cls.__mro__[:-1]:
                self._patch_owner(owner)
            if is_patched(cls):
                # Methods of other classes came with it, perhaps as `train = Base.fit`.
                self._classes.set(cls, None)

    def apply(self) -> None:
        """Exchange everything; :meth:`undo` puts it back."""
        self._class_hooks.watch()
        owners = {id(owner): owner for cls in estimator_classes() for owner in cls.__mro__}
        for owner in owners.values():
            self._patch_owner(owner)
        for function in _metric_functions():
            self._patch_function(function, self._reports.get(function.__name__, self._metric))
        for name in FUNCTIONS:
            self._patch_function(getattr(sklearn.model_selection, name), self._validation)
        # Importing these takes as long as half of what `enable` takes otherwise.
        self._give_up_waiting = [
            once_loaded(CALIBRATION_MODULE, self._patch_calibration),
            once_loaded(IMPORTANCE_MODULE, self._patch_importance),
            once_loaded(imbalanced_metrics.MODULE, self._patch_imbalanced),
        ]
        for cls in DISPLAYS:
            self._patch_display(cls)
        # `_score` is what several scorers in one are called by.
        scorers = ((_BaseScorer, "__call__", self._scorer), (_Scorer, "_score", self._scorer))
        splits = ((owner, SPLIT, self._split) for owner in split_owners())
        rows = (*self._workers, *scorers, *splits)
        for owner, name, watch in rows:
            if patch_attribute(owner, name, watch):
                self._classes.set(owner, None)

    def silence(self) -> None:
        """Listen to nothing any more; wrappers stay, and hand on to what they wrap."""
        single = [self._metric, self._validation, self._scorer, self._display, self._new_class]
        single.append(self._split)
        single += [watch for _, _, watch in self._workers] + [*self._reports.values()]
        for watch in (*self._watches.values(), *single):
            watch.hook = None
        self._class_hooks.unwatch()
        for give_up in self._give_up_waiting:
            give_up()

    def undo(self) -> None:
        """Put every original back, in classes made meanwhile too; silence the rest."""
        # First of all: nothing is wrapped for a watch that is silent, in whichever thread.
        self.silence()
        for cls, _ in self._classes.living():
            restore(cls)  # type: ignore[arg-type]
        self._classes.clear()
        for cls in with_subclasses(object):
            # A class made of another's methods (`dataclass(slots=True)`), of which nobody told.
            if not METHODS.keys().isdisjoint(cls.__dict__) and is_patched(cls):
                restore(cls)
        while self._cells:
            restore_cell(self._cells.pop())

    def _patch_display(self, cls: type) -> None:
        for maker in MAKERS:
            if patch_attribute(cls, maker, self._display):
                self._classes.set(cls, None)

    def _patch_calibration(self) -> None:
        with self._failsafe.guard("patch a function"):
            function, display = take_in_calibration()
            self._patch_function(function, self._metric)
            self._patch_display(display)

    def _patch_importance(self) -> None:
        with self._failsafe.guard("patch a function"):
            function = getattr(sys.modules[IMPORTANCE_MODULE], IMPORTANCE)
            self._patch_function(function, self._validation)

    def _patch_imbalanced(self) -> None:
        with self._failsafe.guard("patch a function"):
            for function in imbalanced_metrics.metric_functions():
                self._patch_function(function, self._reports.get(function.__name__, self._metric))

    def _patch_function(self, function: FunctionType, watch: Watch) -> None:
        cell = _innermost_cell(function)
        if cell is not None:
            patch_cell(cell, watch)
            self._cells.append(cell)

    def _patch_owner(self, owner: type) -> None:
        """Patch the methods that `owner` itself defines, and the classes derived from it later."""
        if owner.__name__ == _FROZEN and owner.__module__.startswith("sklearn."):
            return  # its fit trains nothing, and the rest it hands on to what it holds
        for name in list(owner.__dict__):
            watch = self._new_class if name == _NEW_CLASS else self._watches.get(_kind(name) or "")
            if watch is not None:
                # Before it is wrapped: whoever switches off meanwhile must find it.
                self._classes.set(owner, None)
                patch_attribute(owner, name, watch)

    @in_between
    def _on_new_class(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        # scikit-learn's own hook exchanges `transform` when its turn comes; only when the first
        # of the chain returns is the class as its author will find it.
        cls, creating = args[0], _creating.get()
        if any(cls is other for other in creating) or not is_estimator_class(cls):
            return original(*args, **kwargs)
        token = _creating.set((*creating, cls))
        try:
            result = original(*args, **kwargs)
        finally:
            _creating.reset(token)
        self.patch_class(cls)
        return result


def _watch_of(kind: str) -> type[OutermostWatch]:
    if kind == "predict":
        return PredictWatch
    return FitWatch if "fit" in kind else OutermostWatch


def _parallel_work(hook: LaunchHook) -> list[tuple[type, str, Watch]]:
    pool = Watch(hook.on_pool)
    return [
        (joblib.Parallel, "__call__", Watch(hook.on_parallel)),
        (threading.Thread, "start", Watch(hook.on_thread)),
        (BaseProcess, "start", Watch(hook.on_process)),
        (ThreadPoolExecutor, "submit", Watch(hook.on_submit)),
        (ProcessPoolExecutor, "submit", Watch(hook.on_submit)),
        *((Pool, name, pool) for name in POOL_METHODS),
    ]


def _kind(name: str) -> str | None:
    return METHODS.get(name) or ("predict" if name.startswith("predict") else None)


def _concerns(name: str) -> bool:
    """Whether a class whose body uses `name` may be an estimator, or change what one does."""
    return name == "get_params" or _kind(name) is not None


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
