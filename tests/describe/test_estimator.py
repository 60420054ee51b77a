"""What the user set on an estimator, typed, at every level."""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.cluster import DBSCAN, KMeans, SpectralCoclustering
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from autotrack.describe.constructor import own_params
from autotrack.describe.estimator import LONGEST_VALUE, is_model, storable, summary, user_params


class Holder(BaseEstimator):
    """Holds whatever it is given."""

    def __init__(self, held=None, other=None):
        self.held = held
        self.other = other


def test_params_left_at_their_default_are_not_the_users():
    assert user_params(LogisticRegression()) == {}
    assert user_params(SimpleImputer()) == {}  # its default is NaN, which equals nothing


def test_params_keep_their_types():
    params = user_params(RandomForestClassifier(300, max_features=0.5, bootstrap=False))

    assert params == {"n_estimators": 300, "max_features": 0.5, "bootstrap": False}
    assert [type(params[key]) for key in params] == [type(v) for v in params.values()]
    assert type(params["n_estimators"]) is int
    assert type(params["bootstrap"]) is bool


def test_a_number_equal_to_the_default_is_the_default_whatever_its_type():
    assert user_params(LogisticRegression(C=1)) == {}
    assert user_params(LogisticRegression(C=np.float64(1.0))) == {}


class AllEqual(type):
    """Classes that all call themselves equal."""

    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return 1


def test_classes_that_call_themselves_equal_keep_their_own_params():
    class One(BaseEstimator, metaclass=AllEqual):
        def __init__(self, depth=1):
            self.depth = depth

    class Other(BaseEstimator, metaclass=AllEqual):
        def __init__(self, width=1, depth=2):
            self.width = width
            self.depth = depth

    assert user_params(One(depth=2)) == {"depth": 2}
    assert user_params(Other(width=2)) == {"width": 2}


def test_true_is_not_one():
    assert user_params(Holder(True)) == {"held": True}
    assert user_params(KMeans(n_init=1)) == {"n_init": 1}


def test_numpy_scalars_become_plain_numbers():
    params = user_params(LogisticRegression(C=np.float64(0.5), max_iter=np.int64(7)))

    assert params == {"C": 0.5, "max_iter": 7}
    assert type(params["max_iter"]) is int


def test_a_pipeline_tells_its_steps_and_their_params():
    pipeline = make_pipeline(StandardScaler(with_mean=False), LogisticRegression(C=0.1))

    assert user_params(pipeline) == {
        "standardscaler": "StandardScaler",
        "standardscaler__with_mean": False,
        "logisticregression": "LogisticRegression",
        "logisticregression__C": 0.1,
    }


def test_keys_are_the_ones_set_params_takes():
    model = make_pipeline(
        ColumnTransformer([("n", make_pipeline(StandardScaler(with_std=False)), ["a"])]),
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=2)),
    )

    known = model.get_params()
    assert set(user_params(model)) <= set(known)
    params = user_params(model)
    assert params["columntransformer__n__standardscaler__with_std"] is False
    assert params["adaboostclassifier__estimator__max_depth"] == 2


def test_the_columns_of_a_column_transformer_are_kept():
    model = ColumnTransformer(
        [("n", StandardScaler(), ["a", "b"]), ("c", OneHotEncoder(), ["d"])], remainder="drop"
    )

    assert user_params(model)["transformers"] == [["n", ["a", "b"]], ["c", ["d"]]]


def test_steps_that_are_no_estimators_are_told_as_they_are():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.set_params(standardscaler="passthrough")

    assert user_params(pipeline)["standardscaler"] == "passthrough"


def test_defaults_are_kept_on_request():
    params = user_params(LogisticRegression(C=0.1), defaults=True)

    assert params["C"] == 0.1
    assert params["max_iter"] == 100


def test_functions_go_by_their_names_and_lambdas_by_their_code():
    assert user_params(FunctionTransformer(np.log1p))["func"] == "numpy.log1p"
    assert user_params(FunctionTransformer(math.sqrt))["func"] == "math.sqrt"
    one = user_params(FunctionTransformer(lambda x: x + 1))["func"]
    two = user_params(FunctionTransformer(lambda x: x + 2))["func"]
    assert "<lambda>" in one
    assert one != two
    bound = user_params(FunctionTransformer(functools.partial(np.clip, a_min=0)))["func"]
    assert "clip" in bound
    assert "a_min=0" in bound


def test_no_memory_address_is_kept():
    assert "0x" not in user_params(Holder(object()))["held"]


def test_long_values_are_kept_short_with_a_digest_that_tells_them_apart():
    one = storable(list(range(1000)))
    two = storable([*range(999), -1])

    assert len(one) < LONGEST_VALUE
    assert one != two
    assert "xxh3:" in one


def test_arrays_are_told_by_shape_and_digest_unless_they_are_short():
    assert storable(np.array([1, 2])) == [1, 2]
    long = storable(np.arange(100.0))
    assert "shape=(100,)" in long
    assert long != storable(np.arange(100.0) + 1)


def test_an_estimator_that_holds_itself_ends():
    itself = Holder()
    itself.held = [itself, itself]
    itself.other = itself

    assert set(user_params(itself)) >= {"held", "other"}


def test_a_list_that_holds_itself_ends():
    itself: list[object] = [1]
    itself.append(itself)

    assert storable(itself) == [1, "…"]


