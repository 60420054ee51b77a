"""Operations are computed again on plain values only: nothing of the user's is run by that."""

from __future__ import annotations

import ast
import collections
import functools
import warnings
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.preprocessing import FunctionTransformer, LabelEncoder, StandardScaler

from autotrack.lineage.values import operations
from autotrack.lineage.values.operations import BINARY, COMPARE, UNARY, UNKNOWN
from tests.looking import only_run

ARRAY = np.arange(6.0)
SERIES = pd.Series(ARRAY)


class Alarm:
    """Tells of whatever is asked of it."""

    calls: ClassVar[list[str]] = []

    def __getattribute__(self, name):
        Alarm.calls.append(name)
        return object.__getattribute__(self, name)


def _sounds(name):
    def method(self, *args, **kwargs):
        Alarm.calls.append(name)
        raise RuntimeError(name)

    return method


for _name in """__add__ __radd__ __mul__ __rmul__ __eq__ __ne__ __lt__ __gt__ __array__ __len__
    __iter__ __getitem__ __array_ufunc__ __array_function__ __float__ __int__ __index__ __str__
    __repr__ __bool__ __call__ __hash__ __contains__ __abs__ __neg__ __array_interface__""".split():
    setattr(Alarm, _name, _sounds(_name))


class Number(float):
    """A number with ideas of its own."""

    __mul__ = __add__ = __eq__ = __lt__ = __gt__ = _sounds("number")
    __hash__ = float.__hash__


class Matrix(np.ndarray):
    """An array with ideas of its own."""

    __len__ = __getitem__ = __add__ = _sounds("matrix")

    def __array_finalize__(self, other):
        if other is not None:
            Alarm.calls.append("finalize")


class Items(list):
    """A list with ideas of its own."""

    __len__ = __iter__ = __getitem__ = _sounds("items")


class Column(pd.Series):
    """A series with ideas of its own."""

    map = __getitem__ = _sounds("column")


MATRIX = ARRAY.view(Matrix)
OBJECTS = np.empty(2, object)
OBJECTS[0], OBJECTS[1] = object.__new__(Alarm), object.__new__(Alarm)
FOREIGN = [
    Alarm(),
    Number(2.0),
    MATRIX,
    Items([1, 2]),
    Column(ARRAY),
    OBJECTS,
    pd.Series(OBJECTS),
    pd.DataFrame({"a": OBJECTS}),
    [Alarm()],
    [[Alarm()]],
    (Number(1.0), 2),
    {"a": Alarm()},
]


@pytest.fixture(autouse=True)
def quiet():
    Alarm.calls.clear()
    yield
    assert Alarm.calls == []


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("function", [*BINARY.values(), *COMPARE.values()])
def test_operators_are_not_computed_on_objects_of_the_users(function, foreign):
    assert operations.apply(function, [ARRAY, foreign]) is UNKNOWN
    assert operations.apply(function, [foreign, ARRAY]) is UNKNOWN


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda value: type(value).__name__)
def test_nothing_is_computed_of_one_object_of_the_users(foreign):
    for function in UNARY.values():
        assert operations.apply(function, [foreign]) is UNKNOWN
    for function in (np.exp, np.asarray, np.array, np.mean, max, sum, abs, float, str, len, list):
        assert operations.call(function, [foreign], {}) is UNKNOWN
    assert operations.call(np.where, [ARRAY > 1, foreign, 0], {}) is UNKNOWN
    assert operations.call(np.clip, [ARRAY, 0, 1], {"out": foreign}) is UNKNOWN
    assert operations.call(pd.Series, [foreign], {}) is UNKNOWN
    assert operations.call(foreign, [ARRAY], {}) is UNKNOWN
    assert operations.method(foreign, "clip", [0, 1], {}) is UNKNOWN
    assert operations.method(ARRAY, "clip", [foreign, 1], {}) is UNKNOWN
    assert operations.method(SERIES, "map", [foreign], {}) is UNKNOWN
    operations.attribute(foreign, "values")
    assert operations.taken(ARRAY, foreign)[0] is UNKNOWN
    assert operations.taken(foreign, 0)[0] is UNKNOWN
    assert not operations.is_pandas_class(foreign)
    operations.is_rows(foreign)


def test_functions_of_the_users_are_not_called():
    own = _sounds("function")
    for function in (own, {1: 2}.get, functools.partial(own, None)):
        for name in ("map", "replace", "rename", "clip"):
            assert operations.method(SERIES, name, [function], {}) is UNKNOWN
            assert operations.method(SERIES, name, [], {"index": function}) is UNKNOWN
    falling_back = collections.defaultdict(_sounds("factory"))
    assert operations.method(SERIES, "map", [falling_back], {}) is UNKNOWN
    assert operations.method(SERIES, "map", [collections.UserDict()], {}) is UNKNOWN


