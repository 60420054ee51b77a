"""The body of a request -> rows: our own JSON, CSV, and the four shapes of MLflow's."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic_core import SchemaValidator, ValidationError, core_schema, from_json

from autotrack.serving.requests.csv_tables import MOST_MORE, Row, read_table
from autotrack.serving.requests.input_errors import BadInputError
from autotrack.serving.requests.rows import FreeRows, Rows

#: Up to this size (bytes) all that is wrong is told; above, what is wrong in the first bad row. A
#: small text can have an error in each of thousands of cells.
_TOLD_IN_FULL = 16_000
#: Columns of CSV for a model of which nothing is known.
MOST_FREE = 2000
_MLFLOW = ("dataframe_split", "dataframe_records", "instances", "inputs")


class Bodies:
    """Reads the bodies that are meant for one model."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        strict = rows.row(extra="forbid")
        # By whether all errors are told.
        self._lists = {full: _rows(strict, full) for full in (True, False)}
        self._objects = {
            full: SchemaValidator(
                core_schema.typed_dict_schema(
                    {
                        "rows": core_schema.typed_dict_field(
                            core_schema.list_schema(strict, fail_fast=not full)
                        )
                    },
                    extra_behavior="forbid",
                )
            )
            for full in (True, False)
        }
        self._mlflow = _rows(rows.row(extra="ignore"), False)
        self._csv = _rows(rows.row(strict=False, extra="ignore"), False)

    def read(self, body: bytes) -> list[Any]:
        """Rows of a body of ours: ``{"rows": [...]}``, or the list alone.

        Raises
        ------
        BadInputError
            Which says what is wrong where.
        """
        full = len(body) <= _TOLD_IN_FULL
        is_list = body[:64].lstrip()[:1] == b"["
        validator = (self._lists if is_list else self._objects)[full]
        before = ("rows",) if is_list else ()
        try:
            if self.rows.nests:
                found = validator.validate_python(_parsed(body))
            else:
                found = validator.validate_json(body)
        except ValidationError as error:
            raise BadInputError.of(error, before) from None
        rows: list[Any] = found if is_list else found["rows"]
        return rows

    def read_mlflow(self, body: bytes) -> list[Any]:
        """Rows of a body as MLflow's server takes them.

        Unknown fields are passed over, as they are there, and so are ``params``: no model here
        has any.

        Raises
        ------
        BadInputError
            Which says what is wrong where.
        """
        parsed = _parsed(body)
        given = [name for name in _MLFLOW if isinstance(parsed, dict) and name in parsed]
        if len(given) != 1:
            raise BadInputError.single(
                f"the body must be a JSON object with exactly one of {', '.join(_MLFLOW)}", ()
            )
        (shape,) = given
        data = parsed[shape]
        if shape == "dataframe_split":
            data = _from_split(data)
        elif shape == "inputs" and isinstance(data, dict):
            data = _from_columns(data, shape)
        if not isinstance(data, list):
            raise BadInputError.single("Input should be a list of rows", (shape,), "list_type")
        try:
            rows: list[Any] = self._mlflow.validate_python(self._fitting(data))
        except ValidationError as error:
            raise BadInputError.of(error, (shape,)) from None
        return rows

    def read_csv(self, body: bytes) -> list[Any]:
        """Rows of a CSV text with a header line; an empty field is a missing value.

        Raises
        ------
        BadInputError
            Which says what is wrong where.
        """
        names, width = self.rows.names, self.rows.width
        known = len(names) or width or 1
        is_free = isinstance(self.rows, FreeRows)
        header, cells = read_table(body, MOST_FREE if is_free else known + MOST_MORE)
        rows: list[Any]
        if is_free:
            # Of which kind the values are, pandas finds out; they are no wider than was checked.
            rows = pd.read_csv(io.BytesIO(body), encoding="utf-8-sig").to_dict("records")
        elif names:
            rows = _named(header, cells, names)
        elif width is not None:
            rows = cells
        else:
            rows = [row[0] for row in cells]
        try:
            found: list[Any] = self._csv.validate_python(rows)
        except ValidationError as error:
            raise BadInputError.of(error) from None
        return found

    def _fitting(self, data: list[Any]) -> list[Any]:
        """Rows that are lists, as objects if those are wanted; and the other way round."""
        names = self.rows.names
        if names and all(isinstance(row, list) and len(row) == len(names) for row in data):
            return [dict(zip(names, row, strict=True)) for row in data]
        if not names and not self.rows.nests and all(isinstance(row, dict) for row in data):
            if self.rows.width is None:  # a column of texts
                return [next(iter(row.values()), None) for row in data]
            return [list(row.values()) for row in data]
        return data


def _named(header: list[str], cells: list[Row], names: Sequence[str]) -> list[dict[str, Any]]:
    """The rows as objects, without the columns that the model does not know."""
    places: dict[str, int] = {}
    wanted = set(names)
    for place, name in enumerate(header):
        if name in wanted:
            if name in places:
                raise BadInputError.single("the header has the column twice", (name,))
            places[name] = place
    return [{name: row[place] for name, place in places.items()} for row in cells]


def _rows(row: core_schema.CoreSchema, full: bool) -> SchemaValidator:
    return SchemaValidator(core_schema.list_schema(row, fail_fast=not full))


def _parsed(body: bytes) -> Any:
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadInputError.single(f"Invalid JSON: {error}", (), "json_invalid") from None


def _from_split(data: Any) -> list[Any]:
    """``{"columns": [...], "data": [[...], ...]}`` as objects; as lists without names."""
    columns = data.get("columns") if isinstance(data, dict) else None
    rows = data.get("data") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not isinstance(columns, list | None):
        raise BadInputError.single(
            'Input should be an object with lists of "columns" and "data"', ("dataframe_split",)
        )
    if columns is None:
        return list(rows)
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise BadInputError.single(
                f"Input should be a list of {len(columns)} values, one for each column",
                ("dataframe_split", "data", number),
            )
    names = list(map(str, columns))
    return [dict(zip(names, row, strict=True)) for row in rows]


def _from_columns(data: Mapping[str, Any], shape: str) -> list[dict[str, Any]]:
    """``{"a": [1, 2], "b": [3, 4]}`` as objects; single values are one row."""
    if not any(isinstance(values, list) for values in data.values()):
        return [dict(data)]
    lengths = {len(values) if isinstance(values, list) else None for values in data.values()}
    if len(lengths) != 1 or None in lengths:
        raise BadInputError.single("the columns are not of the same length", (shape,))
    columns: list[Sequence[Any]] = list(data.values())
    return [dict(zip(data, row, strict=True)) for row in zip(*columns, strict=True)]
