"""Whatever data is passed in: the same results, one run, the right keys, the right model."""

from __future__ import annotations

import gc
import textwrap
import tracemalloc
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    silhouette_score,
)
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import autotrack
from tests.looking import history, only_run, runs
from tests.split import Split

pytestmark = pytest.mark.thorough

# -- how a kind of input is tried -----------------------------------------------------------------


def heard(work: Callable[..., Any], *inputs: Any) -> tuple[Any, list[tuple[type, str]]]:
    """What `work` returned or raised, and what it warned of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            result = work(*inputs)
        except Exception as error:
            result = (type(error), str(error))
    return result, [(one.category, str(one.message)) for one in told]


def tried(work: Callable[..., Any], *inputs: Any) -> Any:
    """What `work` returned with tracking on, which is what it returned before."""
    expected = heard(work, *inputs)
    assert runs() == []
    with autotrack.enable(log_models=False):
        found = heard(work, *inputs)
    assert found == expected
    return found[0]


def classify(split: Split) -> dict[str, float]:
    X_train, X_test, y_train, y_test = split
    del split
    model = make_pipeline(StandardScaler(with_mean=False), LogisticRegression())
    model.fit(X_train, y_train)
    return {
        "test_score": model.score(X_test, y_test),
        "train_score": model.score(X_train, y_train),
        "test_accuracy_score": accuracy_score(y_test, model.predict(X_test)),
        "test_roc_auc_score": roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]),
        "train_accuracy_score": accuracy_score(y_train, model.predict(X_train).tolist()),
    }


# -- X --------------------------------------------------------------------------------------------


class Measured(np.ndarray):
    """An array with something of its own."""


class Framed:
    """A container that is an array only when asked."""

    def __init__(self, values: Any) -> None:
        self.values = values
        self.shape = values.shape

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(self.values, dtype=dtype)


def _mapped(X: Any) -> Any:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        mapped = np.memmap(file.name, X.dtype, "w+", shape=X.shape)
    mapped[:] = X
    return mapped


def _named(X: Any) -> Any:
    return pd.DataFrame(X, columns=list("abcd"))


def _mixed(X: Any) -> Any:
    frame = _named(X)
    return frame.assign(
        b=frame["b"] > 0, c=frame["c"].round().astype(int), d=frame["d"].astype(object)
    )


def _arrow_backed(X: Any) -> Any:
    pytest.importorskip("pyarrow")
    return _named(X).convert_dtypes(dtype_backend="pyarrow")


def _arrow(X: Any) -> Any:
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table(dict(zip("abcd", X.T, strict=True)))


def _polars(X: Any) -> Any:
    return pytest.importorskip("polars").DataFrame(dict(zip("abcd", X.T, strict=True)))


INPUTS: dict[str, Callable[[Any], Any]] = {
    "an array": np.asarray,
    "an array in Fortran's order": np.asfortranarray,
    "a strided view": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "a narrow array": lambda X: X.astype("f4"),
    "an array of another byte order": lambda X: X.astype(">f8"),
    "whole numbers": lambda X: X.round().astype("i2"),
    "objects": lambda X: X.astype(object),
    "truths": lambda X: X > 0,
    "a masked array": lambda X: np.ma.masked_array(X, X > 2),
    "a subclass of array": lambda X: X.view(Measured),
    "a memory map": _mapped,
    "what makes an array of itself": Framed,
    "lists": lambda X: X.tolist(),
    "a tuple of tuples": lambda X: tuple(map(tuple, X.tolist())),
    "a list of arrays": list,
    "a frame": _named,
    "a frame with numbers for names": pd.DataFrame,
    "a frame with names of two levels": lambda X: pd.DataFrame(
        X, columns=pd.MultiIndex.from_product([list("ab"), [1, 2]])
    ),
    "a frame with an index of two levels": lambda X: pd.DataFrame(
        X, columns=list("abcd"), index=pd.MultiIndex.from_product([range(len(X) // 2), [1, 2]])
    ),
    "a frame of several dtypes": _mixed,
    "a frame of nullable columns": lambda X: _named(X).convert_dtypes(),
    "a frame backed by Arrow": _arrow_backed,
    "a frame of sparse columns": lambda X: pd.DataFrame.sparse.from_spmatrix(
        sp.csr_matrix(X.clip(0)), columns=list("abcd")
    ),
    "a frame of polars": _polars,
    "a table of Arrow": _arrow,
}
FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
INPUTS |= {
    f"a sparse {kind} {form}": lambda X, make=make, form=form: make(X.clip(0)).asformat(form)
    for kind, make in (("matrix", sp.csr_matrix), ("array", sp.csr_array))
    for form in FORMATS
}


@pytest.mark.parametrize("kind", INPUTS)
def test_any_container_of_numbers_is_trained_on_and_scored(kind, binary):
    make = INPUTS[kind]
    split = binary._replace(X_train=make(binary.X_train), X_test=make(binary.X_test))
    scores = tried(classify, split)
    # Rows of zeros are on both sides.
    of_all = {key: value for key, value in only_run().metrics.items() if "_unseen_" not in key}
    assert of_all == scores
    assert only_run().status == "FINISHED"
    train = only_run().datasets[0]
    assert (train.context, train.name) == ("train", "X_train")
    assert train.data.shape == (160, 4)


class Rule(ClassifierMixin, BaseEstimator):
    """Decides by the first column alone."""

    def __init__(self, column=None):
        self.column = column

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def decision_function(self, X):
        return self.column.copy()


# A function of whole numbers or truths is a rule whatever it was made from.
DISCRETE = ("whole numbers", "truths")


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("kind", [kind for kind in INPUTS if kind not in DISCRETE])
def test_a_baseline_made_from_one_column_of_any_container_is_no_models(
    kind, held, tracking, binary
):
    first = binary.X_test[:, 0].clip(0) if "sparse" in kind else binary.X_test[:, 0]
    X_test = INPUTS[kind](binary.X_test)
    Rule(first).fit(binary.X_train, binary.y_train).decision_function(X_test)
    if not held:
        del X_test
    accuracy_score(binary.y_test, (first > 0.125).astype(int))
    assert only_run().metrics == {}


REFUSED: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda X: None,
    "a number": lambda X: 3.0,
    "an array without dimensions": lambda X: np.array(3.0),
    "a flat array": lambda X: X[:, 0],
    "three dimensions": lambda X: X[:, :, None],
    "no rows": lambda X: X[:0],
    "a frame without rows": lambda X: _named(X)[:0],
    "a frame without columns": lambda X: _named(X)[[]],
    "an empty frame": lambda X: pd.DataFrame(),
    "rows of different lengths": lambda X: [[1.0], [1.0, 2.0]],
    "texts": lambda X: ["tea", "coffee"] * (len(X) // 2),
    "names of different types": lambda X: pd.DataFrame(X, columns=["a", 1, "b", 2]),
    "complex numbers": lambda X: X * 1j,
    "missing values": lambda X: np.where(X > 1, np.nan, X),
    "an iterator": lambda X: iter(X.tolist()),
    "a set": lambda X: set(X[:, 0].tolist()),
    "a dict": lambda X: {"a": X[:, 0]},
    "a model": lambda X: LogisticRegression(),
    "a class": lambda X: np.ndarray,
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_scikit_learn_refuses_is_refused_as_ever(kind, binary):
    def work():
        return LogisticRegression().fit(REFUSED[kind](binary.X_train), binary.y_train)

    error = tried(work)
    assert issubclass(error[0], Exception)
    assert (only_run().status, only_run().error.message) == ("FAILED", error[1])


def test_a_frame_with_a_name_twice_is_what_it_is_without_tracking(binary):
    # scikit-learn takes it or refuses it, depending on the version.
    def name_twice(X):
        return pd.DataFrame(X, columns=list("abca"))

    X_train, X_test = map(name_twice, binary[:2])
    found = tried(classify, binary._replace(X_train=X_train, X_test=X_test))
    assert only_run().status == ("FINISHED" if isinstance(found, dict) else "FAILED")
    assert [column.name for column in only_run().datasets[0].data.columns] == list("abca")


# -- columns that are no numbers ------------------------------------------------------------------


def _table(rows: int = 120) -> dict[str, Any]:
    random = np.random.RandomState(3)
    return {
        "size": random.normal(size=rows),
        "kind": random.choice(["ale", "stout"], rows),
        "open": random.rand(rows) > 0.5,
        "since": np.datetime64("2020-01-01", "ms") + 86_400_000 * random.randint(0, 99, rows),
        "took": random.randint(0, 99, rows).astype("m8[ms]"),
    }


def _category_frame(columns: dict[str, Any]) -> Any:
    return pd.DataFrame(columns).astype({"kind": "category"})


def _nullable_frame(columns: dict[str, Any]) -> Any:
    frame = pd.DataFrame(columns).convert_dtypes()
    frame.loc[3:5, ["since", "took"]] = None
    return frame


def _arrow_frame(columns: dict[str, Any]) -> Any:
    pytest.importorskip("pyarrow")
    return pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow")


def _polars_frame(columns: dict[str, Any]) -> Any:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(columns)
    return frame.with_columns(kind=frame["kind"].cast(polars.Enum(["ale", "stout"])))


FRAMES = {
    "objects": lambda columns: pd.DataFrame(columns).astype({"kind": object}),
    "texts": lambda columns: pd.DataFrame(columns).astype({"kind": "string"}),
    "categories": _category_frame,
    "nullable": _nullable_frame,
    "Arrow": _arrow_frame,
    "polars": _polars_frame,
}


@pytest.mark.parametrize("kind", FRAMES)
def test_columns_of_any_dtype_are_described_and_trained_on(kind):
    frame = FRAMES[kind](_table())
    y = (np.arange(len(frame)) % 3 == 0).astype(int)

    def work():
        X_train, X_val, y_train, y_val = frame[:80], frame[80:], y[:80], y[80:]
        model = make_pipeline(
            make_column_transformer(
                (StandardScaler(), ["size"]),
                (OneHotEncoder(handle_unknown="ignore"), ["kind", "open"]),
            ),
            LogisticRegression(),
        ).fit(X_train, y_train)
        return {
            "val_score": model.score(X_val, y_val),
            "train_score": model.score(X_train, y_train),
            "val_f1_score": f1_score(y_val, list(model.predict(X_val))),
        }

    assert tried(work) == only_run().metrics
    names = [column.name for column in only_run().datasets[0].data.columns]
    assert names == ["size", "kind", "open", "since", "took"]
    assert "stout" not in repr(only_run().record())


def test_categories_that_a_model_takes_as_they_are_are_not_written_down():
    polars = pytest.importorskip("polars")
    kinds = polars.Enum(["no diagnosis", "influenza"])
    random = np.random.RandomState(0)
    frame = polars.DataFrame(
        {
            "found": polars.Series(random.choice(["no diagnosis", "influenza"], 90), dtype=kinds),
            "age": random.normal(size=90),
        }
    )
    with autotrack.enable():
        model = HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype")
        model.fit(frame, np.arange(90) % 2)
    (train,) = only_run().datasets
    assert [column.dtype for column in train.data.columns] == ["Enum", "Float64"]
    assert "influenza" not in repr(only_run().record())
    assert "influenza" not in repr(only_run().load_model().manifest)


# -- y --------------------------------------------------------------------------------------------

TARGETS: dict[str, Callable[[Any], Any]] = {
    "an array": np.asarray,
    "a list": list,
    "a list of plain numbers": lambda y: y.tolist(),
    "a tuple": tuple,
    "truths": lambda y: y == 1,
    "floats": lambda y: y.astype(float),
    "texts": lambda y: np.array(["no", "yes"])[y],
    "a list of texts": lambda y: np.array(["no", "yes"])[y].tolist(),
    "objects": lambda y: np.array(["no", "yes"], dtype=object)[y],
    "a column": lambda y: y[:, None],
    "a memory map": lambda y: _mapped(y),
    "a series": lambda y: pd.Series(y, index=np.arange(len(y)) + 7),
    "a series of texts": lambda y: pd.Series(np.array(["no", "yes"])[y]),
    "a series of categories": lambda y: pd.Series(np.array(["no", "yes"])[y], dtype="category"),
    "a nullable series": lambda y: pd.Series(y, dtype="Int64"),
    "a nullable series of truths": lambda y: pd.Series(y == 1, dtype="boolean"),
    "a series backed by Arrow": lambda y: _arrow_series(y),
    "an array of pandas": lambda y: pd.array(y, dtype="Int8"),
    "a frame of one column": lambda y: pd.DataFrame({"y": y}),
    "a series of polars": lambda y: pytest.importorskip("polars").Series("y", y),
}


def _arrow_series(y: Any) -> Any:
    pytest.importorskip("pyarrow")
    return pd.Series(y, dtype="int64[pyarrow]")


@pytest.mark.parametrize("kind", TARGETS)
def test_any_container_of_labels_is_trained_on_and_scored(kind, binary):
    make = TARGETS[kind]
    split = binary._replace(y_train=make(binary.y_train), y_test=make(binary.y_test))
    scores = tried(classify, split)
    assert isinstance(scores, dict)
    assert only_run().metrics == scores


def test_a_target_of_several_columns_is_trained_on_and_scored(numbers):
    X_train, X_test, y_train, y_test = numbers
    targets, truth = np.c_[y_train, -y_train], pd.DataFrame({"a": y_test, "b": -y_test})

    def work():
        model = LinearRegression().fit(X_train, pd.DataFrame(targets, columns=["a", "b"]))
        p = model.predict(X_test)
        return {
            "test_score": model.score(X_test, truth),
            "test_r2_score": r2_score(truth, pd.DataFrame(p, columns=["a", "b"])),
            "test_mean_absolute_error": mean_absolute_error(truth, p.tolist()),
        }

    assert tried(work) == only_run().metrics
    assert only_run().datasets[0].target.shape == (160, 2)


class Survival(RegressorMixin, BaseEstimator):
    """Takes whether something happened, and when, as survival analysis does."""

    def fit(self, X, y):
        self.model_ = Ridge().fit(X, y["time"])
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def score(self, X, y):
        return r2_score(y["time"], self.predict(X))


def test_a_target_of_fields_is_trained_on_and_scored(numbers):
    X_train, X_test, *rest = numbers
    fields = np.dtype([("event", bool), ("time", float)])
    y_train, y_test = (np.array([(v > 0, v) for v in y], fields) for y in rest)

    def work():
        model = Survival().fit(X_train, y_train)
        time = y_test["time"]
        return {
            "test_score": model.score(X_test, y_test),
            "test_r2_score": r2_score(time, model.predict(X_test)),
        }

    assert tried(work) == only_run().metrics
    target = only_run().datasets[0].target
    assert [column.name for column in target.columns] == ["event", "time"]


def test_no_target_is_needed(classes):
    from sklearn.cluster import KMeans

    X_train, X_test, _, _ = classes

    def work():
        model = KMeans(3, n_init=1, random_state=0).fit(X_train)
        return {
            "test_score": model.score(X_test),
            "train_score": model.score(X_train),
            "train_silhouette_score": silhouette_score(X_train, model.labels_),
            "test_silhouette_score": silhouette_score(X_test, model.predict(X_test)),
        }

    assert tried(work) == only_run().metrics
    assert only_run().datasets[0].target is None


# -- predictions ----------------------------------------------------------------------------------


def _series_of_polars(p: Any) -> Any:
    return pytest.importorskip("polars").Series("p", p)


def _array_of_arrow(p: Any) -> Any:
    return pytest.importorskip("pyarrow").array(p)


PREDICTIONS: dict[str, Callable[[Any], Any]] = {
    "a list": lambda p: p.tolist(),
    "a tuple": tuple,
    "a series": pd.Series,
    "a nullable series": lambda p: pd.Series(p).convert_dtypes(),
    "a series backed by Arrow": lambda p: pd.Series(_array_of_arrow(p).to_pandas()),
    "an array of pandas": lambda p: pd.array(p),
    "an index": pd.Index,
    "categories": lambda p: pd.Series(p, dtype="category"),
    "a frame of one column": lambda p: pd.DataFrame({"p": p}),
    "objects": lambda p: p.astype(object) if p.dtype.kind in "fU" else list(p.astype(object)),
    "a series of polars": _series_of_polars,
    "a memory map": lambda p: _mapped(p),
    "a masked array": lambda p: np.ma.masked_array(p, np.zeros(len(p), bool)),
    "a column": lambda p: p[:, None],
    "a read-only view": lambda p: np.broadcast_to(p, p.shape),
}


@pytest.mark.parametrize("labels", [(0, 1), ("no", "yes"), (False, True)])
@pytest.mark.parametrize("kind", PREDICTIONS)
def test_labels_in_any_container_are_the_models(kind, labels, binary):
    if kind == "a memory map" and labels == ("no", "yes"):
        labels = ("n", "y")
    X_train, X_test = binary[:2]
    y_train, y_test = (np.array(labels)[y] for y in binary[2:])

    def work():
        model = LogisticRegression().fit(X_train, y_train)
        return accuracy_score(y_test, PREDICTIONS[kind](model.predict(X_test)))

    assert only_metric(tried(work)) == "test_accuracy_score"


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_numbers_in_any_container_are_the_models(kind, numbers):
    X_train, X_test, y_train, y_test = numbers

    def work():
        model = Ridge().fit(X_train, y_train)
        return r2_score(y_test, PREDICTIONS[kind](model.predict(X_test)))

    assert only_metric(tried(work)) == "test_r2_score"


def only_metric(value: object) -> str:
    """The key of the one metric there is, which has this value."""
    ((key, measured_value),) = only_run().metrics.items()
    assert measured_value == value
    return key


class Returning(RegressorMixin, BaseEstimator):
    """Predicts in a container of its own."""

    def __init__(self, make=None):
        self.make = make

    def fit(self, X, y):
        self.model_ = Ridge().fit(X, y)
        return self

    def predict(self, X):
        return self.make(self.model_.predict(X))


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_a_model_that_predicts_in_any_container_is_scored(kind, numbers):
    X_train, X_test, y_train, y_test = numbers

    def work():
        p = Returning(PREDICTIONS[kind]).fit(X_train, y_train).predict(X_test)
        first = r2_score(y_test, p)
        return [first, r2_score(y_test, np.array(p)), r2_score(y_test, p)]

    assert tried(work) == history(only_run(), "test_r2_score")


def _multilabel() -> Split:
    random = np.random.RandomState(5)
    X = random.normal(size=(200, 4))
    Y = (X @ random.normal(size=(4, 6)) + random.normal(size=(200, 6)) > 0.5).astype(int)
    return Split(X[:120], X[120:], Y[:120], Y[120:])


SPARSE_LABELS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda p: p,
    "a copy": lambda p: p.copy(),
    "another format": lambda p: p.tocsc(),
    "an array": sp.csr_array,
    "other numbers": lambda p: p.astype(float),
    "with zeros written out": lambda p: sp.csr_matrix(
        (p.toarray().ravel(), np.tile(np.arange(6), 80), np.arange(0, 481, 6)), p.shape
    ),
    "dense": lambda p: p.toarray(),
}


@pytest.mark.parametrize("form", SPARSE_LABELS)
@pytest.mark.parametrize("sparse", [True, False])
def test_sparse_labels_are_the_models_in_any_form(form, sparse):
    X_train, X_test, y_train, y_test = _multilabel()
    truth = sp.csr_matrix(y_test)

    def work():
        model = OneVsRestClassifier(LogisticRegression())
        p = model.fit(X_train, sp.csr_matrix(y_train) if sparse else y_train).predict(X_test)
        assert sp.issparse(p) == sparse
        return f1_score(truth, SPARSE_LABELS[form](sp.csr_matrix(p)), average="macro")

    assert only_metric(tried(work)) == "test_f1_score_macro"


def test_sparse_labels_made_by_hand_are_no_models(tracking):
    X_train, X_test, y_train, y_test = _multilabel()
    model = OneVsRestClassifier(LogisticRegression()).fit(X_train, sp.csr_matrix(y_train))
    p = model.predict(X_test)
    truth = sp.csr_matrix(y_test)
    ones = sp.csr_matrix(np.ones_like(y_test))
    for guess in (sp.csr_matrix(truth.shape, dtype=int), ones, p[::-1], truth):
        f1_score(truth, guess, average="macro", zero_division=0)
    p[0, 0] = 1 - p[0, 0]
    f1_score(truth, p, average="macro")
    assert only_run().metrics == {}


# -- arrays of other libraries --------------------------------------------------------------------

ARRAY_API = """
    import warnings
    import numpy as np
    import array_api_strict as xp
    import autotrack
    from sklearn import config_context
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import Ridge
    from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score

    warnings.simplefilter("error", autotrack.AutotrackWarning)
    random = np.random.RandomState(0)
    X = random.normal(size=(90, 3))
    y = X @ [3.0, -2.0, 1.0] + random.normal(size=90)
    X_train, X_test, y_train, y_test = map(xp.asarray, (X[:60], X[60:], y[:60], y[60:]))
    c_train, c_test = (xp.asarray(part > 0, dtype=xp.int64) for part in (y_train, y_test))

    def work():
        with config_context(array_api_dispatch=True):
            ridge = Ridge(solver="svd").fit(X_train, y_train)
            lda = LinearDiscriminantAnalysis().fit(X_train, c_train)
            p = ridge.predict(X_test)
            assert type(p) is type(X_test)
            first = [
                ridge.score(X_test, y_test),
                r2_score(y_test, p),
                r2_score(y_train, ridge.predict(X_train)),
                mean_absolute_error(y_test, xp.asarray(np.asarray(p).copy())),
                mean_absolute_error(y_test, y_test * 0.0 + 0.5),
            ]
            return first, [accuracy_score(c_test, lda.predict(X_test)), lda.score(X_test, c_test)]

    expected = work()
    with autotrack.enable(log_models=False):
        assert work() == expected
    runs = autotrack.search_runs(order_by="start_time")
    first, second = (autotrack.get_run(run_id) for run_id in runs["run_id"])
    (score, r2, train, error, _), (accuracy, classified) = expected
    assert first.metrics == {
        "test_score": score,
        "test_r2_score": r2,
        "train_r2_score": train,
        "test_mean_absolute_error": error,
    }, first.metrics
    assert second.metrics == {"test_accuracy_score": accuracy, "test_score": classified}
    assert first.datasets[0].data.shape == (60, 3)
