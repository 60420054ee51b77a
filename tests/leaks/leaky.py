"""Workflows with a known leak."""

from __future__ import annotations

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SelectKBest, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, r2_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import resample

import autotrack
from tests.leaks.registry import bundled, coffee, noise, patients, sales, white_wine, workflow

# -- with the target, before the split ---------------------------------------------------------


@workflow("noise", "AT101")
def selection_before_the_split():
    X, y = noise()
    X_best = SelectKBest(f_classif, k=20).fit_transform(X, y)
    X_train, X_test, y_train, y_test = train_test_split(X_best, y, random_state=0)
    model = LogisticRegression().fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("noise", "AT101")
def selection_before_a_split_by_hand():
    X, y = noise(seed=1)
    selector = SelectKBest(f_classif, k=20)
    selector.fit(X, y)
    chosen = selector.transform(X)
    train, test = chosen[:90], chosen[90:]
    model = KNeighborsClassifier().fit(train, y[:90])
    model.score(test, y[90:])


@workflow("breast cancer", "AT101")
def selection_after_scaling_before_the_split():
    X, y = bundled("breast_cancer")
    scaled = StandardScaler().fit_transform(X)
    chosen = SelectFromModel(RandomForestClassifier(20, random_state=0)).fit_transform(scaled, y)
    X_train, X_test, y_train, y_test = train_test_split(chosen, y, random_state=0)
    model = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
    f1_score(y_test, model.predict(X_test))


@workflow("noise", "AT101")
def target_encoding_before_the_split():
    random = np.random.default_rng(0)
    X = pd.DataFrame({f"c{j}": random.integers(0, 100, 400).astype(str) for j in range(3)})
    y = random.integers(0, 2, 400)
    encoded = TargetEncoder(cv=3).fit(X, y).transform(X)
    X_train, X_test, y_train, y_test = train_test_split(encoded, y, random_state=0)
    model = LogisticRegression().fit(X_train, y_train)
    roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])


@workflow("noise", "AT101", also=["AT204"])
def selection_before_folds_by_hand():
    X, y = noise(seed=2)
    X_best = SelectKBest(k=10).fit_transform(X, y)
    for train, test in KFold(5).split(X_best):
        model = LogisticRegression().fit(X_best[train], y[train])
        accuracy_score(y[test], model.predict(X_best[test]))


# -- without it --------------------------------------------------------------------------------


@workflow("breast cancer", "AT102")
def scaler_before_the_split():
    X, y = bundled("breast_cancer")
    scaled = StandardScaler().fit_transform(X)
    X_train, X_test, y_train, y_test = train_test_split(scaled, y, random_state=0)
    model = LogisticRegression(max_iter=1000).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("digits", "AT102")
def components_before_the_split():
    X, y = bundled("digits")
    reduced = PCA(20, random_state=0).fit_transform(X)
    X_train, X_test, y_train, y_test = train_test_split(reduced, y, random_state=0)
    model = KNeighborsClassifier().fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("diabetes", "AT102")
def imputer_and_scaler_before_the_split():
    X, y = bundled("diabetes")
    holes = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
    filled = SimpleImputer().fit_transform(holes)
    scaled = MinMaxScaler().fit_transform(filled)
    X_train, X_test, y_train, y_test = train_test_split(scaled, y, random_state=0)
    model = Ridge().fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))


@workflow("wine", "AT102")
def scaled_frame_before_the_split():
    X, y = bundled("wine")
    X = pd.DataFrame(StandardScaler().fit_transform(X), columns=X.columns)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = LogisticRegression(max_iter=500).fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("texts", "AT102")
def words_weighed_before_the_split():
    random = np.random.default_rng(0)
    words = [f"w{n}" for n in range(200)]
    texts = [" ".join(random.choice(words, 12)) for _ in range(300)]
    y = random.integers(0, 2, 300)
    X = TfidfVectorizer().fit_transform(texts)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = LogisticRegression().fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


# -- rows on both sides ------------------------------------------------------------------------


