"""Hundreds of texts of every kind in the lists and trees of the terminal, which obeys none."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from autotrack.cli.tables import run_table
from autotrack.cli.tree import run_tree
from autotrack.errors import AutotrackError
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from tests.hostile import TEXTS, hidden_in


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A run for each text, which is its name, its params and its tag."""
    found = Store(tmp_path_factory.mktemp("hostile") / "store")
    experiment, now = found.create_experiment("usual"), time.time()
    with found.transaction():
        for number, text in enumerate(TEXTS):
            run = f"{number:032x}"
            kind = ("fit", "search", "validation")[number % 3]
            found.create_run(
                run_id=run,
                name=text,
                kind=kind,
                experiment_id=experiment,
                start_time=now + number,
            )
            for act in (
                lambda run=run, text=text: found.set_params(
                    run, {text[:200]: 1, "kernel": text, "kernel__k1": text, "estimator": text}
                ),
                lambda run=run, text=text: found.add_metrics(run, [(text[:200], 0.5, 0, now)]),
                lambda run=run, text=text: found.set_tags(run, {"estimator": text}),
            ):
                try:
                    act()
                except AutotrackError:
                    assert (
                        any("\ud800" <= letter <= "\udfff" for letter in text) or not text.strip()
                    )
            found.end_run(run, status="FINISHED", end_time=now + number)
    yield found
    found.close()


def printed(shown) -> str:
    out = io.StringIO()
    Console(file=out, width=160).print(shown)
    return out.getvalue()


def test_a_tree_of_them_shows_each_and_moves_nothing(store):
    rows = store.search(Query())
    shown = printed(run_tree(store, rows))
    assert len(rows) == len(TEXTS)
    assert not (found := hidden_in(shown, "\n")), found
    for text in ("<script>window.owned=1</script>", "{{ 7 * 7 }}", "[bold red]rich[/bold red]",
                 "=1+1", "../../etc/passwd"):  # fmt: skip
        assert text in shown


def test_a_table_of_them_moves_nothing(store):
    rows = store.search(Query())
    for few in range(0, len(rows), 40):
        table, _ = run_table(rows[few : few + 40], 200)
        assert not (found := hidden_in(printed(table), "\n")), found
