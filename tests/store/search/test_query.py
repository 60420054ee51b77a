from __future__ import annotations

import math
from pathlib import Path

import pytest

from autotrack.errors import FilterError
from autotrack.store.search.parser import FAMILIES, parse_filter, parse_order
from autotrack.store.search.query import Query, RunRow
from autotrack.store.search.tree import Comparison, Field
from autotrack.store.store import Store
from tests.store.making import new_run
from tests.waiting import fastest


@pytest.fixture
def wines(store: Store) -> Store:
    """Four runs and a child, from the oldest to the newest."""
    red = store.create_experiment("red")
    for number, (run_id, params, metrics, tags) in enumerate(
        [
            ("aa", {"C": 0.1, "kernel": "rbf", "flag": True}, {"r2": 0.5}, {"team": "Red"}),
            ("bb", {"C": 1, "kernel": "linear", "flag": False}, {"r2": 0.9}, {"team": "blue"}),
            ("cc", {"C": "auto", "kernel": None}, {"r2": math.nan, "val roc": 1}, {"my tag": "x"}),
            ("dd", {"step__max-iter.x/y": 10, "C": 2**70}, {"2nd": -math.inf}, {}),
        ]
    ):
        new_run(store, run_id=run_id, name=f"run {run_id}", start_time=1_769_860_800 + number * 60)
        store.set_params(run_id, params)
        store.add_metrics(run_id, [(key, value, None, 0.0) for key, value in metrics.items()])
        store.set_tags(run_id, tags)
    new_run(
        store,
        run_id="ee",
        kind="candidate",
        parent_id="aa",
        experiment_id=red,
        start_time=1_769_860_000,
    )
    store.end_run("bb", status="FINISHED", end_time=1_769_860_860 + 90.5)
    return store


def ids(rows: list[RunRow]) -> str:
    return " ".join(sorted(row.run_id for row in rows))


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("params.C = 0.1", "aa"),
        ("params.C >= 0.1 and params.C < 2", "aa bb"),
        ("params.C = 1.0", "bb"),
        ("params.C = true", ""),
        ("params.C = 'auto'", "cc"),
        ("params.C = '0.1'", ""),
        (f"params.C = {2**70}", "dd"),
        (f"params.C = {2**70 + 1}", ""),
        ("params.C != 0.1", "bb cc dd"),
        ("params.C in (0.1, 'auto', none)", "aa cc"),
        ("params.C not in (0.1, 'auto')", "bb dd"),
        ("params.flag = true", "aa"),
        ("params.flag = TRUE or params.flag == False", "aa bb"),
        ("params.flag > 0", ""),
        ("params.kernel is null", "cc dd"),
        ("params.kernel IS NOT NULL", "aa bb"),
        ("params.kernel = none", "cc"),
        ("params.kernel != none", "aa bb"),
        ("params.kernel like 'LIN%'", ""),
        ("params.kernel ilike 'LIN%'", "bb"),
        ("params.kernel like '_bf'", "aa"),
        ("params.kernel not like 'l%'", "aa cc"),
        ("params.missing != 3", ""),
        ("not params.missing = 3", "aa bb cc dd"),
        ("params.step__max-iter.x/y = 10", "dd"),
        ("metrics.r2 > 0.4", "aa bb"),
        ("metric.r2 between 0.5 and 0.6", "aa"),
        ("metrics.r2 not between 0.5 and 0.6", "bb cc"),
        ("metrics.r2 = nan", "cc"),
        ("metrics.r2 != nan", "aa bb"),
        ("metrics.r2 != 0.5", "bb cc"),
        ("metrics.r2 is null", "dd"),
        ("metrics.`val roc` = 1", "cc"),
        ('metrics."val roc" = 1.0', "cc"),
        ("metrics.2nd = -inf", "dd"),
        ("metrics.2nd < -1e300", "dd"),
        ("tags.team = 'Red'", "aa"),
        ("tag.team ilike 'r_d' or tags.`my tag` = 'x'", "aa cc"),
        ('tags.team <> "Red"', "bb"),
        ("name like 'run %' and not (name = 'run aa' or name = 'run bb')", "cc dd"),
        ("attributes.name = 'run aa'", "aa"),
        ("run_name = 'run aa'", "aa"),
        ("status = 'finished'", "bb"),
        ("kind = 'fit' and status != 'FINISHED'", "aa cc dd"),
        ("experiment = 'Default' and experiment_id = 2", "aa bb cc dd"),
        ("experiment_id = '2'", "aa bb cc dd"),
        ("run_id in ('aa', 'dd', 'zz')", "aa dd"),
        ("parent_id is null", "aa bb cc dd"),
        ("end_time is not null", "bb"),
        ("end_time < 1e12", "bb"),
        ("duration > 90 and duration < 91", "bb"),
        ("start_time >= '2026-01-31T12:01'", "bb cc dd"),
        ("start_time < '2026-01-31'", ""),
        ("start_time <= '2026-01-31T13:01:00+01:00'", "aa bb"),
        ("  ", "aa bb cc dd"),
        ("metrics.r2 > 0.4\n  AND\tparams.C = 1", "bb"),
        ('name = \'it\'\'s\' or name = "a ""b"""', ""),
    ],
)
def test_a_filter_means_what_it_says(wines: Store, where: str, found: str) -> None:
    assert ids(wines.search(Query(where=where))) == found


