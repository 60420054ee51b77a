"""The page of one run."""

from __future__ import annotations

from urllib.parse import quote

import pytest

SEARCH = "GridSearchCV: StandardScaler > SVC"


def test_the_scores_stand_on_top_with_their_errors_and_what_they_were_judged_on(served, page):
    page.open(f"{served.address}/runs/{served.newest(SEARCH)}")
    cards = page.text(".score-cards")
    assert "Cross-validated best_score" in cards
    assert "±" in cards
    assert "5 splits" in cards
    assert "Held out test_score" in cards
    assert page.problems == []


def test_a_failure_is_shown_in_full(served, page):
    page.open(f"{served.address}/runs?status=FAILED")
    page.loaded("document.querySelector('#table .name').click()")
    assert "ValueError: Input X contains NaN." in page.text(".message")
    page.run("document.querySelector('.message summary').click()")
    assert "Traceback (most recent call last)" in page.text(".message")


def test_a_finding_has_its_evidence_and_a_remedy(served, page):
    page.open(f"{served.address}/runs/{served.newest('RandomForestClassifier')}")
    found = page.text(".found")
    assert "SelectKBest was fitted on 75 of 75 scored rows" in found
    assert "the target was seen" in found
    assert "Put the step and the model into one Pipeline" in found
    assert "rows 75" in found


def test_a_pipeline_is_a_tree_that_is_opened_step_by_step(served, page):
    page.open(f"{served.address}/runs/{served.newest(SEARCH)}")
    closed = page.text(".tree")
    assert "estimator" in closed
    assert "standardscaler" not in closed
    page.run("document.querySelectorAll('.tree details details > summary').forEach(s => s.click())")
    assert "standardscaler StandardScaler" in page.text(".tree")


def test_a_crate_says_what_it_takes_and_how_it_is_loaded(served, page):
    run = served.newest(SEARCH)
    page.open(f"{served.address}/runs/{run}")
    text = page.text("main")
    assert f'autotrack.load_model("runs:/{run}/model")' in text
    assert f"autotrack serve runs:/{run}/model" in text
    assert "scikit-learn==" in text
    page.run("document.querySelector('details:has([aria-label=Contract]) > summary').click()")
    assert "column_7" in page.text("[aria-label=Contract]")


def test_recorded_tables_are_drawn(served, page):
    page.open(f"{served.address}/runs/{served.newest('by hand')}")
    names = page.run(
        "[...document.querySelectorAll('svg.chart')].map(s => s.getAttribute('aria-label'))"
    )
    assert set(names) == {"test_confusion_matrix", "test_roc_curve"}
    for kind in ("learning_curve", "validation_curve"):
        page.open(f"{served.address}/runs/{served.newest(f'{kind}: LogisticRegression')}")
        assert page.run("document.querySelectorAll('svg.chart circle').length") > 5


def test_a_metric_with_steps_is_a_line_and_one_value_is_a_number(served, page):
    page.open(f"{served.address}/runs/{served.newest('by hand')}")
    assert page.run("document.querySelectorAll('.spark .curve').length") == 1
    assert "12 values" in page.text("#scores-title ~ table")


def test_a_text_and_a_table_are_shown_as_they_are(served, page):
    run = served.newest("by hand")
    page.open(f"{served.address}/runs/{run}?file=note.md")
    assert "# A note" in page.text("#preview pre")
    page.open(f"{served.address}/runs/{run}?file=table.csv")
    assert "<b>y" in page.text("#preview table")


@pytest.mark.parametrize("name", ["page.html", "drawing.svg"])
def test_what_a_file_would_run_does_not_run(served, page, name):
    run = served.newest("by hand")
    page.open(f"{served.address}/runs/{run}?file={name}")
    assert page.run("document.querySelectorAll('#preview iframe, #preview img').length") == 1
    assert page.run("document.title") != "ran"
    page.open(f"{served.address}/runs/{run}/file?path={name}")
    assert page.run("document.title") != "ran"
    policy = served.ask(f"/runs/{run}/file?path={name}").headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")


def test_a_file_that_no_browser_needs_to_show_is_kept_and_not_shown(served):
    answer = served.ask(f"/runs/{served.newest('by hand')}/file?path=note.md")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"


@pytest.mark.parametrize(
    "path", ["../autotrack.db", "..%2f..%2fautotrack.db", "%2fetc%2fpasswd", "none", "a%00b", "."]
)
def test_no_path_leads_out_of_a_run(served, path):
    run = served.newest("by hand")
    for address in (f"/runs/{run}/file?path={path}", f"/runs/{run}?file={path}"):
        answer = served.ask(address)
        assert answer.status in (400, 404), address
        assert "root:" not in answer.text
        assert "SQLite" not in answer.text


def test_the_beginning_of_an_id_leads_to_the_run(served):
    run = served.newest()
    answer = served.ask(f"/runs/{run[:8]}")
    assert answer.status == 302
    assert answer.headers["location"] == f"/runs/{run}"


@pytest.mark.parametrize("asked", ["none", "0" * 32, "%3Cscript%3E", "%27%22"])
def test_a_run_that_is_not_there_is_named_and_nothing_breaks(served, asked):
    answer = served.ask(f"/runs/{asked}")
    assert answer.status == 404
    assert "no run has the id" in answer.text
    assert "<script>" not in answer.text.replace('<script src="', "")


def test_data_leads_to_the_other_runs_that_saw_it(served, page):
    page.open(f"{served.address}/runs/{served.newest(SEARCH)}")
    assert "by hand" in page.text("#data-title ~ dl")
    assert quote("xxh3:", safe=":") in page.text("#data-title ~ dl")
