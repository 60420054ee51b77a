"""The keys of metrics: the function's name with those of its options that change its meaning."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from autotrack.capture.naming.data_names import key_text
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern

#: What scikit-learn calls the argument that holds a prediction, likeliest first; and its partner.
PREDICTIONS = (
    "y_pred",
    "y_score",
    "y_proba",
    "y_prob",
    "probas_pred",
    "pred_decision",
    "labels_pred",
    "y2",
)
_TRUTHS = ("y_true", "labels_true", "y1")
# Options that only change how the result looks, or how it is computed.
_NO_MEANING = frozenset(
    {
        "digits",
        "drop_intermediate",
        "force_finite",
        "n_jobs",
        "output_dict",
        "raise_warning",
        "random_state",
        "replace_undefined_by",
        "target_names",
        "warn_for",
        "working_memory",
        "zero_division",
    }
)
# Options whose value says it all: f1_score_macro, not f1_score_average_macro.
_SPEAK_FOR_THEMSELVES = frozenset(
    {"average", "average_method", "multi_class", "multioutput", "weights", "metric", "metric_func"}
)
_LONGEST_OPTION = 24
# Between the words of the name of a class.
_WORDS = pattern(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# What an option of a user's own function may be to be spelled out.
_PLAIN = (bool, int, float, str)


@dataclass(frozen=True, slots=True)
class Signature:
    """How a metric function takes its arguments."""

    names: tuple[str, ...]
    predictions: tuple[str, ...]
    truths: tuple[str, ...]
    data: str | None
    options: Mapping[str, Any]


@functools.cache
def signature_of(function: Callable[..., Any]) -> Signature:
    """How a metric function takes its arguments."""
    signature = inspect.signature(function)
    names = list(signature.parameters)
    predictions, data = _predictions_among(names)
    truths = tuple(name for name in _TRUTHS if name in names)
    inputs = {*predictions, *truths, data}
    options = {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if name not in inputs
        and name not in _NO_MEANING
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    return Signature(tuple(names), predictions, truths, data, options)


def _predictions_among(names: list[str]) -> tuple[tuple[str, ...], str | None]:
    """The parameters that may hold a prediction, and the one that holds what it is made of."""
    if predictions := tuple(name for name in PREDICTIONS if name in names):
        return predictions, None
    if "labels" in names:  # silhouette_score(X, labels) and its kin
        return ("labels",), "X"
    # auc of a curve
    return (("x", "y") if names[:2] == ["x", "y"] else ()), None


def judges_predictions(function: FunctionType) -> bool:
    """Whether a function of ``sklearn.metrics`` judges predictions (and not, say, distances)."""
    # All of them are asked when tracking is switched on; a signature takes ten times as long.
    inner: Any = inspect.unwrap(function)
    if not isinstance(inner, FunctionType):
        return bool(signature_of(inner).predictions)
    code = inner.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return bool(_predictions_among(list(names))[0])


def metric_name(
    function: Callable[..., Any], bound: Mapping[str, Any], signature: Signature | None = None
) -> str:
    """The function's name with those of its options that change what the number means."""
    options = (signature or signature_of(function)).options
    if options.keys().isdisjoint(bound):
        return function.__name__
    return function.__name__ + "".join(
        f"_{key_text(_option(name, bound[name]))}"
        for name, default in options.items()
        if name in bound
        and not _is_default(bound[name], default)
        # What scorers say to mean no class in particular.
        and not (name == "pos_label" and bound[name] is None)
    )


def own_name(function: Callable[..., Any], options: Mapping[str, Any]) -> str:
    """The name of a function of the user's with what it was given beside truth and prediction.

    A partial has the name of what it wraps, any other callable that of its class.
    """
    held: Any = function
    while isinstance(held, functools.partial):
        held, options = held.func, {**held.keywords, **options}
    chosen = "".join(
        f"_{key_text(_option(name, value) if isinstance(value, _PLAIN) else name)}"
        for name, value in options.items()
        if value is not None
    )
    name = getattr(held, "__name__", None)
    return key_text(name or _WORDS.sub("_", type(held).__name__).lower()) + chosen


def _is_default(value: object, default: object) -> bool:
    if value is default:
        return True
    return (
        isinstance(value, bool | str | int | float)
        and isinstance(value, bool) == isinstance(default, bool)
        and value == default
    )


def _option(name: str, value: Any) -> str:
    if name == "sample_weight":
        return name
    if value is True or getattr(value, "ndim", 0) > 1:
        return name  # a matrix, such as counts that are known already, is data
    if callable(value):
        text = str(getattr(value, "__name__", type(value).__name__))
    else:
        array = np.asarray(value)
        text = "_".join(map(str, array.ravel().tolist())) if array.ndim else str(value)
        if len(text) > _LONGEST_OPTION:
            text = f"{len(array)}" if array.ndim else text[:_LONGEST_OPTION]
    return text if name in _SPEAK_FOR_THEMSELVES else f"{name}_{text}".lower()
