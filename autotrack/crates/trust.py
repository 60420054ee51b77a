"""What a caller trusts in a crate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autotrack.errors import InvalidValueError

#: Stands for code by value.
CODE = "code"


def check_trust(trust: str | Sequence[str]) -> tuple[str, ...]:
    """What a caller gave as `trust`, as a tuple of names."""
    given: tuple[Any, ...] = (trust,) if isinstance(trust, str) else tuple(trust)
    for each in given:
        if not isinstance(each, str) or not each.replace(".", "_").isidentifier():
            raise InvalidValueError(
                f"trust= takes names such as 'category_encoders', 'my.module.Thing' or 'code', "
                f"not {each!r:.80}"
            )
    return given
