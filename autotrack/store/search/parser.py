"""The filter language: text to tree.

::

    metrics.test_r2 > 0.9 and params.kernel in ('rbf', 'linear')
    not (status = 'FAILED' or tags.`my tag` like 'draft%') and start_time >= '2026-01-31'

Words of the language are read in any case. `and` binds more strongly than `or`, `not` most
strongly. What a comparison means is said in :mod:`autotrack.store.search`.
"""

# Long because a grammar is read as a whole.

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from autotrack.errors import FilterError
from autotrack.printable import described, plain_text
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern
from autotrack.store.keys import is_text
from autotrack.store.nearest import nearest
from autotrack.store.search.tree import (
    Combined,
    Comparison,
    Condition,
    Constant,
    Field,
    Not,
    Operator,
    Ordering,
    Value,
)

#: The fields with keys, by what they are called; MLflow's singulars are understood.
FAMILIES = {
    "metrics": "metrics", "metric": "metrics",
    "params": "params", "param": "params", "parameters": "params", "parameter": "params",
    "tags": "tags", "tag": "tags",
}  # fmt: skip
ATTRIBUTES = (
    "run_id", "name", "kind", "status", "experiment", "experiment_id", "parent_id",
    "start_time", "end_time", "duration",
)  # fmt: skip
_ATTRIBUTE_PREFIXES = frozenset({"attributes", "attribute", "attr", "run"})
_ALIASES = {"run_name": "name", "created": "start_time", "experiment_name": "experiment"}
_CONSTANTS: dict[str, Value] = {
    "true": True, "false": False, "none": None, "null": None,
    "nan": float("nan"), "inf": float("inf"),
}  # fmt: skip
_TABLES = ("metrics", "params", "tags")
_DEEPEST = 100
_MOST = 500
_MOST_VALUES = 10_000
# Digits of a whole number; one of more is an infinity to any comparison.
_MOST_DIGITS = 100_000
_AT_ONCE = 4000

_TOKEN = pattern(
    r"""\s*(?:
        (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])|[+-](?:inf|nan)\b)
      | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
      | (?P<quoted>`(?:[^`]|``)+`)
      | (?P<operator>==|!=|<>|<=|>=|=|<|>)
      | (?P<mark>[(),.])
      | (?P<word>[^\W\d][\w/-]*)
      | (?P<rest>\S)
      | $
    )""",
    re.VERBOSE | re.IGNORECASE,
)
#: What follows a key where keys of several words are looked for: in a filter, and in an order.
_BEFORE_OPERATOR = pattern(
    r"\s*(?:[=<>]|!=)|\s+(?:is|in|like|ilike|between|not\s+(?:in|like|ilike|between))\b",
    re.IGNORECASE,
)
_BEFORE_NEXT_TERM = pattern(
    r"\s*(?:,|$)|\s+(?:asc|ascending|desc|descending)\s*(?:,|$)", re.IGNORECASE
)
#: What may follow a family's dot without quotes: a key may begin with a digit and hold dots.
KEY = pattern(r"\w(?:[\w./-]*[\w/-])?")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int
    end: int

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


def complain(text: str, at: int, problem: str) -> FilterError:
    """The error that shows `text` with a caret under the place `at`."""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line = text[start : end if end >= 0 else len(text)]
    # Tabs are as wide above the caret as in the line that is shown.
    lead = "".join("\t" if letter == "\t" else " " for letter in line[: at - start])
    return FilterError(f"{problem}\n  {line}\n  {lead}^")


def parse_filter(text: str, odd_keys: Sequence[tuple[str, str]] = ()) -> Condition | None:
    """The tree of a ``where`` text; None if it is blank.

    Of `odd_keys`, each with its family, those are read without quotes that an operator follows.

    Raises
    ------
    FilterError
        If it cannot be read; the message shows where and says what was expected.
    """
    parser = _Parser(text, odd_keys, _BEFORE_OPERATOR)
    if parser.next.kind == "end":
        return None
    condition = parser.alternatives()
    if parser.next.kind != "end":
        raise parser.error(f"expected 'and', 'or' or the end, found {parser.next.text!r}")
    return condition


