"""The page of a search, also while it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.waiting import PATIENCE, wait_until
from tests.web.conftest import ROOT

SEARCH = "GridSearchCV: StandardScaler > SVC"


@pytest.fixture
def going(tmp_path):
    """A search in another process, with a function that lets it do more evaluations."""
    store = tmp_path / "store"
    steps = tmp_path / "steps"
    steps.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.web.slow_search", str(steps)],
        cwd=ROOT,
        env={**os.environ, "AUTOTRACK_STORE": str(store)},
    )

    def allow(until: int) -> None:
        for number in range(until + 1):
            (steps / str(number)).touch()

    yield store, allow, process
    allow(100)
    process.wait(PATIENCE)


def test_the_leaderboard_has_means_errors_splits_and_ties(served, page):
    page.open(f"{served.address}/runs/{served.newest(SEARCH)}/search")
    rows = page.run("[...document.querySelectorAll('#table tbody tr')].map(r => r.innerText)")
    assert len(rows) == 9
    assert "±" in rows[0]
    assert "tied" in rows[1]
    assert "tied" not in rows[-1]
    means = page.run(
        "[...document.querySelectorAll('#table td.cv')].map(c => parseFloat(c.innerText))"
    )
    assert means == sorted(means, reverse=True)
    assert page.run("document.querySelectorAll('#table .spark').length") == 9
    assert page.problems == []


def test_two_swept_params_are_a_heat_map_and_each_is_a_chart_with_error_bars(served, page):
    page.open(f"{served.address}/runs/{served.newest(SEARCH)}/search")
    titles = page.run("[...document.querySelectorAll('#charts h2')].map(h => h.innerText)")
    assert titles == ["Two params", "svc__C", "svc__gamma"]
    assert page.run("document.querySelectorAll('#charts .cell').length") == 9
    assert page.run("document.querySelectorAll('#charts .error').length") > 9


def test_a_running_search_goes_on_in_the_page_without_losing_the_place(going, serve, page):
    store, allow, process = going
    allow(2)
    database = store / "autotrack.db"
    wait_until(database.exists, "the store of the search")
    served = serve(store)
    wait_until(lambda: "GridSearchCV" in served.ask("/runs").text, "the search in the table")
    page.open(f"{served.address}/runs/{served.newest('GridSearchCV: Waiting')}/search")
    page.wait("document.querySelector('#done')?.innerText.startsWith('2 of 6')")
    page.wait("document.querySelector('#best .big') !== null")
    page.run("window.stayed = true")
    page.run("document.querySelector('#pick input').click()")
    page.look(width=1440, height=300)
    page.run("scrollTo(0, 40)")
    allow(4)
    page.wait("document.querySelector('#done')?.innerText.startsWith('4 of 6')")
    assert page.run("window.stayed")
    assert page.run("document.querySelectorAll('#pick input:checked').length") == 1
    assert page.run("scrollY") == 40
    assert "left" in page.text("#state")
    allow(100)
    page.wait("document.querySelector('.badge.finished') !== null")
    assert process.wait(PATIENCE) == 0
    assert "6 of 6" in page.text("#done")
    assert page.problems == []


def test_a_search_that_is_none_has_a_page_all_the_same(served):
    assert served.ask(f"/runs/{served.newest('by hand')}/search").status == 200


def test_the_first_page_says_what_was_best_and_what_to_be_careful_about(served, page):
    page.open(served.address)
    text = re.sub(r"\n+", "\n", page.text("main"))
    assert "Best by cross-validation\n0.9" in text
    assert "svc__C=1.0, svc__gamma=0.1" in text
    assert "C 10 instead of 1" in text
    assert "tied within one standard error of the best" in text
    assert re.search(r"That one on held-out data\n0\.\d+ test_score", text)
    assert "a step that uses the target was fitted on scored rows" in text
    assert page.problems == []
