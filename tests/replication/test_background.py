"""Sending beside a training: it never waits, and the end of the process says what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import autotrack
from autotrack.errors import SettingError
from autotrack.replication.ledger import Ledger

_TRAINS = """
import sys, threading, time, autotrack
from sklearn.linear_model import LogisticRegression
autotrack.enable(replicate_to=sys.argv[1])
LogisticRegression().fit([[0], [1]], [0, 1])
time.sleep(0.5)
print([t.name for t in threading.enumerate() if t.name == "autotrack-replicate"])
import os
if hasattr(os, "fork") and os.fork() == 0:
    names = [t.name for t in threading.enumerate()]
    os._exit(1 if "autotrack-replicate" in names else 0)
print(os.wait()[1])
print(time.time())
"""


def test_a_dead_server_delays_the_end_by_two_seconds_and_is_told_of(
    run_python: Callable[..., subprocess.CompletedProcess[str]], store_path: Path
) -> None:
    process = subprocess.run(
        [sys.executable, "-c", _TRAINS, "http://name:secret@127.0.0.1:9"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    ended = time.time()
    thread, child, left = process.stdout.splitlines()
    assert thread == "['autotrack-replicate']"
    assert child == "0"
    # Two seconds, and what any process takes to end on a busy machine.
    assert ended - float(left) < 2 + 3
    assert process.stderr.splitlines()[-1] == (
        "autotrack: 1 run is still to be sent to http://127.0.0.1:9; "
        "send with: autotrack replicate --to http://127.0.0.1:9"
    )
    assert len(autotrack.search_runs()) == 1


def test_without_a_server_there_is_no_thread_and_nothing_is_imported(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run_python(
        code="import sys, threading, autotrack\nautotrack.enable()\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "LogisticRegression().fit([[0], [1]], [0, 1])\n"
        "print([m for m in sys.modules if m.startswith(('autotrack.replication', 'mlflow'))])"
    )
    assert done.stdout.strip() == "[]"


def test_one_process_sends_at_a_time_and_a_dead_one_lets_go(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from autotrack.replication.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1]), 'http://host')\n"
        "print(ledger.lock.acquire(), flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "True"
    mine, second, other = (
        Ledger(tmp_path, "http://host"), Ledger(tmp_path, "http://host"),
        Ledger(tmp_path, "http://other"),
    )  # fmt: skip
    assert not mine.lock.acquire()
    assert other.lock.acquire()
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert mine.lock.acquire()
    assert not second.lock.acquire()
    mine.lock.release()
    assert second.lock.acquire()
    for ledger in (mine, second, other):
        ledger.lock.release()
        ledger.close()


def test_a_target_that_is_no_text_is_refused() -> None:
    with pytest.raises(SettingError, match="replicate_to="):
        autotrack.enable(replicate_to=3)  # type: ignore[arg-type]


def test_after_a_new_start_of_the_machine_the_server_is_asked_for_everything(
    tmp_path: Path,
) -> None:
    first = Ledger(tmp_path, "http://host")
    assert not first.get("run", "a").was_begun
    first.close()
    if first.fact("boot") is None:
        return  # a system that does not tell: each commit is synced there
    first.note(boot="another")
    first.close()
    again = Ledger(tmp_path, "http://host")
    assert again.get("run", "a").was_begun
    again.close()
