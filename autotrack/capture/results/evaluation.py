"""What one evaluation of a candidate comes to, and what was to be evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from autotrack.capture.parallel.task_warnings import Noted
from autotrack.describe.estimator import storable
from autotrack.entities import Note
from autotrack.printable import described, plain_text
from autotrack.runtime.patterns import pattern
from autotrack.tracking.facts import Table

_ERROR = pattern(r"([A-Za-z_][\w.]*)(?:: (.*))?", re.DOTALL)
_LONGEST_NAME = 100
_LONGEST_MESSAGE = 2000
#: What an evaluation took, beside its scores.
TIMES = ("fit_time", "score_time")
# Params of a search that say what is swept: `param_grid`, `param_distributions`, `search_spaces`.
_SWEPT = ("param_", "search_space")


def measured(
    result: Mapping[str, Any], single: str = "score", failed: str | None = None
) -> dict[str, float]:
    """The numbers of an evaluation as `_fit_and_score` returns it; names as in ``cv_results_``.

    A score that has no name is called `single`, and `failed` where the fit failed.
    """
    numbers: dict[str, float] = {}
    if failed is not None and result.get("fit_error"):
        single = failed
    for part in ("test", "train"):
        scores = result.get(f"{part}_scores")
        if isinstance(scores, float):  # as most are; the other questions take longer
            numbers[f"{part}_{single}"] = float(scores)
        elif isinstance(scores, Mapping):
            for name, value in scores.items():
                numbers[f"{part}_{name}"] = float(value)
        elif isinstance(scores, Real):
            numbers[f"{part}_{single}"] = float(scores)
    for key in TIMES:
        if key in result:
            numbers[key] = float(result[key])
    return numbers


def noted(split: int, result: Any, warnings: Sequence[Noted]) -> list[Note]:
    """What came up in an evaluation: its warnings, and why it could not be fitted."""
    notes = [
        Note(split, "warning", category, text.strip()[:_LONGEST_MESSAGE])
        for category, text in warnings
    ]
    error = result.get("fit_error") if isinstance(result, Mapping) else None
    if error:
        notes.append(_error_note(split, str(error)))
    return notes


def _error_note(split: int, traceback: str) -> Note:
    lines = traceback.strip().splitlines()
    # The message may have lines of its own; those above are indented, or titles.
    last = next((n for n in reversed(range(len(lines))) if _ERROR.fullmatch(lines[n])), len(lines))
    found = _ERROR.fullmatch("\n".join(lines[last:]))
    category, message = found.groups() if found else ("Exception", traceback)
    return Note(split, "error", category, (message or "")[:_LONGEST_MESSAGE], traceback)


def candidate_name(params: Mapping[str, Any]) -> str:
    """The params of a candidate, for people."""
    text = ", ".join(f"{key}={_shown(value)}" for key, value in params.items())
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def _shown(value: Any) -> str:
    try:
        return plain_text(value if isinstance(value, str) else str(value))
    except Exception:  # noqa: BLE001 - a foreign __str__ may do anything
        return described(value)


def readable(params: Mapping[str, Any], search: object) -> dict[str, Any]:
    """The params of a search with its grid or distributions a key for each swept param."""
    found = dict(params)
    for name in [key for key in found if key.startswith(_SWEPT)]:
        grid = getattr(search, name, None)
        if isinstance(grid, Mapping):
            del found[name]
            found |= _spread(name, grid)
        elif isinstance(grid, Sequence) and grid and all(isinstance(g, Mapping) for g in grid):
            del found[name]
            for number, part in enumerate(grid):
                found |= _spread(f"{name}__{number}", part)
    return found


def _spread(name: str, grid: Mapping[Any, Any]) -> dict[str, Any]:
    return {f"{name}__{key}": _choices(value) for key, value in grid.items()}


def _choices(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    elif isinstance(value, range):
        value = list(value)
    frozen: Any = getattr(value, "dist", None)
    arguments = getattr(value, "args", None)
    if hasattr(frozen, "name") and isinstance(arguments, tuple):  # a distribution of scipy
        named = getattr(value, "kwds", {})
        given = [repr(storable(argument)) for argument in arguments]
        given += [f"{key}={storable(argument)!r}" for key, argument in named.items()]
        return f"{frozen.name}({', '.join(given)})"
    return storable(value)


def results_table(results: Mapping[str, Any]) -> Table:
    """``cv_results_`` as a table, its dictionaries of params aside."""
    columns = {key: _column(value) for key, value in results.items() if key != "params"}
    length = max((len(column) for column in columns.values()), default=0)
    columns = {key: column for key, column in columns.items() if len(column) == length}
    return Table(list(columns), [list(row) for row in zip(*columns.values(), strict=True)])


def _column(values: Any) -> list[Any]:
    if isinstance(values, np.ndarray) and values.dtype != object:
        held: list[Any] = values.tolist()  # None where it is masked
        return held
    listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return [None if value is None else storable(value) for value in listed]
