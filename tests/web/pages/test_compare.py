"""The page that holds runs against each other."""

from __future__ import annotations

import pytest

from autotrack.store.search.query import Query
from autotrack.store.store import Store


@pytest.fixture
def runs(served):
    """The ids of runs by a condition, oldest first."""

    def found(where: str, children: bool = False) -> list[str]:
        store = Store(served.store, create=False)
        rows = store.search(Query(where=where, order_by="start_time", children=children))
        store.close()
        return [row.run_id for row in rows]

    return found


def address(served, ids) -> str:
    return f"{served.address}/compare?" + "&".join(f"run={run}" for run in ids)


def test_what_differs_stands_on_top_and_what_is_the_same_is_folded_away(served, page, runs):
    page.open(address(served, runs("params.logisticregression__C > 1")))
    table = page.text("#table")
    assert "logisticregression__C\t2\t10" in table
    assert "standardscaler" not in table
    assert not page.run("document.querySelector('#same').open")
    page.run("document.querySelector('#same summary').click()")
    assert "standardscaler" in page.text("#same")
    assert page.problems == []


def test_two_runs_are_told_apart_by_more_than_noise_or_not(served, page, runs):
    page.open(address(served, runs("params.svc__gamma = 0.1 and params.svc__C < 5", True)[:2]))
    said = page.text("#verdict-title ~ p")
    assert "mean_test_score" in said
    assert "more than noise" in said
    assert "corrected resampled t-test on 5 splits" in said


def test_a_run_is_left_out_or_held_against_the_first_alone(served, page, runs):
    page.open(address(served, runs("params.logisticregression__C > 0")))
    assert page.text("h1") == "4 runs"
    page.loaded(
        "[...document.querySelectorAll('a')].find(a => a.innerText === 'leave out').click()"
    )
    assert page.text("h1") == "3 runs"


def test_the_best_by_cross_validation_is_marked_and_of_held_out_scores_none(served, page, runs):
    every = runs("metrics.test_accuracy_score > 0 or metrics.mean_test_score > 0", True)
    page.open(address(served, every[:15]))
    assert page.run("document.querySelectorAll('td.best').length") >= 1
    held = page.run(
        "[...document.querySelectorAll('tr')].filter(r => r.innerText.startsWith('test_'))"
        ".flatMap(r => [...r.querySelectorAll('.best')]).length"
    )
    assert held == 0


def test_curves_that_runs_have_in_common_are_drawn_over_each_other(served, page, runs):
    page.open(address(served, runs("params.logisticregression__C > 1")))
    assert page.run("document.querySelectorAll('svg.chart').length") == 1
    assert page.run("document.querySelectorAll('svg.chart .hue0').length") == 2  # and its legend
    assert page.run("document.querySelectorAll('svg.chart .hue1').length") == 2
    assert page.violations() == []


def test_code_that_differs_is_shown_line_by_line(tmp_path, run_python, serve, page):
    script = tmp_path / "job.py"
    store = tmp_path / "store"
    text = """
import autotrack, numpy as np
from sklearn.preprocessing import FunctionTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
def bend(X):
    return X {how}
with autotrack.enable(progress=False):
    make_pipeline(FunctionTransformer(bend), Ridge()).fit(np.eye(9), np.arange(9.0))
"""
    for how in ("** 2", "** 3"):
        script.write_text(text.format(how=how))
        run_python(script, AUTOTRACK_STORE=str(store))
    served = serve(store)
    newest = served.newest()
    kept = Store(store, create=False)
    ids = [row.run_id for row in kept.search(Query(order_by="start_time"))]
    kept.close()
    assert newest in ids
    page.open(address(served, ids))
    assert "return X ** 2" in page.text(".diff .minus:not(:first-child)")
    assert "return X ** 3" in page.text(".diff .plus:not(:nth-child(2))")


def test_hundreds_of_runs_and_runs_that_are_gone_are_no_trouble(served, runs):
    every = runs("start_time > 0", True)
    answer = served.ask("/compare?" + "&".join(f"run={run}" for run in [*every, "gone"]))
    assert answer.status == 200
    assert f"{len(every)} runs" in answer.text
    assert "1 are not there any more" in answer.text
    assert served.ask("/compare?run=gone&run=none").status == 200
    assert "Tick two or more" in served.ask("/compare").text
