"""`autotrack runs`, `show`, `best` and `diff`: what was recorded, from the terminal."""

from __future__ import annotations

import csv
import importlib
import io
import math

import click
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression, Ridge

import autotrack
from autotrack.cli import main

X, y = [[1.0], [2.0], [3.0]], [1.0, 2.0, 4.0]


@pytest.fixture
def look():
    """Run a command in this process; what it printed, and how it ended."""

    def look(*args, code=0):
        done = CliRunner().invoke(main, list(args))
        assert done.exit_code == code, done.output
        return done.output

    return look


def fitted(alpha, *, experiment=None, name=None):
    with autotrack.enable(), autotrack.start_run(name, experiment=experiment) as run:
        model = Ridge(alpha=alpha).fit(X, y)
        model.score(X, y)
    return run


def test_runs_are_a_table_the_newest_first(look):
    first, second = fitted(1.5, name="first"), fitted(2.5, name="second")
    lines = look("runs").splitlines()
    rows = [line for line in lines if "FINISHED" in line]
    assert [row.split()[:3] for row in rows] == [
        [second.run_id[:8], "second", "FINISHED"],
        [first.run_id[:8], "first", "FINISHED"],
    ]
    assert "train_score" in lines[1]
    assert f"{first.metrics['train_score']:.6g}" in rows[1]


def test_options_choose_among_the_runs(look):
    fitted(1.5, experiment="tea", name="a")
    fitted(2.5, experiment="coffee", name="b")
    fitted(3.5, experiment="coffee", name="c")

    def named(*args):
        rows = csv.DictReader(io.StringIO(look("runs", "--csv", *args)))
        return [row["name"] for row in rows]

    assert named() == ["c", "b", "a"]
    assert named("--experiment", "tea") == ["a"]
    assert named("-e", "tea", "-e", "coffee") == ["c", "b", "a"]
    assert named("--where", "params.alpha > 2") == ["c", "b"]
    assert named("-w", "params.alpha > 2", "-n", "1") == ["c"]
    assert named("--order-by", "params.alpha") == ["a", "b", "c"]
    assert named("-o", "experiment", "-o", "name desc") == ["c", "b", "a"]
    assert "coffee" in look("runs").splitlines()[3]


def test_children_are_shown_on_request(look):
    with autotrack.enable(), autotrack.start_run("parent"):
        Ridge().fit(X, y)
        LogisticRegression().fit(X, [0, 1, 1])
    assert "LogisticRegression" not in look("runs")
    assert "LogisticRegression" in look("runs", "--children")
    assert "LogisticRegression" in look("show", "last")


def test_csv_holds_everything_as_it_is(look):
    with autotrack.start_run('odd, "name"\n'):
        autotrack.log_param("text", "a,b\nc")
        autotrack.log_metrics({"nan": math.nan, "third": 1 / 3})
    (row,) = csv.DictReader(io.StringIO(look("runs", "--csv")))
    assert row["name"] == 'odd, "name"\n'
    assert row["params.text"] == "a,b\nc"
    assert float(row["metrics.third"]) == 1 / 3


def test_an_empty_store_and_a_search_without_result_say_so(look):
    autotrack.search_runs()
    assert look("runs", code=1) == "No runs yet.\n"
    fitted(1)
    assert look("runs", "--where", "status = 'FAILED'", code=1) == "No runs match.\n"


def test_a_run_is_shown_with_all_that_is_known(look):
    run = fitted(1.5, experiment="tea", name="mine")
    for asked in (run.run_id, run.run_id[:6], "last"):
        shown = look("show", asked)
        for fact in (
            run.run_id,
            "mine",
            "FINISHED",
            "tea",
            "alpha",
            "1.5",
            "train_score",
            "list 3 x 1",
            "sklearn.linear_model._ridge.Ridge",
            "model/model.pkl",
            f'autotrack.load_model("runs:/{run.run_id}/model")',
        ):
            assert fact in shown, fact


def test_a_failed_run_is_shown_with_its_traceback(look):
    with autotrack.enable(), pytest.raises(ValueError, match="inconsistent"):
        Ridge().fit(X, y[:2])
    shown = look("show", "last")
    assert "FAILED" in shown
    assert "ValueError: Found input variables with inconsistent" in shown
    assert "Traceback (most recent call last):" in shown


def test_nothing_of_a_run_is_taken_for_markup(look):
    odd = "[bold]not bold[/bold] [/] :smile:"
    with pytest.raises(ValueError, match="bold"), autotrack.start_run(odd, experiment=odd) as a:
        autotrack.log_params({odd: odd})
        autotrack.log_metric(odd, 1)
        autotrack.set_tag(odd, odd)
        autotrack.log_text("x", "[red]a.txt")
        raise ValueError(odd)
    b = fitted(1)
    assert odd in look("runs", "-e", odd)
    assert look("show", a.run_id).count(odd) >= 7
    assert "[red]a.txt" in look("show", a.run_id)
    assert odd in look("diff", a.run_id, b.run_id)
    assert odd in look("best", odd)


