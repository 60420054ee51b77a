"""Rows made up from a schema, and what a model says to them.

No row of the training data can be read from them: a number is a point between the smallest and
the largest that training had, a text one of the levels, chosen for each column by itself. What a
model says to them at packing is what it has to say wherever its crate is opened.

An example is ``{"columns": {name: [...]}}`` for a frame, ``{"rows": [...]}`` for an array or texts,
or ``{"sparse": [[row, column, value], ...], "shape": [rows, columns]}``.
"""

from __future__ import annotations

import contextlib
import math
import random
import sys
import threading
import time
from collections.abc import Iterator
from operator import is_
from typing import Any

import numpy as np

from autotrack.crates.verification.replay import answer, family_of
from autotrack.describe.data.profile import MOST_COLUMNS
from autotrack.runtime.forks import at_fork
from autotrack.runtime.quiet import quiet
from autotrack.schema import ColumnSchema, DataSchema

Rows = dict[str, Any]

#: As many rows as show gaps, and several levels of each column.
_COUNT = 3
# Examples of wide data have fewer rows, so that they do not take more than the model.
_WIDE = 50
_FEW = 2
_TEXT = "an example of a text"
_TIME = "2020-01-01T00:00:00"
# A second method is asked only if the first one took no longer (s): every fit waits for this.
_QUICK = 3e-4
_FIRST = ("predict", "transform", "score_samples")
_FURTHER = ("predict_proba", "decision_function")


# -- making one up --------------------------------------------------------------------------------


def made_up(schema: DataSchema) -> Rows:
    """Rows that look like what `schema` describes; empty where it says too little.

    Parameters
    ----------
    schema : DataSchema

    Returns
    -------
    dict
        JSON's values only.
    """
    columns, shape = schema.columns, schema.shape or ()
    if schema.kind.startswith("scipy.sparse"):
        return _made_up_sparse(shape)
    if len(shape) == 1 and [column.dtype for column in columns] in (["str"], ["object"]):
        return {"rows": [_TEXT, f"{_TEXT}, and another"]}
    if len(shape) != 2 or shape[1] != len(columns) or len(columns) > MOST_COLUMNS:
        return {}
    count = _COUNT if len(columns) <= _WIDE else _FEW
    made = [_values(column, place, count) for place, column in enumerate(columns)]
    if all(column.name is None for column in columns):
        return {"rows": [list(row) for row in zip(*made, strict=True)]}
    names = [column.name for column in columns]
    if len(set(names)) < len(names) or None in names:
        return {}
    return {"columns": dict(zip(names, made, strict=True))}


def _values(column: ColumnSchema, place: int, count: int) -> list[Any]:
    """The values of a column, shifted by its place so that rows do not hang together."""
    what, levels = family_of(column.dtype, column.values), column.levels
    values: list[Any]
    if levels:
        values = [levels[(place + step) % len(levels)] for step in range(count)]
    elif what == "number":
        values = _numbers(column, place, count)
    elif what == "truth":
        values = [(place + step) % 2 == 0 for step in range(count)]
    elif what == "time":
        values = [_TIME if column.minimum is None else column.minimum] * count
    else:
        values = [_TEXT] * count
    if column.nulls:
        values[(place + 1) % count] = None
    return values


def _numbers(column: ColumnSchema, place: int, count: int) -> list[Any]:
    low: Any = 0.0 if column.minimum is None else column.minimum
    high: Any = 1.0 if column.maximum is None else column.maximum
    wide, parts = high - low, count + 1
    points = [low + wide * (step % count + 1) / parts for step in range(place, place + count)]
    if type(low) is int and type(high) is int:
        return [round(point) for point in points]
    # So few digits that it is nobody's number, and still one within the range.
    digits = 2 - math.floor(math.log10(wide)) if 0 < wide < math.inf else 6
    return [round(point, digits) for point in points]


def _made_up_sparse(shape: tuple[int | None, ...]) -> Rows:
    if len(shape) != 2 or not all(shape):
        return {}
    columns: int = shape[1]  # type: ignore[assignment]
    places = sorted({int(columns * part) for part in (0.1, 0.5, 0.9)})
    return {
        "sparse": [[row, place, 1.0] for row in range(_FEW) for place in places],
        "shape": [_FEW, columns],
    }


# -- what the model says to it --------------------------------------------------------------------


