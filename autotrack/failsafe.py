"""What goes wrong inside autotrack: one warning for each cause, and on with the training."""

from __future__ import annotations

import sys
import warnings
from types import TracebackType

from autotrack.errors import (
    AutotrackError,
    AutotrackWarning,
    CaptureWarning,
    NotFoundError,
    StoreError,
)
from autotrack.runtime.stack import stacklevel_outside


class Guard:
    """A block whose errors are reported instead of raised."""

    __slots__ = ("_doing", "_failsafe")

    def __init__(self, failsafe: Failsafe, doing: str) -> None:
        self._failsafe = failsafe
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        # An interrupt is the user's, wherever it strikes.
        if not isinstance(error, Exception) or self._failsafe.strict:
            return False
        self._failsafe.report(self._doing, error)
        return True


class Failsafe:
    """Takes errors inside autotrack and warns the user once for each cause.

    Parameters
    ----------
    strict : bool
        Raise the error instead, as the tests do.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self._told: set[tuple[str, str]] = set()

    def guard(self, doing: str) -> Guard:
        """A block of autotrack's own work; what goes wrong in it is reported as `doing`."""
        return Guard(self, doing)

    def report(self, doing: str, error: Exception) -> None:
        """Tell that `error` came up while `doing`."""
        if self.strict:
            raise error
        text = (
            f"{error}" if isinstance(error, AutotrackError) else f"{type(error).__name__}: {error}"
        )
        # A full disk, or a store that is gone, shows itself in many places and is one cause.
        cause = (doing, type(error).__name__)
        if isinstance(error, StoreError | OSError | NotFoundError):
            cause = ("store", "gone" if isinstance(error, NotFoundError) else "in trouble")
        self.warn_once(
            cause,
            f"autotrack could not {doing}: {text}. Your own code is not affected.",
            CaptureWarning,
        )

    def warn_once(
        self, cause: tuple[str, str], message: str, category: type[AutotrackWarning]
    ) -> None:
        """Give `message` as a warning, the first time `cause` comes up."""
        if cause in self._told:
            return
        self._told.add(cause)
        try:
            # Points at the user's line as far as that can be known from here.
            warnings.warn(
                message, category, stacklevel=stacklevel_outside("autotrack", "sklearn", "joblib")
            )
        except Warning:
            # The user turned warnings into errors, and nothing of ours may raise.
            sys.stderr.write(f"{category.__name__}: {category(message)}\n")
