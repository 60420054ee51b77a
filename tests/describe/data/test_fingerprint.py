"""Fingerprints: equal for equal content, different for different content, and nothing touched."""

from __future__ import annotations

import array as stdlib_array
import copy
import datetime
import decimal
import pickle
import subprocess
import sys
import tracemalloc
import types
import weakref
from collections import deque, namedtuple
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autotrack.describe.data import digest
from autotrack.describe.data.fingerprint import describe, fingerprint, row_count
from autotrack.entities import Column
from tests.waiting import fastest

PLAIN_DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(endianness="?"),
    hnp.datetime64_dtypes(endianness="?"),
    hnp.timedelta64_dtypes(endianness="?"),
    hnp.byte_string_dtypes(endianness="?", min_len=1),
    hnp.unicode_string_dtypes(endianness="?", min_len=1),
)
DTYPES = PLAIN_DTYPES | hnp.array_dtypes(PLAIN_DTYPES, max_size=3)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
ARRAYS = DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES))

few = settings(max_examples=60, deadline=None)


def same(a: object, b: object) -> bool:
    return fingerprint(a) == fingerprint(b)


def all_differ(*many: object) -> bool:
    return len({fingerprint(data) for data in many}) == len(many)


def strided(array: np.ndarray) -> np.ndarray:
    """The same values with gaps between them, walked backwards where there is an axis."""
    wide = np.empty(tuple(2 * side for side in array.shape), array.dtype)
    view = wide[(..., *(slice(None, None, -2) for _ in array.shape))]
    view[...] = array
    return view


# Arrays


@few
@given(ARRAYS)
def test_the_memory_layout_of_an_array_does_not_count(array):
    expected = fingerprint(array)
    assert fingerprint(np.array(array, order="F")) == expected
    assert fingerprint(strided(array)) == expected
    assert fingerprint(array.copy()) == expected
    readonly = array.copy()
    readonly.flags.writeable = False
    assert fingerprint(readonly) == expected


@few
@given(ARRAYS)
def test_the_byte_order_of_an_array_does_not_count(array):
    assert same(array, array.astype(array.dtype.newbyteorder("S")))


@few
@given(PLAIN_DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)), st.data())
def test_one_changed_element_changes_the_fingerprint(array, data):
    if not array.size:
        return
    changed = array.copy()
    place = data.draw(st.integers(0, array.size - 1))
    changed.reshape(-1).view(np.uint8)[place * array.itemsize] ^= 1
    assert not same(array, changed)


@few
@given(hnp.arrays(np.float64, SHAPES), hnp.arrays(np.float64, SHAPES))
def test_arrays_share_a_fingerprint_exactly_when_their_bytes_and_shapes_agree(a, b):
    equal = a.shape == b.shape and a.tobytes() == b.tobytes()
    assert same(a, b) is equal


def test_shape_and_dtype_count():
    values = np.arange(6)
    assert all_differ(
        values,
        values.reshape(2, 3),
        values.reshape(3, 2),
        values.reshape(6, 1),
        values.astype(np.int32),
        values.astype(float),
        values.astype(np.uint64),
        values.astype("M8[s]"),
        values.astype("M8[ns]"),
        values.astype("m8[ns]"),
        values.astype(str),
        values.astype(object),
    )


def test_empty_arrays_differ_by_shape_and_dtype():
    assert all_differ(
        np.empty((0, 3)), np.empty((3, 0)), np.empty(0), np.empty((0, 3), np.float32), np.array(0.0)
    )


def test_floats_count_by_their_bits():
    other_nan = np.array([0x7FF8000000000001]).view(np.float64)
    assert not same(np.array([0.0]), np.array([-0.0]))
    assert same(np.array([np.nan]), np.array([np.nan]))
    assert not same(np.array([np.nan]), other_nan)


@pytest.mark.parametrize("dtype", ["g", "G"])
def test_rubbish_in_the_padding_of_long_doubles_does_not_count(dtype):
    clean, dirty = np.zeros(8, dtype), np.full(8, 255, np.uint8).repeat(np.dtype(dtype).itemsize)
    dirty = dirty[: clean.nbytes].view(dtype)
    values = np.arange(8)
    clean[:] = values
    dirty[:] = values
    assert same(clean, dirty)
    assert not same(clean, clean + np.finfo("g").eps)


