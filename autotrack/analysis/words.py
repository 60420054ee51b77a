"""How lists and trees of runs tell of them: what a run is of, what differs, what is told first.

The words are the same in the terminal and on pages. Nothing is recorded by them: a name that the
user gave stands as it is.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern

_MODULE_PATH = pattern(r"[a-zA-Z_]\w*(\.\w+)+")
_CALL = pattern(r"([A-Za-z_]\w*): ([\s\S]+)")
_PLACES = frozenset({"index", "best_index", "iter", "n_resources", "n_candidates"})
_TIMES = ("fit_time", "score_time", "refit_time")
_PARTS = ("se_", "std_", "n_", "split_", "rank_")
#: Of which values of which calls the best one is told.
_HEADLINES = {"validation_curve": "mean_test_", "permutation_importance": "importances_mean"}
# What is said by the name already, or of how rather than of what.
_HOW = frozenset({"cv", "n_jobs", "verbose", "refit", "scoring", "estimator", "steps", "memory"})
_OPERATORS = {"Sum": " + ", "Product": " * "}
_DEEPEST = 12


class Row(Protocol):
    """A run with what it recorded."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def kind(self) -> str:
        """``fit``, ``search``, ``candidate`` and so on."""

    @property
    def params(self) -> Mapping[str, Any]:
        """What was set."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """The last value of each."""

    @property
    def tags(self) -> Mapping[str, str]:
        """What else is said of it."""


def title(row: Row) -> str:
    """What a run is of: ``cross_val_score of GridSearchCV over Ridge``.

    Of a candidate of a halving search also its iteration. A name of the user's own stays.
    """
    if row.kind == "candidate":
        iteration = row.metrics.get("iter")
        return row.name if iteration is None else f"{row.name}, iteration {iteration:g}"
    inner = row.params.get("estimator")
    over = f" over {inner}" if isinstance(inner, str) and inner.isidentifier() else ""
    called = _CALL.fullmatch(row.name)
    if called is not None and row.kind == "search":
        return f"{called[1]} over {called[2]}"
    if called is not None and row.kind == "validation":
        return f"{called[1]} of {called[2]}{over}"
    is_own = row.name != row.tags.get("estimator", "").rpartition(".")[2]
    return row.name if is_own or row.kind not in ("fit", "search") else f"{row.name}{over}"


# -- params -----------------------------------------------------------------------------------


def short_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """The params with each kernel of a Gaussian process as one formula."""
    found: dict[str, Any] = {}
    folded: list[str] = []
    for key, value in params.items():
        if key.rpartition("__")[2] == "kernel" and any(k.startswith(f"{key}__") for k in params):
            found[key] = Formula(_kernel(params, key))
            folded.append(f"{key}__")
        else:
            found[key] = value
    return {k: v for k, v in found.items() if not k.startswith(tuple(folded) or "\0")}


class Formula(str):
    """A kernel, which stands without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str.__str__(self)


def _kernel(params: Mapping[str, Any], key: str, depth: int = 0) -> str:
    name = str(params.get(key, "?"))
    if name in _OPERATORS and depth < _DEEPEST:
        parts = [_kernel(params, f"{key}__{part}", depth + 1) for part in ("k1", "k2")]
        text = _OPERATORS[name].join(parts)
        return f"({text})" if name == "Sum" and depth else text
    start = f"{key}__"
    own = {k.removeprefix(start): v for k, v in params.items() if k.startswith(start)}
    inner = ", ".join(f"{k}={described(v)}" for k, v in sorted(own.items()) if "__" not in k)
    return f"{name}({inner})"


def swept(rows: Iterable[Row]) -> set[tuple[str, str]]:
    """Kind and key of the params whose values differ among the runs of a kind that have them."""
    values: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for key, value in short_params(row.params).items():
            values.setdefault((row.kind, key), set()).add(described(value, sys.maxsize))
    return {found for found, held in values.items() if len(held) > 1}


