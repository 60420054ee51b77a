"""Crates that a user makes, and how what comes out of one is tied to its run."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from autotrack.crates import unvouched
from autotrack.crates.crate import Crate
from autotrack.crates.packing.functions import Isolated, isolate
from autotrack.crates.packing.pack import pack, vouched
from autotrack.crates.trust.refusal import repacked_refused
from autotrack.crates.trust.trust import Trust, just_packed, packed_here
from autotrack.describe.data.fingerprint import describe
from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.schema import DataSchema
from autotrack.tracking.crating.run_files import own_code, schema_of
from autotrack.tracking.model_links import link_loaded, links
from autotrack.tracking.workspace import workspace

# A density has only scores, an embedding only itself.
_METHODS = ("predict", "transform", "fit")


def crate(function_or_estimator: Callable[..., Any] | Any, /, **objects: Any) -> Crate:
    """Pack a function, or a fitted estimator, with all it needs; and load it from there.

    A function is rebuilt with builtins, importable modules and the objects that are passed by
    name, and nothing else of where it was defined. What it was given is copied: the crate stays
    as it is when an object changes.

    Parameters
    ----------
    function_or_estimator : callable or estimator
        A function or lambda, or a fitted estimator.
    **objects : object
        What the function uses: models, thresholds, tables, functions. Functions among them are
        rebuilt in the same way, and may use the other objects.

    Returns
    -------
    Crate
        Call it as the function; `repr` shows what takes how much. `log_model` keeps it in a run,
        `save` in a folder.

    Raises
    ------
    FreeNameError
        If the function uses a name that was not passed; all of them are named, with their lines.
    InvalidValueError
        If it is neither a function nor an estimator, or an object is not used.
    UncratableError
        If something cannot be pickled.
    UntrustedCrateError
        If something in it comes from a crate that was opened on nobody's word.

    Examples
    --------
    >>> import autotrack
    >>> decide = autotrack.crate(lambda score: score > limit, limit=0.3)
    >>> decide(0.5)
    True
    """
    model = crated_from(function_or_estimator, objects)
    is_strange = unvouched.holds_any(model)
    if is_strange and not unvouched.are_trusted(model):
        raise repacked_refused(type(function_or_estimator).__name__)
    link = None if isinstance(model, Isolated) else links.get(model)
    folder = Path(tempfile.mkdtemp(prefix="autotrack-crate-"))
    try:
        files = pack(
            model,
            folder,
            run_id=None if link is None else link.run_id,
            schema=known_schema(function_or_estimator, model),
            own=own_code(workspace.settings),
        )
        from autotrack.crates.load import load

        if is_strange:
            made = load(folder, trust=True)
        else:
            made = load(folder, vouches=just_packed)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(made, _remove, folder, os.getpid())
    if not is_strange:
        packed_here.update(vouched(files))
    if isinstance(model, Isolated):
        for name, given in model.objects.items():
            _copy_link(given, made.objects[name])
    else:
        _copy_link(model, made.estimator)
    return made


def _remove(folder: Path, pid: int) -> None:
    # A forked child has the same crate, and leaves its folder to the parent.
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_link(original: object, copy: object) -> None:
    """What is computed with a copy belongs to the run of the original."""
    link = links.get(original)
    if link is not None and copy is not original:
        link_loaded(copy, link)


def crated_from(model: Any, objects: dict[str, Any] | None = None) -> Any:
    """What is to be packed for `model`: an estimator, or a function that was cut loose.

    Raises
    ------
    FreeNameError, InvalidValueError
        As :func:`crate` does.
    """
    given = objects or {}
    if isinstance(model, Crate):
        what = model.isolated if model.is_function else model.estimator
    elif isinstance(model, FunctionType | functools.partial):
        return isolate(model, given, own_code(workspace.settings))
    else:
        what = model
        usable = any(hasattr(model, name) for name in _METHODS)
        if isinstance(model, type) or not usable:
            raise InvalidValueError(
                f"a crate holds a fitted estimator or a function, not {described(model)}"
            )
    if given:
        raise InvalidValueError(
            f"{', '.join(given)} cannot be passed along with {described(model)}: only a function "
            "is given objects"
        )
    return what


def known_schema(given: object, packed: object) -> DataSchema:
    """What is known of the training input of what a user gave, to be packed as `packed`."""
    if isinstance(given, Crate):
        return given.manifest.schema
    link = None if isinstance(packed, Isolated) else links.get(packed)
    if link is None or link.train is None:
        return DataSchema()
    # What the data holds by now says nothing of the model.
    X = link.training_input
    now = None if X is None else describe(X)
    is_same = now is not None and now.fingerprint == link.train.data.fingerprint
    return schema_of(link.train, X if is_same else None)


def must_be_trusted(model: object, given: object, trust: Trust) -> None:
    """See that the store may vouch for a model from now on.

    Raises
    ------
    UntrustedCrateError
        If it came out of a crate that the store did not pack, and the caller does not answer for
        that.
    """
    if isinstance(given, Crate) and given.origin.is_covered(trust):
        return
    if unvouched.holds_any(model) and not trust.everything:
        raise repacked_refused(f"what is to be packed, a {type(given).__name__},")
