"""What a filter says, once it is read: a tree of comparisons."""

from __future__ import annotations

from typing import Literal

from autotrack.runtime.dataclass import dataclass

Value = str | int | float | bool | None
Operator = Literal[
    "=", "!=", "<", "<=", ">", ">=", "like", "not like", "ilike", "not ilike",
    "in", "not in", "between", "not between", "is null", "is not null",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """What a comparison looks at: an attribute, or a key of a family."""

    family: str
    key: str
    at: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A value written in the text, and where."""

    value: Value
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field compared with no, one or several values."""

    field: Field
    operator: Operator
    values: tuple[Constant, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Combined:
    """Conditions joined by ``and`` or ``or``."""

    word: Literal["and", "or"]
    conditions: tuple[Condition, ...]


Condition = Comparison | Not | Combined


@dataclass(frozen=True, slots=True)
class Ordering:
    """One term of ``order_by``."""

    field: Field
    descending: bool