@workflow("breast cancer", "AT103")
def oversampled_before_the_split():
    X, y = bundled("breast_cancer")
    X_more, y_more = RandomOverSampler(random_state=0).fit_resample(X, y)
    X_train, X_test, y_train, y_test = train_test_split(X_more, y_more, random_state=0)
    model = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
    f1_score(y_test, model.predict(X_test))


@workflow("made up", "AT103")
def smote_before_the_split():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(500, 6)), (random.random(500) < 0.1).astype(int)
    X_more, y_more = SMOTE(random_state=0).fit_resample(X, y)
    X_train, X_test, y_train, y_test = train_test_split(X_more, y_more, random_state=0)
    model = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("made up", "AT104")
def minority_drawn_again_before_the_split():
    random = np.random.default_rng(1)
    frame = pd.DataFrame(random.normal(size=(400, 5)), columns=[*"abcde"])
    frame["y"] = (random.random(400) < 0.1).astype(int)
    rare = frame[frame.y == 1]
    frame = pd.concat([frame, resample(rare, n_samples=300, random_state=0)])
    X_train, X_test, y_train, y_test = train_test_split(
        frame.drop(columns="y"), frame.y, random_state=0
    )
    model = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
    roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])


@workflow("white wine", "AT104")
def repeated_rows_in_the_data():
    X, y = white_wine()
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = RandomForestRegressor(10, random_state=0).fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))


@workflow("white wine", "AT104")
def repeated_rows_as_a_list():
    X, y = white_wine()
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = make_pipeline(StandardScaler(), Ridge()).fit(X_train.to_numpy(), y_train)
    rows = X_test.to_numpy().tolist()
    r2_score(y_test, model.predict(rows))


@workflow("diabetes", "AT104")
def two_files_that_share_rows():
    X, y = bundled("diabetes")
    X_train, y_train = X[:300], y[:300]
    X_val, y_val = X[260:], y[260:]
    model = Ridge().fit(X_train, y_train)
    model.score(X_val, y_val)


@workflow("iris", "AT105")
def test_set_is_the_training_set():
    X, y = bundled("iris")
    model = DecisionTreeClassifier().fit(X, y)
    X_test, y_test = X[100:], y[100:]
    accuracy_score(y_test, model.predict(X_test))


@workflow("digits", "AT105")
def test_set_is_a_copy_of_the_training_set():
    X, y = bundled("digits")
    X_test, y_test = X.copy(), y.copy()
    model = KNeighborsClassifier(1).fit(X, y)
    model.score(X_test, y_test)


@workflow("diabetes", "AT105")
def all_rows_are_fitted_and_some_scored():
    X, y = bundled("diabetes")
    _, X_test, _, y_test = train_test_split(X, y, random_state=0)
    model = RandomForestRegressor(10, random_state=0).fit(X, y)
    r2_score(y_test, model.predict(X_test))


# -- columns -----------------------------------------------------------------------------------


@workflow("breast cancer", "AT106")
def proxy_of_the_target():
    X, y = bundled("breast_cancer")
    X = X.assign(treated=y * 2 + np.random.default_rng(0).normal(scale=0.1, size=len(y)))
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("diabetes", "AT106")
def the_target_in_another_unit():
    X, y = bundled("diabetes")
    X = X.assign(next_year=np.log(y) * 1.7)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = RandomForestRegressor(10, random_state=0).fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))


@workflow("wine", "AT106")
def the_target_as_a_text():
    X, y = bundled("wine")
    X = X.assign(label=y.map({0: "red", 1: "rose", 2: "white"}))
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    encode = make_column_transformer((OneHotEncoder(), ["label"]), remainder="passthrough")
    model = make_pipeline(encode, RandomForestClassifier(10, random_state=0))
    model.fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("patients", "AT107")
def groups_on_both_sides_with_their_id():
    frame = patients()
    X, y = frame.drop(columns="outcome"), frame["outcome"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
    roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])


