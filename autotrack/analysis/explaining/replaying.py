"""Whether a recorded fit gives the same model when it is made once more."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Mapping
from typing import Any

from autotrack.analysis.explaining.changes import dataset_changes, uses
from autotrack.analysis.names import ARGUMENTS_TAG, CRATE, CRATE_TAG, UNSEEDED_TAG
from autotrack.crates.manifest import Manifest
from autotrack.crates.trust.trust import Trust, Word
from autotrack.describe.data.fingerprint import describe
from autotrack.describe.environment import source
from autotrack.entities import Dataset, DatasetUse, RunRecord
from autotrack.errors import ArtifactNotFoundError, InvalidValueError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store

IDENTICAL, EQUAL, DIFFERENT, FAILED = "identical", "equal within 1e-12", "different", "failed"


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of fitting once more; true if the model is the same.

    Attributes
    ----------
    run_id : str
        The run that was replayed.
    verdict : str
        ``identical``, ``equal within 1e-12``, ``different`` or ``failed``.
    difference : str
        The first difference and what it comes from, as far as that can be told; or what failed.
    compared : tuple of str
        What was held against the record.
    notes : tuple of str
        What is another than recorded and did not matter.
    python : str
        The version of Python it was fitted with.
    seconds : float
    """

    run_id: str
    verdict: str
    difference: str = ""
    compared: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    python: str = ""
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return self.verdict in (IDENTICAL, EQUAL)

    def __str__(self) -> str:
        said = f"run {self.run_id[:8]} replayed: {self.verdict}"
        if self.difference:
            said += f": {self.difference}"
        elif self.compared:
            said += f" ({', '.join(self.compared)}; Python {self.python}, {self.seconds:.1f} s)"
        return "\n".join([said, *(f"  although {note}" for note in self.notes)])


def replay_fit(
    store: Store,
    record: RunRecord,
    X: object,
    y: object,
    further: Mapping[str, Any],
    *,
    trust: Word | Trust = False,
    env: bool = False,
) -> Replay:
    """Fit the model of a run once more; see :meth:`autotrack.Run.replay`."""
    from autotrack.crates.load import require
    from autotrack.crates.verification.again import fitted_again

    files = store.stored_folder(record.run_id, CRATE)
    if not files:
        reason = record.tags.get(CRATE_TAG, "log_models was off, or nothing was fitted")
        raise ArtifactNotFoundError(
            f"run {record.run_id} has no crate to be fitted again ({reason}); "
            f"`autotrack replay {record.run_id[:8]} --script` runs its script once more"
        )
    started = time.monotonic()
    first = files[0]
    folder = store.artifacts.resolve(first.location).parents[first.path.count("/") - 1]
    digests = {file.path[len(CRATE) + 1 :]: file.sha256 for file in files}
    found = require(folder, digests, trust=trust, vouches=store.is_packed)
    if found.manifest.kind != "estimator":
        raise InvalidValueError(f"run {record.run_id} holds a function, which is not fitted")
    _refuse_other_data(record, X, y, further)
    told = fitted_again(folder, found.manifest, found.origin, (X, y, further), env=env)
    return _replay(record, found.manifest, told, time.monotonic() - started)


def _replay(
    record: RunRecord, manifest: Manifest, told: Mapping[str, Any], seconds: float
) -> Replay:
    versions = list(_other_versions(manifest, told))
    if "error" in told:
        said = told["error"] + (f" ({told['where']})" if told.get("where") else "")
        difference = f"version: {', '.join(versions)}; {said}" if versions else said
        return Replay(record.run_id, FAILED, difference, seconds=seconds)
    verdict = {"identical": IDENTICAL, "equal": EQUAL}.get(told["verdict"], DIFFERENT)
    difference, notes = "", [f"the version differs: {version}" for version in versions]
    if verdict == DIFFERENT:
        where = told["where"] or "the model learned nothing, and says nothing, that can be compared"
        difference, notes = f"{_cause(record, told, versions)} ({where})", []
    compared = tuple(told["compared"])
    python = told["python"]
    return Replay(record.run_id, verdict, difference, compared, tuple(notes), python, seconds)


