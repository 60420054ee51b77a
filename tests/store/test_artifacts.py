from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrack.errors import ArtifactNotFoundError, InvalidValueError, StoreUnavailableError
from autotrack.store.artifacts import STAGING, ArtifactFolder, StoredArtifact
from autotrack.store.keys import clean_path
from autotrack.store.store import Store
from tests.store.making import new_run


@pytest.fixture
def folder(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path / "artifacts")


def files(folder: ArtifactFolder) -> set[str]:
    return {
        path.relative_to(folder.root).as_posix()
        for path in folder.root.rglob("*")
        if path.is_file() or not any(path.iterdir())
    } - {STAGING}


def test_a_copied_file_is_described_exactly(folder: ArtifactFolder, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(os.urandom(3_000_000))
    row = folder.add_file("r1", source, "data/copy.bin")
    assert (row.path, row.location, row.size) == ("data/copy.bin", "r1/data/copy.bin", 3_000_000)
    assert row.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert folder.resolve(row.location).read_bytes() == source.read_bytes()
    assert files(folder) == {"r1/data/copy.bin"}


def test_bytes_are_kept_under_their_path(folder: ArtifactFolder) -> None:
    row = folder.add_bytes("r1", b"hello", "notes\\hello.txt")
    assert (row.path, row.size) == ("notes/hello.txt", 5)
    assert row.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert folder.resolve(row.location).read_bytes() == b"hello"


def test_a_staged_folder_is_moved_as_a_whole_and_described_file_by_file(
    folder: ArtifactFolder,
) -> None:
    with folder.staging() as staged:
        (staged / "crate" / "deep").mkdir(parents=True)
        (staged / "crate" / "a.txt").write_text("a")
        (staged / "crate" / "deep" / "b.txt").write_text("bb")
        location = folder.place(staged / "crate", "r1", "model")
    assert location == "r1/model"
    rows = folder.rows(location, "model")
    assert [(row.path, row.location, row.size) for row in rows] == [
        ("model/a.txt", "r1/model/a.txt", 1),
        ("model/deep/b.txt", "r1/model/deep/b.txt", 2),
    ]
    assert files(folder) == {"r1/model/a.txt", "r1/model/deep/b.txt"}


def test_several_things_can_be_placed_from_one_staged_folder(folder: ArtifactFolder) -> None:
    with folder.staging() as staged:
        for name in "abc":
            (staged / name).write_text(name)
        for name in "ab":
            folder.place(staged / name, "r1", name)
    assert files(folder) == {"r1/a", "r1/b"}


def test_what_fails_before_it_is_placed_leaves_nothing(folder: ArtifactFolder) -> None:
    with pytest.raises(ZeroDivisionError), folder.staging() as staged:
        (staged / "half").write_text("written")
        raise ZeroDivisionError
    assert files(folder) == set()


def test_nothing_is_overwritten(folder: ArtifactFolder) -> None:
    locations = [folder.add_bytes("r1", f"{n}".encode(), "plot.tar.gz").location for n in range(3)]
    assert locations == ["r1/plot.tar.gz", "r1/plot.tar.2.gz", "r1/plot.tar.3.gz"]
    assert [folder.resolve(location).read_text() for location in locations] == ["0", "1", "2"]
    for _ in range(2):
        staged = folder.stage()
        (staged / "f").write_text("x")
        location = folder.place(staged, "r1", "model")
    assert location == "r1/model.2"


def test_a_folder_takes_the_name_of_a_file_and_a_file_that_of_a_folder(
    folder: ArtifactFolder,
) -> None:
    first = folder.add_bytes("r1", b"file", "a")
    second = folder.add_bytes("r1", b"inside", "a/b")
    third = folder.add_bytes("r1", b"deeper", "a/b/c")
    fourth = folder.add_bytes("r1", b"again", "a")
    rows = [first, second, third, fourth]
    assert [row.path for row in rows] == ["a", "a/b", "a/b/c", "a"]
    assert [folder.resolve(row.location).read_bytes() for row in rows] == [
        b"file",
        b"inside",
        b"deeper",
        b"again",
    ]


def test_threads_that_place_the_same_path_each_get_a_file(folder: ArtifactFolder) -> None:
    rows: list[tuple[StoredArtifact, str]] = []

    def add(number: int) -> None:
        for turn in range(10):
            row = folder.add_bytes("r1", f"{number} {turn}".encode(), "same/file.txt")
            if turn % 2:
                folder.discard(row.location)
            else:
                rows.append((row, f"{number} {turn}"))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(folder.resolve(row.location).read_text() == text for row, text in rows)
    assert len({row.location for row, _ in rows}) == len(rows) == 20


def test_what_is_discarded_goes_with_the_folders_it_leaves_empty(folder: ArtifactFolder) -> None:
    kept = folder.add_bytes("r1", b"x", "a/keep.txt")
    gone = folder.add_bytes("r1", b"x", "a/b/c/gone.txt")
    folder.discard(gone.location)
    folder.discard(gone.location)
    assert files(folder) == {"r1/a/keep.txt"}
    folder.discard(kept.location)
    assert not (folder.root / "r1").exists()
    assert folder.root.exists()


def test_the_database_points_at_whole_files_before_and_after_a_replacement(store: Store) -> None:
    run_id = new_run(store)
    first = store.artifacts.add_bytes(run_id, b"first", "model.bin")
    store.put_artifacts(run_id, [first])
    second = store.artifacts.add_bytes(run_id, b"second", "model.bin")
    found = store.stored_artifact(run_id, "model.bin")
    assert store.artifacts.resolve(found.location).read_bytes() == b"first"
    (stale,) = store.put_artifacts(run_id, [second])
    found = store.stored_artifact(run_id, "model.bin")
    assert store.artifacts.resolve(found.location).read_bytes() == b"second"
    store.artifacts.discard(stale)
    assert store.artifacts.resolve(found.location).read_bytes() == b"second"


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "/",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a\\..\\x",
        "\\\\server\\share",
        "C:\\x",
        "c:/x",
        "nul\0byte",
        "\ud800",
        "x" * 300,
    ],
)
def test_a_path_that_leaves_the_run_or_names_no_file_is_refused(
    folder: ArtifactFolder, path: str
) -> None:
    with pytest.raises(InvalidValueError, match="artifact path"):
        folder.add_bytes("r1", b"x", path)
    with pytest.raises(InvalidValueError, match="artifact"):
        folder.resolve(path)
    assert files(folder) == set()


