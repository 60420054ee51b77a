"""Tracking on and off: everything is exactly as it was afterwards, whatever happened meanwhile."""

from __future__ import annotations

import abc
import dataclasses
import functools
import gc
import importlib
import itertools
import os
import re
import sys
import typing
import weakref

import joblib
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.utils import all_estimators
from sklearn.utils.metaestimators import available_if

import autotrack
from autotrack.runtime.patching import is_patched, is_wrapper

X = np.arange(20.0).reshape(10, 2)
y = np.arange(10) % 2


# -- what there is to be left alone ---------------------------------------------------------------


def subclasses(cls):
    for subclass in type.__subclasses__(cls):
        yield subclass
        yield from subclasses(subclass)


def classes():
    """Every estimator class there is, and whatever they inherit from."""
    all_estimators()  # imports them
    found = {BaseEstimator, joblib.Parallel, *subclasses(BaseEstimator)}
    return {owner for cls in found for owner in cls.__mro__ if owner is not object}


def functions():
    for name in sklearn.metrics.__all__:
        function = getattr(sklearn.metrics, name)
        while function is not None:
            yield function
            function = getattr(function, "__wrapped__", None)


# What Python and scikit-learn keep on classes by themselves as time goes by.
CHANGING = {"__abstractmethods__", "_abc_impl", "__annotations__", "__static_attributes__"}


def snapshot():
    """Each attribute of each class, and each cell of each function, as the object it is."""
    attributes = {
        owner: {name: value for name, value in vars(owner).items() if name not in CHANGING}
        for owner in classes()
    }
    cells = [(function, tuple(_contents(function))) for function in functions()]
    return attributes, cells


def assert_same(before, after):
    attributes, cells = before
    for owner, held in attributes.items():
        now = after[0][owner]
        assert list(now) == list(held), owner
        for name, value in held.items():
            assert now[name] is value, (owner, name)
    for (function, contents), (_, now) in zip(cells, after[1], strict=True):
        assert all(a is b for a, b in zip(contents, now, strict=True)), function


def is_watched(cls, name="fit"):
    return is_wrapper(inspect_static(cls, name))


def inspect_static(cls, name):
    value = next(vars(owner)[name] for owner in cls.__mro__ if name in vars(owner))
    return getattr(value, "fn", getattr(value, "__func__", value))


# -- on and off -----------------------------------------------------------------------------------


def test_every_class_and_function_is_exactly_as_it_was():
    before = snapshot()
    autotrack.enable(log_models=False)
    model = GaussianNB().fit(X, y)
    accuracy_score(y, model.predict(X))
    autotrack.disable()
    assert_same(before, snapshot())


def test_while_tracking_is_on_every_model_and_metric_is_heard():
    models = [cls for _, cls in all_estimators(type_filter=["classifier", "regressor"])]
    with autotrack.enable():
        deaf = [cls for cls in models if not (is_watched(cls) and is_watched(cls, "predict"))]
        assert deaf == []
        heard = [f for f in functions() if any(map(is_wrapper, _contents(f)))]
    names = {function.__name__ for function in heard}
    assert {"accuracy_score", "r2_score", "roc_curve", "silhouette_score", "auc"} <= names


def _contents(function):
    return [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]


def test_enable_says_whether_it_is_on():
    assert not autotrack.is_enabled()
    session = autotrack.enable()
    assert autotrack.is_enabled()
    assert repr(session).startswith("<autotrack on, recording to ")
    autotrack.disable()
    assert not autotrack.is_enabled()
    assert repr(session).startswith("<autotrack off")
    autotrack.disable()


def test_enabling_twice_changes_nothing_and_takes_one_disable():
    before = snapshot()
    first = autotrack.enable(log_models=False)
    assert autotrack.enable(log_models=False) is first
    assert autotrack.enable() is first
    GaussianNB().fit(X, y)
    assert len(autotrack.search_runs()) == 1
    autotrack.disable()
    assert_same(before, snapshot())


def test_enabling_with_another_setting_keeps_the_rest(tmp_path):
    autotrack.enable(log_models=False, experiment="tea")
    session = autotrack.enable(log_defaults=True)
    assert (session.settings.log_models, session.settings.log_defaults) == (False, True)
    assert session.settings.experiment == "tea"
    GaussianNB().fit(X, y)
    assert len(autotrack.search_runs("tea")) == 1
    before = autotrack.enable(store=tmp_path / "elsewhere")
    assert before.settings.store == tmp_path / "elsewhere"
    GaussianNB().fit(X, y)
    assert len(autotrack.search_runs("tea")) == 1


