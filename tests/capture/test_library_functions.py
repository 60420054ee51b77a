"""What an installed function fits in a loop is one run, named after the function."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB

import autotrack
from tests.looking import only_run, runs

LIBRARY = '''
import functools
import multiprocessing
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score


def bootstrap(model, X, y, rounds=3):
    return [clone(model).fit(X[k:], y[k:]) for k in range(rounds)]


def outer(model, X, y):
    """Calls another of its own functions."""
    return bootstrap(model, X, y) + bootstrap(model, X, y)


def once(model, X, y):
    return clone(model).fit(X, y)


def sweep(X, y):
    scores = []
    for C in (0.1, 1.0, 10.0):
        model = LogisticRegression(C=C).fit(X, y)
        scores.append(model.score(X, y))
    return scores


def select(model, X, y):
    return [cross_val_score(model, X[:, :k], y, cv=2).mean() for k in (2, 3, 4)]


def nested(model, X, y):
    outcomes = [clone(model).fit(X, y)]
    for _ in range(2):
        outcomes.append(GridSearchCV(model, {"C": [0.1, 1]}, cv=2).fit(X, y))
    return outcomes


def path(model, X, y):
    for k in range(3):
        yield clone(model).fit(X[k:], y[k:])


def call(function, times):
    return [function(k) for k in range(times)]


def broken(model, X, y):
    for _ in range(2):
        clone(model).fit(X, y)
    raise ValueError("no third round")


def interrupted(model, X, y):
    for _ in range(2):
        clone(model).fit(X, y)
    raise KeyboardInterrupt


def given_bad_rows(model, X, y):
    clone(model).fit(X, y)
    clone(model).fit(X[:0], y[:0])


def forgiving(model, X, y):
    """Goes on after a failed fit, and keeps the exception for a while."""
    last = None
    for rows in (slice(None), slice(0), slice(None)):
        try:
            clone(model).fit(X[rows], y[rows])
        except ValueError as error:
            last = error
    return len(str(last))


def in_thread(model, X, y):
    thread = threading.Thread(target=bootstrap, args=(model, X, y))
    thread.start()
    thread.join()


def in_pool(model, X, y):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(once, [model] * 3, [X] * 3, [y] * 3))


def in_joblib(model, X, y):
    return Parallel(2, prefer="threads")(delayed(once)(model, X, y) for _ in range(3))


def in_workers(model, X, y, backend="loky", rounds=3):
    with parallel_config(backend):
        return Parallel(2)(delayed(once)(model, X, y) for _ in range(rounds))


def mixed(model, X, y):
    """Fits once by itself, and then elsewhere."""
    return [once(model, X, y), *in_workers(model, X, y)]


def in_executor(model, X, y, method="fork"):
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        return list(pool.map(once, [model] * 3, [X] * 3, [y] * 3))


def in_multiprocessing_pool(model, X, y, method="fork"):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.starmap(once, [(model, X, y)] * 3)


def in_processes(model, X, y, method="fork"):
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=once, args=(model, X, y)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def methods_in_workers(model, X, y):
    return Parallel(2)(delayed(clone(model).fit)(X[k:], y[k:]) for k in range(3))


def select_in_workers(model, X, y):
    return Parallel(2)(delayed(cross_val_score)(model, X[:, :k], y, cv=2) for k in (2, 3, 4))


def broken_in_workers(model, X, y):
    in_workers(model, X, y)
    raise ValueError("no third round")


def call_in_workers(function, times):
    return Parallel(2)(delayed(function)(k) for k in range(times))


def nothing_in_workers(model, X, y):
    Parallel(2)(delayed(abs)(k) for k in range(3))
    return once(model, X, y)


def left_behind(model, X, y):
    """Returns before its work is done."""
    pool = ProcessPoolExecutor(1)
    return pool, pool.submit(slow, model, X, y)


def slow(model, X, y):
    time.sleep(1)
    return once(model, X, y)


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


@decorated
def wrapped(model, X, y):
    return bootstrap(model, X, y)


def further(model, X, y):
    for start in range(0, 100, 10):
        model.partial_fit(X[start:start + 10], y[start:start + 10], classes=[0, 1])


class Base:
    def fit(self, X, y):
        self.models = bootstrap(self.model, X, y)
        return self


class Selector(Base):
    def __init__(self, model):
        self.model = model
'''


@pytest.fixture(params=["site-packages", "dist-packages"])
def library(request, tmp_path, monkeypatch) -> ModuleType:
    """A package that is installed, with functions that fit."""
    folder = tmp_path / request.param
    folder.mkdir()
    (folder / "fits_in_loops.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "fits_in_loops", raising=False)
    found = importlib.import_module("fits_in_loops")
    monkeypatch.setitem(sys.modules, "fits_in_loops", found)
    return found


def one_with_children() -> tuple[autotrack.Run, list[autotrack.Run]]:
    """The only run without a parent, and those below it."""
    top = autotrack.search_runs()
    assert len(top) == 1
    run = autotrack.get_run(top["run_id"][0])
    return run, [autotrack.get_run(run_id) for run_id in run.children()["run_id"]]


@pytest.mark.parametrize(
    ("function", "count"),
    [
        ("bootstrap", 3),
        ("outer", 6),
        ("wrapped", 3),
        ("select", 3),
        ("in_thread", 3),
        ("in_pool", 3),
        ("in_joblib", 3),
    ],
)
def test_a_function_that_fits_in_a_loop_is_one_run_with_a_child_for_each(
    function, count, library, tracking, binary
):
    getattr(library, function)(LogisticRegression(), binary.X_train, binary.y_train)
    run, children = one_with_children()
    assert (run.name, run.kind, run.status) == (function, "function", "FINISHED")
    assert run.tags["autotrack.function"] == f"fits_in_loops.{function}"
    assert [child.status for child in children] == ["FINISHED"] * count
    assert run.start_time <= min(child.start_time for child in children)
    assert run.end_time >= max(child.end_time for child in children)
    assert autotrack.last_run() == run


def test_a_method_is_called_by_the_class_of_its_object(library, tracking, binary):
    library.Selector(GaussianNB()).fit(binary.X_train, binary.y_train)
    run, children = one_with_children()
    assert (run.name, len(children)) == ("Selector.fit", 3)


def test_a_single_fit_of_a_function_is_just_that_run(library, tracking, binary):
    library.once(GaussianNB(), binary.X_train, binary.y_train)
    assert (only_run().name, only_run().kind) == ("GaussianNB", "fit")


def test_a_model_that_a_function_trains_further_is_one_run(library, tracking, binary):
    library.further(GaussianNB(), binary.X_train, binary.y_train)
    assert only_run().name == "GaussianNB"


def test_each_call_in_a_loop_of_the_users_is_a_run(library, tracking, binary):
    for _ in range(3):
        library.bootstrap(GaussianNB(), binary.X_train, binary.y_train)
    top = autotrack.search_runs()
    assert top["name"].tolist() == ["bootstrap"] * 3
    assert [len(autotrack.get_run(run_id).children()) for run_id in top["run_id"]] == [3] * 3


def test_scores_inside_go_to_the_children(library, tracking, binary):
    scores = library.sweep(binary.X_train, binary.y_train)
    run, children = one_with_children()
    assert [child.params["C"] for child in children if "C" in child.params] == [0.1, 10.0]
    assert [child.metrics for child in children] == [{"train_score": score} for score in scores]
    assert (dict(run.params), dict(run.metrics)) == ({}, {})


def test_a_model_that_comes_out_of_a_function_is_scored_in_its_own_run(library, tracking, binary):
    models = library.bootstrap(GaussianNB(), binary.X_train, binary.y_train)
    scores = [model.score(binary.X_test, binary.y_test) for model in models]
    _, children = one_with_children()
    assert [child.metrics["test_score"] for child in children] == scores


def test_searches_inside_are_children_with_their_candidates(library, tracking, binary):
    library.nested(LogisticRegression(), binary.X_train, binary.y_train)
    run, children = one_with_children()
    assert run.name == "nested"
    assert [child.kind for child in children] == ["fit", "search", "search"]
    assert [len(child.children()) for child in children] == [0, 2, 2]


def test_what_the_users_own_function_fits_is_the_users(library, tracking, binary):
    def objective(k: int) -> float:
        return GaussianNB().fit(binary.X_train[k:], binary.y_train[k:]).score(*binary[::2])

    library.call(objective, 3)
    assert [run.parent_id for run in runs()] == [None] * 3


def test_a_function_that_the_users_function_calls_inside_another_is_a_run(
    library, tracking, binary
):
    def objective(_: int) -> Any:
        return library.bootstrap(GaussianNB(), binary.X_train, binary.y_train)

    library.call(objective, 2)
    assert autotrack.search_runs()["name"].tolist() == ["bootstrap"] * 2


class Own(ClassifierMixin, BaseEstimator):
    """A classifier of the user's."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), int)


