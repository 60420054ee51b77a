"""What a crate's pickle holds is what `pickle.loads` makes of it."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.ensemble import RandomForestClassifier

from autotrack.crates.unpickling import loads
from tests.waiting import fastest


def facts(array: Any) -> tuple[Any, ...]:
    return (
        type(array),
        array.dtype,
        array.shape,
        array.strides,
        array.flags.writeable,
        array.flags.c_contiguous,
        array.flags.f_contiguous,
        array.tobytes(),
    )


@given(
    npst.arrays(
        st.one_of(
            npst.scalar_dtypes(),
            npst.array_dtypes(max_size=3),
            npst.byte_string_dtypes(max_len=5),
            npst.unicode_string_dtypes(max_len=5),
        ),
        npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    st.sampled_from(["as it is", "transposed", "reversed", "every other", "read-only"]),
    st.sampled_from([2, 4, 5]),
)
def test_arrays_are_what_pickle_makes_of_them(array, way, protocol):
    if way == "transposed":
        array = np.moveaxis(array, 0, -1) if array.ndim else array
    elif way == "reversed":
        array = array[::-1] if array.ndim else array
    elif way == "every other":
        array = array[::2] if array.ndim else array
    elif way == "read-only":
        array = array.copy()
        array.flags.writeable = False
    content = pickle.dumps({"array": array, "again": [array]}, protocol=protocol)
    expected, found = pickle.loads(content), loads(content)
    assert facts(found["array"]) == facts(expected["array"])
    assert found["again"][0] is found["array"]


def test_a_buffer_that_does_not_fit_is_refused_as_numpy_refuses_it():
    content = pickle.dumps(np.arange(4.0), protocol=5)
    torn = content.replace(np.arange(4.0).tobytes(), np.arange(3.0).tobytes() + b"\0" * 8)
    assert loads(torn).tolist() == pickle.loads(torn).tolist()
    wrong = pickle.dumps(np.arange(8, dtype="i1"), protocol=5).replace(b"i1", b"i4")
    with pytest.raises(ValueError, match="reshape"):
        pickle.loads(wrong)
    with pytest.raises(ValueError, match="reshape"):
        loads(wrong)


def test_a_forest_is_loaded_in_less_time_than_pickle_takes():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 10)), rng.integers(0, 2, 200)
    model = RandomForestClassifier(100, random_state=0).fit(X, y)
    content = pickle.dumps(model, protocol=5)
    assert (loads(content).predict_proba(X) == model.predict_proba(X)).all()
    assert fastest(lambda: loads(content), 15) < fastest(lambda: pickle.loads(content), 15)
