"""What every test gets: strictness, a store of its own, and autotrack off again afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import autotrack
from autotrack.tracking.workspace import workspace
from tests.waiting import PATIENCE

# Whatever goes wrong inside autotrack fails the test, in the processes a test starts too.
os.environ["AUTOTRACK_STRICT"] = "1"


@pytest.fixture(autouse=True)
def store_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is this test's default store."""
    path = tmp_path / "autotrack_runs"
    monkeypatch.setenv("AUTOTRACK_STORE", str(path))
    return path


@pytest.fixture(autouse=True)
def _off_afterwards(store_path: Path) -> Iterator[None]:
    """End what a test left open while its store is still there, and put the originals back."""
    yield
    while autotrack.active_run() is not None:
        autotrack.end_run()
    autotrack.disable()
    # A store, an experiment or inputs that a test chose are no other test's.
    workspace.forget()


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script, or code, in a fresh process; a failure shows what the process said."""

    def run(
        *arguments: str | Path,
        code: str | None = None,
        cwd: Path = tmp_path,
        check: bool = True,
        timeout: float = PATIENCE,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *(("-c", code) if code is not None else ()), *arguments]
        done = subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(
                f"{command[1:]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}",
                pytrace=False,
            )
        return done

    return run
