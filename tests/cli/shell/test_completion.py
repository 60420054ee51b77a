"""A shell completes commands, options, run ids, experiments, metrics, models and codes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

import autotrack
from autotrack.cli import main
from autotrack.tracking.workspace import workspace


@pytest.fixture
def runs(store_path: Path) -> list[autotrack.Run]:
    made = []
    for name in ("first", "$(touch owned)"):
        with autotrack.start_run(name, experiment="coffee") as run:
            autotrack.log_metrics({"test_r2": 0.5, "$(touch owned)": 1.0, "two words": 1.0})
        made.append(run)
    autotrack.create_experiment("`id`")
    workspace.forget()
    return made


def completed(*words: str) -> dict[str, str | None]:
    *before, incomplete = words
    found = ShellComplete(main, {}, "autotrack", "_AUTOTRACK_COMPLETE")
    items = found.get_completions(list(before), incomplete)
    return {item.value: item.help for item in items}


def test_runs_are_completed_with_the_newest_first_and_their_names(runs) -> None:
    found = completed("show", "")
    assert list(found) == ["last", runs[1].run_id[:8], runs[0].run_id[:8]]
    assert found[runs[0].run_id[:8]] == "first (user)"
    part = runs[0].run_id[:10]
    assert list(completed("diff", "last", part)) == [part]


def test_metrics_experiments_models_and_codes_are_completed(runs) -> None:
    assert list(completed("best", "t")) == ["test_r2"]
    assert list(completed("runs", "--experiment", "c")) == ["coffee"]
    assert "AT104" in completed("help", "at1")
    assert "AT422" in completed("help", "AT4")
    assert "exists" in completed("models", "")
    assert "doctor" in completed("do")


def test_what_a_shell_would_not_take_as_a_word_is_not_offered(runs) -> None:
    for words in (["best", ""], ["runs", "-e", ""], ["show", ""]):
        assert not [value for value in completed(*words) if set(value) & set("$`() ;")]


def test_the_store_that_the_line_names_is_asked(runs, store_path, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "none"))
    assert list(completed("show", "")) == ["last"]
    assert list(completed("best", "--store", str(store_path), "t")) == ["test_r2"]
    assert not (tmp_path / "none").exists()


def test_a_store_in_trouble_completes_nothing_and_says_nothing(store_path: Path) -> None:
    store_path.mkdir()
    (store_path / "autotrack.db").write_bytes(b"no database" * 100)
    assert completed("best", "") == {}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_is_printed_is_a_program_of_the_shell_and_is_installed_where_it_looks(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    printed = CliRunner().invoke(main, ["completion", shell])
    assert printed.exit_code == 0
    assert f"_AUTOTRACK_COMPLETE={shell}_complete" in printed.output
    done = CliRunner().invoke(main, ["completion", shell, "--install"])
    assert done.exit_code == 0
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert str(file) in done.output
    assert file.read_text().strip() == printed.output.strip()
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(file)], check=True)


def test_completing_imports_neither_scikit_learn_nor_pandas(runs, run_python) -> None:
    code = (
        "import sys; from autotrack.cli import main\n"
        "from click.shell_completion import ShellComplete\n"
        "found = ShellComplete(main, {}, 'autotrack', 'X').get_completions(['show'], '')\n"
        "print(len(found), [m for m in ('sklearn', 'pandas', 'scipy') if m in sys.modules])\n"
    )
    assert run_python(code=code).stdout == "3 []\n"
