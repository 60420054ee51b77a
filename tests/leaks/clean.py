"""Workflows in which there is nothing to find."""

from __future__ import annotations

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification, make_regression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, r2_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import autotrack
from tests.leaks.registry import (
    answers,
    bundled,
    coffee,
    noise,
    patients,
    sales,
    white_wine,
    workflow,
)


@workflow("breast cancer")
def pipeline_on_a_split():
    X, y = bundled("breast_cancer")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))
    roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    model.score(X_test, y_test)


@workflow("breast cancer")
def scaler_fitted_on_the_training_rows():
    X, y = bundled("breast_cancer")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    scaler = StandardScaler().fit(X_train)
    X_train_scaled, X_test_scaled = scaler.transform(X_train), scaler.transform(X_test)
    model = LogisticRegression().fit(X_train_scaled, y_train)
    model.score(X_test_scaled, y_test)


@workflow("noise")
def selection_on_the_training_rows():
    X, y = noise()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
    selector = SelectKBest(k=20)
    model = LogisticRegression().fit(selector.fit_transform(X_train, y_train), y_train)
    accuracy_score(y_test, model.predict(selector.transform(X_test)))


@workflow("digits")
def scaler_fitted_only_for_looking():
    X, y = bundled("digits")
    looked_at = StandardScaler().fit_transform(X)
    assert looked_at.shape == X.shape
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = KNeighborsClassifier().fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("diabetes")
def refitted_on_everything_before_shipping():
    X, y = bundled("diabetes")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = Ridge(alpha=0.1).fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))
    final = Ridge(alpha=0.1).fit(X, y)
    final.predict(X[:5])


@workflow("diabetes")
def training_score_called_so():
    X, y = bundled("diabetes")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = RandomForestRegressor(10, random_state=0).fit(X_train, y_train)
    model.score(X_train, y_train)
    model.score(X_test, y_test)


@workflow("wine")
def held_out_again_and_again_by_hand():
    X, y = bundled("wine")
    for seed in range(5):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        model = make_pipeline(StandardScaler(), SVC()).fit(X_train, y_train)
        accuracy_score(y_test, model.predict(X_test))


@workflow("iris")
def folds_by_hand():
    X, y = bundled("iris")
    for train, test in KFold(4, shuffle=True, random_state=0).split(X):
        model = DecisionTreeClassifier(random_state=0).fit(X.iloc[train], y.iloc[train])
        accuracy_score(y.iloc[test], model.predict(X.iloc[test]))


@workflow("digits")
def curve_of_learning():
    X, y = bundled("digits")
    learning_curve(DecisionTreeClassifier(random_state=0), X, y, cv=3)


@workflow("answers")
def rows_that_repeat_by_chance():
    X, y = answers()
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = DecisionTreeClassifier(random_state=0).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("answers")
def encoded_rows_that_repeat_by_chance():
    random = np.random.default_rng(0)
    X = pd.DataFrame({"sex": random.choice(["f", "m"], 600), "class": random.integers(1, 4, 600)})
    X["port"] = np.where(X["class"] == 1, "c", random.choice(["s", "q"], 600))
    y = (random.random(600) < 0.4).astype(int)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    encoder = OneHotEncoder(sparse_output=False).fit(X_train)
    model = LogisticRegression().fit(encoder.transform(X_train), y_train)
    accuracy_score(y_test, model.predict(encoder.transform(X_test)))


@workflow("white wine")
def wine_without_its_repeated_rows():
    X, y = white_wine()
    kept = ~X.duplicated()
    X, y = X[kept], y[kept]
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = RandomForestRegressor(10, random_state=0).fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))


@workflow("patients")
def split_by_patient():
    frame = patients()
    X, y = frame.drop(columns="outcome"), frame["outcome"]
    split = GroupShuffleSplit(1, random_state=0).split(X, y, groups=X["patient_id"])
    train, test = next(split)
    X_train, X_test, y_train, y_test = X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test]
    model = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("sales")
def split_by_time():
    frame = sales()
    X, y = frame.drop(columns="sold"), frame["sold"]
    X_train, X_test, y_train, y_test = X[:450], X[450:], y[:450], y[450:]
    days = FunctionTransformer(lambda X: X.assign(day=X["day"].map(pd.Timestamp.toordinal)))
    model = make_pipeline(days, RandomForestRegressor(10, random_state=0)).fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))


