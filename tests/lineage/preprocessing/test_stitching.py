"""A model and the transformers outside of it, kept as one pipeline where that is sure."""

from __future__ import annotations

import array
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

import autotrack
from autotrack import ArtifactNotFoundError

pytestmark = pytest.mark.filterwarnings("ignore::autotrack.PreprocessingWarning")
RANDOM = np.random.default_rng(0)
X = pd.DataFrame(RANDOM.normal(5, [1, 10, 0.1], (120, 3)), columns=["a", "b", "c"])
Y = (X["a"] * 10 + X["b"] > 55).astype(int)


@pytest.fixture(autouse=True)
def _tracking():
    with autotrack.enable():
        yield


def whole() -> autotrack.Crate:
    return autotrack.last_run().load_model("pipeline")


def why_not() -> str:
    run = autotrack.last_run()
    with pytest.raises(ArtifactNotFoundError):
        run.load_model("pipeline")
    return run.tags["autotrack.pipeline"]


def test_raw_data_goes_into_the_pipeline_and_comes_out_as_from_the_model():
    scaler = StandardScaler()
    Z = scaler.fit_transform(X)
    model = LogisticRegression().fit(Z, Y)
    crate = whole()
    assert isinstance(crate.estimator, Pipeline)
    np.testing.assert_array_equal(crate.predict(X), model.predict(Z))
    np.testing.assert_array_equal(crate.predict_proba(X), model.predict_proba(Z))
    assert [column["name"] for column in crate.schema["columns"]] == ["a", "b", "c"]
    assert "autotrack.pipeline" not in autotrack.last_run().tags
    assert autotrack.last_run().load_model().manifest.preprocessing == ["StandardScaler()"]


def test_its_scores_reach_the_run():
    Z = StandardScaler().fit_transform(X)
    LogisticRegression().fit(Z, Y)
    run = autotrack.last_run()
    y_new = Y.iloc[:50]
    accuracy_score(y_new, whole().predict(X.iloc[:50]))
    assert run.metrics.keys() == {"new_accuracy_score"}


SPLITS = {
    "a split": lambda Z: train_test_split(Z, Y, random_state=0)[::2],
    "some rows": lambda Z: (Z[20:90], Y[20:90]),
    "a copy": lambda Z: (Z.copy(), Y),
}


@pytest.mark.parametrize("way", SPLITS)
def test_a_part_of_what_was_transformed_is_enough(way):
    scaler = StandardScaler().fit(X)
    Z = scaler.transform(X)
    rows, y = SPLITS[way](Z)
    model = RandomForestClassifier(5, random_state=0).fit(rows, y)
    np.testing.assert_array_equal(whole().predict(X), model.predict(Z))


def test_several_transformers_are_put_in_the_order_they_were_applied():
    gaps = X.mask(RANDOM.random(X.shape) < 0.1)
    filled = SimpleImputer().fit_transform(gaps)
    scaled = StandardScaler().fit_transform(filled)
    reduced = PCA(2).fit_transform(scaled)
    model = GaussianNB().fit(reduced, Y)
    steps = [type(step).__name__ for _, step in whole().estimator.steps]
    assert steps == ["SimpleImputer", "StandardScaler", "PCA", "GaussianNB"]
    np.testing.assert_array_equal(whole().predict(gaps), model.predict(reduced))


def test_a_frame_made_of_the_output_is_made_by_the_pipeline_too():
    scaler = StandardScaler()
    Z = pd.DataFrame(scaler.fit_transform(X), columns=X.columns)
    model = LogisticRegression().fit(Z, Y)
    crate = whole()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(crate.predict(X), model.predict(Z))
    assert not hasattr(scaler, "_sklearn_output_config")


def test_columns_of_every_kind_and_sparse_output():
    data = X.assign(kind=RANDOM.choice(["x", "y", "z"], len(X)))
    columns = make_column_transformer(
        (OneHotEncoder(), ["kind"]), (StandardScaler(), ["a", "b"]), sparse_threshold=1.0
    )
    Z = columns.fit_transform(data)
    model = LogisticRegression().fit(Z, Y)
    np.testing.assert_array_equal(whole().predict(data), model.predict(Z))


def test_texts():
    texts = pd.Series(["good coffee", "bad tea", "good tea"] * 20)
    Z = TfidfVectorizer().fit_transform(texts)
    model = SGDClassifier(random_state=0).fit(Z, [1, 0, 1] * 20)
    np.testing.assert_array_equal(whole().predict(texts), model.predict(Z))


def test_a_search_on_transformed_data():
    Z = StandardScaler().fit_transform(X)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=3).fit(Z, Y)
    run = autotrack.last_run()
    assert run.kind == "search"
    np.testing.assert_array_equal(run.load_model("pipeline").predict(X), search.predict(Z))


def test_a_pipeline_on_transformed_data():
    Z = StandardScaler().fit_transform(X)
    model = make_pipeline(PCA(2), LogisticRegression()).fit(Z, Y)
    np.testing.assert_array_equal(whole().predict(X), model.predict(Z))


def test_a_model_of_raw_data_has_no_second_crate():
    LogisticRegression().fit(X, Y)
    run = autotrack.last_run()
    assert {path.partition("/")[0] for path in run.artifacts()["path"]} == {"model"}
    assert "autotrack.pipeline" not in run.tags


# -- where it is not sure -------------------------------------------------------------------------


def test_not_with_a_transformer_that_was_fitted_again():
    scaler = StandardScaler()
    Z = scaler.fit_transform(X)
    scaler.fit(X * 100)
    LogisticRegression().fit(Z, Y)
    assert "does not transform its training data to what it returned then" in why_not()


