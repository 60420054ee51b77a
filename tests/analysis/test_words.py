"""Lists and trees tell of runs in the same words, in the terminal and on pages."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from rich.console import Console

from autotrack.analysis import words
from autotrack.cli.tree import run_tree
from autotrack.serving.allowed_hosts import Origins
from autotrack.store.search.query import Query
from autotrack.store.store import Store
from autotrack.web.app import make_app
from tests.analysis.varied_scripts import SCRIPTS
from tests.waiting import PATIENCE
from tests.web.asking import page_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The store that the scripts leave."""
    folder = tmp_path_factory.mktemp("varied") / "store"
    subprocess.run(
        [sys.executable, "-m", "tests.analysis.varied_scripts"],
        cwd=ROOT,
        env={**os.environ, "AUTOTRACK_STORE": str(folder)},
        check=True,
        timeout=PATIENCE,
    )
    store = Store(folder, create=False)
    yield store
    store.close()


@pytest.fixture(scope="module")
def pages(told):
    app = make_app(told, origins=Origins("127.0.0.1"))
    return partial(page_of, app)


def rows_of(store, script, **more):
    experiment = store.get_experiment(name=script).experiment_id
    return store.search(Query(experiment_ids=(experiment,), **more))


def tree(store, script) -> str:
    console = Console(width=300, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(run_tree(store, rows_of(store, script)))
    return console.export_text()


def test_the_scripts_are_of_many_kinds(told):
    assert len(SCRIPTS) >= 15
    kinds = {row.kind for script in SCRIPTS for row in rows_of(told, script.__name__)}
    assert kinds >= {"fit", "search", "validation", "user"}


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("nested_search", "cross_val_score of GridSearchCV over Ridge"),
        ("searched_pipeline", "GridSearchCV over StandardScaler > Ridge"),
        ("halving", "HalvingGridSearchCV over DecisionTreeRegressor"),
        ("curve", "validation_curve of Ridge"),
        ("selection", "RFECV over Ridge"),
        ("several_scores", "cross_validate of StandardScaler > Ridge"),
        ("an_ensemble", "VotingRegressor"),
        ("one_that_fails", "Ridge"),
        ("epochs", "epochs"),
    ],
)
def test_a_name_says_of_what_a_run_is(told, pages, script, name):
    row = rows_of(told, script)[0]
    assert words.title(row) == name
    assert tree(told, script).startswith(name)
    shown = pages(f"/runs/{row.run_id}")
    assert f"<h1>{name.replace('>', '&gt;')}</h1>" in shown


def test_candidates_of_a_halving_search_tell_their_iteration(told, pages):
    search = rows_of(told, "halving")[0]
    lines = tree(told, "halving").splitlines()
    assert "iteration 2" in lines[1]  # the last one is the one that counts
    shown = pages(f"/runs/{search.run_id}/search")
    assert "max_depth=5, min_samples_leaf=5, iteration 2" in shown


def test_a_kernel_is_one_formula_and_what_differs_in_it_comes_first(told):
    shown = tree(told, "gaussian_process")
    for length in ("0.5", "2.0"):
        assert (
            "  kernel=ConstantKernel(constant_value=2.0) * "
            f"RBF(length_scale={length}) + WhiteKernel(noise_level=0.1)  optimizer=None"
        ) in shown
    assert "kernel__k1" not in shown


def test_what_differs_between_siblings_comes_first_then_the_last_step(told):
    rows = rows_of(told, "searched_pipeline", children=True)
    candidates = [row for row in rows if row.kind == "candidate"]
    differing = words.swept(candidates)
    assert differing == {("candidate", "ridge__alpha")}
    (search,) = (row for row in rows if row.kind == "search")
    order = list(words.ordered_params(search, set()))
    assert order[0] == "best_ridge__alpha"
    assert order.index("estimator__ridge__tol") < order.index("cv") < len(order)
    assert order.index("estimator__ridge__tol") < order.index("estimator")


def test_a_curve_tells_its_best_point(told, pages):
    line = tree(told, "curve")
    assert "mean_test_r2 0.97" in line
    assert "at alpha=1.0" in line
    experiment = told.get_experiment(name="curve").experiment_id
    shown = pages(f"/runs?experiment={experiment}")
    assert "0.97061" in shown
    assert "at alpha=1.0" in shown
    assert "-0.0047" not in shown


def test_a_permutation_importance_tells_its_largest(told):
    run = next(r for r in rows_of(told, "importances") if r.kind == "validation")
    values = [m.value for m in told.metric_history(run.run_id, "importances_mean")]
    assert values[-1] != max(values) or len(values) > 1
    assert f"importances_mean {max(values):.6g} the best of 5" in tree(told, "importances")


def test_loops_by_hand_are_one_line_with_count_spread_and_what_varied(told, pages):
    forest = tree(told, "forest_by_hand").splitlines()
    assert len(forest) == 2
    assert "40 x DecisionTreeRegressor  random_state 0 to 39  max_depth=3" in forest[1]
    assert "sd " in forest[1]
    assert "7 x Lasso  alpha 0.50002 to 0.50008" in tree(told, "growing_data")
    run = rows_of(told, "forest_by_hand")[0]
    shown = pages(f"/runs/{run.run_id}")
    assert "40 x DecisionTreeRegressor" in shown
    assert "random_state 0 to 39" in shown
    assert shown.count('<tr class="fold">') == 1
    where = quote(f"parent_id = '{run.run_id}'")
    below = pages(f"/runs?where={where}&children=1")
    assert 'id="count">40 match' in below


def test_scores_on_the_folds_of_a_loop_are_one(told):
    line = tree(told, "folds_by_hand")
    assert "test_mean_absolute_error 17.6286 sd" in line
    assert "(10: " in line


def test_a_few_of_a_kind_are_not_folded(told):
    assert " x " not in tree(told, "two_models")


def test_places_and_times_stand_behind_means_and_best_scores():
    keys = ["fit_time", "best_index", "rank_test_score", "test_r2_score", "mean_test_score",
            "se_test_score", "n_test_score", "best_score", "train_r2_score", "iter"]  # fmt: skip
    assert words.telling(dict.fromkeys(keys, 1.0)) == [
        "best_score", "mean_test_score", "test_r2_score", "train_r2_score",
        "fit_time", "best_index", "rank_test_score", "iter",
    ]  # fmt: skip


def test_scores_of_data_that_is_called_alike_stand_together():
    keys = ["test_r2_score", "val_r2_score", "test_scaled_r2_score"]
    assert words.telling(dict.fromkeys(keys, 1.0)) == [
        "test_r2_score", "test_scaled_r2_score", "val_r2_score",
    ]  # fmt: skip


def test_a_name_that_somebody_gave_stands_as_it_is(told):
    for script in ("forest_by_hand", "folds_by_hand", "two_models"):
        assert words.title(rows_of(told, script)[0]) == script.replace("_", " ")
