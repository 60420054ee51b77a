"""Warnings, log records and tracebacks are where they would be without tracking.

Every wrapper there is while tracking is on is looked at, whatever it stands for: the wrappers are
found among the living objects, so that a new kind of call is looked at as well.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import gc
import inspect
import logging
import multiprocessing
import pickle
import shutil
import subprocess
import sys
import threading
import traceback
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import RocCurveDisplay, accuracy_score, make_scorer, precision_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autotrack
from autotrack.runtime.patching import is_wrapper, original_of, wrap

X = np.random.default_rng(0).normal(size=(40, 3))
y = (X[:, 0] > 0).astype(int)


class Noise(UserWarning):
    pass


class Failsafe(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """One that lets no attribute be set."""

    code: int


# -- every wrapper --------------------------------------------------------------------------------


def each_wrapper():
    """One wrapper of each watch and name of a function, by what it stands for."""
    found = {}
    for wrapper in gc.get_objects():
        if is_wrapper(wrapper):
            original = original_of(wrapper)
            watch = next(
                cell.cell_contents
                for name, cell in zip(
                    wrapper.__code__.co_freevars, wrapper.__closure__, strict=True
                )
                if name == "watch"
            )
            if getattr(watch, "hook", None) is not None:
                found.setdefault((id(watch), original.__name__), (original, watch))
    return sorted(found.values(), key=lambda pair: pair[0].__qualname__)


def arguments_of(original):
    """Something for it to be called with; what is called does not look at it."""
    owner = original.__qualname__.partition(".")[0]
    firsts = {
        "Thread": threading.Thread,
        "BaseProcess": multiprocessing.Process,
        "ThreadPoolExecutor": concurrent.futures.ThreadPoolExecutor,
        "ProcessPoolExecutor": concurrent.futures.ProcessPoolExecutor,
        "Pool": object,
        "Parallel": joblib.Parallel,
        "_BaseScorer": lambda: make_scorer(accuracy_score),
        "_Scorer": lambda: make_scorer(accuracy_score),
    }
    if owner in firsts:
        return firsts[owner](), [] if owner == "Parallel" else print
    if original.__name__ == "__init_subclass__":
        return (type("Other", (BaseEstimator,), {}),)
    is_method = "." in original.__qualname__ and "<locals>" not in original.__qualname__
    if is_method and not original.__qualname__.endswith(("from_estimator", "from_predictions")):
        return LogisticRegression(), X, y
    if original.__module__.startswith("sklearn.model_selection"):
        return LogisticRegression(), X, y
    return y, y


def called(function, arguments):
    """Three frames of a user's, of which the last calls `function`."""

    def outermost():
        return middle()

    def middle():
        return innermost()

    def innermost():
        return function(*arguments)

    return outermost()


