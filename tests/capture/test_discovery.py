"""Estimators that derive from nothing of scikit-learn's, whenever and however they are written."""

from __future__ import annotations

import abc
import builtins
import dataclasses
import pickle
import sys
import types
import typing

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags, TargetTags

import autotrack
from autotrack.runtime.patching import is_patched
from tests.looking import only_run, runs


class Above:
    """Written before anybody switched tracking on."""

    def __init__(self, column=0, quantile=0.5):
        self.column = column
        self.quantile = quantile

    def fit(self, X, y):
        self.limit_ = np.quantile(X[:, self.column], self.quantile)
        return self

    def predict(self, X):
        return (X[:, self.column] > self.limit_).astype(int)

    def score(self, X, y):
        return float(np.mean(self.predict(X) == y))

    def get_params(self, deep=True):
        return {"column": self.column, "quantile": self.quantile}

    def set_params(self, **params):
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self):
        return Tags("classifier", TargetTags(required=True))


class Shift:
    """Transforms, and does no more."""

    def __init__(self, by=1.0):
        self.by = by

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X + self.by

    def get_params(self, deep=True):
        return {"by": self.by}


BEFORE = {cls: dict(vars(cls)) for cls in (Above, Shift)}


def minimal():
    class Minimal:
        def __init__(self, at=0.0):
            self.at = at

        def fit(self, X, y):
            return self

        def predict(self, X):
            return (X[:, 0] > self.at).astype(int)

        def get_params(self):
            return {"at": self.at}

    return Minimal


def assert_one_run(model, binary, params):
    model.fit(binary.X_train, binary.y_train)
    value = accuracy_score(binary.y_test, model.predict(binary.X_test))
    run = only_run()
    assert (run.kind, run.status, run.name) == ("fit", "FINISHED", type(model).__name__)
    assert run.params == params
    assert run.metrics == {"test_accuracy_score": value}
    assert [use.context for use in run.datasets] == ["train", "test"]


# -- whatever it is -------------------------------------------------------------------------------


def test_a_class_of_the_time_before_is_a_model(tracking, binary):
    assert_one_run(Above(quantile=0.25), binary, {"quantile": 0.25})


def test_a_class_with_no_more_than_fit_predict_and_get_params_is_a_model(tracking, binary):
    assert_one_run(minimal()(at=0.5), binary, {"at": 0.5})


def test_its_own_score_reaches_its_run(tracking, binary):
    model = Above().fit(binary.X_train, binary.y_train)
    value = model.score(binary.X_test, binary.y_test)
    assert only_run().metrics == {"test_score": value}


def test_a_threshold_of_its_prediction_reaches_its_run(tracking, binary):
    class Proportions(minimal()):
        def predict(self, X):
            return 1 / (1 + np.exp(-X[:, 0]))

    model = Proportions().fit(binary.X_train, binary.y_train)
    value = accuracy_score(binary.y_test, model.predict(binary.X_test) > 0.5)
    assert only_run().metrics == {"test_accuracy_score": value}


def test_one_that_transforms_opens_no_run_and_is_remembered(tracking, binary):
    shift = Shift(by=2.0)
    X_train = shift.fit(binary.X_train).transform(binary.X_train)
    assert runs() == []
    with pytest.warns(autotrack.PreprocessingWarning, match="Shift"):
        LogisticRegression().fit(X_train, binary.y_train)
    assert only_run().params == {"preprocessing__shift": "Shift", "preprocessing__shift__by": 2.0}


def test_a_fit_that_fails_says_why(tracking, binary):
    class Failing(minimal()):
        def fit(self, X, y):
            raise ZeroDivisionError("nothing to divide by")

    with pytest.raises(ZeroDivisionError):
        Failing().fit(binary.X_train, binary.y_train)
    run = only_run()
    assert (run.status, run.error.type) == ("FAILED", "ZeroDivisionError")


def test_its_calls_of_scikit_learn_are_its_own_affair(tracking, binary):
    class Wrapping(minimal()):
        def fit(self, X, y):
            scaled = StandardScaler().fit_transform(X)
            self.model_ = LogisticRegression().fit(scaled, y)
            accuracy_score(y, self.model_.predict(scaled))
            return self

        def predict(self, X):
            return self.model_.predict(X)

    assert_one_run(Wrapping(), binary, {})


