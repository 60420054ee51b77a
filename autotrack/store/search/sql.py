"""Conditions to SQL; what they mean is said in :mod:`autotrack.store.search`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from autotrack.errors import FilterError
from autotrack.printable import described
from autotrack.store.codec import INT64, int_text, nearest_float
from autotrack.store.keys import is_text
from autotrack.store.search.parser import complain
from autotrack.store.search.tree import (
    Combined,
    Comparison,
    Condition,
    Constant,
    Field,
    Not,
    Ordering,
    Value,
)

_NUMBERS = frozenset({"start_time", "end_time", "duration"})
_COLUMNS = {
    "run_id": "r.run_id",
    "name": "r.name",
    "kind": "r.kind",
    "status": "r.status",
    "experiment": "e.name",
    "experiment_id": "CAST(r.experiment AS TEXT)",
    "parent_id": "p.run_id",
    "start_time": "r.start_time",
    "end_time": "r.end_time",
    "duration": "(r.end_time - r.start_time)",
}
_TABLES = {"metrics": "metrics", "params": "params", "tags": "tags"}
_LONGEST_PATTERN = 1000
_NEVER = "0"


class Compiler:
    """Conditions to SQL. Each is true or false, never NULL, so that `not` means the opposite."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.values: dict[str, Any] = {}

    def bind(self, value: Any) -> str:
        """Keep `value` for SQLite; returns its place in the text."""
        # Named, because what is bound first need not come first in the text.
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def among(self, column: str, values: list[str]) -> str:
        """Whether `column` is one of `values`, however many they are."""
        return f"{column} IN (SELECT value FROM json_each({self.bind(json.dumps(values))}))"

    def order(self, ordering: Ordering) -> list[str]:
        """The terms of ORDER BY for one of ours; missing values come last."""
        field = ordering.field
        direction = "DESC" if ordering.descending else "ASC"
        if field.family == "attribute":
            column = "r.experiment" if field.key == "experiment_id" else _COLUMNS[field.key]
            columns = [column]
        else:
            key = self.bind(field.key)
            of_run = f"FROM {_TABLES[field.family]} WHERE run = r.id AND key = {key}"
            # Numbers among params come before texts.
            names = ["number", "value"] if field.family == "params" else ["value"]
            columns = [f"(SELECT {name} {of_run})" for name in names]
        return [f"{column} {direction} NULLS LAST" for column in columns]

    def condition(self, tree: Condition) -> str:
        """The SQL of a filter."""
        if isinstance(tree, Not):
            return f"NOT {self.condition(tree.condition)}"
        if isinstance(tree, Combined):
            return _joined(tree.word.upper(), [self.condition(part) for part in tree.conditions])
        return self._comparison(tree)

    def _comparison(self, tree: Comparison) -> str:
        field, operator = tree.field, tree.operator
        if field.family == "attribute":
            column = _COLUMNS[field.key]
            if operator in ("is null", "is not null"):
                return f"({column} {operator})"
            match = self._attribute(field, column)
            return f"coalesce({self._apply(tree, match, f'{column} IS NOT NULL')}, 0)"
        table, key = _TABLES[field.family], self.bind(field.key)
        if operator in ("is null", "is not null"):
            # A param of None is as good as none.
            test = "type <> 'none'" if field.family == "params" else "1"
            exists = self._exists(table, key, test)
            return exists if operator == "is not null" else f"NOT {exists}"
        matches = {"metrics": self._metric, "params": self._param, "tags": self._tag}
        return self._exists(table, key, self._apply(tree, matches[field.family], "1"))

    def _exists(self, table: str, key: str, test: str) -> str:
        return f"EXISTS (SELECT 1 FROM {table} WHERE run = r.id AND key = {key} AND {test})"

    def _apply(self, tree: Comparison, match: Callable[[str, Constant], str], present: str) -> str:
        """The operator, spelt in the comparisons that `match` knows: = < <= > >= like ilike."""
        operator, values = tree.operator, tree.values
        positive = operator.removeprefix("not ")
        if operator == "!=":
            positive = "="
        if positive == "in":
            test = _joined("OR", [match("=", value) for value in values])
        elif positive == "between":
            test = f"({match('>=', values[0])} AND {match('<=', values[1])})"
        else:
            test = match(positive, values[0])
        if positive == operator:
            return test
        return f"({present} AND NOT coalesce({test}, 0))"

    def _attribute(self, field: Field, column: str) -> Callable[[str, Constant], str]:
        def match(operator: str, literal: Constant) -> str:
            value = literal.value
            if field.key in _NUMBERS:
                if operator.endswith("like"):
                    problem = f"{field.key} is a number and cannot be compared with {operator!r}"
                    raise self._complain(literal.at, problem)
                number = self._seconds(field, literal)
                return f"{column} {operator} {self.bind(number)}"
            if field.key == "experiment_id" and type(value) is int:
                value = int_text(value)
            text = self._needs_text(field.key, value, literal.at)
            # Their values are words of ours, whose case nobody should have to remember.
            if operator == "=" and field.key in ("status", "kind"):
                text = text.upper() if field.key == "status" else text.lower()
            return self._text(column, operator, text, literal.at)

        return match

    def _metric(self, operator: str, literal: Constant) -> str:
        value = literal.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._complain(literal.at, f"metrics are numbers, found {_spell(value)}")
        if operator.endswith("like"):
            raise self._complain(literal.at, f"{operator!r} is for texts, and metrics are numbers")
        if isinstance(value, float) and math.isnan(value):
            return "value IS NULL" if operator == "=" else _NEVER
        return f"coalesce({self._number('value', operator, value)}, 0)"

    def _tag(self, operator: str, literal: Constant) -> str:
        return self._text(
            "value", operator, self._needs_text("tags", literal.value, literal.at), literal.at
        )

    def _param(self, operator: str, literal: Constant) -> str:
        value = literal.value
        if isinstance(value, str):
            return f"(type = 'str' AND {self._text('value', operator, value, literal.at)})"
        if operator.endswith("like"):
            raise self._complain(literal.at, f"{operator!r} needs a text, found {_spell(value)}")
        if value is None:
            return "type = 'none'" if operator == "=" else _NEVER
        if isinstance(value, bool):
            return f"(type = 'bool' AND number {operator} {self.bind(int(value))})"
        if isinstance(value, float) and math.isnan(value):
            return "(type = 'float' AND number IS NULL)" if operator == "=" else _NEVER
        if operator == "=" and _is_big(value):
            return self._big(value)
        test = self._number("number", operator, value)
        return f"(type IN ('int', 'float') AND coalesce({test}, 0))"

    def _big(self, value: int | float) -> str:
        """Equality beyond 64 bits, where the number column holds only the nearest float."""
        tests = []
        if isinstance(value, float) or _exact_float(value) is not None:
            tests.append(f"(type = 'float' AND number = {self.bind(float(value))})")
        if isinstance(value, int) or not math.isinf(value):
            tests.append(f"(type = 'int' AND value = {self.bind(int_text(int(value)))})")
        return f"({' OR '.join(tests)})"

    def _number(self, column: str, operator: str, value: int | float) -> str:
        if isinstance(value, int) and value not in INT64:
            exact = _exact_float(value)
            if operator == "=" and exact is None:
                return _NEVER
            value = nearest_float(value) if exact is None else exact
        return f"{column} {operator} {self.bind(value)}"

    def _text(self, column: str, operator: str, text: str, at: int) -> str:
        if not operator.endswith("like"):
            return f"{column} {operator} {self.bind(text)}"
        if len(text) > _LONGEST_PATTERN:
            raise self._complain(at, f"the pattern has more than {_LONGEST_PATTERN} characters")
        # SQLite's own LIKE folds the case of ASCII letters only, and always.
        if operator == "ilike":
            return f"casefold({column}) GLOB {self.bind(_glob(text.casefold()))}"
        return f"{column} GLOB {self.bind(_glob(text))}"

    def _needs_text(self, what: str, value: Value, at: int) -> str:
        if isinstance(value, str) and is_text(value):
            return value
        raise self._complain(
            at, f"{what} compares with a text between quotes, found {_spell(value)}"
        )

    def _seconds(self, field: Field, literal: Constant) -> float:
        value = literal.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return nearest_float(value)
        if isinstance(value, str) and field.key != "duration":
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                pass
            else:
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        expected = (
            "a number of seconds"
            if field.key == "duration"
            else "a time such as '2026-01-31T12:00'"
        )
        raise self._complain(
            literal.at, f"{field.key} compares with {expected}, found {_spell(value)}"
        )

    def _complain(self, at: int, problem: str) -> FilterError:
        return complain(self.text, at, problem)


def _joined(word: str, tests: list[str]) -> str:
    """The tests joined as a balanced tree, since SQLite limits the depth of an expression."""
    if len(tests) == 1:
        return tests[0]
    half = len(tests) // 2
    return f"({_joined(word, tests[:half])} {word} {_joined(word, tests[half:])})"


def _spell(value: Value) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return described(value)


def _is_big(value: int | float) -> bool:
    return not -(2**63) <= value < 2**63


def _exact_float(value: int) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if int(number) == value else None


def _glob(pattern: str) -> str:
    special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(special.get(letter, letter) for letter in pattern)
