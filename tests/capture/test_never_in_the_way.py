"""While tracking is on, scikit-learn answers, raises, copies and pickles as it did before."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import pickle
import sys
import warnings
import weakref
from unittest.mock import Mock

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score, get_scorer, make_scorer, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.validation import has_fit_parameter

import autotrack
from autotrack import CaptureWarning
from autotrack.tracking.recording.recorder import Recorder
from tests.looking import only_run, runs


class Careful(ClassifierMixin, BaseEstimator):
    """Predicts the first class. The documentation of the class."""

    def __init__(self, certainty=0.5):
        self.certainty = certainty

    def fit(self, X, y, sample_weight=None, *, verbose: bool = False):
        """The documentation of fit."""
        if len(X) != len(y):
            raise LookupError("lengths", len(X), len(y)) from ZeroDivisionError("inner")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """The documentation of predict."""
        return np.full(len(X), self.classes_[0])


# -- looks ----------------------------------------------------------------------------------------

METHODS = [
    (LogisticRegression, "fit"),
    (LogisticRegression, "predict_proba"),
    (StandardScaler, "transform"),
    (Pipeline, "fit"),
    (Pipeline, "predict"),
    (GridSearchCV, "score"),
    (SGDClassifier, "partial_fit"),
    (ClassifierMixin, "score"),
    (TransformerMixin, "fit_transform"),
    (SVC, "predict_proba"),
    (Careful, "fit"),
]


def looks(function):
    return {
        "signature": str(inspect.signature(function)),
        "name": function.__name__,
        "qualname": function.__qualname__,
        "module": function.__module__,
        "doc": function.__doc__,
        "annotations": getattr(function, "__annotations__", None),
        "source": inspect.getsource(function),
        "unwrapped": inspect.unwrap(function),
    }


@pytest.mark.parametrize(("owner", "name"), METHODS)
def test_a_method_looks_as_before(owner, name):
    before = looks(getattr(owner, name))
    with autotrack.enable():
        assert looks(getattr(owner, name)) == before


FUNCTIONS = [name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_of_scikit_learns_metrics_is_the_same_object_and_looks_as_before(name):
    function = getattr(metrics, name)
    before, state = looks(function), dict(vars(function))
    with autotrack.enable():
        assert getattr(metrics, name) is function
        assert looks(function) == before
        assert vars(function) == state


def test_an_estimator_looks_as_before(tracking):
    model = Careful(0.25)
    assert inspect.signature(Careful) == inspect.signature(Careful.__init__).replace(
        parameters=list(inspect.signature(Careful.__init__).parameters.values())[1:]
    )
    assert Careful.__doc__ == "Predicts the first class. The documentation of the class."
    assert repr(model) == "Careful(certainty=0.25)"
    assert isinstance(model, ClassifierMixin)
    assert "certainty" in model._repr_html_()
    assert has_fit_parameter(model, "sample_weight")
    assert not has_fit_parameter(model, "groups")


def test_params_are_read_set_and_cloned_as_before(tracking, binary):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=3)).fit(
        binary.X_train, binary.y_train
    )
    assert model.get_params()["logisticregression__C"] == 3
    twin = clone(model).set_params(logisticregression__C=4)
    assert twin["logisticregression"].C == 4
    assert not hasattr(twin[-1], "coef_")
    assert (copy.deepcopy(model).predict(binary.X_test) == model.predict(binary.X_test)).all()


CONDITIONAL = [
    (SVC(), "predict_proba", False),
    (SVC(probability=True), "predict_proba", True),
    (SGDClassifier(loss="hinge"), "predict_proba", False),
    (SGDClassifier(loss="log_loss"), "predict_proba", True),
    (make_pipeline(StandardScaler()), "predict", False),
    (make_pipeline(StandardScaler()), "transform", True),
    (make_pipeline(StandardScaler(), GaussianNB()), "transform", False),
    (make_pipeline(StandardScaler(), GaussianNB()), "predict", True),
    (GridSearchCV(GaussianNB(), {}), "transform", False),
    (VotingClassifier([("a", GaussianNB())], voting="hard"), "predict_proba", False),
    (VotingClassifier([("a", GaussianNB())], voting="soft"), "predict_proba", True),
]


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(("model", "name", "expected"), CONDITIONAL)
def test_methods_that_depend_on_params_are_there_as_before(model, name, expected, tracking):
    assert hasattr(model, name) is expected
    if not expected:
        with pytest.raises(AttributeError, match=name):
            getattr(model, name)


def test_output_as_frames_is_set_as_before(tracking, binary):
    frame = pd.DataFrame(binary.X_train, columns=list("abcd"))

    class Shift(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            self.fitted_ = True
            return self

        def transform(self, X):
            return np.asarray(X) + 1

        def get_feature_names_out(self, names=None):
            return np.array(["p", "q", "r", "s"])

    scaler, shift = (each.set_output(transform="pandas") for each in (StandardScaler(), Shift()))
    assert list(scaler.fit_transform(frame)) == list("abcd")
    assert list(shift.fit(frame).transform(frame)) == list("pqrs")
    with sklearn.config_context(transform_output="pandas"):
        model = make_pipeline(StandardScaler(), Shift(), LogisticRegression())
        model.fit(frame, binary.y_train)
        assert list(model[:-1].transform(frame)) == list("pqrs")
        assert list(Shift().fit_transform(frame)) == list("pqrs")
    assert isinstance(Shift().fit_transform(frame), np.ndarray)
    assert [run.name for run in runs()] == ["StandardScaler > Shift > LogisticRegression"]


def test_metadata_is_routed_as_before(tracking, binary):
    weights = np.arange(len(binary.y_train)) + 1.0

    class Weighed(Careful):
        def fit(self, X, y, sample_weight=None):
            self.total_ = float(np.sum(sample_weight))
            return super().fit(X, y)

        def score(self, X, y, sample_weight=None):
            return float(np.sum(sample_weight))

    with sklearn.config_context(enable_metadata_routing=True):
        model = Weighed().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        whole = make_pipeline(scaler, model)
        whole.fit(binary.X_train, binary.y_train, sample_weight=weights)
        assert model.total_ == weights.sum()
        scores = cross_val_score(
            model, binary.X_train, binary.y_train, cv=2, params={"sample_weight": weights}
        )
        assert scores.sum() == weights.sum()
        with pytest.raises(TypeError, match="groups"):
            model.set_fit_request(groups=True)
    request = model.get_metadata_routing().fit.requests
    assert request == {"sample_weight": True}


def test_the_params_of_meta_estimators_methods_are_seen_as_before(tracking, binary):
    X_train, _, y_train, _ = binary
    weights = np.ones(len(y_train))
    bagged = sklearn.ensemble.BaggingClassifier(GaussianNB(), 2)
    bagged.fit(X_train, y_train, sample_weight=weights)
    VotingClassifier([("a", GaussianNB())]).fit(X_train, y_train, sample_weight=weights)
    RFE(SVC(kernel="linear"), n_features_to_select=2).fit(X_train, y_train)
    StackingClassifier([("a", GaussianNB())], cv=2).fit(X_train, y_train, sample_weight=weights)
    assert len(runs()) == 4


# -- calls ----------------------------------------------------------------------------------------


def test_calls_return_the_very_object(tracking, numbers):
    class Fixed(RegressorMixin, TransformerMixin, BaseEstimator):
        answer = np.arange(80.0)

        def fit(self, X, y=None):
            return self

        def predict(self, X):
            return self.answer

        def transform(self, X):
            return X

        def score(self, X, y):
            return self.answer

    model = Fixed()
    assert model.fit(numbers.X_train, numbers.y_train) is model
    assert model.predict(numbers.X_test) is Fixed.answer
    assert model.transform(numbers.X_test) is numbers.X_test
    assert model.score(numbers.X_test, numbers.y_test) is Fixed.answer


def test_a_mock_among_the_params_is_one_of_them_and_no_estimator(tracking, binary):
    scorer = Mock(side_effect=get_scorer("accuracy"))
    search = GridSearchCV(Careful(), {"certainty": [0.25]}, scoring=scorer, cv=2)
    search.fit(binary.X_train, binary.y_train)
    assert scorer.call_count == 2
    assert "Mock" in runs()[0].params["scoring"]


def test_an_exception_passes_unchanged(tracking, binary):
    with pytest.raises(LookupError) as raised:
        Careful().fit(binary.X_train, [1])
    assert raised.type is LookupError
    assert raised.value.args == ("lengths", 160, 1)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert raised.value.__suppress_context__
    assert not hasattr(raised.value, "__notes__")
    assert (only_run().error.type, only_run().status) == ("LookupError", "FAILED")


MISTAKES = {
    "an argument too many": lambda model, X, y: model.fit(X, y, None, 3),
    "an unknown argument": lambda model, X, y: model.fit(X, y, weights=y),
    "no argument": lambda model, X, y: model.fit(),
    "not fitted": lambda model, X, y: model.predict(X),
    "other columns": lambda model, X, y: model.fit(X, y).predict(X[:, :2]),
    "no instance": lambda model, X, y: LogisticRegression.fit(X, y),
    "nothing at all": lambda model, X, y: LogisticRegression.fit(),
    "a bad param": lambda model, X, y: LogisticRegression(C="big").fit(X, y),
    "a metric without a prediction": lambda model, X, y: accuracy_score(y),
    "a metric of nothing": lambda model, X, y: accuracy_score([], []),
    "a metric with a bad option": lambda model, X, y: accuracy_score(y, y, normalize="very"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_as_before(mistake, binary):
    def message():
        try:
            MISTAKES[mistake](LogisticRegression(), binary.X_train, binary.y_train)
        except Exception as error:
            return type(error), str(error), type(error.__cause__)
        return None

    before = message()
    with autotrack.enable(log_models=False):
        assert message() == before


def test_warnings_turned_into_errors_do_not_break_a_training(binary, capsys, monkeypatch):
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")

    def broken(*args, **kwargs):
        raise RuntimeError("no store today")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with autotrack.enable(log_models=False):
            monkeypatch.setattr(Recorder, "open_fit", broken)
            X = StandardScaler().fit_transform(binary.X_train)
            model = LogisticRegression().fit(X, binary.y_train)
            accuracy_score(binary.y_train, model.predict(X))
            accuracy_score(binary.y_train, model.predict_proba(X)[:, 1] > 0.3)
    assert capsys.readouterr().err.count("no store today") == 1


BROKEN = {
    "open_fit": "record a fit",
    "close_fit": "record a fit",
    "link": "record a fit",
    "score": "record",
}


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_goes_wrong_inside_is_one_warning_and_the_training_goes_on(
    name, binary, monkeypatch
):
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")
    X_train, X_test, y_train, y_test = binary

    def broken(*args, **kwargs):
        raise KeyError("something within")

    def train():
        for _ in range(3):
            model = LogisticRegression().fit(X_train, y_train)
            assert model.score(X_test, y_test) > 0
        return model

    with autotrack.enable(log_models=False):
        monkeypatch.setattr(Recorder, name, broken)
        with pytest.warns(CaptureWarning, match=BROKEN[name]) as told:
            model = train()
    assert len(told) == 1
    assert "something within" in str(told[0].message)
    assert told[0].filename == __file__
    assert hasattr(model, "coef_")


def test_what_goes_wrong_inside_is_raised_where_strictness_is_asked_for(binary, monkeypatch):
    def broken(*args, **kwargs):
        raise KeyError("something within")

    with autotrack.enable(log_models=False):
        monkeypatch.setattr(Recorder, "open_fit", broken)
        with pytest.raises(KeyError, match="something within"):
            LogisticRegression().fit(binary.X_train, binary.y_train)


def test_a_container_that_cannot_be_described_costs_its_description_only(binary, tracking):
    class Rows(list):
        """A list, as far as scikit-learn is concerned."""

        def __iter__(self):
            return super().__iter__()

        @property
        def shape(self):
            raise RuntimeError("not today")

    GaussianNB().fit(Rows(binary.X_train.tolist()), binary.y_train)
    assert only_run().status == "FINISHED"


# -- the caller's variables -----------------------------------------------------------------------


@pytest.fixture
def untraced():
    """Without coverage's trace function, under which Python itself keeps copies of variables."""
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


