"""A page as a file to send: it answers on a machine that has neither Python nor a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autotrack.store.search.query import Query
from autotrack.store.store import Store
from autotrack.web.report.document import (
    comparison_document,
    experiment_document,
    run_document,
)
from tests.hostile import TEXTS, hidden_in, sample
from tests.web.browser import Browser, Page
from tests.web.test_hostile import record


@pytest.fixture(scope="module")
def store(filled: Path) -> Iterator[Store]:
    store = Store(filled, create=False)
    yield store
    store.close()


@pytest.fixture(scope="module")
def offline(browser: Browser) -> Iterator[Page]:
    """A window on a machine without a network."""
    page = browser.page()
    page.ask(
        "Network.emulateNetworkConditions",
        offline=True,
        latency=0,
        downloadThroughput=0,
        uploadThroughput=0,
    )
    yield page
    page.close()


def runs(store: Store, kind: str) -> list[str]:
    return [row.run_id for row in store.search(Query()) if row.kind == kind]


DOCUMENTS: dict[str, Callable[[Store], str]] = {
    "experiment": lambda s: experiment_document(s, s.get_experiment(name="flowers")),
    "careful": lambda s: experiment_document(s, s.get_experiment(name="careful")),
    "search": lambda s: run_document(s, s.get_run(runs(s, "search")[0])),
    "run": lambda s: run_document(s, s.get_run(runs(s, "fit")[-1])),
    "comparison": lambda s: comparison_document(s, runs(s, "fit")[:3]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_file_needs_no_server_no_script_and_no_network_and_keeps_nobody_out(
    store: Store, offline: Page, tmp_path: Path, name: str
) -> None:
    text = DOCUMENTS[name](store)
    assert not re.search(r"<(script|link|img|iframe|form|button|input|object|base)\b", text)
    assert not re.search(r"\s(on\w+|style|src|action|data-[\w-]+)=", text)
    assert set(re.findall(r'href="(.)', text)) <= {"#"}
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)
    assert " ago<" not in text
    file = tmp_path / f"{name}.html"
    file.write_text(text, encoding="utf-8")
    for width, dark in ((1440, False), (390, True)):
        offline.problems.clear()
        offline.requests.clear()
        offline.look(width=width, dark=dark)
        offline.open(file.as_uri())
        assert offline.overflow() <= 0
        assert offline.violations() == []
        assert offline.requests == [file.as_uri()]
        assert offline.problems == []


def test_the_file_of_an_experiment_answers_what_was_best_and_how_sure_that_is(
    store: Store, offline: Page, tmp_path: Path
) -> None:
    file = tmp_path / "flowers.html"
    file.write_text(DOCUMENTS["experiment"](store), encoding="utf-8")
    offline.open(file.as_uri())
    glance = offline.text("#part0")
    for asked in ("Best by cross-validation", "The second best", "instead of", "±", "tied",
                  "on held-out data", "What to be careful about"):  # fmt: skip
        assert asked in glance
    assert "Leaderboard" in offline.text("main")
    assert offline.run("document.querySelectorAll('svg.chart').length") >= 3
    assert offline.run("document.querySelectorAll('#part0 a').length") >= 2


def test_the_file_of_an_experiment_has_the_evidence_of_what_to_be_careful_about(
    store: Store,
) -> None:
    text = DOCUMENTS["careful"](store)
    found = re.findall(r'<div class="found grade\d">.*?</div>', text, re.DOTALL)
    assert any("AT101" in one and "SelectKBest" in one for one in found)


def test_hostile_texts_do_nothing_in_a_file(tmp_path: Path, offline: Page) -> None:
    store = Store(tmp_path / "store")
    experiment = store.create_experiment(TEXTS[0])
    with store.transaction():
        found = [record(store, hostile, experiment) for hostile in sample(6)]
    documents = [experiment_document(store, store.list_experiments()[0])]
    documents += [run_document(store, store.get_run(run_id)) for run_id in found[::5]]
    documents.append(comparison_document(store, found[:100]))
    everything = re.compile(
        r"<(script|iframe|object|embed|base|link|form|img|image|video)\b", re.IGNORECASE
    )
    for number, text in enumerate(documents):
        assert not everything.search(text)
        assert not hidden_in(text)
        assert text.count("<meta") == 5
        assert text.count("<style>") == text.count("</style>") == 1
        if number in (0, 5, len(documents) - 1):
            file = tmp_path / "hostile.html"
            file.write_text(text, encoding="utf-8")
            offline.problems.clear()
            offline.requests.clear()
            offline.open(file.as_uri())
            assert offline.requests == [file.as_uri()]
            assert offline.problems == []
            assert offline.run("typeof window.owned") == "undefined"
