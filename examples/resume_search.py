"""A search that is killed at half, and goes on from there.

A random forest for the coffee ratings is tuned in a process of its own. Half way through, that
process is killed as hard as can be. Every evaluation that had finished is in the store; the second
start of the same script computes only the rest.

    python examples/resume_search.py
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import KNNImputer
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

import autotrack

NUMBERS = ["aroma", "flavor", "aftertaste", "acidity", "sweetness", "altitude_mean_meters"]
GRID = {
    "randomforestregressor__max_features": [0.3, 0.6, 1.0],
    "randomforestregressor__min_samples_leaf": [1, 3, 10, 30],
}


def search() -> None:
    """The script somebody would write: nothing in it speaks of resuming."""
    autotrack.enable(experiment="resume_search")
    ratings = pd.read_csv(Path(__file__).parent / "data" / "coffee_ratings.csv")
    X, y = ratings[NUMBERS], ratings["cupper_points"]
    forest = RandomForestRegressor(n_estimators=40, random_state=0)
    splits = KFold(3, shuffle=True, random_state=0)
    found = GridSearchCV(make_pipeline(KNNImputer(), forest), GRID, cv=splits).fit(X, y)
    best = {name.partition("__")[2]: value for name, value in found.best_params_.items()}
    print(f"best: {best}, score {found.best_score_:.6f}", flush=True)


def finished() -> tuple[int, int]:
    """How many evaluations of the newest search are in the store, and of how many."""
    runs = autotrack.search_runs("resume_search", where="kind = 'search'", limit=1)
    said = str(runs.get("tags.autotrack.progress", pd.Series([""])).iloc[0]) if len(runs) else ""
    numbers = re.match(r"(\d+) of (\d+)", said)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def main() -> None:
    autotrack.set_experiment("resume_search")
    command = [sys.executable, __file__, "search"]
    process = subprocess.Popen(command)
    done, total = 0, 0
    while process.poll() is None and (total == 0 or done < total / 2):
        time.sleep(0.1)
        done, total = finished()
    process.kill()
    process.wait()
    print(f"\nkilled with {finished()[0]} of {total} evaluations in the store:\n")
    subprocess.run([sys.executable, "-m", "autotrack", "show", "last"], check=True)

    print("\nthe same script again:\n")
    subprocess.run(command, check=True)
    runs = autotrack.search_runs("resume_search", where="kind = 'search'", limit=1)
    run = autotrack.get_run(runs["run_id"].iloc[0])
    print(f"{run.tags['autotrack.progress']}, resumed from {run.tags['resumed_from'][:8]}")

    print("\nand one that nobody interrupts:\n")
    subprocess.run(command, check=True, env={**os.environ, "AUTOTRACK_RESUME": "0"})


if __name__ == "__main__":
    if sys.argv[1:] == ["search"]:
        search()
    else:
        main()
