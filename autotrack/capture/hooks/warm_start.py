"""Training that goes on: which fits train an estimator further instead of anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from autotrack.describe.estimator import deep_params, storable
from autotrack.describe.parts import held_by
from autotrack.entities import DatasetUse
from autotrack.tracking.facts import FitFacts
from autotrack.tracking.model_links import Link

# Params that say how long and how fast to train, not what: whoever trains on changes them on the
# way. A change of any other (the `C` of a regularization path, say) makes another model.
_OF_TRAINING = frozenset(
    {
        "batch_size",
        "eta0",
        "learning_rate",
        "learning_rate_init",
        "max_fun",
        "max_iter",
        "momentum",
        "n_estimators",
        "n_iter",
        "n_iter_no_change",
        "n_jobs",
        "power_t",
        "random_state",
        "tol",
        "verbose",
        "warm_start",
    }
)


def goes_on(estimator: object, before: Link | None, facts: FitFacts, *, partial: bool) -> bool:
    """Whether a fit trains `estimator` further, which was fitted `before`.

    ``partial_fit`` does, and ``fit`` where ``warm_start`` says so: on data of the same columns,
    with the same params but for those that say how long to train. A model that came out of a crate
    is another one from here on.
    """
    if before is None or before.loaded or before.facts is None:
        return False
    if not partial and not starts_warm(estimator):
        return False
    same_params = _lasting(before.facts.params) == _lasting(facts.params)
    return same_params and _columns(before.train) == _columns(facts.data)


def brought_up_to_date(estimator: Any, before: Link, facts: FitFacts) -> FitFacts:
    """`facts` of a fit that goes on: a param that is back at its default replaces what it was."""
    known = before.facts.params if before.facts is not None else {}
    gone = [key for key in known if key not in facts.params]
    if not gone:
        return facts
    params = deep_params(estimator)
    back = {key: storable(params[key]) for key in gone if key in params}
    return replace(facts, params={**facts.params, **back})


def starts_warm(estimator: object) -> bool:
    """Whether ``fit`` of an estimator that is fitted already trains it further."""
    held = held_by(estimator)
    steps = held.get("steps")
    if isinstance(steps, list) and steps and isinstance(steps[-1], tuple):
        return starts_warm(steps[-1][-1])  # a pipeline fits its steps in place
    return bool(held.get("warm_start", False))


def _lasting(params: Mapping[str, Any]) -> str:
    kept = {
        key: value for key, value in params.items() if key.rpartition("__")[2] not in _OF_TRAINING
    }
    return repr(sorted(kept.items()))


def _columns(use: DatasetUse | None) -> object:
    if use is None:
        return None
    shape = use.data.shape
    return use.data.columns, shape[1:] if shape else None
