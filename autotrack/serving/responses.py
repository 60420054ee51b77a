"""Predictions -> JSON: a value a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic_core import to_json


def as_list(result: Any) -> list[Any]:
    """What a model predicted as a list with a plain value for each row.

    Parameters
    ----------
    result : array-like
        An array, series, frame, sparse matrix or list; a list of arrays, as models with several
        outputs give probabilities, has a list for each output in every row. A frame has an
        object for each row.

    Returns
    -------
    list
        What :func:`encoded` can write.
    """
    if isinstance(result, list) and result and all(isinstance(r, np.ndarray) for r in result):
        return [list(row) for row in zip(*map(as_list, result), strict=True)]
    if isinstance(result, pd.DataFrame):
        rows: list[Any] = result.astype(object).where(result.notna(), None).to_dict("records")
        return rows
    if isinstance(result, pd.Series | pd.Index):
        result = np.asarray(result)
    elif hasattr(result, "toarray"):  # scipy's matrices
        result = result.toarray()
    elif hasattr(result, "to_dicts"):  # polars' frames
        return list(result.to_dicts())
    elif hasattr(result, "to_list"):
        return list(result.to_list())
    if isinstance(result, np.ndarray) and result.ndim:
        return _listed(result)
    if isinstance(result, Sequence) and not isinstance(result, str | bytes):
        return [plain(each) for each in result]
    return [plain(result)]


def _listed(array: Any) -> list[Any]:
    if array.dtype.kind == "M":
        texts: Any = np.datetime_as_string(array)
        known: Any = np.where(np.isnat(array), None, texts.astype(object))
        return list(known.tolist())
    if array.dtype.kind in "mO":
        return [plain(each) for each in array]
    return list(array.tolist())


def plain(value: Any) -> Any:
    """One value without numpy's and pandas' types."""
    if isinstance(value, np.ndarray):
        return _listed(value) if value.ndim else plain(value.item())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if value is pd.NA or value is pd.NaT or isinstance(value, pd.Timedelta | np.timedelta64):
        return None if pd.isna(value) else str(value)
    return value.item() if isinstance(value, np.generic) else value


def encoded(answer: Any) -> bytes:
    """The answer as JSON; numbers JSON cannot say, NaN and infinity, are null."""
    return to_json(answer, inf_nan_mode="null", fallback=str)
