"""The pages of held-out sets and of models."""

from __future__ import annotations


def test_a_held_out_set_says_how_many_models_it_has_judged_and_how_much_is_luck(served, page):
    page.open(f"{served.address}/held-out")
    first = page.text("tbody tr")
    assert first.startswith("test\n")
    assert "\t75\t6\t6\t" in first
    assert "of it luck" in first
    assert page.problems == []


def test_a_model_has_its_versions_where_they_came_from_and_its_aliases(served, page):
    page.open(f"{served.address}/models")
    assert "flower classifier" in page.text("tbody")
    page.loaded("document.querySelector('tbody .name').click()")
    assert "champion" in page.text("tbody")
    assert 'load_model("models:/flower classifier@champion")' in page.text(".snippet")
    page.loaded("document.querySelector('tbody td a').click()")
    assert page.text("h1") == "GridSearchCV over StandardScaler > SVC"


def test_a_model_that_is_not_there_is_named(served):
    answer = served.ask("/models/none")
    assert answer.status == 404
    assert "no model is registered as" in answer.text