def _cause(record: RunRecord, told: Mapping[str, Any], versions: list[str]) -> str:
    """The first of what may have made the difference."""
    for key, value in told["params"].items():
        recorded = record.params.get(key, value)
        if isinstance(recorded, bool | int | float | str) and recorded != value:
            shown = described(value), described(recorded)
            return f"params: {key} is {shown[0]} in the crate, {shown[1]} in the record"
    if versions:
        return f"version: {', '.join(versions)}"
    if told["generators"]:
        names = ", ".join(told["generators"])
        return f"seed: {names} is a generator, which had drawn numbers by the end of the fit"
    unset = record.tags.get(UNSEEDED_TAG) or ", ".join(told["unseeded"])
    if unset:
        return f"seed never set: {unset}"
    if record.source is not None and record.source.platform != (here := source().platform):
        return f"platform: {here}, recorded {record.source.platform}"
    known = json.loads(record.tags.get(ARGUMENTS_TAG, "{}"))
    if others := [name for name in _arguments(record) if name not in known]:
        return f"{', '.join(others)} may be another: what the fit was given is not on record"
    return "the same params, data, versions and platform: the fit itself is not deterministic"


def _other_versions(manifest: Manifest, told: Mapping[str, Any]) -> Iterator[str]:
    wanted = dict(each.partition("==")[::2] for each in manifest.requirements)
    for name, version in told.get("versions", {}).items():
        if wanted.get(name) and version != wanted[name]:
            yield f"{name} {version or 'missing'}, recorded {wanted[name]}"
    python = told.get("python", platform.python_version())
    if python != manifest.python:
        yield f"Python {python}, recorded {manifest.python}"


# -- data -----------------------------------------------------------------------------------------


def _refuse_other_data(record: RunRecord, X: object, y: object, further: Mapping[str, Any]) -> None:
    """See that the data is what the run was trained on.

    Raises
    ------
    InvalidValueError
        If it is not; it says what is different.
    """
    use = uses(record).get("train")
    short = record.run_id[:8]
    if use is None:
        raise InvalidValueError(
            f"run {short} does not say what it was trained on (log_datasets was off), so no data "
            "can be told to be that"
        )
    name = use.name or "X"
    if problem := _differs(use.data, describe(X)):
        raise InvalidValueError(
            f"X is not the training data of run {short} ({name}, {_said(use.data)}): {problem}"
        )
    target = None if y is None else describe(y)
    if use.target is not None or target is not None:
        problem = _target_differs(use, target)
        if problem:
            raise InvalidValueError(f"y is not the target that run {short} was given: {problem}")
    if missing := [name for name in _arguments(record) if name not in further]:
        raise InvalidValueError(
            f"the fit of run {short} was given {', '.join(missing)} as well; pass them in "
            "fit_params={...}"
        )
    for name, recorded in json.loads(record.tags.get(ARGUMENTS_TAG, "{}")).items():
        given = describe(further[name])
        if given is None or given.fingerprint != recorded:
            found = "no data" if given is None else f"{_said(given)}"
            raise InvalidValueError(
                f"{name} is not what the fit of run {short} was given ({recorded[:13]}): it is "
                f"{found}; pass the same in fit_params={{...}}"
            )


def _arguments(record: RunRecord) -> list[str]:
    """The names of what the fit was given beside X and y."""
    return [name for name in record.tags.get("fit_arguments", "").split(", ") if name]


def _target_differs(use: DatasetUse, given: Dataset | None) -> str:
    if use.target is None:
        return "it had none"
    return _differs(use.target, given)


def _differs(recorded: Dataset, given: Dataset | None) -> str:
    if given is None:
        return "that is no data"
    if given.fingerprint == recorded.fingerprint:
        return ""
    said = []
    for change in dataset_changes("it", recorded, given):
        detail = f" ({change.detail})" if change.detail else ""
        if change.key == "it values":
            said.append(
                "it has as many rows and the same columns, and other values or another order"
            )
        else:
            key = change.key.removeprefix("it ")
            said.append(f"{key}: {change.b!r}, recorded {change.a!r}{detail}")
    return "; ".join(said)


def _said(data: Dataset) -> str:
    shape = " x ".join(map(str, data.shape or ()))
    return f"{data.kind} {shape}, {data.fingerprint[:13]}"
