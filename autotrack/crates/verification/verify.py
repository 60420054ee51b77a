"""Whether a crate says elsewhere what it said at packing: asked in a fresh, isolated process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autotrack.crates.manifest import Manifest
from autotrack.crates.trust.refusal import requirements_refused
from autotrack.crates.trust.trust import Origin
from autotrack.crates.verification import replay
from autotrack.runtime.dataclass import dataclass

# Other processors and libraries of linear algebra round otherwise in the last digits.
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
# What a model is asked that was not asked at packing: the first of them that says something.
_TRIES = ("predict", "transform", "score_samples")
_PATIENCE = 300  # seconds for loading and predicting
INSTALLING = 1800  # seconds for an environment
#: How far background verification stands back behind what the user runs.
_NICE = 10


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of verifying a crate; true if nothing was wrong.

    Attributes
    ----------
    problems : tuple of str
        What is wrong; empty where nothing is.
    methods : tuple of str
        What was asked and compared with what was said at packing. Empty where the crate has no
        example (a function, or a model of whose data nothing is known): it was only opened.
    python : str
        The version of Python that opened it.
    environment : tuple of str
        What was installed for it; empty where it was opened in this environment.
    seconds : float
        How long that took.
    answered : str
        What a model that was not asked at packing, since there is code of the user's own in it,
        answered. Empty where it said nothing to rows that were made up, or was asked.
    """

    problems: tuple[str, ...]
    methods: tuple[str, ...]
    python: str
    environment: tuple[str, ...] = ()
    seconds: float = 0.0
    answered: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong."""
        return not self.problems

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        if self.problems:
            return f"not verified: {'; '.join(self.problems)}"
        asked = " and ".join(self.methods)
        found = f"the same {asked}" if asked else "it opens (there is no example to ask)"
        if self.answered:
            found = f"it opens, and answers {self.answered} (which it was not asked at packing)"
        where = " with its requirements alone" if self.environment else ""
        return f"verified: {found} in a fresh Python {self.python}{where}, {self.seconds:.1f} s"


def verify(
    folder: Path,
    manifest: Manifest,
    origin: Origin,
    *,
    env: bool = False,
    background: bool = False,
) -> Verification:
    """Open the crate in `folder` in an isolated process, and compare what its model says there.

    The process is ``python -I`` in an empty folder, and cannot import autotrack.

    Parameters
    ----------
    folder : Path
        The crate's. Somebody must answer for its model.
    manifest : Manifest
        Its manifest.
    origin : Origin
        Who does. The process opens the file of this digest and no other.
    env : bool, default=False
        Whether to do so in a new virtual environment, with the crate's requirements and no more.
        Packages are installed with pip, as it is configured; wheels alone, for a crate that the
        store in use did not pack.
    background : bool, default=False
        Whether the process is to stand back behind others.
    """
    if env and not (origin.is_recorded or origin.is_trusted):
        raise requirements_refused(manifest, origin)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="autotrack-verify-") as place:
        python, problem = sys.executable, ""
        if env:
            python, problem = make_environment(
                Path(place) / "env",
                manifest.python,
                manifest.requirements,
                wheels_only=not origin.is_recorded,
            )
        empty = Path(place) / "empty"
        empty.mkdir()
        methods, problems, answered = _asked(manifest), [problem], ""
        if not problem:
            opened = _Opened(folder.absolute(), manifest, origin)
            problems, answered = _ask(python, opened, methods, empty, background)
    return Verification(
        tuple(filter(None, problems)),
        tuple(methods),
        manifest.python if env else ".".join(map(str, sys.version_info[:3])),
        tuple(manifest.requirements) if env else (),
        time.monotonic() - started,
        answered,
    )


def _asked(manifest: Manifest) -> list[str]:
    return [name for name, output in manifest.outputs.items() if "example" in output]


@dataclass(frozen=True, slots=True)
class _Opened:
    """What the process is to open."""

    folder: Path
    manifest: Manifest
    origin: Origin

    def question(self, methods: Sequence[str]) -> dict[str, Any]:
        """What it is told."""
        answered_for = self.origin.is_vouched or self.origin.is_trusted
        return {
            "file": str(self.folder / self.manifest.model_file),
            "sha256": self.origin.model,
            "storage": self.manifest.storage,
            "trusted": None if answered_for else sorted(self.origin.names),
            "objects": len(self.manifest.objects),
            "schema": self.manifest.schema.to_json(),
            "example": self.manifest.example,
            "methods": methods,
            "tries": _TRIES,
        }


def _ask(
    python: str, opened: _Opened, methods: Sequence[str], empty: Path, background: bool
) -> tuple[list[str], str]:
    """What is wrong, and what a model answered that had not been asked before."""
    folder, manifest = opened.folder, opened.manifest
    process = subprocess.Popen(
        [python, "-I", str(Path(replay.__file__).absolute())],
        cwd=empty,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        if background and hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        try:
            output, complaints = process.communicate(
                json.dumps(opened.question(methods)), timeout=_PATIENCE
            )
        except subprocess.TimeoutExpired:
            process.kill()
            return [f"its model had not answered after {_PATIENCE} s"], ""
    try:
        told = json.loads(output)
    except ValueError:
        last = complaints.strip().rpartition("\n")[2] or "it said nothing"
        return [f"the process ended with {process.returncode}: {last}"], ""
    if "error" in told:
        return [_readable(told, folder)], ""
    problems = [
        problem
        for name in methods
        if (problem := _compared(name, manifest.outputs[name], told["answers"][name]))
    ]
    return problems, str(told.get("tried", ""))


def _readable(told: Mapping[str, str], folder: Path) -> str:
    error = told["error"]
    if error.startswith("ModuleNotFoundError"):
        return (
            f"{error} ({told['where']}); the crate does not carry it and does not require it: "
            "import it at the top of the file that uses it, or enable(code_by_value=[...]) with "
            "the name of its package"
        )
    return f"{error} ({told['where'].replace(str(folder), 'the crate')})"


def _compared(method: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is different; empty if nothing is."""
    before, after = then["example"], now["example"]
    if list(then["shape"]) != list(now["shape"]) or len(before) != len(after):
        return f"{method} returned the shape {now['shape']}, at packing {then['shape']}"
    if _is_same(before, after):
        return ""
    return f"{method} returned {after!r:.80}, at packing {before!r:.80}"


