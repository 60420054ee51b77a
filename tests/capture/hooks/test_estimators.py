"""Fits: what becomes a run, whose run it is, and what the run says."""

from __future__ import annotations

import threading
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import RFECV, SelectKBest, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity, KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import autotrack
from autotrack import CaptureWarning
from tests.looking import history, measured, only_run, runs

# -- what a run says ------------------------------------------------------------------------------


def test_a_fit_is_a_finished_run(tracking, binary):
    model = LogisticRegression(C=0.5).fit(binary.X_train, binary.y_train)
    assert isinstance(model, LogisticRegression)
    run = only_run()
    assert (run.name, run.kind, run.status) == ("LogisticRegression", "fit", "FINISHED")
    assert run.tags["estimator"] == "sklearn.linear_model._logistic.LogisticRegression"
    assert run.start_time <= run.end_time
    assert autotrack.last_run() == run


def test_only_what_the_user_set_is_a_param_and_keeps_its_type(tracking, binary):
    model = RandomForestClassifier(3, max_depth=np.int64(4), bootstrap=False, max_features=0.5)
    model.fit(binary.X_train, binary.y_train)
    params = dict(only_run().params)
    assert params == {
        "n_estimators": 3,
        "max_depth": 4,
        "bootstrap": False,
        "max_features": 0.5,
    }
    assert [type(value) for value in params.values()] == [type(v) for v in _like(params)]


def _like(params):
    plain = {"n_estimators": 3, "max_depth": 4, "bootstrap": False, "max_features": 0.5}
    return [plain[key] for key in params]


def test_params_left_at_their_defaults_are_kept_on_request(binary):
    with autotrack.enable(log_models=False, log_defaults=True):
        LogisticRegression(C=0.5).fit(binary.X_train, binary.y_train)
    params = only_run().params
    assert params["C"] == 0.5
    assert params["fit_intercept"] is True
    assert params["class_weight"] is None


def test_params_are_found_at_every_level_of_a_composition(tracking, binary):
    features = ColumnTransformer([("scaled", StandardScaler(with_mean=False), [0, 1])])
    inner = make_pipeline(PCA(1), LogisticRegression(C=2))
    model = make_pipeline(features, VotingClassifier([("a", inner), ("b", GaussianNB())]))
    model.fit(binary.X_train, binary.y_train)
    params = only_run().params
    assert params["votingclassifier__a__logisticregression__C"] == 2
    assert params["votingclassifier__a__pca__n_components"] == 1
    assert params["columntransformer__scaled__with_mean"] is False
    assert params["votingclassifier__b"] == "GaussianNB"
    assert "votingclassifier__voting" not in params
    assert only_run().name == "ColumnTransformer > VotingClassifier"


def test_the_training_data_is_on_record_without_its_values(tracking):
    frame = pd.DataFrame({"länge": [1.5, 2.5, 7654321.5, 4.5], "art": [1, 2, 1, 2]})
    target = pd.Series([0, 1, 0, 1], name="ziel")
    LogisticRegression().fit(frame, target)
    (train,) = only_run().datasets
    assert (train.context, train.name, train.data.kind) == ("train", "frame", "pandas.DataFrame")
    assert [column.name for column in train.data.columns] == ["länge", "art"]
    assert train.target is not None
    assert train.target.shape == (4,)
    assert "7654321" not in repr(only_run().record())


def test_further_arguments_of_fit_are_named(tracking, binary):
    weights = np.ones(len(binary.y_train))
    LogisticRegression().fit(binary.X_train, binary.y_train, sample_weight=weights)
    assert only_run().tags["fit_arguments"] == "sample_weight"


def test_the_run_belongs_to_the_experiment_of_the_session(binary):
    with autotrack.enable(log_models=False, experiment="tea"):
        GaussianNB().fit(binary.X_train, binary.y_train)
    assert only_run().experiment == "tea"


def test_a_users_own_estimator_is_a_run(tracking, binary):
    class Majority(ClassifierMixin, BaseEstimator):
        def __init__(self, of=3, label=None):
            self.of = of
            self.label = label

        def fit(self, X, y):
            self.classes_, counts = np.unique(y, return_counts=True)
            self.label_ = self.classes_[counts.argmax()]
            return self

        def predict(self, X):
            return np.full(len(X), self.label_)

    model = Majority(of=5).fit(binary.X_train, binary.y_train)
    value = model.score(binary.X_test, binary.y_test)
    accuracy_score(binary.y_test, model.predict(binary.X_test))
    run = only_run()
    assert run.params == {"of": 5}
    assert set(run.metrics.values()) == {value}
    assert len(run.metrics) == 2