@pytest.mark.parametrize("run_id", ["", "..", "a/b", ".staging", "/r", "a\\b"])
def test_a_run_id_that_names_no_folder_of_its_own_is_refused(
    folder: ArtifactFolder, run_id: str
) -> None:
    with pytest.raises(InvalidValueError):
        folder.add_bytes(run_id, b"x", "x")


@given(path=st.text(st.sampled_from("ab./\\ :é"), max_size=12))
def test_a_clean_path_is_relative_and_stays_clean(path: str) -> None:
    try:
        clean = clean_path(path)
    except InvalidValueError:
        return
    assert clean_path(clean) == clean
    assert not os.path.isabs(clean)
    assert not {"", ".", ".."} & set(clean.split("/"))


def test_a_symbolic_link_does_not_lead_out_of_the_folder(
    folder: ArtifactFolder, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("secret")
    (folder.root / "r1").mkdir(parents=True)
    (folder.root / "r1" / "link").symlink_to(secret)
    (folder.root / "r1" / "file").symlink_to(secret / "file")
    for location in ("r1/link/file", "r1/file"):
        with pytest.raises(InvalidValueError, match="outside"):
            folder.resolve(location)
        with pytest.raises(InvalidValueError, match="outside"):
            folder.discard(location)
    with pytest.raises(InvalidValueError, match="outside"):
        folder.add_bytes("r1", b"x", "link/new")
    assert os.listdir(secret) == ["file"]


def test_an_experiment_can_keep_its_artifacts_elsewhere(store: Store, tmp_path: Path) -> None:
    far = tmp_path / "far" / "away"
    experiment = store.create_experiment("wine", artifact_location=far)
    run_id = new_run(store, experiment_id=experiment)
    near = new_run(store)
    assert store.artifacts_of(near).root == store.artifacts.root
    row = store.artifacts_of(run_id).add_bytes(run_id, b"wine", "notes/wine.txt")
    assert row.location == str(far / run_id / "notes" / "wine.txt")
    store.put_artifacts(run_id, [row])
    found = store.stored_artifact(run_id, "notes/wine.txt")
    assert store.artifacts.resolve(found.location).read_bytes() == b"wine"
    assert store.artifacts_of(near).rows(row.location, row.path) == [row]
    store.artifacts.discard(found.location)
    assert os.listdir(far) == [STAGING]
    with pytest.raises(InvalidValueError, match="outside"):
        store.artifacts.resolve(str(tmp_path / "far" / "other"))


def test_what_dead_processes_left_staged_is_swept(folder: ArtifactFolder) -> None:
    mine = folder.stage()
    dead = folder.root / STAGING / "dead-1-abcd-7"
    dead.mkdir()
    (dead / "half").write_text("half")
    assert folder.sweep() == [dead]
    assert mine.exists()
    assert not dead.exists()
    assert ArtifactFolder(folder.root.parent / "nowhere").sweep() == []


def test_a_file_to_log_that_is_not_there_is_named(folder: ArtifactFolder, tmp_path: Path) -> None:
    with pytest.raises(ArtifactNotFoundError, match=r"missing\.txt"):
        folder.add_file("r1", tmp_path / "missing.txt", "x")
    with pytest.raises(ArtifactNotFoundError):
        folder.add_file("r1", tmp_path, "x")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = ArtifactFolder(tmp_path / "file" / "artifacts")
    with pytest.raises(StoreUnavailableError, match="file"):
        folder.add_bytes("r1", b"x", "x")


def test_the_first_folder_of_a_run_is_written_where_it_stays(folder: ArtifactFolder) -> None:
    folder.root.mkdir()
    with folder.first("r1", "model") as first:
        assert first is not None
        made, location = first
        (made / "file").write_bytes(b"content")

    assert location == "r1/model"
    assert folder.resolve(location) == made
    assert files(folder) == {"r1/model/file"}


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_a_first_folder_that_could_not_be_filled_is_gone(
    folder: ArtifactFolder, error: BaseException
) -> None:
    folder.root.mkdir()
    with pytest.raises(type(error)), folder.first("r1", "model") as first:
        assert first is not None
        (first[0] / "file").write_bytes(b"half of it")
        raise error

    assert files(folder) == set()
    assert not (folder.root / "r1").exists()


def test_what_is_not_the_first_of_its_run_has_to_be_staged(folder: ArtifactFolder) -> None:
    with folder.first("r1", "model") as none_yet:  # not even the store's folder is there
        pass
    folder.add_bytes("r1", b"a", "notes.txt")
    with folder.first("r1", "model") as beside:
        pass
    with folder.first("r2", "some/model") as deep:
        pass
    with pytest.raises(InvalidValueError), folder.first("r2", "../r1"):
        pass

    assert (none_yet, beside, deep) == (None, None, None)
    assert files(folder) == {"r1/notes.txt"}