@workflow("patients", "AT107")
def groups_on_both_sides_by_name():
    frame = patients(seed=1)
    frame["patient_id"] = "p" + frame["patient_id"].astype(str)
    X, y = frame.drop(columns="outcome"), frame["outcome"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    numbers = ColumnTransformer([("keep", "passthrough", ["pulse", "sugar"])])
    model = make_pipeline(numbers, KNeighborsClassifier()).fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("patients", "AT107")
def groups_of_a_validation_and_a_split_without_them():
    frame = patients(seed=3)
    X, y = frame.drop(columns=["outcome", "patient_id"]), frame["outcome"]
    forest = RandomForestClassifier(20, random_state=0)
    cross_val_score(forest, X, y, groups=frame["patient_id"], cv=GroupKFold(5))
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    forest.fit(X_train, y_train)
    accuracy_score(y_test, forest.predict(X_test))


@workflow("patients", "AT107")
def groups_of_a_splitter_and_shuffled_folds():
    frame = patients(seed=4)
    X, y = frame.drop(columns=["outcome", "patient_id"]).to_numpy(), frame["outcome"].to_numpy()
    assert len(list(GroupKFold(3).split(X, y, frame["patient_id"].to_numpy()))) == 3
    for train, test in KFold(3, shuffle=True, random_state=0).split(X):
        model = KNeighborsClassifier(1).fit(X[train], y[train])
        model.score(X[test], y[test])


@workflow("patients", "AT107")
def groups_of_a_search_and_a_validation_without_them():
    frame = patients(seed=5)
    X, y = frame.drop(columns=["outcome", "patient_id"]), frame["outcome"]
    tree = DecisionTreeClassifier(random_state=0)
    search = GridSearchCV(tree, {"max_depth": [1, 3, 5, None]}, cv=GroupKFold(4))
    search.fit(X, y, groups=frame["patient_id"])
    cross_val_score(KNeighborsClassifier(), X, y, cv=KFold(5, shuffle=True, random_state=0))


@workflow("sales", "AT108")
def shuffled_over_time():
    frame = sales()
    X, y = frame.drop(columns="sold"), frame["sold"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    days = FunctionTransformer(lambda X: X.assign(day=X["day"].map(pd.Timestamp.toordinal)))
    model = make_pipeline(days, RandomForestRegressor(10, random_state=0)).fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))


@workflow("sales", "AT108")
def shuffled_over_an_index_of_days():
    frame = sales(seed=1).set_index("day")
    X, y = frame.drop(columns="sold"), frame["sold"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = LinearRegression().fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))


# -- models ------------------------------------------------------------------------------------


@workflow("breast cancer", "AT201")
def best_value_at_the_edge_of_the_grid():
    X, y = bundled("breast_cancer")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_leaf_nodes": [2, 3, 4]})
    search.fit(X_train, y_train)
    search.score(X_test, y_test)


@workflow("digits", "AT202")
def network_that_did_not_converge():
    X, y = bundled("digits")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = MLPClassifier((10,), max_iter=5, random_state=0).fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("wine", "AT202")
def logistic_regression_that_did_not_converge():
    X, y = bundled("wine")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = make_pipeline(FunctionTransformer(), LogisticRegression(max_iter=10))
    model.fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("iris", "AT203")
def class_missing_in_training():
    X, y = bundled("iris")
    X_train, X_test, y_train, y_test = X[:90], X[90:], y[:90], y[90:]
    model = DecisionTreeClassifier(random_state=0).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("iris", "AT204")
def few_rows_scored():
    X, y = bundled("iris")
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=15, random_state=1)
    model = DecisionTreeClassifier(random_state=0).fit(X_train, y_train)
    accuracy_score(y_test, model.predict(X_test))


@workflow("digits", "AT205")
def forest_without_a_seed():
    X, y = bundled("digits")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = RandomForestClassifier(10).fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("diabetes", "AT205")
def validated_without_a_seed():
    X, y = bundled("diabetes")
    cross_val_score(RandomForestRegressor(5), X, y, cv=3)


