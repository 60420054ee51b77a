"""The page of runs, in a browser and as text."""

from __future__ import annotations

import re
import threading
from urllib.parse import quote

import pytest

from autotrack.store.search import pages
from autotrack.store.store import Store
from autotrack.web.reading.found import Reader
from tests.waiting import PATIENCE, wait_until
from tests.web.many import make


def rows(page) -> list[str]:
    return page.run(
        "[...document.querySelectorAll('#table tbody tr')]"
        ".map(r => r.querySelector('.name')?.innerText)"
    )


def column(page, label: str) -> list[str]:
    return page.run(
        f"""(() => {{
            const heads = [...document.querySelectorAll('#table thead tr:last-child th')];
            const at = heads.findIndex(h => h.innerText.trim() === {label!r});
            return [...document.querySelectorAll('#table tbody tr')].map(
                r => r.children[at]?.innerText.split('\\n')[0].trim());
        }})()"""
    )


def test_the_table_comes_first_and_the_chart_behind_it(served, page):
    page.open(f"{served.address}/runs")
    assert page.run(
        "document.querySelector('#table').compareDocumentPosition("
        "document.querySelector('#chart')) & Node.DOCUMENT_POSITION_FOLLOWING"
    )
    assert page.problems == []


def test_scores_stand_apart_the_cross_validated_ones_first(served, page):
    page.open(f"{served.address}/runs")
    bands = page.run(
        "[...document.querySelectorAll('.bands th')].map(b => b.innerText).filter(Boolean)"
    )
    assert bands[:3] == ["Cross-validated", "Held out", "Training"]
    assert bands[3] == "Params"
    cell = page.run("document.querySelector('#table td.cv.num .pm').parentElement.innerText")
    assert re.search(r"0\.\d+ ± 0\.\d+", cell)
    assert "5 splits" in cell


def test_columns_are_those_that_vary(served, page):
    page.open(f"{served.address}/runs")
    heads = page.run(
        "[...document.querySelectorAll('#table th.params')].map(h => h.innerText.trim())"
    )
    assert heads[0] == "logisticregression__C"  # which has several values, and comes first
    page.open(f"{served.address}/runs?where={quote('params.logisticregression__C > 0')}")
    heads = page.run(
        "[...document.querySelectorAll('#table thead tr:last-child th')].map(h => h.innerText)"
    )
    assert "logisticregression__C" in heads
    assert "standardscaler" not in heads  # it is the same in all of them


def test_columns_are_added_to_those_that_are_shown(served, page):
    shown = "[...document.querySelectorAll('[data-shown]')].map(b => b.value)"
    heads = "document.querySelectorAll('#table thead tr:last-child th').length"
    ticked = "[...document.querySelectorAll('[name=column]:checked')].map(b => b.value)"
    page.open(f"{served.address}/runs")
    before = page.run(shown)
    assert page.run(heads) == len(before) + 1
    page.run("document.querySelector('#columns summary').click()")
    page.wait(f"{ticked}.length > 3")
    assert set(page.run(ticked)) == set(before)
    page.run("document.querySelector('#columns [value=kind]').click()")
    page.run("document.querySelector('#columns button').click()")
    page.wait(f"{shown}.includes('kind')")
    assert set(page.run(shown)) == {*before, "kind"}
    assert page.run(heads) == len(before) + 2
    page.run("history.back()")
    page.wait(f"!{shown}.includes('kind')")
    assert page.run(shown) == before
    page.run("document.querySelector('#columns summary').click()")
    page.wait(f"{ticked}.length > 3")
    page.run("document.querySelector('h1').click()")
    page.wait(f"{ticked}.length === 0")
    assert page.problems == []


def test_a_score_on_held_out_data_says_how_many_runs_it_judged(served, page):
    page.open(f"{served.address}/runs")
    assert "one of " in page.text("#table td.held small")


def test_a_run_that_failed_shows_its_exception(served, page):
    page.open(f"{served.address}/runs?status=FAILED")
    assert "ValueError: Input X contains NaN" in page.text("#table .error")
    assert rows(page) == ["LogisticRegression"]


def test_sorting_is_over_all_runs_and_back_restores_the_view(served, page):
    page.open(f"{served.address}/runs?size=25")
    click = "document.querySelector('#table thead a[href*=\"test_accuracy_score\"]').click()"
    before = rows(page)
    page.run("window.stayed = true")
    page.run(click)
    page.wait("location.search.includes('sort=-metrics.test_accuracy_score')")
    page.wait("document.querySelector('#table [aria-sort=descending]') !== null")
    found = [float(text) for text in column(page, "test_accuracy_score") if text]
    assert found == sorted(found, reverse=True)
    assert page.run("window.stayed")  # and so does what was done in it
    page.run("history.back()")
    page.wait("document.querySelector('#table [aria-sort=descending]') === null")
    assert rows(page) == before


def test_the_address_alone_brings_a_view_back(served, page):
    where = "metrics.test_accuracy_score > 0.1 and params.logisticregression__C >= 1"
    address = (
        f"{served.address}/runs?where={quote(where)}&sort=-params.logisticregression__C"
        "&column=params.logisticregression__C&column=took"
    )
    page.open(address)
    assert column(page, "logisticregression__C") == ["10", "2"]
    assert page.run("document.querySelector('#where').value") == where
    assert page.run("document.querySelectorAll('#table thead tr:last-child th').length") == 3


