"""Having the model of a crate fitted once more, in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cloudpickle

from autotrack.crates.manifest import Manifest
from autotrack.crates.requirements import USUAL, exact_requirements
from autotrack.crates.trust.refusal import requirements_refused
from autotrack.crates.trust.scanner import contents
from autotrack.crates.trust.trust import Origin
from autotrack.crates.verification import refit
from autotrack.crates.verification.verify import make_environment


def fitted_again(
    folder: Path,
    manifest: Manifest,
    origin: Origin,
    data: tuple[Any, Any, Mapping[str, Any]],
    *,
    env: bool = False,
) -> dict[str, Any]:
    """What came of fitting the model of a crate once more.

    The process is ``python -I`` in an empty folder. The data reaches it in a file of a private
    folder, which is gone afterwards.

    Parameters
    ----------
    folder : Path
        The crate's. Somebody must answer for its model.
    manifest, origin
        Its manifest, and who does.
    data : tuple
        X, y (or None), and what else ``fit`` is given by name.
    env : bool
        Whether to do so in a new environment with the crate's requirements and no more.

    Returns
    -------
    dict
        As :mod:`autotrack.crates.verification.refit` tells it; ``error`` where nothing came of it.

    Raises
    ------
    UntrustedCrateError
        If `env` is to hold what a manifest names that nobody answers for.
    """
    if env and not (origin.is_recorded or origin.is_trusted):
        raise requirements_refused(manifest, origin)
    content = cloudpickle.dumps((data[0], data[1], dict(data[2])))
    with tempfile.TemporaryDirectory(prefix="autotrack-replay-") as place:
        python = sys.executable
        if env:
            python, problem = make_environment(
                Path(place) / "env",
                manifest.python,
                [*manifest.requirements, *_needed(content, manifest)],
                wheels_only=not origin.is_recorded,
            )
            if problem:
                return {"error": problem}
        empty, file = Path(place) / "empty", Path(place) / "data.pkl"
        empty.mkdir()
        file.write_bytes(content)
        is_answered_for = origin.is_vouched or origin.is_trusted
        question = {
            "file": str(folder.absolute() / manifest.model_file),
            "sha256": origin.model,
            "storage": manifest.storage,
            "trusted": None if is_answered_for else sorted(origin.names),
            "objects": len(manifest.objects),
            "data": str(file),
            "distributions": [each.partition("==")[0] for each in manifest.requirements],
        }
        done = subprocess.run(
            [python, "-I", str(Path(refit.__file__).absolute())],
            input=json.dumps(question),
            cwd=empty,
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().rpartition("\n")[2] or "it said nothing"
        return {"error": f"the process ended with {done.returncode}: {last}"}
    return told


def _needed(content: bytes, manifest: Manifest) -> list[str]:
    """What the data needs beyond the crate: pandas keeps texts in pyarrow, where that is there."""
    known = {each.partition("==")[0].lower() for each in manifest.requirements}
    modules = {module for module, _ in contents(content).names}
    needed = exact_requirements(modules, USUAL)
    return [each for each in needed if each.partition("==")[0].lower() not in known]
