"""One store taken over into another."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack.errors import (
    InvalidValueError,
    StoreDamagedError,
    StoreError,
    StoreUnavailableError,
    UntrustedCrateError,
)
from autotrack.store import migrations
from autotrack.store.merging import merge as merging
from autotrack.store.merging.checked import TABLES
from autotrack.store.merging.merge import Merged, merge_store
from autotrack.store.merging.packing import export_store
from autotrack.store.store import Store
from autotrack.tracking.workspace import workspace
from tests.split import Split
from tests.store.making import new_run, use

pytestmark = pytest.mark.filterwarnings(
    "ignore:(?s).*fits failed", "ignore:(?s).*failed to converge"
)
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are a matter of Unix")

# What rows say in place of the numbers by which tables name each other's rows.
_NAMES = {
    "runs": "SELECT id, run_id FROM runs",
    "experiments": "SELECT id, name FROM experiments",
    "datasets": "SELECT id, digest FROM datasets",
    "messages": "SELECT id, kind || category || message || details FROM messages",
    "models": "SELECT id, name FROM registered_models",
    "versions": "SELECT id, created FROM model_versions",
}
_REFERENCES = {
    ("*", "run"): "runs",
    ("*", "parent"): "runs",
    ("*", "experiment"): "experiments",
    ("*", "dataset"): "datasets",
    ("*", "target"): "datasets",
    ("*", "message"): "messages",
    ("*", "model"): "models",
    ("model_version_tags", "version"): "versions",
    ("model_version_files", "version"): "versions",
    ("model_aliases", "version"): "versions",
}


def picture(root: Path) -> dict[str, Counter[tuple[object, ...]]]:
    """All that a store holds, whatever numbers its rows have and wherever its files lie."""
    store = Store(root, create=False)
    found: dict[str, Counter[tuple[object, ...]]] = {}
    with store.reading() as connection:
        names = {kind: dict(connection.execute(sql)) for kind, sql in _NAMES.items()}
        for table in TABLES:
            if table == "packed":
                continue
            columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
            rows = []
            for row in connection.execute(f"SELECT * FROM {table}"):
                shown = []
                for column, value in zip(columns, row, strict=True):
                    kind = _REFERENCES.get((table, column)) or _REFERENCES.get(("*", column))
                    if kind and table != "messages":
                        value = names[kind].get(value)
                    if column == "location":
                        value = (root / "artifacts" / str(value)).read_bytes()
                    if column not in ("id", "artifact_location", "next_version"):
                        shown.append(value)
                rows.append(tuple(shown))
            found[table] = Counter(rows)
    store.close()
    return found


def files(root: Path) -> set[str]:
    """The files that lie in a store."""
    folder = root / "artifacts"
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and ".staging" not in path.parts
    }


def named(root: Path) -> set[str]:
    """The files that its rows name."""
    store = Store(root, create=False)
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT location FROM artifacts UNION SELECT location FROM model_version_files"
        ).fetchall()
    store.close()
    return {location for (location,) in rows}


def holds(more: Path, less: Path) -> bool:
    """Whether a store has all that another one has."""
    there, here = picture(less), picture(more)
    return all(not there[table] - here[table] for table in there)


def twice(X: object) -> object:
    """A person's own code, whose text is kept."""
    return 2 * X  # type: ignore[operator]