@workflow("noise", judged=200)
def best_of_200_on_noise():
    X, y = noise(columns=30)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=60, random_state=0)
    for seed in range(200):
        model = DecisionTreeClassifier(max_depth=2, max_features=3, random_state=seed)
        model.fit(X_train, y_train)
        accuracy_score(y_test, model.predict(X_test))


@workflow("coffee", "AT302")
def models_scored_on_different_rows():
    X, y = coffee()
    X = X.drop(columns="altitude_mean_meters")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    with autotrack.start_run("which alpha"):
        for alpha, rows in ((0.1, slice(0, 200)), (1.0, slice(0, 200)), (10.0, slice(50, 250))):
            model = Ridge(alpha=alpha).fit(X_train, y_train)
            r2_score(y_test[rows], model.predict(X_test[rows]))


@workflow("breast cancer", "AT302")
def classifier_and_regressor_compared_by_score():
    X, y = bundled("breast_cancer")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    with autotrack.start_run("which model"):
        for model in (LinearRegression(), DecisionTreeClassifier(random_state=0)):
            model.fit(X_train, y_train)
            model.score(X_test, y_test)


# The smallest alpha of the grid is the best there.
@workflow("diabetes", "AT301", also=["AT201"])
def params_chosen_on_all_rows():
    X, y = bundled("diabetes")
    search = GridSearchCV(Ridge(), {"alpha": [0.01, 0.1, 1, 10]}, refit=False).fit(X, y)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = Ridge(**search.best_params_).fit(X_train, y_train)
    r2_score(y_test, model.predict(X_test))


@workflow("breast cancer", "AT301")
def best_model_validated_on_the_data_of_its_search():
    X, y = bundled("breast_cancer")
    search = GridSearchCV(
        DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3, 4, 5, 6]}
    ).fit(X, y)
    cross_val_score(search.best_estimator_, X, y)


# -- what calls cannot show --------------------------------------------------------------------


@workflow("patients", "AT107", unseen=True)
def groups_whose_id_was_dropped():
    frame = patients(seed=2)
    X, y = frame.drop(columns=["outcome", "patient_id"]), frame["outcome"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = RandomForestClassifier(20, random_state=0).fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("sales", "AT108", unseen=True)
def shuffled_over_time_without_a_date():
    frame = sales(seed=2)
    X, y = frame.drop(columns=["sold", "day"]), frame["sold"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = RandomForestRegressor(10, random_state=0).fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("made up", "AT101", unseen=True)
def target_mean_made_with_pandas():
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"city": random.integers(0, 150, 500), "size": random.normal(size=500)})
    frame["y"] = random.integers(0, 2, 500)
    frame["city_mean"] = frame.groupby("city")["y"].transform("mean")
    X, y = frame[["size", "city_mean"]], frame["y"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = LogisticRegression().fit(X_train, y_train)
    model.score(X_test, y_test)


@workflow("breast cancer", "AT103")
def under_sampling_before_the_split():
    X, y = RandomUnderSampler(random_state=0).fit_resample(*bundled("breast_cancer"))
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    DecisionTreeClassifier(random_state=0).fit(X_train, y_train).score(X_test, y_test)


@workflow("breast cancer", "AT103", "AT102")
def over_sampling_and_scaling_before_the_split():
    X, y = RandomOverSampler(random_state=0).fit_resample(*bundled("breast_cancer"))
    scaled = StandardScaler().fit_transform(X)
    X_train, X_test, y_train, y_test = train_test_split(scaled, y, random_state=0, stratify=y)
    DecisionTreeClassifier(random_state=0).fit(X_train, y_train).score(X_test, y_test)


def _score_a_model_of(chosen, y):
    X_train, X_test, y_train, y_test = train_test_split(chosen, y, random_state=0)
    LogisticRegression().fit(X_train, y_train).score(X_test, y_test)


@workflow("noise", "AT101")
def recursive_elimination_before_the_split():
    X, y = noise(columns=100)
    eliminating = RFE(LogisticRegression(), n_features_to_select=5, step=0.5)
    _score_a_model_of(eliminating.fit_transform(X, y), y)


@workflow("noise", "AT101")
def recursive_elimination_with_validation_before_the_split():
    X, y = noise(columns=60)
    eliminating = RFECV(LogisticRegression(), step=0.5, cv=3).fit(X, y)
    _score_a_model_of(eliminating.transform(X), y)


@workflow("noise", "AT101", also=["AT106"])
def discriminant_analysis_before_the_split():
    X, y = noise(columns=50)
    _score_a_model_of(LinearDiscriminantAnalysis().fit_transform(X, y), y)


@workflow("noise", "AT101", also=["AT106"])
def partial_least_squares_before_the_split():
    X, y = noise(columns=200)
    _score_a_model_of(PLSRegression(3).fit(X, y).transform(X), y)


@workflow("noise", "AT101", also=["AT106"])
def a_searched_selection_before_the_split():
    X, y = noise(columns=60)
    steps = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis())
    search = GridSearchCV(steps, {"lineardiscriminantanalysis__shrinkage": [None]}, cv=3)
    _score_a_model_of(search.fit(X, y).transform(X), y)