def test_inside_scikit_learn_it_is_silent(tracking, binary):
    X, y = binary.X_train, binary.y_train
    make_pipeline(StandardScaler(), Above(quantile=0.4)).fit(X, y)
    assert only_run().params["above__quantile"] == 0.4
    cross_val_score(Above(), X, y, cv=2, n_jobs=2)
    GridSearchCV(Above(), {"column": [0, 1]}, cv=2).fit(X, y)
    of_the_user = [run.name for run in runs() if run.parent_id is None]
    assert len(of_the_user) == 3
    assert "Above" not in of_the_user


def test_what_is_fitted_and_has_no_params_is_left_alone(tracking):
    class Curve:
        def fit(self, X, y):
            return self

        def predict(self, X):
            return X

    class Settings:
        def get_params(self):
            return {}

        def predict(self, X):
            return X

    assert not is_patched(Curve)
    assert not is_patched(Settings)
    Curve().fit([[1.0]], [1.0])
    assert runs() == []


# -- however it is written ------------------------------------------------------------------------


class Fitting:
    def fit(self, X, y):
        return self


class Asking:
    def __init__(self, at=0.0):
        self.at = at

    def get_params(self, deep=True):
        return {"at": self.at}


def of_two_halves():
    class Whole(Fitting, Asking):
        def predict(self, X):
            return (X[:, 0] > self.at).astype(int)

    return Whole


def derived():
    class Derived(minimal()):
        def fit(self, X, y):
            return super().fit(X, y)

    return Derived


def derived_without_asking():
    class Alone(Above):
        def __init__(self, at=0.0):
            self.at = at

        def fit(self, X, y):
            self.column, self.limit_ = 0, self.at
            return self

        def get_params(self, deep=True):
            return {"at": self.at}

    return Alone


def derived_and_empty():
    class Empty(minimal()):
        pass

    return Empty


def abstract():
    class Base(minimal(), abc.ABC):
        @abc.abstractmethod
        def predict(self, X): ...

    class Concrete(Base):
        def predict(self, X):
            return (X[:, 0] > self.at).astype(int)

    with pytest.raises(TypeError, match="abstract"):
        Base()
    return Concrete


def generic():
    T = typing.TypeVar("T")

    class Listed(minimal(), typing.Generic[T]):
        def fit(self, X: list[T], y: list[T]):
            return self

    return Listed[int].__origin__


def with_options():
    class Base(minimal()):
        def __init_subclass__(cls, *, self, args, **options):
            super().__init_subclass__(**options)
            cls.heard = (self, args)

    class Chosen(Base, self=1, args=2):
        def fit(self, X, y):
            return self

    assert Chosen.heard == (1, 2)
    return Chosen


def with_a_metaclass():
    class Meta(type):
        @classmethod
        def __prepare__(mcs, name, bases, **options):
            return {"options": options}

        def __new__(mcs, name, bases, namespace, **options):
            return super().__new__(mcs, name, bases, namespace)

        def __init__(cls, name, bases, namespace, **options):
            super().__init__(name, bases, namespace)

        def __eq__(cls, other):
            return True

        def __hash__(cls):
            return 1

    class Made(minimal(), metaclass=Meta, level=3):
        def fit(self, X, y):
            return self

    assert Made.options == {"level": 3}
    return Made


def decorated():
    def tell(cls):
        cls.told = True
        return cls

    @tell
    @tell
    class Decorated(minimal()):
        def fit(self, X, y):
            return self

    assert Decorated.told
    return Decorated


def data_class():
    @dataclasses.dataclass
    class Noted:
        at: float = 0.0
        notes: list[str] = dataclasses.field(default_factory=list)

        def fit(self, X, y):
            return self

        def predict(self, X):
            return (X[:, 0] > self.at).astype(int)

        def get_params(self, deep=True):
            return {"at": self.at, "notes": self.notes}

    return Noted


