"""An evaluation is reused if everything it depends on is the same, and only then."""

from __future__ import annotations

import importlib

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import stats
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.interrupting import (
    Interrupted,
    X,
    assert_equal,
    enable,
    fitted,
    grid,
    interrupt,
    newest,
    y,
)

pytestmark = pytest.mark.thorough


USED = "compute.use_numexpr"
CHOSEN = {"module": "json"}


def progress():
    return newest().tags["autotrack.progress"]


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_fits_that_failed_are_computed_again():
    swept = {"threshold": [13, 5.0, 6.0]}
    with pytest.warns(match="an unlucky one"):
        bare = GridSearchCV(Interrupted(), swept, cv=2).fit(X, y)
    with enable():
        interrupt(GridSearchCV(Interrupted(), swept, cv=2), 3)
        with pytest.warns(match="an unlucky one"):
            search = GridSearchCV(Interrupted(), swept, cv=2).fit(X, y)

    assert fitted.count(13) == 2
    assert_equal(search, bare)
    assert newest().notes()["split"].tolist() == [0, 1]
    assert progress().endswith(", 1 reused")


@pytest.mark.filterwarnings("ignore:Scoring failed")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_scores_that_failed_are_computed_again(tmp_path):
    def score(model, X, y):
        return float((tmp_path / "scale").read_text()) * model.score(X, y)

    with enable():
        interrupt(grid(scoring=score, error_score=0), 5)
        (tmp_path / "scale").write_text("2")
        search = grid(scoring=score, error_score=0).fit(X, y)

    assert (search.cv_results_["mean_test_score"] > 0).all()
    assert "reused" not in progress()


def test_a_random_search_over_distributions_goes_on():
    def search():
        swept = {"threshold": stats.uniform(4, 4), "column": stats.randint(0, 3)}
        return RandomizedSearchCV(Interrupted(), swept, n_iter=4, cv=2, random_state=0)

    bare = search().fit(X, y)
    with enable():
        interrupt(search(), 5)
        assert_equal(search().fit(X, y), bare)
    assert ", 5 reused" in progress()


def test_a_grid_with_one_value_more_computes_that_one():
    with enable():
        interrupt(grid(), 7)
        search = GridSearchCV(Interrupted(), {"threshold": [4.5, 5.0, 5.5, 6.0, 6.5]}, cv=3)
        search.fit(X, y)

    assert fitted[:-1] == [4.5] * 3 + [6.0] * 2 + [6.5] * 3
    assert ", 7 reused" in progress()


def test_splits_that_are_the_same_are_known_by_their_rows():
    with enable():
        interrupt(grid(), 7)
        grid(cv=StratifiedKFold(3)).fit(X, y)

    assert ", 7 reused" in progress()


def test_one_search_does_not_hide_another_that_was_interrupted():
    with enable():
        grid().fit(X, y)
        other = GridSearchCV(Interrupted(), {"threshold": [7.0, 7.5]}, cv=3)
        interrupt(other, 4)
        grid().fit(X, y)
        assert len(fitted) == 13
        other.fit(X, y)

    assert ", 4 reused" in progress()


def test_what_went_on_to_its_end_is_not_used_once_more():
    with enable():
        interrupt(grid(), 7)
        GridSearchCV(Interrupted(), {"threshold": [5.0, 5.5, 6.0, 6.5, 7.0]}, cv=3).fit(X, y)
        fitted.clear()
        grid().fit(X, y)

    assert len(fitted) == 13


def test_only_what_has_the_same_key_is_reused(monkeypatch):
    with enable(resume="table 1"):
        interrupt(grid(), 7)
    with enable(resume="table 2"):
        interrupt(grid(), 6)
    with enable(resume="table 1"):
        grid().fit(X, y)
    assert ", 7 reused" in progress()
    monkeypatch.setenv("AUTOTRACK_RESUME", "table 2")
    with enable():
        grid().fit(X, y)
    assert ", 6 reused" in progress()


def test_what_cannot_be_compared_starts_over_and_is_named(capsys):
    stream = (number for number in range(3))

    def score(model, X, y):
        return stream and model.score(X, y)

    with enable():
        interrupt(grid(scoring=score), 7)
        assert "starts over" not in capsys.readouterr().err
        grid(scoring=score).fit(X, y)

    said = "the search starts over, since a generator (tests.capture.results.test_search_identity."
    assert said in capsys.readouterr().err
    assert "score, which uses stream) cannot be compared" in newest().tags["not_resumed"]
    assert len(fitted) == 13


def test_a_change_is_said_to_start_over(capsys):
    with enable():
        interrupt(grid(scoring=lambda model, X, y: model.score(X, y)), 7)
        grid(scoring=lambda model, X, y: 2 * model.score(X, y)).fit(X, y)

    assert "since its code or settings are not those of run" in capsys.readouterr().err


