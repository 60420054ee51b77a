"""Settings: an argument wins over an ``AUTOTRACK_*`` variable, which wins over the default."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from autotrack.errors import SettingError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass

DEFAULT_STORE = "autotrack_runs"
DEFAULT_EXPERIMENT = "Default"

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What :func:`autotrack.enable` was told, resolved.

    Attributes
    ----------
    store : Path
        Absolute folder of the store.
    experiment : str
        Name of the experiment new runs belong to unless told otherwise.
    log_models, log_defaults, log_datasets, training_score : bool
        Whether to crate fitted models, to keep params left at their default, to fingerprint
        data, and to score each model on its training data.
    progress : bool or "auto"
        Whether to show a progress bar: ``"auto"`` where somebody sees it, when it takes long.
    resume : bool or str
        Whether a search goes on with what an interrupted one like it had computed; a text is the
        user's own key, which must be the same.
    code_by_value : bool or tuple of str
        What of the installed code goes into crates as well: what is installed in editable mode
        (True), nothing (False), or that and the named modules and packages.
    verify_models : bool
        Whether every crate is asked in a process of its own, after the fit, what it was asked at
        packing.
    ask_own_models : bool
        Whether models with code of the user's own in them are asked for predictions at packing.
    checks : bool or tuple of str
        Whether scores are held against what their models were made from, or the kinds of findings
        that are asked for.
    keep_predictions : bool
        Whether evaluations and held-out scores keep what was predicted for each row, and the truth.
    replicate_to : str or None
        Tracking URI of the MLflow server that the store is sent to.
    strict : bool
        Raise what goes wrong inside autotrack instead of warning (for tests).
    quiet : bool
        No line at exit.
    """

    store: Path
    experiment: str = DEFAULT_EXPERIMENT
    log_models: bool = True
    log_defaults: bool = False
    log_datasets: bool = True
    training_score: bool = False
    progress: bool | Literal["auto"] = "auto"
    resume: bool | str = True
    code_by_value: bool | tuple[str, ...] = True
    verify_models: bool = False
    ask_own_models: bool = False
    checks: bool | tuple[str, ...] = True
    keep_predictions: bool = False
    replicate_to: str | None = None
    strict: bool = False
    quiet: bool = False

    @classmethod
    def resolve(cls, *, environ: Mapping[str, str] | None = None, **arguments: Any) -> Settings:
        """Combine arguments (None means not given), the environment and the defaults.

        Raises
        ------
        SettingError
            If an argument or variable has a value of the wrong kind, or is unknown.
        """
        environment = os.environ if environ is None else environ
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(arguments) - known):
            raise SettingError(
                f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}"
            )
        values: dict[str, Any] = {}
        for name, read in _READERS.items():
            given = arguments.get(name)
            variable = f"AUTOTRACK_{name.upper()}"
            if given is not None:
                values[name] = read(given, f"{name}=")
            elif environment.get(variable):
                values[name] = read(environment[variable], f"{variable}=")
        values.setdefault("store", Path(DEFAULT_STORE).absolute())
        return cls(**values)


def _flag(value: object, where: str) -> bool:
    if isinstance(value, bool):
        return value
    # R's TRUE arrives as a bool, but 1 and 1.0 are what people type in a hurry.
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise SettingError(
        f"{where}expected True or False (in the environment 1 or 0), got {described(value)}"
    )


def _flag_or_auto(value: object, where: str) -> bool | Literal["auto"]:
    if isinstance(value, str) and value.strip().lower() == "auto":
        return "auto"
    try:
        return _flag(value, where)
    except SettingError:
        raise SettingError(
            f"{where}expected True, False or 'auto', got {described(value)}"
        ) from None


def _flag_or_modules(value: object, where: str) -> bool | tuple[str, ...]:
    return _flag_or_names(value, where, _is_module, "names of modules, such as ['mypackage']")


def _flag_or_codes(value: object, where: str) -> bool | tuple[str, ...]:
    wanted = "codes of findings, such as ['AT101', 'AT104']"
    found = _flag_or_names(value, where, _is_code, wanted)
    return found if isinstance(found, bool) else tuple(sorted({code.upper() for code in found}))


def _flag_or_names(
    value: object, where: str, is_one: Callable[[object], bool], wanted: str
) -> bool | tuple[str, ...]:
    try:
        return _flag(value, where)
    except SettingError:
        pass
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple | set | frozenset) or not all(map(is_one, names)):
        raise SettingError(f"{where}expected True, False or {wanted}, got {described(value)}")
    return tuple(sorted(str(name).strip() for name in names))


def _flag_or_key(value: object, where: str) -> bool | str:
    try:
        return _flag(value, where)
    except SettingError:
        if isinstance(value, str) and value.strip():
            return value
        raise SettingError(
            f"{where}expected True, False or a text, got {described(value)}"
        ) from None


def _is_code(code: object) -> bool:
    text = code.strip().upper() if isinstance(code, str) else ""
    return text.startswith("AT") and text[2:].isdigit()


def _is_module(name: object) -> bool:
    return isinstance(name, str) and all(part.isidentifier() for part in name.strip().split("."))


def _folder(value: object, where: str) -> Path:
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise SettingError(
            f"{where}expected a folder, such as 'autotrack_runs', got {described(value)}"
        )
    path = Path(value).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise SettingError(
            f"{where}{described(str(value))} is a file; the store is a folder, name another path"
        )
    return path


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingError(
            f"{where}expected a name, a text that is not empty, got {described(value)}"
        )
    return value


_READERS: dict[str, Callable[[object, str], Any]] = {
    "store": _folder,
    "experiment": _name,
    "log_models": _flag,
    "log_defaults": _flag,
    "log_datasets": _flag,
    "training_score": _flag,
    "progress": _flag_or_auto,
    "resume": _flag_or_key,
    "code_by_value": _flag_or_modules,
    "verify_models": _flag,
    "ask_own_models": _flag,
    "checks": _flag_or_codes,
    "keep_predictions": _flag,
    "replicate_to": _name,
    "strict": _flag,
    "quiet": _flag,
}
