"""What a model predicts while one evaluation scores it.

Predictions inside of a tracked call are not recorded. When they are to be kept, the evaluation says
for which rows of which model, and the patched methods note what these return.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import numpy as np

from autotrack.capture.parallel.outermost import PredictionWatch
from autotrack.runtime.in_between import in_between
from autotrack.runtime.patching import Watch, patch_attribute, unwrapped

#: The methods whose results are kept.
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


class Scoring:
    """The scoring of one model on held-out rows.

    Parameters
    ----------
    models : sequence of estimator
        The model that is scored, and those that it hands its ``score`` on to, such as the last
        step of a pipeline.
    X : array-like
        The held-out rows.
    """

    def __init__(self, models: Sequence[object], X: object) -> None:
        self.models = models
        self.X = X
        #: What each method returned first.
        self.outputs: dict[str, Any] = {}

    def asks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a method of a model is called for the held-out rows, and in no special way."""
        if not args or len(args) + len(kwargs) != 2:
            return False
        model, X = args[0], args[1] if len(args) > 1 else kwargs.get("X")
        if model is self.models[0]:
            return X is self.X
        # What a pipeline hands on was transformed.
        return any(model is other for other in self.models[1:])


# The scoring under way in this context.
_scoring: ContextVar[Scoring | None] = ContextVar("autotrack_kept_scoring", default=None)


class _Asked:
    """Whether an evaluation of this process was ever to keep its predictions."""

    ever = False


_asked = _Asked()


class PredictWatch(PredictionWatch):
    """A watch of predictions that has those of an evaluation noted as well."""

    __slots__ = ()

    @in_between
    def __call__(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `original`, recorded or not."""
        if not _asked.ever or (scoring := _scoring.get()) is None:
            return super().__call__(original, args, kwargs)
        return _note(original, args, kwargs, scoring)


@in_between
def _note(
    original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], scoring: Scoring
) -> Any:
    if not scoring.asks(args, kwargs):
        return original(*args, **kwargs)
    token = _scoring.set(None)  # what it calls itself is part of it
    try:
        output = original(*args, **kwargs)
    finally:
        _scoring.reset(token)
    name = getattr(original, "__name__", "")
    if name in METHODS and name not in scoring.outputs:
        scoring.outputs[name] = _copied(output)
    return output


def _copied(output: Any) -> Any:
    """What a scorer cannot change afterwards."""
    if isinstance(output, np.ndarray):
        return output.copy()
    return [_copied(part) for part in output] if isinstance(output, list) else output


class noting_predictions:  # noqa: N801 - a block, which reads as one
    """A block in which a model is scored, whose predictions are noted.

    A class, since what `contextlib` makes of a generator sets an attribute of every exception
    that passes, which not all of them let it.
    """

    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring

    def __enter__(self) -> None:
        self._patched: list[tuple[type, str]] = []
        with suppress(Exception):  # an odd class, of which nothing is noted then
            self._patched.extend(_patch(self._scoring.models))
        self._token = _scoring.set(self._scoring)
        _asked.ever = True

    def __exit__(self, *about: object) -> None:
        _scoring.reset(self._token)
        for owner, name in self._patched:
            setattr(owner, name, unwrapped(owner.__dict__[name]))


@in_between
def _call_plainly(
    original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return original(*args, **kwargs)


class _WorkerWatch(Watch):
    __slots__ = ()

    @in_between
    def __call__(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `original`, and note what it returns where that is asked for."""
        scoring = _scoring.get()
        if scoring is None:
            return original(*args, **kwargs)
        return _note(original, args, kwargs, scoring)


_worker_watch = _WorkerWatch(_call_plainly)


def _patch(models: Sequence[object]) -> Iterator[tuple[type, str]]:
    """Patch the methods that tracking has not, as in a worker, which tracks nothing."""
    for model in models:
        for owner in type(model).__mro__[:-1]:
            for name in METHODS:
                before = owner.__dict__.get(name)
                if before is not None and unwrapped(before) is before:  # noqa: SIM102
                    if patch_attribute(owner, name, _worker_watch):
                        yield owner, name