def test_rubbish_between_the_fields_of_a_structure_does_not_count():
    aligned = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    dirty = np.full(4 * aligned.itemsize, 255, np.uint8).view(aligned)
    clean = np.zeros(4, aligned)
    packed = np.zeros(4, [("a", "i1"), ("b", "f8")])
    for array in (dirty, clean, packed):
        array["a"], array["b"] = 1, range(4)
    assert same(dirty, clean)
    assert same(packed, clean)
    packed["b"][3] = 9
    assert not same(packed, clean)


def test_the_names_of_fields_count():
    assert not same(np.zeros(2, [("a", "f8")]), np.zeros(2, [("b", "f8")]))


def test_structures_of_objects_arrays_and_structures_are_digested():
    def make(text):
        array = np.zeros(2, [("o", object), ("x", "f4", (2, 2)), ("in", [("s", "U3")])])
        array["o"], array["in"]["s"] = [text, None], "abc"
        return array

    assert same(make("x"), make("x"))
    assert not same(make("x"), make("y"))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(3, 200_000), (200_000, 3), (2, 3, 100_000), (1, 1, 600_001)])
def test_arrays_larger_than_a_block_are_digested_whole_in_any_layout(order, shape):
    array = np.arange(np.prod(shape), dtype=float).reshape(shape)
    other = np.array(array, order=order)
    assert same(array, strided(other))
    other.flat[-1] += 1
    assert not same(array, strided(other))
    assert not same(array, other)


def test_broadcast_arrays_equal_their_copies():
    row = np.broadcast_to(np.arange(5), (4, 5))
    assert same(row, row.copy())


def test_a_memory_map_equals_the_array_and_stays_on_disk(tmp_path):
    array = np.random.default_rng(0).normal(size=(400_000, 5))
    path = tmp_path / "x.npy"
    np.save(path, array)
    expected = fingerprint(array)
    del array
    mapped = np.load(path, mmap_mode="r")
    tracemalloc.start()
    try:
        assert fingerprint(mapped) == expected
        assert fingerprint(mapped[::2]) == fingerprint(mapped[::2].copy("F"))
        fingerprint(mapped)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        fingerprint(mapped[:, ::-1])
        assert tracemalloc.get_traced_memory()[1] - before < 4 * digest.BLOCK
    finally:
        tracemalloc.stop()
    assert describe(mapped).kind == "numpy.memmap"


def test_matrices_and_recarrays_equal_their_arrays():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1.0, 2.0]])
    assert same(matrix, np.asarray(matrix))
    records = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    assert same(records, np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]))


def test_the_mask_of_a_masked_array_counts():
    values = np.ma.MaskedArray([1, 2, 3], [0, 1, 0])
    assert same(values, values.copy())
    assert all_differ(values, np.ma.MaskedArray([1, 2, 3], [0, 0, 1]), values.data)


def test_variable_width_strings_are_digested_by_value():
    if not hasattr(np.dtypes, "StringDType"):
        pytest.skip("numpy 1")
    dtype = np.dtypes.StringDType()
    texts = ["a", "a text too long to lie within the array itself", ""]
    assert same(np.array(texts, dtype), np.array(texts, object).astype(dtype))
    assert not same(np.array(texts, dtype), np.array([*texts[:2], "x"], dtype))


# Python objects


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.complex_numbers(),
    st.dates(),
    st.decimals(allow_nan=False),
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@few
@given(st.lists(NESTED, max_size=8))
def test_copies_of_lists_of_anything_share_a_fingerprint(items):
    expected = fingerprint(items)
    assert fingerprint(pickle.loads(pickle.dumps(items))) == expected
    assert fingerprint(copy.deepcopy(items)) == expected
    assert fingerprint(tuple(items)) == expected


