"""Any sequence of events, nested and threaded: the world is as it was, and every run complete."""

from __future__ import annotations

import importlib
import itertools
import os
import pickle
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import Ridge, SGDRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.discovery import all_displays, all_estimators, all_functions

import autotrack
from autotrack.runtime.patching import is_patched
from autotrack.tracking.workspace import workspace
from tests.looking import history, runs
from tests.world import World, changed, inside, look_at_the_world

pytestmark = pytest.mark.thorough

X = np.random.default_rng(0).normal(size=(12, 3))
y = X @ [1.0, 2.0, 3.0]

# -- what happens in it ----------------------------------------------------------------------------


class Stage(RegressorMixin, BaseEstimator):
    """Other things happen inside of its fit."""

    def __init__(self, mark=0):
        self.mark = mark

    def fit(self, X, y, meanwhile: Callable[[], None] = lambda: None):
        meanwhile()
        if len(X) != len(y):
            raise LookupError("lengths", len(X), len(y))
        return self

    def predict(self, X):
        return X[:, 0] / 3


SOURCE = """
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
class Imported(RegressorMixin, BaseEstimator):
    def __init__(self, mark=0):
        self.mark = mark
    def fit(self, X, y):
        if len(X) != len(y):
            raise LookupError("lengths", len(X), len(y))
        return self
    def predict(self, X):
        return X[:, 0] / 3
"""


def derive(base: type, name: str, *, own_fit: bool) -> type:
    """A class that an import finds: cloudpickle writes the others anew when they arrive."""

    def fit(self, X, y, *rest):
        return super(made, self).fit(X, y, *rest)

    made = type(name, (base,), {"__module__": __name__} | ({"fit": fit} if own_fit else {}))
    setattr(sys.modules[__name__], name, made)
    return made


def make_pipe(alpha: int) -> Any:
    return make_pipeline(StandardScaler(), Ridge(alpha=alpha))


class Around(NamedTuple):
    """What a step happens in.

    `in_fit` says that a fit that is heard is under way; `racing` that somebody may switch tracking
    on or off at the same time, so that nobody knows what is heard.
    """

    in_fit: bool = False
    racing: bool = False


@dataclass
class Told:
    """What a call must have left: None means that only the store knows whether it was heard."""

    heard: bool | None
    fails: bool = False
    crate: bool = False
    data: bool = False
    scores: int | None = 0


@dataclass
class Model:
    """A fitted model, and the mark it has in the store."""

    estimator: Any
    mark: int
    # Which period of tracking it was fitted in; its scores are heard until `disable()`.
    period: int | None


SIMPLE = (
    "enable",
    "disable",
    "import",
    "subclass",
    "fit",
    "fail",
    "partial_fit",
    "score",
    "judge",
    "clone",
    "pickle",
    "transform",
    "validate",
)
simple = st.tuples(st.sampled_from(SIMPLE), st.integers(0, 7))
around_others = st.sampled_from(("stage", "run", "thread"))
plays = st.recursive(
    st.lists(simple, max_size=4),
    lambda inner: st.lists(simple | st.tuples(around_others, inner), max_size=3),
    max_leaves=6,
)


def toggles(steps: list[Any]) -> bool:
    """Whether tracking is switched on or off anywhere in these steps."""
    return any(
        toggles(more) if isinstance(more, list) else name in ("enable", "disable")
        for name, more in steps
    )