@pytest.mark.parametrize(
    ("order_by", "found"),
    [
        (None, "dd cc bb aa"),
        ("start_time", "aa bb cc dd"),
        ("metrics.r2 desc", "bb aa dd cc"),
        (["metrics.r2 asc"], "aa bb dd cc"),
        ("params.C", "aa bb dd cc"),
        ("params.C DESC", "dd bb aa cc"),
        ("params.kernel, name desc", "bb aa dd cc"),
        (["tags.team desc", "run_id"], "bb aa cc dd"),
        ("duration, run_id", "bb aa cc dd"),
        ("experiment_id, name", "aa bb cc dd"),
        ("", "dd cc bb aa"),
    ],
)
def test_rows_come_in_the_order_asked_for_and_missing_values_last(
    wines: Store, order_by: str | list[str] | None, found: str
) -> None:
    assert " ".join(row.run_id for row in wines.search(Query(order_by=order_by))) == found


@pytest.mark.parametrize(
    ("where", "place", "says"),
    [
        ("metrics.r2 >", 12, "expected a value"),
        ("metrics.r2 > high", 13, "texts go between quotes: 'high'"),
        ("metrics.r2 0.5", 11, "expected an operator"),
        ("metrics.r2 > 0.5 params.C = 1", 17, "expected 'and', 'or' or the end"),
        ("(metrics.r2 > 0.5", 17, "closes the '(' at 1"),
        ("metrics.r2 > 0.5)", 16, "'and', 'or' or the end"),
        ("stats = 'x'", 0, "did you mean 'status'"),
        ("acc > 0.5", 0, "metrics.acc"),
        ("mertics.r2 > 1", 0, "did you mean 'metrics'"),
        ("metrics > 1", 8, "expected '.' and a key"),
        ("metrics. = 1", 9, "backquotes"),
        ("metrics.`` = 1", 8, "never closed"),
        ("name = 'open", 7, "never closed"),
        ("name = 'a' & kind = 'fit'", 11, "no meaning"),
        ("metrics.r2 > '0.5'", 13, "metrics are numbers"),
        ("metrics.r2 like 5", 16, "for texts"),
        ("metrics.r2 = true", 13, "found true"),
        ("tags.team = 5", 12, "a text between quotes"),
        ("params.C like 5", 14, "needs a text"),
        ("name = none", 7, "a text between quotes"),
        ("start_time > 'soon'", 13, "a time such as"),
        ("start_time like '2026%'", 16, "cannot be compared with 'like'"),
        ("duration > '1 hour'", 11, "a number of seconds"),
        ("name in 'a'", 8, "expected '('"),
        ("name in ('a' 'b')", 13, "expected ',' or ')'"),
        ("name in ()", 9, "expected a value"),
        ("metrics.r2 between 1 or 2", 21, "expected 'and'"),
        ("metrics.r2 is 5", 14, "expected 'null'"),
        ("metrics.r2 not 5", 15, "expected an operator"),
        ("= 5", 0, "expected a field"),
        ("not", 3, "expected a field"),
        ("name = 'a' and", 14, "expected a field"),
        ("1 = 1", 0, "expected a field"),
        ("attributes.metrics.r2 > 1", 11, "'metrics'"),
        ("params.C = 0.1.2", 11, "no meaning"),
    ],
)
def test_a_filter_that_cannot_be_read_is_shown_with_a_caret_at_the_place(
    store: Store, where: str, place: int, says: str
) -> None:
    with pytest.raises(FilterError) as caught:
        store.search(Query(where=where))
    problem, text, caret = str(caught.value).split("\n")
    assert says in problem
    assert text == "  " + where
    assert caret == "  " + " " * place + "^ [AT442]"


