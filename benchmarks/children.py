"""Child processes: measured code runs in its own, with clean settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def module_output(module: str, *arguments: str, cwd: str | Path) -> str:
    """The last line that ``python -m module arguments`` prints; what it warns of is passed on.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env=_environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"python -m {module} {' '.join(arguments)} failed: {done.returncode}")
    return done.stdout.strip().rpartition("\n")[2]


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        # Compiling modules at each import is nobody's everyday.
        if not name.startswith(("AUTOTRACK_", "MLFLOW_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    return kept | {
        "PYTHONPATH": str(ROOT),
        # On busy cores, threads that wait for one another would drown everything else.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore::FutureWarning",  # one a fit, of MLflow's
        "AUTOTRACK_QUIET": "1",
        "AUTOTRACK_STRICT": "1",  # trouble is an error here, not a warning and a fast run
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "ERROR",
        "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
    }
