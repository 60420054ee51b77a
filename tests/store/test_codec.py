from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrack.errors import InvalidValueError
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from tests.store.making import new_run

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**62, max_value=2**70)
    | st.floats()
    | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.sampled_from(["()", "{}"]), inner, max_size=4)
        | st.dictionaries(st.integers() | st.booleans(), inner, max_size=3)
    ),
    max_leaves=12,
)
keys = st.text(min_size=1, max_size=30).filter(lambda key: bool(key.strip()))


def exact(value: Any) -> Any:
    """A form in which equal means: the same value of the same type, NaN included."""
    if isinstance(value, list | tuple):
        return type(value), [exact(item) for item in value]
    if isinstance(value, dict):
        return dict, [(exact(key), exact(item)) for key, item in value.items()]
    return type(value), repr(value)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("values") / "runs")
    yield store
    store.close()


@settings(deadline=None)
@given(params=st.dictionaries(keys, values, max_size=6))
def test_params_come_back_as_they_went_in(shared: Store, params: dict[str, Any]) -> None:
    with shared.transaction(durable=False):
        run_id = new_run(shared)
        shared.set_params(run_id, params)
        found = shared.get_run(run_id).params
    assert {key: exact(found[key]) for key in found} == {key: exact(params[key]) for key in params}


@settings(deadline=None)
@given(given=st.lists(st.tuples(st.sampled_from("abc"), st.floats() | st.integers()), max_size=12))
def test_metric_histories_come_back_exactly_and_in_order(
    shared: Store, given: list[tuple[str, float]]
) -> None:
    with shared.transaction(durable=False):
        run_id = new_run(shared)
        shared.add_metrics(run_id, [(key, value, None, 1.5) for key, value in given])
        for key in "abc":
            written = [_as_float(value) for name, value in given if name == key]
            history = shared.metric_history(run_id, key)
            assert [exact(row.value) for row in history] == [exact(value) for value in written]
            assert [row.step for row in history] == list(range(len(written)))
            latest = shared.get_run(run_id).metrics
            assert exact(latest.get(key)) == exact(written[-1] if written else None)


def _as_float(value: float) -> float:
    try:
        # SQLite has no minus zero either; unlike NaN it equals what comes back.
        return float(value) + 0.0
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def test_search_gives_the_same_values_as_get_run(store: Store) -> None:
    params = {"n": 2**80, "nested": {"shape": (3, [None, 0.5])}, "f": 1.0, "i": 1, "nan": math.nan}
    run_id = new_run(store)
    store.set_params(run_id, params)
    store.add_metrics(run_id, [("up", math.inf, None, 0), ("nan", math.nan, None, 0)])
    (row,) = store.search(Query())
    assert exact(dict(row.params)) == exact(dict(store.get_run(run_id).params))
    assert row.metrics["up"] == math.inf
    assert math.isnan(row.metrics["nan"])


def test_numbers_from_numpy_and_enums_become_plain(store: Store) -> None:
    class Colour(str, enum.Enum):
        RED = "red"

    run_id = new_run(store)
    store.set_params(
        run_id,
        {
            "i": np.int64(3),
            "f32": np.float32(0.5),
            "f64": np.float64(0.1),
            "b": np.bool_(True),
            "s": np.str_("text"),
            "e": Colour.RED,
            "l": [np.int8(1), (np.float16(2.0),)],
        },
    )
    assert exact(dict(store.get_run(run_id).params)) == exact(
        {
            "b": True,
            "e": "red",
            "f32": 0.5,
            "f64": 0.1,
            "i": 3,
            "l": [1, (2.0,)],
            "s": "text",
        }
    )


def test_a_text_that_has_no_utf8_form_comes_back(store: Store) -> None:
    run_id = new_run(store)
    store.set_params(run_id, {"name": "caf\udce9", "list": ["\ud800"]})
    store.set_tags(run_id, {"file": "caf\udce9"})
    record = store.get_run(run_id)
    assert record.params == {"name": "caf\udce9", "list": ["\ud800"]}
    assert record.tags == {"file": "caf\\udce9"}


def test_an_integer_of_ten_thousand_digits_comes_back(store: Store) -> None:
    run_id = new_run(store)
    store.set_params(run_id, {"n": -(10**10_000)})
    assert store.get_run(run_id).params["n"] == -(10**10_000)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", 1j, [object()], {"a": {1}}])
def test_a_param_that_cannot_be_kept_names_its_key_and_stores_nothing(
    store: Store, value: object
) -> None:
    run_id = new_run(store)
    with pytest.raises(InvalidValueError, match="'odd'"):
        store.set_params(run_id, {"fine": 1, "odd": value})
    assert store.get_run(run_id).params == {}


def test_a_list_that_holds_itself_is_refused(store: Store) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidValueError):
        store.set_params(new_run(store), {"endless": endless})


@pytest.mark.parametrize("value", ["0.5", None, object(), b"1", [1.0]])
def test_a_metric_that_is_no_number_is_refused(store: Store, value: Any) -> None:
    with pytest.raises(InvalidValueError, match="loss"):
        store.add_metrics(new_run(store), [("loss", value, None, 0.0)])


@pytest.mark.parametrize("key", ["", "  ", None, 3, "\ud800"])
def test_a_key_is_a_text_that_is_not_empty(store: Store, key: Any) -> None:
    run_id = new_run(store)
    with pytest.raises(InvalidValueError, match="key"):
        store.set_params(run_id, {key: 1})
    with pytest.raises(InvalidValueError, match="key"):
        store.add_metrics(run_id, [(key, 1.0, None, 0.0)])
    with pytest.raises(InvalidValueError, match="key"):
        store.set_tags(run_id, {key: "x"})


def test_pandas_and_sklearn_are_not_imported_by_the_store(tmp_path: Path) -> None:
    import ast

    import autotrack.store.database as module

    folder = Path(str(module.__file__)).parent
    named = set()
    for file in folder.glob("*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Import):
                named |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                named.add((node.module or "").partition(".")[0])
    assert not named & {"sklearn", "pandas", "numpy"}