def test_the_caret_finds_its_line_in_a_longer_text(store: Store) -> None:
    with pytest.raises(FilterError) as caught:
        store.search(Query(where="name = 'a'\n\tand stats = 'b'\nor kind = 'fit'"))
    assert str(caught.value).split("\n")[1:] == ["  \tand stats = 'b'", "  \t    ^ [AT442]"]


@pytest.mark.parametrize("order_by", ["metrics.r2 down", "r2", "name,, kind", ["name", 3], "`a`"])
def test_an_order_that_cannot_be_read_is_an_error(store: Store, order_by: str) -> None:
    with pytest.raises(FilterError):
        store.search(Query(order_by=order_by))


@pytest.mark.parametrize("limit", [-1, 2.5, True, "10"])
def test_a_limit_is_a_number_of_runs(store: Store, limit: int) -> None:
    with pytest.raises(FilterError, match="limit="):
        store.search(Query(limit=limit))


def test_texts_that_look_like_sql_are_only_texts(wines: Store) -> None:
    nasty = "'; DROP TABLE runs; --"
    wines.set_tags("aa", {nasty: nasty})
    quoted = nasty.replace("'", "''")
    assert ids(wines.search(Query(where=f"tags.`{nasty}` = '{quoted}'"))) == "aa"
    assert wines.check() == []


def test_patterns_take_the_characters_of_glob_literally(wines: Store) -> None:
    wines.set_tags("aa", {"odd": "a*b[c]?"})
    wines.set_tags("bb", {"odd": "aXb[c]?"})
    assert ids(wines.search(Query(where="tags.odd like 'a*b[c]?'"))) == "aa"
    assert ids(wines.search(Query(where="tags.odd like 'a_b[c]%'"))) == "aa bb"


def test_ilike_folds_the_case_of_every_alphabet(wines: Store) -> None:
    wines.set_tags("aa", {"name": "GRÖSSE Ω"})
    assert ids(wines.search(Query(where="tags.name ilike 'größe ω'"))) == "aa"


def test_a_filter_too_large_for_sqlite_is_an_error_that_says_so(store: Store) -> None:
    deep = "(" * 101 + "name = 'a'" + ")" * 101
    wide = " or ".join(["name = 'a'"] * 501)
    for where in (deep, wide, "not " * 200 + "name = 'a'", f"name like '{'%' * 2000}'"):
        with pytest.raises(FilterError, match=r"nested|more than"):
            store.search(Query(where=where))
    assert store.search(Query(where=" or ".join(["name = 'a'"] * 500))) == []
    assert store.search(Query(where=" and ".join(["not metrics.a > 1"] * 500))) == []
    many = ", ".join(f"'{number}'" for number in range(5_000))
    assert store.search(Query(where=f"tags.a in ({many}) or name in ({many})")) == []


def test_the_view_shows_top_level_runs_unless_children_are_asked_for(wines: Store) -> None:
    assert ids(wines.search(Query())) == "aa bb cc dd"
    assert ids(wines.search(Query(children=True))) == "aa bb cc dd ee"
    assert ids(wines.search(Query(parent_id="aa"))) == "ee"
    assert ids(wines.search(Query(children=True, kinds=["candidate"]))) == "ee"
    assert ids(wines.search(Query(children=True, experiment_ids=["1"]))) == "ee"
    assert ids(wines.search(Query(experiment_ids=[]))) == ""
    assert ids(wines.search(Query(limit=2))) == "cc dd"
    assert wines.search(Query(limit=0)) == []


