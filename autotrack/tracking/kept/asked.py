"""Whether predictions are to be kept: by the settings, or by a block of the user's."""

from __future__ import annotations

from contextvars import ContextVar

from autotrack.settings import Settings

#: What the innermost block of `autotrack.keep_predictions` says; None outside of one.
asked_here: ContextVar[bool | None] = ContextVar("autotrack_keep_predictions", default=None)


def is_asked(settings: Settings) -> bool:
    """Whether what is evaluated now is to keep its predictions."""
    here = asked_here.get()
    return settings.keep_predictions if here is None else here