def shown(value: object) -> str:
    """A text that differs where values do, 0.0 and -0.0 included, whatever the order of keys."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {shown(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, (list, tuple)):
        return type(value).__name__ + "(" + ", ".join(map(shown, value)) + ")"
    return repr(value)


@few
@given(st.lists(NESTED, max_size=4), st.lists(NESTED, max_size=4))
def test_lists_of_other_values_have_other_fingerprints(a, b):
    if shown(a) != shown(b):
        assert not same(a, b)


def test_types_count_within_lists():
    assert all_differ([1], ["1"], [1.0], [True], [b"1"], [None], [np.int64(1)], [[1]], [(1,)])
    assert all_differ([1, "1"], ["1", 1], ["1", "1"], [1, 1], [True, 1], [1, True])
    assert all_differ([None], [np.nan], [pd.NA], [pd.NaT], [""], ["None"])


def test_where_a_text_ends_counts():
    assert all_differ(["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"])
    assert all_differ([[1, 2], [3]], [[1], [2, 3]], [[1, 2, 3]], [[1, 2, 3], []])


def test_the_order_of_keys_and_elements_does_not_count():
    assert same([{"a": 1, "b": [2]}], [{"b": [2], "a": 1}])
    assert same([{1: "x", "1": "y"}], [{"1": "y", 1: "x"}])
    assert not same([{"a": 1}], [{"a": 2}])
    assert same([{"x", "y", 3}], [{3, "y", "x"}])
    one, two = frozenset({1}), frozenset({2})
    assert same([{one, two}], [{two, one}])
    assert not same([{"x"}], [{"y"}])


def test_sets_of_texts_have_the_same_fingerprint_in_every_process():
    code = (
        "from autotrack.describe.data.fingerprint import fingerprint;"
        "print(fingerprint([{'a', 'b', 'c', 'd', 'e', ('f', 1)}, {'k': {'x', 'y'}}]))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(answers) == 1
    assert answers.pop().startswith("xxh3:")


def test_integers_of_any_size_are_digested():
    huge = 10**5000  # more digits than Python writes out
    assert all_differ([huge], [huge + 1], [-huge], [2**63], [2**63 - 1])
    assert all_differ([2**63, -1], [2**63 + 1, -1])
    assert same([huge], [10**5000])


def test_values_without_a_digest_of_their_own_are_told_apart_by_repr():
    assert all_differ(
        [decimal.Decimal("1.0")],
        [decimal.Decimal("1.00")],
        [Fraction(1)],
        [datetime.date(2020, 1, 1)],
        [datetime.datetime(2020, 1, 1)],
        [pd.Timestamp(2020, 1, 1)],
        [pd.Timestamp(2020, 1, 1, tz="UTC")],
        [pd.Timestamp(2020, 1, 1, nanosecond=1)],
    )


class Silent:
    """Has the default repr, with its address."""


class Loud:
    def __repr__(self):
        return f"<Loud at 0x{id(self):x}>"


class Raising:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize("make", [Silent, Loud, Raising, lambda: lambda x: x])
def test_no_address_gets_into_a_fingerprint(make):
    kept = [make() for _ in range(3)]
    assert same(kept[:1], kept[1:2])


def test_arrays_series_and_frames_in_cells_are_digested_by_value():
    ragged = [np.arange(2.0), np.arange(3.0)]
    assert same(ragged, [np.arange(2.0), np.arange(6.0)[:3]])
    assert not same(ragged, [np.arange(2.0), np.array([0.0, 1.0, 3.0])])
    long = np.zeros(5000)
    changed = long.copy()
    changed[2500] = 1  # beyond what a repr shows
    assert not same([long], [changed])
    assert not same(pd.Series([long]), pd.Series([changed]))
    assert all_differ(
        [pd.DataFrame({"a": [1]})], [pd.DataFrame({"b": [1]})], [pd.DataFrame({"a": [2]})]
    )


def test_a_list_that_holds_itself_is_digested():
    endless: list = [1]
    endless.append(endless)
    assert same(endless, endless)
    twice: list = []
    twice += [twice, twice]
    assert fingerprint(twice).startswith("xxh3:")


def test_surrogates_and_long_texts_are_digested():
    assert not same(["\ud800"], ["\udfff"])
    long = "x" * 3_000_000
    assert same([long] * 3, [long] * 3)
    assert not same([long, long + "y"], [long + "y", long])


def test_object_arrays_in_any_layout_equal_each_other():
    array = np.array([[1, "1", None], [[1], {"a": 2}, 2.5]], dtype=object)
    assert same(array, np.asfortranarray(array))
    assert same(array, strided(array))
    assert not same(array, array.T)


def test_more_cells_than_fit_a_chunk_are_digested_whole():
    texts = [str(i) for i in range(3 * digest.CELLS + 1)]
    changed = [*texts[:-1], "x"]
    assert not same(texts, changed)
    assert same(texts, list(texts))
    assert not same([*texts, 1], [*texts, True])


# pandas


def mixed_frame(rows: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    texts = [["x", "y", "zebra"][i % 3] for i in range(rows)]
    days = pd.date_range("2020-01-01", periods=rows)
    return pd.DataFrame(
        {
            "float": rng.normal(size=rows),
            "int": np.arange(rows),
            "small": np.arange(rows, dtype=np.int8),
            "bool": np.arange(rows) % 2 == 0,
            "object": pd.Series([i if i % 2 else str(i) for i in range(rows)], dtype=object),
            "text": texts,
            "string": pd.array([None if i % 4 == 0 else str(i) for i in range(rows)], "string"),
            "category": pd.Categorical(texts),
            "ordered": pd.Categorical(texts, ordered=True),
            "Int64": pd.array([None if i % 5 == 0 else i for i in range(rows)], "Int64"),
            "Float32": pd.array([None if i % 5 == 0 else i for i in range(rows)], "Float32"),
            "boolean": pd.array([None if i % 5 == 0 else True for i in range(rows)], "boolean"),
            "naive": days,
            "zoned": days.tz_localize("Europe/Berlin"),
            "delta": days - days[0],
            "period": days.to_period("D"),
            "interval": pd.arrays.IntervalArray.from_breaks(range(rows + 1)),
            "sparse": pd.arrays.SparseArray([0.0 if i % 3 else i for i in range(rows)]),
            "complex": np.arange(rows) * 1j,
            "lists": pd.Series([[i] for i in range(rows)], dtype=object),
        }
    )


#: For each column of mixed_frame, another value for its last cell.
OTHER_VALUES = {
    "float": 9.5,
    "int": -1,
    "small": 99,
    "bool": True,
    "object": "other",
    "text": "other",
    "string": "other",
    "category": "zebra",
    "ordered": "zebra",
    "Int64": None,
    "Float32": 3.5,
    "boolean": False,
    "naive": pd.Timestamp("1999-01-01"),
    "zoned": pd.Timestamp("1999-01-01", tz="Europe/Berlin"),
    "delta": pd.Timedelta("1s"),
    "period": pd.Period("1999-01-01", "D"),
    "interval": pd.Interval(50, 51),
    "complex": 7j,
}


def test_copies_pickles_and_reindexed_frames_share_a_fingerprint():
    frame = mixed_frame()
    expected = fingerprint(frame)
    assert fingerprint(frame.copy()) == expected
    assert fingerprint(pickle.loads(pickle.dumps(frame))) == expected
    assert fingerprint(frame.set_index(np.arange(len(frame))[::-1])) == expected
    assert fingerprint(frame.iloc[::-1].iloc[::-1]) == expected
    assert fingerprint(pd.concat([frame[:7], frame[7:]])) == expected


@pytest.mark.parametrize("column", OTHER_VALUES)
def test_one_changed_cell_changes_the_fingerprint_of_a_frame_and_its_column(column):
    frame = mixed_frame()
    changed = frame.copy()
    changed.iloc[-1, changed.columns.get_loc(column)] = OTHER_VALUES[column]
    assert changed[column].dtype == frame[column].dtype
    assert not same(frame, changed)
    assert not same(frame[column], changed[column])
    assert same(frame.drop(columns=column), changed.drop(columns=column))


@pytest.mark.parametrize("column", mixed_frame(1).columns)
def test_the_length_and_the_dtype_of_a_column_count(column):
    series = mixed_frame()[column]
    assert not same(series, series[:-1])
    assert not same(series, series.astype(object)) or series.dtype == object
    assert same(series[:0], series.copy()[:0])


def test_names_and_order_of_columns_count():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert all_differ(
        frame,
        frame.rename(columns={"a": "c"}),
        frame[["b", "a"]],
        frame.set_axis([0, 1], axis=1),
        frame.set_axis(["0", "1"], axis=1),
        frame.set_axis(["a", "a"], axis=1),
        frame.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]), axis=1),
        frame.to_numpy(),
        frame.astype({"b": np.float32}),
        frame.astype(np.float32),
        frame.astype(object),
    )


def test_frames_with_odd_column_names_are_described():
    columns = pd.MultiIndex.from_tuples([("a", 1), ("a", 1), (None, 2)])
    frame = pd.DataFrame([[1, "x", 2.0]], columns=columns)
    assert [column.name for column in describe(frame).columns] == list(map(str, frame.columns))
    assert same(frame, frame.copy())
    days = pd.DataFrame(np.eye(2), columns=pd.date_range("2020", periods=2))
    assert describe(days).columns[0] == Column("2020-01-01 00:00:00", "float64")


def test_duplicate_names_do_not_hide_a_column():
    frame = pd.DataFrame([[1, "x"], [2, "y"]], columns=["a", "a"])
    changed = frame.copy()
    changed.iloc[1, 1] = "z"
    assert not same(frame, changed)


@few
@given(
    st.sampled_from(["f8", "f4", "f2", "i8", "i1", "u2", "?", "c16", "M8[ns]", "m8[ns]"]),
    st.integers(0, 6),
    st.integers(0, 5),
)
def test_the_blocks_of_a_uniform_frame_do_not_count(dtype, rows, columns):
    values = np.arange(rows * columns).reshape(rows, columns).astype(dtype)
    names = [f"x{i}" for i in range(columns)]
    frame = pd.DataFrame(values, columns=names)
    expected = fingerprint(frame)
    assert fingerprint(pd.DataFrame(np.asfortranarray(values), columns=names)) == expected
    assert fingerprint(pd.DataFrame(strided(values), columns=names)) == expected
    if columns:
        pieces = {name: values[:, i].copy() for i, name in enumerate(names)}
        assert fingerprint(pd.DataFrame(pieces)) == expected


@pytest.mark.parametrize("shape", [(90_000, 3), (700, 400)])
def test_the_blocks_of_a_large_frame_do_not_count(shape):
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    frame = pd.DataFrame(values, copy=False)
    expected = fingerprint(frame)
    assert fingerprint(pd.DataFrame(np.asfortranarray(values), copy=False)) == expected
    blocks = pd.DataFrame({i: values[:, i].copy() for i in range(shape[1])}, copy=False)
    assert fingerprint(blocks) == expected
    blocks.iloc[-1, -1] += 1
    assert fingerprint(blocks) != expected


def test_a_fragmented_frame_is_not_copied_whole():
    frame = pd.DataFrame({i: np.zeros(400_000) for i in range(10)}, copy=False)
    fingerprint(frame)
    tracemalloc.start()
    try:
        fingerprint(frame)
        assert tracemalloc.get_traced_memory()[1] < 4 * digest.BLOCK
    finally:
        tracemalloc.stop()


def test_a_series_equals_its_array_whatever_its_name_and_index():
    values = np.array([1.0, 2.0, 3.0])
    series = pd.Series(values, index=[5, 6, 7], name="y")
    assert same(series, values)
    assert same(series, series.rename("z"))
    assert same(series, pd.Index(values))
    assert describe(series).columns == (Column("y", "float64"),)
    assert describe(pd.Series(values)).columns == (Column(None, "float64"),)


def test_missing_values_count_by_what_they_are():
    def objects(value):
        return pd.Series(["a", value], dtype=object)

    assert all_differ(*map(objects, [None, np.nan, pd.NA, pd.NaT, "", "nan", "None"]))
    assert same(objects(np.nan), objects(float("nan")))


def test_categories_and_their_order_count():
    texts = ["a", "b", "a"]
    assert all_differ(
        pd.Series(pd.Categorical(texts)),
        pd.Series(pd.Categorical(texts, ordered=True)),
        pd.Series(pd.Categorical(texts, categories=["b", "a"])),
        pd.Series(pd.Categorical(texts, categories=["a", "b", "c"])),
        pd.Series(pd.Categorical([1, 2, 1])),
        pd.Series(pd.Categorical(["a", "b", None], categories=["a", "b"])),
        pd.Series(texts),
    )
    assert same(pd.Series(pd.Categorical(texts)), pd.Series(texts).astype("category"))


def test_the_closed_side_of_intervals_counts():
    breaks = range(4)
    assert all_differ(
        *(
            pd.Series(pd.arrays.IntervalArray.from_breaks(breaks, closed=side))
            for side in ("left", "right", "both", "neither")
        )
    )


def test_the_zone_and_unit_of_times_count():
    days = pd.Series(pd.date_range("2020-01-01", periods=3))
    assert all_differ(
        days,
        days.dt.tz_localize("UTC"),
        days.dt.tz_localize("Europe/Berlin"),
        days.dt.as_unit("s").dt.tz_localize("UTC"),
        days.dt.as_unit("s"),
    )


def test_empty_frames_differ_by_what_they_would_hold():
    assert all_differ(
        pd.DataFrame(),
        pd.DataFrame(index=range(3)),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"a": pd.Series([], dtype=object)}),
        pd.DataFrame({"b": []}),
    )
    assert describe(pd.DataFrame(index=range(3))).shape == (3, 0)


def test_strings_backed_by_arrow_are_digested():
    pytest.importorskip("pyarrow")
    texts = ["a", None, "b"]
    python, arrow = (pd.Series(texts, dtype=f"string[{name}]") for name in ("python", "pyarrow"))
    assert same(python, arrow)
    for dtype in ("int64[pyarrow]", "double[pyarrow]", "bool[pyarrow]"):
        series = pd.Series([1, None, 0], dtype=dtype)
        assert same(series, series.copy())
        assert not same(series, series.fillna(series[0]))


def test_polars_frames_are_digested_by_value():
    polars = pytest.importorskip("polars")
    columns = {"a": [1, None], "b": ["x", None], "c": [[1], [2]], "d": [datetime.date.min] * 2}
    frame = polars.DataFrame(columns)
    assert same(frame, polars.concat([frame[:1], frame[1:]], rechunk=False))
    assert not same(frame, frame.rename({"a": "z"}))
    assert not same(frame, frame.reverse())
    assert not same(frame["a"], frame["a"].fill_null(0))
    found = describe(frame)
    assert (found.kind, found.shape) == ("polars.DataFrame", (2, 4))
    assert describe(frame["b"]).columns == (Column("b", "String"),)
    assert describe(frame.lazy()) is None


# scipy.sparse

FORMATS = ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"]


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array])
@pytest.mark.parametrize("kind", FORMATS)
def test_sparse_matrices_of_every_format_are_digested_without_being_touched(make, kind):
    dense = np.array([[0, 2.0, 0, 1], [3, 0, 0, 0], [0, 0, 0, 4]])
    matrix = make(dense).asformat(kind)
    before = {key: copy.deepcopy(value) for key, value in vars(matrix).items()}
    expected = fingerprint(matrix)
    assert fingerprint(matrix.copy()) == expected
    assert vars(matrix).keys() == before.keys()
    assert all(np.array_equal(vars(matrix)[key], value) for key, value in before.items())
    dense[2, 3] = 5
    assert fingerprint(make(dense).asformat(kind)) != expected
    assert fingerprint(make(dense[:, :3]).asformat(kind)) != expected
    found = describe(matrix)
    assert found.kind == f"scipy.sparse.{type(matrix).__name__}"
    assert (found.shape, found.columns) == ((3, 4), (Column(None, "float64"),))
    assert row_count(matrix) == 3


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csc_matrix, sp.csr_array, sp.csc_array])
def test_unsorted_indices_equal_sorted_ones_and_stay_unsorted(make):
    sorted_ = make((np.array([1.0, 2.0, 3.0]), np.array([0, 2, 1]), np.array([0, 2, 3, 3])), (3, 3))
    unsorted = make(
        (np.array([2.0, 1.0, 3.0]), np.array([2, 0, 1]), np.array([0, 2, 3, 3])), (3, 3)
    )
    assert same(sorted_, unsorted)
    assert unsorted.indices.tolist() == [2, 0, 1]
    assert "_has_sorted_indices" not in vars(unsorted)


def test_the_width_of_sparse_indices_does_not_count():
    matrix = sp.csr_matrix(np.eye(3))
    wide = matrix.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    assert same(matrix, wide)
    assert same(sp.csr_matrix((2, 2)), sp.csr_matrix(([], (np.zeros(0, "i8"),) * 2), (2, 2)))


def test_a_huge_sparse_matrix_is_never_made_dense():
    places = (np.arange(1000), np.arange(1000)[::-1])
    matrix = sp.csr_matrix((np.ones(1000), places), shape=(2_000_000, 500_000))
    assert describe(matrix).shape == (2_000_000, 500_000)
    assert fingerprint(matrix.tocoo()).startswith("xxh3:")
    frame = pd.DataFrame.sparse.from_spmatrix(sp.eye(3000, 5, format="csc"))
    assert same(frame, frame.copy())
    assert not same(frame, -frame)


# What is told of data


def test_arrays_are_described_by_kind_shape_and_dtype():
    found = describe(np.zeros((4, 3), ">f4"))
    assert (found.kind, found.shape) == ("numpy.ndarray", (4, 3))
    assert found.columns == (Column(None, "float32"),)
    assert found.fingerprint == fingerprint(np.zeros((4, 3), "f4"))
    assert describe(np.array(3)).shape == ()
    fields = describe(np.zeros(2, [("a", "f8"), ("b", "U2")]))
    assert fields.columns == (Column("a", "float64"), Column("b", "<U2"))


def test_frames_are_described_by_their_columns():
    found = describe(pd.DataFrame({"a": [1.0], "b": [True], 3: pd.Categorical(["x"])}))
    assert (found.kind, found.shape) == ("pandas.DataFrame", (1, 3))
    assert found.columns == (Column("a", "float64"), Column("b", "bool"), Column("3", "category"))


def test_subclasses_are_named_by_where_they_are_found():
    class Own(pd.DataFrame):
        pass

    assert describe(Own({"a": [1]})).kind.endswith("Own")
    assert describe(pd.Index([1])).kind == "pandas.Index"
    assert describe(deque([1])).kind == "collections.deque"


def test_sequences_are_described_by_length_and_type():
    assert describe([1.0, 2.0]).columns == (Column(None, "float"),)
    assert describe(["a", 1]).columns == (Column(None, "object"),)
    assert describe([[1, 2, 3], [4, 5, 6]]).shape == (2, 3)
    assert describe([[1, 2, 3], [4]]).shape == (2,)
    assert describe([np.zeros((2, 2)), np.ones((2, 2))]).shape == (2, 2, 2)
    assert describe([]).shape == (0,)
    assert describe(range(3)).kind == "range"
    assert same(range(3), [0, 1, 2])
    assert same(deque([1]), [1])
    pair = namedtuple("Pair", "a b")
    assert describe(pair(1, 2)).shape == (2,)


def test_other_arrays_are_taken_as_what_they_say_they_are():
    class Foreign:
        def __array__(self, dtype=None, copy=None):
            return np.arange(3.0)

    class ForeignFrame(Foreign):
        columns = ("a",)

        def __dataframe__(self):
            raise NotImplementedError

    assert same(Foreign(), np.arange(3.0))
    assert not same(ForeignFrame(), np.arange(3.0))
    assert describe(ForeignFrame()).columns == (Column("a", "float64"),)
    assert same(stdlib_array.array("d", [0, 1, 2]), np.arange(3.0))
    assert same(memoryview(stdlib_array.array("d", [0, 1, 2])), np.arange(3.0))


class Trap:
    """Raises whatever it is asked."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __len__(self):
        raise RuntimeError("len")

    def __iter__(self):
        raise RuntimeError("iter")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("array")

    __repr__ = __str__ = __hash__ = __eq__ = __len__


