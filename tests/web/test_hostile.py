"""Whatever was recorded, wherever: pages show it, and do nothing else with it."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

from autotrack.entities import (
    Column,
    Dataset,
    DatasetUse,
    Finding,
    Note,
    RunError,
    SeenRows,
    Source,
)
from autotrack.errors import AutotrackError
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.store import Store
from autotrack.store.tables.candidates import NewCandidate
from tests.hostile import TEXTS, hidden_in, sample
from tests.web.conftest import Served, serving


def record(store: Store, text: str, experiment: str) -> str:
    """A run that has a text in every field that takes it."""
    run, now = uuid.uuid4().hex, time.time()
    given, text = text, text.encode("utf-8", "backslashreplace").decode()
    source = Source(uuid.uuid4().hex, text, (text, text), text, True, text, text, 1, text, text,
                    {text: text})  # fmt: skip
    store.add_source(source)
    store.create_run(run_id=run, name=given, kind="search", experiment_id=experiment,
                     start_time=now, source_id=source.source_id)  # fmt: skip
    key = text[:200]
    for act in (
        lambda: store.set_params(run, {key: text, "fixed": text}),
        lambda: store.set_params(run, {f"step__{key}": [text, {text: 1}]}),
        lambda: store.add_metrics(run, [(f"test_{key}", 0.5, 0, now), (key, 1.0, 0, now)]),
        lambda: store.add_metrics(run, [(f"mean_test_{key}", 0.25, 0, now)]),
        lambda: store.set_tags(run, {key: text, "estimator": text, "description": text,
                                     "autotrack.progress": text, "autotrack.rank_by": key}),
        lambda: store.add_evidence(run, [Finding("AT104", 2, key, text, text, {text: text})],
                                   SeenRows(key, 3, 1, 1)),
        lambda: store.add_notes({run: [Note(0, "warning", text, text)]}),
        lambda: store.add_dataset(run, DatasetUse(
            key, Dataset(text, text, (3, 1), (Column(text, text),)), text)),
    ):  # fmt: skip
        with suppress(AutotrackError):
            act()
    child = uuid.uuid4().hex
    with suppress(AutotrackError):
        store.add_candidates(run, [NewCandidate(child, text, now, {key: text, "fixed": text})])
        store.put_metrics({child: {f"mean_test_{key}": 0.5}}, now)
    with suppress(AutotrackError):
        folder = store.artifacts_of(run)
        for ending in ("txt", "csv", "json"):
            content = f"{text},{text}\n{text},{text}\n".encode("utf-8", "replace")
            stored = folder.add_bytes(run, content, f"scores/{key}_roc_curve.{ending}")
            store.put_artifacts(run, [stored])
    store.end_run(run, status="FAILED", end_time=now + 1, error=RunError(text, text, text))
    return run


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> tuple[Served, dict[str, str]]:
    """Pages of a store in which every text is everywhere."""
    root: Path = tmp_path_factory.mktemp("hostile")
    runs = fill(root / "store")
    with serving(root / "store", log=root / "log") as served:
        yield served, runs


def fill(folder: Path) -> dict[str, str]:
    """A store with a run for each text."""
    store = Store(folder)
    usual = store.create_experiment("usual")
    runs = {}
    for number, text in enumerate(TEXTS):
        experiment = usual
        if number % 2:
            with suppress(AutotrackError):
                experiment = store.create_experiment(text)
        with store.transaction():
            runs[text] = record(store, text, experiment)
        with suppress(AutotrackError):
            stored = StoredArtifact("model.pkl", "nowhere", 1, "0" * 64)
            said = {"source": text, "user": text, "description": text, "tags": {text[:99]: text}}
            store.add_model_version(text[:100], [stored], run_id=runs[text], **said)
            store.update_model(text[:100], description=text)
        with suppress(AutotrackError):
            store.put_view(text[:200], f"/runs?where={quote(text[:500], errors='replace')}")
    store.close()
    return runs


class Reading(HTMLParser):
    """Reads a page as a browser does, and holds what stands in it against what ours have."""

    #: Where a text has to come back as it was: fields of forms.
    FIELDS = ("input", "textarea", "option")

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.within = tag
        given = {name: value or "" for name, value in attrs}
        assert tag not in ("base", "object", "embed", "style", "template", "math", "video"), tag
        assert not [name for name in given if name.startswith("on") or name in ("style", "srcdoc")]
        for name in ("href", "src", "action"):
            assert given.get(name, "/")[:1] in ("/", "#"), given
            assert not given.get(name, "").startswith(("//", "/\\")), given
        if tag == "script":
            self.scripts.append(given["src"])
        if tag == "meta":
            assert "http-equiv" not in given
        if tag == "iframe":
            assert "sandbox" in given
        for name, value in given.items():
            if name != "value" or tag not in self.FIELDS:
                assert_visible(value)

    def handle_endtag(self, tag: str) -> None:
        self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within not in self.FIELDS:
            assert_visible(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def assert_harmless(text: str) -> None:
    page = Reading()
    page.feed(text)
    page.close()
    theme, pages = "/static/theme.js", "/static/pages.js"
    assert page.scripts in ([theme, pages], [theme])


def assert_visible(text: str) -> None:
    assert not (hidden := hidden_in(text)), (hidden, text[:200])


def test_there_are_enough_texts():
    assert len(set(TEXTS)) >= 300


def test_no_page_of_a_run_does_what_a_text_says(hostile):
    served, runs = hostile
    for number, (text, run) in enumerate(runs.items()):
        # The page of its run shows each text in every field; other pages take turns.
        beside = f"/runs/{run}/search", f"/compare?run={run}&run={runs[TEXTS[0]]}"
        for address in (f"/runs/{run}", *beside[number % 8 : number % 8 + 1]):
            answer = served.ask(address)
            assert answer.status == 200, (text, address, answer.text[:500])
            assert_harmless(answer.text)


def test_no_table_does_what_a_text_says(hostile):
    served, _ = hostile
    for address in (
        "/", "/runs?size=200", "/runs?size=200&children=1", "/held-out", "/models",
        "/runs?group=params.fixed", "/runs?x=params.fixed", "/runs?size=200&page=2",
        "/runs?size=200&page=3", "/runs?size=200&page=2&children=1", "/chart?x=params.fixed",
    ):  # fmt: skip
        answer = served.ask(address)
        assert answer.status == 200, address
        assert_harmless(answer.text)


ADDRESSES = (
    "/runs?where={}", "/runs?sort=metrics.{}", "/runs?sort={}", "/runs?column=params.{}",
    "/runs?group=params.{}", "/runs?x=params.{0}&y=metrics.{0}", "/runs?status={}",
    "/runs?experiment={}", "/runs?open={}", "/complete?family=params&text={}",
    "/compare?run={}", "/models/{}", "/runs/{}", "/{}", "/?said={}", "/runs/x/file?path={}",
    "/view?name={}", "/try?uri={}", "/chart?chart=threads&y=metrics.{}",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_does_what_a_text_says(hostile, address):
    served, _ = hostile
    # Texts take turns: every second one is in one of the addresses.
    for text in sample(2 * len(ADDRESSES), 2 * ADDRESSES.index(address)):
        asked = address.replace("{0}", "{}").replace(
            "{}", quote(text[:800], safe="", errors="replace")
        )
        answer = served.ask(asked)
        assert answer.status in (200, 302, 400, 403, 404), (asked, answer.text[:300])
        if "text/html" in answer.headers.get("content-type", ""):
            assert_harmless(answer.text)


def test_a_file_of_any_name_is_shown_and_runs_nothing(hostile):
    served, runs = hostile
    store = Store(served.store, create=False)
    shown = 0
    for text in sample(4):
        run = runs[text]
        for artifact in store.list_artifacts(run):
            answer = served.ask(f"/runs/{run}?file={quote(artifact.path, safe='')}")
            assert answer.status == 200, artifact.path
            assert_harmless(answer.text)
            raw = served.ask(f"/runs/{run}/file?path={quote(artifact.path, safe='')}")
            assert raw.headers["content-security-policy"].startswith("sandbox"), artifact.path
            shown += 1
    store.close()
    assert shown > 60


def test_nothing_runs_in_a_browser_and_nothing_is_asked_of_others(hostile, browser):
    served, runs = hostile
    page = browser.page()
    addresses = ["/", "/held-out", "/models"]
    for number in range(1, 2 + len(TEXTS) // 200):
        addresses.append(f"/runs?size=200&page={number}")
        addresses.append(f"/runs?size=200&page={number}&children=1&column=params.fixed")
    addresses += [f"/runs/{runs[text]}" for text in sample(5)]
    addresses += [f"/runs/{runs[text]}/search" for text in sample(20, 3)]
    for address in addresses:
        page.open(served.address + address)
        assert page.run("window.owned") is None, address
        assert page.run("document.title.endsWith('autotrack')"), address
        assert page.problems == [], address
    assert page.dialogs == []
    assert [r for r in page.requests if not r.startswith((served.address, "data:"))] == []
    page.close()


def test_a_page_goes_on_by_itself_with_any_text_in_it(hostile, browser):
    served, runs = hostile
    page = browser.page()
    page.open(f"{served.address}/runs?size=200")
    for address in (
        "/runs?size=200&children=1",
        *(f"/runs/{run}" for run in list(runs.values())[::40]),
    ):
        page.run(f"show({served.address + address!r}, {{push: true}})")
        assert page.run("window.owned") is None
        assert page.problems == []
    page.close()
