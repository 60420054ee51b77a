"""What is made of a schema alone: the rows of its example, and how a manifest says both.

Models are fitted in loops on the same data, of which there is one schema, and each crate says it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.crates.manifest import as_json
from autotrack.crates.verification.example import made_up
from autotrack.runtime.dataclass import dataclass
from autotrack.schema import DataSchema

# Schemas of wide data have thousands of columns, so that only the last few are remembered.
_MOST = 4


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What a schema comes to.

    Attributes
    ----------
    schema : DataSchema
    example : dict
        Made-up rows; empty where none could be made. They are not to be changed.
    texts : dict of str to str
        Both as the text of a manifest, by field.
    values : array or None
        The rows of the example as an array, if it has columns of floats alone. It is not to be
        given away: whoever gets it may change it.
    """

    schema: DataSchema
    example: dict[str, Any]
    texts: dict[str, str]
    values: NDArray[np.float64] | None = None


_recent: list[Prepared] = []


def prepared(schema: DataSchema) -> Prepared:
    """What `schema` comes to, made when it is asked for first."""
    for known in _recent:
        if known.schema is schema:
            return known
    made = _prepare(schema)
    # A list is exchanged as a whole: other threads may look through it.
    _recent[:] = [made, *_recent[: _MOST - 1]]
    return made


def _prepare(schema: DataSchema) -> Prepared:
    try:
        example = made_up(schema)
    except Exception:  # noqa: BLE001 - a crate without an example is a crate
        example = {}
    values = None
    columns = example.get("columns")
    if columns and all(column.dtype == "float64" for column in schema.columns):
        values = np.array(list(columns.values()), dtype=np.float64).T
    texts = {"schema": as_json(schema), "example": as_json(example)}
    return Prepared(schema, example, texts, values)