def places(function, arguments, *filters, times=1):
    """Where the warnings that `function` gives are said to be."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        for action, options in filters:
            warnings.filterwarnings(action, category=Noise, **options)
        for _ in range(times):
            called(function, arguments)
    return [(w.filename, w.lineno, str(w.message)) for w in caught if w.category is Noise]


def noisy(original):
    @functools.wraps(original)
    def warns(*args, **kwargs):
        for level in (1, 2, 3, 4, 5):
            warnings.warn(f"{level}", Noise, stacklevel=level)
        return

    return warns


def failing(original):
    @functools.wraps(original)
    def fails(*args, **kwargs):
        raise Failsafe from KeyError("why")

    return fails


HERE = {"module": __name__.replace(".", r"\.")}
FILTERS = {
    "always": [("always", {})],
    "by module": [("always", {}), ("ignore", HERE)],
    "of this module": [("always", HERE)],
    "once for each line": [("default", {})],
    "once for each module": [("module", {})],
}


@pytest.fixture
def wrappers(monkeypatch):
    # What is called returns nothing, which is no fault of anybody's.
    monkeypatch.setenv("AUTOTRACK_STRICT", "0")
    with autotrack.enable(log_models=False), warnings.catch_warnings():
        warnings.simplefilter("ignore", autotrack.CaptureWarning)
        found = each_wrapper()
        names = {original.__name__ for original, _ in found}
        assert {"fit", "predict", "transform", "score", "fit_transform", "accuracy_score"} <= names
        assert {"from_estimator", "from_predictions", "cross_validate", "start", "submit"} <= names
        yield found


@pytest.mark.parametrize("filters", FILTERS)
def test_a_warning_inside_of_any_wrapped_call_is_said_to_be_where_it_would_be(wrappers, filters):
    chosen = FILTERS[filters]
    for original, watch in wrappers:
        function, arguments = noisy(original), arguments_of(original)
        expected = places(function, arguments, *chosen, times=3)
        found = places(wrap(function, watch), arguments, *chosen, times=3)
        assert found == expected, original.__qualname__


def frames_of(function, arguments):
    try:
        called(function, arguments)
    except Exception as error:
        return [(f.filename, f.lineno, f.name) for f in traceback.extract_tb(error.__traceback__)]
    return None


def test_an_error_inside_of_any_wrapped_call_shows_the_frames_that_it_would_show(wrappers):
    for original, watch in wrappers:
        arguments = arguments_of(original)
        function = failing(original)
        expected = frames_of(function, arguments)
        assert frames_of(wrap(function, watch), arguments) == expected, original.__qualname__
        with warnings.catch_warnings():
            warnings.simplefilter("error", Noise)
            function = noisy(original)
            expected = frames_of(function, arguments)
            assert expected
            assert frames_of(wrap(function, watch), arguments) == expected, original.__qualname__


def test_any_wrapped_call_can_be_made_where_no_frame_of_python_is_below(wrappers):
    ended = threading.Semaphore(0)
    errors = []

    def answering(original):
        @functools.wraps(original)
        def answers(*args, **kwargs):
            ended.release()

        return answers

    before, sys.unraisablehook = sys.unraisablehook, errors.append
    try:
        for original, watch in wrappers:
            if original.__qualname__ != "Thread.start":
                wrapper = wrap(answering(original), watch)
                threading._start_new_thread(wrapper, arguments_of(original))
                assert ended.acquire(timeout=20), original.__qualname__
    finally:
        sys.unraisablehook = before
    assert not errors


# -- real calls -----------------------------------------------------------------------------------


class Warns(ClassifierMixin, BaseEstimator):
    """Warns, or raises, of everything."""

    def __init__(self, fails=None):
        self.fails = fails

    def _tell(self, name):
        warnings.warn(f"{name} warns", Noise, stacklevel=3)
        logging.getLogger("noise").warning("%s", name, stacklevel=3)
        if self.fails == name:
            raise Failsafe(name) from KeyError("why")
        if self.fails == f"frozen {name}":
            raise Frozen(3)

    def fit(self, X, y):
        self._tell("fit")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        self._tell("predict")
        return np.zeros(len(X), int)

    def predict_proba(self, X):
        self._tell("predict_proba")
        return np.full((len(X), 2), 0.5)

    def transform(self, X):
        self._tell("transform")
        return X

    def score(self, X, y, sample_weight=None):
        self._tell("score")
        return 0.5

    def staged_predict(self, X):
        self._tell("staged_predict")
        yield np.zeros(len(X), int)


def fitted(**params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Warns(**params).fit(X, y)


CALLS = {
    "fit": lambda **p: Warns(**p).fit(X, y),
    "predict": lambda **p: fitted(**p).predict(X),
    "predict_proba": lambda **p: fitted(**p).predict_proba(X),
    "transform": lambda **p: fitted(**p).transform(X),
    "score": lambda **p: fitted(**p).score(X, y),
    "staged_predict": lambda **p: list(fitted(**p).staged_predict(X)),
    "fit of a pipeline": lambda **p: make_pipeline(StandardScaler(), Warns(**p)).fit(X, y),
    "predict of a pipeline": lambda **p: (
        make_pipeline(StandardScaler(), Warns(**p)).fit(X, y).predict(X)
    ),
    "fit of parts": lambda **p: OneVsRestClassifier(Warns(**p)).fit(X, y),
    "fit of a search": lambda **p: GridSearchCV(
        Warns(**p), {}, cv=3, error_score="raise", scoring="accuracy"
    ).fit(X, y),
    "cross_validate": lambda **p: cross_validate(Warns(**p), X, y, cv=3, error_score="raise"),
    "cross_val_score": lambda **p: cross_val_score(
        Warns(**p), X, y, cv=3, error_score="raise", scoring="accuracy"
    ),
    "a display": lambda **p: RocCurveDisplay.from_estimator(fitted(**p), X, y),
    "a scorer": lambda **p: make_scorer(accuracy_score)(fitted(**p), X, y),
    "a loop": lambda **p: joblib.Parallel(n_jobs=1)(
        joblib.delayed(Warns(**p).fit)(X, y) for _ in range(2)
    ),
    "threads": lambda **p: joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(Warns(**p).fit)(X, y) for _ in range(1)
    ),
}


@pytest.mark.parametrize("action", ["always", "default"])
@pytest.mark.parametrize("call", CALLS)
def test_real_calls_warn_and_log_where_they_would(call, action, caplog):
    def seen():
        caplog.clear()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action)
            for _ in range(2):
                CALLS[call]()
        told = [(w.category, str(w.message), w.filename, w.lineno) for w in caught]
        return told, [(r.getMessage(), r.pathname, r.lineno) for r in caplog.records]

    expected = seen()
    assert expected[0]
    with autotrack.enable():
        assert seen() == expected


def chain(error):
    """Everything there is to an exception and those it hangs together with."""
    if error is None:
        return None
    return (
        type(error),
        error.args,
        dict(vars(error)),
        getattr(error, "__notes__", None),
        error.__suppress_context__,
        chain(error.__cause__),
        chain(error.__context__),
        [(f.filename, f.lineno, f.name) for f in traceback.extract_tb(error.__traceback__)],
    )


FAILS = {
    "a display": "predict_proba",
    "a scorer": "predict",
    "a loop": "fit",
    "cross_val_score": "predict",
    "cross_validate": "score",
    "predict of a pipeline": "predict",
    "threads": "fit",
}


@pytest.mark.parametrize("kind", ["", "frozen "])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_the_errors_of_real_calls_are_as_they_would_be(call, kind):
    fails = kind + FAILS.get(call, call.removesuffix(" of parts").partition(" of ")[0])

    def raised():
        try:
            CALLS[call](fails=fails)
        except Exception as error:
            return chain(error), traceback.format_exc()
        return None

    expected = raised()
    assert expected is not None
    with autotrack.enable():
        found = raised()
    if call in STREAMED:
        # Where loops are followed joblib hands its results over one by one, in a frame less.
        assert [f for f in found[0][-1] if "joblib" not in f[0]] == [
            f for f in expected[0][-1] if "joblib" not in f[0]
        ]
        assert found[0][:-1] == expected[0][:-1]
    else:
        assert found == expected


STREAMED = {"fit of a search", "cross_validate", "cross_val_score"}


def test_a_fit_that_fails_inside_of_a_search_is_told_of_without_our_frames():
    def told():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(ValueError, match="failed") as failure:
                cross_val_score(Warns(fails="fit"), X, y, cv=2, scoring="accuracy")
        return [str(w.message) for w in caught], str(failure.value)

    expected = told()
    with autotrack.enable():
        assert told() == expected


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", ["cross_validate", "joblib.Parallel"])
def test_an_error_in_a_worker_shows_no_frame_of_autotrack(call):
    with autotrack.enable(), pytest.raises(Failsafe) as failure:
        if call == "cross_validate":
            cross_validate(Warns(fails="fit"), X, y, cv=2, n_jobs=2, error_score="raise")
        else:
            joblib.Parallel(n_jobs=2)(
                joblib.delayed(Warns(fails="fit").fit)(X, y) for _ in range(2)
            )
    told = "".join(traceback.format_exception(failure.value))
    assert "in fit" in told
    assert "autotrack/" not in told.replace(__file__, "")
    assert "importlib._bootstrap" not in told


def test_an_error_has_no_frame_of_autotrack_however_it_is_looked_at():
    with autotrack.enable():
        try:
            make_pipeline(Warns(fails="fit")).fit(X, y)
        except Failsafe as error:
            assert sys.exc_info()[2] is error.__traceback__
            seen = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(sys.exc_info()[2])]
            assert pickle.loads(pickle.dumps(error)).args == error.args
    assert seen[0] == seen[-1] == __file__
    assert not any("importlib" in name or "autotrack/capture" in name for name in seen)


class Looking(ClassifierMixin, BaseEstimator):
    """Looks at who called it, as loggers and scikit-learn's own tests do."""

    def fit(self, X, y):
        self.modules_ = [inspect.getmodule(info.frame) for info in inspect.stack()]
        return self