def test_a_filter_is_written_and_sent_by_the_keyboard_alone(served, page):
    page.open(f"{served.address}/runs")
    page.press("/", 191, "/")
    assert page.run("document.activeElement.id") == "where"
    page.write("metrics.best_sc")
    page.wait("document.querySelectorAll('#completions li').length > 0")
    page.press("ArrowDown", 40)
    page.press("Enter", 13, "\r")
    assert page.run("document.querySelector('#where').value") == "metrics.best_score"
    page.write(" > 0")
    page.press("Enter", 13, "\r")
    page.wait("location.search.includes('best_score')")
    page.wait("document.querySelectorAll('#table tbody tr').length === 1")
    assert rows(page) == ["GridSearchCV over StandardScaler > SVC"]


def test_a_filter_that_cannot_be_read_shows_where_with_a_caret(served, page):
    page.open(f"{served.address}/runs?where={quote('metrics.r2 > > 1')}&status=FAILED")
    lines = page.text("#problem").split("\n")
    assert "found '>'" in lines[0]
    assert lines[1].index("> 1") == lines[2].index("^")
    assert page.problems == []


def test_children_fold_and_a_hit_in_a_child_shows_it_there(served, page):
    page.open(f"{served.address}/runs")
    assert "candidate" not in page.text("#table")
    where = "params.svc__C = 10 and params.svc__gamma = 1"
    page.open(f"{served.address}/runs?where={quote(where)}")
    assert page.run("document.querySelectorAll('#table tbody tr').length") == 2
    assert page.run("document.querySelectorAll('#table tbody tr.context').length") == 1
    assert "candidate" in page.text("#table tbody tr.child")
    assert page.text("#count") == "1 match"


def test_children_are_opened_where_they_are_and_the_address_says_so(served, page):
    page.open(f"{served.address}/runs")
    page.run("document.querySelector('a[aria-expanded=false]').click()")
    page.wait("document.querySelectorAll('#table tr.child').length === 9")
    assert "open=" in page.run("location.search")
    page.run("document.querySelector('a[aria-expanded=true]').click()")
    page.wait("document.querySelectorAll('#table tr.child').length === 0")


def test_runs_are_grouped_by_a_param_and_a_group_leads_to_its_runs(served, page):
    page.open(f"{served.address}/runs?group=params.logisticregression__C")
    groups = page.run("[...document.querySelectorAll('tbody th')].map(g => g.innerText)")
    assert {"0.01", "0.1", "2", "10", "not set"} >= set(groups)
    page.loaded(
        "[...document.querySelectorAll('tbody th a')].find(a => a.innerText === '10').click()"
    )
    assert rows(page) == ["StandardScaler > LogisticRegression"]


def test_every_matching_run_is_in_the_chart(served, page):
    page.open(
        f"{served.address}/runs?size=25&x=params.logisticregression__C"
        "&y=metrics.test_accuracy_score"
    )
    page.wait("document.querySelector('#chart svg') !== null")
    assert page.run("document.querySelectorAll('#chart circle').length") == 4
    assert "test_accuracy_score of 4 runs" in page.run(
        "document.querySelector('#chart svg').getAttribute('aria-label')"
    )


def test_runs_that_are_ticked_are_compared(served, page):
    page.open(f"{served.address}/runs")
    assert page.run("document.querySelector('#compare').disabled")
    page.run("[...document.querySelectorAll('#pick input')].slice(0, 2).forEach(b => b.click())")
    assert page.text("#compare") == "Compare 2"
    assert not page.run("document.querySelector('#compare').disabled")


@pytest.mark.parametrize(
    "query",
    [
        "page=0", "page=-1", "page=99999999999", "page=x", "size=7", "sort=nonsense",
        "sort=-metrics.", "column=params.", "column=a.b", "group=x", "group=params.none",
        "x=tags.a&y=metrics.none", "x=%00&y=%ff", "experiment=999", "experiment='",
        "open=none", "status=odd", "where=%20", "sort=metrics.`",
        "column=metrics.a%60b&sort=metrics.a%60b",
    ],
)  # fmt: skip
def test_an_address_that_means_nothing_is_a_page_all_the_same(served, query):
    assert served.ask(f"/runs?{query}").status == 200


def test_thousands_of_runs_are_counted_in_the_chart_and_none_is_left_out(tmp_path, serve, page):
    make(tmp_path / "store", 6000)
    served = serve(tmp_path / "store")
    page.open(f"{served.address}/runs?x=started&y=metrics.mean_test_score&children=1")
    page.wait("document.querySelector('#chart svg') !== null")
    label = page.run("document.querySelector('#chart svg').getAttribute('aria-label')")
    assert label == "mean_test_score of 6,000 runs over started"
    assert page.run("document.querySelectorAll('#chart .square').length") > 1
    texts = served.ask("/chart?x=params.step0__param&y=metrics.mean_test_score&children=1").text
    assert 'aria-label="mean_test_score of 6,000 runs over step0__param"' in texts
    assert all(f">{kernel}</text>" in texts for kernel in ("linear", "poly", "rbf"))
    page.open(f"{served.address}/runs?where=params.step1__param+%3C+0.5&size=25")
    assert page.run("document.querySelectorAll('#table tbody tr').length") >= 25
    page.wait("document.querySelector('#chart svg') !== null")
    assert page.violations() == []
    assert page.problems == []


def test_keys_are_completed_while_those_of_all_runs_are_still_being_read(tmp_path, monkeypatch):
    make(tmp_path / "store", 3000)
    store = Store(tmp_path / "store", create=False)
    reader = Reader(store)
    read, may_go_on = pages.all_keys, threading.Event()

    def slowly(connection, after):
        may_go_on.wait(PATIENCE)
        return read(connection, after)

    monkeypatch.setattr(pages, "all_keys", slowly)
    at_first = reader.keys("params")
    assert {"step0__param", "e1__param_0"} <= at_first
    may_go_on.set()
    wait_until(lambda: len(reader.keys("params")) > len(at_first), "all keys")
    assert len(reader.keys("params")) > 5900
    store.close()
