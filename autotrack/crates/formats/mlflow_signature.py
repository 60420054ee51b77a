"""The schema of a crate in MLflow's words, where MLflow would not refuse valid data because of it.

MLflow holds every input against the signature before the model sees it, and its types are strict.
Where the training data itself, or a batch with other gaps, would be turned down or changed on the
way, there is no signature: the model then gets what is passed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from autotrack.schema import ColumnSchema, DataSchema

# What has no place here would be refused (categories, times with a zone, dtypes of pandas' own
# with gaps) or changed: times in other units come out in nanoseconds.
_COLUMN_TYPES = {
    "float64": "double",
    "float32": "float",
    "float16": "float",
    "int64": "long",
    "uint32": "long",
    "int32": "integer",
    "int16": "integer",
    "int8": "integer",
    "uint16": "integer",
    "uint8": "integer",
    "bool": "boolean",
    "str": "string",
    "string": "string",
    "datetime64[ns]": "datetime",
}
# What else a name may look like as a text.
_WORDS = frozenset({"true", "false", "none", "nan", "nat", "inf"})
_TEXTS = frozenset({"str", "string", "object"})


def signature(
    schema: DataSchema, outputs: Mapping[str, Any], unused: Collection[str] = ()
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Inputs and outputs for an MLmodel file; each is empty where there is nothing to be said.

    Parameters
    ----------
    schema : DataSchema
        Of the training data.
    outputs : mapping
        What each method gives, as the manifest has it.
    unused : collection of str
        Columns that the model can do without.
    """
    inputs: list[dict[str, Any]] = []
    if schema.kind == "pandas.DataFrame":
        inputs = _columns(schema.columns, unused)
    elif schema.kind == "numpy.ndarray":
        # An array with named fields is none of MLflow's tensors.
        columns = [column for column in schema.columns if column.name is None]
        dtype = schema.dtype or (columns[0].dtype if len(columns) == 1 else None)
        inputs = _tensor(dtype, schema.shape)
    return inputs, _outputs(outputs.get("predict") or {})


def _columns(columns: Sequence[ColumnSchema], unused: Collection[str]) -> list[dict[str, Any]]:
    # What MLflow cannot say of a column that nobody looks at need not be said.
    told = [column for column in columns if column.name not in unused or _column_type(column)]
    names = [column.name for column in told]
    types = [_column_type(column) for column in told]
    if None in types or len(set(names)) < len(names) or not all(map(_is_surely_text, told)):
        return []
    return [
        # As MLflow has it, what had gaps need not be there.
        {"type": kind, "name": name, "required": not (column.nulls or name in unused)}
        for name, kind, column in zip(names, types, told, strict=True)
    ]


def _column_type(column: ColumnSchema) -> str | None:
    if column.dtype == "object":
        return "string" if column.values in ("", "str") else None
    return _COLUMN_TYPES.get(column.dtype)


def _is_surely_text(column: ColumnSchema) -> bool:
    """Whether a column cannot have had a number, a tuple or a time for a name.

    The schema has every name as a text, and MLflow would look for the text in the frame.
    """
    name = column.name
    if not isinstance(name, str) or not name or column.label:
        return False
    if name[0].isalpha() or name[0] == "_":
        return name.lower() not in _WORDS
    if name[0] in "([" or (name[:4].isdecimal() and name[4:5] == "-"):
        return False
    try:
        complex(name)
    except ValueError:
        return True
    return False


def _tensor(dtype: Any, shape: Sequence[int | None] | None) -> list[dict[str, Any]]:
    """A tensor of any number of rows, if it holds numbers."""
    if not isinstance(dtype, str) or not shape:
        return []
    try:
        known = np.dtype(dtype)
    except (TypeError, ValueError):  # of pandas; of arrays with fields
        return []
    if known.kind not in "biuf":
        return []
    widths = [-1 if size is None else size for size in shape[1:]]
    spec = {"dtype": known.name, "shape": [-1, *widths]}
    return [{"type": "tensor", "tensor-spec": spec}]


def _outputs(predicted: Mapping[str, Any]) -> list[dict[str, Any]]:
    dtype, shape = predicted.get("dtype"), predicted.get("shape")
    if isinstance(dtype, str) and (dtype in _TEXTS or dtype.startswith(("<U", ">U"))):
        return [{"type": "string", "required": True}] if shape and len(shape) == 1 else []
    return _tensor(dtype, shape)
