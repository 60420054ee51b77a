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
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autotrack.crates.columns import family
from autotrack.describe.profile import MOST_COLUMNS

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


def made_up(schema: Mapping[str, Any]) -> Rows:
    """Rows that look like what `schema` describes; empty where it says too little.

    Parameters
    ----------
    schema : mapping
        As :func:`autotrack.describe.profile.profile` gives it.

    Returns
    -------
    dict
        JSON's values only.
    """
    columns, shape = schema.get("columns") or [], schema.get("shape") or []
    kind = str(schema.get("kind", ""))
    if kind.startswith("scipy.sparse"):
        return _made_up_sparse(schema)
    if len(shape) == 1 and [column["dtype"] for column in columns] in (["str"], ["object"]):
        return {"rows": [_TEXT, f"{_TEXT}, and another"]}
    if len(shape) != 2 or shape[1] != len(columns) or len(columns) > MOST_COLUMNS:
        return {}
    count = _COUNT if len(columns) <= _WIDE else _FEW
    made = [_values(column, place, count) for place, column in enumerate(columns)]
    if all(column["name"] is None for column in columns):
        return {"rows": [list(row) for row in zip(*made, strict=True)]}
    names = [column["name"] for column in columns]
    if len(set(names)) < len(names) or None in names:
        return {}
    return {"columns": dict(zip(names, made, strict=True))}


def _values(column: Mapping[str, Any], place: int, count: int) -> list[Any]:
    """The values of a column, shifted by its place so that rows do not hang together."""
    what, levels = family(column), column.get("levels")
    if levels:
        values = [levels[(place + step) % len(levels)] for step in range(count)]
    elif what == "number":
        values = _numbers(column, place, count)
    elif what == "truth":
        values = [(place + step) % 2 == 0 for step in range(count)]
    elif what == "time":
        values = [column.get("minimum", _TIME)] * count
    else:
        values = [_TEXT] * count
    if column.get("nulls"):
        values[(place + 1) % count] = None
    return values


def _numbers(column: Mapping[str, Any], place: int, count: int) -> list[Any]:
    low, high = column.get("minimum", 0.0), column.get("maximum", 1.0)
    whole = isinstance(low, int) and isinstance(high, int)
    parts = (((place + step) % count + 1) / (count + 1) for step in range(count))
    points = [low + (high - low) * part for part in parts]
    if whole:
        return [round(point) for point in points]
    # So few digits that it is nobody's number, and still one within the range.
    digits = 2 - math.floor(math.log10(high - low)) if 0 < high - low < math.inf else 6
    return [float(round(point, digits)) for point in points]


def _made_up_sparse(schema: Mapping[str, Any]) -> Rows:
    rows, columns = schema["shape"]
    if not rows or not columns:
        return {}
    places = sorted({int(columns * part) for part in (0.1, 0.5, 0.9)})
    return {
        "sparse": [[row, place, 1.0] for row in range(_FEW) for place in places],
        "shape": [_FEW, columns],
    }


# -- as the model takes it ------------------------------------------------------------------------


def as_input(example: Rows, schema: Mapping[str, Any]) -> Any:
    """The rows of an example in the kind of container that training had."""
    if "sparse" in example:
        from scipy.sparse import csr_array, csr_matrix

        rows, columns, values = zip(*example["sparse"], strict=True)
        make = csr_array if "array" in schema["kind"] else csr_matrix
        kind = np.dtype(schema.get("dtype", "float64"))
        return make((np.asarray(values, dtype=kind), (rows, columns)), shape=example["shape"])
    if "columns" in example:
        return _as_frame(example["columns"], schema)
    rows = example["rows"]
    if rows and isinstance(rows[0], str):
        return rows
    kind = schema.get("dtype", "object")
    filled = [[np.nan if value is None else value for value in row] for row in rows]
    return np.asarray(filled, dtype=kind if not str(kind).startswith("<U") else None)


