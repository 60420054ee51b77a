"""XGBoost, LightGBM, CatBoost and imbalanced-learn."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack.runtime.patching import is_patched
from tests.looking import only_run, runs

# What each needs in order to be quick and quiet, which is set by the user as well.
QUICK = {
    "xgboost": {"n_estimators": 5, "n_jobs": 1},
    "lightgbm": {"n_estimators": 5, "n_jobs": 1, "verbose": -1},
    "catboost": {"iterations": 5, "thread_count": 1, "verbose": 0, "allow_writing_files": False},
}
CLASSIFIERS = {
    "xgboost": "XGBClassifier",
    "lightgbm": "LGBMClassifier",
    "catboost": "CatBoostClassifier",
}
REGRESSORS = {
    "xgboost": "XGBRegressor",
    "lightgbm": "LGBMRegressor",
    "catboost": "CatBoostRegressor",
}


def make(library, classes=CLASSIFIERS, **params):
    return getattr(pytest.importorskip(library), classes[library])(**QUICK[library], **params)


@pytest.fixture(params=QUICK)
def library(request):
    pytest.importorskip(request.param)
    return request.param


# -- boosting -------------------------------------------------------------------------------------


def test_a_fit_is_one_run_with_what_the_user_set_and_the_scores(tracking, binary, library):
    model = make(library, max_depth=2).fit(binary.X_train, binary.y_train)
    prediction = model.predict(binary.X_test)
    accuracy = accuracy_score(binary.y_test, prediction)
    area = roc_auc_score(binary.y_test, model.predict_proba(binary.X_test)[:, 1])
    score = model.score(binary.X_test, binary.y_test)
    run = only_run()
    assert (run.kind, run.status, run.name) == ("fit", "FINISHED", CLASSIFIERS[library])
    assert run.params == {**QUICK[library], "max_depth": 2}
    assert run.metrics == {
        "test_accuracy_score": accuracy,
        "test_roc_auc_score": area,
        "test_score": score,
    }
    assert [(use.context, use.data.shape) for use in run.datasets] == [
        ("train", (160, 4)),
        ("test", (80, 4)),
    ]


def test_a_regression_is_one_run(tracking, numbers, library):
    model = make(library, REGRESSORS).fit(numbers.X_train, numbers.y_train)
    error = mean_squared_error(numbers.y_test, model.predict(numbers.X_test))
    run = only_run()
    assert run.params == QUICK[library]
    assert run.metrics == {"test_mean_squared_error": error}


def test_several_classes_are_one_run(tracking, classes, library):
    model = make(library).fit(classes.X_train, classes.y_train)
    value = accuracy_score(classes.y_test, model.predict(classes.X_test))
    assert only_run().metrics == {"test_accuracy_score": value}


def test_whatever_is_set_is_told_from_what_is_not(tracking, binary):
    xgboost = pytest.importorskip("xgboost")
    for params in (
        {"n_estimators": 2, "missing": -1.0},
        {"n_estimators": 2, "enable_categorical": True, "max_leaves": None},
        {"n_estimators": 2, "objective": "binary:logistic", "sampling_method": "uniform"},
    ):
        xgboost.XGBClassifier(**params).fit(binary.X_train, binary.y_train)
    xgboost.XGBRFClassifier(n_estimators=2, subsample=0.5).fit(binary.X_train, binary.y_train)
    assert [run.params for run in runs()] == [
        {"n_estimators": 2, "missing": -1.0},
        {"n_estimators": 2, "enable_categorical": True},
        {"n_estimators": 2, "sampling_method": "uniform"},
        {"n_estimators": 2, "subsample": 0.5},
    ]


def test_params_that_only_the_library_below_knows_are_kept(tracking, binary):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, path_smooth=1.5, num_leaves=31)
    model.fit(binary.X_train, binary.y_train)
    assert only_run().params == {"n_estimators": 2, "verbose": -1, "path_smooth": 1.5}


def test_a_class_of_the_users_own_on_top_keeps_its_defaults_to_itself(tracking, binary):
    xgboost = pytest.importorskip("xgboost")

    class Mine(xgboost.XGBClassifier):
        def __init__(self, extra=1, max_depth=3, **options):
            self.extra = extra
            super().__init__(max_depth=max_depth, **options)

    Mine(n_estimators=2).fit(binary.X_train, binary.y_train)
    Mine(n_estimators=2, extra=2, max_depth=1).fit(binary.X_train, binary.y_train)
    assert [run.params for run in runs()] == [
        {"n_estimators": 2},
        {"n_estimators": 2, "extra": 2, "max_depth": 1},
    ]


@pytest.mark.parametrize("make_generator", [np.random.RandomState, np.random.default_rng])
def test_reading_the_params_draws_no_random_numbers(tracking, binary, make_generator):
    xgboost = pytest.importorskip("xgboost")

    def fitted():
        generator = make_generator(3)
        model = xgboost.XGBClassifier(
            n_estimators=3, subsample=0.5, colsample_bytree=0.5, random_state=generator
        )
        model.fit(binary.X_train, binary.y_train)
        return model.predict_proba(binary.X_test), generator.normal()

    here, number = fitted()
    autotrack.disable()
    bare, same_number = fitted()
    assert (here == bare).all()
    assert number == same_number


def test_a_fit_like_without_tracking(tracking, binary, library):
    with_it = make(library).fit(binary.X_train, binary.y_train)
    autotrack.disable()
    bare = make(library).fit(binary.X_train, binary.y_train)
    assert (with_it.predict_proba(binary.X_test) == bare.predict_proba(binary.X_test)).all()


def test_inside_scikit_learn_it_is_silent(tracking, binary, library):
    X, y = binary.X_train, binary.y_train
    model = make_pipeline(StandardScaler(), make(library)).fit(X, y)
    value = accuracy_score(binary.y_test, model.predict(binary.X_test))
    run = only_run()
    assert run.params[CLASSIFIERS[library].lower()] == CLASSIFIERS[library]
    assert run.metrics == {"test_accuracy_score": value}
    VotingClassifier([("own", make(library)), ("other", LogisticRegression())]).fit(X, y)
    cross_val_score(make(library), X, y, cv=2)
    GridSearchCV(make(library), {"max_depth": [1, 2]}, cv=2).fit(X, y)
    names = [run.name for run in runs() if run.parent_id is None]
    assert len(names) == 4
    assert CLASSIFIERS[library] not in names


def test_a_crate_predicts_the_same_in_a_fresh_process(binary, library, run_python, tmp_path):
    with autotrack.enable():
        model = make(library).fit(binary.X_train, binary.y_train)
    run = only_run()
    assert not [tag for tag in run.tags if "error" in tag]
    np.save(tmp_path / "X.npy", binary.X_test)
    np.save(tmp_path / "expected.npy", model.predict(binary.X_test))
    code = (
        "import autotrack, numpy as np\n"
        f"crate = autotrack.load_model('runs:/{run.run_id}/model')\n"
        f"assert any(need.startswith('{library}') for need in crate.requirements)\n"
        "assert (crate(np.load('X.npy')) == np.load('expected.npy')).all()\n"
    )
    run_python(code=code)


def test_scores_of_a_model_out_of_a_crate_reach_its_run(binary, library):
    autotrack.enable()
    make(library).fit(binary.X_train, binary.y_train)
    run = only_run()
    model = autotrack.load_model(f"runs:/{run.run_id}/model").estimator
    value = accuracy_score(binary.y_test, model.predict(binary.X_test))
    assert only_run().metrics == {"test_accuracy_score": value}


def test_a_library_that_is_imported_while_tracking_is_on_is_heard(library, run_python):
    code = f"""
