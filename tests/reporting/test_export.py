"""Runs as files: Markdown, CSV, Parquet; and the command that writes them."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV

import autotrack
from autotrack.cli import main
from autotrack.errors import InvalidValueError
from autotrack.reporting import tables
from autotrack.reporting.markdown import code, run_markdown, text
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from autotrack.tracking.workspace import workspace
from tests.hostile import TEXTS, hidden_in, sample
from tests.web.test_hostile import record


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a search, fits and a run by hand with values of every type."""
    root = tmp_path_factory.mktemp("reporting") / "store"
    random = np.random.RandomState(0)
    y = random.randint(0, 2, 120)
    X = random.normal(size=(120, 3)) + y[:, None]
    with autotrack.enable(store=root, experiment="wines", progress=False):
        search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0, 10.0]}, cv=3)
        search.fit(X[:80], y[:80])
        search.score(X[80:], y[80:])
        for C in (1.0, 2.0):
            model = LogisticRegression(C=C).fit(X[:80], y[:80])
            accuracy_score(y[80:], model.predict(X[80:]))
        with autotrack.start_run("=1+1"):
            autotrack.log_params(
                {"whole": 3, "mixed": "x", "flag": True, "none": None, "pair": (1, "a"),
                 "big": 2**70, "rate": 0.1, "formula": "=cmd|'/C calc'!A0"}
            )  # fmt: skip
            autotrack.log_metrics({"inf": math.inf, "nan": math.nan, "third": 1 / 3})
        with autotrack.start_run("another"):
            autotrack.log_params({"whole": -4, "mixed": 1, "flag": False, "rate": 1, "big": 2})
    workspace.forget()
    return root