def test_an_estimator_that_hides_its_params_is_a_run_all_the_same(binary, monkeypatch):
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")

    class Secretive(ClassifierMixin, BaseEstimator):
        def __init__(self, depth=1):
            self._depth = depth

        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.zeros(len(X))

    with autotrack.enable(log_models=False), pytest.warns(CaptureWarning, match="params"):
        Secretive(3).fit(binary.X_train, binary.y_train)
    assert only_run().status == "FINISHED"
    assert only_run().params == {}


@pytest.mark.parametrize(
    "model",
    [
        KMeans(2, n_init=1),
        DBSCAN(),
        GaussianMixture(2),
        IsolationForest(n_estimators=3),
        KernelDensity(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_clusters_or_scores_is_a_model_as_well(model, tracking, binary):
    model.fit(binary.X_train)
    assert only_run().name == type(model).__name__


@pytest.mark.parametrize(
    "transformer",
    [
        StandardScaler(),
        PCA(2),
        SimpleImputer(),
        NearestNeighbors(),
        FeatureUnion([("a", PCA(1)), ("b", StandardScaler())]),
        ColumnTransformer([("a", StandardScaler(), [0])]),
        make_pipeline(StandardScaler(), PCA(1)),
        SelectKBest(k=1),
        SequentialFeatureSelector(GaussianNB(), n_features_to_select=1, cv=2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_bare_transformer_opens_no_run(transformer, tracking, binary):
    transformer.fit(binary.X_train, binary.y_train)
    if hasattr(transformer, "fit_transform"):
        transformer.fit_transform(binary.X_train, binary.y_train)
    LabelEncoder().fit_transform(binary.y_train)
    assert runs() == []


def test_in_an_active_run_a_bare_transformers_params_are_kept_apart(tracking, binary):
    with autotrack.start_run() as run:
        PCA(2).fit(binary.X_train)
        StandardScaler(with_std=False).fit_transform(binary.X_train)
        StandardScaler(with_mean=False).fit(binary.X_train)
    assert run.params == {
        "preprocessing__pca": "PCA",
        "preprocessing__pca__n_components": 2,
        "preprocessing__standardscaler": "StandardScaler",
        "preprocessing__standardscaler__with_std": False,
        "preprocessing__standardscaler-2": "StandardScaler",
        "preprocessing__standardscaler-2__with_mean": False,
    }
    assert runs() == [run]


def test_the_params_of_a_pipeline_that_preprocesses_can_be_asked_for_without_quotes(
    tracking, binary
):
    with autotrack.start_run() as run:
        make_pipeline(StandardScaler(), PCA(2)).fit(binary.X_train)
    assert run.params["preprocessing__pipeline"] == "StandardScaler > PCA"
    assert run.params["preprocessing__pipeline__pca__n_components"] == 2
    for key, value in run.params.items():
        assert len(autotrack.search_runs(where=f"params.{key} = {value!r}")) == 1


# -- whose run it is ------------------------------------------------------------------------------


def test_the_first_fit_goes_into_the_active_run(tracking, binary):
    with autotrack.start_run("mine") as run:
        LogisticRegression(C=3).fit(binary.X_train, binary.y_train)
        assert run.status == "RUNNING"
    assert only_run() == run
    assert (run.name, run.kind, run.params) == ("mine", "user", {"C": 3})


def test_a_fit_with_other_params_is_a_child_and_nothing_is_mixed(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    with autotrack.start_run() as run:
        first = Ridge(alpha=1.5).fit(X_train, y_train)
        second = Ridge(solver="svd", alpha=9.0).fit(X_train, y_train)
        values = [r2_score(y_test, model.predict(X_test)) for model in (first, second)]
    (child,) = (autotrack.get_run(run_id) for run_id in run.children()["run_id"])
    assert child.parent_id == run.run_id
    assert run.params == {"alpha": 1.5}
    assert child.params == {"solver": "svd", "alpha": 9.0}
    assert [run.metrics["test_r2_score"], child.metrics["test_r2_score"]] == values
    assert (child.kind, child.status) == ("fit", "FINISHED")


def test_another_estimator_is_a_child(tracking, binary):
    with autotrack.start_run() as run:
        GaussianNB().fit(binary.X_train, binary.y_train)
        LogisticRegression().fit(binary.X_train, binary.y_train)
    assert run.children()["name"].tolist() == ["LogisticRegression"]


def test_a_refit_with_the_same_params_adds_steps(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    with autotrack.start_run() as run:
        for size in (40, 80, 160):
            Ridge(alpha=2).fit(X_train[:size], y_train[:size]).score(X_test, y_test)
            LinearRegression().fit(X_train[:size], y_train[:size]).score(X_test, y_test)
    (child,) = (autotrack.get_run(run_id) for run_id in run.children()["run_id"])
    assert len(history(run, "test_score")) == 3
    assert len(history(child, "test_score")) == 3
    assert len(set(history(run, "test_score"))) == 3


def test_without_an_active_run_every_fit_is_a_run_of_its_own(tracking, binary):
    for _ in range(2):
        GaussianNB().fit(binary.X_train, binary.y_train)
    assert [run.parent_id for run in runs()] == [None, None]


def test_a_model_fitted_again_has_its_scores_in_the_newer_run(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = Ridge().fit(X_train, y_train)
    model.fit(X_train[:50], y_train[:50])
    model.score(X_test, y_test)
    assert [len(run.metrics) for run in runs()] == [0, 1]


def test_a_clone_and_an_unfitted_copy_have_no_run(tracking, binary):
    model = GaussianNB().fit(binary.X_train, binary.y_train)
    copy = clone(model)
    autotrack.disable()
    copy.fit(binary.X_train, binary.y_train)
    autotrack.enable(log_models=False)
    copy.score(binary.X_test, binary.y_test)
    assert measured() == 0


def test_scores_through_the_last_step_and_the_best_estimator_reach_the_run(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    X_new = model[0].transform(X_test)
    value = accuracy_score(y_test, model[-1].predict(X_new))
    assert only_run().metrics == {"new_accuracy_score": value}


def test_eight_threads_with_a_fit_each_leave_eight_complete_runs(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    expected = {}
    failures = []
    gate = threading.Barrier(8)

    def train(alpha):
        try:
            gate.wait()
            StandardScaler().fit_transform(X_train)
            model = make_pipeline(StandardScaler(), Ridge(alpha=alpha)).fit(X_train, y_train)
            expected[alpha] = r2_score(y_test, model.predict(X_test))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=train, args=(alpha,)) for alpha in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {run.status for run in runs()} == {"FINISHED"}
    found = {run.params["ridge__alpha"]: run.metrics["test_r2_score"] for run in runs()}
    assert found == expected
    assert len(runs()) == 8


def test_threads_do_not_write_into_each_others_active_run(tracking, binary):
    with autotrack.start_run() as run:
        thread = threading.Thread(target=lambda: GaussianNB().fit(binary.X_train, binary.y_train))
        thread.start()
        thread.join()
    assert run.tags == {}
    assert len(runs()) == 2


# -- fits inside a fit ----------------------------------------------------------------------------


def test_self_training_is_one_run(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    y_some = np.where(np.arange(len(y_train)) % 3, y_train, -1)
    model = SelfTrainingClassifier(GaussianNB()).fit(X_train, y_some)
    model.score(X_test, y_test)
    assert set(only_run().metrics) == {"test_score"}


class Nosy(ClassifierMixin, BaseEstimator):
    """Trains other models on the way, each with a score."""

    def fit(self, X, y):
        self.models_ = [GaussianNB().fit(X, y), DecisionTreeClassifier().fit(X, y)]
        self.best_ = max(self.models_, key=lambda model: model.score(X, y))
        return self

    def predict(self, X):
        return self.best_.predict(X)


def _imputed():
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    return make_pipeline(IterativeImputer(max_iter=2), GaussianNB())


COMPOSED = {
    "pipeline": lambda: make_pipeline(StandardScaler(), PCA(2), GaussianNB()),
    "columns": lambda: make_pipeline(
        ColumnTransformer([("a", make_pipeline(PCA(1)), [0, 1])], n_jobs=2), GaussianNB()
    ),
    "voting": lambda: VotingClassifier([("a", GaussianNB()), ("b", SVC())]),
    "stacking": lambda: StackingClassifier([("a", GaussianNB())], GaussianNB(), cv=2),
    "stacking by default": lambda: StackingClassifier([("a", GaussianNB())], cv=2),
    "bagging": lambda: BaggingClassifier(GaussianNB(), 4),
    "forest": lambda: RandomForestClassifier(4, n_jobs=2),
    "one against the rest": lambda: OneVsRestClassifier(GaussianNB()),
    "calibrated": lambda: CalibratedClassifierCV(GaussianNB(), cv=2),
    "threshold": lambda: TunedThresholdClassifierCV(GaussianNB(), cv=2),
    "rfecv": lambda: RFECV(LogisticRegression(), cv=2),
    "imputed": _imputed,
    "probabilities": lambda: make_pipeline(SVC(kernel="linear")),
    "nosy": Nosy,
    "nosy in a pipeline": lambda: make_pipeline(StandardScaler(), Nosy()),
}


@pytest.mark.parametrize("kind", COMPOSED)
def test_a_composed_model_is_one_run_however_many_fits_it_takes(kind, tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = COMPOSED[kind]().fit(X_train, y_train)
    value = accuracy_score(y_test, model.predict(X_test))
    model.score(X_test, y_test)
    assert only_run().metrics == {"test_accuracy_score": value, "test_score": value}


def test_threads_of_joblib_inside_a_fit_are_silent(tracking, binary):
    import joblib

    with joblib.parallel_backend("threading", n_jobs=2):
        BaggingClassifier(GaussianNB(), 6, n_jobs=2).fit(binary.X_train, binary.y_train)
        VotingClassifier([("a", GaussianNB()), ("b", SVC())], n_jobs=2).fit(
            binary.X_train, binary.y_train
        )
    assert [run.name for run in runs()] == ["BaggingClassifier", "VotingClassifier"]


def test_what_scikit_learn_fits_in_functions_of_its_own_is_silent(tracking, binary):
    from sklearn.inspection import partial_dependence

    model = GaussianNB().fit(binary.X_train, binary.y_train)
    partial_dependence(model, binary.X_test, [0])
    assert only_run().metrics == {}


# -- fits that fail -------------------------------------------------------------------------------


def test_a_failed_fit_keeps_type_message_and_traceback(tracking, binary):
    with pytest.raises(ValueError, match="inconsistent") as raised:
        GaussianNB().fit(binary.X_train, binary.y_train[:3])
    run = only_run()
    assert run.status == "FAILED"
    assert run.error is not None
    assert run.error.type == "ValueError"
    assert run.error.message == str(raised.value)
    assert "check_consistent_length" in run.error.traceback
    assert "/autotrack/" not in run.error.traceback
    assert run.end_time is not None


def test_a_fit_the_user_interrupts_is_killed(tracking, binary):
    class Endless(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            raise KeyboardInterrupt

        def predict(self, X):
            raise NotImplementedError

    with pytest.raises(KeyboardInterrupt):
        Endless().fit(binary.X_train, binary.y_train)
    assert only_run().status == "KILLED"


def test_a_failed_fit_in_an_active_run_leaves_the_run_running(tracking, binary):
    with autotrack.start_run() as run:
        with pytest.raises(ValueError, match="inconsistent"):
            GaussianNB(var_smoothing=0.1).fit(binary.X_train, binary.y_train[:3])
        LogisticRegression(C=7).fit(binary.X_train, binary.y_train)
    assert run.status == "FINISHED"
    assert "inconsistent" in run.tags["autotrack.fit_error"]
    assert all({"var_smoothing", "C"} - set(each.params) for each in runs())


def test_a_failed_refit_leaves_the_run_to_its_estimator(tracking, numbers):
    X_train, _, y_train, _ = numbers
    with autotrack.start_run() as run:
        Ridge(alpha=2).fit(X_train, y_train)
        with pytest.raises(ValueError, match="inconsistent"):
            Ridge(alpha=2).fit(X_train, y_train[:3])
        LinearRegression(positive=True).fit(X_train, y_train)
    assert run.params == {"alpha": 2}


def test_a_failed_fit_takes_the_estimator_out_of_its_earlier_run(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = Ridge().fit(X_train, y_train)
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(X_train, y_train[:3])
    model.score(X_test, y_test)
    assert measured() <= 1


class Unpicklable(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.gate_ = threading.Lock()
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.linspace(0.0, self.mean_, len(X))


def test_a_model_that_cannot_be_pickled_is_finished_with_its_scores(numbers):
    X_train, X_test, y_train, y_test = numbers
    values = []

    def train():
        for _ in range(2):
            model = Unpicklable().fit(X_train, y_train)
            values.append(r2_score(y_test, model.predict(X_test)))

    with autotrack.enable(), pytest.warns(CaptureWarning, match="gate_") as told:
        train()
    assert len(told) == 1
    for run in runs():
        assert run.status == "FINISHED"
        assert run.metrics == {"test_r2_score": values[0]}
        assert "gate_" in run.tags["autotrack.crate_error"]
        assert run.artifacts().empty


# -- further training -----------------------------------------------------------------------------


def test_a_loop_of_partial_fits_is_one_run(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = SGDClassifier(random_state=0)
    for start in range(0, 160, 40):
        rows = slice(start, start + 40)
        model.partial_fit(X_train[rows], y_train[rows], classes=[0, 1])
        model.score(X_test, y_test)
    assert only_run().params == {"random_state": 0}
    assert only_run().status == "FINISHED"
    assert len(history(only_run(), "test_score")) == 4


class Gentle(SGDClassifier):
    """Overrides `partial_fit`, as people do to add a check."""

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        return super().partial_fit(X, y, classes=classes, sample_weight=sample_weight)


class Accumulating(ClassifierMixin, BaseEstimator):
    """Learns further by learning all again."""

    def fit(self, X, y):
        self.model_ = GaussianNB().fit(X, y)
        return self

    def partial_fit(self, X, y):
        self.seen_ = [*getattr(self, "seen_", []), (X, y)]
        return self.fit(*(np.concatenate(part) for part in zip(*self.seen_, strict=True)))

    def predict(self, X):
        return self.model_.predict(X)


def _undressed(function):
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


class Decorated(SGDClassifier):
    partial_fit = _undressed(SGDClassifier.partial_fit)


@pytest.mark.parametrize("kind", [Gentle, Accumulating, Decorated])
def test_a_partial_fit_that_calls_others_goes_on_with_its_run(kind, tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = kind()
    options = {} if kind is Accumulating else {"classes": [0, 1]}
    for start in range(0, 160, 40):
        rows = slice(start, start + 40)
        model.partial_fit(X_train[rows], y_train[rows], **options)
        model.score(X_test, y_test)
    assert len(history(only_run(), "test_score")) == 4


def test_a_fit_after_partial_fits_is_another_run(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = SGDClassifier(random_state=0)
    model.partial_fit(X_train, y_train, classes=[0, 1])
    model.fit(X_train, y_train)
    model.score(X_test, y_test)
    assert [len(run.metrics) for run in runs()] == [0, 1]


# -- the data -------------------------------------------------------------------------------------


def test_nearest_neighbours_are_not_asked_to_predict_by_tracking(tracking, binary, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise AssertionError("nobody asked for this")

    monkeypatch.setattr(KNeighborsClassifier, "predict", refuse)
    monkeypatch.setattr(KNeighborsClassifier, "predict_proba", refuse)
    KNeighborsClassifier(3).fit(binary.X_train, binary.y_train)
    assert only_run().status == "FINISHED"


@pytest.fixture
def sparse_data(monkeypatch):
    """Sparse data that cannot be made dense."""
    X = scipy.sparse.random(400, 20_000, density=0.001, format="lil", random_state=0)
    X[:, 0] = np.random.RandomState(0).rand(400, 1)
    y = (X[:, [0]].toarray()[:, 0] > 0.5).astype(int)

    def refusing(original):
        def toarray(self, *args, **kwargs):
            assert self.shape[1] < 100, "made dense"
            return original(self, *args, **kwargs)

        return toarray

    for name in ("csr", "csc", "coo"):
        for kind in ("matrix", "array"):
            cls = getattr(scipy.sparse, f"{name}_{kind}")
            for method in ("toarray", "todense"):
                monkeypatch.setattr(cls, method, refusing(getattr(cls, method)))
    return X.tocsr(), y


def test_sparse_data_is_never_made_dense(sparse_data, tracking):
    X, y = sparse_data
    X_scaled = StandardScaler(with_mean=False).fit_transform(X)
    with pytest.warns(autotrack.PreprocessingWarning):
        model = SGDClassifier(loss="log_loss", random_state=0).fit(X_scaled[:300], y[:300])
    tracemalloc.start()
    p = model.predict_proba(X_scaled[300:])[:, 1]
    roc_auc_score(y[300:], p)
    roc_auc_score(y[300:], p.tolist())
    accuracy_score(y[300:], p > 0.37)
    model.score(X_scaled[300:], y[300:])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6  # dense, the test part alone takes 16 MB
    assert len(history(only_run(), "test_roc_auc_score")) == 2
    assert only_run().datasets[0].data.shape == (300, 20_000)


def test_texts_in_a_list_are_data(tracking):
    docs = [f"{'tea' if i % 2 else 'coffee'} number {i % 7}" for i in range(40)]
    labels = [i % 2 for i in range(40)]
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression())
    model.fit(docs, labels)
    more = [*docs[:10], "tea"]
    p = model.predict_proba(more)
    roc_auc_score([*labels[:10], 1], p[:, 1].tolist())
    model.score(docs, labels)
    assert set(only_run().metrics) == {"more_roc_auc_score", "train_score"}
    assert only_run().params["tfidfvectorizer__ngram_range"] == (1, 2)


def test_a_memory_map_and_a_read_only_array_are_data(tracking, binary, tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, binary.X_train)
    mapped = np.load(path, mmap_mode="r")
    model = GaussianNB().fit(mapped, binary.y_train)
    locked = binary.X_train.copy()
    locked.flags.writeable = False
    model.score(locked, binary.y_train)
    assert set(only_run().metrics) == {"train_score"}


@pytest.mark.parametrize(
    "convert",
    [
        list,
        lambda X: X.tolist(),
        lambda X: pd.DataFrame(X, columns=list("abcd")),
        lambda X: pd.DataFrame(X).astype({0: "object"}),
        np.asfortranarray,
        lambda X: X.astype(np.float32),
        scipy.sparse.csr_matrix,
    ],
)
def test_any_container_that_scikit_learn_takes_is_data(convert, tracking, binary):
    X_train, X_val = convert(binary.X_train), convert(binary.X_test)
    model = LogisticRegression().fit(X_train, binary.y_train.tolist())
    model.score(X_val, binary.y_test)
    model.score(X_train, binary.y_train)
    assert set(only_run().metrics) == {"val_score", "train_score"}


def test_a_model_without_a_target_is_a_run(tracking, binary):
    model = KMeans(2, n_init=1, random_state=0).fit(binary.X_train)
    model.score(binary.X_train)
    GaussianMixture(2).fit(binary.X_train, None).score(binary.X_test)
    assert [list(run.metrics) for run in runs()] == [["train_score"], ["test_score"]]


def test_several_targets_are_data(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    both, truth = np.c_[y_train, -y_train], np.c_[y_test, -y_test]
    MultiOutputRegressor(Ridge()).fit(X_train, both).score(X_test, truth)
    MultiOutputClassifier(GaussianNB()).fit(X_train, both > 0).score(X_test, truth > 0)
    assert [len(run.metrics) for run in runs()] == [1, 1]


def test_a_model_of_a_transformed_target_scores_in_the_targets_own_scale(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = TransformedTargetRegressor(Ridge(alpha=3), func=np.cbrt, inverse_func=lambda y: y**3)
    model.fit(X_train, y_train)
    value = r2_score(y_test, model.predict(X_test))
    assert only_run().metrics == {"test_r2_score": value}
    assert only_run().params["regressor__alpha"] == 3


def test_a_frozen_estimator_scores_into_the_run_of_what_it_holds(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    inner = GaussianNB().fit(X_train, y_train)
    frozen = FrozenEstimator(inner)
    accuracy_score(y_test, frozen.predict(X_test))
    assert set(only_run().metrics) == {"test_accuracy_score"}
    CalibratedClassifierCV(frozen).fit(X_train, y_train).score(X_test, y_test)
    assert [len(run.metrics) for run in runs()] == [1, 1]


def test_the_fit_of_a_frozen_estimator_trains_nothing_and_opens_no_run(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = GaussianNB().fit(X_train, y_train)
    frozen = FrozenEstimator(model).fit(X_train, y_train)
    frozen.score(X_test, y_test)
    accuracy_score(y_test, frozen.predict(X_test))
    assert set(only_run().metrics) == {"test_score", "test_accuracy_score"}
    with autotrack.start_run() as run:
        FrozenEstimator(StandardScaler().fit(X_train)).fit(X_train, y_train)
    assert run.params == {"preprocessing__standardscaler": "StandardScaler"}


class Odd(RegressorMixin, BaseEstimator):
    """Predicts whatever it is told to."""

    def __init__(self, answer=None):
        self.answer = answer

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.answer


def _nested_lists(arrays):
    odd = np.empty(80, object)
    for index in range(80):
        odd[index] = np.arange(3) if arrays else [1, 2]
    return odd


ODD = {
    "a number": np.array(3.0),
    "nothing": None,
    "no rows": np.array([]),
    "three dimensions": np.zeros((80, 2, 2)),
    "lists": _nested_lists(arrays=False),
    "arrays": _nested_lists(arrays=True),
    "uneven lists": [["a", "b"], ["c"]],
    "a structure": np.zeros(80, [("a", float), ("b", int)]),
    "a mapping": {"a": np.ones(3)},
    "an iterator": iter([1, 2, 3]),
    "not a number": np.full(80, np.nan),
    "complex": np.arange(80) * 1j,
    "dates": pd.date_range("2024", periods=80),
    "missing": pd.array([1, None] * 40, dtype="Int64"),
    "masked": np.ma.masked_less(np.arange(80.0), 3),
    "sparse": scipy.sparse.eye(80, format="csr"),
    "strings": np.array(["a", "b"] * 40, object),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_prediction_is_returned_as_it_is_and_disturbs_no_other_score(
    kind, tracking, numbers
):
    X_train, X_test, y_train, y_test = numbers
    odd = Odd(ODD[kind]).fit(X_train, y_train)
    assert odd.predict(X_test) is ODD[kind]
    model = Ridge().fit(X_train, y_train)
    p = model.predict(X_test)
    odd.predict(X_test)
    for form in (p, p.tolist(), p > 0, p.round(1), p[:30].copy()):
        r2_score(y_test[: len(form)], form)
    assert [len(run.metrics) for run in runs()] == [0, 1]


def test_tracking_can_be_told_to_leave_the_data_alone(binary):
    with autotrack.enable(log_models=False, log_datasets=False):
        GaussianNB().fit(binary.X_train, binary.y_train)
    assert only_run().datasets == ()


# -- a model that is loaded -----------------------------------------------------------------------


def test_the_scores_of_a_loaded_model_go_to_the_run_it_came_from(numbers):
    X_train, X_test, y_train, y_test = numbers
    with autotrack.enable():
        Ridge(alpha=3).fit(X_train, y_train)
        run = autotrack.last_run()
        Ridge(alpha=50).fit(X_train, y_train).predict(X_test)
        crate = autotrack.load_model(f"runs:/{run.run_id}/model")
        value = r2_score(y_test, crate.predict(X_test))
        crate.score(X_train, y_train)
        r2_score(y_test, crate(X_test).tolist())
    assert set(run.metrics) == {"test_r2_score", "train_score"}
    assert history(run, "test_r2_score") == [value, value]
    assert [len(each.metrics) for each in runs()] == [2, 0]


def test_a_search_is_one_run_whose_best_estimator_scores_into_it(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    search = GridSearchCV(Ridge(), {"alpha": [1, 10]}, cv=2).fit(X_train, y_train)
    top = [run for run in runs() if run.parent_id is None]
    assert len(top) == 1
    r2_score(y_test, search.best_estimator_.predict(X_test))
    assert "test_r2_score" in top[0].metrics


def test_tracking_warns_of_nothing_in_all_this(tracking, binary):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(
            binary.X_train, binary.y_train
        )
        accuracy_score(binary.y_test, model.predict(binary.X_test))
