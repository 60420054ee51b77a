"""The filter language against the same predicates evaluated in plain Python."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrack.store.search.query import Query
from autotrack.store.store import Store
from tests.store.making import new_run


class Seen(NamedTuple):
    run_id: str
    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


class Filter(NamedTuple):
    text: str
    holds: Callable[[Seen], bool]


MISSING = object()
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
NUMBERS: list[float] = [0, 1, -1, 0.1, 1.0, 2**53 + 1, 1e300, math.inf, -math.inf, math.nan, 2**70]
TEXTS = ["", "a", "B", "ab", "it's", 'say "hi"', "10%", "1", "é", "É", "a*b", "\u2028", "x\ny"]
PARAMS = [*NUMBERS, *TEXTS, True, False, None, 3, -(2**70), 2**63, -(2**63), (1, 2), ["a"], {}]
KEYS = ["C", "odd key", "a`b", "clf__max-iter.x"]


def spell(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def kind_of(value: Any) -> str:
    if value is MISSING or value is None or isinstance(value, bool | str):
        return type(value).__name__
    return "number" if isinstance(value, int | float) else "other"


def equal(found: Any, asked: Any) -> bool:
    if kind_of(found) != kind_of(asked):
        return False
    if isinstance(asked, float) and math.isnan(asked):
        return isinstance(found, float) and math.isnan(found)
    return bool(found == asked)


def ordered(found: Any, sign: str, asked: Any) -> bool:
    if kind_of(found) != kind_of(asked) or asked is None:
        return False
    # Beyond 64 bits the order is that of the nearest floats.
    found, asked = (
        float(v) if kind_of(v) == "number" and abs(v) >= 2**63 else v for v in (found, asked)
    )
    return bool(COMPARE[sign](found, asked))


def like(found: Any, pattern: str, *, fold: bool) -> bool:
    if not isinstance(found, str):
        return False
    if fold:
        found, pattern = found.casefold(), pattern.casefold()
    parts = {"%": ".*", "_": "."}
    regex = "".join(parts.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(regex, found, re.DOTALL) is not None


@st.composite
def comparisons(draw: st.DrawFn) -> Filter:
    family = draw(st.sampled_from(["params", "metrics", "tags", "name"]))
    pool: list[Any] = {
        "params": [v for v in PARAMS if kind_of(v) != "other"],
        "metrics": NUMBERS,
    }.get(family, TEXTS)
    key = draw(st.sampled_from([*KEYS, "absent"]))

    def look(run: Seen) -> Any:
        return run.name if family == "name" else getattr(run, family).get(key, MISSING)

    escaped = key.replace("`", "``")
    field = "name" if family == "name" else f"{family}.`{escaped}`"
    values = st.sampled_from(pool)
    texts = family in ("tags", "name", "params")
    form = draw(st.sampled_from(["=", "!=", "order", "in", "between", "null", *["like"] * texts]))
    no = draw(st.booleans())
    word = "not " if no else ""
    if form in ("=", "!="):
        value = draw(values)
        return Filter(
            f"{field} {form} {spell(value)}",
            lambda run: look(run) is not MISSING and equal(look(run), value) == (form == "="),
        )
    if form == "order":
        sign, value = draw(st.sampled_from(list(COMPARE))), draw(values)
        return Filter(f"{field} {sign} {spell(value)}", lambda run: ordered(look(run), sign, value))
    if form == "in":
        several = draw(st.lists(values, min_size=1, max_size=4))
        return Filter(
            f"{field} {word}in ({', '.join(map(spell, several))})",
            lambda run: (
                look(run) is not MISSING and any(equal(look(run), value) for value in several) != no
            ),
        )
    if form == "between":
        low, high = draw(values), draw(values)
        return Filter(
            f"{field} {word}between {spell(low)} and {spell(high)}",
            lambda run: (
                look(run) is not MISSING
                and (ordered(look(run), ">=", low) and ordered(look(run), "<=", high)) != no
            ),
        )
    if form == "null":
        word = "not " if no else ""
        return Filter(
            f"{field} is {word}null", lambda run: (look(run) is MISSING or look(run) is None) != no
        )
    fold = draw(st.booleans())
    pattern = draw(st.text("aAbB%_*?[]é'1", max_size=4))
    return Filter(
        f"{field} {word}{'ilike' if fold else 'like'} {spell(pattern)}",
        lambda run: look(run) is not MISSING and like(look(run), pattern, fold=fold) != no,
    )


def combined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    return st.one_of(
        inner.map(lambda one: Filter(f"NOT ({one.text})", lambda run: not one.holds(run))),
        st.tuples(inner, inner).map(
            lambda two: Filter(
                f"({two[0].text}) and ({two[1].text})",
                lambda run: two[0].holds(run) and two[1].holds(run),
            )
        ),
        st.tuples(inner, inner).map(
            lambda two: Filter(
                f"({two[0].text}) OR ({two[1].text})",
                lambda run: two[0].holds(run) or two[1].holds(run),
            )
        ),
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[Seen]]]:
    """A run for each value, so that every one meets every other."""
    store = Store(tmp_path_factory.mktemp("meaning") / "runs")
    seen = []
    with store.transaction(durable=False):
        for number in range(len(PARAMS) * 2):
            params = {
                key: PARAMS[(number * (2 * n + 1)) % len(PARAMS)] for n, key in enumerate(KEYS)
            }
            metrics = {key: NUMBERS[(number + n) % len(NUMBERS)] for n, key in enumerate(KEYS)}
            tags = {key: TEXTS[(number * (n + 1)) % len(TEXTS)] for n, key in enumerate(KEYS)}
            for n, facts in enumerate([params, metrics, tags]):
                facts.pop(KEYS[(number + n) % len(KEYS)])
            name = TEXTS[number % len(TEXTS)]
            run_id = new_run(store, name=name)
            store.set_params(run_id, params)
            store.add_metrics(run_id, [(key, value, None, 0.0) for key, value in metrics.items()])
            store.set_tags(run_id, tags)
            seen.append(Seen(run_id, name, params, {k: float(v) for k, v in metrics.items()}, tags))
    yield store, seen
    store.close()


@settings(deadline=None, max_examples=400)
@given(asked=st.recursive(comparisons(), combined, max_leaves=6))
def test_a_search_finds_what_python_finds(runs: tuple[Store, list[Seen]], asked: Filter) -> None:
    store, seen = runs
    found = {row.run_id for row in store.search(Query(where=asked.text))}
    assert found == {run.run_id for run in seen if asked.holds(run)}, asked.text


@settings(deadline=None, max_examples=300)
@given(text=st.text("metricsparam.`'\"() =<>!0129einaorlktu%,-", max_size=30))
def test_no_text_leads_to_anything_but_rows_or_a_filter_error(
    runs: tuple[Store, list[Seen]], text: str
) -> None:
    from autotrack.errors import FilterError

    try:
        runs[0].search(Query(where=text, order_by=text, limit=1))
    except FilterError as error:
        assert "^" in str(error)
