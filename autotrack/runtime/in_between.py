"""Functions that stand between a caller and what they call, and are not to be seen there.

A warning names the line that is so many frames above it. Python leaves out the frames of its own
import machinery, which it knows by the name of their file: what has both ``importlib`` and
``_bootstrap`` in it (``warnings``, in C and in Python, and ``logging`` go by the same rule). Code
whose file is named so is not counted, and costs nothing for it.

Nor is it to be seen in a traceback: whoever is called by other people's code takes the frames of
such functions off the exceptions that pass.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

#: What the file's name of the code of such functions ends with.
MARK = ":importlib._bootstrap"


def in_between(function: Function) -> Function:
    """Have Python pass over the frames of `function`, and of the functions inside of it.

    Whatever calls somebody else's code on behalf of a caller is decorated with it.
    """
    held: Any = function
    held.__code__ = _marked(held.__code__)
    # Else `inspect.stack()` looks through all modules for each of the frames.
    inspect.modulesbyfile[held.__code__.co_filename] = held.__module__
    return function


def _marked(code: CodeType) -> CodeType:
    inner = (_marked(const) if isinstance(const, CodeType) else const for const in code.co_consts)
    return code.replace(co_filename=f"{code.co_filename}{MARK}", co_consts=tuple(inner))


def is_passed_over(code: CodeType) -> bool:
    """Whether Python leaves out the frames of `code` when it counts for a warning."""
    return "importlib" in code.co_filename and "_bootstrap" in code.co_filename


def take_off(error: BaseException) -> None:
    """Take the frames of functions in between off the top of the traceback of `error`.

    To be called where `error` was caught, by whoever other people's code has called, right before
    a bare ``raise``, which adds no frame anew.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.endswith(MARK):
        trace = trace.tb_next
    # An exception may not let its attributes be set: a frozen dataclass, say.
    BaseException.with_traceback(error, trace)