class Interrupted(GaussianNB):
    """Whose fits with much smoothing are interrupted where a switch is set."""

    def fit(self, X, y):
        if os.environ.get("INTERRUPTED") and self.var_smoothing > 0.1:
            raise KeyboardInterrupt
        return super().fit(X, y)


def test_a_search_starts_over_where_resuming_is_switched_off(monkeypatch):
    def progress_of_a_second_try():
        search = GridSearchCV(Interrupted(), {"var_smoothing": [0.1, 0.2]}, cv=2)
        monkeypatch.setenv("INTERRUPTED", "1")
        with pytest.raises(KeyboardInterrupt):
            search.fit(X, y)
        monkeypatch.delenv("INTERRUPTED")
        search.fit(X, y)
        return autotrack.last_run().tags["autotrack.progress"]

    autotrack.enable(log_models=False)
    assert progress_of_a_second_try() == "4 of 4 evaluations, 2 reused"
    autotrack.enable(resume=False)
    assert progress_of_a_second_try() == "4 of 4 evaluations"
    autotrack.disable()
    monkeypatch.setenv("AUTOTRACK_RESUME", "no")
    autotrack.enable(log_models=False)
    assert progress_of_a_second_try() == "4 of 4 evaluations"


def test_a_session_is_a_context_manager():
    with autotrack.enable(log_models=False) as session:
        assert autotrack.enable() is session
    assert not autotrack.is_enabled()
    with pytest.raises(ZeroDivisionError), autotrack.enable():
        raise ZeroDivisionError
    assert not autotrack.is_enabled()


def test_an_older_session_that_ends_does_not_switch_off_a_newer_one():
    with autotrack.enable():
        autotrack.disable()
        autotrack.enable(log_defaults=True)
    assert autotrack.is_enabled()


def test_a_setting_that_cannot_be_used_changes_nothing():
    before = snapshot()
    with pytest.raises(autotrack.SettingError):
        autotrack.enable(log_models="perhaps")
    assert not autotrack.is_enabled()
    assert_same(before, snapshot())
    autotrack.enable(log_models=False)
    with pytest.raises(autotrack.SettingError):
        autotrack.enable(store="")
    GaussianNB().fit(X, y)
    assert len(autotrack.search_runs()) == 1


def test_nothing_is_recorded_while_tracking_is_off():
    autotrack.enable(log_models=False)
    autotrack.disable()
    model = GaussianNB().fit(X, y)
    accuracy_score(y, model.predict(X))
    assert autotrack.search_runs().empty


def test_importing_autotrack_changes_nothing_and_imports_no_scikit_learn(run_python):
    run_python(
        code="import sys, autotrack\n"
        "sys.exit(any(name == 'sklearn' or name.startswith('sklearn.') for name in sys.modules))"
    )


def test_a_module_imported_while_tracking_is_on_is_heard_and_restored(run_python):
    code = """
import autotrack
autotrack.enable(log_models=False)
from sklearn.linear_model import Ridge
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score
from autotrack.runtime.patching import is_patched
X, y = [[1.0], [2.0], [4.0]], [1.0, 2.0, 3.0]
r2_score(y, Ridge().fit(X, y).predict(X))
HistGradientBoostingRegressor(max_iter=2).fit(X, y)
assert len(autotrack.search_runs()) == 2
assert is_patched(Ridge)
autotrack.disable()
assert not any(map(is_patched, [*Ridge.__mro__, *HistGradientBoostingRegressor.__mro__]))
"""
    run_python(code=code)


# -- classes born while it is on ------------------------------------------------------------------