def test_what_locals_once_gave_does_not_change(tracking, numbers):
    def train(alpha, depth=3):
        config, same = locals(), vars()
        X_train, y_train = numbers.X_train, numbers.y_train
        model = Ridge(alpha=alpha).fit(X_train, y_train)
        r2_score(y_train, model.predict(X_train))
        return config, same

    config, same = train(2.0)
    assert config == {"alpha": 2.0, "depth": 3, "numbers": numbers}
    assert same is config


def test_what_the_caller_lets_go_of_is_gone(untraced, tracking, numbers):
    def train():
        X_train = numbers.X_train.copy()
        model = Ridge().fit(X_train, numbers.y_train)
        p = model.predict(X_train)
        r2_score(numbers.y_train, p)
        left = [weakref.ref(thing) for thing in (X_train, model, p)]
        del X_train, model, p
        gc.collect()
        return [reference() for reference in left]

    assert train() == [None, None, None]


def test_the_callers_variables_stay_what_they_are(tracking, numbers):
    def train(X_train, y_train):
        weight = 3

        def inside():
            return weight

        model = Ridge().fit(X_train, y_train)
        for X_part in (X_train, X_train[:50]):
            model.score(X_part, y_train[: len(X_part)])
        return weight, inside(), [model.score(part, y_train) for part in (X_train,)], X_part

    weight, inside, scores, X_part = train(numbers.X_train, numbers.y_train)
    assert (weight, inside, len(scores), len(X_part)) == (3, 3, 1, 50)


