"""What can be changed from the pages, and by whom it cannot."""

from __future__ import annotations

import shutil

import pytest

from autotrack.errors import RunNotFoundError
from autotrack.store.store import Store

SEARCH = "GridSearchCV: StandardScaler > SVC"


@pytest.fixture
def own(filled, tmp_path, serve):
    """A copy of the store to change, served."""
    copy = tmp_path / "copy"
    shutil.copytree(filled, copy)
    return serve(copy)


@pytest.fixture
def store(own):
    found = Store(own.store, create=False)
    yield found
    found.close()


def change(own, path: str, **form: str):
    return own.ask(f"{path}/change", {"csrf": own.csrf(), **form})


def test_a_run_is_renamed_tagged_and_described(own, store, page):
    run = own.newest("by hand")
    page.open(f"{own.address}/runs/{run}")
    page.run("document.querySelector('#change summary').click()")
    page.run("document.querySelector('#change [name=name]').value = 'the best one'")
    page.loaded(
        "document.querySelector('#change [value=rename]').form.querySelector('button').click()"
    )
    assert page.text("h1") == "the best one"
    assert page.text("[role=status]") == "Renamed."
    assert change(own, f"/runs/{run}", do="tag", key="team", value="blue").status == 303
    assert change(own, f"/runs/{run}", do="describe", description="a note").status == 303
    record = store.get_run(run)
    assert record.name == "the best one"
    assert record.tags["team"] == "blue"
    assert "a note" in own.ask(f"/runs/{run}").text
    assert change(own, f"/runs/{run}", do="untag", key="team").status == 303
    assert "team" not in store.get_run(run).tags
    assert page.problems == []


def test_a_run_is_deleted_restored_and_removed_with_its_files(own, store):
    run = own.newest("by hand")
    files = store.artifacts.resolve(store.stored_artifact(run, "note.md").location)
    assert change(own, f"/runs/{run}", do="purge").status == 400
    change(own, f"/runs/{run}", do="delete")
    assert run not in own.ask("/runs").text
    assert run in own.ask("/runs?deleted=1").text
    change(own, f"/runs/{run}", do="restore")
    assert run in own.ask("/runs").text
    assert files.exists()
    change(own, f"/runs/{run}", do="delete")
    change(own, f"/runs/{run}", do="purge")
    assert not files.exists()
    with pytest.raises(RunNotFoundError):
        store.get_run(run)


def test_a_run_that_a_registered_model_came_from_stays(own, store):
    run = own.newest(SEARCH)
    answer = change(own, f"/runs/{run}", do="delete")
    assert answer.status == 400
    assert "models:/flower classifier/1" in answer.text
    assert not store.get_run(run).deleted


def test_an_experiment_is_renamed_deleted_and_restored(own, store):
    number = store.get_experiment(name="careful").experiment_id
    change(own, f"/experiments/{number}", do="rename", name="with care")
    assert "with care" in own.ask("/").text
    change(own, f"/experiments/{number}", do="delete")
    assert "with care" not in own.ask("/").text
    assert "with care" in own.ask("/?deleted=1").text
    change(own, f"/experiments/{number}", do="restore")
    assert "with care" in own.ask("/").text


def test_an_alias_is_moved_and_removed(own, store):
    path = "/models/flower%20classifier"
    change(own, path, do="alias", alias="challenger", version="1")
    assert store.model_version("flower classifier", "challenger").version == 1
    change(own, path, do="unalias", alias="challenger")
    assert "challenger" not in own.ask(path).text
    assert change(own, path, do="alias", alias="7", version="1").status == 400
    assert change(own, path, do="alias", alias="a", version="99").status == 404


@pytest.mark.parametrize("csrf", [None, "", "wrong", "é"])
def test_a_form_without_the_secret_of_our_pages_changes_nothing(own, store, csrf):
    run = own.newest("by hand")
    form = {"do": "rename", "name": "stolen"} | ({} if csrf is None else {"csrf": csrf})
    assert own.ask(f"/runs/{run}/change", form).status == 403
    assert store.get_run(run).name == "by hand"


def test_a_page_of_another_site_changes_nothing_even_with_the_secret(own, store):
    run = own.newest("by hand")
    form = {"do": "rename", "name": "stolen", "csrf": own.csrf()}
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert own.ask(f"/runs/{run}/change", form, headers=headers).status == 403
    assert store.get_run(run).name == "by hand"


def test_reading_a_page_changes_nothing(own, store):
    run = own.newest("by hand")
    answer = own.ask(f"/runs/{run}/change?do=rename&name=stolen&csrf={own.csrf()}")
    assert answer.status == 405
    assert store.get_run(run).name == "by hand"


def test_read_only_pages_offer_no_change_and_make_none(filled, serve):
    served = serve(filled, "--read-only")
    run = served.newest("by hand")
    page = served.ask(f"/runs/{run}").text
    assert "csrf" not in page
    assert "read-only" in page
    assert served.ask(f"/runs/{run}/change", {"do": "rename", "name": "x"}).status == 403
    assert "csrf" not in served.ask("/models/flower%20classifier").text
    assert "csrf" not in served.ask("/").text


def test_a_form_that_is_too_large_or_odd_is_refused(own):
    run = own.newest("by hand")
    assert change(own, f"/runs/{run}", do="rename", name="x" * 300_000).status == 413
    assert change(own, f"/runs/{run}", do="rename", name="  ").status == 400
    assert change(own, f"/runs/{run}", do="nothing").status == 400
    assert change(own, f"/runs/{run}", do="tag", key="autotrack.fit", value="x").status == 400