class TrapList(list):
    __len__ = __iter__ = Trap.__len__


class Lying:
    shape = ("many", None)

    def __array__(self, *args, **kwargs):
        return "not an array"


class LazyGraph:
    def __array__(self, *args, **kwargs):
        raise AssertionError("computed")

    def __dask_graph__(self):
        raise AssertionError("computed")


@pytest.mark.parametrize(
    "data",
    [
        None, 3, 2.5, True, "text", b"bytes", {"a": [1]}, {1, 2}, object(), Silent, np.float64(1),
        np.str_("x"), types, len, Trap(), TrapList([1]), Lying(), LazyGraph(), Ellipsis,
    ],
    ids=lambda data: type(data).__name__,
)  # fmt: skip
def test_what_is_no_data_is_not_described(data):
    assert describe(data) is None
    row_count(data)


def test_estimators_are_no_data():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler())
    assert describe(pipeline) is None
    assert row_count(pipeline) is None


def test_what_cannot_be_digested_is_named_in_the_error():
    with pytest.raises(TypeError, match="fingerprint of a generator"):
        fingerprint(i for i in range(3))


def test_iterators_are_not_consumed():
    for iterator in (iter([1, 2]), (i for i in (1, 2)), map(int, [1, 2]), enumerate([2], 1)):
        assert describe(iterator) is None
        assert row_count(iterator) is None
        assert next(iterator) in {1, (1, 2)}


