"""What holds of every command: `--json`, examples in its help, exit codes, and texts of others."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, roc_curve
from sklearn.model_selection import cross_val_score

import autotrack
from autotrack.cli import main
from autotrack.tracking.workspace import workspace
from tests.hostile import TEXTS, hidden_in

#: Commands that run scripts of others, or wait for requests: they print nothing that is read.
SERVERS = {"run", "serve", "ui"}
#: Commands that ask a model in a process of its own.
SLOW = {"crate verify", "replay"}
#: What it says as JSON is looked at where a server is (``tests/replication``).
ASK_A_SERVER = {"pull"}
#: Those that a store keeps.
HOSTILE = [
    text for text in TEXTS if text.strip() and text.encode("utf-8", "replace").decode() == text
]


class Made:
    """A store, and the ids of two runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder.parent / "train.npz"
        random = np.random.RandomState(0)
        X = random.normal(size=(60, 2))
        y = (X[:, 0] + random.normal(size=60) > 0).astype(int)
        np.savez(self.data, X=X[:40], y=y[:40])
        with autotrack.enable(store=folder):
            with autotrack.start_run("first") as first:
                model = LogisticRegression().fit(X[:40], y[:40])
                said = model.predict(X[40:])
                accuracy_score(y[40:], said)
                confusion_matrix(y[40:], said)
                roc_curve(y[40:], model.predict_proba(X[40:])[:, 1])
                for step in range(20):
                    autotrack.log_metric("loss", 1 / (step + 1))
                autotrack.log_metrics({"nan": math.nan, "infinite": math.inf})
                for number, text in enumerate(HOSTILE):
                    autotrack.set_tag(f"tag {number}", text)
                    autotrack.log_param(f"param {number}", text)
                autotrack.log_params({text: 1 for text in HOSTILE if len(text) < 1000})
            cross_val_score(LogisticRegression(C=0.1), X, y)
            second = autotrack.last_run()
            for text in HOSTILE[::9]:
                with autotrack.start_run(text, experiment=text):
                    pass
        autotrack.register_model(f"runs:/{first.run_id}/model", "coffee")
        autotrack.set_alias("coffee", "champion", 1)
        autotrack.load_model(f"runs:/{first.run_id}/model").save(folder.parent / "crate")
        self.first, self.second = first.run_id, second.run_id
        workspace.forget()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    yield Made(tmp_path_factory.mktemp("commands") / "autotrack_runs")
    autotrack.disable()
    workspace.forget()