"""


def test_arrays_of_the_array_api_are_trained_on_and_scored(run_python):
    pytest.importorskip("array_api_strict")
    # scipy asks for this when it is imported.
    run_python(code=textwrap.dedent(ARRAY_API), SCIPY_ARRAY_API="1")


def test_what_is_yet_to_be_computed_is_not_computed(tracking, numbers):
    class Lazy:
        """As a collection of dask: computed when it is made an array of."""

        def __init__(self, values):
            self.values, self.shape = values, values.shape
            self.computed = 0

        def __dask_graph__(self):
            raise AssertionError("not ours to compute")

        def __len__(self):
            return len(self.values)

        def __getitem__(self, key):
            return Lazy(self.values[key])

        def __array__(self, dtype=None, copy=None):
            self.computed += 1
            return np.asarray(self.values)

    class Distributed(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.model_ = Ridge().fit(X.values, y)
            return self

        def predict(self, X):
            return Lazy(self.model_.predict(X.values))

    X, X_val = map(Lazy, numbers[:2])
    p = Distributed().fit(X, numbers.y_train).predict(X_val)
    assert (X.computed, X_val.computed, p.computed) == (0, 0, 0)
    value = r2_score(numbers.y_test, p)
    assert only_run().metrics == {"val_r2_score": value}
    once = p.computed
    autotrack.disable()
    r2_score(numbers.y_test, p)
    assert p.computed == 2 * once


# -- texts, and what can be read once -------------------------------------------------------------

TEXTS = [
    f"{'tea' if i % 2 else 'coffee'} {i % 7} {'late' if i % 3 else 'early'}" for i in range(60)
]
LABELS = [i % 2 for i in range(60)]


@pytest.mark.parametrize(
    "make", [list, tuple, np.array, pd.Series, lambda texts: np.array(texts, dtype=object)]
)
def test_texts_are_trained_on_and_scored(make):
    X_train, X_test, y_train, y_test = make(TEXTS[:40]), make(TEXTS[40:]), LABELS[:40], LABELS[40:]

    def work():
        model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(X_train, y_train)
        return {
            "test_score": model.score(X_test, y_test),
            "train_score": model.score(X_train, y_train),
            "test_accuracy_score": accuracy_score(y_test, list(model.predict(X_test))),
        }

    assert tried(work) == only_run().metrics
    assert only_run().datasets[0].data.shape == (40,)
    assert "coffee" not in repr(only_run().record())


def test_a_generator_is_read_by_scikit_learn_alone():
    def work():
        model = make_pipeline(CountVectorizer(), LogisticRegression())
        model.fit((text for text in TEXTS[:40]), LABELS[:40])
        p = model.predict(text for text in TEXTS[40:])
        y_val = LABELS[40:]
        return accuracy_score(y_val, p)

    assert only_metric(tried(work)) == "val_accuracy_score"
    assert only_run().datasets == ()


def test_rows_as_dicts_are_trained_on_and_scored():
    rows = [{"kind": text.split()[0], "at": i % 5} for i, text in enumerate(TEXTS)]

    def work():
        X_train, X_test = rows[:40], rows[40:]
        model = make_pipeline(DictVectorizer(), LogisticRegression()).fit(X_train, LABELS[:40])
        return {
            "train_score": model.score(X_train, LABELS[:40]),
            "test_score": model.score(X_test, LABELS[40:]),
        }

    assert tried(work) == only_run().metrics


def test_splits_that_can_be_read_once_are_read_by_scikit_learn_alone(binary):
    def work():
        splits = ((np.arange(80) + 80 * (i % 2), np.arange(80)) for i in range(3))
        scores = cross_val_score(LogisticRegression(), *binary[::2], cv=splits)
        return scores.tolist()

    assert len(tried(work)) == 3


# -- memory ---------------------------------------------------------------------------------------


def _huge(form: str, make: Any, rows: int = 1_000_000, columns: int = 100_000) -> Any:
    random = np.random.RandomState(0)
    places = tuple(random.randint(0, most, rows).astype("i4") for most in (rows, columns))
    return make((random.rand(rows), places), shape=(rows, columns)).asformat(form)


@pytest.mark.parametrize(
    ("form", "make"), [("csr", sp.coo_matrix), ("csc", sp.coo_array), ("coo", sp.coo_array)]
)
def test_a_huge_sparse_matrix_costs_no_memory(form, make):
    X = _huge(form, make)
    y = np.arange(X.shape[0]) % 2

    def work():
        tracemalloc.start()
        model = SGDClassifier(max_iter=1, tol=None, random_state=0).fit(X, y)
        p = model.predict(X)
        value = accuracy_score(y, p)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return value, peak

    bare, without = work()
    with autotrack.enable(log_models=False):
        tracked, peak = work()
    assert tracked == bare
    assert only_run().metrics == {"train_accuracy_score": bare}
    assert peak < without + 32e6


def test_a_memory_map_is_neither_copied_nor_held_open(tmp_path):
    X = np.memmap(tmp_path / "X", "f8", "w+", shape=(200_000, 20))
    X[:] = np.random.RandomState(0).normal(size=X.shape)
    y = np.arange(len(X)) % 2
    with autotrack.enable(log_models=False):
        SGDClassifier(max_iter=1, tol=None).fit(X[:200], y[:200])  # warms up
        tracemalloc.start()
        model = Constant().fit(X, y)
        p = model.predict(X)
        accuracy_score(y, p)
        model.score(X, y)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < X.nbytes / 2
        assert {"train_accuracy_score", "train_score"} <= set(runs()[-1].metrics)
        gone = weakref.ref(X._mmap)
        frame = pd.DataFrame(X[:1000], copy=False)
        Constant().fit(frame, y[:1000]).score(frame, y[:1000])
        del X, frame
        gc.collect()
        assert gone() is None


class Constant(ClassifierMixin, BaseEstimator):
    """Needs no copy of what it is trained on."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.arange(len(X)) // 3 % 2