def test_traps_in_cells_do_not_raise():
    assert describe([Trap(), Trap()]).shape == (2,)
    assert describe([Loud(), Trap(), [Trap()], 1]).shape == (4,)
    assert describe([TrapList([1])]) is None


def test_rows_are_counted_without_reading():
    assert row_count(np.zeros((4, 2))) == 4
    assert row_count(pd.DataFrame({"a": [1, 2]})) == 2
    assert row_count(pd.Series([1])) == 1
    assert row_count([1, 2, 3]) == 3
    assert row_count(range(5)) == 5
    assert row_count(stdlib_array.array("d", [1])) == 1
    assert row_count(np.array(1)) is None
    assert row_count("text") is None
    assert row_count({"a": 1}) is None
    assert row_count(None) is None


def test_the_data_is_left_as_it_was():
    frame, array = mixed_frame(), np.asfortranarray(np.arange(12.0).reshape(3, 4))
    cells = [[3, 1], {"b": 1, "a": 2}, {3, 1}, np.arange(3)]
    before = pickle.dumps((array, cells[:2]))
    frame_copy = frame.copy()
    for data in (frame, array, cells):
        describe(data)
    pd.testing.assert_frame_equal(frame, frame_copy)
    assert pickle.dumps((array, cells[:2])) == before
    assert array.flags.f_contiguous
    assert list(cells[1]) == ["b", "a"]


