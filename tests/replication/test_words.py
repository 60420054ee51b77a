"""What a run is in MLflow's words, and back."""

from __future__ import annotations

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from autotrack.replication.pull import typed
from autotrack.replication.words import guessed, key_of
from autotrack.store.codec import encode_param
from autotrack.store.keys import is_text

_ANY = st.text().filter(is_text)
_TEXT = _ANY.filter(lambda text: bool(text.strip()))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _ANY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_ANY, inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)  # MLflow is imported in it
@given(_TEXT)
def test_every_key_becomes_one_that_mlflow_takes(key: str) -> None:
    validation = pytest.importorskip("mlflow.utils.validation")
    validation._validate_metric_name(key_of(key))
    validation._validate_param(key_of(key), "value")
    validation._validate_tag_name(key_of(key))


@given(_TEXT, _TEXT)
def test_two_keys_stay_two(key: str, other: str) -> None:
    assert (key_of(key) == key_of(other)) == (key == other)


@pytest.mark.parametrize("key", ["C", "step__C", "test_f1_score macro", "a/b.c-d: e"])
def test_a_key_that_mlflow_takes_stays_as_it_is(key: str) -> None:
    assert key_of(key) == key


@given(_VALUES)
def test_a_param_comes_back_with_its_type(value: object) -> None:
    kind, text, _ = encode_param("key", value)
    said = str(value) if kind in {"none", "bool"} else text or ""
    back = typed(said, None if kind == guessed(said) else kind)
    assert (type(back), json.dumps(back)) == (type(value), json.dumps(value))