def data_class_with_slots():
    @dataclasses.dataclass(slots=True, weakref_slot=True)
    class Slotted:
        at: float = 0.0

        def fit(self, X, y):
            return self

        def predict(self, X):
            return (X[:, 0] > self.at).astype(int)

        def get_params(self):
            return {"at": self.at}

    return Slotted


def by_code():
    space = {"Base": minimal()}
    exec("class Coded(Base):\n    def fit(self, X, y):\n        return self", space)
    return space["Coded"]


def on_one_line():
    class One(minimal()): fit = lambda self, X, y: self  # fmt: skip # noqa: E701, E731

    return One


def among_others():
    class First:
        score: float = 0.0

    class Second(minimal()):
        class Inner(Exception):
            pass

        def fit(self, X, y):
            if X is None:
                raise self.Inner
            return self

    class Third(Exception):
        pass

    assert not any(map(is_patched, (First, Second.Inner, Third)))
    return Second


WRITTEN = [
    minimal,
    of_two_halves,
    derived,
    derived_without_asking,
    derived_and_empty,
    abstract,
    generic,
    with_options,
    with_a_metaclass,
    decorated,
    data_class,
    data_class_with_slots,
    by_code,
    on_one_line,
    among_others,
]


@pytest.mark.parametrize("write", WRITTEN)
def test_a_class_written_while_tracking_is_on_is_heard_and_restored(tracking, binary, write):
    cls = write()
    assert_one_run(cls(at=0.5), binary, {"at": 0.5})
    autotrack.disable()
    assert not any(map(is_patched, cls.__mro__))
    cls().fit(binary.X_train, binary.y_train)
    assert len(runs()) == 1


@pytest.mark.parametrize("write", WRITTEN)
def test_a_class_written_before_is_heard_and_exactly_as_it_was_afterwards(binary, write):
    cls = write()
    before = {owner: dict(vars(owner)) for owner in cls.__mro__}
    with autotrack.enable(log_models=False):
        assert_one_run(cls(at=0.5), binary, {"at": 0.5})
    for owner in cls.__mro__:
        now = vars(owner)
        held = before[owner]
        assert [name for name in held if now.get(name) is not held[name]] in ([], ["__doc__"])


def test_the_classes_of_this_module_are_as_they_were():
    autotrack.enable()
    assert is_patched(Above)
    autotrack.disable()
    for cls, before in BEFORE.items():
        # Python keeps what it found out for pickles.
        now = {name: value for name, value in vars(cls).items() if name != "__slotnames__"}
        assert list(now) == list(before)
        assert all(now[name] is value for name, value in before.items())


def test_a_class_may_be_defined_again_and_again(tracking, binary):
    for _ in range(3):
        minimal()().fit(binary.X_train, binary.y_train)
    assert [run.name for run in runs()] == ["Minimal"] * 3


def test_an_estimator_of_a_process_that_was_written_in_its_script(run_python, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "class Imported:\n"
        "    def fit(self, X, y): return self\n"
        "    def predict(self, X): return np.zeros(len(X))\n"
        "    def get_params(self, deep=True): return {}\n"
    )
    (tmp_path / "script.py").write_text(
        "import autotrack\n"
        "autotrack.enable()\n"
        "import numpy as np\n"
        "from mine import Imported\n"
        "class Written(Imported):\n"
        "    def __init__(self, by=1.0): self.by = by\n"
        "    def predict(self, X): return super().predict(X) + self.by\n"
        "    def get_params(self, deep=True): return {'by': self.by}\n"
        "X_train, y_train = np.eye(5), np.arange(5.0)\n"
        "from sklearn.metrics import r2_score\n"
        "for model in Imported(), Written(by=2.0):\n"
        "    r2_score(y_train, model.fit(X_train, y_train).predict(X_train))\n"
    )
    run_python(tmp_path / "script.py")
    first, second = runs()
    assert (first.name, second.name) == ("Imported", "Written")
    assert second.params == {"by": 2.0}
    assert second.metrics == {"train_r2_score": 0.0}  # the mean of y
    # The crate holds the code of the script, and predicts where there is no such script.
    code = (
        "import autotrack, numpy as np\n"
        f"crate = autotrack.load_model('runs:/{second.run_id}/model')\n"
        "assert crate(np.zeros((3, 5))).tolist() == [2.0, 2.0, 2.0]\n"
    )
    (tmp_path / "mine.py").unlink()
    run_python(code=code)