def test_data_that_can_be_referred_to_weakly_is_not_kept_alive(tracking, binary):
    polars = pytest.importorskip("polars")

    def train():
        frames = [polars.DataFrame(X) for X in binary[:2]]
        model = LogisticRegression().fit(frames[0], binary.y_train)
        p = polars.Series(model.predict(frames[1]))
        accuracy_score(binary.y_test, p)
        return [weakref.ref(thing) for thing in (*frames, p, model)]

    left = train()
    gc.collect()
    assert [reference() for reference in left] == [None] * 4


# -- fit arguments, routing and settings of scikit-learn ------------------------------------------


def test_further_arguments_of_fit_are_named_by_place_and_by_name(tracking, binary):
    X, _, y, _ = binary
    weights = np.ones(len(y))
    SGDClassifier(random_state=0).fit(X, y, None, None, weights)
    LogisticRegression().fit(X, y, weights)
    LogisticRegression().fit(X, y, sample_weight=weights)
    LogisticRegression().fit(X, y, sample_weight=None)
    make_pipeline(LogisticRegression()).fit(X, y, logisticregression__sample_weight=weights)
    assert [run.tags.get("fit_arguments") for run in runs()] == [
        "sample_weight",
        "sample_weight",
        "sample_weight",
        None,
        "logisticregression__sample_weight",
    ]


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_metadata_is_routed_as_ever(routing, binary):
    X_train, X_test, y_train, y_test = binary
    weights, weights_test = (np.arange(len(y)) + 1.0 for y in (y_train, y_test))

    def work():
        step = LogisticRegression().set_fit_request(sample_weight=True)
        step.set_score_request(sample_weight=True)
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), step)
        model.fit(X_train, y_train, sample_weight=weights)
        return {
            "test_score_sample_weight": model.score(X_test, y_test, sample_weight=weights_test),
            "train_score_sample_weight": model.score(X_train, y_train, sample_weight=weights),
        }

    assert tried(work) == only_run().metrics
    assert only_run().tags["fit_arguments"] == "sample_weight"