@workflow("made up")
def oversampled_after_the_split():
    X, y = make_classification(800, weights=[0.9], random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    X_more, y_more = RandomOverSampler(random_state=0).fit_resample(X_train, y_train)
    model = RandomForestClassifier(20, random_state=0).fit(X_more, y_more)
    f1_score(y_test, model.predict(X_test))


@workflow("made up")
def smote_after_the_split():
    X, y = make_classification(800, weights=[0.9], random_state=1)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    X_more, y_more = SMOTE(random_state=0).fit_resample(X_train, y_train)
    model = HistGradientBoostingClassifier(max_iter=20).fit(X_more, y_more)
    f1_score(y_test, model.predict(X_test))


@workflow("breast cancer")
def search_on_the_training_rows():
    X, y = bundled("breast_cancer")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {"logisticregression__C": [1e-6, 0.1, 1e5]})
    search.fit(X_train, y_train)
    search.score(X_test, y_test)
    accuracy_score(y_test, search.best_estimator_.predict(X_test))


@workflow("breast cancer")
def best_params_fitted_on_the_training_rows():
    X, y = bundled("breast_cancer")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    tree = DecisionTreeClassifier(random_state=0)
    search = GridSearchCV(tree, {"max_depth": [1, 3, 4, 60]}, refit=False).fit(X_train, y_train)
    model = DecisionTreeClassifier(random_state=0, **search.best_params_).fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("wine")
def nested_validation():
    X, y = bundled("wine")
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5, 150]})
    cross_val_score(search, X, y, cv=3)


@workflow("texts")
def words_weighed_in_a_pipeline():
    random = np.random.default_rng(0)
    words = [f"w{n}" for n in range(200)]
    texts = [" ".join(random.choice(words, 12)) for _ in range(300)]
    y = random.integers(0, 2, 300)
    X_train, X_test, y_train, y_test = train_test_split(texts, y, random_state=0)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("made up")
def numbers_and_categories():
    random = np.random.default_rng(5)
    X = pd.DataFrame(
        {
            "age": random.integers(18, 90, 500),
            "income": random.lognormal(10, 1, 500).round(),
            "city": random.choice(["Bern", "Rome", "Oslo", "Bonn"], 500),
            "born": pd.to_datetime("1990-01-01") + pd.to_timedelta(random.integers(0, 9999, 500)),
        }
    )
    y = ((X["age"] > 50) ^ (random.random(500) < 0.2)).astype(int)
    encode = make_column_transformer(
        (OneHotEncoder(), ["city"]), (StandardScaler(), ["age", "income"])
    )
    X = X.drop(columns="born")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = make_pipeline(encode, LogisticRegression()).fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("made up")
def an_easy_regression():
    X, y = make_regression(400, 8, noise=1.0, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = LinearRegression().fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))


@workflow("iris")
def an_easy_classification():
    X, y = bundled("iris")
    X, y = X[y < 2], y[y < 2]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
    model = LogisticRegression().fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("digits")
def shuffled_splits_of_arrays():
    X, y = (part.to_numpy() for part in bundled("digits"))
    for train, test in ShuffleSplit(2, test_size=0.3, random_state=0).split(X):
        scaler = StandardScaler().fit(X[train])
        model = LogisticRegression(max_iter=500).fit(scaler.transform(X[train]), y[train])
        model.score(scaler.transform(X[test]), y[test])


@workflow("patients")
def validated_and_split_by_group():
    frame = patients(seed=6)
    X, y = frame.drop(columns=["outcome", "patient_id"]), frame["outcome"]
    who = frame["patient_id"]
    forest = RandomForestClassifier(20, random_state=0)
    cross_val_score(forest, X, y, groups=who, cv=GroupKFold(5))
    train, test = next(GroupShuffleSplit(1, random_state=0).split(X, y, who))
    forest.fit(X.iloc[train], y.iloc[train])
    accuracy_score(y.iloc[test], forest.predict(X.iloc[test]))


@workflow("patients")
def searched_by_group_and_shipped():
    frame = patients(seed=7)
    X, y = frame.drop(columns=["outcome", "patient_id"]), frame["outcome"]
    tree = DecisionTreeClassifier(random_state=0)
    search = GridSearchCV(tree, {"max_depth": [1, 2, 4, 64]}, cv=GroupKFold(4))
    search.fit(X, y, groups=frame["patient_id"])
    search.predict(X[:5])


@workflow("coffee")
def gaps_filled_in_a_pipeline():
    X, y = coffee()
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))


@workflow("coffee")
def models_scored_on_the_same_rows():
    X, y = coffee()
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    with autotrack.start_run("which model"):
        for model in (Ridge(), HistGradientBoostingRegressor(max_iter=20, random_state=0)):
            model = make_pipeline(SimpleImputer(), model).fit(X_train, y_train)
            r2_score(y_test, model.predict(X_test))
            model.score(X_test, y_test)


@workflow("made up")
def a_model_for_each_city():
    random = np.random.default_rng(6)
    frame = pd.DataFrame(random.normal(size=(600, 4)), columns=[*"abcd"])
    frame["city"], frame["rent"] = random.choice(["Bern", "Rome"], 600), random.normal(size=600)
    with autotrack.start_run("rents"):
        for number, (_, part) in enumerate(frame.groupby("city")):
            X, y = part[[*"abcd"]], part["rent"]
            X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
            model = Ridge(alpha=1.0 + number).fit(X_train, y_train)
            r2_score(y_test, model.predict(X_test))