def test_equal_lambdas_are_equal():
    with enable():
        interrupt(grid(scoring=lambda model, X, y: model.score(X, y)), 7)
        grid(
            scoring=lambda model, X, y: model.score(X, y)  # written down otherwise
        ).fit(X, y)

    assert ", 7 reused" in progress()


OPTIONS = {
    "scikit-learn": lambda: sklearn.config_context(assume_finite=True),
    "NumPy": lambda: np.errstate(divide="raise"),
    "pandas": lambda: pd.option_context(USED, not pd.get_option(USED)),
}


@pytest.mark.parametrize("other", OPTIONS.values(), ids=list(OPTIONS))
def test_options_of_libraries_count(other):
    with enable():
        interrupt(grid(), 7)
        with other():
            grid().fit(X, y)

    assert "reused" not in progress()


def test_options_of_how_numbers_are_shown_do_not_count():
    with enable():
        interrupt(grid(), 7)
        with pd.option_context("display.width", 77), np.printoptions(precision=3):
            grid().fit(X, y)

    assert ", 7 reused" in progress()


def test_a_module_whose_name_is_not_written_down_starts_over_and_is_named(capsys):
    def score(model, X, y):
        return importlib.import_module(CHOSEN["module"]) and model.score(X, y)

    with enable():
        interrupt(grid(scoring=score), 7)
        grid(scoring=score).fit(X, y)

    said = f"since a module that is imported by a name not written there ({__name__}."
    assert said in capsys.readouterr().err
    assert len(fitted) == 13


class Document:
    def __init__(self, numbers):
        self.numbers = numbers


def rows(documents):
    return np.array([document.numbers for document in documents])


def test_data_of_objects_is_known_by_what_they_hold(capsys):
    def search():
        model = make_pipeline(FunctionTransformer(rows), Interrupted())
        return GridSearchCV(model, {"interrupted__threshold": [5.0, 5.5, 6.0]}, cv=3)

    with enable():
        interrupt(search(), 4, [Document(row) for row in X])
        interrupt(search(), 1, [Document(row) for row in X])
        assert ", 4 reused" in progress()
        search().fit([Document(row + 1) for row in X], y)

    assert "starts over, since the data is not that of run" in capsys.readouterr().err


class Drawing(Interrupted):
    """Draws from NumPy's global generator, as what has no seed does."""

    def predict(self, X):
        return np.random.choice(self.classes_, len(X))


def stop(results):
    raise KeyboardInterrupt


@pytest.mark.parametrize("jobs", [None, 2])
def test_what_is_of_another_draw_is_said_to_be(capsys, monkeypatch, jobs):
    monkeypatch.setattr(
        "autotrack.capture.parallel.random_draws.Draws.are_seeded", lambda draws: False
    )
    search = GridSearchCV(Drawing(), {"threshold": [5.0, 5.5, 6.0]}, cv=3, n_jobs=jobs)
    with enable(), pytest.raises(KeyboardInterrupt):
        search.set_params(refit=stop).fit(X, y)
    np.random.random()
    with enable():
        search.set_params(refit=False).fit(X, y)

    assert "of another draw, since no seed is set" in capsys.readouterr().err
    assert newest().tags["resumed_draw"] == "another"
    assert newest().tags["autotrack.drew"] == "global"


def test_what_was_drawn_after_a_seed_is_computed_again(capsys):
    def search():
        np.random.seed(0)
        return GridSearchCV(Drawing(), {"threshold": [5.0, 5.5, 6.0]}, cv=3)

    bare = search().fit(X, y)
    with enable():
        interrupt(search(), 4)
        assert_equal(search().fit(X, y), bare)

    assert "drew from a seeded global random generator" in capsys.readouterr().err


def test_a_seed_that_nothing_draws_after_does_not_matter():
    with enable():
        np.random.seed(0)
        interrupt(grid(), 7)
        np.random.seed(1)
        grid().fit(X, y)

    assert ", 7 reused" in progress()
    assert "resumed_draw" not in newest().tags


generator = np.random.default_rng(0)


class Ordered(Interrupted):
    """Draws from a generator of its module: the scores depend on the order of the fits."""

    def predict(self, X):
        return generator.choice(self.classes_, len(X))


def test_what_drew_from_a_generator_of_its_own_code_is_computed_again(capsys):
    before = generator.bit_generator.state
    search = GridSearchCV(Ordered(), {"threshold": [5.0, 5.5, 6.0]}, cv=3)
    with enable():
        interrupt(search, 4)
        generator.bit_generator.state = before
        search.fit(X, y)

    assert "drew from a random generator of its code" in capsys.readouterr().err
    assert "reused" not in progress()