# -- pickles --------------------------------------------------------------------------------------

PICKLED = {
    "a metric": lambda: accuracy_score,
    "a metric with options": lambda: functools.partial(metrics.f1_score, average="macro"),
    "a scorer": lambda: get_scorer("roc_auc"),
    "a scorer of one's own": lambda: make_scorer(metrics.fbeta_score, beta=2),
    "an estimator": lambda: LogisticRegression(C=2),
    "a class": lambda: LogisticRegression,
    "a bound method": lambda: LogisticRegression(C=2).fit,
    "a method": lambda: LogisticRegression.fit,
    "a search with a scorer": lambda: GridSearchCV(
        Ridge(), {"alpha": [1]}, scoring=make_scorer(r2_score)
    ),
    "a search with a metric": lambda: GridSearchCV(
        Ridge(), {"alpha": [1]}, scoring=get_scorer("r2")
    ),
}


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
@pytest.mark.parametrize("what", PICKLED)
def test_pickles_are_made_and_are_what_they_were(what, pickler):
    before = pickler.dumps(PICKLED[what]())
    with autotrack.enable():
        during = pickler.dumps(PICKLED[what]())
        assert during == before
        pickle.loads(during)


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_a_conditional_method_is_pickled_and_works(pickler, binary):
    with autotrack.enable(log_models=False):
        model = make_pipeline(StandardScaler(), GaussianNB()).fit(binary.X_train, binary.y_train)
        method = pickle.loads(pickler.dumps(model.predict))
    assert (method(binary.X_test) == model.predict(binary.X_test)).all()


