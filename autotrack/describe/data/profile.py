"""What data of the same kind has to look like: names, types, gaps, ranges and levels of columns.

It goes into a model's crate, as what new data is held against. Of numbers the smallest and the
largest are kept, of columns with few, often repeated texts these texts; of free text, of whatever
tells rows apart, and of a text that one row alone has, nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import repeat
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.describe.data.dtypes import kept_text
from autotrack.describe.data.frames import Frame
from autotrack.entities import Dataset
from autotrack.runtime.weak_map import IdentityMap
from autotrack.schema import ColumnSchema, DataSchema

__all__ = ["known", "profile"]

#: Texts are levels if there are no more of them than this, each in so many rows on average.
MOST_LEVELS = 200
_REPEATED = 5
#: No level is longer than this; what is, is prose.
_LONGEST = 80
#: Categories that were declared are kept up to this number.
_MOST_DECLARED = 10_000
#: Arrays wider than this have no facts for each column.
MOST_COLUMNS = 1_000
# A column with more different texts than MOST_LEVELS nearly always shows it within so many rows.
_LOOKED_AT = 5_000
_RANGED = "iuf"

#: Arguments of a `ColumnSchema` besides the name.
Facts = dict[str, Any]


def profile(data: object, dataset: Dataset) -> DataSchema:
    """Describe what new data has to look like, for a model that was trained on `data`.

    Parameters
    ----------
    data : object
        The training input. It is not changed.
    dataset : Dataset
        What :func:`autotrack.describe.data.fingerprint.describe` says of it as it is now.

    Returns
    -------
    DataSchema
        An array of more than 1,000 columns has none; where the data cannot be looked at, of each
        column no more than name and dtype is known.
    """
    made = _made.get(data)
    if made is not None and made[0] is dataset:
        return made[1]
    schema = _profile(data, dataset)
    _made.set(data, (dataset, schema))
    return schema


# Models are fitted in loops, and all of a loop on the same data. Whether it still holds the same is
# told by its description, which is another object for data that was changed.
_made: IdentityMap[tuple[Dataset, DataSchema]] = IdentityMap()


def _profile(data: object, dataset: Dataset) -> DataSchema:
    try:
        columns, dtype = _seen(data, dataset)
    except Exception:  # noqa: BLE001 - a user's class may raise anything, from any attribute
        return known(dataset)
    if columns is None:
        columns = known(dataset).columns
    return DataSchema(dataset.kind, dataset.shape, tuple(columns), dtype)


def known(dataset: Dataset) -> DataSchema:
    """What a description alone tells: names and dtypes."""
    columns = tuple(ColumnSchema(column.name, column.dtype) for column in dataset.columns)
    return DataSchema(dataset.kind, dataset.shape, columns)


def _seen(data: Any, dataset: Dataset) -> tuple[Sequence[ColumnSchema] | None, str]:
    """The columns, None if nothing is seen of them, and the dtype of data that has one."""
    if dataset.kind == "pandas.DataFrame":
        return _frame(data, dataset), ""
    if dataset.kind == "polars.DataFrame":
        return [_polars(series) for series in data.get_columns()], ""
    if isinstance(data, list | tuple):
        data = np.asarray(data)
        if data.dtype.kind not in _RANGED:
            return None, ""
    if isinstance(data, np.ndarray):
        return _array(data)
    dtype = getattr(data, "dtype", None)  # a sparse matrix
    return None, "" if dtype is None else str(dtype)


# -- arrays ---------------------------------------------------------------------------------------


def _array(values: NDArray[Any]) -> tuple[Sequence[ColumnSchema] | None, str]:
    dtype = kept_text(values.dtype)
    if values.ndim != 2 or values.dtype.names is not None:
        return None, dtype
    if values.shape[1] > MOST_COLUMNS:
        return (), dtype
    if values.dtype.kind in _RANGED:
        return _plain_columns([None] * values.shape[1], values), dtype
    columns = (_objects(column) if values.dtype.kind == "O" else {} for column in values.T)
    return [ColumnSchema(None, dtype, **facts) for facts in columns], dtype


def _plain_columns(names: list[Any], values: NDArray[Any]) -> list[ColumnSchema]:
    """The columns of numbers of one type, a row of `values` each row of data."""
    # In columns of facts: wide data has thousands of columns, and every fit waits for this.
    dtypes = repeat(kept_text(values.dtype))
    is_text = set(map(type, names)) <= {str}
    texts = names if is_text else list(map(_text_of, names))
    labels = repeat("", len(names)) if is_text else map(_label, names)
    if not len(values):
        return list(map(ColumnSchema, texts, dtypes, labels))
    return list(map(ColumnSchema, texts, dtypes, labels, *_ranges(values)))


def _ranges(values: NDArray[Any]) -> tuple[list[bool], list[Any], list[Any]]:
    """Whether there are gaps, and the ends of each column, None where they are not finite."""
    low, high = values.min(axis=0), values.max(axis=0)
    gaps = np.isnan(low) if values.dtype.kind == "f" else np.zeros(len(low), dtype=bool)
    if gaps.any():
        # Where there are gaps only, NaN it stays.
        low[gaps] = np.fmin.reduce(values[:, gaps], axis=0)
        high[gaps] = np.fmax.reduce(values[:, gaps], axis=0)
    return gaps.tolist(), _finite(low), _finite(high)


def _finite(ends: NDArray[Any]) -> list[Any]:
    listed: list[Any] = ends.tolist()
    if np.isfinite(ends).all():
        return listed
    return [end if isfinite(end) else None for end in listed]


def _range(low: Any, high: Any) -> Facts:
    found = {"minimum": low, "maximum": high}
    return {name: value for name, value in found.items() if isfinite(value)}


# -- frames ---------------------------------------------------------------------------------------


def _text_of(name: Any) -> str | None:
    return name if name is None or type(name) is str else str(name)


def _label(name: Any) -> str:
    return "int" if isinstance(name, int) else ""


def _frame(frame: Any, dataset: Dataset) -> list[ColumnSchema]:
    if len({column.dtype for column in dataset.columns}) == 1:
        opened = Frame(frame)
        if opened.uniform and opened.dtypes[0].kind in _RANGED and opened.is_one_block():
            return _plain_columns(opened.names, frame.to_numpy())
    return [
        ColumnSchema(_text_of(name), label=_label(name), **_column(series))
        for name, series in frame.items()
    ]


def _column(series: Any) -> Facts:
    pandas, dtype = sys.modules["pandas"], series.dtype
    facts: Facts = {"dtype": kept_text(dtype)}
    if isinstance(dtype, np.dtype):
        values = series.to_numpy()
        if dtype.kind in _RANGED and len(values):
            (null,), (low,), (high,) = _ranges(values[:, None])
            return {**facts, "nulls": null, "minimum": low, "maximum": high}
        return {**facts, **_objects(values)} if dtype.kind == "O" else {**facts, **_moments(series)}
    if isinstance(dtype, pandas.CategoricalDtype):
        return {**facts, **_declared(series)}
    if isinstance(dtype, pandas.StringDtype):
        return {**facts, "values": "str", **_texts(series)}
    if dtype.kind in _RANGED and hasattr(dtype, "numpy_dtype"):
        null, held = bool(series.isna().any()), series.dropna()
        ends = _range(held.min().item(), held.max().item()) if len(held) else {}
        return {**facts, "nulls": null, **ends}
    return {**facts, **_moments(series)}


def _moments(series: Any) -> Facts:
    """The facts of times; of truth values and whatever else there is, whether there are gaps."""
    gaps = series.isna()
    facts: Facts = {"nulls": bool(gaps.any())}
    if series.dtype.kind == "M" and not gaps.all():
        facts |= {"minimum": series.min().isoformat(), "maximum": series.max().isoformat()}
    return facts


def _declared(series: Any) -> Facts:
    categories = series.cat.categories
    facts: Facts = {"nulls": bool((series.cat.codes.to_numpy() < 0).any())}
    held = _kind_of(categories.to_numpy(dtype=object))
    facts |= {"values": held, "ordered": bool(series.cat.ordered)}
    if held in ("str", "bool", "integer", "floating") and len(categories) <= _MOST_DECLARED:
        facts["levels"] = tuple(categories.tolist())
    return facts


def _objects(values: NDArray[Any]) -> Facts:
    held = _kind_of(values)
    gaps = values[sys.modules["pandas"].isna(values)]
    facts: Facts = {"values": held, "nulls": bool(len(gaps))}
    if len(gaps) and gaps[0] is None:
        facts["gap"] = "None"
    return {**facts, **_texts(values)} if held == "str" else facts


def _kind_of(values: NDArray[Any]) -> str:
    from pandas.api.types import infer_dtype

    held = infer_dtype(values, skipna=True)
    return {"string": "str", "boolean": "bool"}.get(held, held)


def _texts(values: Any) -> Facts:
    """The facts of texts, in an array or a series."""
    import pandas

    if len(pandas.unique(values[:_LOOKED_AT])) > MOST_LEVELS + 1:  # one may be a gap
        return {"nulls": bool(pandas.isna(values).any())}
    codes, found = pandas.factorize(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(found))
    facts: Facts = {"nulls": bool((codes < 0).any())}
    levels = found.tolist()
    if (
        not 0 < len(levels) <= MOST_LEVELS
        or counts.sum() < _REPEATED * len(levels)
        or max(map(len, levels)) > _LONGEST
    ):
        return facts
    often = sorted(level for level, count in zip(levels, counts, strict=True) if count > 1)
    rare = len(levels) - len(often)
    return {**facts, "levels": tuple(often), **({"rare": rare} if rare else {})}


def _polars(series: Any) -> ColumnSchema:
    from autotrack.describe.data.dtypes import polars_text

    dtype = polars_text(series.dtype)
    facts: Facts = {}
    nulls, held = bool(series.null_count()), series.drop_nulls()
    if series.dtype.is_float():
        nulls, held = nulls or bool(held.is_nan().any()), held.drop_nans()
    facts["nulls"] = nulls
    if series.dtype.is_numeric() and len(held):
        facts |= _range(held.min(), held.max())
    elif series.dtype.is_temporal() and hasattr(held.min(), "isoformat"):
        facts |= {"minimum": held.min().isoformat(), "maximum": held.max().isoformat()}
    elif dtype in ("Categorical", "Enum"):
        facts |= {"values": "str", "levels": tuple(series.cat.get_categories().to_list())}
    elif dtype == "String":
        facts |= {"values": "str", **_texts(series.to_numpy())}
    return ColumnSchema(series.name, dtype, **facts)