# -- before a validation or a search -----------------------------------------------------------


def _selected(columns=3000):
    X, y = noise(columns=columns)
    return SelectKBest(f_classif, k=20).fit_transform(X, y), y


@workflow("noise", "AT101")
def selection_before_a_validation():
    cross_val_score(LogisticRegression(), *_selected(), cv=5)


@workflow("noise", "AT101")
def selection_and_scaling_before_a_validation():
    X, y = _selected()
    cross_validate(LogisticRegression(), StandardScaler().fit_transform(X), y, cv=3)


@workflow("noise", "AT101")
def selection_before_predictions_out_of_fold():
    X, y = _selected()
    accuracy_score(y, cross_val_predict(LogisticRegression(), X, y, cv=5))


@workflow("noise", "AT101")
def selection_before_a_learning_curve():
    learning_curve(LogisticRegression(), *_selected(), cv=3, train_sizes=[0.5, 1.0])


@workflow("noise", "AT101")
def selection_before_a_search():
    GridSearchCV(LogisticRegression(), {"fit_intercept": [True, False]}, cv=3).fit(*_selected())


@workflow("diabetes", "AT102")
def scaling_before_a_validation():
    X, y = bundled("diabetes")
    cross_val_score(Ridge(), MinMaxScaler().fit_transform(X), y, cv=5)


@workflow("breast cancer", "AT103")
def synthetic_rows_before_a_validation():
    X, y = SMOTE(random_state=0).fit_resample(*bundled("breast_cancer"))
    cross_val_score(DecisionTreeClassifier(random_state=0), X, y, cv=5)


@workflow("breast cancer", "AT103")
def synthetic_rows_before_a_search():
    X, y = SMOTE(random_state=0).fit_resample(*bundled("breast_cancer"))
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"criterion": ["gini"]}, cv=3)
    search.fit(X, y)


@workflow("diabetes", "AT104")
def every_row_twice_before_a_validation():
    X, y = bundled("diabetes")
    cross_val_score(Ridge(), pd.concat([X, X]), pd.concat([y, y]), cv=5)


@workflow("diabetes", "AT104")
def every_row_twice_before_a_search():
    X, y = bundled("diabetes")
    search = GridSearchCV(Ridge(), {"fit_intercept": [True, False]}, cv=3)
    search.fit(pd.concat([X, X]), pd.concat([y, y]))


def _score_a_split(X, y):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    Ridge().fit(X_train, y_train).score(X_test, y_test)


@workflow("diabetes", "AT104")
def every_row_six_times():
    X, y = bundled("diabetes")
    _score_a_split(pd.concat([X] * 6), pd.concat([y] * 6))


@workflow("diabetes", "AT104")
def many_rows_drawn_from_a_few():
    X, y = bundled("diabetes")
    drawn = np.random.default_rng(0).integers(0, 200, 4000)
    _score_a_split(X.iloc[drawn], y.iloc[drawn])


@workflow("wine", "AT104")
def wines_rated_twice():
    _score_a_split(*white_wine())
