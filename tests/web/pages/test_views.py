"""Views with names, and the charts of all runs that a view leaves."""

from __future__ import annotations

import re
import shutil
from urllib.parse import quote

import numpy as np
import pytest

from autotrack.analysis.statistics.correlation_ratio import correlation_ratio
from tests.web.many import make


@pytest.fixture(scope="module")
def own(filled, tmp_path_factory):
    """A copy of the store to change, served."""
    from tests.web.conftest import serving

    copy = tmp_path_factory.mktemp("views") / "copy"
    shutil.copytree(filled, copy)
    with serving(copy, log=copy.parent / "log") as served:
        yield served


def test_a_view_is_kept_with_a_name_listed_shared_by_address_and_deleted(own, page):
    where = "params.logisticregression__C > 0.5"
    state = f"/runs?where={quote(where)}&sort=-metrics.test_accuracy_score&chart=importance"
    page.open(own.address + state)
    page.run("document.querySelector('#views summary').click()")
    page.run("document.querySelector('#views [name=name]').value = 'strong & <b>few</b>'")
    page.loaded("document.querySelector('#views [value=keep]').click()")
    assert page.text("[role=status]") == "The view is kept."
    assert page.run("document.querySelector('#where').value") == where
    page.open(f"{own.address}/runs")
    page.run("document.querySelector('#views summary').click()")
    assert "strong & <b>few</b>" in page.text("#views")
    page.loaded("document.querySelector('#views li a').click()")
    assert page.run("document.querySelector('#where').value") == where
    assert "sort=-metrics.test_accuracy_score" in page.run("location.search")
    assert "chart=importance" in page.run("location.search")
    shared = own.ask(f"/view?name={quote('strong & <b>few</b>')}")
    assert shared.status == 302
    assert shared.headers["location"].startswith("/runs?where=")
    page.run("document.querySelector('#views summary').click()")
    page.loaded("document.querySelector('#views [value=delete]').click()")
    assert "strong" not in page.text("#views")
    assert own.ask(f"/view?name={quote('strong & <b>few</b>')}").status == 404
    assert page.problems == []


def test_a_view_leads_to_runs_of_this_server_and_nowhere_else(own):
    for address in ("//evil.example/", "http://evil.example/?where=x", "/runs?said=a&x=%0d%0ab"):
        form = {"csrf": own.csrf(), "do": "keep", "name": "odd", "address": address}
        answer = own.ask("/view/change", form)
        assert answer.headers["location"].startswith("/runs"), address
        assert own.ask("/view?name=odd").headers["location"].startswith("/runs"), address


def test_views_are_kept_by_forms_of_ours_alone_and_not_where_nothing_may_be_changed(
    own, filled, serve
):
    form = {"do": "keep", "name": "x", "address": "/runs"}
    assert own.ask("/view/change", form).status == 403
    assert own.ask("/view/change", {**form, "csrf": "guessed"}).status == 403
    answer = own.ask("/view/change", {**form, "csrf": own.csrf(), "name": " "})
    assert answer.status == 400
    reading = serve(filled, "--read-only")
    assert reading.ask("/view/change", {**form, "csrf": "x"}).status == 403
    assert "Keep this view" not in reading.ask("/runs").text


@pytest.mark.parametrize("chart", ["threads", "importance"])
def test_params_are_drawn_of_every_run_that_matches(served, page, chart):
    where = quote("metrics.rank_test_score >= 1")
    page.open(f"{served.address}/runs?chart={chart}&y=metrics.mean_test_score&where={where}")
    page.wait("document.querySelector('#chart svg') !== null")
    label = page.run("document.querySelector('#chart svg').getAttribute('aria-label')")
    assert " 9 runs" in label
    shown = page.run("document.querySelector('#chart svg').textContent")
    assert "gamma" in shown
    assert "C" in shown
    assert page.violations() == []
    assert page.problems == []


def test_params_of_thousands_of_runs_are_bundled_and_none_is_left_out(tmp_path, serve):
    make(tmp_path / "store", 3000)
    served = serve(tmp_path / "store")
    query = "y=metrics.mean_test_score&children=1"
    drawn = served.ask(f"/chart?{query}&chart=threads").text
    assert "of 3,000 runs" in drawn
    assert 0 < drawn.count("<path") < 100
    bars = served.ask(f"/chart?{query}&chart=importance").text
    # What was made by chance explains nothing.
    shares = [float(n) for n in re.findall(r'class="label"[^>]*>([\d.e-]+)<', bars)]
    assert len(shares) >= 8
    assert max(shares) < 0.02


def test_the_importance_of_a_param_is_its_share_of_the_order_of_scores():
    chance = np.random.default_rng(0)
    kernel = chance.choice(["rbf", "linear", "poly"], 600).tolist()
    size = chance.normal(size=600)
    noise = chance.normal(size=600)
    effect = {"rbf": 2.0, "linear": 0.0, "poly": -2.0}
    scores = np.array([effect[k] for k in kernel]) + size
    by_kernel = correlation_ratio(kernel, scores)
    by_size = correlation_ratio(size.tolist(), scores)
    assert 0.6 < by_kernel < 0.85
    assert 0.15 < by_size < 0.35
    assert correlation_ratio(noise.tolist(), scores) < 0.02
    # Its order alone counts, and runs that did not set the param are a group of their own.
    assert correlation_ratio(kernel, np.exp(scores)) == pytest.approx(by_kernel)
    unset = [None if k == "rbf" else k for k in kernel]
    assert correlation_ratio(unset, scores) == pytest.approx(by_kernel)


def test_of_params_that_cannot_be_told_apart_there_is_no_importance():
    scores = np.array([1.0, 2.0, 3.0])
    assert correlation_ratio(["a", "a", "a"], scores) is None
    assert correlation_ratio(["a", "b", "c"], scores) is None
    assert correlation_ratio(["a", "b", "b"], np.ones(3)) is None


def test_single_values_are_points_with_intervals_and_no_lines(served):
    drawn = served.ask("/chart?x=started&y=metrics.mean_test_score").text
    assert "<circle" in drawn
    assert 'class="error"' in drawn
    assert 'class="curve' not in drawn


def test_a_run_that_left_a_param_alone_shows_its_default_in_a_lighter_tone(served, page):
    query = "column=params.svc__kernel&column=params.svc__C&children=1"
    page.open(f"{served.address}/runs?{query}&where={quote('params.svc__gamma = 0.01')}")
    cells = "[...document.querySelectorAll('#table td.unset')].map(c => [c.innerText, c.title])"
    assert any(text == "rbf" and "not set" in tip for text, tip in page.run(cells))
    set_by_user, default = page.run(
        "['td.params:not(.unset)', 'td.unset'].map("
        "s => getComputedStyle(document.querySelector('#table ' + s)).color)"
    )
    assert set_by_user != default
    assert page.violations() == []