@pytest.fixture
def here(filled: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTOTRACK_STORE", str(filled))
    workspace.forget()
    return filled


def run_id(name: str) -> str:
    frame = autotrack.search_runs()
    return str(frame.loc[frame["name"] == name, "run_id"].iloc[0])


def test_a_csv_file_gives_every_value_back_as_it_was(here: Path, tmp_path: Path) -> None:
    to = autotrack.export(tmp_path / "runs.csv", order_by="start_time")
    with open(to, encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    rows = {row["name"]: row for row in read}
    frame = autotrack.search_runs()
    assert [row["run_id"] for row in read] == list(frame["run_id"])[::-1]
    known = {c for c in frame.columns if c.startswith(("params.", "metrics.", "tags."))}
    by_hand = rows["=1+1"]
    assert known <= by_hand.keys()
    assert by_hand["params.formula"] == "=cmd|'/C calc'!A0"
    assert int(by_hand["params.big"]) == 2**70
    assert float(by_hand["metrics.third"]) == 1 / 3
    assert (by_hand["metrics.nan"], by_hand["metrics.inf"]) == ("NaN", "inf")
    assert (by_hand["params.flag"], by_hand["params.none"]) == ("True", "")
    assert json.loads(by_hand["params.pair"]) == [1, "a"]
    assert rows["another"]["params.formula"] == ""


def test_a_csv_file_for_spreadsheets_has_no_formula(here: Path, tmp_path: Path) -> None:
    to = autotrack.export(tmp_path / "runs.csv", for_spreadsheets=True)
    with open(to, encoding="utf-8", newline="") as file:
        cells = {cell for row in csv.reader(file) for cell in row}
    assert "'=1+1" in cells
    assert "'=cmd|'/C calc'!A0" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t"))]


def test_a_table_has_the_columns_and_rows_that_were_asked_for(here: Path, tmp_path: Path) -> None:
    to = autotrack.export(
        tmp_path / "some.csv",
        experiment="wines",
        where="params.C >= 1 and kind = 'candidate'",
        order_by="params.C desc",
        children=True,
        columns=("params.C", "name", "metrics.nobody"),
    )
    assert to.read_text() == "params.C,name,metrics.nobody\n10.0,C=10.0,\n1.0,C=1.0,\n"
    one = autotrack.export(tmp_path / "one.csv", run_id("another"), columns=["name"])
    assert one.read_text() == "name\nanother\n"
    with pytest.raises(InvalidValueError, match="no column 'x'"):
        autotrack.export(tmp_path / "some.csv", columns=["x"])
    assert to.read_text().startswith("params.C")
    assert {path.name for path in tmp_path.iterdir()} == {"some.csv", "one.csv"}


def test_a_parquet_file_keeps_types(here: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.read_parquet(
        autotrack.export(tmp_path / "runs.parquet"), dtype_backend="numpy_nullable"
    ).set_index("name")
    hand, other = frame.loc["=1+1"], frame.loc["another"]
    assert str(frame["params.whole"].dtype) == "Int64"
    assert str(frame["params.flag"].dtype) == "boolean"
    assert str(frame["params.rate"].dtype) == "Float64"
    assert (hand["params.whole"], other["params.whole"]) == (3, -4)
    assert (json.loads(hand["params.mixed"]), json.loads(other["params.mixed"])) == ("x", 1)
    assert json.loads(hand["params.big"]) == 2**70
    assert hand["params.formula"] == "=cmd|'/C calc'!A0"
    assert hand["metrics.third"] == 1 / 3
    assert hand["metrics.inf"] == math.inf
    assert hand["start_time"] == autotrack.get_run(hand["run_id"]).start_time
    assert pd.isna(other["params.formula"])


def test_a_file_without_its_extra_names_it_and_leaves_nothing(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, to, extra in (("pyarrow", "a.parquet", "parquet"), ("jinja2", "a.html", "ui")):
        with monkeypatch.context() as without:
            for name in list(sys.modules):
                if name.partition(".")[0] == module or name.startswith("autotrack.web"):
                    without.delitem(sys.modules, name)
            without.setitem(sys.modules, module, None)
            with pytest.raises(InvalidValueError, match=rf"{module}: pip install .*\[{extra}\]"):
                if extra == "ui":
                    autotrack.export(tmp_path / to, experiment="wines")
                else:
                    autotrack.export(tmp_path / to)
    assert list(tmp_path.iterdir()) == []


def test_markdown_of_an_experiment_answers_what_was_best_and_how_sure_that_is(
    here: Path, tmp_path: Path
) -> None:
    written = autotrack.export(tmp_path / "a.md", experiment="wines").read_text()
    for asked in (r"Best by cross-validation\*\*: 0\.\d+ ± 0\.\d+ `mean_test_score` \(3 splits\)",
                  r"The second best\*\*.* instead of `", r"on held-out data\*\*: 0\.\d+ `",
                  r"What to be careful about\*\*"):  # fmt: skip
        assert pd.Series([written]).str.contains(asked).all(), asked


def test_markdown_of_runs_has_errors_candidates_and_what_differs(
    here: Path, tmp_path: Path
) -> None:
    search = next(run for run in autotrack.search_runs()["run_id"]
                  if autotrack.get_run(run).kind == "search")  # fmt: skip
    written = autotrack.get_run(search).export(tmp_path / "a.md").read_text()
    assert "The first of 3 candidates" in written
    assert written.count(" ± ") >= 4
    fits = [r for r in autotrack.search_runs()["run_id"] if autotrack.get_run(r).kind == "fit"]
    written = autotrack.export(tmp_path / "b.md", fits).read_text()
    assert "| `C` | `2` |  |" in written
    assert "within the noise" in written


def test_what_cannot_be_written_is_said(here: Path, tmp_path: Path) -> None:
    for name, more, why in (
        ("a.pdf", {}, "does not say what to write"),
        ("a.md", {}, "name the runs"),
        ("a.md", {"experiment": "wines", "where": "x"}, "for tables"),
    ):
        with pytest.raises(InvalidValueError, match=why):
            autotrack.export(tmp_path / name, **more)


def test_hostile_texts_stay_texts_in_markdown() -> None:
    render = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for hostile in TEXTS:
        for line in (f"- **x** {text(hostile)} y", f"| a |\n| --- |\n| {code(hostile)} |"):
            assert not hidden_in(line)
            tokens = [inner for t in render.parse(line) for inner in (t, *(t.children or ()))]
            assert {t.content for t in tokens if t.type == "html_inline"} <= {"<!-- -->"}
            assert not {t.type for t in tokens} & {"link_open", "image", "html_block", "em_open",
                                                   "s_open", "fence", "heading_open"}  # fmt: skip
            assert sum(t.type == "td_open" for t in tokens) == line.startswith("|")
            if line.startswith("-"):
                shown = "".join(t.content for t in tokens if t.type == "text")
                assert shown.startswith("x ")
                assert shown.endswith(" y")


def test_hostile_texts_break_no_table_and_no_markdown(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    experiment = store.create_experiment("hostile")
    runs = [record(store, hostile, experiment) for hostile in sample(9)]
    for run in runs:
        assert not hidden_in(run_markdown(store, run))
    to = io.StringIO(newline="")
    assert tables.write_csv(store, Query(children=True), to, (), for_spreadsheets=False) > len(runs)
    to.seek(0)
    csv.field_size_limit(10**9)
    read = {row["run_id"]: row for row in csv.DictReader(to)}
    for run in runs:
        record_of = store.get_run(run)
        for key, value in record_of.params.items():
            if isinstance(value, str):
                assert read[run][f"params.{key}"] == value


def test_the_command_writes_files_and_prints(here: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    to = tmp_path / "last.html"
    done = runner.invoke(main, ["export", "last", "-o", str(to)])
    assert done.exit_code == 0, done.output
    assert to.read_text().startswith("<!doctype html>")
    done = runner.invoke(main, ["export", "-e", "wines", "-o", "-.md"])
    assert done.output.startswith("### `wines`\n")
    done = runner.invoke(main, ["export", "-w", "params.whole > 0", "-o", "-.csv", "-c", "name"])
    assert done.output == "name\n=1+1\n"
    assert runner.invoke(main, ["export", "last"]).exit_code == 2
    packed = tmp_path / "all.zip"
    done = runner.invoke(main, ["export", "--store", str(packed), "--from", str(here)])
    assert done.exit_code == 0, done.output
    assert "autotrack merge all.zip" in done.output
    done = runner.invoke(main, ["merge", str(packed), "--store", str(tmp_path / "new"), "--json"])
    (merged,) = json.loads(done.output)["data"]
    assert merged["runs"] == len(autotrack.search_runs()) + 3
    done = runner.invoke(main, ["merge", str(packed), "--store", str(tmp_path / "new")])
    assert "0 new runs, 8 that were here" in done.output
