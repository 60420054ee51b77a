"""The documentation runs, names everything that is public, and leads nowhere that is not there."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
import warnings
from dataclasses import fields

import click
import pytest
from click.testing import CliRunner

import autotrack
from autotrack import errors
from autotrack.analysis.evidence.catalogue import KINDS
from autotrack.cli import main
from autotrack.settings import Settings
from tests.documentation.pages import DOCS, ROOT, blocks, matches, pages, run

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="needs the checkout")

PAGES = [page.relative_to(DOCS).as_posix() for page in pages()] if DOCS.exists() else []
RUN = [name for name in PAGES if {"python", "console"} & {b.language for b in blocks(DOCS / name)}]


def module_of(name: str):
    """A program of docs/, which is run and not installed."""
    spec = importlib.util.spec_from_file_location(f"autotrack_docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def text_of_all() -> str:
    return "\n".join((DOCS / name).read_text("utf-8") for name in PAGES)


@pytest.mark.parametrize("name", RUN)
def test_a_page_runs_from_top_to_bottom_and_prints_what_it_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    os.symlink(ROOT / "examples", tmp_path / "examples")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", autotrack.AutotrackWarning)
        for ran in run(DOCS / name, tmp_path):
            is_right = ran.claimed is None or matches(ran.claimed, ran.printed)
            assert is_right, f"{name}:{ran.line} {ran.call} prints\n{ran.printed}"


def test_what_a_page_claims_is_held_against_what_was_printed():
    assert matches("a ... b", "\n a  x\ny  b\n")
    assert matches("...", "anything")
    assert not matches("a ... b", "a x c")
    assert not matches("0.75", "0.76")


def test_python_that_only_is_read_is_python():
    for name in PAGES:
        for block in blocks(DOCS / name):
            if block.language == "python":
                compile(block.text, f"{name}:{block.line}", "exec")


def test_every_block_says_its_language():
    known = {"python", "console", "text", "sh", "r", "json", "{toctree}", "{include}", "{eval-rst}"}
    found = {block.language for name in PAGES for block in blocks(DOCS / name)}
    assert found <= known


def test_shell_blocks_are_shell_and_name_commands_and_options_that_there_are():
    """With those of the generated page, which are the examples of `--help`."""
    made = "\n".join(re.findall(r"```sh\n(.*?)```", module_of("made").commands(), re.DOTALL))
    written = [b.text for name in PAGES for b in blocks(DOCS / name) if b.language == "sh"]
    program = "\n".join([*written, made])
    checked = subprocess.run(
        ["bash", "-n"], input=program, text=True, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    calls = [call for line in program.replace("\\\n", " ").splitlines() for call in calls_in(line)]
    assert len(calls) > 30
    for call in calls:
        assert_known(call)


def calls_in(line: str) -> list[list[str]]:
    """The arguments of each call of autotrack in a line of shell."""
    found: list[list[str]] = []
    call: list[str] | None = None
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    for word in words:
        if word == "autotrack":
            call = []
            found.append(call)
        elif set(word) <= set("();<>|&"):
            call = None
        elif call is not None:
            call.append(word)
    return found


def assert_known(words: list[str]) -> None:
    command: click.Command = main
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"there is no autotrack {name}"
        command = found
    options = {text for each in command.params for text in (*each.opts, *each.secondary_opts)}
    rest = words[1:2] if command.name == "run" else words  # a script has options of its own
    for word in rest:
        assert not word.startswith("-") or word.partition("=")[0] in {*options, "--help"}, word


def test_every_public_name_is_in_the_reference():
    page = (DOCS / "reference" / "api.md").read_text("utf-8")
    listed = set(re.findall(r"auto(?:function|class):: autotrack\.(\w+)", page))
    if "automodule:: autotrack.errors" in page:
        listed |= set(errors.__all__)
    assert listed | {"__version__"} == set(autotrack.__all__)


def test_every_command_and_option_is_on_the_page_of_commands():
    made = module_of("made")
    page = made.commands()
    for name, command in made.every_command(main):
        assert f"# autotrack {name}\n" in page
        section = page.partition(f"# autotrack {name}\n")[2]
        for each in command.params:
            if isinstance(each, click.Option) and not isinstance(command, click.Group):
                assert each.opts[0] in section, (name, each.opts)


def test_every_setting_and_variable_is_on_the_page_of_settings():
    page = (DOCS / "reference" / "settings.md").read_text("utf-8")
    arguments = inspect.signature(autotrack.enable).parameters
    for field in fields(Settings):
        assert f"`AUTOTRACK_{field.name.upper()}`" in page
        if field.name in arguments:
            row = next(line for line in page.splitlines() if f"| `{field.name}` |" in line)
            default = "autotrack_runs" if field.name == "store" else str(field.default)
            assert default in row, row
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "autotrack").rglob("*.py"))
    for variable in set(re.findall(r"\bAUTOTRACK_[A-Z][A-Z_]*[A-Z]\b", source)):
        inner = variable.startswith("AUTOTRACK_COMPLETE")
        assert inner or variable in page, variable


def test_every_code_has_its_page_and_every_page_its_code():
    written = (ROOT / "autotrack" / "cli" / "codes" / "errors.md").read_text("utf-8")
    pages_of = dict(re.findall(r"^## (AT\d{3}): (\w+)$", written, re.MULTILINE))
    kinds = {getattr(errors, name).code: name for name in errors.__all__}
    assert len(kinds) == len(errors.__all__)  # no two of one code
    assert pages_of == kinds
    assert not set(kinds) & set(KINDS)
    for code in (*kinds, *KINDS):
        said = CliRunner().invoke(main, ["help", code])
        assert said.exit_code == 0
        assert len(said.output.splitlines()) > 3
    for section in written.split("\n## ")[1:]:
        assert "What to do: " in section


def test_every_error_and_warning_ends_in_its_code():
    for name in errors.__all__:
        kind = getattr(errors, name)
        needs_names = name in ("UntrustedCrateError", "FreeNameError", "ContractError")
        made = kind("what was met", *([[]] if needs_names else []))
        assert str(made) == f"what was met [{kind.code}]"
        assert kind.code[:3] == ("AT5" if issubclass(kind, Warning) else "AT4")


def test_links_of_pages_lead_to_files_that_are_there():
    count = 0
    for name in [*(DOCS / page for page in PAGES), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", name.read_text("utf-8")):
            if "://" not in target and "_made/" not in target:
                assert (name.parent / target).exists(), f"{name} links to {target}"
                count += 1
    assert count > 30


def test_the_readme_leads_to_the_documentation():
    assert "docs/tutorial.md" in (ROOT / "README.md").read_text("utf-8")


def test_the_checker_of_the_site_finds_what_is_wrong(tmp_path):
    problems = module_of("check").problems
    (tmp_path / "style.css").write_text("a { background: url(pictures/a.png) }")
    (tmp_path / "other.html").write_text("<h1 id='here'>b</h1>")
    page = tmp_path / "index.html"
    right = (
        "<link rel=stylesheet href=style.css><a href='other.html#here'>a</a>"
        "<a href='https://example.org'>b</a><img src='data:image/png;base64,AA=='>"
    )
    page.write_text(right)
    assert list(problems(tmp_path)) == []
    for wrong in (
        "<script src='https://cdn.example.org/a.js'></script>",
        "<img src='//cdn.example.org/a.png'>",
        "<link rel=stylesheet href='missing.css'>",
        "<a href='missing.html'>a</a>",
        "<a href='other.html#nowhere'>a</a>",
    ):
        page.write_text(right + wrong)
        assert len(list(problems(tmp_path))) == 1, wrong
    page.write_text(right)
    (tmp_path / "style.css").write_text("@import 'https://fonts.example.org/a.css';")
    assert len(list(problems(tmp_path))) == 1


def test_pages_are_built_from_the_files_that_the_rest_of_the_project_reads():
    for name, source in {
        "reference/findings.md": "../../FINDINGS.md",
        "reference/errors.md": "../../autotrack/cli/codes/errors.md",
        "contributing/architecture.md": "../../ARCHITECTURE.md",
    }.items():
        page = DOCS / name
        assert f"{{include}} {source}" in page.read_text("utf-8")
        assert (page.parent / source).exists()
