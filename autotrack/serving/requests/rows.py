"""The rows of a request -> what the model takes: the kind of data it was trained on."""

# Long because a row is read in as many ways as there are kinds of training data.

from __future__ import annotations

import importlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic_core import CoreSchema, core_schema

from autotrack.errors import InvalidValueError
from autotrack.schema import ColumnSchema, DataSchema
from autotrack.serving.requests.columns import Cell

#: Above, a row in OpenAPI names its columns no more.
_MOST_DOCUMENTED = 1000


class Rows(ABC):
    """What rows of one model look like.

    Attributes
    ----------
    names : list of str
        The fields of a row; empty where rows have none.
    width : int or None
        How many values a row has that is a list.
    """

    names: list[str]
    width: int | None = None
    #: Whether values of any kind, and so NaN, may be deep inside of a row.
    nests = False

    @abstractmethod
    def row(self, *, strict: bool = True, extra: Literal["forbid", "ignore"]) -> CoreSchema:
        """What a row may be; `extra` is what becomes of unknown fields."""

    @abstractmethod
    def build(self, rows: Sequence[Any]) -> Any:
        """The data for the model, of rows that are as they should be."""

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """A row in OpenAPI's words."""

    @abstractmethod
    def example(self) -> Any:
        """A row that is made up."""