def test_a_fitted_pipeline_is_pickled_as_before(binary):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    with autotrack.enable(log_models=False):
        model.fit(binary.X_train, binary.y_train)
        during = pickle.dumps(model), joblib.hash(model)
    assert (pickle.dumps(model), joblib.hash(model)) == during
    assert b"autotrack" not in during[0]


LOADED_ELSEWHERE = """
import pickle, sys
sys.modules["autotrack"] = None  # as if it were not installed
with open(sys.argv[1], "rb") as file:
    model, kind, scorer, method = pickle.load(file)
print(model.predict([[1.0], [3.0]]).tolist(), model.score([[1.0]], [1.0]))
print(kind(scale=3.0).fit([[1.0]], [1]).predict([[2.0]]).tolist(), kind.train is not None)
print(hasattr(kind(), "predict_proba"), hasattr(kind(secret=False), "predict_proba"))
print(scorer(model, [[1.0]], [1.0]), method([[5.0]]).tolist())
"""

WRITTEN_HERE = """
import sys
import autotrack, cloudpickle
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.metrics import make_scorer, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.metaestimators import available_if

autotrack.enable(log_models=False)

def error(y, p):
    return float(np.mean(np.abs(y - p)))

class Base(RegressorMixin, BaseEstimator):
    seen = []
    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        Base.seen.append(cls.__name__)

class Scaled(TransformerMixin, Base):
    def __init__(self, scale=2.0, secret=True):
        self.scale = scale
        self.secret = secret
    def fit(self, X, y=None):
        self.fitted_ = True
        return self
    train = fit
    def predict(self, X):
        return np.asarray(X)[:, 0] * self.scale
    @available_if(lambda self: not self.secret)
    def predict_proba(self, X):
        return None
    def transform(self, X):
        return X

model = make_pipeline(Scaled(), Scaled(scale=2.5)).fit([[1.0], [2.0]], [1.0, 2.0])
model.score([[1.0], [2.0]], [1.0, 2.0])
kept = (model, Scaled, make_scorer(error), model[-1].predict)
with open(sys.argv[1], "wb") as file:
    cloudpickle.dump(kept, file)
"""


