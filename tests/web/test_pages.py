"""Every page, as people see it: wide and narrow, light and dark, with and without sight."""

from __future__ import annotations

import pytest

SEARCH = "GridSearchCV: StandardScaler > SVC"


def addresses(served) -> dict[str, str]:
    search, hand = served.newest(SEARCH), served.newest("by hand")
    fits = served.newest("StandardScaler > LogisticRegression")
    failed = served.newest("LogisticRegression")
    return {
        "experiments": "/",
        "runs": "/runs",
        "runs, opened": f"/runs?open={search}&sort=-metrics.best_score",
        "runs, grouped": "/runs?group=params.logisticregression__C",
        "runs, filter broken": "/runs?where=metrics.a+%3E+%3E",
        "runs, none": "/runs?where=params.none+%3D+1",
        "run": f"/runs/{hand}",
        "run with a finding": f"/runs/{served.newest('RandomForestClassifier')}",
        "run that failed": f"/runs/{failed}",
        "run of a curve": f"/runs/{served.newest('validation_curve: LogisticRegression')}",
        "file, boxed": f"/runs/{hand}?file=page.html",
        "file, table": f"/runs/{hand}?file=table.csv",
        "search": f"/runs/{search}/search",
        "compare": f"/compare?run={hand}&run={fits}",
        "compare many": f"/compare?run={hand}&run={fits}&run={search}&run={failed}",
        "held-out sets": "/held-out",
        "models": "/models",
        "model": "/models/flower%20classifier",
    }


NAMES = (
    "experiments", "runs", "runs, opened", "runs, grouped", "runs, filter broken", "runs, none",
    "run", "run with a finding", "run that failed", "run of a curve", "file, boxed", "file, table",
    "search", "compare", "compare many", "held-out sets", "models", "model",
)  # fmt: skip


def test_the_list_of_pages_is_whole(served):
    assert set(addresses(served)) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_wide_and_narrow_light_and_dark_and_keeps_nobody_out(served, browser, name):
    page = browser.page()
    try:
        page.open(served.address + addresses(served)[name])
        for width in (1440, 390):
            for dark in (False, True):
                page.look(width=width, dark=dark)
                assert page.overflow() <= 0, (width, dark)
                assert page.violations() == [], (width, dark)
        assert page.problems == []
        assert page.requests
        assert [r for r in page.requests if not r.startswith((served.address, "data:"))] == []
    finally:
        page.close()


def test_light_and_dark_follow_the_system_until_somebody_chooses(served, browser):
    page = browser.page(dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    page.open(f"{served.address}/runs")
    dark = page.run(ground)
    page.look(width=1440, dark=False)
    light = page.run(ground)
    assert dark != light
    page.run("document.querySelector('#theme').click()")
    assert page.run(ground) == dark
    page.open(f"{served.address}/held-out")
    assert page.run(ground) == dark
    page.close()


def test_the_keyboard_reaches_everything_and_shows_where_it_is(served, page):
    page.open(f"{served.address}/runs")
    page.press("Tab", 9)
    assert page.run("document.activeElement.className") == "skip"
    assert page.run("document.activeElement.getBoundingClientRect().left") >= 0
    seen = set()
    for _ in range(40):
        page.press("Tab", 9)
        seen.add(page.run("document.activeElement.id || document.activeElement.innerText"))
        shown = page.run("getComputedStyle(document.activeElement).outlineStyle")
        assert shown != "none", page.run("document.activeElement.outerHTML")
    assert {"where", "theme", "table", "Runs"} <= seen


def test_pages_work_without_scripts(served, page):
    page.ask("Emulation.setScriptExecutionDisabled", value=True)
    page.open(f"{served.address}/runs?status=FAILED")
    assert "ValueError" in page.text("#table .error")
    page.ask("Emulation.setScriptExecutionDisabled", value=False)


def test_the_page_that_asks_for_a_token_is_as_good_and_leads_on(filled, serve, browser):
    guarded = serve(filled, "--token", "a long secret")
    page = browser.page()
    page.open(f"{guarded.address.partition('?')[0]}runs".replace("//runs", "/runs"))
    assert page.run("location.pathname") == "/sign-in"
    for width, dark in ((1440, False), (390, True)):
        page.look(width=width, dark=dark)
        assert page.violations() == []
        assert page.overflow() <= 0
    page.run("document.querySelector('#token').value = 'a long secret'")
    page.loaded("document.querySelector('form').requestSubmit()")
    assert page.text("h1") == "Experiments"
    page.close()
