"""Files of a run: logged, replaced, listed and fetched again."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

import autotrack
from autotrack import ArtifactNotFoundError, InvalidValueError


@pytest.fixture
def run():
    with autotrack.start_run() as run:
        yield run


def content(run: autotrack.Run, path: str, tmp_path) -> bytes:
    return autotrack.download_artifact(run.run_id, path, tmp_path / "got").read_bytes()


def test_a_file_is_copied_with_its_size_and_digest(run, tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"hot\n")
    autotrack.log_artifact(tmp_path / "notes.txt")
    autotrack.log_artifact(str(tmp_path / "notes.txt"), "tea/green")
    (tmp_path / "notes.txt").unlink()
    listed = autotrack.list_artifacts(run.run_id)
    assert listed["path"].tolist() == ["notes.txt", "tea/green/notes.txt"]
    assert listed["size"].tolist() == [4, 4]
    assert set(listed["sha256"]) == {hashlib.sha256(b"hot\n").hexdigest()}
    assert content(run, "tea/green/notes.txt", tmp_path) == b"hot\n"
    pd.testing.assert_frame_equal(listed, run.artifacts())


def test_a_folder_is_copied_with_all_that_is_below_it(run, tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("a")
    (tmp_path / "in" / "deep" / "b.txt").write_text("b")
    autotrack.log_artifacts(tmp_path / "in")
    autotrack.log_artifacts(tmp_path / "in", "copy")
    assert sorted(run.artifacts()["path"]) == [
        "a.txt",
        "copy/a.txt",
        "copy/deep/b.txt",
        "deep/b.txt",
    ]
    fetched = autotrack.download_artifact(run.run_id, "copy", tmp_path / "out")
    assert fetched == tmp_path / "out" / "copy"
    assert (fetched / "deep" / "b.txt").read_text() == "b"


def test_an_empty_folder_is_no_error(run, tmp_path):
    (tmp_path / "empty").mkdir()
    autotrack.log_artifacts(tmp_path / "empty")
    assert run.artifacts().empty


def test_what_is_missing_or_of_the_other_kind_is_an_error_that_says_so(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactNotFoundError, match=r"missing\.txt does not exist"):
        autotrack.log_artifact(tmp_path / "missing.txt")
    with pytest.raises(ArtifactNotFoundError, match="missing does not exist"):
        autotrack.log_artifacts(tmp_path / "missing")
    with pytest.raises(ArtifactNotFoundError, match="is a folder; log it with log_artifacts"):
        autotrack.log_artifact(tmp_path)
    with pytest.raises(ArtifactNotFoundError, match="is a file; log it with log_artifact"):
        autotrack.log_artifacts(tmp_path / "file")
    assert run.artifacts().empty


def test_what_is_logged_again_is_replaced_and_the_older_file_is_gone(run, tmp_path, store_path):
    for text in ("first", "second", "third"):
        autotrack.log_text(text, "notes.txt")
    assert run.artifacts()["path"].tolist() == ["notes.txt"]
    assert content(run, "notes.txt", tmp_path) == b"third"
    files = [path for path in (store_path / "artifacts").rglob("*") if path.is_file()]
    assert [path.read_text() for path in files] == ["third"]


@pytest.mark.parametrize(
    "path",
    ["../out.txt", "a/../../out.txt", "/etc/out.txt", "", ".", "C:\\out.txt", "a\0b", "x" * 300],
)
def test_a_path_that_leaves_the_run_or_is_none_is_refused(run, path, tmp_path, store_path):
    (tmp_path / "f").write_text("x")
    for log in (
        lambda: autotrack.log_text("x", path),
        lambda: autotrack.log_dict({}, path),
        lambda: autotrack.log_table({"a": [1]}, f"{path}/../../x.csv"),
        lambda: autotrack.log_artifact(tmp_path / "f", f"{path}/.." if path in ("", ".") else path),
    ):
        with pytest.raises(InvalidValueError):
            log()
    assert run.artifacts().empty
    assert not list(tmp_path.rglob("out.txt"))


def test_a_link_inside_a_runs_folder_leads_nowhere(run, tmp_path, store_path):
    autotrack.log_text("x", "sub/a.txt")
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = store_path / "artifacts" / run.run_id / "link"
    folder.symlink_to(outside)
    with pytest.raises(InvalidValueError, match="lies outside"):
        autotrack.log_text("x", "link/b.txt")
    assert not list(outside.iterdir())


def test_texts_mappings_and_lists_are_kept_as_files(run, tmp_path):
    autotrack.log_text("größer\n", "a.txt")
    autotrack.log_dict({"b": [1, 2.5, None], "c": np.int64(3)}, "b.json")
    autotrack.log_dict([1, 2], "c.json")
    assert content(run, "a.txt", tmp_path) == "größer\n".encode()
    assert json.loads(content(run, "b.json", tmp_path)) == {"b": [1, 2.5, None], "c": 3}
    assert json.loads(content(run, "c.json", tmp_path)) == [1, 2]
    with pytest.raises(InvalidValueError, match="log_text takes a text, not int"):
        autotrack.log_text(3, "d.txt")
    with pytest.raises(InvalidValueError, match="cannot write this as JSON"):
        autotrack.log_dict({(1, 2): 3}, "d.json")


def test_tables_are_kept_in_the_form_their_name_says(run, tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[7, 8])
    autotrack.log_table(frame, "t.csv")
    autotrack.log_table(frame, "t.JSON")
    autotrack.log_table({"a": [1, 2]}, "columns.csv")
    autotrack.log_table(np.eye(2), "array.csv")
    assert content(run, "t.csv", tmp_path).decode().splitlines() == ["a,b", "1,x", "2,"]
    assert json.loads(content(run, "t.JSON", tmp_path)) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    assert content(run, "columns.csv", tmp_path) == b"a\n1\n2\n"
    with pytest.raises(InvalidValueError, match=r"\.csv, \.json and \.parquet, not 't\.xlsx'"):
        autotrack.log_table(frame, "t.xlsx")
    with pytest.raises(InvalidValueError, match="cannot make a table of this"):
        autotrack.log_table(3, "t.csv")


class _Plot:
    """What matplotlib's and plotly's figures have in common with what log_figure needs."""

    def savefig(self, file):
        file.write_bytes(b"saved")


class _Html:
    def write_html(self, file):
        file.write_text("<html>")

    def write_image(self, file):
        file.write_bytes(b"image")


def test_figures_are_drawn_into_files(run, tmp_path):
    axes = type("Axes", (), {"figure": _Plot()})()
    autotrack.log_figure(_Plot(), "a.png")
    autotrack.log_figure(axes, "plots/b.svg")
    autotrack.log_figure(_Html(), "c.html")
    autotrack.log_figure(_Html(), "c.png")
    assert content(run, "a.png", tmp_path) == content(run, "plots/b.svg", tmp_path) == b"saved"
    assert content(run, "c.html", tmp_path) == b"<html>"
    assert content(run, "c.png", tmp_path) == b"image"
    with pytest.raises(InvalidValueError, match="takes a matplotlib or plotly figure, not int"):
        autotrack.log_figure(3, "d.png")


def test_a_matplotlib_figure_becomes_a_picture(run, tmp_path):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.add_subplot()
    axes.plot([1, 2])
    autotrack.log_figure(axes, "line.png")
    assert content(run, "line.png", tmp_path).startswith(b"\x89PNG")


def test_an_unknown_artifact_is_an_error_with_the_nearest(run):
    autotrack.log_text("x", "plots/roc.txt")
    with pytest.raises(ArtifactNotFoundError, match=r"did you mean 'plots/roc\.txt'"):
        autotrack.download_artifact(run.run_id, "plots/rok.txt")
    for path in ("../plots/roc.txt", "plots/..", "/etc/passwd"):
        with pytest.raises((ArtifactNotFoundError, InvalidValueError)):
            autotrack.download_artifact(run.run_id, path)


def test_a_file_in_the_way_is_not_overwritten(run, tmp_path, monkeypatch):
    autotrack.log_text("new", "a.txt")
    monkeypatch.chdir(tmp_path)
    assert autotrack.download_artifact(run.run_id, "a.txt") == tmp_path / "a.txt"
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"a\.txt exists; move it away.*to="):
        autotrack.download_artifact(run.run_id, "a.txt")
    assert (tmp_path / "a.txt").read_text() == "mine"


def test_a_file_that_somebody_deleted_from_the_store_is_named(run, tmp_path, store_path):
    autotrack.log_text("x", "a.txt")
    (file,) = (store_path / "artifacts" / run.run_id).iterdir()
    file.unlink()
    with pytest.raises(ArtifactNotFoundError, match=rf"{file}.*is gone"):
        autotrack.download_artifact(run.run_id, "a.txt", tmp_path)
    assert not (tmp_path / "a.txt").exists()
