"""Rows that were made up at packing, and what a model says to them, wherever its crate is opened.

This file runs as a script as well, in an interpreter that has no autotrack, so nothing of autotrack
is imported here. As a script it reads one JSON object from standard input (``file``, ``storage``,
``sha256``, ``objects``, ``trusted``, ``schema``, ``example``, ``methods``, ``tries``), loads the
model and writes one to standard output: ``answers`` by method and, where there are no methods, the
first of the ``tries`` that answered, as ``tried``; or ``error``.
"""

from __future__ import annotations

import functools
import hashlib
import io as _io
import json
import os
import pickle
import re
import stat
import sys
import traceback
from collections.abc import Mapping
from typing import Any

import numpy as np

# Compiled when they are first used, as `autotrack.runtime.patterns` would do it.
_NUMBER = r"(?i:(u?int|float|longdouble|Decimal)\d*)"
_TEXT = r"str|string|String|<U\d+|StringDType\(\)"
#: Families of values by what pandas says that a column of objects holds.
FAMILIES = {
    "str": "text",
    "bool": "truth",
    "empty": "nothing",
    "date": "time",
    "datetime": "time",
    "datetime64": "time",
    **dict.fromkeys(("integer", "floating", "mixed-integer-float", "decimal"), "number"),
}


def family(column: Mapping[str, Any]) -> str:
    """What kind of values a column of the training data had; empty where that is not known."""
    return family_of(column["dtype"], column.get("values", ""))


@functools.lru_cache(maxsize=1000)  # it is asked of each column of each model
def family_of(dtype: str, values: str) -> str:
    """As :func:`family`, of a column of this dtype that holds `values`."""
    if dtype == "object":
        return FAMILIES.get(values, "")
    if dtype in ("category", "Categorical", "Enum"):
        return "category"
    if dtype.lower() in ("bool", "boolean"):
        return "truth"
    if dtype.lower().startswith(("datetime", "date")):
        return "time"
    if re.fullmatch(_TEXT, dtype):
        return "text"
    return "number" if re.fullmatch(_NUMBER, dtype) else ""


# -- as the model takes it ------------------------------------------------------------------------


def as_input(example: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """The rows of an example in the kind of container that training had."""
    if "sparse" in example:
        from scipy.sparse import csr_array, csr_matrix

        rows, columns, values = zip(*example["sparse"], strict=True)
        make = csr_array if "array" in schema["kind"] else csr_matrix
        kind = np.dtype(schema.get("dtype", "float64"))
        return make((np.asarray(values, dtype=kind), (rows, columns)), shape=example["shape"])
    if "columns" in example:
        frame = _as_frame(example["columns"], schema)
        return _as_arrow(frame, schema) if str(schema["kind"]).startswith("pyarrow.") else frame
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


def _as_arrow(frame: Any, schema: Mapping[str, Any]) -> Any:
    """A frame as the table, or the batch of rows, that training had."""
    import pyarrow

    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    return table.to_batches()[0] if schema["kind"] == "pyarrow.RecordBatch" else table


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
        raise TypeError(f"a {type(output).__name__} is not a prediction that can be kept")
    kept = values.astype(str) if values.dtype.kind in "OUSmM" else values
    return {
        "dtype": str(values.dtype),
        "shape": [None, *values.shape[1:]],
        "example": kept.tolist(),
    }


# -- elsewhere ------------------------------------------------------------------------------------


def _load(
    file: str, sha256: str | None, storage: str, objects: int, trusted: list[str] | None
) -> Any:
    """Load the file of this digest: the bytes that are digested, and no others."""
    if not stat.S_ISREG(os.lstat(file).st_mode):
        raise ValueError("the file of the model is none")
    with open(file, "rb") as stream:
        content = stream.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError("the file of the model was exchanged meanwhile")
    if storage == "skops":
        from skops import io

        if not content.startswith(b"PK\x03\x04"):  # an archive can be hidden in a pickle
            raise ValueError("the model is not a file of skops")
        # None: whatever is in it.
        asked = io.get_untrusted_types(data=content) if trusted is None else trusted
        return io.loads(content, trusted=asked)
    unpickler = pickle.Unpickler(_io.BytesIO(content))
    for _ in range(objects):
        unpickler.load()
    return unpickler.load()


def _tried(model: Any, asked: Mapping[str, Any]) -> str:
    """The first method that says something to made-up rows, which may be none for it."""
    for name in asked.get("tries", ()):
        try:
            answer(getattr(model, name)(as_input(asked["example"], asked["schema"])))
        except ImportError:  # which no rows are the reason of
            raise
        except Exception:  # noqa: BLE001 - a foreign method may raise anything
            continue
        return str(name)
    return ""


def main() -> None:
    """Load the model that standard input names, and ask it."""
    sys.modules["autotrack"] = None  # type: ignore[assignment]  # whoever imports it fails
    asked = json.load(sys.stdin)
    output, sys.stdout = sys.stdout, sys.stderr  # what a model prints is no answer
    try:
        about = (asked["file"], asked.get("sha256"), asked["storage"], asked["objects"])
        model = _load(*about, asked.get("trusted", []))
        data = as_input(asked["example"], asked["schema"]) if asked["methods"] else None
        found = {name: answer(getattr(model, name)(data)) for name in asked["methods"]}
        told: dict[str, Any] = {"answers": found}
        if not found and asked["example"]:
            told["tried"] = _tried(model, asked)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        last = traceback.extract_tb(error.__traceback__)[-1]
        told = {
            "error": f"{type(error).__name__}: {error}",
            "where": f"{last.filename}:{last.lineno}",
        }
    json.dump(told, output)


if __name__ == "__main__":
    main()
