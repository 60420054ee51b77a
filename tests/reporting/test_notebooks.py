"""Values in a notebook, pages beside it, and cells that are run again."""

from __future__ import annotations

import html.parser
import itertools
import math
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

import autotrack
from autotrack.analysis.cells import newest_of_cells
from autotrack.analysis.explaining.explanation import explain_runs
from autotrack.errors import InvalidValueError
from autotrack.reporting import beside
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from tests.hostile import hidden_in, sample
from tests.split import Split
from tests.waiting import PATIENCE, fastest, wait_until
from tests.web.test_hostile import record


class Tags(html.parser.HTMLParser):
    """Reads a piece of HTML: its elements and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


OURS = {"div", "style", "p", "b", "span", "code", "table", "thead", "tbody", "tr", "th", "td",
        "details", "summary", "pre", "a"}  # fmt: skip


def test_values_show_themselves_as_compact_html_and_their_repr_is_as_it_was(
    classes: Split, store_path: Path
) -> None:
    with autotrack.enable(progress=False) as session:
        models = [LogisticRegression(C=C).fit(classes.X_train, classes.y_train) for C in (1.0, 2.0)]
        for model in models:
            accuracy_score(classes.y_test, model.predict(classes.X_test))
        runs = list(autotrack.search_runs()["run_id"])
        values: list[Any] = [
            session,
            autotrack.get_run(runs[0]),
            autotrack.load_model(f"runs:/{runs[0]}/model"),
            autotrack.explain(*runs),
            autotrack.compare(*runs, metric="test_accuracy_score"),
        ]
        for value in values:
            shown = value._repr_html_()
            read = Tags(shown)
            assert read.open == []
            assert read.tags <= OURS
            assert read.attributes <= {"class"}
            assert "prefers-color-scheme" in shown
            assert "var(--jp-" in shown
            assert len(shown) < 8_000
            assert "<div" not in repr(value)
        assert "test_accuracy_score" in values[1]._repr_html_()
        assert "LogisticRegression" in values[0]._repr_html_()
        assert "Python 3" in values[2]._repr_html_()
        assert ">C<" in values[3]._repr_html_()
        for value in values:
            assert fastest(value._repr_html_) < 0.02


def test_hostile_texts_are_texts_in_a_notebook(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    experiment = store.create_experiment("hostile")
    runs = [record(store, hostile, experiment) for hostile in sample(12)]
    for run_id, other in itertools.pairwise(runs):
        run = autotrack.Run(store, run_id)
        explained = explain_runs(store, run.record(), store.get_run(other))
        for value in (run, explained):
            shown = value._repr_html_()
            read = Tags(shown)
            assert read.tags <= OURS
            assert read.attributes <= {"class"}
            assert not hidden_in(shown)
        # Frames are pandas' own, which escapes.
        for frame in (run.findings(), run.leaderboard() if run.children().size else None):
            if frame is not None:
                assert not {"script", "img", "svg", "iframe"} & Tags(frame._repr_html_()).tags


def test_pages_run_beside_a_program_until_it_ends_and_are_the_same_when_asked_again(
    store_path: Path,
) -> None:
    pages = autotrack.ui()
    assert autotrack.ui() is pages
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{20,}", pages.url)
    assert pages.url in pages._repr_html_().replace("&amp;", "&")
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with browser.open(pages.url, timeout=PATIENCE) as answer:
        assert b"Experiments" in answer.read()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(pages.url.partition("?")[0] + "runs", timeout=PATIENCE)
    pages.stop()
    assert not pages.is_running
    assert "stopped" in repr(pages)
    again = autotrack.ui(read_only=True)
    assert again is not pages
    assert again.url != pages.url
    again.stop()


def test_pages_end_with_a_program_that_is_killed(tmp_path: Path, store_path: Path) -> None:
    code = (
        "import autotrack, time\n"
        "pages = autotrack.ui()\n"
        "print(pages._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    server = int(program.stdout.readline())
    program.kill()
    program.wait()

    def is_gone() -> bool:
        try:
            return Path(f"/proc/{server}/stat").read_text().split()[2] == "Z"
        except FileNotFoundError:
            return True

    if Path("/proc/self").exists():
        wait_until(is_gone, "the server to end")
    else:
        os.kill(server, signal.SIGTERM)


def test_pages_without_their_extra_say_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "find_spec", lambda name: None if name == "jinja2" else name)
    with pytest.raises(InvalidValueError, match=r"jinja2: pip install 'sklearn-autotrack\[ui\]'"):
        autotrack.ui()


CELLS = [
    "import autotrack\n"
    "from sklearn.linear_model import Ridge\n"
    "session = autotrack.enable(progress=False)\n"
    "X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.5]",
    "for alpha in (1, 2):\n    Ridge(alpha=alpha).fit(X, y)",
    "Ridge(alpha=9).fit(X, y);",
    "session",
    "print(len(autotrack.search_runs()), len(autotrack.search_runs(repeats=False)))",
    "pages = autotrack.ui()\npages",
]


def test_a_cell_that_is_run_again_stands_once_in_lists_and_every_run_is_kept(
    tmp_path: Path, store_path: Path
) -> None:
    pytest.importorskip("ipykernel")
    nbformat = pytest.importorskip("nbformat")
    client_of = pytest.importorskip("nbclient").NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    client = client_of(
        notebook, timeout=int(PATIENCE), resources={"metadata": {"path": str(tmp_path)}}
    )
    with client.setup_kernel():
        for place in (0, 1, 2, 1, 1, 3, 4, 5):
            client.execute_cell(notebook.cells[place], place)
        (shown,) = notebook.cells[3].outputs
        (printed,) = notebook.cells[4].outputs
        (link,) = notebook.cells[5].outputs
    assert printed.text == "7 3\n"
    assert shown.data["text/html"].count("(run 3 times)") == 2
    assert shown.data["text/plain"].startswith("<autotrack on")
    assert 'target="_blank"' in link.data["text/html"]
    rows, folded = newest_of_cells(Store(store_path), Query())
    assert [row.params.get("alpha", 1) for row in rows] == [2, 1, 9]
    assert sorted(folded.times.values()) == [3, 3]
    listed = subprocess.run(
        [sys.executable, "-m", "autotrack", "runs"], capture_output=True, text=True, check=True
    ).stdout
    assert listed.count("(run 3 times)") == 2
    assert listed.count("Ridge") == 3


def test_a_limit_counts_what_is_left_after_folding(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for turn in range(4):
        for place in range(2):
            run_id = record(store, f"{place}", store.experiment_id("of cells"))
            store.set_tags(
                run_id,
                {"autotrack.cell": f"cell {place}", "autotrack.execution": f"{turn} {place}"},
            )
    rows, folded = newest_of_cells(store, Query(limit=2))
    assert len(rows) == 2
    assert len(folded.superseded) == 6
    assert math.prod(folded.times.values()) == 16
    assert time.time() - rows[0].start_time.timestamp() < PATIENCE
