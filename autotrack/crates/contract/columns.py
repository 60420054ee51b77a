"""One column of new data, held against what the training data had."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from autotrack.crates.verification.replay import FAMILIES, family_of
from autotrack.runtime.dataclass import dataclass
from autotrack.schema import ColumnSchema

_SAID = {"number": "numbers", "text": "text", "truth": "truth values", "time": "times"}
# How many values a message names.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """A column, mended, with what is wrong with it.

    Attributes
    ----------
    values : Series
        What the model is to see.
    problem : str
        Why no model can take it; empty where there is nothing.
    doubts : tuple of str
        What training had nothing like, which a model may take or not.
    """

    values: Any
    problem: str = ""
    doubts: tuple[str, ...] = ()


def held_against(series: Any, column: ColumnSchema) -> Verdict:
    """Hold a pandas series against the facts of its column, mending what can be mended."""
    verdict = _of_type(series, column)
    if verdict.problem:
        return verdict
    gaps = verdict.values.isna().to_numpy()
    doubts = list(verdict.doubts)
    if column.nulls is False and gaps.any() and not doubts:
        doubts.append(missing(int(gaps.sum())))
    if column.levels is not None and column.dtype != "category":
        doubts += unseen(verdict.values[~gaps], column)
    return replace(verdict, doubts=tuple(doubts))


def unseen(values: Any, column: ColumnSchema) -> list[str]:
    """What is said of values that are no levels of a column."""
    others = sorted(set(values.tolist()).difference(column.levels or ()), key=str)
    if not others:
        return []
    named = ", ".join(map(repr, others[:_NAMED])) + (", ..." if len(others) > _NAMED else "")
    rare = " or that one row alone had" if column.rare else ""
    return [
        f"{named} {'is a value' if len(others) == 1 else 'are values'} unseen in training{rare}"
    ]


def _of_type(series: Any, column: ColumnSchema) -> Verdict:
    wanted = family_of(column.dtype, column.values)
    if wanted == "category":
        return _as_declared(series, column)
    if not wanted:
        return Verdict(series)
    held = _family_of(series)
    if wanted == "number":
        return _as_number(series, held, column)
    if wanted == "time":
        return _as_time(series, held)
    if wanted == "truth":
        return _as_truth(series, held)
    return _as_text(series, held, column)


def _family_of(series: Any) -> str:
    import pandas
    from pandas.api.types import infer_dtype

    dtype = series.dtype
    kind = getattr(dtype, "kind", "O")
    if kind in "iuf" or kind in "bM":
        empty = kind == "f" and bool(series.isna().all())
        return "nothing" if empty else {"b": "truth", "M": "time"}.get(kind, "number")
    if isinstance(dtype, pandas.CategoricalDtype):
        return _family_of(dtype.categories.to_series()) if len(dtype.categories) else "nothing"
    held = infer_dtype(series, skipna=True)
    return FAMILIES.get({"string": "str", "boolean": "bool"}.get(held, held), "mixed")


def _unlike(series: Any, held: str, wanted: str) -> Verdict:
    has = _SAID.get(held, "mixed values")
    return Verdict(series, f"holds {has}, where training had {_SAID[wanted]}")


def _as_number(series: Any, held: str, column: ColumnSchema) -> Verdict:
    if held not in ("number", "truth", "nothing"):
        return _unlike(series, held, "number")
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return Verdict(series)
    if str(series.dtype) == column.dtype:
        return Verdict(series)
    # The type of training if that can have gaps, else the one that can.
    exact = np.dtype(column.dtype) if column.dtype.islower() else np.dtype("float64")
    gaps = bool(series.isna().any())
    kind = exact if exact.kind == "f" or not gaps else np.dtype("float64")
    try:
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return Verdict(type(series)(numbers, index=series.index, name=series.name, dtype=kind))
    except (TypeError, ValueError):
        # Whole where training was whole, and now with a fraction: all the same a number.
        return Verdict(type(series)(numbers, index=series.index, name=series.name))


def _as_time(series: Any, held: str) -> Verdict:
    import pandas

    if held == "time":
        return Verdict(series)
    if held not in ("text", "nothing"):
        return _unlike(series, held, "time")
    # Guessed from the first row, one text would mean several times; and "now" is not one of them.
    is_digits = series.dropna().astype(str).str.match(r"\s*[-+]?\d").all()
    try:
        if is_digits:
            return Verdict(pandas.to_datetime(series, format="ISO8601"))
    except (ValueError, TypeError):
        pass
    return Verdict(series, "holds text that is not a time such as 2020-12-31 or 2020-12-31T23:59")


def _as_truth(series: Any, held: str) -> Verdict:
    if held in ("truth", "nothing"):
        return Verdict(series)
    if held == "number" and series.dropna().isin([0, 1]).all():
        return Verdict(series)
    return _unlike(series, held, "truth")


def _as_text(series: Any, held: str, column: ColumnSchema) -> Verdict:
    if held not in ("text", "nothing"):
        return _unlike(series, held, "text")
    if str(series.dtype) == column.dtype != "object":
        return Verdict(series)
    values = series.to_numpy(dtype=object)
    gaps = series.isna().to_numpy()
    gap = None if column.gap == "None" else np.nan
    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "O":
        # scikit-learn tells None from NaN, so a gap has to be what it was in training.
        strange = any(value is not gap and (gap is None or value is None) for value in values[gaps])
        if not strange and not any(type(value).__name__ == "NAType" for value in values[gaps]):
            return Verdict(series)
    values = values.copy()
    values[gaps] = gap
    return Verdict(type(series)(values, index=series.index, name=series.name, dtype=object))


def _as_declared(series: Any, column: ColumnSchema) -> Verdict:
    import pandas

    levels = column.levels
    if levels is None:
        return Verdict(series)
    held, wanted = _family_of(series), FAMILIES.get(column.values, "")
    if held not in (wanted, "nothing") and wanted:
        return _unlike(series, held, wanted)
    kind = pandas.CategoricalDtype(list(levels), ordered=bool(column.ordered))
    gaps = series.isna().to_numpy()
    doubts = unseen(series[~gaps], column)
    if not doubts and column.nulls is False and gaps.any():
        doubts = [missing(int(gaps.sum()))]
    # A model may go by the codes of the categories, so they have to be those of training.
    return Verdict(series if series.dtype == kind else series.astype(kind), "", tuple(doubts))


def missing(count: int) -> str:
    """What is said of gaps where training had none."""
    return f"{count} value{'' if count == 1 else 's'} missing, where training had no gaps"
