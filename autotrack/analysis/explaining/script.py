"""The script of a run, run once more into a store of its own, and held against the record."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from autotrack.analysis.explaining.changes import MISSING, changes
from autotrack.analysis.explaining.replaying import DIFFERENT, EQUAL, FAILED, IDENTICAL, Replay
from autotrack.analysis.names import UNSEEDED_TAG
from autotrack.entities import RunRecord, Source
from autotrack.errors import InvalidValueError
from autotrack.store.store import Store

_DISTRIBUTION = "sklearn-autotrack"
_TOLERANCE = 1e-12
# Metrics that no two runs have in common.
_TIMES = "time"


def replay_script(
    store: Store, record: RunRecord, *, trusted: bool = False, env: bool = False
) -> Replay:
    """Run the script of a run once more, and compare the run that it makes.

    It runs in the working directory, with the arguments that it was given, and records into a
    store of its own that is gone afterwards.

    Parameters
    ----------
    store : Store
    record : RunRecord
    trusted : bool
        The caller's word for a script that another user, or another machine, ran.
    env : bool
        Whether to do so in a new environment with the versions that were recorded.

    Raises
    ------
    InvalidValueError
        If there is no script that can be run, or it is somebody else's.
    """
    source = record.source
    if source is None or source.script is None:
        raise InvalidValueError(f"run {record.run_id[:8]} was made by no script")
    arguments = _arguments(source)
    if not trusted and (source.host, source.user) != (socket.gethostname(), getpass.getuser()):
        raise InvalidValueError(
            f"{source.script} was run by {source.user} on {source.host}: look at what it would do "
            "here, and give your word for it with --trust"
        )
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="autotrack-replay-") as place:
        python, problem = sys.executable, ""
        if env:
            python, problem = _environment(Path(place) / "env", source)
        if problem:
            return Replay(record.run_id, FAILED, problem)
        there = Path(place) / "store"
        done = subprocess.run(
            [python, *arguments],
            env={**os.environ, "AUTOTRACK_STORE": str(there)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        if not (there / "autotrack.db").exists():
            last = done.stderr.strip().rpartition("\n")[2]
            return Replay(
                record.run_id,
                FAILED,
                f"the script ended with {done.returncode} and recorded nothing into the store it "
                f"was given (AUTOTRACK_STORE){': ' if last else ''}{last}",
            )
        made = Store(there, create=False)
        try:
            found = _counterpart(store, record, made)
            if found is None:
                said = "the script made no such run this time"
                return Replay(record.run_id, DIFFERENT, said)
            return _compared(store, record, made, found, time.monotonic() - started)
        finally:
            made.close()


def _arguments(source: Source) -> list[str]:
    """The script and what it was given, or `autotrack run` with them; without the interpreter."""
    command = list(source.command)
    assert source.script is not None
    if not os.path.isfile(source.script) or not source.script.endswith(".py"):
        raise InvalidValueError(f"{source.script} is not there as a script that can be run again")
    if any("***" in part for part in command):
        raise InvalidValueError(
            f"the command line of {source.script} held a secret, which was not recorded; run it "
            "again yourself, and compare with `autotrack explain`"
        )
    script = os.path.realpath(source.script)
    for place, part in enumerate(command):
        if place and os.path.basename(part) == os.path.basename(script):
            before = command[1:place]
            if not before:
                return [script, *command[place + 1 :]]
            if "run" in before and any("autotrack" in each for each in before):
                options = before[before.index("run") + 1 :]
                return ["-m", "autotrack", "run", *options, script, *command[place + 1 :]]
            break
    raise InvalidValueError(
        f"{' '.join(command)!r:.200} is not a script that was run by python or autotrack run; "
        "run it again yourself, and compare with `autotrack explain`"
    )


def _counterpart(store: Store, record: RunRecord, made: Store) -> RunRecord | None:
    """The run that stands where `record` stood among the runs of its process."""
    assert record.source is not None
    before = [store.get_run(each) for each in store.runs_of_source(record.source.source_id)]
    alike = [each.run_id for each in before if (each.kind, each.name) == (record.kind, record.name)]
    number = alike.index(record.run_id)
    with made.reading() as connection:
        rows = connection.execute(
            "SELECT run_id FROM runs WHERE kind = ? AND name = ? ORDER BY id",
            (record.kind, record.name),
        ).fetchall()
    return made.get_run(rows[number][0]) if number < len(rows) else None


def _compared(
    store: Store, record: RunRecord, made: Store, found: RunRecord, seconds: float
) -> Replay:
    python = found.source.python if found.source else ""
    apart, compared = 0.0, []
    first = ""
    for name, distance, said in _distances(store, record, made, found):
        compared.append(name)
        apart = max(apart, distance)
        if distance > _TOLERANCE and not first:
            first = f"{name}: {said}"
    if not first:
        verdict = IDENTICAL if apart == 0 else EQUAL
        return Replay(record.run_id, verdict, "", tuple(compared), (), python, seconds)
    cause = _cause(store, record, made, found)
    return Replay(
        record.run_id, DIFFERENT, f"{cause} ({first})", tuple(compared), (), python, seconds
    )


def _distances(
    store: Store, record: RunRecord, made: Store, found: RunRecord
) -> Iterator[tuple[str, float, str]]:
    """How far the metrics, and what the models say of made-up rows, are apart."""
    from autotrack.crates.verification.refit import compared

    for key, value in record.metrics.items():
        if _TIMES in key:
            continue
        if key not in found.metrics:
            yield key, float("inf"), "it was not computed this time"
            continue
        again = found.metrics[key]
        distance, _ = compared(value, again)
        yield key, distance, f"{again!r}, recorded {value!r}"
    before, after = _outputs(store, record.run_id), _outputs(made, found.run_id)
    for name in before.keys() & after.keys():
        distance, said = compared(before[name]["example"], after[name]["example"])
        yield f"{name} of made-up rows", distance, said


def _outputs(store: Store, run_id: str) -> dict[str, Any]:
    """What the model of a run said to the rows that were made up at packing."""
    manifest = [f for f in store.stored_folder(run_id, "model") if f.path == "model/manifest.json"]
    if not manifest:
        return {}
    told = json.loads(store.artifacts.resolve(manifest[0].location).read_bytes())
    return {name: output for name, output in told["outputs"].items() if "example" in output}


def _cause(store: Store, record: RunRecord, made: Store, found: RunRecord) -> str:
    """The first thing that differs, in the order in which things may matter."""
    del made  # its code has the digests that `found` names by tags
    differ = [
        change
        for change in changes(store, record, found)
        if change.key not in ("script", "command", "uncommitted changes")
    ]
    order = ("params", "preprocessing", "data", "split", "code", "git")
    for section in (*order, "versions", "seeds"):
        for change in differ:
            if change.section != section or change.key == "platform":
                continue
            if section == "versions" and MISSING in (change.a, change.b):
                continue  # imported by one of them alone
            name = "version" if section == "versions" else section
            return f"{name}: {change.key} is {change.b!r}, recorded {change.a!r}"
    if unset := record.tags.get(UNSEEDED_TAG):
        return f"seed never set: {unset}"
    for change in differ:
        if change.key == "platform":
            return f"platform: {change.b}, recorded {change.a}"
    return "the same params, data, code, versions and seeds: the script is not deterministic"


def _environment(place: Path, source: Source) -> tuple[str, str]:
    """The Python of a new environment with the recorded versions, and this autotrack in it."""
    from autotrack.crates.verification.verify import make_environment

    python, problem = make_environment(
        place, source.python, [*_requirements(source)], wheels_only=True
    )
    if problem:
        return "", problem
    asked = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    ignored = shutil.ignore_patterns("__pycache__")
    home = Path(__file__).resolve().parents[2]
    shutil.copytree(home, Path(asked.stdout.strip()) / "autotrack", ignore=ignored)
    return python, ""


def _requirements(source: Source) -> Sequence[str]:
    """The distributions that were imported, as they were; and what autotrack itself needs.

    Only what is a distribution here as well: a module of the user's own may have the name of
    somebody else's.
    """
    found: dict[str, str] = {}
    for name, version in source.packages.items():
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if name not in (_DISTRIBUTION, "autotrack"):
            found[name.lower()] = f"{name}=={version}"
    for each in metadata.requires(_DISTRIBUTION) or ():
        if "extra ==" not in each:
            name = "".join(letter for letter in each.partition(">")[0] if letter not in " <=!~")
            found.setdefault(name.lower(), f"{name}=={metadata.version(name)}")
    return list(found.values())