def ordered_params(row: Row, differing: Collection[tuple[str, str]]) -> dict[str, Any]:
    """The params, those first that tell a run from the others beside it, then the last step's.

    Behind the rest stands what the name says as well, how a thing was computed, and paths of
    modules.
    """
    params = short_params(row.params)
    steps = row.name.rpartition(": ")[2].split(" > ")
    last = next((key for key, value in params.items() if value == steps[-1]), None)
    step = f"{last}__" if last is not None and len(steps) > 1 else None

    def place(key: str) -> int:
        value = params[key]
        if key == "estimator":  # which the name says
            return 4
        if row.kind == "candidate" or (row.kind, key) in differing:
            return 0
        if key.startswith("best_"):
            return 1
        if key.rpartition("__")[2] in _HOW or (isinstance(value, str) and value in steps):
            return 4
        if type(value) is str and _MODULE_PATH.fullmatch(value):
            return 4
        if step is not None:
            return 2 if key.startswith(step) or f"__{step}" in key else 3
        return 2 if "__" not in key else 3

    return {key: params[key] for key in sorted(params, key=place)}


# -- metrics ----------------------------------------------------------------------------------


def telling(metrics: Mapping[str, float]) -> list[str]:
    """The keys of metrics, those first that say how good a run was.

    Parts of a mean (its error, its splits) are left out; places, ranks and times stand last.
    """
    means = {key.removeprefix("mean_") for key in metrics if key.startswith("mean_")}
    # Runs of before the number of splits was kept have the error beside the mean.
    known = {name for name in means if f"n_{name}" in metrics}
    left_out = {f"{part}{name}" for part in ("std_", "n_", "split_") for name in means}
    left_out |= {f"se_{name}" for name in known}
    if "importances_mean" in metrics:
        left_out.add("importances_std")
    kept = [key for key in metrics if key not in left_out]
    return sorted(kept, key=worth_order)


def worth_order(key: str) -> tuple[int, str]:
    """By what metrics are sorted: how much they say of how good a run was."""
    if is_behind(key):
        return 5, ""
    if key == "best_score":
        return 0, ""
    if key.startswith("mean_test_") or key == "importances_mean":
        return 1, ""
    if key.startswith(("train_", "mean_train_")):
        return 4, ""
    if key.startswith(_PARTS):
        return 4, ""
    return 3, together(key)


def is_behind(key: str) -> bool:
    """Whether a metric is a place, a rank or a time, and says nothing of how good a model is."""
    return key in _PLACES or key.endswith(_TIMES) or key.startswith("rank_")


def together(key: str) -> str:
    """By what keys are sorted so that scores of ``X_test`` and ``X_test_scaled`` stand together."""
    return key.removeprefix("X_").partition("_")[0]


@dataclass(frozen=True, slots=True)
class BestPoint:
    """The best of the values that a curve or a permutation importance has, and where it is."""

    metrics: Mapping[str, float]
    where: str


def best_point(row: Row, history: Callable[[str], Sequence[float]]) -> BestPoint | None:
    """The metrics of a run with the best point of its curve for the last one.

    Parameters
    ----------
    row : run
    history : callable
        Gives the values that a metric has had, by its key.
    """
    function = row.name.partition(":")[0]
    if row.kind != "validation" or function not in _HEADLINES:
        return None
    keys = [key for key in row.metrics if key.startswith(_HEADLINES[function])]
    metrics, where = dict(row.metrics), ""
    for key in keys:
        values = history(key)
        finite = [(value, place) for place, value in enumerate(values) if math.isfinite(value)]
        if len(values) < 2 or not finite:
            continue
        _, at = max(finite, key=_value)
        # Of the same point its error, and what training had there.
        name = key.removeprefix("mean_test_")
        for beside in (key, f"se_test_{name}", f"mean_train_{name}", f"se_train_{name}"):
            if beside in metrics and len(held := history(beside)) == len(values):
                metrics[beside] = held[at]
        where = where or _where(row.params, at, len(values))
    return BestPoint(metrics, where)


def _value(pair: tuple[float, int]) -> float:
    return pair[0]


def _where(params: Mapping[str, Any], at: int, count: int) -> str:
    varied, values = params.get("param_name"), params.get("param_range")
    if isinstance(varied, str) and isinstance(values, list) and len(values) == count:
        return f"at {varied}={described(values[at])}"
    return f"the best of {count:,}"