def test_a_row_tells_what_the_run_tells(wines: Store) -> None:
    (row,) = wines.search(Query(where="run_id = 'ee'", children=True))
    record = wines.get_run("ee")
    for name in ("run_id", "name", "kind", "status", "experiment", "parent_id", "start_time"):
        assert getattr(row, name) == getattr(record, name)


def test_equal_start_times_come_newest_first(store: Store) -> None:
    for run_id in "abc":
        new_run(store, run_id=run_id, start_time=1.0)
    assert [row.run_id for row in store.search(Query())] == ["c", "b", "a"]


def test_every_family_is_understood_in_any_case() -> None:
    for family, name in FAMILIES.items():
        for spelt in (family, family.upper()):
            tree = parse_filter(f"{spelt}.Key = 1")
            assert isinstance(tree, Comparison)
            assert tree.field == Field(name, "Key", 0)


def test_order_terms_are_read_from_one_text_or_several() -> None:
    terms = parse_order("metrics.a desc, name asc , `x`".replace(", `x`", ""))
    assert [(term.field.key, term.descending) for term in terms] == [("a", True), ("name", False)]
    assert parse_order(["metrics.a desc", "name"]) == parse_order(["metrics.a desc", "name asc"])


def test_thousands_of_runs_are_searched_in_a_moment(root: Path) -> None:
    store = Store(root)
    experiment_id = store.experiment_id("Default")
    with store.transaction(durable=False):
        for number in range(3_000):
            run_id = new_run(store, experiment_id=experiment_id)
            store.set_params(run_id, {"C": number / 10, "kernel": "rbf"})
            store.add_metrics(run_id, [("r2", number % 7, None, 0.0)])
    where = "metrics.r2 > 3 and params.C < 100 and not tags.draft = 'yes'"
    query = Query(where=where, order_by="metrics.r2 desc")
    rows = store.search(query)
    assert fastest(lambda: store.search(query)) < 2
    assert len(rows) == sum(number % 7 > 3 for number in range(1_000))


@pytest.mark.parametrize(
    "key",
    [
        "preprocessing__standardscaler > pca__n_components",
        "my step__C",
        "my",
        "a=b",
        "trailing.",
        "x and y",
        "is it",
        "C (log)",
        'it"s',
        "Öl/Preis %",
        "two\nlines",
    ],
)
@pytest.mark.parametrize(
    ("rest", "finds"),
    [(" = 7", True), ("!=7", False), (" > 6 and status = 'RUNNING'", True), (" is null", False),
     (" not in (7, 8)", False), (" between 6 and 8", True)],
)  # fmt: skip
def test_keys_of_any_letters_need_no_quotes(store: Store, key: str, rest: str, finds: bool) -> None:
    run_id = new_run(store)
    store.set_params(run_id, {"my": 1, "a": 1, key: 7})
    found = store.search(Query(where=f"params.{key}{rest}"))
    assert [row.run_id for row in found] == [run_id] * finds
    store.add_metrics(run_id, [(key, 7, None, 0.0)])
    other = new_run(store, start_time=2e9)
    store.add_metrics(other, [(key, 6, None, 0.0)])
    for direction, first in ((" desc, name", run_id), ("", other)):
        found = store.search(Query(order_by=f"metrics.{key}{direction}"))
        assert found[0].run_id == first


def test_a_key_with_an_operator_in_it_does_not_change_what_a_filter_means(store: Store) -> None:
    first, second = new_run(store), new_run(store)
    store.set_params(first, {"C": 3})
    store.set_params(second, {"C > 1": "x", "C = 3 or params.C": 1})
    assert ids(store.search(Query(where="params.C > 1"))) == first
    assert ids(store.search(Query(where="params.C = 3 or params.C = 1"))) == first
    with pytest.raises(FilterError, match="expected a value"):
        store.search(Query(where="params.C > pca"))
