"""Kept predictions as one table: a Parquet file, or an ``.npz`` where there is no pyarrow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from autotrack.runtime.dataclass import dataclass
from autotrack.store.predictions.evaluation import (
    CANDIDATE,
    GROUP,
    ROW,
    SPLIT,
    TRUTH,
    Array,
    Kept,
)
from autotrack.store.predictions.journal import kept_of, parts_of

PARQUET, NPZ = ".parquet", ".npz"
_ABOUT = b"autotrack"
_FIRST = (CANDIDATE, SPLIT, ROW, GROUP)


def suffix() -> str:
    """The ending of the file that can be written here."""
    return PARQUET if find_spec("pyarrow") is not None else NPZ


def write(path: Path, parts: Callable[[], Iterable[Kept]]) -> None:
    """Write what `parts` gives, which is asked twice: for its columns, and for their content."""
    layout = _layout(parts())
    if path.suffix == PARQUET:
        _write_parquet(path, parts(), layout)
        return
    with open(path, "wb") as file:
        np.savez_compressed(file, **parts_of(_together(parts(), layout)))


def read(path: Path) -> Kept:
    """The whole table."""
    if path.suffix == PARQUET:
        import pyarrow.parquet as pq

        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {}).get(_ABOUT, b"{}"))
        columns = {name: _array(table.column(name)) for name in table.column_names}
        return Kept(columns, about.get("classes", []), about.get("keys", {}))
    with np.load(path, allow_pickle=False) as parts:
        return kept_of(parts)


def joined(parts: Sequence[Kept]) -> Kept:
    """Several evaluations as one table; what one of them lacks is NaN, or an empty text."""
    return _together(parts, _layout(parts))


@dataclass(frozen=True, slots=True)
class _Layout:
    """The columns with their types, those that say which row it is first; and all classes."""

    kinds: Mapping[str, np.dtype[Any]]
    classes: Sequence[Any]
    keys: Mapping[str, str]


def _layout(parts: Iterable[Kept]) -> _Layout:
    kinds: dict[str, np.dtype[Any]] = {}
    keys: dict[str, str] = {}
    counts: dict[str, int] = {}
    classes: list[Any] = []
    total = 0
    for part in parts:
        total += 1
        keys |= part.keys
        for name, array in part.columns.items():
            kinds[name] = _common(kinds.get(name), array.dtype)
            counts[name] = counts.get(name, 0) + 1
        if part.classes and list(part.classes) != classes:
            classes = sorted({*classes, *part.classes}, key=_order)
    for name, kind in list(kinds.items()):
        if counts[name] < total and kind.kind in "biu":
            kinds[name] = np.dtype(np.float64)
    order = [*(n for n in _FIRST if n in kinds), *(n for n in kinds if n.startswith(TRUTH))]
    rest = [name for name in kinds if name not in order]
    places = {str(label): n for n, label in enumerate(classes)}
    # Columns of classes in the order of these, of whichever evaluation they came from.
    rest.sort(key=lambda name: _place(name, places))
    return _Layout({name: kinds[name] for name in [*order, *rest]}, classes, keys)


_METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


def _place(name: str, places: Mapping[str, int]) -> tuple[int, int, str]:
    longest = max((m for m in _METHODS if name.startswith(m)), key=len, default="")
    method = _METHODS.index(longest) if longest else len(_METHODS)
    return method, places.get(name.removeprefix(longest).removeprefix("_"), -1), name


def _order(label: Any) -> tuple[str, Any]:
    return ("text", label) if isinstance(label, str) else ("number", label)


def _common(known: np.dtype[Any] | None, new: np.dtype[Any]) -> np.dtype[Any]:
    return new if known is None else np.promote_types(known, new)


def _missing(length: int, kind: np.dtype[Any]) -> Array:
    return np.full(length, np.nan if kind.kind == "f" else np.zeros((), kind).item(), kind)


def _together(parts: Iterable[Kept], layout: _Layout) -> Kept:
    return Kept(_columns(parts, layout.kinds), layout.classes, layout.keys)


def _columns(parts: Iterable[Kept], kinds: Mapping[str, np.dtype[Any]]) -> dict[str, Array]:
    found: dict[str, list[Array]] = {name: [] for name in kinds}
    for part in parts:
        length = len(part.columns[ROW])
        for name, kind in kinds.items():
            array = part.columns.get(name)
            found[name].append(
                _missing(length, kind) if array is None else array.astype(kind, copy=False)
            )
    return {
        name: np.concatenate(arrays) if arrays else np.empty(0, kinds[name])
        for name, arrays in found.items()
    }


def _write_parquet(path: Path, parts: Iterable[Kept], layout: _Layout) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [
        (name, pa.string() if kind.kind == "U" else pa.from_numpy_dtype(kind))
        for name, kind in layout.kinds.items()
    ]
    about = json.dumps({"classes": list(layout.classes), "keys": dict(layout.keys)})
    schema = pa.schema(fields).with_metadata({_ABOUT: about})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in _gathered(parts):
            columns = _columns(part, layout.kinds)
            arrays = [pa.array(columns[name], type=kind) for name, kind in fields]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


# So many rows are a row group.
_GROUP = 100_000


def _gathered(parts: Iterable[Kept]) -> Iterator[list[Kept]]:
    """Evaluations of some size together: a row group each would be large for small ones."""
    waiting: list[Kept] = []
    rows = 0
    for part in parts:
        waiting.append(part)
        rows += len(part.columns[ROW])
        if rows >= _GROUP:
            yield waiting
            waiting, rows = [], 0
    if waiting:
        yield waiting


def _array(column: Any) -> Array:
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array(column.to_pylist(), dtype=np.str_)
    array: Array = column.to_numpy()
    return array
