"""Splitters: which groups they are given for which rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sklearn import model_selection

from autotrack.capture.assessing import Assessing
from autotrack.failsafe import Failsafe
from autotrack.runtime.in_between import in_between

#: The method that is patched, where a class of these defines it.
SPLIT = "split"
# Those that look at groups; what they inherit it from is asked for groups as well.
_BY_GROUPS = (
    "GroupKFold",
    "GroupShuffleSplit",
    "LeaveOneGroupOut",
    "LeavePGroupsOut",
    "StratifiedGroupKFold",
)


def split_owners() -> Iterator[type]:
    """The classes that define `split` for splitters by group, each once."""
    kinds = [getattr(model_selection, name) for name in _BY_GROUPS]
    owners = [next(c for c in kind.__mro__ if SPLIT in c.__dict__) for kind in kinds]
    yield from dict.fromkeys(owners)


class SplitHook:
    """Takes down which groups a splitter is given; what it returns is as it was."""

    def __init__(self, assessing: Assessing, failsafe: Failsafe) -> None:
        self._assessing = assessing
        self._failsafe = failsafe

    @in_between
    def on_split(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Make one call of ``split``."""
        if self._assessing.is_on and (len(args) > 3 or "groups" in kwargs):
            with self._failsafe.guard("know the groups of rows again"):
                X = args[1] if len(args) > 1 else kwargs.get("X")
                groups = args[3] if len(args) > 3 else kwargs["groups"]
                name = type(args[0]).__name__
                self._assessing.grouped(X, groups, f"{name}.{SPLIT}")
        return original(*args, **kwargs)
