"""A store in trouble, for processes of their own: full disks, and users who allow no warning."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autotrack
from tests.training import complete_runs
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def _as_users_have_it(monkeypatch):
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")


SCRIPT = """
import json, sys, warnings
told = []
warnings.showwarning = lambda message, category, *more: told.append(category.__name__)
warnings.simplefilter("always")
import autotrack
autotrack.enable()
from tests.training import train
train(*range(2, 2 + int(sys.argv[1])))
autotrack.disable()
print(json.dumps(told))
"""
ROOT = Path(__file__).parents[1]


def test_a_limit_on_the_size_of_files(store_path, run_python):
    pytest.importorskip("resource")
    autotrack.search_runs()
    size = (store_path / "autotrack.db").stat().st_size + 600_000
    code = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n{SCRIPT}"
    done = run_python("100", code=code, cwd=ROOT, PYTHONPATH=str(ROOT))
    assert json.loads(done.stdout) == ["CaptureWarning"]
    assert "records were lost" in done.stderr
    kept = complete_runs(cut_off=True)
    assert kept == list(range(2, 2 + len(kept)))


MOUNTS = [["unshare", "-Urm"], ["unshare", "-m"]]


def test_a_full_disk(tmp_path):
    """In a namespace of mounts that goes away with its process."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=1m none {disk}"
    for isolated in MOUNTS:
        if shutil.which("unshare") and not subprocess.call([*isolated, "sh", "-c", mount]):
            break
    else:
        pytest.skip("no file system can be mounted here")
    look = "from tests.training import complete_runs; print(complete_runs(cut_off=True))"
    lines = f'{mount}\n"$0" -c "$1" 60\n"$0" -c "$2"\nls -A {disk}/runs/artifacts/.staging'
    done = subprocess.run(
        [*isolated, "sh", "-ec", lines, sys.executable, SCRIPT, look],
        cwd=ROOT,
        env={**os.environ, "AUTOTRACK_STORE": str(disk / "runs"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    told, kept, *staged = done.stdout.splitlines()
    assert json.loads(told) == ["CaptureWarning"]
    assert "records were lost" in done.stderr
    assert 0 < len(json.loads(kept)) < 60
    assert staged == []


USER = """
import autotrack
autotrack.enable()
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
X, y = np.eye(20)[:, :2] + 1, np.arange(20.0)
with autotrack.start_run("mine") as run:
    model = Ridge().fit(X, y)
    model.score(X, y)
model = Ridge(alpha=2)
model.stream = (row for row in [])
model.fit(X, y)
Ridge(alpha=3).fit(StandardScaler().fit_transform(X), y)
repr(run), run.children(), autotrack.search_runs(), run.load_model().predict(X)
autotrack.disable()
"""


def test_a_user_who_turns_warnings_into_errors_is_not_disturbed(run_python):
    done = run_python("-W", "error", "-c", USER)
    assert "CaptureWarning: No crate for this run" in done.stderr
    assert "PreprocessingWarning: Ridge was trained" in done.stderr
    assert "Traceback" not in done.stderr
    assert autotrack.search_runs()["status"].tolist() == ["FINISHED"] * 3


def test_nor_by_a_store_in_trouble(run_python, tmp_path):
    (tmp_path / "file").touch()
    code = SCRIPT.replace('warnings.simplefilter("always")', 'warnings.simplefilter("error")')
    where = {"AUTOTRACK_STORE": str(tmp_path / "file" / "runs"), "PYTHONPATH": str(ROOT)}
    done = run_python("3", code=code, cwd=ROOT, **where)
    assert json.loads(done.stdout) == []
    assert done.stderr.count("CaptureWarning: ") == 1
    assert "Traceback" not in done.stderr