def test_not_with_an_encoder_that_crosses_folds():
    kinds = pd.DataFrame({"kind": RANDOM.choice(list("xyz"), len(X))})
    Z = TargetEncoder(random_state=0).fit_transform(kinds, Y)
    LogisticRegression().fit(Z, Y)
    assert "TargetEncoder does not transform" in why_not()


def test_not_without_the_raw_data():
    scaler = StandardScaler()
    Z = scaler.fit_transform(X.copy())
    LogisticRegression().fit(Z, Y)
    assert why_not() == "left out: of StandardScaler, its input no longer exists"


def test_not_for_a_model_that_may_be_trained_further():
    Z = StandardScaler().fit_transform(X)
    SGDClassifier(warm_start=True).fit(Z, Y)
    assert "trained further" in why_not()
    SGDClassifier().partial_fit(Z, Y, classes=[0, 1])
    with pytest.raises(ArtifactNotFoundError):
        autotrack.last_run().load_model("pipeline")


def test_not_with_columns_of_other_names():
    Z = pd.DataFrame(StandardScaler().fit_transform(X), columns=["x", "y", "z"])
    LogisticRegression().fit(Z, Y)
    assert "became a DataFrame of another kind" in why_not()


def test_a_refit_on_raw_data_does_not_keep_the_pipeline_of_the_fit_before():
    model = LogisticRegression()
    with autotrack.start_run() as run:
        model.fit(StandardScaler().fit_transform(X), Y)
        assert run.load_model("pipeline")
        model.fit(X, Y)
    assert run.load_model()
    with pytest.raises(ArtifactNotFoundError):
        run.load_model("pipeline")


def test_a_crate_of_the_users_own_that_is_called_so_is_left_alone():
    with autotrack.start_run() as run:
        autotrack.log_model(lambda x: x, "pipeline")
        LogisticRegression().fit(StandardScaler().fit_transform(X), Y)
    assert run.load_model("pipeline").is_function
    assert "has a 'pipeline' of its own" in run.tags["autotrack.pipeline"]


def test_the_warning_says_where_both_are():
    Z = StandardScaler(with_std=False).fit_transform(X)
    with pytest.warns(autotrack.PreprocessingWarning, match="crate 'pipeline' holds both"):
        LogisticRegression().fit(Z, Y)


def test_the_users_objects_are_left_as_they_were():
    scaler, model = StandardScaler(), LogisticRegression()
    Z = scaler.fit_transform(X)
    before = dict(vars(scaler))
    model.fit(Z, Y)
    assert vars(scaler) == before
    assert autotrack.last_run().status == "FINISHED"
    assert len(autotrack.search_runs()) == 1


# -- data that is no table: lists and the like ----------------------------------------------------

TEXTS = ["red blue", "green sky", "red sky", "blue green"] * 10
ROWS = [[float(n % 7), float(n % 5)] for n in range(40)]
ALTERNATING = [0, 1] * 20


@pytest.mark.parametrize(
    "made", [list, tuple, pd.Index, pd.Series, np.array], ids=lambda made: made.__name__
)
def test_texts_in_any_container(made):
    texts = made(TEXTS)
    vectors = TfidfVectorizer().fit_transform(texts)
    model = SGDClassifier(random_state=0).fit(vectors, ALTERNATING)
    np.testing.assert_array_equal(whole().predict(TEXTS), model.predict(vectors))


def test_dictionaries_in_a_list():
    dictionaries = [{"word": text.split()[0], "length": len(text)} for text in TEXTS]
    vectors = DictVectorizer().fit_transform(dictionaries)
    model = LogisticRegression().fit(vectors, ALTERNATING)
    np.testing.assert_array_equal(whole().predict(dictionaries), model.predict(vectors))


@pytest.mark.parametrize(
    "made",
    [
        list,
        tuple,
        lambda rows: [tuple(row) for row in rows],
        lambda rows: [np.array(row) for row in rows],
        lambda rows: [array.array("d", row) for row in rows],
        lambda rows: memoryview(np.array(rows)),
    ],
    ids=["lists", "tuple", "tuples", "arrays", "array.array", "memoryview"],
)
def test_rows_of_numbers_in_any_container(made):
    rows = made(ROWS)
    scaled = StandardScaler().fit_transform(rows)
    model = LogisticRegression().fit(scaled, ALTERNATING)
    np.testing.assert_array_equal(whole().predict(np.array(ROWS)), model.predict(scaled))


def test_ranges_of_numbers():
    ranges = [range(n, n + 3) for n in range(40)]
    scaled = StandardScaler().fit_transform(ranges)
    model = LogisticRegression().fit(scaled, ALTERNATING)
    np.testing.assert_array_equal(whole().predict(np.array(ranges)), model.predict(scaled))


def test_a_list_that_was_changed_since_is_not_what_was_transformed():
    texts = list(TEXTS)
    vectors = TfidfVectorizer().fit_transform(texts)
    texts.reverse()
    texts[:] = ["sky"] * len(texts)
    SGDClassifier(random_state=0).fit(vectors, ALTERNATING)
    assert "does not transform its training data" in why_not()


def test_a_long_list_is_not_held():
    texts = [f"{text} {'x' * 200}" for text in TEXTS * 1000]
    vectors = TfidfVectorizer().fit_transform(texts)
    SGDClassifier(random_state=0).fit(vectors, ALTERNATING * 1000)
    assert "is held by nobody" in why_not()