def _is_same(before: Any, after: Any) -> bool:
    left, right = np.asarray(before), np.asarray(after)
    if left.dtype.kind in "fiu" and right.dtype.kind in "fiu":
        return bool(np.allclose(left, right, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True))
    same: bool = before == after
    return same


def make_environment(
    place: Path, version: str, requirements: Sequence[str], *, wheels_only: bool
) -> tuple[str, str]:
    """The Python of a new environment that has these requirements; or what went wrong.

    Parameters
    ----------
    place : Path
        Where it is made.
    version : str
        Of Python.
    requirements : sequence of str
    wheels_only : bool
        Whether nothing may be built: the requirements are named by somebody else.
    """
    wanted = version.rpartition(".")[0]
    here = ".".join(map(str, sys.version_info[:2]))
    base = sys.executable if here == wanted else shutil.which(f"python{wanted}")
    if base is None:
        return "", (
            f"it was packed with Python {version}, and there is no python{wanted} on the "
            "PATH; install it, or do without an environment of its own"
        )
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [str(python), "-m", "pip", "install", "-q", "--no-input"]
    install += ["--disable-pip-version-check"]
    # Of a source distribution pip runs the setup.py.
    install += ["--only-binary", ":all:"] if wheels_only else []
    install += ["--", *requirements]
    for command in ([base, "-m", "venv", str(place)], install if requirements else []):
        if not command:
            continue
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALLING, check=False
            )
        except subprocess.TimeoutExpired:
            return "", f"its environment was not made within {INSTALLING} s"
        if done.returncode:
            last = done.stderr.strip().splitlines() or ["no reason given"]
            return "", f"its environment cannot be made: {last[-1]}"
    return str(python), ""
