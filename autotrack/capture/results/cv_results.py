"""What a search found, and how far it still has to go."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from autotrack.capture.naming.scorer_names import DEFAULT, scorer_name
from autotrack.capture.results.evaluation import results_table
from autotrack.describe.estimator import storable
from autotrack.describe.parts import attribute, held_by
from autotrack.failsafe import Failsafe
from autotrack.tracking.facts import Table

#: The params of a candidate, and the numbers of each of its splits.
Trial = tuple[Mapping[str, Any], Sequence[Mapping[str, float]]]


def rank_by(search: Any) -> str | None:
    """The score whose mean ranks the candidates; None if none alone does."""
    scoring, refit = attribute(search, "scoring"), attribute(search, "refit", True)
    if isinstance(refit, str):
        return refit
    several = isinstance(scoring, Mapping | list | tuple | set | frozenset)
    return None if several else scorer_name(scoring)


def halving(search: Any, candidates: int) -> tuple[dict[str, float], int]:
    """What a halving search knows of the round at hand, and how many candidates come after it.

    Both are empty for other searches.
    """
    resources = held_by(search).get("n_resources_")
    if not isinstance(resources, list) or not resources or not hasattr(search, "factor"):
        return {}, 0
    number, factor = len(resources) - 1, search.factor
    # As `BaseSuccessiveHalving` has them, which keeps them to itself until its end.
    rounds = 1 + math.floor(math.log(search.n_candidates_[0], factor))
    if not search.aggressive_elimination:
        possible = search.max_resources_ // search.min_resources_
        rounds = min(rounds, 1 + math.floor(math.log(possible, factor)))
    later = 0
    for _ in range(number + 1, rounds):
        candidates = math.ceil(candidates / factor)
        later += candidates
    return {"iter": number, "n_resources": resources[-1]}, later


def best(search: Any, failsafe: Failsafe) -> tuple[dict[str, Any], dict[str, float]]:
    """The best params and the best score, as far as the search names them."""
    params: dict[str, Any] = {}
    numbers: dict[str, float] = {}
    with failsafe.guard("read the best params of a search"):
        for key, value in (attribute(search, "best_params_") or {}).items():
            params[f"best_{key}"] = storable(value)
        index, score = attribute(search, "best_index_"), attribute(search, "best_score_")
        if index is not None:
            numbers["best_index"] = float(index)
            if score is None and not attribute(search, "multimetric_", False):
                # Where the user's own function chose.
                score = search.cv_results_["mean_test_score"][index]
        if score is not None:
            numbers["best_score"] = float(score)
    return params, numbers


def ranks(
    search: Any, means: Mapping[int, float], failsafe: Failsafe
) -> dict[int, dict[str, float]]:
    """The ranks of the candidates by number: the search's own, else by their `means`."""
    found: dict[int, dict[str, float]] = {number: {} for number in means}
    with failsafe.guard("read the ranks of a search"):
        results = attribute(search, "cv_results_", {})
        named = _naming(search)
        own = {named(key): results[key] for key in results if key.startswith("rank_test_")}
        for key, ranked in own.items():
            if len(ranked) == len(means):
                for number, rank in enumerate(ranked):
                    found[number][key] = float(rank)
        if not own:
            # Failures are tied with the worst, as scikit-learn has them.
            name = named(f"rank_test_{DEFAULT}")
            scores = {n: -math.inf if math.isnan(mean) else mean for n, mean in means.items()}
            ordered = sorted(scores.values(), reverse=True)
            place = {score: n for n, score in reversed([*enumerate(ordered, 1)])}
            for number, score in scores.items():
                found[number][name] = float(place[score])
    return found


def tables(search: Any, failsafe: Failsafe) -> dict[str, Table]:
    """``cv_results_`` as a file."""
    with failsafe.guard("write the results of a search"):
        results = attribute(search, "cv_results_")
        if isinstance(results, Mapping) and results:
            return {"cv_results.csv": results_table(results)}
    return {}


def trials(search: Any) -> Iterator[Trial]:
    """What a search that could not be followed at work says of its candidates."""
    kept, named = attribute(search, "trials_"), _naming(search)
    if kept is not None:
        for trial in kept:
            yield trial.params, list(_splits(trial.user_attrs, named))
        return
    results = attribute(search, "cv_results_", {})
    for number, params in enumerate(results.get("params", ())):
        row = {key: values[number] for key, values in results.items()}
        yield params, list(_splits(row, named))


def _naming(search: Any) -> Callable[[str], str]:
    """How a key of ``cv_results_`` is kept: the only score there has no name, here its scorer's."""
    scorer = scorer_name(attribute(search, "scoring"))
    unnamed = tuple(f"{part}_{DEFAULT}" for part in ("test", "train"))

    def named(key: str) -> str:
        return key.removesuffix(DEFAULT) + scorer if key.endswith(unnamed) else key

    if attribute(search, "multimetric_", False):
        return str
    return named


def _splits(row: Mapping[str, Any], named: Callable[[str], str]) -> Iterator[dict[str, float]]:
    for split in count():
        start = f"split{split}_"
        found = {
            named(k.removeprefix(start)): float(v) for k, v in row.items() if k.startswith(start)
        }
        if not found:
            return
        yield found