def fill(root: Path, data: Split, *Cs: float) -> None:
    """What a person does with a store."""
    with autotrack.enable(store=root, experiment=f"of {root.name}", progress=False):
        autotrack.set_experiment("shared")
        for C in Cs:
            model = LogisticRegression(C=C, max_iter=2).fit(data.X_train, data.y_train)
            accuracy_score(data.y_test, model.predict(data.X_test))
        make_pipeline(FunctionTransformer(twice), LogisticRegression()).fit(
            data.X_train, data.y_train
        )
        with autotrack.start_run("by hand", tags={"note": "kept"}) as run:
            for step in range(3):
                autotrack.log_metric("loss", 1 / (step + 1), step=step)
            autotrack.log_text("a\nb\n", "notes/a.txt")
            autotrack.log_params({"depth": 3, "nothing": None, "big": 2**70, "pair": (1, "x")})
        search = GridSearchCV(LogisticRegression(), {"C": [0.1, -1.0]}, cv=2, error_score=0.0)
        search.fit(data.X_train, data.y_train)
        search.score(data.X_test, data.y_test)
        found = autotrack.last_run()
        assert found is not None
        autotrack.register_model(f"runs:/{found.run_id}/model", "wine", tags={"a": "b"})
        autotrack.set_alias("wine", "champion", 1)
        autotrack.delete_run(run.run_id)
        with pytest.raises(ValueError, match="inconsistent"):
            LogisticRegression().fit([[1.0]], [1, 2])
    workspace.forget()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two stores, which are copied before they are changed."""
    import numpy as np

    random = np.random.RandomState(0)
    y = random.randint(0, 2, 120)
    X = random.normal(size=(120, 3)) + y[:, None]
    data = Split(X[:80], X[80:], y[:80], y[80:])
    folder = tmp_path_factory.mktemp("stores")
    fill(folder / "a", data, 0.1, 1.0)
    fill(folder / "b", data, 1.0, 10.0)
    return folder / "a", folder / "b"


def test_each_table_of_a_store_is_taken_over(store: Store) -> None:
    with store.reading() as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        ).fetchall()
    # What changed is of interest only to those whom this very store is sent to.
    assert {name for (name,) in tables} == {*TABLES, "changes"}


def test_a_store_whose_changes_are_noted_is_taken_over_and_takes_over(
    filled: tuple[Path, Path], tmp_path: Path
) -> None:
    ours, theirs = (shutil.copytree(root, tmp_path / root.name) for root in filled)
    for root in (ours, theirs):
        Store(root, create=False).watch_changes()
    merged = merge_store(ours, theirs)
    store = Store(ours, create=False)
    noted = {store.run_of_number(n) for n in store.changed_runs(0, store.last_change()) if n}
    there = Store(theirs, create=False)
    assert noted == {there.run_of_number(number) for number in there.all_runs()}
    assert merged.runs == len(noted)


def test_a_store_that_took_over_another_holds_all_that_it_held_and_once_more_adds_nothing(
    filled: tuple[Path, Path], tmp_path: Path
) -> None:
    here = tmp_path / "here"
    before = picture(filled[0])
    merged = merge_store(here, filled[0])
    assert merged.runs == sum(before["runs"].values())
    assert picture(here) == before == picture(filled[0])
    for table in ("runs", "params", "earlier_metrics", "tags", "notes", "findings", "code"):
        assert before[table], table
    assert Store(here).check() == []
    again = merge_store(here, filled[0])
    assert (again.runs, again.files, again.versions, again.differing) == (0, 0, 0, [])
    assert picture(here) == before
    assert files(here) == named(here)


def test_joined_stores_hold_the_runs_of_both_and_models_are_numbered_on(
    filled: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    merge_store(here, filled[0])
    merged = merge_store(here, filled[1])
    assert merged.renumbered == [("wine", 1, 2)]
    assert merged.aliases == [("wine", "champion", 1, 2)]
    assert merge_store(here, filled[1]).renumbered == []
    both, a, b = picture(here), picture(filled[0]), picture(filled[1])
    assert both["runs"] == a["runs"] + b["runs"]
    assert both["artifacts"] == a["artifacts"] + b["artifacts"]
    assert both["earlier_metrics"] == a["earlier_metrics"] + b["earlier_metrics"]
    assert files(here) == named(here)
    monkeypatch.setenv("AUTOTRACK_STORE", str(here))
    workspace.forget()
    models = autotrack.search_models("wine")
    assert dict(zip(models["version"], models["aliases"], strict=True)) == {
        2: (),
        1: ("champion",),
    }
    merge_store(here, filled[1], move_aliases=True)
    assert Store(here).model_version("wine", "champion").version == 2
    # Two thirds of the models are the same in both: judged by two runs, and counted once.
    entry = autotrack.held_out_sets().iloc[0]
    assert (entry["models"], entry["runs"]) == (4, 6)


def test_models_of_another_store_open_on_the_word_alone(
    filled: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    monkeypatch.setenv("AUTOTRACK_STORE", str(here))
    workspace.forget()
    merge_store(here, filled[0])
    with pytest.raises(UntrustedCrateError):
        autotrack.load_model("models:/wine@champion")
    # A store that does not vouch for a model cannot hand on that it does.
    export_store(here, tmp_path / "carried.zip")
    merge_store(here, tmp_path / "carried.zip", trust=True)
    with pytest.raises(UntrustedCrateError):
        autotrack.load_model("models:/wine@champion")
    assert merge_store(here, filled[0], trust=True).vouched > 0
    assert autotrack.load_model("models:/wine@champion").predict([[0.0, 0, 0]]).shape == (1,)


@pytest.mark.parametrize("name", ["carried.zip", "carried"])
def test_an_exported_store_is_a_store_with_everything_in_it(
    filled: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    to = tmp_path / name
    export_store(filled[0], to)
    with pytest.raises(InvalidValueError, match="there already"):
        export_store(filled[0], to)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    there = to
    if to.is_file():
        merge_store(there := tmp_path / "unpacked", to)
    else:
        assert not (to / "processes").exists()
        assert not list(to.glob("autotrack.db-*"))
    assert picture(there) == picture(filled[0])


def test_runs_that_still_run_are_left_out_with_those_below_them_and_dead_ones_are_killed(
    tmp_path: Path,
) -> None:
    there = Store(tmp_path / "there")
    alive = new_run(there, name="alive")
    new_run(there, name="below", parent_id=alive)
    dead = new_run(there, name="dead", owner="elsewhere-1-abc")
    there.add_metrics(dead, [("loss", 1.0, None, time.time() + 5)])
    merged = merge_store(tmp_path / "here", there.root)
    assert (merged.runs, merged.left) == (1, 2)
    here = Store(tmp_path / "here")
    assert here.run_status(dead) == "KILLED"
    assert here.get_run(dead).end_time == there.get_run(dead).end_time
    there.end_run(alive, status="FINISHED", end_time=time.time())
    for run_id in there.children(alive):
        there.end_run(run_id, status="FAILED", end_time=time.time())
    assert merge_store(here.root, there.root).runs == 2
    assert here.get_run(here.children(alive)[0]).status == "FAILED"


def test_a_run_of_both_stores_gets_what_it_lacks_and_keeps_what_it_has(tmp_path: Path) -> None:
    there, here = Store(tmp_path / "there"), tmp_path / "here"
    run_id = new_run(there)
    there.set_params(run_id, {"C": 1})
    there.add_metrics(run_id, [("loss", 3.0, None, 1.0), ("seen", 1.0, None, 1.0)])
    there.end_run(run_id, status="FINISHED", end_time=time.time())
    merge_store(here, there.root)
    ours = Store(here)
    ours.set_tags(run_id, {"note": "ours"})
    ours.add_metrics(run_id, [("seen", 5.0, None, 2.0)])
    there.set_tags(run_id, {"note": "theirs", "more": "x"})
    there.add_metrics(run_id, [("loss", 2.0, None, 2.0), ("loss", float("nan"), None, 3.0)])
    there.add_metrics(run_id, [("seen", 6.0, None, 2.0), ("seen", 7.0, None, 3.0)])
    there.add_dataset(run_id, use())
    merged = merge_store(here, there.root)
    found = ours.get_run(run_id)
    assert found.tags == {"note": "ours", "more": "x"}
    assert len(found.datasets) == 1
    assert [m.value for m in ours.metric_history(run_id, "loss")][:2] == [3.0, 2.0]
    assert len(ours.metric_history(run_id, "loss")) == 3
    assert [m.value for m in ours.metric_history(run_id, "seen")] == [1.0, 5.0]
    assert sorted(merged.differing) == [f"metric seen of run {run_id}", f"tag note of run {run_id}"]
    again = picture(here)
    merge_store(here, there.root)
    assert picture(here) == again


def test_a_store_is_not_merged_into_itself(filled: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(filled[0])
    for other in (filled[0], tmp_path / "link", filled[0] / ".." / filled[0].name):
        with pytest.raises(InvalidValueError, match="very store"):
            merge_store(filled[0], other)


def test_a_store_of_an_older_version_is_understood_and_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    with monkeypatch.context() as older:
        older.setattr(migrations, "_steps", migrations._steps[:3])
        store = Store(there)
        with store.transaction() as connection:
            connection.execute("INSERT INTO experiments (name, created) VALUES ('old', 1.0)")
            connection.execute(
                "INSERT INTO runs (run_id, experiment, name, kind, status, start_time)"
                " VALUES ('abcd1234', 1, 'of old', 'fit', 'FINISHED', 1.0)"
            )
            connection.execute("INSERT INTO metrics VALUES (1, 'loss', 0, 0, 1.5, 1.0, 1)")
        store.close()
    merge_store(tmp_path / "here", there)
    assert Store(tmp_path / "here").get_run("abcd1234").metrics == {"loss": 1.5}
    with closing(sqlite3.connect(there / "autotrack.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "there").close()
    with closing(sqlite3.connect(tmp_path / "there" / "autotrack.db")) as connection:
        connection.execute("PRAGMA user_version=999")
    with pytest.raises(StoreError, match=r"there.*newer autotrack"):
        merge_store(tmp_path / "here", tmp_path / "there")


@forking
@pytest.mark.parametrize("moment", ["_hold_to_rows", "fetch", "merge_runs"])
def test_a_merge_that_is_killed_leaves_the_store_as_it_was_and_the_next_one_completes(
    filled: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    here = tmp_path / "here"
    merge_store(here, filled[0])
    before = picture(here)
    pid = os.fork()
    if pid == 0:
        real = getattr(merging, moment)

        def killed(*args: object, **more: object) -> None:
            real(*args, **more)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(merging, moment, killed)
        merge_store(here, filled[1])
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    assert picture(here) == before
    merge_store(here, filled[1])
    assert holds(here, filled[0])
    assert picture(here)["runs"] == picture(filled[0])["runs"] + picture(filled[1])["runs"]
    assert files(here) == named(here)
    staging = here / "artifacts" / ".staging"
    assert not staging.exists() or not list(staging.iterdir())


@forking
def test_a_full_disk_is_said_and_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = Store(tmp_path / "there"), tmp_path / "here"
    run_id = new_run(there)
    there.put_artifacts(run_id, [there.artifacts.add_bytes(run_id, b"x" * 3_000_000, "file.bin")])
    there.end_run(run_id, status="FINISHED", end_time=1.0)
    Store(here).close()
    before = picture(here)
    with monkeypatch.context() as full:
        usage = shutil.disk_usage(tmp_path)._replace(free=1000)
        full.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(StoreUnavailableError, match="free some room"):
            merge_store(here, there.root)
    pid = os.fork()
    if pid == 0:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        try:
            merge_store(here, there.root)
        except StoreUnavailableError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert picture(here) == before
    assert files(here) == set()


def test_a_damaged_file_is_named_and_may_be_left_out(
    filled: tuple[Path, Path], tmp_path: Path
) -> None:
    there = tmp_path / "there"
    shutil.copytree(filled[0], there)
    damaged = next((there / "artifacts").rglob("cv_results.csv"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    with pytest.raises(StoreDamagedError, match=r"1 files are missing.*cv_results"):
        merge_store(tmp_path / "here", there)
    assert not picture(tmp_path / "here")["runs"]
    merged = merge_store(tmp_path / "here", there, leave_damaged=True)
    assert len(merged.damaged) == 1
    assert files(tmp_path / "here") == named(tmp_path / "here")


def write_zip(to: Path, root: Path, change: Callable[[zipfile.ZipFile], None]) -> Path:
    with zipfile.ZipFile(to, "w") as archive:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(root).as_posix())
        change(archive)
    return to


def _link(archive: zipfile.ZipFile) -> None:
    link = zipfile.ZipInfo("artifacts/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(link, "/etc/passwd")


def _bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr(
        "autotrack.db-wal", b"\0" * 150_000_000, compress_type=zipfile.ZIP_DEFLATED, compresslevel=9
    )


HOSTILE_ZIPS: dict[str, Callable[[zipfile.ZipFile], None]] = {
    "a way out": lambda archive: archive.writestr("artifacts/../../../out", "x"),
    "a root": lambda archive: archive.writestr("/tmp/out", "x"),
    "a drive": lambda archive: archive.writestr("C:/out", "x"),
    "a link": _link,
    "another database": lambda archive: archive.writestr("other/autotrack.db", "x"),
    "a bomb": _bomb,
}


@pytest.mark.parametrize("kind", HOSTILE_ZIPS)
def test_an_archive_that_no_export_makes_is_refused(tmp_path: Path, kind: str) -> None:
    Store(tmp_path / "there").close()
    Store(tmp_path / "here").close()
    archive = write_zip(tmp_path / "a.zip", tmp_path / "there", HOSTILE_ZIPS[kind])
    with pytest.raises(StoreDamagedError):
        merge_store(tmp_path / "here", archive)
    assert not picture(tmp_path / "here")["experiments"]
    assert not (tmp_path / "out").exists()


def test_what_is_no_archive_and_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(StoreDamagedError, match="no ZIP file"):
        merge_store(tmp_path / "here", tmp_path / "text.zip")
    (tmp_path / "empty").mkdir()
    for other in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(StoreUnavailableError):
            merge_store(tmp_path / "here", other)
    Store(tmp_path / "there").close()
    whole = write_zip(tmp_path / "a.zip", tmp_path / "there", lambda _: None).read_bytes()
    (tmp_path / "part.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreDamagedError):
        merge_store(tmp_path / "here", tmp_path / "part.zip")


def test_named_views_come_along_and_mean_the_same_experiments(tmp_path: Path) -> None:
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    here.create_experiment("another")
    number = there.create_experiment("wines")
    there.put_view("best wines", f"/runs?experiment={number}&sort=-metrics.r2&where=a+%3E+1")
    merge_store(here.root, there.root)
    merge_store(here.root, there.root)
    ours = here.experiment_id("wines")
    assert ours != number
    assert here.views() == [
        ("best wines", f"/runs?experiment={ours}&sort=-metrics.r2&where=a+%3E+1")
    ]


HOSTILE_ROWS = {
    "a link": "INSERT INTO views VALUES ('x', 'javascript:alert(1)', 1.0)",
    "a view": "DROP TABLE code; CREATE VIEW code AS SELECT 1 AS digest, 2 AS text",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END",
    "an id": "UPDATE runs SET run_id = '../../x'",
    "a status": "UPDATE runs SET status = 'DONE'",
    "a time": "UPDATE runs SET start_time = 1e300",
    "a type": "UPDATE runs SET name = x'ff'",
    "a text": "UPDATE runs SET name = CAST(x'ff' AS TEXT)",
    "a circle": "UPDATE runs SET parent = id",
    "an orphan": "PRAGMA foreign_keys=OFF; UPDATE runs SET parent = 77",
    "a param": "UPDATE params SET type = 'json', value = '{'",
    "a depth": "UPDATE params SET type = 'json', value = replace(hex(zeroblob(50000)), '0', '[')",
    "a number": "UPDATE params SET type = 'int', value = 'x'",
    "a path": "UPDATE artifacts SET path = '../x'",
    "a digest": "UPDATE artifacts SET sha256 = 'x'",
    "a size": "UPDATE artifacts SET size = -1",
    "a data set": "UPDATE datasets SET shape = '[1]'",
    "a shape": "UPDATE datasets SET shape = '{}'",
    "another file": "UPDATE artifacts SET location = '../../autotrack.db'",
    "a file of the machine": "UPDATE artifacts SET location = '/etc/hostname'",
}


@pytest.mark.parametrize("kind", HOSTILE_ROWS)
def test_rows_that_autotrack_does_not_write_are_refused(tmp_path: Path, kind: str) -> None:
    there = Store(tmp_path / "there")
    run_id = new_run(there)
    there.set_params(run_id, {"C": 1})
    there.add_dataset(run_id, use())
    there.put_artifacts(run_id, [there.artifacts.add_bytes(run_id, b"x", "a.txt")])
    there.end_run(run_id, status="FINISHED", end_time=time.time())
    there.close()
    with closing(sqlite3.connect(there.path)) as connection:
        connection.executescript(HOSTILE_ROWS[kind])
    with pytest.raises(StoreDamagedError):
        merge_store(tmp_path / "here", there.root)
    assert not picture(tmp_path / "here")["runs"]
    assert files(tmp_path / "here") == set()


def test_a_link_in_a_store_is_not_followed_to_files_of_the_machine(tmp_path: Path) -> None:
    there = Store(tmp_path / "there")
    run_id = new_run(there)
    (tmp_path / "secret").write_bytes(b"x")
    there.put_artifacts(run_id, [there.artifacts.add_bytes(run_id, b"x", "a.txt")])
    there.end_run(run_id, status="FINISHED", end_time=time.time())
    (place,) = there.root.rglob("a.txt")
    place.unlink()
    place.symlink_to(tmp_path / "secret")
    with pytest.raises(StoreDamagedError, match="missing"):
        merge_store(tmp_path / "here", there.root)


def test_files_that_lay_outside_of_a_store_come_into_it(tmp_path: Path) -> None:
    there = Store(tmp_path / "there")
    outside = there.create_experiment("far", artifact_location=tmp_path / "far away")
    run_id = new_run(there, experiment_id=outside)
    there.put_artifacts(run_id, [there.artifacts_of(run_id).add_bytes(run_id, b"x", "b/a.txt")])
    there.end_run(run_id, status="FINISHED", end_time=time.time())
    assert files(there.root) == set()
    merge_store(tmp_path / "here", there.root)
    assert files(tmp_path / "here") == {f"{run_id}/b/a.txt"}


@forking
def test_eight_processes_that_judge_and_merge_while_one_is_killed_give_one_ledger(
    tmp_path: Path, classes: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each judges two models on one set, one of them that of its neighbour, and merges."""
    here = tmp_path / "here"

    def judge(number: int) -> None:
        root = tmp_path / f"store {number}"
        with autotrack.enable(store=root, progress=False):
            for leaves in (number + 2, (number + 1) % 8 + 2):
                model = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
                model.fit(classes.X_train, classes.y_train)
                accuracy_score(classes.y_test, model.predict(classes.X_test))
            if number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        merge_store(here, root)

    Store(here).close()
    pids = []
    for number in range(8):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                judge(number)
                status = 0
            finally:
                os._exit(status)
        pids.append(pid)
    ended = [os.waitpid(pid, 0)[1] for pid in pids]
    assert ended == [signal.SIGKILL if number == 3 else 0 for number in range(8)]
    for number in range(8):
        merge_store(here, tmp_path / f"store {number}")
    monkeypatch.setenv("AUTOTRACK_STORE", str(here))
    workspace.forget()
    (entry,) = autotrack.held_out_sets().to_dict("records")
    assert (entry["models"], entry["runs"]) == (8, 16)
    assert Store(here).check() == []
    assert files(here) == named(here)


def test_others_write_to_both_stores_while_they_are_merged(tmp_path: Path) -> None:
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    stop = threading.Event()
    written: dict[Store, list[str]] = {there: [], here: []}

    def write(store: Store) -> None:
        while not stop.is_set():
            with store.transaction(durable=False):
                run_id = new_run(store)
                store.set_params(run_id, {"a": 1, "b": 2})
                store.end_run(run_id, status="FINISHED", end_time=time.time())
            written[store].append(run_id)

    writers = [threading.Thread(target=write, args=(store,)) for store in written]
    for writer in writers:
        writer.start()
    found: list[Merged] = [merge_store(here.root, there.root) for _ in range(5)]
    stop.set()
    for writer in writers:
        writer.join()
    found.append(merge_store(here.root, there.root))
    assert sum(one.runs for one in found) == len(written[there])
    runs = picture(here.root)["runs"]
    assert len(runs) == len(written[there]) + len(written[here])
    assert picture(here.root)["params"].total() == 2 * len(runs)
