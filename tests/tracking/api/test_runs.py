"""Runs begin, go on and end: what is active when, and what a run says about how it ended."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

import autotrack
from autotrack import ActiveRunError, InvalidValueError, NoActiveRunError, RunNotFoundError


def test_a_run_is_active_from_its_start_to_the_end_of_its_block():
    with autotrack.start_run("tea", tags={"leaf": "green"}) as run:
        assert autotrack.active_run() == run
        assert run.status == "RUNNING"
        assert run.end_time is None
    assert autotrack.active_run() is None
    assert (run.name, run.kind, run.status, run.tags) == (
        "tea",
        "user",
        "FINISHED",
        {"leaf": "green"},
    )
    assert run.start_time <= run.end_time


def test_a_run_started_and_ended_by_hand_is_the_same():
    run = autotrack.start_run()
    assert autotrack.get_run() == run
    autotrack.end_run()
    assert run.status == "FINISHED"
    assert autotrack.active_run() is None


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_end_run_says_how_it_ended(status):
    run = autotrack.start_run()
    autotrack.end_run(status)
    assert run.status == status


def test_a_status_that_is_none_is_refused_and_the_run_goes_on():
    run = autotrack.start_run()
    with pytest.raises(InvalidValueError, match="FINISHED, FAILED, KILLED, not 'DONE'"):
        autotrack.end_run("DONE")
    assert run.status == "RUNNING"


def test_a_second_run_on_top_of_an_active_one_is_an_error_that_says_what_to_do():
    first = autotrack.start_run()
    with pytest.raises(ActiveRunError, match=rf"{first.run_id}.*end_run.*nested=True"):
        autotrack.start_run()
    assert autotrack.active_run() == first


def test_nested_runs_are_children_and_belong_to_the_experiment_of_their_parent():
    with autotrack.start_run(experiment="tea") as outer:
        with autotrack.start_run("inner", nested=True) as inner:
            with autotrack.start_run("innermost", nested=True) as innermost:
                assert autotrack.active_run() == innermost
            assert autotrack.active_run() == inner
        assert autotrack.active_run() == outer
    assert (inner.parent_id, innermost.parent_id) == (outer.run_id, inner.run_id)
    assert inner.experiment == innermost.experiment == "tea"
    assert outer.children()["name"].tolist() == ["inner"]


def test_a_nested_run_may_name_an_experiment_of_its_own():
    with (
        autotrack.start_run(experiment="tea"),
        autotrack.start_run(experiment="coffee", nested=True) as inner,
    ):
        pass
    assert inner.experiment == "coffee"


def test_nested_without_a_parent_is_just_a_run():
    with autotrack.start_run(nested=True) as run:
        pass
    assert run.parent_id is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("no tea left"), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(3), "FAILED"),
    ],
    ids=repr,
)
def test_a_block_that_raises_records_the_exception_and_passes_it_on_unchanged(error, status):
    with pytest.raises(type(error)) as caught, autotrack.start_run() as run:
        raise error
    assert caught.value is error
    assert error.__context__ is None
    assert run.status == status
    assert (run.error.type, run.error.message) == (type(error).__name__, str(error))
    assert "raise error" in run.error.traceback
    assert autotrack.active_run() is None


class _Rude(Exception):
    def __str__(self):
        raise RuntimeError("not even that")


def test_an_exception_that_cannot_say_itself_is_recorded_and_passed_on_all_the_same():
    error = _Rude()
    with pytest.raises(_Rude) as caught, autotrack.start_run() as run:
        raise error
    assert caught.value is error
    assert run.status == "FAILED"
    assert run.error.type.endswith("_Rude")


def test_a_run_that_ended_without_trouble_has_no_error():
    with autotrack.start_run() as run:
        pass
    assert run.error is None


def test_a_block_whose_run_was_ended_inside_keeps_that_end():
    with autotrack.start_run() as run:
        autotrack.end_run("KILLED")
    assert run.status == "KILLED"


def test_a_run_left_open_inside_a_block_ends_with_it():
    with pytest.raises(ValueError, match="cold"), autotrack.start_run() as outer:
        inner = autotrack.start_run(nested=True)
        raise ValueError("cold")
    assert (outer.status, inner.status) == ("FAILED", "FAILED")
    assert autotrack.active_run() is None


def test_without_an_active_run_there_is_none_to_end_or_get():
    assert autotrack.active_run() is None
    with pytest.raises(NoActiveRunError, match=r"start one with autotrack\.start_run"):
        autotrack.end_run()
    with pytest.raises(NoActiveRunError, match="name a run by its id"):
        autotrack.get_run()


def test_logging_without_an_active_run_starts_one_that_stays():
    autotrack.log_param("leaf", "green")
    run = autotrack.active_run()
    autotrack.log_metric("taste", 9)
    assert autotrack.active_run() == run
    assert (run.params, run.metrics) == ({"leaf": "green"}, {"taste": 9.0})
    autotrack.end_run()
    assert run.status == "FINISHED"


def test_what_is_no_value_starts_no_run():
    for misuse in (
        lambda: autotrack.log_metric("taste", "fine"),
        lambda: autotrack.log_param("", 1),
        lambda: autotrack.set_tags(["a"]),
        lambda: autotrack.log_artifact("nowhere.txt"),
        lambda: autotrack.log_text("a", "../a"),
        lambda: autotrack.log_estimator_params(3),
    ):
        with pytest.raises(autotrack.AutotrackError):
            misuse()
    assert autotrack.active_run() is None
    assert autotrack.search_runs().empty


def test_an_unknown_run_is_an_error_with_the_nearest():
    with autotrack.start_run("tea") as run:
        pass
    wrong = run.run_id[:-2] + "zz"
    for ask in (
        autotrack.get_run,
        autotrack.delete_run,
        autotrack.restore_run,
        autotrack.list_artifacts,
        lambda run_id: autotrack.start_run(run_id=run_id),
    ):
        with pytest.raises(RunNotFoundError, match=rf"{wrong}.*did you mean {run.run_id} \(tea\)"):
            ask(wrong)


def test_the_first_letters_of_an_id_will_do():
    with autotrack.start_run() as run:
        pass
    assert autotrack.get_run(run.run_id[:8]) == run


@pytest.mark.parametrize("wrong", [3, "", None.__class__, ["a"]])
def test_a_run_id_that_is_no_text_is_refused(wrong):
    with pytest.raises(InvalidValueError, match="run_id must be"):
        autotrack.get_run(wrong)


def test_the_last_run_is_the_one_opened_last():
    assert autotrack.last_run() is None
    with autotrack.start_run("first"):
        assert autotrack.last_run().name == "first"
        with autotrack.start_run("second", nested=True):
            pass
    assert autotrack.last_run().name == "second"


def test_deleted_runs_are_hidden_with_their_children_until_restored():
    with autotrack.start_run() as outer, autotrack.start_run(nested=True):
        pass
    autotrack.delete_run(outer.run_id)
    assert autotrack.search_runs(children=True).empty
    autotrack.restore_run(outer.run_id)
    assert len(autotrack.search_runs(children=True)) == 2


def test_a_thread_has_no_active_run():
    seen = []
    with autotrack.start_run():
        thread = threading.Thread(target=lambda: seen.append(autotrack.active_run()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_a_run_may_end_in_another_thread_than_it_started_in():
    run = autotrack.start_run()

    def end():
        with run:
            pass

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()
    assert run.status == "FINISHED"
    assert autotrack.active_run() is None


def test_runs_of_asyncio_tasks_do_not_meet():
    async def brew(name):
        with autotrack.start_run(name) as run:
            await asyncio.sleep(0.01)
            autotrack.log_param("name", name)
            assert autotrack.active_run() == run
            await asyncio.sleep(0.01)
        return run

    async def brew_all():
        return await asyncio.gather(*(brew(f"tea {number}") for number in range(4)))

    runs = asyncio.run(brew_all())
    assert [run.params["name"] for run in runs] == [f"tea {number}" for number in range(4)]
    assert {run.status for run in runs} == {"FINISHED"}


def test_a_copied_context_logs_into_the_run_it_was_copied_in():
    with autotrack.start_run() as run:
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(autotrack.log_param, "a", 1))
        thread.start()
        thread.join()
    assert run.params == {"a": 1}


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: autotrack.start_run(3),
        lambda: autotrack.start_run(""),
        lambda: autotrack.start_run(experiment=["a"]),
        lambda: autotrack.start_run(tags=["a"]),
        lambda: autotrack.start_run(tags={1: "a"}),
    ],
)
def test_arguments_that_are_none_are_refused_and_nothing_is_started(misuse):
    with pytest.raises(InvalidValueError):
        misuse()
    assert autotrack.active_run() is None
    assert autotrack.search_runs().empty


def test_a_run_without_a_name_is_called_like_the_script(tmp_path, run_python):
    (tmp_path / "brew.py").write_text("import autotrack\nprint(autotrack.start_run().name)\n")
    assert run_python("brew.py").stdout == "brew\n"
    assert run_python(code="import autotrack; print(autotrack.start_run().name)").stdout == "run\n"


@pytest.mark.parametrize(
    ("ending", "status", "error"),
    [
        ("", "FINISHED", None),
        ("import sys; sys.exit(3)", "FINISHED", None),
        ("raise ValueError('cold')", "FAILED", "ValueError"),
        ("raise KeyboardInterrupt", "KILLED", "KeyboardInterrupt"),
        ("import os; os._exit(1)", "KILLED", None),
    ],
)
def test_a_run_left_open_ends_with_its_process(run_python, ending, status, error):
    code = f"import autotrack\nautotrack.log_param('a', 1)\n{ending}\n"
    run_python(code=code, check=False)
    (run_id,) = autotrack.search_runs()["run_id"]
    run = autotrack.get_run(run_id)
    assert (run.status, run.params) == (status, {"a": 1})
    assert (run.error.type if run.error else None) == error


def test_an_error_at_a_prompt_is_not_what_ends_the_session(run_python):
    """As in a notebook, where a cell fails and people go on."""
    lines = "import autotrack\nautotrack.log_param('a', 1)\nraise ValueError('cold')\n"
    code = f"import code\ncode.InteractiveConsole().runcode(compile({lines!r}, 'c', 'exec'))\n"
    run_python(code=f"import sys\nsys.ps1 = '>>> '\n{code}")
    (run_id,) = autotrack.search_runs()["run_id"]
    assert autotrack.get_run(run_id).status == "FINISHED"