def test_a_class_of_the_users_that_a_function_fits_is_the_functions(library, tracking, binary):
    library.bootstrap(Own(), binary.X_train, binary.y_train)
    run, children = one_with_children()
    assert (run.name, [child.name for child in children]) == ("bootstrap", ["Own"] * 3)


def test_a_generator_is_one_run_and_what_the_user_fits_in_between_is_the_users(
    library, tracking, binary
):
    for model in library.path(GaussianNB(), binary.X_train, binary.y_train):
        clone(model).set_params(var_smoothing=1e-3).fit(binary.X_train, binary.y_train)
    top = autotrack.search_runs(order_by="start_time")
    assert top["name"].tolist() == ["path"] + ["GaussianNB"] * 3
    assert top["status"].tolist() == ["FINISHED"] * 4
    assert len(autotrack.get_run(top["run_id"][0]).children()) == 3


def test_a_generator_that_is_left_ends_its_run(library, tracking, binary):
    models = library.path(GaussianNB(), binary.X_train, binary.y_train)
    next(models), next(models)
    run, _ = one_with_children()
    assert run.status == "RUNNING"
    models.close()
    assert run.status == "FINISHED"


def test_a_function_that_raises_is_a_failed_run(library, tracking, binary):
    with pytest.raises(ValueError, match="no third round"):
        library.broken(GaussianNB(), binary.X_train, binary.y_train)
    run, children = one_with_children()
    assert (run.name, run.status) == ("broken", "FAILED")
    assert [child.status for child in children] == ["FINISHED"] * 2