class Rude:
    """Its comparison and its repr raise."""

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None

    def __repr__(self):
        raise RuntimeError


def test_values_that_cannot_be_compared_or_shown_do_no_harm():
    assert user_params(Holder(Rude()))["held"].startswith("<Rude> xxh3:")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(plain)
def test_short_plain_values_are_kept_as_they_are(value):
    kept = storable(value)

    if len(repr(value)) < LONGEST_VALUE / 2:
        assert kept == value
        assert type(kept) is type(value)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        KMeans(),
        DBSCAN(),
        SpectralCoclustering(),
        KernelDensity(),
        make_pipeline(StandardScaler(), LinearRegression()),
        VotingClassifier([("a", LogisticRegression())]),
        TransformedTargetRegressor(LinearRegression()),
    ],
    ids=lambda e: type(e).__name__,
)
def test_what_predicts_clusters_or_scores_is_a_model(estimator):
    assert is_model(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        StandardScaler(),
        PCA(),
        make_pipeline(StandardScaler(), PCA()),
        FeatureUnion([("a", PCA())]),
        ColumnTransformer([("a", PCA(), [0])]),
    ],
    ids=lambda e: type(e).__name__,
)
def test_what_only_transforms_is_no_model(estimator):
    assert not is_model(estimator)


def test_a_pipeline_is_called_by_its_steps():
    assert summary(make_pipeline(StandardScaler(), LogisticRegression())) == (
        "StandardScaler > LogisticRegression"
    )
    assert summary(LogisticRegression()) == "LogisticRegression"


# -- objects, closures and tuples ------------------------------------------------------------------


class Link:
    """What Python prints of it tells nothing but where it lies."""

    def __init__(self, power, names=()):
        self.power = power
        self.names = list(names)

    def apply(self, X):
        return X**self.power


def times(k):
    def scaled(X):
        return X * k

    return scaled


def held(value):
    return user_params(Holder(value))["held"]


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (Link(1.0), Link(1.0), Link(2.0)),
        (Link(1.0, "a"), Link(1.0, "a"), Link(1.0, "b")),
        (times(1), times(1), times(1000)),
        (Link(1.0).apply, Link(1.0).apply, Link(2.0).apply),
        (functools.partial(times, 1), functools.partial(times, 1), functools.partial(times, 2)),
        ([Link(1.0)], [Link(1.0)], [Link(2.0)]),
        ({"link": Link(1.0)}, {"link": Link(1.0)}, {"link": Link(2.0)}),
        (
            np.array([Link(1.0), None], dtype=object),
            np.array([Link(1.0), None], dtype=object),
            np.array([Link(2.0), None], dtype=object),
        ),
        (lambda X: X + 1, lambda X: X + 1, lambda X: X + 2),
    ],
)
def test_objects_and_functions_are_told_apart_by_what_they_hold(one, same, other):
    assert held(one) == held(copy.deepcopy(one)) == held(same)
    assert held(one) != held(other)
    assert "0x" not in repr(held(one))


def test_an_object_is_readable_with_its_numbers():
    assert re.fullmatch(r"Link\(power=1\.0, …\) xxh3:[0-9a-f]{16}", held(Link(1.0)))


def test_an_object_whose_own_repr_shows_an_address_inside_is_told_by_what_it_holds():
    @dataclasses.dataclass
    class Settings:
        link: object

    assert held(Settings(Link(1.0))) != held(Settings(Link(2.0)))
    assert held(Settings(Link(1.0))) == held(Settings(Link(1.0)))
    assert "0x" not in held(Settings(Link(1.0)))


def test_keys_that_are_objects_show_no_address():
    assert "0x" not in repr(held({Link(1.0): 1, times(2): 2}))


def test_what_has_no_content_says_so():
    assert held(item for item in [1]).endswith("(its content cannot be told)")


def test_functions_that_can_be_imported_keep_their_plain_name():
    assert held(times) == f"{__name__}.times"
    assert held(Link) == f"{__name__}.Link"


def test_a_tuple_comes_back_as_it_was_given():
    assert held((50,)) == (50,)
    assert type(held((50,))) is tuple
    assert held([(1, 2), [1, 2]]) == [(1, 2), [1, 2]]
    assert held((1, 2)) != held([1, 2])


@pytest.mark.parametrize(
    "estimator",
    [
        Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(C=2.0))]),
        FeatureUnion([("scale", StandardScaler())], n_jobs=1),
        ColumnTransformer([("scale", StandardScaler(), [0])], remainder="passthrough"),
        VotingClassifier([("a", LogisticRegression())], voting="soft"),
        LogisticRegression(C=3.0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_the_own_params_are_those_that_scikit_learn_gives_as_they_are_now(estimator):
    assert own_params(estimator) == estimator.get_params(deep=False)

    name = next(iter(estimator.get_params(deep=False)))
    setattr(estimator, name, "another")
    assert own_params(estimator)[name] == "another"


def test_a_param_whose_class_has_no_hash_is_kept_like_any_other():
    class Compared(type):
        def __eq__(cls, other):
            return True

    class Thing(metaclass=Compared):
        def __repr__(self):
            return "a thing"

    assert user_params(Holder(Thing()))["held"] == "a thing"