def test_the_best_run_is_shown(look):
    low, high = fitted(100), fitted(0.1)
    assert high.run_id in look("best", "train_score")
    assert low.run_id in look("best", "train_score", "--mode", "min")
    assert "no run has the metric 'test_score'" in look("best", "test_score", code=1)
    assert "'most' is not one of" in look("best", "train_score", "--mode", "most", code=2)


def test_what_differs_is_shown(look):
    a, b = fitted(1.5), fitted(2.5)
    shown = look("diff", a.run_id, b.run_id[:8])
    (row,) = [line.split() for line in shown.splitlines() if "alpha" in line]
    assert row == ["params", "alpha", "1.5", "2.5"]
    assert look("diff", a.run_id, a.run_id) == "Nothing differs.\n"
    assert "2.5" in look("diff", a.run_id, "last")


def test_an_unknown_run_is_an_error_of_one_line(look):
    run = fitted(1, name="mine")
    for args in (["show", "ffffffff"], ["diff", run.run_id, "ffffffff"]):
        assert look(*args, code=1).startswith("Error: no run has the id 'ffffffff' in ")
    assert f"did you mean {run.run_id} (mine)?" in look("show", "minee", code=1)


def test_a_condition_that_cannot_be_read_is_shown_with_its_place(look):
    fitted(1)
    shown = look("runs", "--where", "params.alpha >> 1", code=2)
    assert shown.startswith("Error: ")
    assert "params.alpha >> 1\n" in shown
    assert shown.rstrip().endswith("^ [AT442]")
    assert look("runs", "--order-by", "params.", code=2).startswith("Error: ")
    assert "no experiment is called 'tee'" in look("runs", "--experiment", "tee", code=1)


@pytest.mark.parametrize(
    "command", [["runs"], ["show", "last"], ["show", "abcd"], ["best", "m"], ["diff", "a", "b"]]
)
def test_without_a_store_every_command_says_where_it_looked_and_makes_none(
    look, command, store_path, tmp_path
):
    assert f"there is no store at {store_path}" in look(*command, code=3)
    other = tmp_path / "other"
    assert f"there is no store at {other}" in look(*command, "--store", str(other), code=3)
    assert not store_path.exists()
    assert not other.exists()


def test_a_store_is_named_by_an_option(look, tmp_path, monkeypatch, store_path):
    run = fitted(1)
    monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "other"))
    assert "there is no store at" in look("runs", code=3)
    assert run.run_id in look("show", "last", "--store", str(store_path))


def test_a_damaged_store_is_an_error_of_one_line_that_says_what_to_do(look, store_path):
    store_path.mkdir()
    (store_path / "autotrack.db").write_bytes(b"not a database " * 100)
    shown = look("runs", code=3)
    assert shown.startswith(f"Error: {store_path / 'autotrack.db'} is damaged")
    assert ".recover" in shown
    assert len(shown.splitlines()) == 1


def test_a_setting_that_cannot_be_used_is_an_error_of_one_line(look, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "file"))
    assert "is a file; the store is a folder" in look("runs", code=2)


def test_letters_the_terminal_does_not_have_are_no_reason_to_show_nothing(run_python):
    with autotrack.start_run("größe"):
        autotrack.log_param("Länge", "ü")
    for command in (["show", "last"], ["runs"]):
        done = run_python("-m", "autotrack", *command, PYTHONIOENCODING="ascii")
        assert "gr??e" in done.stdout


def test_nothing_is_cut_off_on_its_way_into_a_pipe(look):
    with autotrack.start_run("a long name " * 5):
        autotrack.log_params({f"a_rather_long_key_{n}" * 3: "x" * 150 for n in range(2)})
    assert "a long name " * 4 in look("runs")
    assert "x" * 100 in look("show", "last")


_context = click.Context(main)
_commands = {name: main.get_command(_context, name) for name in main.list_commands(_context)}


@pytest.mark.parametrize("name", sorted(_commands))
def test_every_command_and_option_explains_itself(name, look):
    command = _commands[name]
    page = look(name, "--help")
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert all(option in page for option in parameter.opts)
        else:
            assert parameter.human_readable_name in page


def test_the_command_itself_lists_its_parts(look):
    page = look("--help")
    for name, command in _commands.items():
        assert f"  {name} " in page
        assert command.get_short_help_str(200).split(".")[0][:30] in page
    assert autotrack.__version__ in look("--version")
    assert "No such command" in look("rnus", code=2)


def test_the_names_of_the_commands_are_those_that_their_modules_register():
    for family in set(main.families.values()):
        importlib.import_module(family)

    assert sorted(main.commands) == sorted(main.families)
