"""The list of workflows: what each is, on which data, and what there is to find."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets


@dataclass(frozen=True)
class Workflow:
    """One workflow; `expected` are the codes to be found, and `also` what may be said beside them.

    `judged` is how many models the ledger counts on its held-out set.
    """

    name: str
    data: str
    expected: frozenset[str]
    run: Callable[[], Any]
    unseen: bool = False
    judged: int = 0
    also: frozenset[str] = frozenset()


_DATA = Path(__file__).resolve().parents[2] / "examples" / "data"
WINE, COFFEE = _DATA / "wine_quality_white.csv", _DATA / "coffee_ratings.csv"
WORKFLOWS: list[Workflow] = []


def workflow(
    data: str,
    *expected: str,
    unseen: bool = False,
    judged: int = 0,
    also: Collection[str] = (),
) -> Callable[..., Any]:
    """List a function as a workflow; `unseen` for a leak that calls cannot show."""

    def listed(run: Callable[[], Any]) -> Callable[[], Any]:
        name = run.__name__.replace("_", " ")
        codes = frozenset(expected), frozenset(also)
        WORKFLOWS.append(Workflow(name, data, codes[0], run, unseen, judged, codes[1]))
        return run

    return listed


def noise(rows: int = 120, columns: int = 3000, seed: int = 0) -> tuple[Any, Any]:
    """Numbers that have nothing to do with their labels."""
    random = np.random.default_rng(seed)
    return random.normal(size=(rows, columns)), random.integers(0, 2, rows)


def patients(seed: int = 0, count: int = 60, visits: int = 6) -> pd.DataFrame:
    """Several visits of each patient, whose outcome is the patient's."""
    random = np.random.default_rng(seed)
    own = random.normal(size=(count, 4))
    outcome = random.integers(0, 2, count)
    who = np.repeat(np.arange(count), visits)
    frame = pd.DataFrame(own[who] + random.normal(scale=0.1, size=(len(who), 4)))
    frame.columns = ["pulse", "pressure", "sugar", "iron"]
    frame["patient_id"] = random.permutation(10 * count)[:count][who]
    frame["outcome"] = outcome[who]
    return frame


def sales(seed: int = 0, days: int = 600) -> pd.DataFrame:
    """Sales by day, which wander."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=days)})
    frame["price"] = random.normal(10, 1, days)
    frame["visitors"] = random.poisson(200, days)
    frame["sold"] = np.cumsum(random.normal(size=days)) + frame["price"]
    return frame


def answers(seed: int = 0, rows: int = 400, questions: int = 5) -> tuple[Any, Any]:
    """Yes and no to a few questions: equal rows are no wonder."""
    random = np.random.default_rng(seed)
    X = random.integers(0, 2, (rows, questions))
    return X, (X[:, 0] ^ (random.random(rows) < 0.2)).astype(int)


def bundled(name: str) -> tuple[Any, Any]:
    """A data set that scikit-learn ships, as a frame and a target."""
    found = getattr(datasets, f"load_{name}")(as_frame=True)
    return found.data, found.target


def white_wine() -> tuple[Any, Any]:
    """The wine of the README, with its repeated rows."""
    frame = pd.read_csv(WINE)
    return frame.drop(columns="quality"), frame["quality"]


def coffee() -> tuple[Any, Any]:
    """Ratings of coffees: what was tasted, with gaps in the altitude, and the cupper's points."""
    frame = pd.read_csv(COFFEE)
    taste = ["aroma", "flavor", "aftertaste", "acidity", "body", "balance"]
    frame = frame.dropna(subset=[*taste, "cupper_points"]).drop_duplicates(subset=taste)
    return frame[[*taste, "altitude_mean_meters"]], frame["cupper_points"]
