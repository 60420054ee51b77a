"""Where and with what a run was made: cheap, per process, and without secrets."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import threading
import time
import types
from dataclasses import replace
from pathlib import Path

import pytest

from autotrack.describe import environment, git
from autotrack.describe.environment import dirty, git_state, source, watch_dirty
from tests.waiting import PATIENCE, fastest, wait_until

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed here")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")

COMMIT_AS = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def run_git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **COMMIT_AS},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def fresh(monkeypatch):
    """A process that nothing is known of yet."""
    monkeypatch.setattr(environment, "_processes", {})


@pytest.fixture
def repo(tmp_path):
    """A repository with one commit."""
    root = tmp_path / "repo"
    root.mkdir()
    run_git(root, "init", "-q", "-b", "main")
    (root / "train.py").write_text("print('training')\n")
    run_git(root, "add", ".")
    run_git(root, "commit", "-q", "-m", "first")
    return root


@pytest.fixture
def in_repo(repo, fresh, monkeypatch):
    """A process whose script lies in the repository."""
    monkeypatch.setattr(environment, "_script", lambda: str(repo / "train.py"))
    return repo


def head(root: Path) -> str:
    return run_git(root, "rev-parse", "HEAD")


# git, by its files


@needs_git
def test_the_commit_of_a_branch_is_read_from_anywhere_in_the_tree(repo):
    (repo / "a" / "b").mkdir(parents=True)
    state = git_state(repo / "a" / "b")
    assert (state.root, state.commit) == (repo.resolve(), head(repo))
    assert git_state(repo / "train.py") == state


@needs_git
def test_a_detached_head_is_read(repo):
    run_git(repo, "checkout", "-q", "--detach")
    assert git_state(repo).commit == head(repo)


@needs_git
def test_packed_references_are_read(repo):
    run_git(repo, "tag", "-a", "v1", "-m", "one")
    run_git(repo, "branch", "main2")
    run_git(repo, "pack-refs", "--all", "--prune")
    assert not (repo / ".git" / "refs" / "heads" / "main").exists()
    assert git_state(repo).commit == head(repo)


@needs_git
def test_a_loose_reference_wins_over_an_older_packed_one(repo):
    run_git(repo, "pack-refs", "--all")
    run_git(repo, "commit", "-q", "--allow-empty", "-m", "second")
    assert git_state(repo).commit == head(repo)


@needs_git
@pytest.mark.parametrize("packed", [False, True])
def test_a_linked_worktree_has_its_own_commit_and_root(repo, tmp_path, packed):
    other = tmp_path / "other"
    run_git(repo, "worktree", "add", "-q", "-b", "feature/x", str(other))
    run_git(other, "commit", "-q", "--allow-empty", "-m", "second")
    if packed:
        run_git(repo, "pack-refs", "--all", "--prune")
    state = git_state(other)
    assert (state.root, state.commit) == (other.resolve(), head(other))
    assert state.commit != git_state(repo).commit


@needs_git
def test_before_the_first_commit_there_is_a_root_and_no_commit(tmp_path):
    run_git(tmp_path, "init", "-q")
    assert git_state(tmp_path) == git.GitState(tmp_path.resolve(), None)
    assert dirty(tmp_path) is False


def test_outside_of_a_repository_there_is_no_state(tmp_path):
    assert git_state(tmp_path) is None
    assert git_state(tmp_path / "missing") is None


@pytest.mark.parametrize("text", ["", "gitdir:", "rubbish", "gitdir: /nowhere", "\0\xff"])
def test_a_broken_git_file_is_no_error(tmp_path, text):
    (tmp_path / ".git").write_text(text)
    state = git_state(tmp_path)
    assert state is None or state.commit is None


@pytest.mark.parametrize("text", ["", "ref: HEAD", "ref: refs/heads/.invalid", "ref:", "no commit"])
def test_a_broken_head_is_no_error(tmp_path, text):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(text)
    assert git_state(tmp_path).commit is None


# git, asked


@needs_git
def test_a_tree_is_dirty_once_a_file_is_changed_or_added(repo):
    assert dirty(repo) is False
    (repo / "new.py").write_text("")
    assert dirty(repo) is True
    (repo / "new.py").unlink()
    assert dirty(repo) is False
    (repo / "train.py").write_text("changed")
    assert dirty(repo) is True


@needs_git
def test_the_default_store_does_not_make_a_tree_dirty(repo):
    (repo / "autotrack_runs").mkdir()
    (repo / "autotrack_runs" / ".gitignore").write_text("*\n")
    (repo / "autotrack_runs" / "autotrack.db").write_text("")
    assert dirty(repo) is False


@needs_git
def test_variables_of_git_hooks_do_not_lead_elsewhere(repo, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run_git(elsewhere, "init", "-q")
    (elsewhere / "new").write_text("")
    monkeypatch.setenv("GIT_DIR", str(elsewhere / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(elsewhere))
    assert dirty(repo) is False


@needs_git
def test_asking_git_does_not_write_to_the_repository(repo):
    os.utime(repo / "train.py")  # makes git want to refresh its index
    before = (repo / ".git" / "index").stat().st_mtime_ns
    assert dirty(repo) is False
    assert (repo / ".git" / "index").stat().st_mtime_ns == before


@needs_git
def test_no_repository_and_no_folder_have_no_answer(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert dirty(tmp_path) is None
    assert dirty(tmp_path / "missing") is None


@needs_git
def test_without_git_the_commit_is_known_and_changes_are_not(repo, monkeypatch):
    commit = head(repo)
    monkeypatch.setenv("PATH", "")
    assert git_state(repo).commit == commit
    assert dirty(repo) is None


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for git is a shell script")
def test_a_git_that_hangs_is_given_up(tmp_path, monkeypatch):
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 500\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(git, "GIT_TIMEOUT", 0.2)
    start = time.perf_counter()
    assert dirty(tmp_path) is None
    assert time.perf_counter() - start < PATIENCE


# The source of a process


def test_the_source_tells_of_this_process(fresh):
    found = source()
    assert source() is found
    assert found.pid == os.getpid()
    assert found.python == "{}.{}.{}".format(*sys.version_info)
    assert found.command
    assert found.git_dirty is None
    assert len(found.source_id) == 32
    assert {"scikit-learn", "numpy", "scipy", "pandas", "joblib", "cloudpickle"} <= set(
        found.packages
    )
    assert all(isinstance(version, str) for version in found.packages.values())


def test_packages_are_the_imported_ones_under_the_names_they_are_installed_by(fresh, monkeypatch):
    own, private = types.ModuleType("own_tool"), types.ModuleType("_own_tool")
    own.__version__ = private.__version__ = "1.2"
    unversioned = types.ModuleType("unversioned_tool")
    unversioned.__getattr__ = lambda name: pytest.fail("asked a module that computes its version")
    pillow = types.ModuleType("PIL")
    pillow.__version__ = "11.0"
    for module in (own, private, unversioned, pillow):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "odd_tool", None)
    packages = source().packages
    assert packages["own_tool"] == "1.2"
    assert packages["pillow"] == "11.0"
    assert not {"_own_tool", "unversioned_tool", "odd_tool", "sklearn", "json"} & set(packages)


def test_core_packages_are_named_before_they_are_imported(run_python):
    import sklearn

    # The front door imports scikit-learn, so the room is loaded without it.
    code = (
        "import sys, types\n"
        "package = sys.modules['autotrack'] = types.ModuleType('autotrack')\n"
        f"package.__path__ = [{str(Path(environment.__file__).parents[1])!r}]\n"
        "from autotrack.describe.environment import source\n"
        "print(source().packages['scikit-learn'], 'sklearn' in sys.modules)"
    )
    assert run_python(code=code).stdout.split() == [sklearn.__version__, "False"]


def test_the_source_is_cheap(fresh):
    def anew():
        environment._processes.clear()
        source()

    assert fastest(anew, 5) < 0.02
    assert fastest(lambda: [source() for _ in range(1000)]) < 0.02


def test_making_the_source_starts_no_process(fresh, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(os, "system", refuse)
    assert source().pid == os.getpid()


def test_threads_share_one_source(fresh):
    found = []
    threads = [threading.Thread(target=lambda: found.append(source())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1


@needs_fork
def test_a_forked_child_has_a_source_of_its_own(fresh):
    parent = source()
    with environment._this_process().lock:  # held in the child for ever, and must not matter
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                found = source()
                os.write(writer, f"{found.source_id} {found.pid} {os.getpid()}".encode())
            finally:
                os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        source_id, pid, real = file.read().split()
    os.waitpid(child, 0)
    assert source_id != parent.source_id
    assert pid == real == str(child)
    assert source() is parent


def test_a_user_without_a_name_is_no_error(fresh, monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert source().user


def test_a_working_directory_that_is_gone_is_no_error(fresh, monkeypatch, tmp_path):
    if os.name == "nt":
        pytest.skip("Windows does not remove it")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    monkeypatch.setenv("JPY_SESSION_NAME", "notebook.ipynb")
    assert source().git_commit is None


# The script


@pytest.mark.parametrize(
    ("attributes", "session", "expected"),
    [
        ({"__file__": "train.py"}, "", "train.py"),
        ({"__vsc_ipynb_file__": "/nb/eda.ipynb"}, "", "/nb/eda.ipynb"),
        ({}, "/nb/eda.ipynb", "/nb/eda.ipynb"),
        ({}, "", None),
        ({"__file__": None}, "", None),
    ],
)
def test_the_script_is_the_main_file_or_the_notebook(
    fresh, monkeypatch, attributes, session, expected
):
    main = types.ModuleType("__main__")
    vars(main).update(attributes)
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setenv("JPY_SESSION_NAME", session)
    script = source().script
    assert script == (os.path.abspath(expected) if expected else None)


@needs_git
def test_the_commit_is_that_of_the_script_not_of_the_working_directory(in_repo, monkeypatch):
    monkeypatch.chdir(in_repo.parent)
    assert source().git_commit == head(in_repo)


@needs_git
def test_for_an_installed_program_the_working_directory_counts(repo, fresh, monkeypatch):
    monkeypatch.setattr(environment, "_script", lambda: os.path.join(sys.prefix, "bin", "pytest"))
    monkeypatch.chdir(repo)
    assert source().git_commit == head(repo)


# Whether the tree has changes, told later


class Heard:
    """A callback that can be waited for."""

    def __init__(self):
        self.sources = []
        self.came = threading.Event()

    def __call__(self, known):
        self.sources.append(known)
        self.came.set()


@needs_git
@pytest.mark.parametrize("changed", [False, True])
def test_the_completed_source_is_handed_over_from_a_thread(in_repo, changed):
    if changed:
        (in_repo / "train.py").write_text("changed")
    before, heard, late = source(), Heard(), Heard()
    watch_dirty(heard)
    assert heard.came.wait(PATIENCE)
    assert heard.sources == [replace(before, git_dirty=changed)]
    assert source() == heard.sources[0]
    watch_dirty(late)
    assert late.sources == heard.sources


@needs_git
def test_git_is_asked_once_for_a_process(in_repo, monkeypatch):
    asked, go_on = [], threading.Event()

    def status(root):
        asked.append(root)
        assert go_on.wait(PATIENCE)
        return git.GitStatus(None, True)

    monkeypatch.setattr(environment, "git_status", status)
    many = [Heard() for _ in range(5)]
    for heard in many:
        watch_dirty(heard)
    assert not any(heard.sources for heard in many)
    go_on.set()
    for heard in many:
        assert heard.came.wait(PATIENCE)
        assert len(heard.sources) == 1
    assert asked == [in_repo.resolve()]


@needs_git
def test_a_commit_kept_in_a_form_only_git_reads_is_filled_in(in_repo, monkeypatch):
    commit = head(in_repo)
    monkeypatch.setattr(environment, "git_state", lambda start: git.GitState(in_repo, None))
    heard = Heard()
    assert source().git_commit is None
    watch_dirty(heard)
    assert heard.came.wait(PATIENCE)
    assert heard.sources[0].git_commit == commit


@needs_git
def test_a_callback_that_fails_stops_neither_thread_nor_caller(in_repo):
    def fail(known):
        raise RuntimeError("the store is closed")

    heard = Heard()
    watch_dirty(fail)
    watch_dirty(heard)
    assert heard.came.wait(PATIENCE)
    watch_dirty(fail)


@needs_git
def test_without_an_answer_nobody_is_called(in_repo, monkeypatch):
    done = threading.Event()

    def status(root):
        done.set()

    monkeypatch.setattr(environment, "git_status", status)
    heard = Heard()
    watch_dirty(heard)
    assert done.wait(PATIENCE)
    wait_until(lambda: environment._this_process().answered, "the answer")
    watch_dirty(heard)
    assert heard.sources == []


def test_outside_of_a_repository_no_thread_is_started(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "_script", lambda: str(tmp_path / "x.py"))
    monkeypatch.setattr(threading, "Thread", lambda **kwargs: pytest.fail("a thread was started"))
    watch_dirty(lambda known: pytest.fail("called"))


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for git is a shell script")
def test_a_git_that_hangs_does_not_hold_up_the_end_of_a_process(tmp_path, run_python):
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 120\n")
    slow.chmod(0o755)
    (tmp_path / ".git").mkdir()
    script = tmp_path / "train.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(environment.__file__).parents[2])!r})\n"
        "import time\n"
        "from autotrack.describe.environment import watch_dirty\n"
        "watch_dirty(print); time.sleep(0.1); print(time.time())\n"
    )
    # Killed with its parent or not, the stand-in must not keep the pipes of this test open.
    done = run_python(script, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert time.time() - float(done.stdout.split()[-1]) < 100


# Secrets


def test_the_source_shows_the_masked_command(fresh, monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "x.py", "--token=abc"])
    assert source().command == ("python", "x.py", "--token=***")
