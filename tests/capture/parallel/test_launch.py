"""The user's own threads, processes and tasks: their runs are children of the right one."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

import autotrack
from tests.looking import runs
from tests.parallel_work import (
    X,
    X_test,
    fail,
    fit,
    fit_and_die,
    fit_and_predict,
    fit_in_a_run,
    y,
    y_test,
)

pytestmark = pytest.mark.thorough

Spread = Callable[[Callable[[Any], Any], list[Any]], list[Any]]
ALPHAS = [0.25, 0.5, 0.5, 2.0]


@pytest.fixture(autouse=True)
def _no_worker_outlives_its_test() -> Iterator[None]:
    yield
    get_reusable_executor().shutdown(wait=True, kill_workers=True)


def in_threads(function: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    found: dict[int, Any] = {}

    def run(place: int, value: Any) -> None:
        found[place] = function(value)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(values)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[place] for place in sorted(found)]


def in_executor(
    make: Callable[[], Executor], function: Callable[[Any], Any], values: list[Any]
) -> list[Any]:
    with make() as executor:
        futures = [executor.submit(function, value) for value in values[:2]]
        return [future.result() for future in futures] + list(executor.map(function, values[2:]))


def in_joblib(backend: str, function: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    with joblib.parallel_config(backend):
        tasks = (joblib.delayed(function)(value) for value in values)
        return list(joblib.Parallel(n_jobs=2)(tasks))


def in_pool(method: str, function: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    with multiprocessing.get_context(method).Pool(2) as pool:
        first = pool.apply(function, (values[0],))
        return [first, *pool.starmap(function, [(values[1],)]), *pool.imap(function, values[2:])]


def processes(method: str) -> Callable[[], Executor]:
    context = multiprocessing.get_context(method)
    return lambda: ProcessPoolExecutor(2, mp_context=context)


def in_asyncio(function: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    async def main() -> list[Any]:
        return list(await asyncio.gather(*(asyncio.to_thread(function, v) for v in values)))

    return asyncio.run(main())


IN_ONE_PROCESS = {
    "threads": in_threads,
    "thread executor": partial(in_executor, lambda: ThreadPoolExecutor(2)),
    "joblib sequential": partial(in_joblib, "sequential"),
    "joblib threading": partial(in_joblib, "threading"),
}
IN_SEVERAL = {
    "joblib loky": partial(in_joblib, "loky"),
    "joblib multiprocessing": partial(in_joblib, "multiprocessing"),
    "forked executor": partial(in_executor, processes("fork")),
    "spawned executor": partial(in_executor, processes("spawn")),
    "forked pool": partial(in_pool, "fork"),
    "spawned pool": partial(in_pool, "spawn"),
}


@pytest.fixture(params=[*IN_ONE_PROCESS, *IN_SEVERAL])
def every_spread(request: pytest.FixtureRequest) -> Spread:
    """Every way to spread work."""
    return (IN_ONE_PROCESS | IN_SEVERAL)[request.param]


@pytest.fixture(params=["threads", "thread executor", "joblib loky", "forked pool"])
def spread(request: pytest.FixtureRequest) -> Spread:
    """One of each kind, since a fresh interpreter takes seconds to start."""
    return (IN_ONE_PROCESS | IN_SEVERAL)[request.param]


@contextmanager
def whole_run() -> Iterator[autotrack.Run]:
    with autotrack.enable(), autotrack.start_run("whole") as run:
        yield run


def test_every_fit_is_a_complete_child_of_the_run_it_was_started_in(
    every_spread: Spread,
) -> None:
    with whole_run() as whole:
        models = every_spread(fit, ALPHAS)
    for model, alpha in zip(models, ALPHAS, strict=True):
        np.testing.assert_array_equal(model.coef_, Ridge(alpha=alpha).fit(X, y).coef_)
    children = [autotrack.get_run(run_id) for run_id in whole.children()["run_id"]]
    assert sorted(child.params["alpha"] for child in children) == ALPHAS
    assert {(child.kind, child.status) for child in children} == {("fit", "FINISHED")}
    assert all("test_r2_score" in child.metrics for child in children)
    assert all(child.load_model().estimator.alpha == child.params["alpha"] for child in children)
    assert len(runs()) == 1 + len(ALPHAS)
    assert (whole.status, whole.params, whole.metrics) == ("FINISHED", {}, {})


def test_a_model_that_a_worker_gives_back_is_scored_in_its_own_run(spread: Spread) -> None:
    with whole_run() as whole:
        for model in spread(fit, ALPHAS):
            X_back = X[20:40]
            model.score(X_back, y[20:40])
            r2_score(y[20:40], model.predict(X_back))
    children = [autotrack.get_run(run_id) for run_id in whole.children()["run_id"]]
    assert len(children) == len(ALPHAS)
    for child in children:
        # Of threads it is known that they trained on rows of this very data.
        keys = {key.removeprefix("train_part_").removeprefix("back_") for key in child.metrics}
        assert {"score", "r2_score"} <= keys
    assert whole.metrics == {}


def test_a_prediction_that_a_worker_gives_back_is_scored_in_the_run_of_its_model(
    spread: Spread,
) -> None:
    with whole_run() as whole:
        values = {row["alpha"]: row["prediction"] for row in spread(fit_and_predict, [0.5, 2.0])}
        expected = {alpha: r2_score(y_test[::-1], value) for alpha, value in values.items()}
    children = [autotrack.get_run(run_id) for run_id in whole.children()["run_id"]]
    assert {child.params["alpha"] for child in children} == {0.5, 2.0}
    for child in children:
        history = autotrack.metric_history(child.run_id, "test_r2_score")["value"].tolist()
        assert history[-1] == expected[child.params["alpha"]]
        assert len(history) == 2


def test_without_an_active_run_every_fit_is_a_run_of_its_own(spread: Spread) -> None:
    with autotrack.enable(log_models=False):
        spread(fit, ALPHAS)
    found = runs()
    assert sorted(run.params["alpha"] for run in found) == ALPHAS
    assert {(run.kind, run.status, run.parent_id) for run in found} == {("fit", "FINISHED", None)}


def test_a_run_started_in_a_worker_is_a_child_without_being_called_nested(spread: Spread) -> None:
    with autotrack.enable(log_models=False), autotrack.start_run("whole") as whole:
        started = spread(fit_in_a_run, ["a", "b", "c"])
    children = whole.children()
    assert sorted(children["name"]) == ["a", "b", "c"]
    assert sorted(children["run_id"]) == sorted(started)
    for run_id in started:
        run = autotrack.get_run(run_id)
        assert run.status == "FINISHED"
        assert run.params["alpha"] == 0.5
        assert {"by_hand", "test_r2_score"} <= run.metrics.keys()


@pytest.mark.parametrize("way", ["thread executor", "joblib multiprocessing", "spawned executor"])
def test_an_exception_in_a_worker_is_the_users_and_its_run_is_complete(way: str) -> None:
    spread = (IN_ONE_PROCESS | IN_SEVERAL)[way]
    with autotrack.enable(log_models=False), autotrack.start_run("whole") as whole:  # noqa: SIM117
        with pytest.raises(LookupError, match=r"alpha 0\.25"):
            spread(fail, [0.25, 0.25, 0.25])
    assert whole.status == "FINISHED"
    # joblib ends the other workers of a pool at once, whatever they are at.
    assert {"FINISHED"} <= set(whole.children()["status"]) <= {"FINISHED", "KILLED"}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_the_users_leave_children(method: str) -> None:
    context = multiprocessing.get_context(method)
    with autotrack.enable(log_models=False), autotrack.start_run("whole") as whole:
        started = [context.Process(target=fit, args=(alpha,)) for alpha in (0.25, 0.5)]
        for process in started:
            process.start()
            assert "_autotrack" not in vars(process)
        for process in started:
            process.join()
            assert process.exitcode == 0
    assert sorted(whole.children()["params.alpha"]) == [0.25, 0.5]
    assert set(whole.children()["status"]) == {"FINISHED"}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_that_dies_leaves_a_killed_child_and_a_healthy_parent(method: str) -> None:
    context = multiprocessing.get_context(method)
    with autotrack.enable(log_models=False), autotrack.start_run("whole") as whole:
        process = context.Process(target=fit_and_die, args=(0.5,))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        with ProcessPoolExecutor(1, mp_context=context) as executor:
            broken = executor.submit(fit_and_die, 2.0).exception()
        assert isinstance(broken, BrokenProcessPool)
        fit(3.0)
    assert whole.status == "FINISHED"
    assert whole.params["alpha"] == 3.0
    statuses = whole.children().groupby("name")["status"].agg(set).to_dict()
    assert statuses == {"Ridge": {"FINISHED"}, "cut off": {"KILLED"}}
    assert len(whole.children()) == 4


def test_a_pool_that_outlives_a_run_works_for_the_next() -> None:
    with autotrack.enable(log_models=False):
        for executor in (ThreadPoolExecutor(1), ProcessPoolExecutor(1)):
            with executor:
                for name in ("first", "second"):
                    with autotrack.start_run(name) as run:
                        executor.submit(fit, 0.5).result()
                    assert run.children()["params.alpha"].tolist() == [0.5]
                before = len(runs())
                executor.submit(fit, 0.5).result()
                alone = runs()[before:]
                assert [run.parent_id for run in alone] == [None]


def test_workers_hear_nothing_once_tracking_is_off() -> None:
    with autotrack.enable(log_models=False):
        in_joblib("loky", fit, [0.25, 0.5])
    assert len(runs()) == 2
    in_joblib("loky", fit, [0.25, 0.5])
    assert len(runs()) == 2


def test_a_task_without_scikit_learn_does_not_pay_for_it(
    tmp_path: Path, run_python: Callable[..., Any]
) -> None:
    (tmp_path / "plain.py").write_text(
        "import sys\n\ndef loaded(module):\n    return module in sys.modules\n"
    )
    said = run_python(code=_PLAIN_WORK).stdout
    assert said == "['autotrack', 'autotrack.capture.parallel.propagation']\n"


_PLAIN_WORK = """
import autotrack, joblib, plain
autotrack.enable()
modules = ["sklearn", "pandas", "autotrack", "autotrack.capture.parallel.propagation"]
modules += ["autotrack.capture.patch_table"]
loaded = joblib.Parallel(n_jobs=2)(joblib.delayed(plain.loaded)(module) for module in modules)
print([module for module, is_loaded in zip(modules, loaded) if is_loaded])
"""


def test_scikit_learn_that_a_task_imports_itself_is_heard() -> None:
    with autotrack.enable(log_models=False), autotrack.start_run() as whole:
        models = joblib.Parallel(n_jobs=2)(joblib.delayed(_fit_late)(a) for a in (0.25, 0.5))
    assert sorted(whole.children()["params.alpha"]) == [0.25, 0.5]
    assert [model.alpha for model in models] == [0.25, 0.5]


def test_asyncio_tasks_have_active_runs_of_their_own() -> None:
    async def one(name: str) -> tuple[str, str]:
        with autotrack.start_run(name) as run:
            await asyncio.sleep(0.01)
            model = Ridge(alpha=0.5).fit(X, y)
            await asyncio.sleep(0.01)
            assert autotrack.active_run() == run
            model.score(X_test, y_test)
        return name, run.run_id

    async def main() -> list[tuple[str, str]]:
        return list(await asyncio.gather(*(one(name) for name in "abc")))

    with autotrack.enable(log_models=False):
        found = asyncio.run(main())
        assert autotrack.active_run() is None
    assert len(runs()) == 3
    for name, run_id in found:
        run = autotrack.get_run(run_id)
        assert (run.name, run.status, run.parent_id) == (name, "FINISHED", None)
        assert run.params["alpha"] == 0.5
        assert "test_score" in run.metrics


def test_threads_that_asyncio_starts_work_in_the_context_of_their_task() -> None:
    with autotrack.enable(log_models=False), autotrack.start_run() as whole:
        in_asyncio(fit, [0.25, 0.5, 2.0])
    assert sorted(whole.children()["params.alpha"]) == [0.25, 0.5, 2.0]


class Averaged(BaseEstimator):
    """Fits its parts in a pool of its own."""

    def __init__(self, executor: Any = None) -> None:
        self.executor = executor

    def fit(self, X: Any, y: Any) -> Averaged:
        with self.executor() as executor:
            parts = [Ridge(alpha=alpha) for alpha in (0.25, 0.5)]
            self.parts_ = list(executor.map(_fitted, parts, [X, X], [y, y]))
        thread = threading.Thread(target=lambda: clone(parts[0]).fit(X, y))
        thread.start()
        thread.join()
        return self

    def predict(self, X: Any) -> Any:
        return np.mean([part.predict(X) for part in self.parts_], axis=0)


@pytest.mark.parametrize(
    "executor", [partial(ThreadPoolExecutor, 2), processes("fork"), processes("spawn")]
)
def test_what_a_users_own_estimator_fits_in_a_pool_is_no_run(executor: Any) -> None:
    with autotrack.enable(log_models=False):
        Averaged(executor).fit(X, y)
    assert [run.name for run in runs()] == ["Averaged"]


def test_a_thread_may_end_the_run_it_was_started_in() -> None:
    with autotrack.enable(log_models=False):
        run = autotrack.start_run()
        in_threads(lambda _: autotrack.end_run(), [0])
        assert autotrack.active_run() is None
        assert run.status == "FINISHED"


def _fitted(model: Ridge, X: Any, y: Any) -> Ridge:
    return model.fit(X, y)


def _fit_late(alpha: float) -> Any:
    import numpy
    from sklearn.linear_model import Ridge

    return Ridge(alpha=alpha).fit(numpy.eye(5), numpy.arange(5.0))


def test_a_bound_fit_is_recorded_in_a_worker_that_knew_nothing_of_tracking() -> None:
    with whole_run() as whole:
        tasks = [joblib.delayed(Ridge(alpha=alpha).fit)(X, y) for alpha in ALPHAS]
        joblib.Parallel(n_jobs=2)(tasks)
    assert len(whole.children()) == len(ALPHAS)