def test_the_module_of_every_frame_is_known_so_that_looking_at_a_stack_is_quick():
    with autotrack.enable(log_models=False):
        modules = Looking().fit(X, y).modules_
    # Of a file that belongs to no module Python looks through all of them, each time.
    names = [module.__name__ for module in modules if module is not None]
    assert "autotrack.capture.parallel.outermost" in names
    assert "autotrack.capture.hooks.estimators" in names
    assert "autotrack.runtime.patching" in names


def test_the_body_of_a_class_fails_with_the_frames_that_it_would_have():
    def raised():
        try:

            class Broken(BaseEstimator):
                def fit(self, X):
                    return self

                raise Failsafe("body")

        except Failsafe as error:
            return chain(error)

    expected = raised()
    with autotrack.enable():
        assert raised() == expected


def test_a_filter_by_module_holds_for_scikit_learns_own_warnings():
    with autotrack.enable(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module="sklearn")
        precision_score(y, np.zeros_like(y))
        LogisticRegression(max_iter=1).fit(X * [1, 1e3, 1e-3], y)
    assert caught == []


def test_what_is_shown_once_for_a_line_is_shown_once_however_many_fits_there_are(run_python):
    code = """
import sys
if "on" in sys.argv:
    import autotrack
    autotrack.enable()
import numpy as np, pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
import warnings
X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=list("abc"))
y = (X["a"] > 0).astype(int)
class Ours(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        warnings.warn("fit")
        return self
    def predict(self, X):
        warnings.warn("predict", stacklevel=2)
        return np.zeros(len(X), int)
    def score(self, X, y):
        return float((self.predict(X) == y).mean())
def mine():
    warnings.warn("mine", stacklevel=2)
for number in (1, 2, 3):
    model = Ours().fit(X, y)
    model.predict(X)
    model.score(X, y)
    mine()
"""
    bare = run_python(code=code).stderr
    assert bare.count("mine") == 1
    tracked = run_python("on", code=code).stderr
    assert tracked.partition("autotrack: recorded")[0] == bare