def answers(model: Any, data: Any, *, draws: bool = True) -> dict[str, dict[str, Any]]:
    """What the methods of `model` return for `data`, and of which dtype and shape that is.

    The model and all random states are left as they were, and nobody is warned of anything.

    Parameters
    ----------
    model : estimator
    data : data
        Rows such as it takes.
    draws : bool
        Whether it may draw from the generators that everybody shares.

    Returns
    -------
    dict
        By method: ``dtype``, ``shape`` (rows as None), ``labels`` of classes, ``example``. Methods
        that raise are left out.
    """
    first = next((name for name in _FIRST if hasattr(model, name)), None)
    if first is None:
        return {}
    further = next((name for name in _FURTHER if first == "predict" and hasattr(model, name)), None)
    found: dict[str, dict[str, Any]] = {}
    with (
        untouched(model, draws=draws),
        contextlib.suppress(Exception),
    ):  # made-up rows may be none for it
        started = time.perf_counter()
        asked, given = (model, data) if draws or not further else _last_step(model, data)
        found[first] = answer(getattr(asked, first)(given))
        if further and time.perf_counter() - started <= _QUICK:
            found[further] = answer(getattr(asked, further)(given))
    labels = getattr(model, "classes_", None)
    if isinstance(labels, np.ndarray) and labels.ndim == 1 and first in found:
        if further == "predict_proba":
            likely = {"dtype": "float64", "shape": [None, len(labels)]}
            found.setdefault(further, likely)
        for output in found.values():
            output["labels"] = labels.tolist()
    return found


def _last_step(model: Any, data: Any) -> tuple[Any, Any]:
    """The last step of a pipeline and what it gets, so that `data` goes through the others once.

    That is all that scikit-learn's pipeline does for each method it is asked, unless metadata is
    routed through it.
    """
    if type(model) is not getattr(sys.modules.get("sklearn.pipeline"), "Pipeline", None):
        return model, data
    if sys.modules["sklearn"].get_config()["enable_metadata_routing"]:
        return model, data
    *steps, (_, last) = model.steps
    for _, step in steps:
        if step is not None and step != "passthrough":
            data = step.transform(data)
    return last, data


@contextlib.contextmanager
def untouched(model: Any, *, draws: bool = True) -> Iterator[None]:
    """A block in which a model is asked something, and which leaves no trace on it.

    Neither on the random states that it draws from, be they its own or everybody's; the latter only
    if it `draws`.
    """
    parts = list(_estimators(model, _DEEPEST))
    before = [(part, dict(vars(part))) for part in parts]
    own = [
        value
        for _, held in before
        if not _NO_ESTIMATORS.issuperset(map(type, held.values()))
        for value in held.values()
    ]
    legacy = [(one, one.get_state()) for one in own if isinstance(one, np.random.RandomState)]
    bits = [one.bit_generator for one in own if isinstance(one, np.random.Generator)]
    modern = [(one, one.state) for one in bits]
    numpys, pythons = (np.random.get_state(), random.getstate()) if draws else (None, None)
    # Two threads that leave such a block in another order than they entered it would leave
    # everybody's random states as they should not be.
    with _lock, quiet():
        try:
            for part in parts:
                if vars(part).get("verbose"):
                    vars(part)["verbose"] = 0
            yield
        finally:
            if pythons is not None and random.getstate() != pythons:
                random.setstate(pythons)
            if numpys is not None:
                np.random.set_state(numpys)
            for drawn, then in legacy:
                drawn.set_state(then)
            for generator, state in modern:
                generator.state = state
            for part, attributes in before:
                _put_back(vars(part), attributes)


_lock = threading.Lock()


def _child_after_fork() -> None:
    global _lock  # noqa: PLW0603 - a thread that a fork does not have may have held it
    _lock = threading.Lock()


at_fork(in_child=_child_after_fork)

_DEEPEST = 6
# What nearly all attributes are.
_NO_ESTIMATORS = frozenset({type(None), bool, int, float, str, np.ndarray, np.float64, np.int64})
# Beyond this many in one list, such as the trees of a forest, they are alike and have no voice.
_MOST_PARTS = 32


def _estimators(model: Any, deepest: int) -> Iterator[Any]:
    """The model and the estimators in it."""
    if not hasattr(model, "__dict__") or not hasattr(model, "get_params") or not deepest:
        return
    yield model
    if _NO_ESTIMATORS.issuperset(map(type, vars(model).values())):
        return
    for value in vars(model).values():
        several = isinstance(value, list | tuple) and len(value) <= _MOST_PARTS
        for part in value if several else (value,):
            for inner in part if isinstance(part, tuple) else (part,):
                if type(inner) not in _NO_ESTIMATORS:
                    yield from _estimators(inner, deepest - 1)


def _put_back(now: dict[str, Any], before: dict[str, Any]) -> None:
    if now.keys() != before.keys() or not all(map(is_, now.values(), before.values())):
        now.clear()
        now.update(before)