class Sequence(RuleBasedStateMachine):
    """Switch on and off, import, derive, fit, score, copy: alone, inside of a fit, in threads."""

    folder: Path
    before: World
    numbers = itertools.count()

    @initialize()
    def begin(self):
        autotrack.disable()
        workspace.forget()
        os.environ["AUTOTRACK_STORE"] = str(self.folder / f"store-{next(self.numbers)}")
        self.classes: list[type] = [Ridge, Stage]
        self.born: World = {}
        self.models: list[Model] = []
        self.marks = itertools.count(2)  # Ridge's default alpha is 1
        self.told: dict[int, Told] = {}
        self.lock = threading.Lock()
        self.period = 0

    # -- steps ----------------------------------------------------------------------------------

    @rule(step=simple)
    def one(self, step):
        self.play([step], Around())

    @rule(steps=plays)
    def inside_a_fit(self, steps):
        self.play([("stage", steps)], Around())

    @rule(steps=plays)
    def inside_a_run(self, steps):
        self.play([("run", steps)], Around())

    @rule(parts=st.lists(plays, min_size=2, max_size=3))
    def in_threads(self, parts):
        around = Around(racing=any(map(toggles, parts)))
        with ThreadPoolExecutor(len(parts)) as pool:
            for done in [pool.submit(self.play, steps, around) for steps in parts]:
                done.result()

    def play(self, steps, around):
        for name, detail in steps:
            getattr(self, f"_{name}")(detail, around)

    def _enable(self, number, around):
        autotrack.enable(log_models=number % 2 == 0, log_datasets=number % 3 > 0)

    def _disable(self, number, around):
        autotrack.disable()
        self.period += 1
        if not around.racing:
            self.pristine()

    def _import(self, number, around):
        with self.lock:
            name = f"tests_sequences_{next(self.numbers)}"
            Path(self.folder, f"{name}.py").write_text(SOURCE)
            importlib.invalidate_caches()
            module = importlib.import_module(name)
        assert module.r2_score is r2_score
        self.classes.append(module.Imported)

    def _subclass(self, number, around):
        base = self.classes[number % len(self.classes)]
        self.classes.append(derive(base, f"Made{next(self.numbers)}", own_fit=number % 2 == 1))

    def _fit(self, number, around):
        kinds = [*self.classes, make_pipe]
        kind = kinds[number % len(kinds)]
        mark = next(self.marks)
        model = kind(alpha=mark) if takes_alpha(kind) else kind(mark)
        self.fit(model, mark, around)

    def fit(self, model, mark, around, *rest):
        period = self.expect(mark, around)
        assert model.fit(X, y, *rest) is model
        self.models.append(Model(model, mark, period))

    def _fail(self, number, around):
        mark = next(self.marks)
        self.expect(mark, around, fails=True)
        kind = (Ridge, Stage)[number % 2]
        with pytest.raises((ValueError, LookupError)):
            (kind(alpha=mark) if kind is Ridge else kind(mark)).fit(X, y[:5])

    def _partial_fit(self, number, around):
        mark = next(self.marks)
        period = self.expect(mark, around)
        model = SGDRegressor(alpha=mark)
        for _ in range(1 + number % 3):
            model.partial_fit(X, y)
        self.models.append(Model(model, mark, period))

    def _validate(self, number, around):
        mark = next(self.marks)
        self.expect(mark, around, fitted=False)
        cross_val_score(Ridge(alpha=mark), X, y, cv=2)

    def _transform(self, number, around):
        scaler = StandardScaler()
        assert np.array_equal(scaler.fit_transform(X), scaler.transform(X))

    def _score(self, number, around):
        if self.models:
            model = self.models[number % len(self.models)]
            self.expect_score(model, around)
            model.estimator.score(X, y)

    def _judge(self, number, around):
        if self.models:
            model = self.models[number % len(self.models)]
            predicted = model.estimator.predict(X)
            self.expect_score(model, around)
            r2_score(y, predicted)

    def _clone(self, number, around):
        if self.models:
            model = self.models[number % len(self.models)].estimator
            twin = clone(model)
            assert type(twin) is type(model)
            mark = next(self.marks)
            (name,) = {"mark", "alpha", "ridge__alpha"} & twin.get_params().keys()
            self.fit(twin.set_params(**{name: mark}), mark, around)

    def _pickle(self, number, around):
        if self.models:
            model = self.models[number % len(self.models)]
            pickler = (pickle, cloudpickle)[number % 2]
            landed = pickle.loads(pickler.dumps(model.estimator))
            assert type(landed) is type(model.estimator)
            assert np.array_equal(landed.predict(X), model.estimator.predict(X))
            self.models.append(Model(landed, model.mark, None))

    def _stage(self, steps, around):
        mark = next(self.marks)
        heard = autotrack.is_enabled()
        inner = around._replace(in_fit=around.in_fit or heard)
        self.fit(Stage(mark), mark, around, lambda: self.play(steps, inner))

    def _run(self, steps, around):
        with autotrack.start_run(nested=True):
            self.play(steps, around)

    def _thread(self, steps, around):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.play, steps, around).result()

    # -- what must be ---------------------------------------------------------------------------

    def expect(self, mark, around, *, fails=False, fitted=True):
        """Note what the call with this mark must leave; the period if it is heard."""
        if around.racing:
            self.told[mark] = Told(None, fails, scores=None)
            return None
        session = autotrack.is_enabled() and autotrack.enable()
        heard = bool(session) and not around.in_fit
        told = Told(heard, fails)
        if heard:
            told.crate = session.settings.log_models and fitted and not fails
            told.data = session.settings.log_datasets
        self.told[mark] = told
        return self.period if heard else None

    def expect_score(self, model, around):
        if around.in_fit and not around.racing:
            return
        with self.lock:
            told = self.told[model.mark]
            if around.racing:
                told.scores = None
            elif told.scores is not None and autotrack.is_enabled() and model.period == self.period:
                told.scores += 1

    @invariant()
    def pristine_while_off(self):
        if not autotrack.is_enabled():
            assert not [cls for cls in self.classes if any(map(is_patched, cls.__mro__))]

    def pristine(self):
        assert changed(self.before) == []
        for cls in self.classes:
            for where, value in inside(cls, (), set()):
                assert self.born.setdefault(where, value) is value, where

    def teardown(self):
        autotrack.disable()
        self.pristine()
        assert autotrack.active_run() is None
        found = runs()
        assert {run.status for run in found} <= {"FINISHED", "FAILED"}
        by_mark = Counter(mark_of(run) for run in found)
        for run in found:
            assert run.end_time is not None
            assert (run.error is None) == (run.status == "FINISHED")
            if (mark := mark_of(run)) is not None:
                self.complete(run, self.told[mark])
            else:
                assert run.kind == "user"
        for mark, told in self.told.items():
            if told.heard is not None:
                assert by_mark[mark] == told.heard
            assert by_mark[mark] <= 1

    def complete(self, run, told):
        if told.fails:
            assert run.status == "FAILED" or "autotrack.fit_error" in run.tags
        else:
            assert run.status == "FINISHED"
        if told.heard is None:
            return
        if told.data or told.scores == 0:  # scores keep their data as well
            assert bool(run.datasets) == told.data
        paths = run.artifacts()["path"].tolist()
        assert ("model/manifest.json" in paths) == told.crate
        if told.scores is not None and run.kind == "fit":
            scored = [key for key in run.metrics if key.endswith("score")]
            assert sum(len(history(run, key)) for key in scored) == told.scores


def takes_alpha(kind):
    return kind is make_pipe or issubclass(kind, Ridge)


def mark_of(run):
    names = ("mark", "alpha", "ridge__alpha")
    return next((int(run.params[name]) for name in names if name in run.params), None)


def test_any_sequence_of_events_leaves_the_world_as_it_was(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for load in (all_estimators, all_functions, all_displays):
        load()
    with autotrack.enable():
        Stage(1).fit(X, y)  # what is imported by the first use is part of the world before
        cross_val_score(Ridge(), X, y, cv=2)

    class Here(Sequence):
        folder = tmp_path
        before = look_at_the_world()

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=30,
            stateful_step_count=12,
            deadline=None,
            derandomize="CI" in os.environ,
            print_blob=True,
            # Without shrinking, which takes minutes here and a sequence is short as it is.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
