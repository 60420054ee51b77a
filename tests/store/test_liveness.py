from __future__ import annotations

import errno
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autotrack.store import liveness
from autotrack.store.liveness import Processes
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from tests.store.making import begin_and_wait, new_run
from tests.waiting import PATIENCE

HOLD = """
import sys, time
from pathlib import Path
from autotrack.store.liveness import Processes
print(Processes(Path(sys.argv[1])).token(), flush=True)
sys.stdin.read()
"""


def another(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that holds a token until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_all_stores_of_a_process_share_a_token_that_is_alive(tmp_path: Path) -> None:
    first, second = Processes(tmp_path / "p"), Processes(tmp_path / "p")
    token = first.token()
    assert first.token() == second.token() == token
    assert first.alive(token)
    assert second.alive(token)
    assert Processes(tmp_path / "q").token() != token


def test_another_process_is_alive_until_it_is_killed(tmp_path: Path) -> None:
    process, token = another(tmp_path)
    mine = Processes(tmp_path)
    assert mine.alive(token)
    assert mine.alive(token)
    process.kill()
    process.communicate()
    assert (tmp_path / f"{token}.lock").exists()
    assert not mine.alive(token)
    assert not (tmp_path / f"{token}.lock").exists()
    assert not mine.alive(token)


def test_a_process_that_ends_in_order_takes_its_lock_file_along(tmp_path: Path) -> None:
    process, token = another(tmp_path)
    assert os.listdir(tmp_path) == [f"{token}.lock"]
    process.communicate()
    assert process.returncode == 0
    assert os.listdir(tmp_path) == []


def test_looking_at_ones_own_token_does_not_drop_its_lock(tmp_path: Path) -> None:
    mine = Processes(tmp_path)
    token = mine.token()
    mine.alive(token)
    mine.sweep()
    look = f"""
from pathlib import Path
from autotrack.store.liveness import Processes
print(Processes(Path({str(tmp_path)!r})).alive({token!r}))
"""
    answer = subprocess.run(
        [sys.executable, "-c", look],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "True"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are a matter of Unix")
def test_a_forked_child_has_a_token_of_its_own_and_leaves_the_parents_alone(
    tmp_path: Path,
) -> None:
    mine = Processes(tmp_path)
    token = mine.token()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        own = mine.token()
        os.write(writer, f"{own} {mine.alive(token)} {mine.alive(own)}".encode())
        os._exit(0)
    os.waitpid(pid, 0)
    own, sees_parent, sees_itself = os.read(reader, 1000).decode().split()
    assert own != token
    assert (sees_parent, sees_itself) == ("True", "True")
    assert mine.token() == token
    assert not mine.alive(own)


def test_sweeping_removes_what_the_dead_left_and_nothing_else(tmp_path: Path) -> None:
    mine = Processes(tmp_path)
    token = mine.token()
    process, other = another(tmp_path)
    (tmp_path / "dead-1-abc.lock").touch()
    (tmp_path / "notes.txt").touch()
    assert mine.sweep() == ["dead-1-abc"]
    assert sorted(os.listdir(tmp_path)) == sorted([f"{token}.lock", f"{other}.lock", "notes.txt"])
    process.communicate()
    assert Processes(tmp_path / "nowhere").sweep() == []


@pytest.mark.parametrize("token", [None, "", "../../victim", "a/b", "x" * 300, "never-made"])
def test_a_token_that_nobody_made_is_dead_and_touches_no_file(
    tmp_path: Path, token: str | None
) -> None:
    (tmp_path / "victim.lock").touch()
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    assert not Processes(folder).alive(token)
    assert (tmp_path / "victim.lock").exists()


def test_without_locks_on_the_file_system_everyone_is_taken_to_be_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(descriptor: int, *, wait: bool) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(liveness, "_lock", unsupported)
    mine = Processes(tmp_path)
    assert mine.alive(mine.token())
    (tmp_path / "other-1-ff.lock").touch()
    assert mine.alive("other-1-ff")
    assert not mine.alive("other-2-ff")


def test_a_token_whose_file_was_deleted_is_replaced(tmp_path: Path) -> None:
    mine = Processes(tmp_path)
    token = mine.token()
    (tmp_path / f"{token}.lock").unlink()
    assert mine.token() != token
    assert mine.alive(mine.token())


def test_threads_that_ask_at_once_get_the_same_token(tmp_path: Path) -> None:
    tokens: list[str] = []
    gate = threading.Barrier(8)

    def ask() -> None:
        gate.wait()
        tokens.append(Processes(tmp_path / "p").token())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 8
    assert len(set(tokens)) == 1


@pytest.mark.parametrize("how", ["search", "get_run", "reap"])
def test_the_runs_of_a_dead_process_read_as_killed_at_the_last_thing_known(
    store: Store, root: Path, how: str
) -> None:
    context = multiprocessing.get_context("spawn")
    announce = context.Queue()
    dead = context.Process(target=begin_and_wait, args=(root, announce, False))
    dead.start()
    run_id = announce.get(timeout=PATIENCE)
    dead.join()
    mine = new_run(store)
    assert store.run_status(run_id) == "RUNNING"
    {"search": lambda: store.search(Query()), "get_run": lambda: store.get_run(mine)}.get(
        how, store.reap
    )()
    assert store.run_status(run_id) == "KILLED"
    assert store.run_status(mine) == "RUNNING"
    record = store.get_run(run_id)
    assert record.end_time is not None
    (loss,) = store.metric_history(run_id, "loss")  # five seconds ahead of all else
    assert record.end_time == loss.time
    assert store.reap() == []
    store.end_run(run_id, status="FINISHED", end_time=time.time())
    assert store.get_run(run_id).status == "FINISHED"


def test_the_runs_of_a_living_process_stay_running(store: Store, root: Path) -> None:
    context = multiprocessing.get_context("spawn")
    announce = context.Queue()
    living = context.Process(target=begin_and_wait, args=(root, announce, True))
    living.start()
    run_id = announce.get(timeout=PATIENCE)
    assert store.get_run(run_id).status == "RUNNING"
    assert store.reap() == []
    living.kill()
    living.join()
    assert store.reap() == [run_id]


def test_a_reopened_run_belongs_to_the_process_that_reopened_it(store: Store, root: Path) -> None:
    context = multiprocessing.get_context("spawn")
    announce = context.Queue()
    dead = context.Process(target=begin_and_wait, args=(root, announce, False))
    dead.start()
    run_id = announce.get(timeout=PATIENCE)
    dead.join()
    store.reopen_run(run_id)
    assert store.reap() == []
    assert store.get_run(run_id).status == "RUNNING"
