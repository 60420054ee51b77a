"""How an exception that ended a run is recorded."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from types import FrameType

from autotrack.entities import RunError, RunStatus

_PACKAGE = f"{Path(__file__).parent.parent}{os.sep}"


def ended_by(error: BaseException) -> RunStatus:
    """The status of a run that this exception ended."""
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


def run_error(error: BaseException) -> RunError:
    """Type, message and traceback, from the user's line on, without the frames of autotrack."""
    report = traceback.TracebackException.from_exception(error)
    report.stack = traceback.StackSummary.from_list(
        frame
        for frame in [*_callers(error), *report.stack]
        if not frame.filename.startswith(_PACKAGE)
    )
    kind = type(error)
    module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    return RunError(f"{module}{kind.__qualname__}", _message(error), "".join(report.format()))


def _callers(error: BaseException) -> traceback.StackSummary:
    """How it came to the call that was caught: an exception does not know that itself."""
    frame = error.__traceback__.tb_frame if error.__traceback__ else None
    frames = []
    # What is outside of the script or the notebook's cell only runs it.
    while frame is not None and not _is_script(frame) and frame.f_back is not None:
        frame = frame.f_back
        frames.append((frame, frame.f_lineno))
    return traceback.StackSummary.extract(reversed(frames))


def _is_script(frame: FrameType) -> bool:
    return frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failure:  # noqa: BLE001 - a foreign __str__ may do anything
        return f"<its message failed: {type(failure).__name__}>"
