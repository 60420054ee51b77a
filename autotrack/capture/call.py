"""One outermost call of a patched function or method: what was called, and with what."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.in_between import in_between


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the user's that a hook is to make for them.

    Attributes
    ----------
    original : callable
        What the user called.
    args, kwargs : tuple and dict
        What they called it with.
    """

    original: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @in_between
    def make(self) -> Any:
        """Call it; what it returns or raises is the user's."""
        return self.original(*self.args, **self.kwargs)

    @property
    def name(self) -> str:
        """The name of what was called."""
        return self.original.__name__

    @property
    def estimator(self) -> Any:
        """The estimator whose method was called; None for a call without any argument."""
        return self.args[0] if self.args else None

    @property
    def X(self) -> Any:  # noqa: N802 - as scikit-learn calls it
        """X of a method of an estimator, by place or by name."""
        args, kwargs = self.args, self.kwargs
        X = args[1] if len(args) > 1 else kwargs.get("X")
        if X is None and len(args) == 1:
            # Text vectorizers and label encoders call their input otherwise.
            X = next((value for name, value in kwargs.items() if name != "y"), None)
        return X

    @property
    def y(self) -> Any:
        """The target given to a method of an estimator, by place or by name."""
        return self.args[2] if len(self.args) > 2 else self.kwargs.get("y")

    @property
    def further(self) -> dict[str, Any]:
        """What was given beside X and y, by place or by name."""
        given = dict(self.kwargs)
        if len(self.args) > 3:
            names = list(inspect.signature(self.original).parameters)
            given |= dict(zip(names[3:], self.args[3:], strict=False))
        return {
            name: value
            for name, value in given.items()
            if name not in ("X", "y") and value is not None
        }
