"""The verbs that write into the active run: params, metrics and tags."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from autotrack.describe.estimator import is_estimator, storable, user_params
from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.store.store import Store
from autotrack.tracking.active import ActiveRun
from autotrack.tracking.api.arguments import number, text, text_mapping, whole
from autotrack.tracking.api.runs import current, still_running
from autotrack.tracking.workspace import workspace

Value = TypeVar("Value")


def writable() -> ActiveRun:
    """The active run, which can be written to; one is started if none is active."""
    return still_running(current())


def _write(active: ActiveRun, change: Callable[[Store], None]) -> None:
    """Make a change now, or when a store in trouble answers again."""
    workspace.write(active.store, change)


def log_param(key: str, value: Value) -> Value:
    """Log one param of the active run (starting one if none is active) and return `value`.

    Logging a key again replaces its value.
    """
    log_params({text(key, "the key of a param"): value})
    return value


def log_params(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Log several params of the active run and return them as they came."""
    if not isinstance(params, Mapping):
        raise InvalidValueError(
            f"params are given as a mapping of names to values, not {described(params)}"
        )
    kept = {text(key, "the key of a param"): storable(value) for key, value in params.items()}
    active = writable()
    _write(active, lambda store: store.set_params(active.run_id, kept))
    return params


def log_estimator_params(estimator: Value) -> Value:
    """Log the user-set params of an estimator, at every level of nesting, and return it.

    Raises
    ------
    InvalidValueError
        If it has no ``get_params``.
    """
    if not is_estimator(estimator):
        raise InvalidValueError(
            f"{described(estimator)} has no get_params; give an estimator "
            "(an instance, not its class)"
        )
    active = writable()
    _write(active, lambda store: store.set_params(active.run_id, user_params(estimator)))
    return estimator


def log_metric(key: str, value: Any, *, step: int | None = None) -> Any:
    """Log one measurement of the active run and return `value`.

    Parameters
    ----------
    key : str
        Name of the metric.
    value : float
        One number; NaN and infinities are kept.
    step : int, optional
        Its place in the metric's history; by default the next one.

    Raises
    ------
    InvalidValueError
        If the value is no number.
    """
    log_metrics({text(key, "the key of a metric"): value}, step=step)
    return value


def log_metrics(metrics: Any, *, step: int | None = None) -> Any:
    """Log several measurements of the active run and return them as they came.

    Parameters
    ----------
    metrics : mapping of str to float, or DataFrame
        Keys and values; or a frame as R's yardstick makes it, with the columns ``.metric``,
        ``.estimate`` and perhaps ``.estimator``, a row a metric. An ``.estimator`` other than
        ``binary`` and ``standard`` becomes part of the key (``f_meas_macro``).
    step : int, optional
        Their place in the history; by default the next one of each.

    Raises
    ------
    InvalidValueError
        If a value is no number.
    """
    at, now = whole(step, "step"), time.time()
    rows = [
        (text(key, "the key of a metric"), number(value, f"metric {described(key)}"), at, now)
        for key, value in _metric_items(metrics)
    ]
    active = writable()
    _write(active, lambda store: store.add_metrics(active.run_id, rows))
    return metrics


def _metric_items(metrics: Any) -> list[tuple[Any, Any]]:
    if isinstance(metrics, Mapping) and ".metric" not in metrics:
        return list(metrics.items())
    try:
        names, values = (_column(metrics[name]) for name in (".metric", ".estimate"))
        kinds = _column(metrics[".estimator"]) if ".estimator" in metrics else [None] * len(names)
        rows = list(zip(names, values, kinds, strict=True))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InvalidValueError(
            "metrics are given as a mapping of names to numbers, or as a frame with the columns "
            f".metric and .estimate, not as {type(metrics).__name__}"
        ) from error
    return [(f"{name}_{kind}" if _tells(kind) else name, value) for name, value, kind in rows]


def _column(values: Any) -> list[Any]:
    # A vector of length one is a scalar on its way from R.
    return [values] if isinstance(values, str | float | int) else list(values)


def _tells(kind: object) -> bool:
    return isinstance(kind, str) and kind not in ("", "binary", "standard")


def set_tag(key: str, value: Any) -> None:
    """Set a tag of the active run; the value is kept as text."""
    set_tags({text(key, "the key of a tag"): value})


def set_tags(tags: Mapping[str, Any]) -> None:
    """Set several tags of the active run; values are kept as text."""
    kept = text_mapping(tags, "tag")
    active = writable()
    _write(active, lambda store: store.set_tags(active.run_id, kept))


def delete_tag(key: str) -> None:
    """Delete a tag of the active run; one it does not have is no error."""
    active = writable()
    name = text(key, "the key of a tag")
    _write(active, lambda store: store.delete_tag(active.run_id, name))
