"""The front door: what `autotrack` offers is what `__all__` says, and each name explains itself."""

from __future__ import annotations

import inspect
import re
import types

import pytest

import autotrack

NAMES = [name for name in autotrack.__all__ if name != "__version__"]
CALLABLES = [
    name for name in NAMES if inspect.isfunction(getattr(autotrack, name)) and name != "__version__"
]
#: What the design promises by now: everything but function crates and the registry.
PROMISED = """
    enable disable is_enabled Session
    create_experiment set_experiment get_experiment search_experiments
    rename_experiment delete_experiment restore_experiment Experiment
    start_run active_run end_run last_run get_run delete_run restore_run Run
    param log_param log_params log_estimator_params log_metric log_metrics
    log_artifact log_artifacts log_text log_dict log_table log_figure log_model
    set_tag set_tags delete_tag
    search_runs metric_history list_artifacts download_artifact best_run diff_runs
    load_model Crate
""".split()
SECTIONS = ["Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns", "Notes", "Examples"]


def test_every_public_name_is_listed_once():
    there = {
        name
        for name, value in vars(autotrack).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert there == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


def test_the_list_is_sorted():
    assert autotrack.__all__ == sorted(autotrack.__all__)


@pytest.mark.parametrize("name", PROMISED)
def test_what_the_design_promises_is_there(name):
    assert name in autotrack.__all__
    assert callable(getattr(autotrack, name))


def test_every_error_and_warning_is_public_and_hangs_on_the_tree():
    from autotrack import errors

    for name in errors.__all__:
        assert name in autotrack.__all__
        kind = getattr(autotrack, name)
        assert issubclass(kind, autotrack.AutotrackError | autotrack.AutotrackWarning)
        assert f"── {name}" in errors.__doc__ or name in ("AutotrackError", "AutotrackWarning")


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_explains_itself(name):
    text = inspect.getdoc(getattr(autotrack, name))
    assert text
    first = text.splitlines()[0]
    assert first[0].isupper()
    assert first.endswith((".", ":", ";"))


@pytest.mark.parametrize("name", NAMES)
def test_docstrings_have_numpys_shape(name):
    """Sections are known, underlined to their length, in order; params are the signature's."""
    value = getattr(autotrack, name)
    lines = inspect.getdoc(value).splitlines()
    found = [lines[n - 1] for n in range(1, len(lines)) if re.fullmatch("-{3,}", lines[n])]
    for title in found:
        assert title in SECTIONS
        assert lines[lines.index(title) + 1] == "-" * len(title)
    assert found == sorted(found, key=SECTIONS.index)
    if "Parameters" not in found or not callable(value):
        return
    start = lines.index("Parameters") + 2
    end = next((n for n in range(start, len(lines)) if lines[n] == ""), len(lines))
    named = [
        part.strip().lstrip("*")
        for line in lines[start:end]
        if line and not line.startswith(" ")
        for part in line.partition(" : ")[0].split(",")
    ]
    parameters = [p for p in inspect.signature(value).parameters if p != "self"]
    assert named == parameters


@pytest.mark.parametrize("name", CALLABLES)
def test_every_argument_and_result_has_a_type(name):
    signature = inspect.signature(getattr(autotrack, name))
    assert signature.return_annotation is not signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not parameter.empty


@pytest.mark.parametrize("owner", [autotrack.Run, autotrack.Crate, autotrack.Session])
def test_every_public_attribute_of_a_handle_explains_itself(owner):
    for name, value in vars(owner).items():
        if not name.startswith("_") and (callable(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{owner.__name__}.{name}"


def test_importing_autotrack_imports_nothing_large(run_python):
    heavy = ["sklearn", "pandas", "scipy", "rich", "click", "matplotlib", "joblib"]
    code = f"import autotrack, sys; print([name for name in {heavy} if name in sys.modules])"
    assert run_python(code=code).stdout == "[]\n"


def test_the_verbs_need_no_scikit_learn(run_python):
    """A script that only logs pays for what it uses."""
    code = (
        "import sys, autotrack\n"
        "with autotrack.start_run('a', experiment='b', tags={'c': 'd'}) as run:\n"
        "    autotrack.log_params({'alpha': autotrack.param('alpha', 1)})\n"
        "    autotrack.log_metrics({'m': 1.0})\n"
        "    autotrack.log_dict({'a': 1}, 'a.json')\n"
        "repr(run), run._repr_html_(), run.params\n"
        "print([name for name in ('sklearn', 'pandas', 'scipy') if name in sys.modules])\n"
    )
    assert run_python(code=code).stdout == "[]\n"