def every_command(group: click.Group, before: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    asked = click.Context(group)
    for name in group.list_commands(asked):
        command = group.get_command(asked, name)
        found[before + name] = command
        if isinstance(command, click.Group):
            found |= every_command(command, f"{before}{name} ")
    return found


COMMANDS = every_command(main)
LEAVES = {name: each for name, each in COMMANDS.items() if not isinstance(each, click.Group)}


def arguments(name: str, made: Made, tmp_path: Path) -> list[str]:
    """Such that the command has something to say; a new command that takes arguments is a line."""
    return {
        "best": ["test_accuracy_score"],
        "card": [made.first],
        "compare": [made.second, made.second, "mean_test_score"],
        "completion": ["zsh"],
        "export": [made.first, "-o", str(tmp_path / "run.md"), "--from", str(made.folder)],
        "merge": [str(made.folder)],
        "crate convert": [f"runs:/{made.first}/model", str(tmp_path / "converted")],
        "crate show": [f"runs:/{made.first}/model"],
        "crate verify": [f"runs:/{made.first}/model"],
        "diff": [made.first, made.second],
        "explain": [made.first, made.second],
        "gc": ["--dry-run"],
        "models aliases": ["coffee"],
        "models exists": ["coffee@champion"],
        "models show": ["coffee"],
        "models versions": ["coffee"],
        "replay": [made.first, "--data", str(made.data)],
        "replicate": ["--status"],
        "show": [made.first],
    }.get(name, [])


def call(*given: str, store: Path | None = None) -> click.testing.Result:
    where = [] if store is None else ["--store", str(store)]
    done = CliRunner().invoke(main, [*given, *where])
    assert done.exception is None or isinstance(done.exception, SystemExit), (given, done.exception)
    return done


def store_for(name: str, made: Made) -> Path | None:
    """The store that a command is given, if it is to read one."""
    if name == "merge":
        return made.folder.parent / "merged"
    return made.folder if takes(LEAVES[name], "--store") and name != "export" else None


def takes(command: click.Command, option: str) -> bool:
    return any(option in each.opts for each in command.params)


def assert_plain(text: str) -> None:
    assert hidden_in(text) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example_that_is_a_call_of_it(name: str) -> None:
    said = call(*name.split(), "--help").output
    _, found, examples = said.partition("\n  Example")
    assert found, said
    lines = [line.strip() for line in examples.splitlines() if line.startswith("    autotrack ")]
    assert [line for line in lines if line.startswith(f"autotrack {name}")], said


def test_every_command_that_prints_has_json(made: Made, tmp_path: Path) -> None:
    assert {name for name, each in LEAVES.items() if not takes(each, "--json")} == SERVERS
    for name in LEAVES.keys() - SERVERS - SLOW - ASK_A_SERVER:
        if name == "crate convert" and importlib.util.find_spec("skops") is None:
            continue
        assert_json(name, made, tmp_path)


@pytest.mark.thorough
def test_so_have_those_that_start_a_process_of_their_own(made: Made, tmp_path: Path) -> None:
    for name in SLOW:
        assert_json(name, made, tmp_path)


def assert_json(name: str, made: Made, tmp_path: Path) -> None:
    store = store_for(name, made)
    done = call(*name.split(), *arguments(name, made, tmp_path), "--json", store=store)
    found = json.loads(done.output[done.output.index("{") :])
    assert found["command"] == name
    assert set(found) == {"command", "data"}, found
    assert done.output.isascii()
    assert_plain(done.output)


def test_numbers_that_are_not_finite_are_null_and_others_are_as_they_were(made: Made) -> None:
    found = json.loads(call("show", made.first, "--json", store=made.folder).output)["data"]
    assert found["metrics"]["nan"] is None
    assert found["metrics"]["infinite"] is None
    assert found["metrics"]["loss"] == 0.05
    assert found["history"]["loss"][1] == {"step": 1, "value": 0.5}
    assert [found["tags"][f"tag {number}"] for number in range(len(HOSTILE))] == HOSTILE


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_a_run_that_is_not_there_ends_with_1(made: Made, as_json: list[str]) -> None:
    asked = {
        "show": ["nothing"], "best": ["no_such_metric"], "diff": ["nothing", made.first],
        "compare": [made.first, "nothing"], "explain": ["nothing", made.first],
        "card": ["nothing"], "replay": ["nothing", "--script"],
        "crate show": ["runs:/nothing/model"],
        "crate verify": ["runs:/nothing/model"], "crate convert": ["runs:/nothing/model", "x"],
        "models show": ["nothing"], "models versions": ["nothing"], "models aliases": ["nothing"],
        "models exists": ["nothing"],
        "export": ["nothing", "-o", "x.md", "--from", str(made.folder)],
        "models list": ["nothing"], "help": ["AT999"],
        "runs": ["-w", "name = 'nothing'"], "gc": [],
    }  # fmt: skip
    for name, given in asked.items():
        where = store_for(name, made)
        done = call(*name.split(), *given, *as_json, store=where)
        assert done.exit_code == 1, (name, done.output)
        if as_json and '"error"' in done.output:
            error = json.loads(done.output)["error"]
            assert error["message"].endswith(f"[{error['code']}]")
        elif not as_json and done.output.startswith("Error"):
            assert done.output.rstrip().endswith("]")


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        (["runs", "--where", "metrics.r2 >> 1"], 2),
        (["runs", "--limit", "many"], 2),
        (["no-such-command"], 2),
        (["show"], 2),
        (["gc", "--json"], 2),
    ],
)
def test_what_cannot_be_understood_ends_with_2(made: Made, given: list[str], ends: int) -> None:
    folder = made.folder.parent / "with-leftovers"
    if given == ["gc", "--json"]:
        with autotrack.enable(store=folder), autotrack.start_run() as run:
            pass
        autotrack.delete_run(run.run_id)
    where = None if given == ["no-such-command"] else folder if given[0] == "gc" else made.folder
    assert call(*given, store=where).exit_code == ends


def test_without_a_store_it_ends_with_3_and_an_untrusted_crate_with_4(made, tmp_path):
    assert call("runs", "--json", store=tmp_path / "none").exit_code == 3
    crate = made.folder.parent / "crate"
    done = call("crate", "verify", str(crate), "--json", store=tmp_path / "none")
    assert done.exit_code == 4
    assert json.loads(done.output)["error"]["code"] == "AT453"


def test_plots_are_drawn_where_they_are_asked_for_and_show_what_was_measured(made: Made) -> None:
    plain = call("show", made.first, store=made.folder).output
    assert not set("▁█▀░▓") & set(plain)  # no terminal
    drawn = call("show", made.first, "--plots", store=made.folder).output
    loss = next(line for line in drawn.splitlines() if "1 to 0.05, 20 steps" in line)
    assert loss.split()[1][0] == "█"
    assert loss.split()[1][-1] == "▁"
    assert "false positive rate" in drawn
    assert "scores/test_confusion_matrix.csv" in drawn


def test_texts_of_others_are_shown_and_not_obeyed(made: Made, tmp_path: Path) -> None:
    for name in LEAVES.keys() - SERVERS - SLOW - {"crate convert"}:
        store = store_for(name, made)
        done = call(*name.split(), *arguments(name, made, tmp_path), store=store)
        if name != "completion":
            assert_plain(done.output)