def test_no_value_is_kept():
    secret = "the patient's name"
    frame = pd.DataFrame({"a": [secret, "b"], "c": pd.Categorical([secret, "b"])})
    for data in (frame, frame["a"], [secret], np.array([secret]), [{"k": secret}]):
        assert "patient" not in repr(describe(data))


def test_describing_imports_neither_pandas_nor_sklearn():
    code = (
        "import sys, numpy as np\n"
        "from autotrack.describe.data.fingerprint import describe\n"
        "before = set(sys.modules)\n"
        "describe(np.eye(3)); describe([1, 'a']); describe(object())\n"
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before}))\n"
        "module = sys.modules['autotrack.describe.data.fingerprint']\n"
        "print('sklearn' in vars(module))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert "pandas" not in done[0]
    assert "scipy" not in done[0]


def test_describing_is_fast():
    # Wide margins: what is guarded is the order of magnitude, a benchmark tells the rest.
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(569, 30))).add_prefix("x")
    assert fastest(lambda: describe(frame), 20) < 500e-6
    array = np.ones((1000, 4000))
    assert array.nbytes / fastest(lambda: fingerprint(array), 5) > 2e9
    texts = [f"text {i}" for i in range(100_000)]
    assert fastest(lambda: fingerprint(texts), 3) < 0.1