def test_scores_of_a_model_out_of_a_crate_reach_its_run(binary):
    autotrack.enable()
    fitted = Above(quantile=0.3).fit(binary.X_train, binary.y_train)
    run = only_run()
    model = autotrack.load_model(f"runs:/{run.run_id}/model").estimator
    assert model is not fitted
    value = accuracy_score(binary.y_test, model.predict(binary.X_test))
    assert only_run().metrics == {"test_accuracy_score": value}


def test_it_pickles_as_before(tracking, binary):
    model = Above().fit(binary.X_train, binary.y_train)
    autotrack.disable()
    bare = pickle.dumps(model)
    with autotrack.enable(log_models=False):
        assert pickle.dumps(model) == bare
        assert isinstance(pickle.loads(bare), Above)


# -- what else happens to class statements --------------------------------------------------------


class Looking(type):
    """Notes in which function its classes are defined, as pydantic does."""

    def __new__(cls, name, bases, namespace):
        namespace["seen_from"] = sys._getframe(1).f_code.co_name
        return super().__new__(cls, name, bases, namespace)


def test_no_frame_is_added_to_class_statements_that_are_no_estimators(tracking):
    class Model(minimal()):
        def fit(self, X, y):
            return self

    class Record(metaclass=Looking):
        above = sys._getframe(1).f_code.co_name
        transformed: float = 0.0

    @dataclasses.dataclass
    class Decorated(
        metaclass=Looking,
    ):
        fitted: int = 1

    class Another(minimal()):
        def fit(self, X, y):
            return self

    here = sys._getframe().f_code.co_name
    assert (Record.seen_from, Record.above, Decorated.seen_from) == (here, here, here)
    assert all(map(is_patched, (Model, Another)))


def test_what_a_class_statement_raises_passes_unchanged(tracking):
    error = KeyError("in the middle")
    with pytest.raises(KeyError) as caught:

        class Broken:
            def fit(self, X, y):
                return self

            raise error

    assert caught.value is error
    with pytest.raises(TypeError, match="metaclass conflict"):

        class Conflicting(metaclass_of_one(), metaclass_of_one()):
            def fit(self, X, y):
                return self


def metaclass_of_one():
    return type("Meta", (type,), {})("Base", (), {})


def test_a_class_statement_may_make_what_is_no_class(tracking):
    class Table(metaclass=lambda name, bases, namespace: sorted(namespace)):
        def fit(self, X, y):
            return self

    assert "fit" in Table


def test_the_way_classes_are_built_is_exactly_as_it_was():
    before = builtins.__build_class__
    with autotrack.enable():
        assert builtins.__build_class__ is not before
        assert callable(builtins.__build_class__)
    assert builtins.__build_class__ is before


def test_somebody_else_who_builds_classes_keeps_doing_so(monkeypatch, binary):
    built = []

    def theirs(before):
        def build(function, name, *bases, **options):
            built.append(name)
            return before(function, name, *bases, **options)

        return build

    below = theirs(builtins.__build_class__)
    monkeypatch.setattr(builtins, "__build_class__", below)
    autotrack.enable(log_models=False)
    above = theirs(builtins.__build_class__)
    monkeypatch.setattr(builtins, "__build_class__", above)
    assert_one_run(minimal()(at=0.5), binary, {"at": 0.5})
    assert built == ["Minimal", "Minimal"]
    autotrack.disable()
    assert builtins.__build_class__ is above
    cls = minimal()
    assert built == ["Minimal"] * 4
    assert not is_patched(cls)
    monkeypatch.undo()
    assert isinstance(builtins.__build_class__, types.BuiltinFunctionType)


def test_a_class_of_scikit_learns_is_heard_once(tracking, numbers):
    class Twice(Ridge):
        def fit(self, X, y):
            return super().fit(X, y)

    class Bare(BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return X[:, 0]

    for cls in (Twice, Bare):
        cls().fit(numbers.X_train, numbers.y_train)
    assert [run.name for run in runs()] == ["Twice", "Bare"]
