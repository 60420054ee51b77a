"""A short part of the fuzzing; `python -m tests.crates.fuzz --count 100000` is the whole."""

from __future__ import annotations

from tests.crates.tricks import TRICKS

from tests.crates.fuzz import Canary, crates, fuzz, mutated


def test_no_mutation_of_a_crate_executes_hangs_or_crashes():
    outcomes, wrong = fuzz(2500, seed=7)
    assert wrong == {}
    assert sum(outcomes.values()) == 2500
    # A fuzzer whose mutations are all refused for the same reason would try little.
    assert outcomes["loaded"] > 50
    assert outcomes["UntrustedCrateError"] > 100
    assert outcomes["CrateFormatError"] > 100


def test_a_mutation_can_be_made_again():
    assert mutated(crates(), 3, 1000) == mutated(crates(), 3, 1000)
    assert mutated(crates(), 3, 1000) != mutated(crates(), 4, 1000)


def test_the_fuzzer_hears_what_is_executed(tmp_path):
    canary = Canary()
    canary.watches = True
    (tmp_path / "file").write_text("x")
    exec("1 + 1")
    canary.watches = False
    heard = " ".join(canary.heard)
    assert "open" in heard
    assert "exec of <string>" in heard


def test_tricks_are_the_first_mutations():
    given = crates()
    for number, trick in enumerate(TRICKS.values()):
        assert trick in mutated(given, 0, number)[1]
