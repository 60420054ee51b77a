"""Transformers outside of a pipeline: noticed by what is trained on their output."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    LabelEncoder,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)

import autotrack
from autotrack import PreprocessingWarning
from tests.looking import only_run, runs

noticed = pytest.mark.filterwarnings("ignore::autotrack.PreprocessingWarning")


def preprocessing(run):
    """The params of a run that speak of preprocessing, without the prefix."""
    prefix = "preprocessing__"
    return {
        key.removeprefix(prefix): value
        for key, value in run.params.items()
        if key.startswith(prefix)
    }


WAYS = {
    "the output": lambda X, y: (X, y),
    "a split of it": lambda X, y: train_test_split(X, y, random_state=0)[::2],
    "some rows": lambda X, y: (X[10:90], y[10:90]),
    "some rows in any order": lambda X, y: (X[np.arange(90, 9, -3)], y[90:9:-3]),
    "a copy": lambda X, y: (X.copy(), y),
    "a frame made of it": lambda X, y: (pd.DataFrame(X, columns=list("abcd")), y),
    "a split of a frame": lambda X, y: train_test_split(pd.DataFrame(X), y, random_state=0)[::2],
    "a frame's values": lambda X, y: (pd.DataFrame(X).to_numpy()[5:], y[5:]),
}


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_a_model_trained_on_transformed_data_says_so_once(way, held, tracking, binary):
    scaler = StandardScaler(with_mean=False)
    if held:
        X_scaled = scaler.fit_transform(binary.X_train)
        X, y = WAYS[way](X_scaled, binary.y_train)
    else:
        X, y = WAYS[way](scaler.fit_transform(binary.X_train), binary.y_train)
    with pytest.warns(PreprocessingWarning, match="StandardScaler") as told:
        GaussianNB().fit(X, y)
    GaussianNB().fit(X, y)
    assert len(told) == 1
    for run in runs():
        assert preprocessing(run) == {
            "standardscaler": "StandardScaler",
            "standardscaler__with_mean": False,
        }


@noticed
def test_fit_and_transform_apart_are_noticed_like_both_together(tracking, binary):
    scaler = StandardScaler(with_mean=False).fit(binary.X_train)
    X_train, X_test = scaler.transform(binary.X_train), scaler.transform(binary.X_test)
    model = GaussianNB().fit(X_train, binary.y_train)
    model.score(X_test, binary.y_test)
    assert preprocessing(only_run())["standardscaler__with_mean"] is False
    assert set(only_run().metrics) == {"test_score"}


@noticed
def test_a_chain_is_remembered_from_its_first_link(tracking, binary):
    X = binary.X_train.copy()
    X[::7, 0] = np.nan
    X_full = SimpleImputer(strategy="median").fit_transform(X)
    X_scaled = StandardScaler().fit_transform(X_full)
    X_few = PCA(2).fit_transform(X_scaled)
    LogisticRegression(C=2).fit(X_few, binary.y_train)
    assert list(preprocessing(only_run()).items()) == sorted(
        {
            "simpleimputer": "SimpleImputer",
            "simpleimputer__strategy": "median",
            "standardscaler": "StandardScaler",
            "pca": "PCA",
            "pca__n_components": 2,
        }.items()
    )
    assert only_run().params["C"] == 2


@noticed
def test_two_transformers_of_a_kind_are_told_apart(tracking, binary):
    once = StandardScaler(with_std=False).fit_transform(binary.X_train)
    twice = StandardScaler(with_mean=False).fit_transform(once)
    GaussianNB().fit(twice, binary.y_train)
    assert preprocessing(only_run()) == {
        "standardscaler": "StandardScaler",
        "standardscaler__with_std": False,
        "standardscaler-2": "StandardScaler",
        "standardscaler-2__with_mean": False,
    }


@noticed
@pytest.mark.parametrize("vectorizer", [CountVectorizer, TfidfVectorizer])
def test_words_counted_outside_are_noticed_after_a_split(vectorizer, tracking):
    docs = [f"{'tea' if i % 2 else 'coffee'} number {i % 7} word{i}" for i in range(60)]
    labels = [i % 2 for i in range(60)]
    X_train, _, y_train, _ = train_test_split(
        vectorizer(binary=True).fit_transform(docs), labels, random_state=0
    )
    SGDClassifier().fit(X_train, y_train)
    assert preprocessing(only_run())[f"{vectorizer.__name__.lower()}__binary"] is True


@noticed
def test_categories_coded_outside_are_noticed_after_a_split(tracking):
    frame = pd.DataFrame({"a": list("xyzx") * 20, "b": list("uuvvw") * 16})
    X = OneHotEncoder(sparse_output=False).fit_transform(frame)
    X_train, _, y_train, _ = train_test_split(X, np.arange(80) % 2, random_state=0)
    GaussianNB().fit(X_train, y_train)
    assert "onehotencoder" in preprocessing(only_run())


@noticed
def test_frames_that_transformers_return_are_noticed_after_a_split(tracking, binary):
    frame = pd.DataFrame(binary.X_train, columns=list("abcd"))
    transformer = make_column_transformer((StandardScaler(), ["a", "b"]), remainder="passthrough")
    transformer.set_output(transform="pandas")
    X_train, _, y_train, _ = train_test_split(
        transformer.fit_transform(frame), binary.y_train, random_state=0
    )
    GaussianNB().fit(X_train, y_train)
    assert preprocessing(only_run())["columntransformer__standardscaler"] == "StandardScaler"


@noticed
def test_data_transformed_in_place_is_noticed(tracking, binary):
    X = binary.X_train.copy()
    StandardScaler(copy=False).fit_transform(X)
    GaussianNB().fit(X, binary.y_train)
    assert preprocessing(only_run())["standardscaler__copy"] is False


@noticed
def test_a_pipeline_of_transformers_alone_is_a_transformer(tracking, binary):
    X = make_pipeline(StandardScaler(), PCA(2)).fit_transform(binary.X_train)
    GaussianNB().fit(X, binary.y_train)
    (n_components,) = (
        value
        for key, value in preprocessing(only_run()).items()
        if key.endswith("__pca__n_components")
    )
    assert n_components == 2


@noticed
def test_a_users_own_transformer_is_noticed(tracking, binary):
    class Doubling(TransformerMixin, BaseEstimator):
        def __init__(self, by=2):
            self.by = by

        def fit(self, X, y=None):
            return self

        def transform(self, X):
            return X * self.by

    GaussianNB().fit(Doubling(3).fit_transform(binary.X_train), binary.y_train)
    assert preprocessing(only_run()) == {"doubling": "Doubling", "doubling__by": 3}


@noticed
def test_the_active_run_keeps_the_chain_of_its_model(tracking, binary):
    with autotrack.start_run() as run:
        X = StandardScaler(with_std=False).fit_transform(binary.X_train)
        GaussianNB(var_smoothing=0.1).fit(X, binary.y_train)
    assert runs() == [run]
    assert run.params == {
        "var_smoothing": 0.1,
        "preprocessing__standardscaler": "StandardScaler",
        "preprocessing__standardscaler__with_std": False,
    }


@noticed
def test_the_crate_names_what_has_to_be_applied_first(binary):
    with autotrack.enable():
        X = StandardScaler(with_std=False).fit_transform(binary.X_train)
        GaussianNB().fit(X, binary.y_train)
        crate = only_run().load_model()
    assert crate.manifest.preprocessing == ["StandardScaler(with_std=False)"]


UNTRANSFORMED = {
    "the input": lambda X: X,
    "rows of the input": lambda X: X[20:],
    "a frame of the input": lambda X: pd.DataFrame(X),
    "other data of the same shape": lambda X: X + 0.25,
    "the output changed": lambda X: StandardScaler().fit_transform(X) * 2,
    "another number of columns": lambda X: X[:, :3],
    "a sparse input": scipy.sparse.csr_matrix,
}


@pytest.mark.parametrize("kind", UNTRANSFORMED)
def test_nothing_is_noticed_where_the_data_was_not_transformed(kind, tracking, binary):
    X = binary.X_train
    X_scaled = StandardScaler().fit_transform(X)
    data = UNTRANSFORMED[kind](X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SGDClassifier().fit(data, binary.y_train[-data.shape[0] :])
    assert preprocessing(only_run()) == {}
    assert X_scaled is not X


def test_nothing_is_noticed_where_the_transformer_did_nothing_and_its_input_is_used(
    tracking, binary
):
    SimpleImputer().fit(binary.X_train).transform(binary.X_train)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussianNB().fit(binary.X_train, binary.y_train)
    assert preprocessing(only_run()) == {}


def test_transformers_inside_a_pipeline_are_not_outside_of_it(tracking, binary):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_pipeline(StandardScaler(), GaussianNB()).fit(binary.X_train, binary.y_train)
        make_pipeline(StandardScaler(), GaussianNB()).fit(binary.X_test, binary.y_test)
    assert [preprocessing(run) for run in runs()] == [{}, {}]


def test_outputs_are_not_kept_alive_beyond_a_bounded_number_of_small_copies(tracking):
    import tracemalloc

    random = np.random.RandomState(0)
    scaler = StandardScaler(copy=False).fit(random.rand(50, 20))
    tracemalloc.start()
    for _ in range(40):
        scaler.transform(random.rand(20_000, 20))  # 3.2 MB each
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 33e6


# -- outputs that were joined with other data -----------------------------------------------------

NUMBERS = np.random.default_rng(3).normal(size=(100, 2))
FRAME = pd.DataFrame(NUMBERS, columns=["a", "b"]).assign(kind=list("xyzxx") * 20)
LABELS = (NUMBERS[:, 0] > 0).astype(int)
SCALED, HOT = {"standardscaler"}, {"onehotencoder"}


def scaled():
    return StandardScaler().fit_transform(FRAME[["a", "b"]])


def hot(**options):
    return OneHotEncoder(**options).fit_transform(FRAME[["kind"]])


def hstacked():
    return np.hstack([scaled(), hot(sparse_output=False)])


def concatenated():
    return np.concatenate((scaled(), NUMBERS), axis=1)


def with_c():
    left, right = scaled(), hot(sparse_output=False)
    return np.c_[left, right]


def column_stacked():
    first = StandardScaler().fit_transform(FRAME[["b"]])
    return np.column_stack([FRAME["a"], first])


def concat_of_frames():
    return pd.concat([FRAME[["a"]], pd.DataFrame(hot(sparse_output=False))], axis=1).rename(
        columns=str
    )


def sparse_stack():
    return scipy.sparse.hstack([hot(), scipy.sparse.csr_matrix(NUMBERS)]).tocsr()


def joined_frames():
    made = pd.DataFrame(scaled(), columns=["c", "d"])
    return FRAME[["a", "b"]].join(made)


def assigned():
    made = StandardScaler().fit_transform(FRAME[["b"]])
    return FRAME[["a"]].assign(scaled=made[:, 0])


def one_column():
    frame = FRAME[["a", "b"]].copy()
    frame["b"] = StandardScaler().fit_transform(frame[["b"]])
    return frame


def labelled():
    frame = FRAME.copy()
    frame["kind"] = LabelEncoder().fit_transform(frame["kind"])
    return frame


def columns_in_place():
    frame = FRAME.assign(c=1.0)[["a", "c", "b"]]
    frame[["a", "b"]] = StandardScaler().fit_transform(frame[["a", "b"]])
    return frame


def by_a_helper():
    def put_together(*parts):
        return np.hstack(parts)

    left = scaled()
    return put_together(left, NUMBERS)


def in_a_dictionary():
    parts = {}
    parts["numbers"] = scaled()
    parts["kinds"] = hot(sparse_output=False)
    return np.hstack(list(parts.values()))


JOINED = {
    hstacked: SCALED | HOT,
    concatenated: SCALED,
    with_c: SCALED | HOT,
    column_stacked: SCALED,
    concat_of_frames: HOT,
    sparse_stack: HOT,
    joined_frames: SCALED,
    assigned: SCALED,
    one_column: SCALED,
    labelled: {"labelencoder"},
    columns_in_place: SCALED,
    by_a_helper: SCALED,
    in_a_dictionary: SCALED | HOT,
}


def names_of(run):
    return {key for key in preprocessing(run) if "__" not in key}


@noticed
@pytest.mark.parametrize("split", [False, True], ids=["whole", "split"])
@pytest.mark.parametrize("way", JOINED, ids=lambda way: way.__name__)
def test_outputs_that_were_joined_are_recorded_and_the_crate_says_that_it_lacks_them(way, split):
    with autotrack.enable():
        X, y = way(), LABELS
        if split:
            X, _, y, _ = train_test_split(X, y, random_state=0)
        SGDClassifier().fit(X, y)
        run = only_run()
        assert names_of(run) == JOINED[way]
        assert "joined with other data" in run.tags["autotrack.pipeline"]
        assert not any(path.startswith("pipeline") for path in run.artifacts()["path"])
        held = {text.partition("(")[0].lower() for text in run.load_model().manifest.preprocessing}
        assert held == JOINED[way]


@noticed
def test_what_a_transformer_of_joined_data_returns_has_all_before_it(tracking):
    reduced = PCA(2).fit_transform(np.hstack([scaled(), hot(sparse_output=False)]))
    GaussianNB().fit(reduced, LABELS)
    assert names_of(only_run()) == SCALED | HOT | {"pca"}


@noticed
def test_two_transformers_of_a_class_that_were_joined_are_both_recorded(tracking):
    left = StandardScaler().fit_transform(FRAME[["a"]])
    right = StandardScaler(with_mean=False).fit_transform(FRAME[["b"]])
    GaussianNB().fit(np.hstack([left, right]), LABELS)
    assert preprocessing(only_run()) == {
        "standardscaler": "StandardScaler",
        "standardscaler-2": "StandardScaler",
        "standardscaler-2__with_mean": False,
    }


@noticed
def test_rows_of_two_outputs_of_a_transformer_are_its_output(tracking):
    scaler = StandardScaler().fit(FRAME[["a", "b"]])
    first, second = (
        scaler.transform(FRAME[["a", "b"]][:50]),
        scaler.transform(FRAME[["a", "b"]][50:]),
    )
    GaussianNB().fit(np.concatenate([first, second]), LABELS)
    assert names_of(only_run()) == SCALED


# -- equal values show nothing where a transformer did not compute them ----------------------------


def tried_an_imputer():
    tried = SimpleImputer(strategy="median").set_output(transform="pandas")
    return tried.fit_transform(FRAME[["a", "b"]])


def tried_to_pass_through():
    return FunctionTransformer().fit_transform(FRAME[["a", "b"]])


def tried_to_select():
    return VarianceThreshold().fit_transform(FRAME[["a", "b"]])


@noticed
@pytest.mark.parametrize(
    "tried", [tried_an_imputer, tried_to_pass_through, tried_to_select], ids=lambda f: f.__name__
)
def test_a_transformer_that_was_tried_and_changed_nothing_is_not_recorded(tried, tracking):
    kept = tried()
    scaled = StandardScaler().fit_transform(FRAME[["a", "b"]])
    LogisticRegression().fit(scaled, LABELS)
    LogisticRegression().fit(FRAME[["a", "b"]], LABELS)
    assert kept is not None
    assert [names_of(run) for run in runs()] == [SCALED, set()]


@noticed
def test_a_transformer_that_changed_nothing_is_recorded_where_its_output_was_used(tracking):
    filled = SimpleImputer(strategy="median").fit_transform(FRAME[["a", "b"]])
    X_train, _, y_train, _ = train_test_split(filled, LABELS, random_state=0)
    LogisticRegression().fit(filled, LABELS)
    LogisticRegression().fit(X_train, y_train)
    assert [names_of(run) for run in runs()] == [{"simpleimputer"}] * 2


@noticed
def test_of_two_scalers_with_equal_outputs_the_one_that_was_used_is_recorded(tracking):
    first = StandardScaler().fit_transform(NUMBERS)
    second = StandardScaler(copy=False).fit_transform(NUMBERS.copy())
    for X in (first, second):
        LogisticRegression().fit(X, LABELS)
    X_train, _, y_train, _ = train_test_split(second, LABELS, random_state=0)
    LogisticRegression().fit(X_train, y_train)
    X_train, _, y_train, _ = train_test_split(first, LABELS, random_state=0)
    LogisticRegression().fit(X_train, y_train)
    used = [preprocessing(run).get("standardscaler__copy", True) for run in runs()]
    assert used == [True, False, False, True]


@noticed
def test_constant_columns_and_codes_by_hand_are_nobodys(tracking):
    coded = LabelEncoder().fit_transform(FRAME["kind"].replace("z", "y"))
    ones = MinMaxScaler().fit_transform(np.ones((100, 1)))
    by_hand = FRAME[["a", "b"]].assign(kind=(FRAME["kind"] != "x") * 1, one=0.0)
    LogisticRegression().fit(by_hand, LABELS)
    assert names_of(only_run()) == set()
    assert len(coded) == len(ones)


@noticed
@pytest.mark.parametrize("by_name", [False, True])
def test_a_validation_of_joined_outputs_is_recorded_with_them(by_name, tracking):
    codes = LabelEncoder().fit_transform(FRAME["kind"])
    X = np.column_stack([NUMBERS, codes])
    if by_name:
        cross_val_score(LogisticRegression(), y=LABELS, X=X, cv=2)
    else:
        cross_val_score(LogisticRegression(), X, LABELS, cv=2)
    assert names_of(only_run()) == {"labelencoder"}
