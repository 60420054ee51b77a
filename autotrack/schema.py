"""What is known of the data that a model was trained on, as a crate keeps it.

:func:`autotrack.describe.data.profile.profile` makes a schema of data, :meth:`DataSchema.from_json`
one of a manifest, which may come from anybody: so it is the check as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, NamedTuple

from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern

__all__ = ["ColumnSchema", "DataSchema"]

_DIGITS = pattern(r"[0-9]+")
# No text or raw value in a column is longer than so many characters.
_LONGEST_VALUE = 4096
_SCALARS = (str, int, float)


class ColumnSchema(NamedTuple):
    """What is known of the values of one column.

    A named tuple, because wide data has thousands of them at every fit, and a frozen dataclass of
    so many fields takes twice as long to make.

    Attributes
    ----------
    name : str or None
        None in an array.
    dtype : str
        As NumPy, pandas or polars write it.
    label : str
        ``int`` where the name is a number.
    nulls : bool, optional
        Whether values were missing; None where that is not known.
    minimum, maximum : int, float or str, optional
        The smallest and the largest number; of times, as ISO 8601 text.
    values : str
        What a column of objects, texts or categories holds, as pandas' `infer_dtype` says it, with
        ``str`` and ``bool`` for what it calls string and boolean.
    gap : str
        ``None`` where that stands for a missing value, and not NaN.
    ordered : bool, optional
        Of categories, whether they were declared to have an order.
    levels : tuple of str, int or float, optional
        All values there were, of columns of few, often repeated texts, and of categories.
    rare : int
        How many levels were left out since one row alone had them.
    """

    name: str | None
    dtype: str
    label: str = ""
    nulls: bool | None = None
    minimum: float | str | None = None
    maximum: float | str | None = None
    values: str = ""
    gap: str = ""
    ordered: bool | None = None
    levels: tuple[str | float, ...] | None = None
    rare: int = 0

    @classmethod
    def from_json(cls, facts: object) -> ColumnSchema:
        """Read what :meth:`to_json` gave.

        Raises
        ------
        ValueError
            If a fact is of another type than it should be.
        """
        if not isinstance(facts, dict):
            raise ValueError("a column is described by an object")
        get = facts.get
        name, dtype, values = get("name"), get("dtype"), get("values", "")
        if not isinstance(dtype, str) or not isinstance(values, str):
            raise ValueError("the dtype and the kind of values of a column are texts")
        if name is not None and not isinstance(name, str):
            raise ValueError("the name of a column is a text")
        minimum, maximum, levels = get("minimum"), get("maximum"), get("levels")
        if not isinstance(minimum, _SCALARS) and "minimum" in facts:
            raise ValueError("the smallest value of a column is a number or a text")
        if not isinstance(maximum, _SCALARS) and "maximum" in facts:
            raise ValueError("the largest value of a column is a number or a text")
        if "levels" in facts:
            if not isinstance(levels, list) or not all(isinstance(v, _SCALARS) for v in levels):
                raise ValueError("the levels of a column are texts and numbers")
            levels = tuple(levels)
        # What nothing is made of may be anything: then it is not known.
        nulls, ordered, rare = get("nulls"), get("ordered"), get("rare", 0)
        gap, label = get("gap", ""), get("label", "")
        return cls(
            name,
            dtype,
            label if isinstance(label, str) else "",
            nulls if isinstance(nulls, bool) else None,
            minimum,
            maximum,
            values,
            gap if isinstance(gap, str) else "",
            ordered if isinstance(ordered, bool) else None,
            levels,
            rare if isinstance(rare, int) else 0,
        )

    def to_json(self) -> dict[str, Any]:
        """What a manifest says of the column: what is known of it, and no more."""
        name, dtype, label, nulls, minimum, maximum, values, gap, ordered, levels, rare = self
        facts: dict[str, Any] = {"name": name, "dtype": dtype}
        if label:
            facts = {"name": name, "label": label, "dtype": dtype}
        if values:
            facts["values"] = values
        if nulls is not None:
            facts["nulls"] = nulls
        if gap:
            facts["gap"] = gap
        if minimum is not None:
            facts["minimum"] = minimum
        if maximum is not None:
            facts["maximum"] = maximum
        if ordered is not None:
            facts["ordered"] = ordered
        if levels is not None:
            facts["levels"] = list(levels)
        if rare:
            facts["rare"] = rare
        return facts


@dataclass(frozen=True, slots=True)
class DataSchema:
    """What is known of training data; all is empty where nothing is.

    Attributes
    ----------
    kind : str
        The container, such as ``numpy.ndarray`` or ``pandas.DataFrame``.
    shape : tuple of int or None, optional
        Rows first; None where the container has no length.
    columns : tuple of ColumnSchema
        Empty where columns are not described, as in an array of more than 1,000.
    dtype : str
        Of an array or a sparse matrix.
    stored : mapping, optional
        What it was read from, which is what is written again: an older or a newer autotrack may
        have said something else, or in another order.
    """

    kind: str = ""
    shape: tuple[int | None, ...] | None = None
    columns: tuple[ColumnSchema, ...] = ()
    dtype: str = ""
    stored: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_json(cls, facts: object) -> DataSchema:
        """Read what :meth:`to_json` gave, whoever wrote it down.

        Raises
        ------
        ValueError
            If a part is of another type than it should be.
        """
        if not isinstance(facts, dict):
            raise ValueError("data is described by an object")
        kind, dtype = facts.get("kind", ""), facts.get("dtype", "")
        shape, columns = facts.get("shape"), facts.get("columns", [])
        if not isinstance(kind, str) or not isinstance(dtype, str):
            raise ValueError("the kind and the dtype of data are texts")
        if shape is not None:
            if not isinstance(shape, list) or not all(map(_is_length, shape)):
                raise ValueError("the shape of data is a list of lengths")
            shape = tuple(shape)
        if not isinstance(columns, list):
            raise ValueError("the columns of data are a list")
        return cls(kind, shape, tuple(map(ColumnSchema.from_json, columns)), dtype, facts)

    def to_json(self) -> dict[str, Any]:
        """What a manifest says of the data: if it was read from one, exactly what that one said."""
        if self.stored is not None:
            return {name: _copied(value) for name, value in self.stored.items()}
        if not self.is_known:
            return {}
        facts: dict[str, Any] = {
            "kind": self.kind,
            "shape": None if self.shape is None else list(self.shape),
            "columns": [column.to_json() for column in self.columns],
        }
        return {**facts, "dtype": self.dtype} if self.dtype else facts

    @property
    def is_known(self) -> bool:
        """Whether it says anything."""
        return bool(self.kind or self.dtype or self.columns) or self.shape is not None

    @property
    def is_small(self) -> bool:
        """Whether a value of each type is small, as far as its name says: ``S1000000`` is not."""
        # A text of NumPy's is as long as the longest that is given.
        own = self.dtype.startswith("<U") or _is_small(self.dtype)
        return own and all(_is_small(column.dtype) for column in self.columns)


def _is_length(value: object) -> bool:
    return value is None or (type(value) is int and value >= 0)


def _is_small(dtype: str) -> bool:
    return all(len(n) <= 4 and int(n) <= _LONGEST_VALUE for n in _DIGITS.findall(dtype))


def _copied(value: Any) -> Any:
    """A value of JSON's with lists and objects of its own, so that nobody changes a schema."""
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value
