"""What a crate says of the rows it was trained on, and what it does with rows unlike them."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import autotrack
from autotrack import ContractError, ContractWarning

ROWS = 60


def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": random.normal(10, 3, ROWS).round(3),
            "count": random.integers(0, 9, ROWS),
            "kind": random.choice(["bean", "leaf", "root"], ROWS).astype(object),
            "grade": pd.Categorical(random.choice(["low", "high"], ROWS), ["low", "high"]),
            "organic": random.choice([True, False], ROWS),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(range(ROWS), "D"),
            "name": [f"lot number {number}" for number in range(ROWS)],
        }
    )


def with_gaps(data: pd.DataFrame, *columns: str) -> pd.DataFrame:
    data = data.copy()
    data.loc[[1, 5], list(columns)] = np.nan
    return data


def pipeline(*, unknown: str = "ignore", impute: bool = False) -> object:
    numbers = make_pipeline(SimpleImputer(), StandardScaler()) if impute else StandardScaler()
    encode = OneHotEncoder(handle_unknown=unknown)
    return make_pipeline(
        ColumnTransformer([("n", numbers, ["size", "count"]), ("c", encode, ["kind"])]),
        LinearRegression(),
    )


def crate_of(model, X, y=None) -> autotrack.Crate:
    with autotrack.enable():
        model.fit(X, np.arange(len(X)) % 7 if y is None else y)
    return autotrack.last_run().load_model()


def columns_of(crate) -> dict[str, dict]:
    return {column["name"]: column for column in crate.schema["columns"]}


def in_store(store_path) -> str:
    found = list((store_path / "artifacts").rglob("manifest.json"))
    return "".join(file.read_text() for file in found)


# -- what is said ---------------------------------------------------------------------------------


def test_the_schema_has_ranges_of_numbers_and_levels_of_repeated_texts():
    X = with_gaps(frame(), "size", "kind")
    found = columns_of(crate_of(pipeline(impute=True), X))
    low, high = X["size"].min(), X["size"].max()
    assert found["size"] == {
        "name": "size",
        "dtype": "float64",
        "nulls": True,
        "minimum": low,
        "maximum": high,
    }
    assert found["count"]["minimum"] == 0
    assert found["count"]["nulls"] is False
    assert type(found["count"]["maximum"]) is int
    assert found["kind"]["levels"] == ["bean", "leaf", "root"]
    assert found["kind"]["nulls"] is True
    assert found["grade"]["levels"] == ["low", "high"]
    assert found["grade"]["ordered"] is False
    assert found["day"]["minimum"] == "2020-01-01T00:00:00"
    assert "levels" not in found["name"]
    assert "minimum" not in found["organic"]


def test_free_text_identifiers_and_what_one_row_alone_has_are_never_written(store_path):
    X = frame()
    X.loc[7, "kind"] = "a rarity"
    crate = crate_of(pipeline(), X)
    text = in_store(store_path)
    assert "lot number" not in text
    assert "a rarity" not in text
    assert columns_of(crate)["kind"]["rare"] == 1


def test_rows_of_training_cannot_be_read_from_the_example(store_path):
    X = frame()
    crate_of(RandomForestRegressor(5), X[["size", "count"]], X["size"])
    manifest = json.loads(next((store_path / "artifacts").rglob("manifest.json")).read_text())
    made_up = set(manifest["example"]["columns"]["size"])
    assert not made_up & set(X["size"])
    low, high = X["size"].min(), X["size"].max()
    assert all(low < value < high for value in made_up)


def test_the_example_is_rows_that_the_model_takes(quietly):
    X = with_gaps(frame(), "size", "kind")
    crate = crate_of(pipeline(impute=True), X)
    assert list(crate.example) == list(X)
    assert crate.example.dtypes.tolist() == X.dtypes.tolist()
    assert len(crate.predict(crate.example)) == len(crate.example)
    assert autotrack.crate(lambda: 1).example is None


def test_arrays_say_width_type_gaps_and_ranges():
    X = np.array([[1.0, np.nan], [2.0, 5.0], [3.0, np.inf]])
    crate = crate_of(HistGradientBoostingClassifier(), np.tile(X, (10, 1)))
    assert crate.schema["dtype"] == "float64"
    assert crate.schema["columns"] == [
        {"name": None, "dtype": "float64", "nulls": False, "minimum": 1.0, "maximum": 3.0},
        {"name": None, "dtype": "float64", "nulls": True, "minimum": 5.0},
    ]


def test_a_wide_array_has_no_facts_of_each_column():
    crate = crate_of(Ridge(), np.random.default_rng(0).random((20, 1500)))
    assert crate.schema["columns"] == []
    assert crate.schema["shape"] == [20, 1500]
    with pytest.raises(ContractError, match="3 columns, where training had 1500"):
        crate.predict(np.zeros((1, 3)))


def test_the_outputs_say_type_shape_and_classes():
    X = frame()[["size", "count"]]
    crate = crate_of(LogisticRegression(), X, np.where(X["size"] > 10, "big", "small"))
    outputs = crate.manifest.outputs
    assert outputs["predict"]["shape"] == [None]
    assert outputs["predict"]["labels"] == ["big", "small"]
    assert outputs["predict_proba"]["shape"] == [None, 2]
    assert outputs["predict_proba"]["dtype"] == "float64"


def test_without_datasets_there_is_no_contract_and_everything_is_taken():
    X = frame()[["size", "count"]]
    with autotrack.enable(log_datasets=False):
        LinearRegression().fit(X, X["size"])
    crate = autotrack.last_run().load_model()
    assert crate.schema == {}
    assert len(crate.predict(X)) == ROWS


def test_a_crate_that_is_logged_again_keeps_its_contract():
    crate = crate_of(pipeline(), frame())
    with autotrack.start_run() as run:
        autotrack.log_model(crate)
    assert run.load_model().schema == crate.schema


def test_the_model_and_the_random_states_are_left_as_they_were():
    X = frame()[["size", "count"]]
    chance = DummyClassifier(strategy="stratified", random_state=np.random.RandomState(3))
    y = np.arange(ROWS) % 3
    bare = DummyClassifier(strategy="stratified", random_state=np.random.RandomState(3)).fit(X, y)
    np.random.seed(7)
    expected = np.random.random(3)
    np.random.seed(7)
    crate = crate_of(chance, X, y)
    assert "predict" in crate.manifest.outputs
    np.testing.assert_array_equal(np.random.random(3), expected)
    np.testing.assert_array_equal(chance.predict(X), bare.predict(X))


def test_a_model_that_talks_is_asked_in_silence(capfd):
    X = frame()[["size", "count"]]
    model = RandomForestRegressor(20, verbose=2)
    model.fit(X, X["size"])
    bare = capfd.readouterr()
    crate = crate_of(RandomForestRegressor(20, verbose=2), X, X["size"])
    heard = capfd.readouterr()
    assert crate.manifest.outputs
    assert len((heard.out + heard.err).splitlines()) <= len((bare.out + bare.err).splitlines())
    assert crate.estimator.verbose == 2


# -- what is mended -------------------------------------------------------------------------------


@pytest.fixture
def crate() -> autotrack.Crate:
    return crate_of(pipeline(), frame())


@pytest.fixture
def quietly():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_the_order_of_columns_is_mended_silently(crate, quietly):
    X = frame()
    np.testing.assert_array_equal(crate.predict(X[X.columns[::-1]]), crate.predict(X))


def test_data_that_needs_no_mending_is_passed_as_it_is():
    seen = []

    class Watcher(LinearRegression):
        def predict(self, X):
            seen.append(X)
            return super().predict(X)

    X = frame()[["size", "count"]]
    crate = crate_of(Watcher(), X)
    crate.predict(X)
    assert seen[-1] is X


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X.assign(size=X["size"].astype(object)),
        lambda X: X.assign(size=X["size"].astype("float32").astype("float64")),
        lambda X: X.assign(count=X["count"].astype(float)),
        lambda X: X.assign(count=X["count"].astype("Int64")),
        lambda X: X.assign(kind=X["kind"].astype("category")),
        lambda X: X.assign(kind=X["kind"].astype("string")),
        lambda X: X.assign(grade=X["grade"].astype(object)),
        lambda X: X.assign(grade=X["grade"].cat.set_categories(["high", "low"])),
        lambda X: X.assign(day=X["day"].astype(str)),
        lambda X: X.assign(organic=X["organic"].astype(int)),
        lambda X: X.to_dict("records"),
        lambda X: X.to_dict("list"),
    ],
    ids=range(12),
)
def test_harmless_casts_are_made(crate, quietly, change):
    X = frame()
    np.testing.assert_allclose(crate.predict(change(X)), crate.predict(X), rtol=1e-6)


def test_one_row_may_be_a_dict_or_a_series(crate, quietly):
    X = frame()
    row = X.iloc[3]
    expected = crate.predict(X)[3]
    assert crate.predict(row) == pytest.approx(expected)
    assert crate.predict(row.to_dict()) == pytest.approx(expected)


def test_codes_of_categories_are_those_of_training():
    X = frame()[["grade"]]
    y = (X["grade"] == "high").astype(int)
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", min_samples_leaf=2)
    crate = crate_of(model, X, y)
    turned = pd.DataFrame({"grade": pd.Categorical(["high", "low"], ["high", "low"])})
    assert crate.predict(turned).tolist() == [1, 0]
    assert crate.predict(pd.DataFrame({"grade": ["high", "low"]})).tolist() == [1, 0]


def test_gaps_are_what_they_were_in_training(quietly):
    X = frame()[["kind"]]
    X.loc[2:6, "kind"] = None
    X["kind"] = X["kind"].astype(object).where(X["kind"].notna(), np.nan)
    filled = SimpleImputer(strategy="constant", fill_value="bean")
    crate = crate_of(make_pipeline(filled, OneHotEncoder(), LinearRegression()), X)
    given = pd.DataFrame({"kind": pd.Series(["bean", None], dtype=object)})
    bean, gap = crate.predict(given)
    assert bean == gap


def test_columns_that_the_model_leaves_out_may_be_missing(quietly):
    X = frame()
    crate = crate_of(pipeline(), X)
    np.testing.assert_array_equal(crate.predict(X[["kind", "count", "size"]]), crate.predict(X))


# -- what is an error, what a warning -------------------------------------------------------------


def test_a_missing_column_is_named(crate):
    with pytest.raises(ContractError, match="column 'size' is missing") as caught:
        crate.predict(frame().drop(columns="size"))
    assert caught.value.columns == ["size"]
    assert isinstance(caught.value, ValueError)


def test_every_problem_is_named_at_once(crate):
    X = frame().assign(size="large", count=pd.Timestamp("2020-01-01")).drop(columns="kind")
    with pytest.raises(ContractError, match="column 'kind' is missing"):
        crate.predict(X)
    with pytest.raises(ContractError) as caught:
        crate.predict(X.assign(kind=3))
    assert caught.value.columns == ["size", "count", "kind"]
    assert "column 'size' holds text, where training had numbers" in str(caught.value)
    assert "column 'kind' holds numbers, where training had text" in str(caught.value)


def test_a_column_that_is_there_twice_is_an_error(crate):
    X = frame()
    with pytest.raises(ContractError, match="'size' is there twice"):
        crate.predict(pd.concat([X, X[["size"]]], axis=1))


def test_columns_that_training_did_not_have_are_left_out_with_a_warning(crate):
    X = frame()
    with pytest.warns(ContractWarning, match=r"did not have \(price\) were left out"):
        found = crate.predict(X.assign(price=1.0))
    np.testing.assert_array_equal(found, crate.predict(X))


def test_an_unseen_category_is_a_warning_where_the_model_takes_it(crate):
    with pytest.warns(ContractWarning, match="kind: 'moon' is a value unseen in training"):
        crate.predict(frame().assign(kind="moon"))


def test_an_unseen_category_is_an_error_where_the_model_does_not():
    crate = crate_of(pipeline(unknown="error"), frame())
    with pytest.raises(ContractError, match="kind: 'moon' is a value unseen") as caught:
        crate.predict(frame().assign(kind="moon"))
    assert caught.value.columns == ["kind"]
    assert isinstance(caught.value.__cause__, ValueError)


def test_gaps_where_training_had_none_are_a_warning_where_the_model_takes_them():
    crate = crate_of(pipeline(impute=True), frame())
    with pytest.warns(ContractWarning, match="size: 2 values missing, where training had no gaps"):
        crate.predict(with_gaps(frame(), "size"))


def test_gaps_where_training_had_none_are_an_error_where_the_model_does_not(crate):
    with pytest.raises(ContractError, match="size: 2 values missing") as caught:
        crate.predict(with_gaps(frame(), "size"))
    assert caught.value.columns == ["size"]


def test_gaps_where_training_had_them_are_nothing_new(quietly):
    X = with_gaps(frame(), "size")
    crate = crate_of(pipeline(impute=True), X)
    assert len(crate.predict(X)) == ROWS


def test_an_error_of_the_model_on_rows_like_those_of_training_is_its_own():
    class Moody(LinearRegression):
        def predict(self, X):
            if len(X) == 1:
                raise KeyError("mood")
            return super().predict(X)

    X = frame()[["size", "count"]]
    crate = crate_of(Moody(), X)
    with pytest.raises(KeyError, match="mood"):
        crate.predict(X[:1])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (np.zeros((2, 3)), "3 columns, where training had 2"),
        (np.zeros(2), r"reshape\(1, -1\)"),
        ([["a", 1.0]], "holds what is none, such as 'a'"),
        (np.array([[None, "x"]], dtype=object), "such as 'x'"),
        ("text", "rows of 2 numbers, not a str"),
    ],
)
def test_arrays_that_no_model_of_numbers_takes(given, told):
    crate = crate_of(LinearRegression(), np.random.default_rng(0).random((9, 2)))
    with pytest.raises(ContractError, match=told):
        crate.predict(given)


def test_a_model_that_does_not_mind_the_width_predicts_with_a_warning():
    crate = crate_of(DummyClassifier(), np.random.default_rng(0).random((9, 2)))
    with pytest.warns(ContractWarning, match="3 columns, where training had 2"):
        assert len(crate.predict(np.zeros((4, 3)))) == 4


def test_what_an_array_trained_model_takes(quietly):
    X = np.random.default_rng(0).random((9, 2))
    crate = crate_of(LinearRegression(), X)
    expected = crate.predict(X)
    for given_as in (X.tolist(), pd.DataFrame(X, columns=["a", "b"]), X.astype(object)):
        np.testing.assert_allclose(crate.predict(given_as), expected)


def test_an_array_for_a_model_of_named_columns_is_taken_in_their_order_with_a_warning():
    X = frame()[["size", "count"]]
    crate = crate_of(LinearRegression(), X)
    with pytest.warns(ContractWarning, match="an array without column names"):
        np.testing.assert_allclose(crate.predict(X.to_numpy()), crate.predict(X))
    with pytest.raises(ContractError, match="a DataFrame with the columns size, count"):
        crate.predict(np.zeros((2, 5)))


def test_a_single_text_is_told_from_a_list_of_them(quietly):
    texts = ["good coffee", "bad tea"] * 5
    crate = crate_of(make_pipeline(CountVectorizer(), MultinomialNB()), texts, [1, 0] * 5)
    with pytest.raises(ContractError, match="list of texts"):
        crate.predict("good coffee")
    assert crate.predict(["good coffee"]).tolist() == [1]
    assert crate.predict(pd.Series(["bad tea"])).tolist() == [0]


def test_sparse_data_is_held_against_its_width(quietly):
    X = sp.random(30, 2000, density=0.01, format="csr", random_state=0)
    crate = crate_of(LogisticRegression(), X, np.arange(30) % 2)
    assert crate.manifest.outputs["predict"]["example"]
    assert len(crate.predict(X[:3])) == 3
    with pytest.raises(ContractError, match="7 columns, where training had 2000"):
        crate.predict(X[:, :7])


def test_the_other_methods_hold_to_the_contract_too():
    X = frame()[["size", "count"]]
    crate = crate_of(LogisticRegression(), X, np.arange(ROWS) % 2)
    turned = X[["count", "size"]]
    for method in ("predict_proba", "decision_function", "predict"):
        np.testing.assert_allclose(getattr(crate, method)(turned), getattr(crate, method)(X))
        with pytest.raises(ContractError, match="'size' is missing"):
            getattr(crate, method)(X[["count"]])
    assert 0 <= crate.score(turned, np.arange(ROWS) % 2) <= 1


def test_scores_of_mended_rows_reach_the_run_of_the_crate():
    from sklearn.metrics import r2_score

    X = frame()
    crate_of(pipeline(), X)
    run = autotrack.last_run()
    with autotrack.enable():
        crate = run.load_model()
        X_new = X[X.columns[::-1]].iloc[:30]
        r2_score(np.arange(30), crate.predict(X_new))
    assert any(key.endswith("r2_score") for key in run.metrics)


# -- round trip -----------------------------------------------------------------------------------

NUMBERS = st.floats(-1e9, 1e9) | st.none()
COLUMNS = st.one_of(
    st.lists(NUMBERS, min_size=6, max_size=6),
    st.lists(st.integers(-(2**40), 2**40), min_size=6, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.lists(st.sampled_from(["a", "b"]) | st.none(), min_size=6, max_size=6),
    st.lists(st.text(max_size=5), min_size=6, max_size=6),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(COLUMNS, min_size=1, max_size=4))
def test_a_model_takes_what_it_was_trained_on(columns):
    X = pd.DataFrame({f"column {place}": values for place, values in enumerate(columns)})
    crate = crate_of(DummyClassifier(), X, [0, 1] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(crate.predict(X)) == 6
        assert len(crate.predict(X[X.columns[::-1]].iloc[:1])) == 1


def days(X):
    return (X[["when"]] - pd.Timestamp("2021-01-01")) / pd.Timedelta("1D")


def test_text_that_may_mean_several_times_is_no_time():
    X = pd.DataFrame({"when": pd.date_range("2021-01-01", periods=40), "a": 1.0})
    model = make_pipeline(FunctionTransformer(days), LinearRegression())
    with autotrack.enable():
        model.fit(X, np.arange(40.0))
        crate = autotrack.last_run().load_model()

    def predicted(*texts):
        return crate.predict(pd.DataFrame({"when": texts, "a": 1.0}))

    for texts in (["01/02/2021"], ["13/01/2021", "01/02/2021"], ["now"], ["01-02-21"]):
        with pytest.raises(ContractError, match="2020-12-31"):
            predicted(*texts)
    assert predicted("2021-01-05", "2021-01-05T12:00:00") == pytest.approx([4.0, 4.5])