import autotrack
autotrack.enable()
import numpy as np
from {library} import {CLASSIFIERS[library]} as Classifier
from autotrack.runtime.patching import is_patched
X, y = np.arange(80.0).reshape(40, 2), np.arange(40) % 2
model = Classifier(**{QUICK[library]!r}).fit(X, y)
from sklearn.metrics import accuracy_score
accuracy_score(y, model.predict(X))
autotrack.disable()
assert not any(map(is_patched, Classifier.__mro__))
"""
    run_python(code=code)
    run = only_run()
    assert run.params == QUICK[library]
    assert list(run.metrics) == ["train_accuracy_score"]


def test_every_class_is_exactly_as_it_was(library):
    module = pytest.importorskip(library)
    found = [value for value in vars(module).values() if isinstance(value, type)]
    owners = {id(owner): owner for cls in found for owner in cls.__mro__}.values()
    before = [(owner, dict(vars(owner))) for owner in owners]
    with autotrack.enable():
        assert any(map(is_patched, getattr(module, CLASSIFIERS[library]).__mro__))
    for owner, held in before:
        assert list(vars(owner)) == list(held)
        assert all(vars(owner)[name] is value for name, value in held.items()), owner


def test_the_names_of_what_else_is_given_to_a_fit_are_kept(tracking, binary):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1)
    model.fit(binary.X_train, binary.y_train, callbacks=[lightgbm.log_evaluation(0)])
    assert only_run().tags["fit_arguments"] == "callbacks"


def test_a_metric_a_library_asks_for_while_it_trains_is_not_recorded(tracking, binary):
    xgboost = pytest.importorskip("xgboost")
    with autotrack.start_run() as run:
        model = xgboost.XGBClassifier(n_estimators=3, eval_metric=mean_squared_error)
        model.fit(binary.X_train, binary.y_train, eval_set=[(binary.X_test, binary.y_test)])
    assert autotrack.get_run(run.run_id).metrics == {}
    assert len(runs()) == 1


def test_catboost_takes_its_data_in_a_pool_of_its_own(tracking, binary):
    catboost = pytest.importorskip("catboost")
    X_train, X_test = catboost.Pool(binary.X_train, binary.y_train), catboost.Pool(binary.X_test)
    model = make("catboost").fit(X_train)
    value = accuracy_score(binary.y_test, model.predict(X_test))
    run = only_run()
    assert run.params == QUICK["catboost"]
    assert run.metrics == {"test_accuracy_score": value}
    kept = [(use.context, use.data.kind, use.data.shape) for use in run.datasets]
    assert kept == [("train", "catboost.Pool", (160, 4)), ("test", "catboost.Pool", (80, 4))]


def test_a_pool_of_more_than_numbers_keeps_what_it_holds_to_itself(tracking):
    catboost = pytest.importorskip("catboost")
    frame = pd.DataFrame({"number": np.arange(40.0), "text": ["a", "b"] * 20})
    make("catboost").fit(catboost.Pool(frame, np.arange(40) % 2, cat_features=["text"]))
    assert only_run().datasets == ()


def test_a_metric_of_the_users_own_that_catboost_asks_for_is_not_recorded(tracking, binary):
    pytest.importorskip("catboost")

    class Own:
        def is_max_optimal(self):
            return True

        def evaluate(self, approxes, target, weight):
            return accuracy_score(target, np.asarray(approxes[0]) > 0), 1.0

        def get_final_error(self, error, weight):
            return error

    with autotrack.start_run() as run:
        model = make("catboost", eval_metric=Own())
        model.fit(binary.X_train, binary.y_train, eval_set=(binary.X_test, binary.y_test))
    assert autotrack.get_run(run.run_id).metrics == {}


# -- imbalanced-learn -----------------------------------------------------------------------------


@pytest.fixture
def imblearn():
    return pytest.importorskip("imblearn")


@pytest.fixture
def uneven(binary):
    """Of one class three in four."""
    kept = np.flatnonzero((binary.y_train == 0) | (np.arange(160) % 3 == 0))
    return binary._replace(X_train=binary.X_train[kept], y_train=binary.y_train[kept])


SAMPLERS = [
    ("over_sampling", "SMOTE"),
    ("over_sampling", "ADASYN"),
    ("over_sampling", "SVMSMOTE"),
    ("over_sampling", "RandomOverSampler"),
    ("under_sampling", "RandomUnderSampler"),
    ("under_sampling", "ClusterCentroids"),
    ("under_sampling", "EditedNearestNeighbours"),
    ("under_sampling", "InstanceHardnessThreshold"),
    ("under_sampling", "NeighbourhoodCleaningRule"),
    ("combine", "SMOTETomek"),
]


def sampler_of(module, name):
    pytest.importorskip("imblearn")
    return getattr(importlib.import_module(f"imblearn.{module}"), name)()


@pytest.mark.parametrize(("module", "name"), SAMPLERS)
def test_a_sampler_is_no_model_and_neither_is_what_it_is_made_of(tracking, uneven, module, name):
    sampler = sampler_of(module, name)
    sampler.fit(uneven.X_train, uneven.y_train)
    sampler.fit_resample(uneven.X_train, uneven.y_train)
    assert runs() == []
    with autotrack.start_run() as run:
        sampler.fit_resample(uneven.X_train, uneven.y_train)
    assert autotrack.get_run(run.run_id).params == {f"preprocessing__{name.lower()}": name}


def test_a_model_of_resampled_data_says_so_and_its_crate_needs_no_resampling(
    uneven, imblearn, recwarn
):
    autotrack.enable()
    sampler = imblearn.over_sampling.SMOTE(k_neighbors=3, random_state=0)
    X, y = sampler.fit_resample(uneven.X_train, uneven.y_train)
    LogisticRegression().fit(X, y)
    run = only_run()
    assert run.params == {
        "preprocessing__smote": "SMOTE",
        "preprocessing__smote__k_neighbors": 3,
        "preprocessing__smote__random_state": 0,
    }
    assert not [w for w in recwarn if issubclass(w.category, autotrack.AutotrackWarning)]
    assert autotrack.load_model(f"runs:/{run.run_id}/model").manifest.preprocessing == []


def test_what_is_scaled_before_is_needed_still(tracking, uneven, imblearn):
    scaled = StandardScaler().fit_transform(uneven.X_train)
    X, y = imblearn.under_sampling.RandomUnderSampler().fit_resample(scaled, uneven.y_train)
    with pytest.warns(autotrack.PreprocessingWarning, match="transformed by StandardScaler out"):
        LogisticRegression().fit(X, y)
    assert set(only_run().params) == {
        "preprocessing__standardscaler",
        "preprocessing__randomundersampler",
    }


def test_a_model_of_the_data_that_was_resampled_is_not_taken_for_one_of_the_outcome(
    tracking, uneven, imblearn
):
    imblearn.over_sampling.SMOTE(k_neighbors=3).fit_resample(uneven.X_train, uneven.y_train)
    LogisticRegression().fit(uneven.X_train[::2], uneven.y_train[::2])
    assert only_run().params == {}


def test_a_pipeline_with_a_sampler_is_one_run(tracking, uneven, imblearn):
    model = imblearn.pipeline.make_pipeline(
        StandardScaler(), imblearn.over_sampling.SMOTE(k_neighbors=3), LogisticRegression(C=0.5)
    ).fit(uneven.X_train, uneven.y_train)
    value = accuracy_score(uneven.y_test, model.predict(uneven.X_test))
    score = model.score(uneven.X_test, uneven.y_test)
    run = only_run()
    assert run.name == "StandardScaler > SMOTE > LogisticRegression"
    assert run.params == {
        "standardscaler": "StandardScaler",
        "smote": "SMOTE",
        "smote__k_neighbors": 3,
        "logisticregression": "LogisticRegression",
        "logisticregression__C": 0.5,
    }
    assert run.metrics == {"test_accuracy_score": value, "test_score": score}
    cross_val_score(model, uneven.X_train, uneven.y_train, cv=2)
    assert len(runs()) == 2


@pytest.mark.parametrize(
    "name",
    [
        "BalancedBaggingClassifier",
        "BalancedRandomForestClassifier",
        "EasyEnsembleClassifier",
        "RUSBoostClassifier",
    ],
)
def test_an_ensemble_of_resampled_models_is_one_run(uneven, imblearn, name):
    autotrack.enable()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = getattr(imblearn.ensemble, name)(n_estimators=3)
        model.fit(uneven.X_train, uneven.y_train)
    prediction = model.predict(uneven.X_test)
    value = accuracy_score(uneven.y_test, prediction)
    run = only_run()
    assert run.params == {"n_estimators": 3}
    assert run.metrics == {"test_accuracy_score": value}
    crate = autotrack.load_model(f"runs:/{run.run_id}/model")
    assert (crate(uneven.X_test) == prediction).all()


def test_what_imbalanced_learn_does_by_itself_is_not_recorded(tracking, uneven, imblearn):
    model = LogisticRegression().fit(uneven.X_train, uneven.y_train)
    prediction = model.predict(uneven.X_test)
    with autotrack.start_run() as run:
        score = imblearn.metrics.geometric_mean_score(uneven.y_test, prediction)
        imblearn.metrics.classification_report_imbalanced(uneven.y_test, prediction)
        importlib.import_module("imblearn.datasets").make_imbalance(
            uneven.X_train, uneven.y_train, sampling_strategy={0: 20, 1: 10}
        )
    kept = autotrack.get_run(run.run_id)
    assert (kept.params, kept.metrics) == ({}, {})
    # Its metrics are the user's call; what they are made of is not.
    assert [run.metrics for run in runs()] == [{"test_geometric_mean_score": score}, {}]