def test_the_exception_of_a_failed_fit_is_that_of_the_run(library, tracking, binary):
    with pytest.raises(ValueError, match="0 sample"):
        library.given_bad_rows(GaussianNB(), binary.X_train, binary.y_train)
    run, children = one_with_children()
    assert (run.status, run.error.type) == ("FAILED", "ValueError")
    assert [child.status for child in children] == ["FINISHED", "FAILED"]


def test_the_exception_is_known_where_it_is_held(library, tracking, binary):
    try:
        library.broken(GaussianNB(), binary.X_train, binary.y_train)
    except ValueError:
        run, _ = one_with_children()
        assert (run.status, run.error.message) == ("FAILED", "no third round")


def test_a_function_that_goes_on_after_a_failed_fit_is_finished(library, tracking, binary):
    library.forgiving(GaussianNB(), binary.X_train, binary.y_train)
    run, children = one_with_children()
    assert run.status == "FINISHED"
    assert [child.status for child in children] == ["FINISHED", "FAILED", "FINISHED"]


def test_in_a_run_of_the_users_a_loop_of_a_function_is_one_child(library, tracking, binary):
    with autotrack.start_run("mine") as run:
        library.sweep(binary.X_train, binary.y_train)
    (child,) = (autotrack.get_run(run_id) for run_id in run.children()["run_id"])
    assert (child.name, child.kind, len(child.children())) == ("sweep", "function", 3)
    assert (dict(run.params), dict(run.metrics)) == ({}, {})


def test_in_a_run_of_the_users_a_single_fit_of_a_function_is_that_runs(library, tracking, numbers):
    with autotrack.start_run("mine") as run:
        library.once(Ridge(alpha=3.0), numbers[0], numbers[2])
    assert only_run() == run
    assert run.params == {"alpha": 3.0}