class FrameRows(Rows):
    """Objects that name their columns; the model takes a frame."""

    def __init__(self, cells: Sequence[Cell], kind: str) -> None:
        self.names = [cell.name for cell in cells]
        if twice := {name for name in self.names if self.names.count(name) > 1}:
            raise InvalidValueError(
                f"the model was trained on several columns called {sorted(twice)}, which a JSON "
                "object cannot tell apart; train it on columns with names of their own"
            )
        self.width = len(cells)
        self._cells = list(cells)
        self._index = pd.Index(self.names, dtype=object if not cells else None)
        first = cells[0].dtype if cells else ""
        self._polars = kind.startswith("polars.")
        #: Whether it is one array with names.
        self.is_block = (
            first in ("float64", "float32")
            and all(cell.dtype == first for cell in cells)
            and not self._polars
        )

    def row(self, *, strict: bool = True, extra: Literal["forbid", "ignore"]) -> CoreSchema:
        """An object with each of the columns."""
        fields = {
            cell.name: core_schema.typed_dict_field(cell.validator(strict=strict))
            for cell in self._cells
        }
        return core_schema.typed_dict_schema(fields, extra_behavior=extra)

    def build(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """A frame with the columns and dtypes of the training data."""
        if self.is_block:
            return pd.DataFrame(self.array(rows), columns=self._index, copy=False)
        values = [list(row.values()) for row in rows]
        columns = dict(zip(self.names, zip(*values, strict=True), strict=True))
        if self._polars:
            return _polars_frame(columns, self._cells)
        return pd.DataFrame(
            {cell.name: cell.column(columns[cell.name]) for cell in self._cells}, copy=False
        )

    def array(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """What is in the frame, where all columns are floats of one size."""
        return np.array([list(row.values()) for row in rows], dtype=self._cells[0].dtype)

    def document(self) -> dict[str, Any]:
        """An object with each of the columns."""
        shown = self._cells[:_MOST_DOCUMENTED]
        return {
            "type": "object",
            "title": "Row",
            "properties": {cell.name: cell.document() for cell in shown},
            "required": [cell.name for cell in shown],
            "additionalProperties": len(self._cells) > len(shown),
        }

    def example(self) -> Any:
        """A value for each column."""
        return {cell.name: cell.example() for cell in self._cells}


class ArrayRows(Rows):
    """Lists of values; the model takes an array or a sparse matrix."""

    names: list[str] = []  # noqa: RUF012 - nothing is ever put in

    def __init__(self, cell: Cell, width: int, kind: str) -> None:
        self.width = width
        self._cell = cell
        _, _, sparse = kind.partition("scipy.sparse.")
        self._wrap: Callable[[Any], Any] | None = None
        if sparse:
            self._wrap = getattr(importlib.import_module("scipy.sparse"), sparse)

    def row(self, *, strict: bool = True, extra: Literal["forbid", "ignore"]) -> CoreSchema:
        """A list as wide as the training data."""
        cell = self._cell.validator(strict=strict)
        return core_schema.list_schema(cell, min_length=self.width, max_length=self.width)

    def build(self, rows: Sequence[Sequence[Any]]) -> Any:
        """The array."""
        if self._cell.kind == "number":
            made = np.array(rows, dtype=self._cell.dtype.lower())
        else:
            flat = [value for row in rows for value in row]
            made = _settled(self._cell.array(flat)).reshape(len(rows), -1)
        return made if self._wrap is None else self._wrap(made)

    def document(self) -> dict[str, Any]:
        """A list as wide as the training data."""
        return {
            "type": "array",
            "title": "Row",
            "items": self._cell.document(),
            "minItems": self.width,
            "maxItems": self.width,
        }

    def example(self) -> Any:
        """A list of the one value."""
        return [1.0 if self._cell.kind == "any" else self._cell.example()] * (self.width or 0)


class SequenceRows(Rows):
    """Single values, as texts are; the model takes a list, a series or a flat array."""

    names: list[str] = []  # noqa: RUF012 - nothing is ever put in

    def __init__(self, cell: Cell, kind: str) -> None:
        self._cell = cell
        self._kind = kind
        # Of `list` only the kind of the first is known, which may be a dict with anything in it.
        self.nests = cell.kind == "any"

    def row(self, *, strict: bool = True, extra: Literal["forbid", "ignore"]) -> CoreSchema:
        """A value; of texts, none that is missing, unless the training had such."""
        if self.nests:
            return core_schema.any_schema()
        whole = self._cell.kind != "text" or bool(self._cell.facts.nulls)
        return self._cell.validator(strict=strict, missing=whole)

    def build(self, rows: Sequence[Any]) -> Any:
        """The values as they were in training."""
        if self._kind == "numpy.ndarray":
            return self._cell.array(rows)
        if self._kind == "pandas.Series":
            return pd.Series(self._cell.column(rows), name=self._cell.name)
        return list(rows)

    def document(self) -> dict[str, Any]:
        """A value."""
        return {**({} if self.nests else self._cell.document()), "title": "Row"}

    def example(self) -> Any:
        """A value."""
        return {"name": 1.0} if self._cell.dtype == "dict" else self._cell.example()


class FreeRows(Rows):
    """Whatever comes, for models of whose training data nothing is known."""

    names: list[str] = []  # noqa: RUF012 - nothing is ever put in
    nests = True

    def row(self, *, strict: bool = True, extra: Literal["forbid", "ignore"]) -> CoreSchema:
        """Anything; but the rows have to go together."""
        return core_schema.any_schema()

    def build(self, rows: Sequence[Any]) -> Any:
        """Objects make a frame, lists an array, and anything else is a list."""
        if all(isinstance(row, dict) for row in rows):
            return pd.DataFrame(list(rows))
        if all(isinstance(row, list) for row in rows):
            if len({len(row) for row in rows}) > 1:
                raise ValueError("the rows are lists of several lengths")
            return _settled(np.array(rows, dtype=object))
        return list(rows)

    def document(self) -> dict[str, Any]:
        """Anything."""
        return {
            "title": "Row",
            "description": "Nothing is known of the training data. Objects make a frame, lists an "
            "array, anything else is passed on as a list.",
        }

    def example(self) -> Any:
        """A row of a frame."""
        return {"column": 1.0}


class ArgumentRows(Rows):
    """Objects that name the arguments of a function, which is called for each."""

    nests = True

    def __init__(self, parameters: Sequence[inspect.Parameter]) -> None:
        self._parameters = list(parameters)
        self.names = [parameter.name for parameter in parameters]

    def row(self, *, strict: bool = True, extra: Literal["forbid", "ignore"]) -> CoreSchema:
        """An object with the arguments; those that have a default may be left out."""
        fields = {
            each.name: core_schema.typed_dict_field(
                core_schema.any_schema(), required=each.default is each.empty
            )
            for each in self._parameters
        }
        return core_schema.typed_dict_schema(fields, extra_behavior=extra)

    def build(self, rows: Sequence[Any]) -> Any:
        """The arguments of each call."""
        return list(rows)

    def document(self) -> dict[str, Any]:
        """An object with the arguments."""
        return {
            "type": "object",
            "title": "Row",
            "properties": {name: {} for name in self.names},
            "required": [p.name for p in self._parameters if p.default is p.empty],
            "additionalProperties": False,
        }

    def example(self) -> Any:
        """Numbers."""
        return dict.fromkeys(self.names, 1.0)


class TableRows(FreeRows):
    """Objects that name the columns of an arrow table, or the fields of a structured array."""

    def __init__(self, cells: Sequence[Cell], kind: str) -> None:
        self._names = [cell.name for cell in cells]
        self._dtypes = [cell.dtype for cell in cells]
        self._kind = kind

    def row(self, *, strict: bool = True, extra: Literal["forbid", "ignore"]) -> CoreSchema:
        """An object with each of the columns, of which only the names are looked at."""
        anything = core_schema.typed_dict_field(core_schema.any_schema())
        return core_schema.typed_dict_schema(
            dict.fromkeys(self._names, anything), extra_behavior=extra
        )

    def build(self, rows: Sequence[Any]) -> Any:
        """The table or array."""
        try:
            if not self._kind.startswith("pyarrow."):
                kind = list(zip(self._names, self._dtypes, strict=True))
                return np.array([tuple(row[name] for name in self._names) for row in rows], kind)
            pyarrow = importlib.import_module("pyarrow")
            table = pyarrow.table({name: [row[name] for row in rows] for name in self._names})
        except Exception as error:
            raise ValueError(f"the rows make no {self._kind}: {error}") from error
        return table.to_batches()[0] if self._kind == "pyarrow.RecordBatch" else table

    def document(self) -> dict[str, Any]:
        """An object with each of the columns."""
        return {
            "type": "object",
            "title": "Row",
            "properties": {name: {} for name in self._names},
            "required": self._names,
            "additionalProperties": False,
        }

    def example(self) -> Any:
        """Numbers."""
        return dict.fromkeys(self._names, 1.0)


def rows_of(schema: DataSchema) -> Rows:
    """What rows look like for a model that was trained on data of this schema.

    Raises
    ------
    InvalidValueError
        If requests cannot say such data.
    """
    kind, shape = schema.kind, schema.shape or ()
    cells = [Cell(column) for column in schema.columns]
    if kind.endswith(".DataFrame") and cells:
        return FrameRows(cells, kind)
    tabular = kind in ("pyarrow.Table", "pyarrow.RecordBatch")
    has_fields = len(shape) == 1 and kind.startswith("numpy.")
    if cells and (tabular or (has_fields and schema.columns[0].name is not None)):
        return TableRows(cells, kind)
    if not kind or len(shape) not in (1, 2) or kind.endswith(".DataFrame"):
        return FreeRows()
    if len(shape) == 1:
        return SequenceRows(cells[0] if cells else Cell(ColumnSchema("", "object")), kind)
    if shape[1] is None:
        return FreeRows()
    # Of an array too wide for each column to be described only its type is known.
    dtypes = {cell.dtype for cell in cells} or {schema.dtype or "float64"}
    cell = Cell(ColumnSchema("", dtypes.pop() if len(dtypes) == 1 else "object"))
    return ArrayRows(cell, shape[1], kind)


def _settled(array: Any) -> Any:
    """An array of objects as one of floats, if it is all numbers."""
    if array.dtype != object:
        return array
    if all(value is None or isinstance(value, int | float) for value in array.flat):
        return array.astype(np.float64)
    return np.where(pd.isna(array), np.nan, array)


def _polars_frame(columns: Mapping[str, Sequence[Any]], cells: Sequence[Cell]) -> Any:
    polars = importlib.import_module("polars")
    series = []
    for cell in cells:
        made = polars.Series(cell.name, list(columns[cell.name]), strict=False)
        dtype = getattr(polars, cell.dtype, None) if cell.kind != "time" else None
        series.append(made.cast(dtype) if dtype is not None and cell.dtype != "Enum" else made)
    return polars.DataFrame(series)
