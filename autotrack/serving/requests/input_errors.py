"""What is wrong with a request, said by row and field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic_core import ValidationError

from autotrack.runtime.dataclass import dataclass

#: So many are told; a body may have one in each cell.
MOST_TOLD = 50
# More are not even listed, which takes longer than finding them.
_MOST_LISTED = 10_000
# Of a field's name so many characters are told.
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a body.

    Attributes
    ----------
    place : tuple of str and int
        The way to it, such as ``("rows", 3, "aroma")``.
    message : str
        What is wrong there.
    kind : str
        A short name for programs.
    """

    place: tuple[str | int, ...]
    message: str
    kind: str

    def to_json(self) -> dict[str, Any]:
        """As FastAPI words it, with the place in the message too."""
        told = f"{written(self.place)}: {self.message}" if self.place else self.message
        return {"type": self.kind, "loc": ["body", *self.place], "msg": told}


class BadInputError(Exception):
    """A body that cannot be used, with all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = list(problems)

    @classmethod
    def of(cls, error: ValidationError, before: tuple[str | int, ...] = ("rows",)) -> BadInputError:
        """What validation found, in a list that lies at `before`."""
        if error.error_count() > _MOST_LISTED:
            count = f"{error.error_count():,} fields are missing, unknown or wrong"
            return cls.single(f"{count}; GET /schema says what a row is", before, "too_many_errors")
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return cls(
            [
                Problem(
                    (*before, *map(_cut, each["loc"])),
                    _MESSAGES.get(each["type"], each["msg"]),
                    each["type"],
                )
                for each in found[:MOST_TOLD]
            ]
        )

    @classmethod
    def single(
        cls, message: str, place: Iterable[str | int] = (), kind: str = "value_error"
    ) -> BadInputError:
        """The one thing that is wrong."""
        return cls([Problem(tuple(place), message, kind)])


def _cut(part: str | int) -> str | int:
    """The name of a field, which is the client's and may be as long as the body."""
    return part if isinstance(part, int) or len(part) <= _LONGEST else f"{part[:_LONGEST]}…"


_MESSAGES = {
    "missing": "the field is missing; give null where the value is not known",
    "extra_forbidden": "the model knows no such field",
}


def written(place: Iterable[str | int]) -> str:
    """A place as one writes it: ``rows[3].aroma``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