def test_a_frame_that_changed_since_it_was_described_is_described_anew():
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"))
    first = describe(frame)
    assert describe(frame) == first
    frame.iloc[2, 1] = -1.0
    second = describe(frame)
    assert second.fingerprint != first.fingerprint
    frame.columns = list("abd")
    assert describe(frame).fingerprint != second.fingerprint
    frame["d"] = "text"
    assert [column.dtype for column in describe(frame).columns][:2] == ["float64", "float64"]
    assert describe(frame).fingerprint == describe(frame.copy()).fingerprint


def test_a_column_of_another_dtype_under_the_same_names_is_another_dataset():
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=list("abc"))
    first = describe(frame)
    frame["a"] = frame["a"].astype("float32")
    second = describe(frame)
    assert second.columns[0].dtype == "float32"
    assert second.fingerprint != first.fingerprint


def test_a_series_that_changed_since_it_was_described_is_described_anew():
    series = pd.Series([1.0, 2.0, 3.0], name="a")
    first = describe(series)
    assert describe(series) == first
    series.iloc[1] = -1.0
    second = describe(series)
    assert second.fingerprint != first.fingerprint
    series.name = "b"
    assert describe(series).columns[0].name == "b"


@pytest.mark.parametrize(
    "change",
    [
        lambda array: array.__setitem__((2, 1), -1.0),
        lambda array: array.__setitem__(0, array[1].copy()),
        lambda array: setattr(array, "dtype", np.int64),
        lambda array: array.resize((3, 4), refcheck=False),
    ],
    ids=["a value", "a row", "dtype", "shape"],
)
def test_an_array_that_changed_since_it_was_described_is_described_anew(change):
    array = np.arange(12.0).reshape(4, 3).copy()
    first = describe(array)
    assert describe(array) == first
    change(array)
    second = describe(array)
    assert second.fingerprint != first.fingerprint
    assert second == describe(array.copy())