def test_after_a_loop_of_a_function_the_users_own_fit_is_the_runs(library, tracking, binary):
    with autotrack.start_run("mine") as run:
        library.sweep(binary.X_train, binary.y_train)
        GaussianNB(var_smoothing=0.1).fit(binary.X_train, binary.y_train)
    assert run.params == {"var_smoothing": 0.1}
    assert run.children()["name"].tolist() == ["sweep"]


def test_a_traced_program_is_recorded_alike(library, tracking, binary):
    seen = []

    def trace(frame, event, _):
        if frame.f_code.co_name == "bootstrap":
            seen.append(event)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        library.bootstrap(GaussianNB(), binary.X_train, binary.y_train)
    finally:
        sys.settrace(before)
    run, children = one_with_children()
    assert (run.status, len(children)) == ("FINISHED", 3)
    assert "line" in seen
    assert seen[-1] == "return"


def test_nothing_of_a_call_is_held_once_it_returned(library, tracking, binary):
    X = np.array(binary.X_train)
    library.bootstrap(GaussianNB(), X, binary.y_train)
    before = sys.getrefcount(X)
    library.bootstrap(GaussianNB(), X, binary.y_train)
    assert sys.getrefcount(X) == before


# -- in other processes -----------------------------------------------------------------------


@pytest.fixture
def no_worker_outlives_its_test() -> Iterator[None]:
    # One that an earlier test started does not know where the package is.
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def in_other_processes(test):
    """Where the package is installed says nothing more of these, and workers start slowly."""
    test = pytest.mark.usefixtures("no_worker_outlives_its_test")(test)
    return pytest.mark.parametrize("library", ["site-packages"], indirect=True)(test)


IN_PROCESSES = [
    ("in_workers", {"backend": "loky"}),
    ("in_workers", {"backend": "multiprocessing"}),
    ("in_executor", {"method": "fork"}),
    ("in_executor", {"method": "spawn"}),
    ("in_multiprocessing_pool", {"method": "fork"}),
    ("in_multiprocessing_pool", {"method": "spawn"}),
    ("in_processes", {"method": "fork"}),
    ("in_processes", {"method": "spawn"}),
    ("methods_in_workers", {}),
    ("select_in_workers", {}),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("function", "options"), IN_PROCESSES)
@in_other_processes
def test_what_a_function_fits_in_other_processes_is_below_one_run(
    function, options, library, tracking, binary
):
    getattr(library, function)(GaussianNB(), binary.X_train, binary.y_train, **options)
    run, children = one_with_children()
    assert (run.name, run.kind, run.status) == (function, "function", "FINISHED")
    assert run.tags["autotrack.function"] == f"fits_in_loops.{function}"
    assert [child.status for child in children] == ["FINISHED"] * 3
    assert run.start_time <= min(child.start_time for child in children)
    assert run.end_time >= max(child.end_time for child in children)
    assert autotrack.last_run() == run


@in_other_processes
def test_what_it_fits_here_and_elsewhere_is_below_the_same_run(library, tracking, binary):
    library.mixed(GaussianNB(), binary.X_train, binary.y_train)
    run, children = one_with_children()
    assert (run.name, run.status, len(children)) == ("mixed", "FINISHED", 4)


@in_other_processes
def test_a_function_that_fits_once_and_has_workers_do_other_things_is_just_that_fit(
    library, tracking, binary
):
    library.nothing_in_workers(GaussianNB(), binary.X_train, binary.y_train)
    assert (only_run().name, only_run().status) == ("GaussianNB", "FINISHED")


@in_other_processes
def test_in_a_run_of_the_users_a_loop_in_other_processes_is_one_child(library, tracking, binary):
    with autotrack.start_run("mine") as run:
        library.mixed(GaussianNB(), binary.X_train, binary.y_train)
    (child,) = (autotrack.get_run(run_id) for run_id in run.children()["run_id"])
    assert (child.name, child.kind, len(child.children())) == ("mixed", "function", 4)
    assert len(runs()) == 6
    assert (dict(run.params), dict(run.metrics)) == ({}, {})


@in_other_processes
def test_each_call_in_a_loop_is_a_run_of_its_own_in_the_same_workers(library, tracking, binary):
    for _ in range(2):
        library.in_workers(GaussianNB(), binary.X_train, binary.y_train)
    top = autotrack.search_runs()
    assert top["name"].tolist() == ["in_workers"] * 2
    assert [len(autotrack.get_run(run_id).children()) for run_id in top["run_id"]] == [3] * 2