def test_transformers_are_asked_as_their_class_has_it():
    scaler = StandardScaler().fit(ARRAY[:, None])
    way_back = operations.method(scaler, "inverse_transform", [ARRAY[:, None]], {})
    np.testing.assert_array_equal(way_back, scaler.inverse_transform(ARRAY[:, None]))
    assert operations.method(scaler, "inverse_transform", [Alarm()], {}) is UNKNOWN
    scaler.inverse_transform = _sounds("instance")
    operations.method(scaler, "inverse_transform", [ARRAY[:, None]], {})
    of_function = FunctionTransformer(inverse_func=_sounds("function")).fit(ARRAY[:, None])
    assert operations.method(of_function, "inverse_transform", [ARRAY[:, None]], {}) is UNKNOWN
    assert operations.method(type("Own", (LabelEncoder,), {})(), "transform", [[1]], {}) is UNKNOWN


def test_computing_again_leaves_the_values_as_they_are():
    for name in ("sort", "fill", "put", "resize", "partition", "setfield", "setflags", "itemset"):
        assert operations.method(ARRAY, name, [1.0], {}) is UNKNOWN
    kept = ARRAY.copy()
    operations.call(np.clip, [ARRAY, 0, 1], {"out": ARRAY})
    operations.call(np.exp, [ARRAY, ARRAY], {})
    operations.call(np.nan_to_num, [ARRAY], {"copy": False, "nan": 1})
    operations.call(np.add, [ARRAY, 1], {"out": ARRAY})
    operations.call(np.add, [ARRAY, 1, ARRAY], {})
    operations.method(ARRAY, "clip", [0, 1], {"out": ARRAY})
    operations.method(ARRAY, "round", [0, ARRAY], {})
    operations.method(ARRAY, "clip", [0, 1, ARRAY], {})
    operations.method(ARRAY, "take", [np.arange(6)[::-1], 0, ARRAY], {})
    np.testing.assert_array_equal(ARRAY, kept)
    series, labels = pd.Series(kept.copy()), {"a": 1}
    operations.method(series, "replace", [1.0, 7.0], {"inplace": True})
    operations.method(series, "clip", [0, 1], {"inplace": True})
    operations.method(series, "rename", ["other"], {"inplace": True})
    operations.method(series, "reset_index", [], {"drop": True, "inplace": True})
    operations.method(labels, "pop", ["a"], {})
    operations.method(labels, "setdefault", ["b", 1], {})
    assert series.equals(pd.Series(kept))
    assert series.name is None
    assert labels == {"a": 1}


PLAIN = st.one_of(
    st.none(),
    st.integers(-9, 9),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from([ARRAY, ARRAY > 2, SERIES, SERIES.to_frame(), slice(1, 3), [1, 2], {0: 1}]),
)


@settings(deadline=None, max_examples=150)
@given(PLAIN, PLAIN, st.sampled_from([*BINARY.values(), *COMPARE.values()]))
def test_any_two_plain_values_are_computed_without_an_error_or_a_warning(a, b, function):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        operations.apply(function, [a, b])
        operations.taken(a, b)
        operations.method(a, "clip", [b], {})
        operations.method(a, "map", [b], {})
        operations.call(np.clip, [a, b], {})
        operations.call(round, [a, b], {})


def test_what_would_be_large_is_not_computed():
    large = np.zeros((4000, 1))
    assert operations.apply(BINARY[ast.Add], [large, large.T]) is UNKNOWN
    assert operations.apply(BINARY[ast.Mult], ["text", 10**12]) is UNKNOWN
    assert operations.apply(BINARY[ast.Mult], [[0], 10**9]) is UNKNOWN
    assert operations.apply(BINARY[ast.Pow], [10**9, 10**9]) is UNKNOWN


class Lazy:
    """Loads what it stands for when it is asked for anything."""

    loaded = 0

    def __getattr__(self, name):
        Lazy.loaded += 1
        raise RuntimeError("not now")

    @property
    def __class__(self):
        Lazy.loaded += 1
        return dict

    @property
    def p(self):
        Lazy.loaded += 1
        return None


def test_a_score_asks_nothing_of_objects_that_stand_around(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    lazy, alarm = Lazy(), Alarm()
    model = Ridge().fit(X_train, y_train)
    kept = {"lazy": lazy, "alarm": alarm, "p": model.predict(X_test).tolist()}
    Alarm.calls.clear()
    value = r2_score(y_test, kept["p"])
    scale = 1.0 if lazy is not alarm else lazy.p
    r2_score(y_test, [scale * number for number in kept["p"]])
    r2_score(y_test, np.asarray(kept["p"]) if alarm is not None else alarm + lazy.p)
    assert only_run().metrics["test_r2_score"] == value
    assert Lazy.loaded == 0