@given(hnp.arrays(st.sampled_from([np.float64, np.int32, np.bool_]), st.just((3, 2))))
def test_an_array_that_was_described_before_is_described_as_an_equal_one_is(array):
    for layout in (array, np.asfortranarray(array), np.repeat(array, 2, axis=0)[::2]):
        again = [describe(layout), describe(layout)]
        assert again == [describe(array.copy())] * 2


def test_a_described_array_is_not_held_on_to():
    array = np.arange(12.0)
    describe(array)
    gone = weakref.ref(array)
    del array
    assert gone() is None


@pytest.mark.parametrize(
    "row",
    [
        tuple,
        range,
        lambda cells: stdlib_array.array("d", cells),
        lambda cells: memoryview(np.array(cells)),
    ],
    ids=["tuple", "range", "array.array", "memoryview"],
)
def test_rows_of_any_sequence_have_a_width_and_their_content_counts(row):
    def rows(*starts):
        if row is range:
            return [range(start, start + 3) for start in starts]
        return [row([start, start + 1.0, start + 2.0]) for start in starts]

    assert describe(rows(1, 2)).shape == (2, 3)
    assert describe(rows(1, 2)).fingerprint == describe(rows(1, 2)).fingerprint
    assert describe(rows(1, 2)).fingerprint != describe(rows(1, 5)).fingerprint