def parse_order(
    order_by: str | Sequence[str] | None, odd_keys: Sequence[tuple[str, str]] = ()
) -> list[Ordering]:
    """The terms of ``order_by``: a text such as ``"metrics.r2 desc, name"``, or a list of such."""
    texts = [order_by] if isinstance(order_by, str) else list(order_by or ())
    terms = []
    for text in texts:
        if not isinstance(text, str):
            raise FilterError(
                f"order_by {described(text)} is not a text; write for example 'metrics.r2 desc'"
            )
        parser = _Parser(text, odd_keys, _BEFORE_NEXT_TERM)
        while parser.next.kind != "end":
            field = parser.field()
            descending = parser.next.word in ("desc", "descending")
            if descending or parser.next.word in ("asc", "ascending"):
                parser.advance()
            terms.append(Ordering(field, descending))
            if parser.next.text != "," and parser.next.kind != "end":
                raise parser.error(f"expected 'asc', 'desc' or ',', found {parser.next.text!r}")
            if parser.next.text == ",":
                parser.advance()
    return terms


class _Parser:
    def __init__(
        self, text: str, odd_keys: Sequence[tuple[str, str]], after_key: re.Pattern[str]
    ) -> None:
        if not isinstance(text, str):
            raise FilterError(
                f'{described(text)} is no text; write for example "metrics.test_r2 > 0.9"'
            )
        text = plain_text(text)
        if not is_text(text):
            at = next(place for place, letter in enumerate(text) if not is_text(letter))
            raise complain(text, at, "the lone surrogate here is in no text that can be recorded")
        self.text = text
        # The longest first: one may begin as another does.
        self._odd_keys = sorted(odd_keys, key=_length_of_key, reverse=True)
        self._after_key = after_key
        self.depth = 0
        self.count = 0
        self.next = self._read(0)

    def error(self, problem: str, at: int | None = None) -> FilterError:
        return complain(self.text, self.next.at if at is None else at, problem)

    def advance(self) -> _Token:
        token, self.next = self.next, self._read(self.next.end)
        return token

    def _read(self, start: int) -> _Token:
        match = _TOKEN.match(self.text, start)
        if match is None or match.lastgroup is None:
            return _Token("end", "the end", len(self.text.rstrip()), len(self.text))
        kind = match.lastgroup
        if kind == "rest":
            if match[kind] in "'\"`":
                raise self.error(f"the {match[kind]} here is never closed", match.start(kind))
            raise self.error(f"{match[kind]!r} has no meaning here", match.start(kind))
        return _Token(kind, match[kind], match.start(kind), match.end())

    def alternatives(self) -> Condition:
        return self._joined("or")

    def _joined(self, word: Literal["and", "or"]) -> Condition:
        inner = self._unary if word == "and" else lambda: self._joined("and")
        conditions = [inner()]
        while self.next.word == word:
            self.advance()
            conditions.append(inner())
        return conditions[0] if len(conditions) == 1 else Combined(word, tuple(conditions))

    def _unary(self) -> Condition:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(f"nested more than {_DEEPEST} deep; write it flatter")
        if self.next.word == "not":
            self.advance()
            condition: Condition = Not(self._unary())
        elif self.next.text == "(":
            opened = self.advance()
            condition = self.alternatives()
            if self.next.text != ")":
                raise self.error(
                    f"expected 'and', 'or' or the ')' that closes the '(' at {opened.at + 1}, "
                    f"found {self.next.text!r}"
                )
            self.advance()
        else:
            condition = self._comparison()
        self.depth -= 1
        return condition

    def field(self) -> Field:
        """Read ``family.key`` or an attribute."""
        token = self.advance()
        name = token.word
        dotted = self.next.text == "." and self.next.at == token.end
        if not name:
            raise self.error(
                f"expected a field such as metrics.test_r2, params.C, tags.team or start_time, "
                f"found {token.text!r}",
                token.at,
            )
        if dotted and name in FAMILIES:
            return Field(FAMILIES[name], self._key(FAMILIES[name]), token.at)
        if dotted and name in _ATTRIBUTE_PREFIXES:
            self.advance()
            return self._attribute(self.advance())
        if dotted:
            raise self.error(
                f"{token.text!r} is not a kind of field; {nearest(name, _TABLES)}",
                token.at,
            )
        if name in FAMILIES:
            raise self.error(f"expected '.' and a key after {token.text!r}, as in metrics.test_r2")
        return self._attribute(token)

    def _attribute(self, token: _Token) -> Field:
        name = _ALIASES.get(token.word, token.word)
        if name in ATTRIBUTES:
            return Field("attribute", name, token.at)
        raise self.error(
            f"{token.text!r} is not a field; {nearest(name, ATTRIBUTES)} "
            f"(metrics, params and tags need their prefix: metrics.{token.text})",
            token.at,
        )

    def _key(self, family: str) -> str:
        dot = self.next
        for of, key in self._odd_keys:
            end = dot.end + len(key)
            if (
                of == family
                and self.text.startswith(key, dot.end)
                and self._after_key.match(self.text, end)
            ):
                self.next = self._read(end)
                return key
        match = KEY.match(self.text, dot.end)
        if match:
            self.next = self._read(match.end())
            return match[0]
        self.advance()
        if self.next.kind == "quoted":
            return self.advance().text[1:-1].replace("``", "`")
        if self.next.kind == "text" and self.next.text[0] == '"' and len(self.next.text) > 2:
            return self.advance().text[1:-1].replace('""', '"')
        raise self.error(
            "expected a key after the '.'; odd ones go between backquotes: metrics.`my key`"
        )

    def _comparison(self) -> Comparison:
        self.count += 1
        if self.count > _MOST:
            raise self.error(f"more than {_MOST} comparisons; use `in (...)`, or filter the frame")
        field = self.field()
        operator = self._operator()
        values: tuple[Constant, ...]
        if operator in ("is null", "is not null"):
            values = ()
        elif operator in ("in", "not in"):
            values = self._list()
        elif operator in ("between", "not between"):
            low = self._value()
            if self.next.word != "and":
                raise self.error("expected 'and' and the upper bound, as in between 1 and 10")
            self.advance()
            values = (low, self._value())
        else:
            values = (self._value(),)
        return Comparison(field, operator, values)

    def _operator(self) -> Operator:
        token = self.next
        if token.kind == "operator":
            self.advance()
            same: dict[str, Operator] = {"==": "=", "<>": "!="}
            return same.get(token.text, token.text)  # type: ignore[arg-type]
        words = []
        if token.word == "is":
            self.advance()
            if self.next.word == "not":
                words = [self.advance().word]
            if self.next.word not in ("null", "none"):
                raise self.error("expected 'null' or 'not null' after 'is'")
            self.advance()
            return "is not null" if words else "is null"
        if token.word == "not":
            words = [self.advance().word]
        if self.next.word in ("in", "like", "ilike", "between"):
            words.append(self.advance().word)
            return " ".join(words)  # type: ignore[return-value]
        raise self.error(
            "expected an operator (= != < <= > >= like ilike in between is null), "
            f"found {self.next.text!r}"
        )

    def _list(self) -> tuple[Constant, ...]:
        if self.next.text != "(":
            raise self.error("expected '(' and the values, as in in ('rbf', 'linear')")
        self.advance()
        values = [self._value()]
        while self.next.text == ",":
            self.advance()
            values.append(self._value())
            if len(values) > _MOST_VALUES:
                raise self.error(f"more than {_MOST_VALUES} values; filter the frame instead")
        if self.next.text != ")":
            raise self.error(f"expected ',' or ')', found {self.next.text!r}")
        self.advance()
        return tuple(values)

    def _value(self) -> Constant:
        token = self.advance()
        value: Value
        if token.kind == "text":
            quote = token.text[0]
            value = token.text[1:-1].replace(2 * quote, quote)
        elif token.kind == "number":
            value = _number(token.text)
        elif token.word in _CONSTANTS:
            value = _CONSTANTS[token.word]
        else:
            hint = f"; texts go between quotes: '{token.text}'" if token.kind == "word" else ""
            raise self.error(
                "expected a value (a number, 'text', true, false or none), "
                f"found {token.text!r}{hint}",
                token.at,
            )
        return Constant(value, token.at)


def _length_of_key(odd: tuple[str, str]) -> int:
    return len(odd[1])


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        digits = text.lstrip("+-")
        if not digits.isdecimal() or len(digits) > _MOST_DIGITS:
            return float(text)
    # More digits than Python reads at once.
    value = 0
    for start in range(0, len(digits), _AT_ONCE):
        piece = digits[start : start + _AT_ONCE]
        value = value * 10 ** len(piece) + int(piece)
    return -value if text.startswith("-") else value
