"""A part of the random sessions of ``make truth``: always the same, and others every day."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import pytest

from tests.truth.running import GOAL, run_in_processes, share_of_derived
from tests.truth.sessions import Verdict, compose, run_untracked, text_of

FIXED, OF_TODAY = 80, 40


@pytest.fixture(scope="module")
def verdicts() -> Sequence[Verdict]:
    today = datetime.datetime.now(datetime.UTC).date().toordinal()
    print(f"the seed of today is {today}")  # noqa: T201 - what to run again by hand
    sessions = [f"0/{number}" for number in range(FIXED)]
    sessions += [f"{today}/{number}" for number in range(OF_TODAY)]
    return run_in_processes(sessions, jobs=2, batch=20)


def _told(verdicts: Sequence[Verdict], *whats: str) -> str:
    """The faults of some kinds, and the script of the first session with one, to run by hand."""
    found = [(v, fault) for v in verdicts for fault in v.faults if fault.what in whats]
    if not found:
        return ""
    lines = [f"{v.session}  {fault.what}, {fault.kind}: {fault.text}" for v, fault in found]
    return "\n".join([*lines[:40], "", text_of(found[0][0].session)])


@pytest.mark.timeout(600)
def test_no_score_stands_in_the_run_of_a_model_that_did_not_give_it(verdicts):
    told = _told(verdicts, "false credit")
    assert not told, told


@pytest.mark.timeout(600)
def test_every_key_says_the_truth_about_the_rows(verdicts):
    told = _told(verdicts, "wrong key")
    assert not told, told


@pytest.mark.timeout(600)
def test_every_score_of_a_models_own_prediction_is_in_its_run(verdicts):
    told = _told(verdicts, "lost")
    assert not told, told


@pytest.mark.timeout(600)
def test_most_scores_of_what_is_derived_in_the_open_are_in_their_run(verdicts):
    assert share_of_derived(verdicts) >= GOAL


@pytest.mark.timeout(600)
def test_scripts_compute_the_same_as_without_tracking_and_nothing_warns(verdicts):
    told = _told(verdicts, "crash", "changed")
    assert not told, told


def test_a_session_is_the_same_for_the_same_name():
    assert compose("5/5").lines == compose("5/5").lines != compose("5/6").lines


def test_looking_for_what_would_be_true_changes_no_score(tmp_path):
    plain = run_untracked(compose("5/7"), tmp_path / "plain.py")
    looked = run_untracked(compose("5/7", shadows=True), tmp_path / "looked.py")
    assert looked.scores == plain.scores
    assert looked.shadows
