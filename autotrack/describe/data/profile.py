"""What data of the same kind has to look like: names, types, gaps, ranges and levels of columns.

It goes into a model's crate, as what new data is held against. Of numbers the smallest and the
largest are kept, of columns with few, often repeated texts these texts; of free text, of whatever
tells rows apart, and of a text that one row alone has, nothing.
"""

from __future__ import annotations

import sys
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.describe.data.dtypes import kept_text
from autotrack.describe.data.frames import Frame
from autotrack.entities import Dataset

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

Facts = dict[str, Any]


def profile(data: object, dataset: Dataset) -> Facts:
    """Describe what new data has to look like, for a model that was trained on `data`.

    Parameters
    ----------
    data : object
        The training input. It is not changed.
    dataset : Dataset
        What :func:`autotrack.describe.data.fingerprint.describe` says of it.

    Returns
    -------
    dict
        ``kind`` and ``shape`` as in `dataset`; ``dtype`` of an array; ``columns``, a dict each:
        ``name`` (None in an array), ``dtype``, ``nulls``, and where there are such ``minimum`` and
        ``maximum``, ``levels`` (``rare`` counts those left out since one row had them, ``ordered``
        is said of declared ones), ``values`` (what a column of objects holds), ``gap`` (``None``
        where that stands for a missing value, and not NaN) and ``label`` (``int`` where the name
        is a number). An array of more than 1,000 columns has none.
    """
    facts = known(dataset)
    try:
        facts |= _seen(data, dataset)
    except Exception:  # noqa: BLE001 - a user's class may raise anything, from any attribute
        pass
    return facts


def known(dataset: Dataset) -> Facts:
    """What a description alone tells: names and dtypes."""
    columns = [{"name": column.name, "dtype": column.dtype} for column in dataset.columns]
    shape = None if dataset.shape is None else list(dataset.shape)
    return {"kind": dataset.kind, "shape": shape, "columns": columns}


def _seen(data: Any, dataset: Dataset) -> Facts:
    if dataset.kind == "pandas.DataFrame":
        return {"columns": _frame(data, dataset)}
    if dataset.kind == "polars.DataFrame":
        return {"columns": [_polars(series) for series in data.get_columns()]}
    if isinstance(data, list | tuple):
        data = np.asarray(data)
        if data.dtype.kind not in _RANGED:
            return {}
    if isinstance(data, np.ndarray):
        return _array(data)
    dtype = getattr(data, "dtype", None)  # a sparse matrix
    return {} if dtype is None else {"dtype": str(dtype)}


# -- arrays ---------------------------------------------------------------------------------------


def _array(values: NDArray[Any]) -> Facts:
    facts: Facts = {"dtype": kept_text(values.dtype)}
    if values.ndim != 2 or values.dtype.names is not None:
        return facts
    if values.shape[1] > MOST_COLUMNS:
        return {**facts, "columns": []}
    if values.dtype.kind in _RANGED:
        return {**facts, "columns": _plain_columns([None] * values.shape[1], values)}
    columns = (_objects(column) if values.dtype.kind == "O" else {} for column in values.T)
    return {**facts, "columns": [{"name": None, **facts, **column} for column in columns]}


def _plain_columns(names: list[Any], values: NDArray[Any]) -> list[Facts]:
    """The facts of columns that are numbers of one type, a row of `values` each row of data."""
    dtype = kept_text(values.dtype)
    columns = [{**_named(name), "dtype": dtype} for name in names]
    if len(values):
        for column, null, low, high in zip(columns, *_ranges(values), strict=True):
            column["nulls"] = null
            if isfinite(low):
                column["minimum"] = low
            if isfinite(high):
                column["maximum"] = high
    return columns


def _ranges(values: NDArray[Any]) -> tuple[list[bool], list[Any], list[Any]]:
    low, high = values.min(axis=0), values.max(axis=0)
    gaps = np.isnan(low) if values.dtype.kind == "f" else np.zeros(len(low), dtype=bool)
    if gaps.any():
        # Where there are gaps only, NaN it stays.
        low[gaps] = np.fmin.reduce(values[:, gaps], axis=0)
        high[gaps] = np.fmax.reduce(values[:, gaps], axis=0)
    return gaps.tolist(), low.tolist(), high.tolist()


def _range(low: Any, high: Any) -> Facts:
    found = {"minimum": low, "maximum": high}
    return {name: value for name, value in found.items() if isfinite(value)}


# -- frames ---------------------------------------------------------------------------------------


def _named(name: Any) -> Facts:
    if name is None or type(name) is str:
        return {"name": name}
    return {"name": str(name), **({"label": "int"} if isinstance(name, int) else {})}


def _frame(frame: Any, dataset: Dataset) -> list[Facts]:
    if len({column.dtype for column in dataset.columns}) == 1:
        opened = Frame(frame)
        if opened.uniform and opened.dtypes[0].kind in _RANGED and opened.is_one_block():
            return _plain_columns(opened.names, frame.to_numpy())
    return [{**_named(name), **_column(series)} for name, series in frame.items()]


def _column(series: Any) -> Facts:
    pandas, dtype = sys.modules["pandas"], series.dtype
    facts: Facts = {"dtype": kept_text(dtype)}
    if isinstance(dtype, np.dtype):
        values = series.to_numpy()
        if dtype.kind in _RANGED and len(values):
            (null,), (low,), (high,) = _ranges(values[:, None])
            return {**facts, "nulls": null, **_range(low, high)}
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
        facts["levels"] = categories.tolist()
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
    return {**facts, "levels": often, **({"rare": rare} if rare else {})}


def _polars(series: Any) -> Facts:
    from autotrack.describe.data.dtypes import polars_text

    facts: Facts = {"name": series.name, "dtype": polars_text(series.dtype)}
    nulls, held = bool(series.null_count()), series.drop_nulls()
    if series.dtype.is_float():
        nulls, held = nulls or bool(held.is_nan().any()), held.drop_nans()
    facts["nulls"] = nulls
    if series.dtype.is_numeric() and len(held):
        facts |= _range(held.min(), held.max())
    elif series.dtype.is_temporal() and hasattr(held.min(), "isoformat"):
        facts |= {"minimum": held.min().isoformat(), "maximum": held.max().isoformat()}
    elif facts["dtype"] in ("Categorical", "Enum"):
        facts |= {"values": "str", "levels": series.cat.get_categories().to_list()}
    elif facts["dtype"] == "String":
        facts |= {"values": "str", **_texts(series.to_numpy())}
    return facts
