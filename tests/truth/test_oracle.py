"""What the random sessions are held against is true itself: of blends that are a prediction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.truth.sessions import Judge, Recorded, compose, run_untracked

BLENDS = ("weights one and zero", "vote of three", "soft vote", "blend with a formula")


def sessions(kind):
    """Sessions of labels with blends of that kind, and which of these are whose prediction."""
    for number in range(4):
        script = compose(f"oracle/{number}", kind, shadows=True)
        if script.task != "regression":
            yield script


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    file = tmp_path_factory.mktemp("oracle") / "looked.py"
    return [(script, run_untracked(script, file)) for kind in BLENDS for script in sessions(kind)]


def faults(script, found, call, model, count=1):
    """What is said of a session in which the score of a call stands in the run of a model."""
    number = found.scores[call.id][0]
    key = f"test_{call.metric}"
    run = Recorded("run", None, "fit", dict([model.mark]), {key: [number] * count})
    return Judge(script, found.scores, "session").judge([run], found).faults


def blends_and_models(looked):
    for script, found in looked:
        for call in script.calls:
            others = [c for c in script.calls if c is not call]
            alone = all(found.scores[c.id] != found.scores[call.id] for c in others)
            for model in script.models if call.strict and alone else ():
                yield script, found, call, model, (call.id, model.owner) in found.equal


def test_a_blend_may_be_credited_to_the_model_whose_prediction_it_is_on_every_row(looked):
    equal = [known[:4] for known in blends_and_models(looked) if known[4]]
    assert len(equal) > 2
    assert not any(faults(*known) for known in equal)


def test_a_blend_that_is_in_one_row_something_else_may_be_credited_to_nobody(looked):
    other = [known[:4] for known in blends_and_models(looked) if not known[4]]
    assert len(other) > 20
    for known in other:
        assert [fault.what for fault in faults(*known)] == ["false credit"]


def test_a_blend_excuses_one_number_and_no_second_one(looked):
    known = next(known[:4] for known in blends_and_models(looked) if known[4])
    assert [fault.what for fault in faults(*known, count=2)] == ["false credit"]


def test_a_blend_that_is_a_prediction_excuses_no_claim_about_training_rows(looked):
    script, found, call, model = next(k[:4] for k in blends_and_models(looked) if k[4])
    key = f"train_{call.metric}"
    run = Recorded("run", None, "fit", dict([model.mark]), {key: found.scores[call.id]})
    assert Judge(script, found.scores, "session").judge([run], found).faults


def test_nothing_is_said_before_the_arrays_were_compared(looked):
    script, found, call, model = next(k[:4] for k in blends_and_models(looked) if k[4])
    key = f"test_{call.metric}"
    run = Recorded("run", None, "fit", dict([model.mark]), {key: found.scores[call.id]})
    plain = replace(found, equal=set())
    assert Judge(script, found.scores, "session").judge([run], None) is None
    assert Judge(script, found.scores, "session").judge([run], plain).faults
