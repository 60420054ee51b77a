"""Names that look like the one asked for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def nearest(asked: str, known: Sequence[str], otherwise: str = "there is none") -> str:
    """The end of a message: the names most like `asked`, or some of all, or `otherwise`."""
    folded = {name.casefold(): name for name in reversed(known)}
    near = [
        folded[name]
        for name in difflib.get_close_matches(asked.casefold(), folded, n=3, cutoff=0.5)
    ]
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near)}?"
    if not known:
        return otherwise
    more = ", ..." if len(known) > 8 else ""
    return f"there is {', '.join(repr(name) for name in known[:8])}{more}"
