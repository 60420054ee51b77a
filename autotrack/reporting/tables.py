"""Every matching run as a row of a CSV or Parquet file, written as they are read."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from autotrack.errors import InvalidValueError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search import pages
from autotrack.store.search.query import Query
from autotrack.store.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK = 1000
_FIXED = ("run_id", "name", "kind", "status", "experiment", "parent_id", "start_time", "end_time")
_MORE = ("error", "findings")
#: What makes a spreadsheet take a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_QUOTED = re.compile(r'[",\r\n\0]|^\s|\s$').search
_EXTRA = "pip install 'sklearn-autotrack[parquet]'"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, the family and key of what is in it, and its type.

    `type` is ``text``, ``int``, ``float``, ``bool``, ``time`` or ``json``, which is for values of
    several types, lists and whole numbers that no 64 bits hold.
    """

    name: str
    family: str
    key: str
    type: str

    def of(self, line: pages.Line) -> Any:
        """What a run has in it; None where it has nothing."""
        if self.family:
            held: dict[str, Any] = getattr(line, self.family)
            return held.get(self.key)
        if self.name == "error":
            return None if line.error is None else f"{line.error[0]}: {line.error[1]}"
        if self.name == "findings":
            return " ".join(code for code, *_ in line.findings) or None
        return getattr(line, self.name)


def columns_of(
    connection: sqlite3.Connection, numbers: Sequence[int], wanted: Sequence[str]
) -> list[Column]:
    """The columns of some runs, or those `wanted` by their names.

    Raises
    ------
    InvalidValueError
        If there can be none of a name.
    """
    fixed = {
        name: Column(name, "", "", "time" if name.endswith("_time") else "text")
        for name in (*_FIXED, *_MORE)
    }
    asked = json.dumps(list(numbers))
    each = "FROM json_each(?) AS j CROSS JOIN {} AS t ON t.run = j.value"
    types: dict[str, set[str]] = {}
    for key, kind, is_big in connection.execute(
        "SELECT t.key, t.type, max(t.type = 'int' AND typeof(t.number) = 'real')"
        f" {each.format('params')} GROUP BY t.key, t.type",
        (asked,),
    ):
        types.setdefault(key, set()).add("big" if is_big else kind)
    found = dict(fixed)
    for key in sorted(types):
        found[f"params.{key}"] = Column(f"params.{key}", "params", key, _type(types[key]))
    for family, kind in (("metrics", "float"), ("tags", "text")):
        keys = connection.execute(
            f"SELECT DISTINCT t.key {each.format(family)} ORDER BY 1", (asked,)
        ).fetchall()
        found |= {
            f"{family}.{key}": Column(f"{family}.{key}", family, key, kind) for (key,) in keys
        }
    if not wanted:
        return list(found.values())
    for name in wanted:
        family, _, key = name.partition(".")
        if name in found:
            continue
        if family not in pages.FAMILIES or not key:
            raise InvalidValueError(
                f"there is no column {name!r:.80}; there are {', '.join(fixed)}, and params., "
                "metrics. and tags. with a key"
            )
        found[name] = Column(name, family, key, "text")  # which nobody has
    return [found[name] for name in wanted]


def _type(kinds: set[str]) -> str:
    kinds = kinds - {"none"}
    if kinds <= {"str"}:
        return "text"
    if len(kinds) == 1 and kinds <= {"bool", "int"}:
        return next(iter(kinds))
    return "float" if kinds <= {"int", "float"} else "json"


def write_csv(
    store: Store, query: Query, to: IO[str], wanted: Sequence[str], *, for_spreadsheets: bool
) -> int:
    """Write a row a run; how many they were."""
    count = 0
    harmless: Callable[[str], str] = _no_formula if for_spreadsheets else str
    with store.reading() as connection:
        numbers = [number for number, _ in pages.matching(connection, query)]
        columns = columns_of(connection, numbers, wanted)
        to.write(_row([harmless(column.name) for column in columns]))
        for lines in _chunks(connection, numbers):
            for line in lines:
                to.write(_row([_text(column.of(line), harmless) for column in columns]))
            count += len(lines)
    return count


def _row(cells: Sequence[str]) -> str:
    """A line of CSV. Python's writer leaves a carriage return as it is, which ends a line."""
    quoted = ['"' + cell.replace('"', '""') + '"' if _QUOTED(cell) else cell for cell in cells]
    return (",".join(quoted) or '""') + "\n"


def _text(value: Any, harmless: Callable[[str], str]) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else repr(value)
    if isinstance(value, bool | int):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else _json(value)


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def write_parquet(store: Store, query: Query, to: Path, wanted: Sequence[str]) -> int:
    """Write a row a run, its values as they are typed; how many they were."""
    pa, parquet = _pyarrow()
    count = 0
    with store.reading() as connection:
        numbers = [number for number, _ in pages.matching(connection, query)]
        columns = columns_of(connection, numbers, wanted)
        schema = pa.schema([_field(pa, column) for column in columns])
        with parquet.ParquetWriter(to, schema) as writer:
            for lines in _chunks(connection, numbers):
                arrays = [
                    pa.array([_typed(column.of(line), column.type) for line in lines], field.type)
                    for column, field in zip(columns, schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                count += len(lines)
    return count


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise InvalidValueError(
            f"Parquet needs pyarrow: {_EXTRA}; a name that ends in .csv does without"
        ) from error
    return pa, parquet


def _field(pa: Any, column: Column) -> pa.Field:
    types = {
        "text": pa.string(),
        "json": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    about = {"autotrack": "json"} if column.type == "json" else None
    return pa.field(column.name, types[column.type], metadata=about)


def _typed(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "json":
        return _json(value)
    if kind == "float":
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return value


def _chunks(connection: sqlite3.Connection, numbers: Sequence[int]) -> Iterator[list[pages.Line]]:
    for start in range(0, len(numbers), _CHUNK):
        yield pages.lines(connection, numbers[start : start + _CHUNK])