def test_a_class_of_main_pickled_while_tracking_is_on_works_where_autotrack_is_missing(
    run_python, tmp_path
):
    target = tmp_path / "model.pkl"
    (tmp_path / "here.py").write_text(WRITTEN_HERE)
    run_python(tmp_path / "here.py", target)
    (tmp_path / "there.py").write_text(LOADED_ELSEWHERE)
    done = run_python("-I", tmp_path / "there.py", target)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("[2.5, 7.5] ")
    assert lines[1] == "[6.0] True"
    assert lines[2] == "False True"
    assert lines[3] == "1.5 [12.5]"


def test_workers_of_joblib_are_handed_work_as_before(tracking, binary):
    class Local(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            return np.full(len(X), self.classes_[0])

    models = joblib.Parallel(n_jobs=2)(
        joblib.delayed(Local().fit)(binary.X_train, binary.y_train) for _ in range(2)
    )
    assert [type(model).__name__ for model in models] == ["Local", "Local"]
    assert models[0].predict(binary.X_test).tolist() == [0] * 80


def test_functions_cached_by_joblib_stay_cached(tmp_path, binary):
    memory = joblib.Memory(tmp_path / "cache", verbose=0)
    calls = []

    def train(model, X, y):
        calls.append(model)
        return clone(model).fit(X, y)

    cached = memory.cache(train)
    cached(GaussianNB(), binary.X_train, binary.y_train)
    with autotrack.enable(log_models=False):
        cached(GaussianNB(), binary.X_train, binary.y_train)
        make_pipeline(StandardScaler(), GaussianNB(), memory=memory).fit(
            binary.X_train, binary.y_train
        )
    cached(GaussianNB(), binary.X_train, binary.y_train)
    assert len(calls) == 1