def _as_frame(columns: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    facts = schema["columns"]
    if str(schema["kind"]).startswith("polars"):
        import polars

        return polars.DataFrame(dict(columns), strict=False)
    import pandas

    names = [int(c["name"]) if c.get("label") == "int" else c["name"] for c in facts]
    if {column["dtype"] for column in facts} == {"float64"}:
        # One block, which takes a hundredth of the time of as many columns.
        values = np.array([columns[column["name"]] for column in facts], dtype=np.float64)
        return pandas.DataFrame(values.T, columns=names)
    held = (_as_values(columns[column["name"]], column) for column in facts)
    return pandas.DataFrame(dict(zip(names, held, strict=True)))


def _as_values(values: list[Any], column: Mapping[str, Any]) -> Any:
    """What becomes a column of a frame, of the type that training had as far as that can be."""
    import pandas

    dtype, what, gaps = column["dtype"], family(column), None in values
    if dtype == "category" and "levels" in column:
        kind = pandas.CategoricalDtype(column["levels"], ordered=bool(column.get("ordered")))
        return pandas.Categorical(values, dtype=kind)
    if what == "time" and dtype != "object":
        return pandas.to_datetime(pandas.Series(values)).astype(dtype)
    if what == "number" and dtype.islower():
        return np.asarray(values, dtype="float64" if gaps else dtype)
    if dtype == "bool" and not gaps:
        return np.asarray(values, dtype=bool)
    if dtype == "object" and gaps and column.get("gap") != "None":
        values = [np.nan if value is None else value for value in values]
    try:
        return pandas.Series(values, dtype=dtype)
    except (TypeError, ValueError):  # a dtype that this pandas does not know
        return pandas.Series(values, dtype=object)


# -- what the model says to it --------------------------------------------------------------------


def answers(model: Any, data: Any) -> dict[str, dict[str, Any]]:
    """What the methods of `model` return for `data`, and of which dtype and shape that is.

    The model and all random states are left as they were, and nobody is warned of anything.

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
    with untouched(model), contextlib.suppress(Exception):  # made-up rows may be none for it
        started = time.perf_counter()
        found[first] = answer(getattr(model, first)(data))
        if further and time.perf_counter() - started <= _QUICK:
            found[further] = answer(getattr(model, further)(data))
    labels = getattr(model, "classes_", None)
    if isinstance(labels, np.ndarray) and labels.ndim == 1 and first in found:
        if further == "predict_proba":
            likely = {"dtype": "float64", "shape": [None, len(labels)]}
            found.setdefault(further, likely)
        for output in found.values():
            output["labels"] = labels.tolist()
    return found


def answer(output: Any) -> dict[str, Any]:
    """What a method returned, as JSON's values.

    Raises
    ------
    TypeError
        If it is neither an array nor a frame.
    """
    if hasattr(output, "toarray"):
        output = output.toarray()
    if isinstance(output, list):
        output = np.stack([np.asarray(part) for part in output])
    values = np.asarray(output)
    if values.ndim == 0 or values.dtype.names is not None:
        raise TypeError(f"a {type(output).__name__} is no prediction that can be kept")
    kept = values.astype(str) if values.dtype.kind in "OUSmM" else values
    return {
        "dtype": str(values.dtype),
        "shape": [None, *values.shape[1:]],
        "example": kept.tolist(),
    }


@contextlib.contextmanager
def untouched(model: Any) -> Iterator[None]:
    """A block in which a model is asked something, and which leaves no trace on it.

    Neither on the random states that it draws from, be they its own or everybody's.
    """
    parts = list(_estimators(model, _DEEPEST))
    before = [(part, dict(vars(part))) for part in parts]
    own = [value for _, held in before for value in held.values()]
    states = [
        (state, state.get_state()) for state in own if isinstance(state, np.random.RandomState)
    ]
    numpys, pythons = np.random.get_state(), random.getstate()
    # Filters of warnings are the process's: two threads that leave such a block in another order
    # than they entered it would leave them as they should not be.
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for part in parts:
                if vars(part).get("verbose"):
                    vars(part)["verbose"] = 0
            yield
        finally:
            random.setstate(pythons)
            np.random.set_state(numpys)
            for state, then in states:
                state.set_state(then)
            for part, attributes in before:
                _put_back(vars(part), attributes)


_lock = threading.Lock()
_DEEPEST = 6
# Beyond this many in one list, such as the trees of a forest, they are alike and have no voice.
_MOST_PARTS = 32


def _estimators(model: Any, deepest: int) -> Iterator[Any]:
    """The model and the estimators in it."""
    if not hasattr(model, "__dict__") or not hasattr(model, "get_params") or not deepest:
        return
    yield model
    for value in vars(model).values():
        several = isinstance(value, list | tuple) and len(value) <= _MOST_PARTS
        for part in value if several else (value,):
            for inner in part if isinstance(part, tuple) else (part,):
                yield from _estimators(inner, deepest - 1)


def _put_back(now: dict[str, Any], before: dict[str, Any]) -> None:
    if now.keys() != before.keys() or any(now[name] is not before[name] for name in before):
        now.clear()
        now.update(before)