@workflow("digits")
def a_curve_of_scores_for_parts_of_the_test_set():
    X, y = bundled("digits")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = KNeighborsClassifier().fit(X_train, y_train)
    for rows in (50, 100, 200, 400):
        accuracy_score(y_test[:rows], model.predict(X_test[:rows]))


def _score_a_tree_on_a_split(X, y):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    DecisionTreeClassifier(random_state=0).fit(X_train, y_train).score(X_test, y_test)


@workflow("breast cancer")
def balanced_tables_made_only_for_looking():
    X, y = bundled("breast_cancer")
    samplers = [RandomOverSampler, SMOTE, RandomUnderSampler]
    looked_at = [sampler(random_state=0).fit_resample(X, y) for sampler in samplers]
    looked_at.append(TomekLinks().fit_resample(X, y))
    _score_a_tree_on_a_split(X, y)


@workflow("breast cancer")
def bootstrap_by_hand_beside_a_balanced_table():
    X, y = bundled("breast_cancer")
    balanced = RandomOverSampler(random_state=0).fit_resample(X, y)
    drawn = np.random.default_rng(0).integers(0, len(X), len(X))
    out = np.setdiff1d(np.arange(len(X)), drawn)
    model = DecisionTreeClassifier(random_state=0).fit(X.iloc[drawn], y.iloc[drawn])
    accuracy_score(y.iloc[out], model.predict(X.iloc[out]))
    assert len(balanced) == 2


@workflow("yes and no")
def oversampled_answers_made_only_for_looking():
    X, y = answers(questions=4)
    balanced = RandomOverSampler(random_state=0).fit_resample(X, y)
    _score_a_tree_on_a_split(X, y)
    assert len(balanced) == 2


@workflow("breast cancer")
def discriminant_analysis_as_a_model_and_for_looking():
    X, y = bundled("breast_cancer")
    shown = LinearDiscriminantAnalysis().fit_transform(X, y)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    analysis = LinearDiscriminantAnalysis().fit(X_train, y_train)
    analysis.score(X_test, y_test)
    model = LogisticRegression().fit(analysis.transform(X_train), y_train)
    model.score(analysis.transform(X_test), y_test)
    assert shown.shape == (len(X), 1)


@workflow("breast cancer")
def validations_of_pipelines_beside_what_was_made_for_looking():
    X, y = bundled("breast_cancer")
    looked_at = [
        StandardScaler().fit_transform(X),
        SelectKBest(k=5).fit_transform(X, y),
        SMOTE(random_state=0).fit_resample(X, y)[0],
        RandomOverSampler(random_state=0).fit_resample(X, y)[0],
    ]
    model = make_pipeline(StandardScaler(), SelectKBest(k=5), LogisticRegression())
    cross_val_score(model, X, y, cv=5)
    cross_validate(model, X, y, cv=3)
    accuracy_score(y, cross_val_predict(model, X, y, cv=3))
    GridSearchCV(model, {"selectkbest__k": [2, 10]}, cv=3).fit(X, y)
    assert len(looked_at) == 4


@workflow("yes and no")
def validation_of_answers():
    X, y = answers()
    cross_val_score(LogisticRegression(), X, y, cv=5)


def _score_a_line_on_a_split(X, y):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    Ridge().fit(X_train, y_train).score(X_test, y_test)
    cross_val_score(Ridge(), X, y, cv=3)


@workflow("categories that depend on each other")
def states_with_their_regions():
    random = np.random.default_rng(0)
    state = random.integers(0, 50, 4000)
    promoted = random.integers(0, 2, 4000)
    X = pd.DataFrame({"state": state, "region": state // 6, "promoted": promoted})
    _score_a_line_on_a_split(X, random.normal(size=4000))


@workflow("categories that depend on each other")
def stores_with_their_places():
    random = np.random.default_rng(0)
    store = random.integers(0, 30, 3000)
    X = pd.DataFrame({"store": store, "region": store // 5, "city": store // 2})
    X["north"], X["promoted"] = (store % 7) / 3, random.integers(0, 2, 3000)
    _score_a_line_on_a_split(X, store + random.normal(size=3000))


@workflow("categories that depend on each other")
def states_of_which_some_are_seldom():
    random = np.random.default_rng(0)
    share = 1 / np.arange(1, 51)
    state = random.choice(50, 6000, p=share / share.sum())
    X = pd.DataFrame({"state": state, "region": state // 6, "coast": state % 3})
    _score_a_line_on_a_split(X, random.normal(size=6000))
