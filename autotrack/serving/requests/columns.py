"""One column of the training data: what a request may hold for it, and how it reaches the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from pydantic_core import CoreSchema, core_schema

from autotrack.schema import ColumnSchema

# The texts of pandas 3; to pandas 2, "str" is a way to write None as text.
_HAS_STR = int(pd.__version__.partition(".")[0]) >= 3


@dataclass(frozen=True)
class Cell:
    """The values of one column.

    Attributes
    ----------
    facts : ColumnSchema
        What the contract knows of the column.
    """

    facts: ColumnSchema

    @cached_property
    def name(self) -> str:
        """The column's, as a text."""
        return str(self.facts.name)

    @cached_property
    def dtype(self) -> str:
        """As numpy, pandas or polars write it."""
        return self.facts.dtype

    @cached_property
    def kind(self) -> str:
        """``number``, ``whole``, ``bool``, ``text``, ``time`` or ``any``."""
        lower = self.dtype.lower()
        if lower.startswith("float"):
            return "number"
        if lower.startswith(("int", "uint")) and lower[-1].isdigit():
            return "whole"
        if lower.startswith("bool"):
            return "bool"
        if lower.startswith("date"):
            return "time"
        if lower in ("str", "string") or lower.startswith(("<u", "string[", "stringdtype")):
            return "text"
        if lower in ("category", "categorical", "enum"):
            levels = self.facts.levels or [None]
            return "text" if all(isinstance(level, str) for level in levels) else "any"
        return {"str": "text", "bool": "bool"}.get(self.facts.values, "any")

    def validator(self, *, strict: bool = True, missing: bool = True) -> CoreSchema:
        """What a cell may be, a `missing` value among it.

        If not `strict`, texts that say it will do, as CSV has them.
        """
        schema: CoreSchema = getattr(self, f"_{self.kind}")(strict)
        return core_schema.nullable_schema(schema) if missing else schema

    def _number(self, strict: bool) -> CoreSchema:
        most = float(np.finfo(self.dtype.lower()).max) if self.dtype[-1].isdigit() else None
        return core_schema.float_schema(
            strict=strict, allow_inf_nan=False, le=most, ge=None if most is None else -most
        )

    def _whole(self, strict: bool) -> CoreSchema:
        bounds = np.iinfo(self.dtype.lower())
        least, most = int(bounds.min), int(bounds.max)
        # A column with a missing value turns its numbers into floats wherever frames are used.
        return core_schema.union_schema(
            [
                core_schema.int_schema(strict=strict, ge=least, le=most),
                core_schema.float_schema(
                    strict=strict, allow_inf_nan=False, multiple_of=1, ge=least, lt=float(most + 1)
                ),
            ],
            mode="left_to_right",
            custom_error_type="whole_number",
            custom_error_message=f"Input should be a whole number from {least} to {most}",
        )

    def _bool(self, strict: bool) -> CoreSchema:
        return core_schema.bool_schema(strict=strict)

    def _text(self, strict: bool) -> CoreSchema:
        return core_schema.str_schema(strict=strict)

    def _time(self, strict: bool) -> CoreSchema:
        return core_schema.datetime_schema(strict=False)

    def _any(self, strict: bool) -> CoreSchema:
        return core_schema.union_schema(
            [
                core_schema.bool_schema(strict=True),
                core_schema.int_schema(strict=True),
                core_schema.float_schema(strict=True, allow_inf_nan=False),
                core_schema.str_schema(strict=True),
            ],
            mode="left_to_right",
            custom_error_type="scalar",
            custom_error_message="Input should be a finite number, a string, a boolean or null",
        )

    def column(self, values: Sequence[Any]) -> Any:
        """The values as the column of a frame has them, None being missing."""
        if self.kind == "time":
            return self._times(values)
        if self._levels is not None:
            codes = [self._levels.get(value, -1) for value in values]
            if all(code >= 0 or value is None for code, value in zip(codes, values, strict=True)):
                return pd.Categorical.from_codes(codes, dtype=self._category)
            return _kept(values)  # the model is to see the new level, and no missing value
        if self.dtype[0] in "FIU" and self.dtype[-1].isdigit():
            return pd.array(_numbers(values), dtype=self.dtype)  # type: ignore[call-overload]
        if self.dtype.startswith(("boolean", "string")) or (self.dtype == "str" and _HAS_STR):
            return pd.array(list(values), dtype=self.dtype)  # type: ignore[call-overload]
        made = self.array(values)
        return _kept(values) if made.dtype == object else made

    def array(self, values: Sequence[Any]) -> Any:
        """The values as numpy has them: NaN is missing."""
        if self.kind == "number":
            return np.array(values, dtype=np.dtype(self.dtype.lower()))
        if self.kind in ("whole", "bool") and None not in values:
            return np.array(values, dtype=np.dtype(self.dtype.lower().removesuffix("ean")))
        if self.kind == "whole":
            return np.array(values, dtype=np.float64)
        return _objects(values)

    def _times(self, values: Sequence[Any]) -> Any:
        zone = self.dtype.partition(",")[2].strip(" ]")
        if not zone:
            naive = [None if v is None else _without_zone(v) for v in values]
            unit = self.dtype.partition("[")[2].strip("]") or "ns"
            return np.array(naive, dtype="datetime64[us]").astype(f"datetime64[{unit}]")
        given = [None if v is None else pd.Timestamp(v) for v in values]
        placed = [
            None if v is None else v.tz_convert(zone) if v.tzinfo else v.tz_localize(zone)
            for v in given
        ]
        return pd.array(placed, dtype=self.dtype)  # type: ignore[call-overload]

    @cached_property
    def _category(self) -> pd.CategoricalDtype:
        return pd.CategoricalDtype(list(self.facts.levels or ()), ordered=bool(self.facts.ordered))

    @cached_property
    def _levels(self) -> dict[Any, int] | None:
        """The code of each level, where all levels are known."""
        if self.dtype != "category" or not self.facts.levels or self.facts.rare:
            return None
        return {level: code for code, level in enumerate(self.facts.levels)}

    def document(self) -> dict[str, Any]:
        """The cell in OpenAPI's words."""
        kinds = {"number": "number", "whole": "integer", "bool": "boolean"}
        if self.kind == "any":
            types = ["number", "string", "boolean", "null"]
        else:
            types = [kinds.get(self.kind, "string"), "null"]
        said: dict[str, Any] = {"type": types, "description": self._described()}
        if self.kind == "time":
            said["format"] = "date-time"
        return said

    def _described(self) -> str:
        facts = self.facts
        told = [self.dtype]
        if facts.minimum is not None and facts.maximum is not None:
            told.append(f"in training {facts.minimum} to {facts.maximum}")
        if levels := facts.levels:
            shown = ", ".join(map(str, levels[:20]))
            told.append(f"in training {shown}{', …' if len(levels) > 20 else ''}")
        if facts.nulls is not None:
            told.append("had missing values" if facts.nulls else "had no missing values")
        return "; ".join(told)

    def example(self) -> Any:
        """A value such as the training had, made up from what is known of all of them."""
        low, high = self.facts.minimum, self.facts.maximum
        if self.facts.levels:
            return self.facts.levels[0]
        if self.kind in ("number", "whole"):
            middle = 1.0
            if isinstance(low, int | float) and isinstance(high, int | float):
                middle = low / 2 + high / 2
            return math.floor(middle) if self.kind == "whole" else float(f"{middle:.3g}")
        made = {"bool": True, "time": low or "2020-01-01T00:00:00", "text": "text", "any": "text"}
        return made[self.kind]


def _without_zone(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _numbers(values: Sequence[Any]) -> list[Any]:
    return [pd.NA if value is None else value for value in values]


def _objects(values: Sequence[Any]) -> Any:
    """Python objects, with what pandas reads for an empty field where there is none."""
    made = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        made[position] = np.nan if value is None else value
    return made


def _kept(values: Sequence[Any]) -> Any:
    """Objects that stay objects in a frame, which takes an array of texts for strings."""
    return pd.Index(_objects(values), dtype=object)