def test_metadata_reaches_the_splits_of_a_validation(routing, binary):
    X, _, y, _ = binary
    weights = np.arange(len(y)) + 1.0

    def work():
        model = LogisticRegression().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        return cross_val_score(model, X, y, params={"sample_weight": weights}).tolist()

    assert len(tried(work)) == 5


@pytest.mark.parametrize("library", ["default", "pandas", "polars"])
def test_transformers_may_return_what_they_are_told_to(library, binary):
    if library == "polars":
        pytest.importorskip("polars")

    def work():
        X_train, X_test, y_train, y_test = binary
        with sklearn.config_context(transform_output=library):
            model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
            return {
                "test_score": model.score(X_test, y_test),
                "test_accuracy_score": accuracy_score(y_test, model.predict(X_test).tolist()),
            }

    assert tried(work) == only_run().metrics


@pytest.mark.filterwarnings("ignore::autotrack.PreprocessingWarning")
@pytest.mark.parametrize("library", ["default", "pandas", "polars"])
@pytest.mark.parametrize("held", [True, False])
def test_rows_of_any_output_are_known_to_be_transformed(library, held, tracking, binary):
    if library == "polars":
        pytest.importorskip("polars")
    scaler = StandardScaler().set_output(transform=library)
    if held:
        scaled = scaler.fit_transform(binary.X_train)
        X_train, _, y_train, _ = train_test_split(scaled, binary.y_train, random_state=0)
    else:
        X_train, _, y_train, _ = train_test_split(
            scaler.fit_transform(binary.X_train), binary.y_train, random_state=0
        )
    LogisticRegression().fit(X_train, y_train)
    assert only_run().params["preprocessing__standardscaler"] == "StandardScaler"


@pytest.mark.filterwarnings("ignore::autotrack.PreprocessingWarning")
@pytest.mark.parametrize("form", [*FORMATS, "dense"])
def test_words_counted_outside_are_noticed_in_any_format(form, tracking):
    texts = [f"the tea and the coffee {i % 900} {i % 7}" for i in range(6000)]
    counts = CountVectorizer().fit_transform(texts)
    rows = np.random.RandomState(0).permutation(6000)[:4000]
    taken = counts[rows]
    X = taken.toarray() if form == "dense" else taken.asformat(form)
    SGDClassifier(max_iter=1, tol=None).fit(X, rows % 2)
    SGDClassifier(max_iter=2, tol=None).fit(X * 2, rows % 2)
    noticed = ["preprocessing__countvectorizer" in run.params for run in runs()]
    assert noticed == [True, False]


@pytest.mark.parametrize(
    "settings", [{"assume_finite": True}, {"skip_parameter_validation": True}, {"display": "text"}]
)
def test_settings_of_scikit_learn_do_not_matter(settings, binary):
    with sklearn.config_context(**settings):
        scores = tried(classify, binary)
    assert only_run().metrics == scores