class Lender(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.arange(len(X)) / 3


def plain():
    class Plain(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.arange(len(X)) / 3

    return Plain


def transforming():
    class Transforming(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            return self

        def transform(self, X):
            return X

        def get_feature_names_out(self, names=None):
            return names

    return Transforming


def conditional():
    class Conditional(plain()):
        @available_if(lambda self: True)
        def predict_proba(self, X):
            return X

        @available_if(lambda self: False)
        def score(self, X, y):
            return 1.0

    return Conditional


def with_a_hook():
    class Base(plain()):
        born: typing.ClassVar = []

        def __init_subclass__(cls, *, tag=None, **options):
            super().__init_subclass__(**options)
            cls.born.append((cls.__name__, tag))

    class Hooked(Base, tag="x"):
        def fit(self, X, y):
            return super().fit(X, y)

    assert Base.born == [("Hooked", "x")]
    return Hooked


def with_a_silent_hook():
    class Base(plain()):
        def __init_subclass__(cls):
            pass

    class Silent(Base):
        def fit(self, X, y):
            return self

    return Silent


def abstract():
    class Base(plain(), metaclass=abc.ABCMeta):
        @abc.abstractmethod
        def predict(self, X): ...

    class Concrete(Base):
        def predict(self, X):
            return np.arange(len(X)) / 3

    with pytest.raises(TypeError):
        Base()
    return Concrete


def with_a_metaclass():
    class Equal(type):
        """Classes that all call themselves equal."""

        def __hash__(cls):
            return 1

        def __eq__(cls, other):
            return True

    class Metamorphic(plain(), metaclass=Equal):
        def fit(self, X, y):
            return self

    return Metamorphic


def generic():
    T = typing.TypeVar("T")

    class Generic(plain(), typing.Generic[T]):
        def fit(self, X, y):
            return self

    return Generic


def made_by_type():
    return type("Made", (plain(),), {"fit": lambda self, X, y: self})


def dataclass():
    @dataclasses.dataclass
    class Data(plain()):
        alpha: float = 1.0

        def fit(self, X, y):
            return self

    return Data


def dataclass_with_slots():
    @dataclasses.dataclass(slots=True)
    class Data(plain()):
        alpha: float = 1.0

        def fit(self, X, y):
            return self

    return Data


def borrowing():
    class Borrowing(plain()):
        fit = Lender.fit
        train = GaussianNB.fit
        predict = Lender.predict

    return Borrowing


def decorated():
    def loudly(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs)

        return inner

    class Decorated(plain()):
        fit = loudly(Lender.fit)
        predict = loudly(Lender.predict)

    return Decorated


def mixing():
    class Fitting:
        """No estimator itself."""

        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.arange(len(X)) / 3

    class Mixed(Fitting, RegressorMixin, BaseEstimator):
        pass

    return Mixed


def redefined():
    return [plain(), plain()][1]


BIRTHS = [
    plain,
    transforming,
    conditional,
    with_a_hook,
    with_a_silent_hook,
    abstract,
    with_a_metaclass,
    generic,
    made_by_type,
    dataclass,
    dataclass_with_slots,
    borrowing,
    decorated,
    mixing,
    redefined,
]


@pytest.mark.parametrize("make", BIRTHS, ids=lambda make: make.__name__)
def test_a_class_born_while_tracking_is_on_is_heard_and_is_left_as_one_born_without(make):
    autotrack.enable(log_models=False)
    cls = make()
    if make is not transforming:
        cls().fit(X, X[:, 1])
        assert [run.split()[0] for run in autotrack.search_runs()["name"]] == [cls.__name__]
    autotrack.disable()
    left = [owner for owner in cls.__mro__ if is_patched(owner)]
    if make is decorated:  # their decorator holds the wrapper, which is silent from now on
        assert is_wrapper(inspect_static(cls, "fit").__wrapped__)
    assert left == []
    twin = make()
    assert list(vars(cls)) == list(vars(twin))
    cls().fit(X, X[:, 1])
    assert len(autotrack.search_runs()) <= 1


@pytest.mark.parametrize("make", BIRTHS, ids=lambda make: make.__name__)
def test_a_class_born_before_is_heard_and_restored(make):
    cls = make()
    before = [dict(vars(owner)) for owner in cls.__mro__]
    with autotrack.enable(log_models=False):
        if make is not transforming:
            cls().fit(X, X[:, 1])
            assert len(autotrack.search_runs()) == 1
    for owner, held in zip(cls.__mro__, before, strict=True):
        assert all(vars(owner)[name] is value for name, value in held.items())


@pytest.mark.parametrize("make", BIRTHS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("fitted", [True, False])
def test_a_class_born_while_tracking_is_on_can_be_collected(make, fitted):
    def live():
        cls = make()
        if fitted and make is not transforming:
            model = cls().fit(X, X[:, 1])
            r2_score(X[:, 1], model.predict(X))
        return weakref.ref(cls)

    autotrack.enable(log_models=False)
    born = live()
    gc.collect()
    gc.collect()
    assert born() is None


def test_frames_are_put_out_by_transformers_born_while_tracking_is_on():
    import pandas as pd

    frame = pd.DataFrame(X, columns=["a", "b"])
    with autotrack.enable():
        cls = transforming()
        assert isinstance(cls().set_output(transform="pandas").fit_transform(frame), pd.DataFrame)
    assert isinstance(cls().set_output(transform="pandas").fit_transform(frame), pd.DataFrame)
    assert isinstance(cls().fit_transform(X), np.ndarray)


@pytest.mark.parametrize(
    "switch", [autotrack.disable, lambda: autotrack.enable(log_datasets=False)]
)
def test_a_class_whose_birth_switches_tracking_is_heard_as_it_is_then(switch):
    class Base(RegressorMixin, BaseEstimator):
        def __init_subclass__(cls):
            super().__init_subclass__()
            switch()

    def fit(self, X, y):
        return self

    autotrack.enable(log_models=False)
    cls = type("Sub", (Base,), {"fit": fit})
    cls().fit(X, y)
    assert len(autotrack.search_runs()) == autotrack.is_enabled()
    autotrack.disable()
    assert vars(cls)["fit"] is fit
    assert not any(is_patched(owner) for owner in cls.__mro__)


# -- methods replaced by the user -----------------------------------------------------------------


def test_a_method_the_user_replaces_meanwhile_is_theirs_to_keep(monkeypatch):
    cls = plain()
    autotrack.enable(log_models=False)
    heard = cls.fit

    def theirs(self, X, y):
        self.seen_ = True
        return heard(self, X, y)

    cls.fit = theirs
    cls().fit(X, y)
    assert len(autotrack.search_runs()) == 1  # through the method they call
    autotrack.disable()
    assert vars(cls)["fit"] is theirs
    assert cls().fit(X, y).seen_
    assert len(autotrack.search_runs()) == 1


def test_a_method_replaced_before_is_heard_and_put_back(monkeypatch):
    calls = []
    original = Ridge.fit
    monkeypatch.setattr(Ridge, "fit", lambda self, X, y: calls.append(1) or original(self, X, y))
    theirs = vars(Ridge)["fit"]
    with autotrack.enable(log_models=False):
        Ridge().fit(X, y)
    assert vars(Ridge)["fit"] is theirs
    assert calls == [1]
    assert len(autotrack.search_runs()) == 1


def test_a_method_put_back_after_tracking_ended_is_heard_the_next_time(monkeypatch):
    pristine = vars(Ridge)["fit"]
    autotrack.enable(log_models=False)
    with monkeypatch.context() as patch:
        patch.setattr(Ridge, "fit", lambda self, X, y: self)
        autotrack.disable()
    # The context has put back what it found, which was ours.
    Ridge().fit(X, y)
    assert autotrack.search_runs().empty
    with autotrack.enable(log_models=False):
        Ridge().fit(X, y)
        assert len(autotrack.search_runs()) == 1
    assert vars(Ridge)["fit"] is pristine


def test_a_metric_the_user_replaces_in_the_module_is_theirs_to_keep(monkeypatch):
    with autotrack.enable():
        monkeypatch.setattr(sklearn.metrics, "accuracy_score", len)
    assert sklearn.metrics.accuracy_score is len


def test_a_method_deleted_meanwhile_stays_deleted():
    cls = plain()
    with autotrack.enable():
        del cls.predict
    assert "predict" not in vars(cls)


# -- all orders -----------------------------------------------------------------------------------

MODULE = "tests_session_estimators"
SOURCE = """
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
class Base(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self
    def predict(self, X):
        return X[:, 0] / 3
"""


@pytest.mark.parametrize("order", list(itertools.permutations(["import", "enable", "subclass"])))
def test_a_fit_is_heard_in_any_order_of_import_and_enable(order, tmp_path, monkeypatch):
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    module = None
    base = LinearRegression
    for step in order:
        if step == "import":
            module = importlib.import_module(MODULE)
            base = module.Base
        elif step == "enable":
            autotrack.enable(log_models=False)
        else:
            cls = type("Sub", (base,), {})
    truth = X[:, 1]
    module.r2_score(truth, cls().fit(X, truth).predict(X))
    (run_id,) = autotrack.search_runs()["run_id"]
    assert len(autotrack.get_run(run_id).metrics) == 1
    autotrack.disable()
    assert not any(is_patched(owner) for owner in cls.__mro__)
    monkeypatch.delitem(sys.modules, MODULE)


class OnAndOff(RuleBasedStateMachine):
    """Whatever happens in whatever order: heard while on, and exactly as it was while off."""

    @initialize()
    def begin(self):
        autotrack.disable()
        self.pristine = vars(Ridge)["fit"]
        self.classes = []
        self.replaced = {}

    @rule(setting=st.booleans())
    def enable(self, setting):
        autotrack.enable(log_models=False, log_datasets=setting)

    @rule()
    def disable(self):
        autotrack.disable()

    @rule(base=st.sampled_from(["estimator", "last", "ridge"]), own=st.booleans())
    def define(self, base, own):
        def fit(self, X, y):
            return self

        bases = {
            "estimator": (RegressorMixin, BaseEstimator),
            "ridge": (Ridge,),
            "last": (self.classes[-1][0],) if self.classes else (ClassifierMixin, BaseEstimator),
        }[base]
        body = {"fit": fit, "predict": lambda self, X: X[:, 0]} if own or base != "ridge" else {}
        self.classes.append((type("Made", bases, dict(body)), body))

    @precondition(lambda self: self.classes)
    @rule(at=st.integers(0, 100))
    def replace(self, at):
        def theirs(self, X, y):
            self.coef_, self.intercept_ = np.zeros(X.shape[1]), 0.0  # Ridge's predict wants them
            return self

        cls = self.classes[at % len(self.classes)][0]
        cls.fit = theirs
        self.replaced[cls] = theirs

    @precondition(lambda self: self.classes)
    @rule(at=st.integers(0, 100))
    def forget(self, at):
        cls, _ = self.classes.pop(at % len(self.classes))
        self.replaced.pop(cls, None)
        gc.collect()

    @precondition(lambda self: self.classes)
    @rule(at=st.integers(0, 100))
    def use(self, at):
        cls, _ = self.classes[at % len(self.classes)]
        model = cls()
        assert model.fit(X, y) is model
        assert model.predict(X).shape == (10,)

    @invariant()
    def pristine_while_off(self):
        if autotrack.is_enabled():
            assert is_wrapper(vars(Ridge)["fit"])
            return
        assert vars(Ridge)["fit"] is self.pristine
        for cls, body in self.classes:
            assert not is_patched(cls)
            for name, function in body.items():
                expected = self.replaced.get(cls, function) if name == "fit" else function
                assert vars(cls)[name] is expected

    def teardown(self):
        autotrack.disable()


def test_on_and_off_in_any_order_of_events(store_path):
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        OnAndOff,
        settings=settings(max_examples=25, stateful_step_count=12, deadline=None),
    )


def test_what_runs_at_exit_after_autotrack_is_not_recorded_and_works(run_python, tmp_path):
    code = """
import atexit
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

def last():
    model = Ridge().fit([[1.0], [2.0]], [1.0, 2.0])
    print("at exit", r2_score([1.0, 2.0], model.predict([[1.0], [2.0]])) > 0)

atexit.register(last)
import autotrack
autotrack.enable()
Ridge().fit([[1.0], [2.0]], [1.0, 2.0])
"""
    done = run_python(code=code)
    assert "at exit True" in done.stdout
    assert len(autotrack.search_runs()) == 1


def test_importing_does_not_look_for_garbage(run_python):
    code = """
import gc
import numpy, pandas, sqlite3
found = []
gc.callbacks.append(lambda phase, info: found.append(phase))
import autotrack
gc.callbacks.clear()
print("looked", found.count("start"), "times", gc.isenabled())
"""
    looked = re.search(r"looked (\d+) times True", run_python(code=code).stdout)
    assert looked is not None
    # Once at its beginning and end perhaps; some twenty times if it were not for that.
    assert int(looked[1]) <= 5


def test_a_process_whose_working_directory_is_gone_ends_in_silence(run_python):
    code = (
        "import os, tempfile, autotrack\n"
        "os.chdir(tempfile.mkdtemp())\n"
        "with autotrack.start_run('a'): pass\n"
        "import shutil; shutil.rmtree(os.getcwd())\n"
    )
    assert run_python(code=code, AUTOTRACK_STORE="", AUTOTRACK_STRICT="0").stderr == ""
