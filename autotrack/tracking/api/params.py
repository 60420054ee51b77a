"""`param`: a typed input of a script."""

from __future__ import annotations

import json
import os
from typing import Any, TypeVar

from autotrack.describe.estimator import storable
from autotrack.errors import SettingError
from autotrack.printable import described
from autotrack.tracking.active import active_runs, input_params
from autotrack.tracking.api.arguments import text
from autotrack.tracking.api.runs import still_running
from autotrack.tracking.workspace import workspace

Value = TypeVar("Value")

PREFIX = "AUTOTRACK_PARAM_"
_FLAGS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}


def param(name: str, default: Value) -> Value:
    """A typed input of the script: `default`, unless it is overridden from outside.

    ``autotrack run train.py -P alpha=0.1`` or the environment variable
    ``AUTOTRACK_PARAM_alpha=0.1`` overrides it. The value is logged to the active run, and to
    every run the script starts after it; as ``param__alpha`` where what is fitted in that run has a
    param `alpha` of its own with another value.

    Parameters
    ----------
    name : str
        The name of the input.
    default : bool, int, float, str, None, list or dict
        Its value when nothing overrides it; an override must be of its type (whole numbers
        pass for floats, lists and dicts are written as JSON).

    Returns
    -------
    The value, of the type of `default`.

    Raises
    ------
    SettingError
        If the override cannot be read as the default's type.
    """
    text(name, "the name of a param")
    given = os.environ.get(PREFIX + name)
    value = default if given is None else _read(name, given, default)
    kept = {name: storable(value)}
    workspace.inputs.update(kept)
    stack = active_runs()
    if stack:
        active = still_running(stack[-1])
        kept = input_params(kept, active.held)
        workspace.write(active.store, lambda store: store.set_params(active.run_id, kept))
    return value


def may_have_inputs() -> bool:
    """Whether runs that are opened now may have inputs of the script."""
    return bool(workspace.inputs) or bool(active_runs())


def _read(name: str, given: str, default: Any) -> Any:
    kind = type(default)
    try:
        if isinstance(default, bool):
            return _FLAGS[given.strip().lower()]
        if isinstance(default, str):
            return given
        if isinstance(default, int | float):
            return kind(given)
        value = json.loads(given)
    except (KeyError, ValueError):
        if default is None:  # no type to hold it against: text that is no JSON is text
            return given
        raise SettingError(
            f"param {name!r} is {given!r}, which is no {kind.__name__} like its default "
            f"{described(default)}; pass such a value with -P {name}=... or {PREFIX}{name}"
        ) from None
    if isinstance(default, list | tuple | dict) and not isinstance(value, type(default)):
        if isinstance(default, tuple) and isinstance(value, list):
            return tuple(value)
        raise SettingError(
            f"param {name!r} is {given!r}, which is no {kind.__name__} like its default "
            f"{described(default)}; write it as JSON"
        )
    return value