@in_other_processes
def test_a_model_that_comes_back_from_a_worker_is_scored_in_its_own_run(library, tracking, binary):
    models = library.in_workers(GaussianNB(), binary.X_train, binary.y_train)
    scores = [model.score(binary.X_test, binary.y_test) for model in models]
    _, children = one_with_children()
    assert [child.metrics["test_score"] for child in children] == scores


@in_other_processes
def test_a_function_that_raises_after_its_workers_fitted_is_a_failed_run(library, tracking, binary):
    with pytest.raises(ValueError, match="no third round"):
        library.broken_in_workers(GaussianNB(), binary.X_train, binary.y_train)
    run, children = one_with_children()
    assert (run.name, run.status) == ("broken_in_workers", "FAILED")
    assert [child.status for child in children] == ["FINISHED"] * 3


def fit_one(k: int) -> GaussianNB:
    return GaussianNB().fit(np.arange(20.0).reshape(-1, 1) + k, np.arange(20) % 2)


@in_other_processes
def test_what_the_users_own_function_fits_in_a_worker_is_the_users(library, tracking):
    library.call_in_workers(fit_one, 3)
    assert [run.parent_id for run in runs()] == [None] * 3


@in_other_processes
def test_a_function_that_the_user_hands_to_a_pool_is_a_run_for_each_task(library, tracking, binary):
    with ProcessPoolExecutor(2) as pool:
        X, y = binary.X_train, binary.y_train
        list(pool.map(library.bootstrap, [GaussianNB()] * 2, [X] * 2, [y] * 2))
    top = autotrack.search_runs()
    assert top["name"].tolist() == ["bootstrap"] * 2
    assert top["status"].tolist() == ["FINISHED"] * 2
    assert [len(autotrack.get_run(run_id).children()) for run_id in top["run_id"]] == [3] * 2


@in_other_processes
def test_work_that_a_function_leaves_behind_is_below_a_run_that_has_ended(
    library, tracking, binary
):
    pool, future = library.left_behind(GaussianNB(), binary.X_train, binary.y_train)
    with pool:
        future.result()
    run, children = one_with_children()
    assert (run.name, run.status, len(children)) == ("left_behind", "FINISHED", 1)


def test_a_script_that_is_killed_while_its_workers_fit_leaves_a_killed_run(
    run_python, tmp_path, store_path
):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "fits_in_loops.py").write_text(
        LIBRARY + "\n\ndef killed(*data):\n    in_executor(*data)\n    os._exit(1)\n"
    )
    code = SCRIPT.format(folder=str(folder)) + "import os\nfits_in_loops.os = os\n"
    run_python(code=code + "fits_in_loops.killed(model, X, y)", check=False)
    run, children = one_with_children()
    assert (run.name, run.status, len(children)) == ("killed", "KILLED", 3)


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
import autotrack
autotrack.enable(log_models=False)
import fits_in_loops, numpy as np
from sklearn.naive_bayes import GaussianNB
model, X, y = GaussianNB(), np.random.rand(20, 3), np.arange(20) % 2
"""


@pytest.mark.parametrize(
    ("code", "name", "status", "kind"),
    [
        ("fits_in_loops.broken(model, X, y)", "broken", "FAILED", "ValueError"),
        (
            "models = fits_in_loops.path(model, X, y); next(models); next(models)",
            "path",
            "FINISHED",
            None,
        ),
        ("fits_in_loops.interrupted(model, X, y)", "interrupted", "KILLED", "KeyboardInterrupt"),
    ],
    ids=["raised", "a generator that is left", "interrupted"],
)
def test_a_script_that_ends_within_a_call_says_how(
    code, name, status, kind, run_python, tmp_path, store_path
):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "fits_in_loops.py").write_text(LIBRARY)
    run_python(code=SCRIPT.format(folder=str(folder)) + code, check=False)
    run, children = one_with_children()
    assert (run.name, run.status, len(children)) == (name, status, 2)
    assert (None if run.error is None else run.error.type) == kind
