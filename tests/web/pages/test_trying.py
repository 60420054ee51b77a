"""A form that asks a model of the store, in a process of its own."""

from __future__ import annotations

import shutil
from urllib.parse import quote

import pytest

from autotrack.store.store import Store
from tests.web.conftest import serving


@pytest.fixture(scope="module")
def version() -> str:
    return "/try?uri=" + quote("models:/flower classifier/1")


def test_the_form_asks_what_the_contract_says_and_shows_what_the_model_answers(
    served, page, version
):
    page.open(f"{served.address}/models/flower%20classifier")
    page.loaded("[...document.querySelectorAll('a')].find(a => /^Try/.test(a.innerText)).click()")
    names = page.run("[...document.querySelectorAll('.fields input')].map(i => i.name)")
    assert names == [f"column:column_{n}" for n in range(8)]
    page.run("document.querySelector('.fields input').value = '0.25'")
    page.loaded("document.querySelector('[value=predict]').click()")
    assert "It predicts" in page.text("[role=status]")
    assert page.text("[role=status] .big") in ("0", "1")
    assert page.run("document.querySelector('.fields input').value") == "0.25"
    for width, dark in ((390, True), (1440, False)):
        page.look(width=width, dark=dark)
        assert page.overflow() <= 0
        assert page.violations() == []
    assert page.problems == []


def test_a_value_that_does_not_fit_is_named(served, version):
    form = {"csrf": served.csrf(), "uri": "models:/flower classifier/1", "do": "predict"}
    form |= {f"column:column_{n}": "0.1" for n in range(8)}
    answer = served.ask("/try", {**form, "column:column_3": "much"})
    assert "column_3" in answer.text.partition('role="alert"')[2][:300]


def test_importances_and_coefficients_are_drawn_with_the_names_of_features(served):
    run = served.newest("StandardScaler > LogisticRegression")
    form = {"csrf": served.csrf(), "uri": f"runs:/{run}/model", "do": "weights"}
    shown = served.ask("/try", form).text
    assert "<h2>coefficients</h2>" in shown
    assert "column_5" in shown
    forest = served.newest("by hand")
    shown = served.ask("/try", {**form, "uri": f"runs:/{forest}/model"}).text
    assert "<h2>importances</h2>" in shown
    search = served.newest("GridSearchCV: StandardScaler > SVC")
    shown = served.ask("/try", {**form, "uri": f"runs:/{search}/model"}).text
    assert "neither importances nor coefficients" in shown


def test_only_a_form_of_ours_asks_and_none_where_pages_are_read_only(served, filled, serve):
    form = {"uri": "models:/flower classifier/1", "do": "predict"}
    assert served.ask("/try", form).status == 403
    assert served.ask("/try", {**form, "csrf": "guessed"}).status == 403
    reading = serve(filled, "--read-only")
    assert reading.ask("/try", {**form, "csrf": "x"}).status == 403
    assert reading.ask("/try?uri=" + quote(form["uri"])).status == 403
    assert "Try it" not in reading.ask("/models/flower%20classifier").text


@pytest.mark.parametrize(
    "uri", ["", "x", "/etc", "runs:/../x/model", "models:/none/1", "runs:/" + "0" * 32 + "/model"]
)
def test_what_is_not_in_the_store_is_not_asked(served, uri):
    assert served.ask("/try?uri=" + quote(uri, safe="")).status == 404
    form = {"csrf": served.csrf(), "uri": uri, "do": "predict"}
    assert served.ask("/try", form).status == 404


def test_a_model_that_the_store_did_not_pack_is_not_opened(filled, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(filled, copy)
    store = Store(copy, create=False)
    with store.transaction() as connection:
        connection.execute("DELETE FROM packed")
    store.close()
    with serving(copy, log=tmp_path / "log") as strange:
        run = strange.newest("by hand")
        form = {"csrf": strange.csrf(), "uri": f"runs:/{run}/model", "do": "weights"}
        shown = strange.ask("/try", form).text
    assert "did not pack" in shown
    assert "<h2>importances</h2>" not in shown