OTHER_PYTHONS = """
import sys, warnings, traceback
sys.path.insert(0, sys.argv[1])
import types
package = types.ModuleType("autotrack")
package.__path__ = [sys.argv[1] + "/autotrack"]
sys.modules["autotrack"] = package
from autotrack.runtime.patching import Watch, wrap

def noisy():
    for level in range(1, 5):
        warnings.warn(str(level), stacklevel=level)
        if sys.version_info >= (3, 12):
            warnings.warn(str(-level), stacklevel=level, skip_file_prefixes=("/nowhere",))

def failing():
    raise ValueError

def around(original, args, kwargs):
    return original(*args, **kwargs)

from autotrack.runtime.in_between import in_between
in_between(around)
quiet, loud = noisy, wrap(noisy, Watch(around))
def inner(f):
    return f()
def outer(f):
    return inner(f)
def seen(f):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outer(f)
    return [(str(w.message), w.filename, w.lineno) for w in caught]
assert seen(quiet) == seen(loud), (seen(quiet), seen(loud))
def frames(f):
    try:
        outer(f)
    except ValueError as error:
        return traceback.format_exc()
assert frames(failing) == frames(wrap(failing, Watch(around)))
print("the same")
"""


def pythons():
    """This one, and whichever others there are."""
    yield sys.executable
    for name in ("python3.11", "python3.12", "python3.13", "python3.14"):
        path = shutil.which(name)
        if (
            path
            and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            yield path


def test_every_python_passes_over_the_same_frames(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(OTHER_PYTHONS)
    root = autotrack.__path__[0].removesuffix("/autotrack")
    for python in pythons():
        done = subprocess.run([python, script, root], capture_output=True, text=True, check=False)
        assert done.stdout == "the same\n", (python, done.stderr)
