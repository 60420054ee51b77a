"""What every test gets: strictness, a store of its own, autotrack off afterwards; and data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

import autotrack
from autotrack.tracking.workspace import workspace
from tests.split import Split
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


@pytest.fixture
def tracking() -> Iterator[autotrack.Session]:
    with autotrack.enable(log_models=False) as session:
        yield session


@pytest.fixture
def classes() -> Split:
    """Three classes in four columns, not separable."""
    random = np.random.RandomState(0)
    y = random.randint(0, 3, 240)
    X = random.normal(size=(240, 4)) + np.eye(3)[y] @ random.normal(size=(3, 4))
    return Split(X[:160], X[160:], y[:160], y[160:])


@pytest.fixture
def binary(classes: Split) -> Split:
    """The same columns, and two classes."""
    return classes._replace(y_train=classes.y_train % 2, y_test=classes.y_test % 2)


@pytest.fixture
def numbers() -> Split:
    """A number to be predicted from four columns, with noise."""
    random = np.random.RandomState(1)
    X = random.normal(size=(240, 4))
    y = X @ [3.0, -2.0, 1.0, 0.5] + random.normal(size=240)
    return Split(X[:160], X[160:], y[:160], y[160:])


@pytest.fixture
def classifier(tracking: autotrack.Session, binary: Split) -> LogisticRegression:
    """Fitted while tracking was on."""
    return LogisticRegression(C=0.5).fit(binary.X_train, binary.y_train)


@pytest.fixture
def regressor(tracking: autotrack.Session, numbers: Split) -> Ridge:
    """Fitted while tracking was on."""
    return Ridge(alpha=2.0).fit(numbers.X_train, numbers.y_train)
