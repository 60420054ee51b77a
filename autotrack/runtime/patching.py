"""Exchanging functions in place, and putting them back.

Nothing here knows scikit-learn. An attribute of a class, or the content of a closure cell, is
exchanged for a wrapper, and what was there before can be found from the wrapper.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from types import CellType, FunctionType, SimpleNamespace
from typing import Any, ClassVar

from autotrack.runtime.in_between import in_between

#: Is called instead: gets the original function and the arguments it was called with, or what a
#: kind of watch makes of these.
Hook = Callable[..., Any]


class Watch:
    """What a wrapper calls in place of the original.

    The hook (`hook`) can be taken out, after which every wrapper that is still
    around (in a user's decorator, in a class pickled by value) just calls the original.

    Pickled, a watch is a plain namespace which says that it is `away`: a wrapper that travels by
    value, inside a class of ``__main__`` say, calls the original wherever it lands, autotrack
    installed or not.
    """

    __slots__ = ("hook",)

    away: ClassVar[bool] = False

    def __init__(self, hook: Hook | None) -> None:
        self.hook = hook

    @in_between
    def __call__(
        self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call `original`, recorded or not."""
        if self.hook is None:
            return original(*args, **kwargs)
        return self.hook(original, args, kwargs)

    def is_silent(self) -> bool:
        """Whether nobody listens any more."""
        return self.hook is None

    def __reduce__(self) -> tuple[Any, ...]:
        return SimpleNamespace, (), {"away": True}


@in_between
def wrap(original: Callable[..., Any], watch: Watch) -> FunctionType:
    """Return a plain function with the looks of `original` that hands its calls to `watch`."""

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            if watch.away:
                return original(*args, **kwargs)
            # As they are: spreading them once more takes as long as the rest of a nested call.
            return watch(original, args, kwargs)
        except BaseException as error:
            # As `in_between.take_off` does, which is not there where autotrack is not installed.
            trace = error.__traceback__
            while trace is not None and trace.tb_frame.f_code.co_filename.endswith(
                ":importlib._bootstrap"
            ):
                trace = trace.tb_next
            BaseException.with_traceback(error, trace)
            raise

    return wrapper  # type: ignore[return-value]


# Every wrapper has this code, which is how one is recognised without marking it.
_WRAPPER_CODE = wrap(len, Watch(None)).__code__
_ORIGINAL = _WRAPPER_CODE.co_freevars.index("original")
_WATCH = _WRAPPER_CODE.co_freevars.index("watch")


def is_wrapper(function: object) -> bool:
    """Whether `function` was made by :func:`wrap`, in another process perhaps."""
    # Equal, not the same: a class that travels by value arrives with copies of its wrappers.
    return type(function) is FunctionType and function.__code__ == _WRAPPER_CODE


def original_of(function: FunctionType) -> Any:
    """The function a wrapper stands for."""
    assert function.__closure__ is not None
    return function.__closure__[_ORIGINAL].cell_contents


def _wrapper_in(value: Any) -> FunctionType | None:
    """The wrapper that `value` is, or holds; None for what was not patched."""
    inner: Any = value
    if type(value) is not FunctionType:
        if not hasattr(type(value), "__get__"):  # nor is it to be asked for anything
            return None
        try:
            inner = value.__func__ if isinstance(value, classmethod) else value.fn
        except Exception:  # noqa: BLE001 - any object may be a class attribute, and raise anything
            return None
    return inner if is_wrapper(inner) else None


def unwrapped(value: Any) -> Any:
    """`value` as it was before it was patched; anything that is not patched comes back as it is."""
    wrapper = _wrapper_in(value)
    if wrapper is None:
        return value
    if wrapper is value:
        return original_of(wrapper)
    if isinstance(value, classmethod) and not hasattr(value, "_before"):
        return classmethod(original_of(wrapper))  # one that came back by value
    return getattr(value, "_before", value)


def is_patched(owner: type) -> bool:
    """Whether anything in the ``__dict__`` of `owner` is wrapped, by whichever name."""
    return any(unwrapped(present) is not present for present in list(owner.__dict__.values()))


def is_live(wrapper: FunctionType) -> bool:
    """Whether what a wrapper calls in place of the original listens."""
    assert wrapper.__closure__ is not None
    return getattr(wrapper.__closure__[_WATCH].cell_contents, "hook", None) is not None


def patch_attribute(owner: type, name: str, watch: Watch) -> bool:
    """Wrap the method `name` in the ``__dict__`` of `owner`; False if it cannot be.

    Plain functions and class methods are wrapped; a descriptor that keeps its function in ``fn``
    (scikit-learn's ``available_if``) is copied with the copy's function wrapped, so that
    ``hasattr`` still asks the original condition. Anything else, properties and C methods among
    them, is left alone, and so is everything once `watch` listens no more. :func:`restore` puts
    the original back.
    """
    present: Any = owner.__dict__.get(name)
    wrapper = _wrapper_in(present)
    if wrapper is not None:
        if is_live(wrapper):
            return True
        # Put there by somebody who kept it from an earlier session, or come back by value.
        present = unwrapped(present)
    try:
        replacement = _replacement(present, watch)
        if replacement is None or watch.is_silent():
            return False
        setattr(owner, name, replacement)
        if watch.is_silent():  # another thread saw to it, which may have been here already
            setattr(owner, name, present)
    except Exception:  # noqa: BLE001 - an extension type, or a metaclass or a value that says no
        return False
    return True


def _replacement(present: Any, watch: Watch) -> Any:
    replacement: Any = None
    if isinstance(present, FunctionType):
        replacement = wrap(present, watch)
    elif isinstance(present, classmethod) and isinstance(present.__func__, FunctionType):
        replacement = classmethod(wrap(present.__func__, watch))
        replacement._before = present
    elif isinstance(getattr(present, "fn", None), FunctionType) and hasattr(present, "__get__"):
        replacement = copy.copy(present)
        replacement.fn = wrap(present.fn, watch)
        replacement._before = present
    return replacement


def restore(owner: type) -> None:
    """Put back every original that was wrapped in the ``__dict__`` of `owner`.

    What was there before is found in the wrapper, so whoever replaced a method since keeps what
    they put there, and nobody has to keep the class alive to be able to restore it.
    """
    for name, present in list(owner.__dict__.items()):
        before = unwrapped(present)
        if before is not present:
            setattr(owner, name, before)


def wrapped_cell(function: Callable[..., Any]) -> CellType | None:
    """The closure cell through which a decorated function reaches what it decorates.

    A decorator that uses :func:`functools.wraps` leaves the decorated function both in
    ``__wrapped__`` and in a cell. Exchanging the content of that cell leaves the function object
    itself, which other modules may have imported, as it is.
    """
    inner = getattr(function, "__wrapped__", None)
    if inner is None or not isinstance(function, FunctionType):
        return None
    for cell in function.__closure__ or ():
        try:
            if cell.cell_contents is inner:
                return cell
        except ValueError:  # an empty cell
            continue
    return None


def patch_cell(cell: CellType, watch: Watch) -> None:
    """Wrap the function that `cell` holds; :func:`restore_cell` puts it back."""
    if not is_wrapper(cell.cell_contents) and not watch.is_silent():
        cell.cell_contents = wrap(cell.cell_contents, watch)


def restore_cell(cell: CellType) -> None:
    """Put back what :func:`patch_cell` exchanged."""
    cell.cell_contents = unwrapped(cell.cell_contents)
