"""What a score is called, by the argument `scoring` of whatever evaluates."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.metrics._scorer import _BaseScorer

from autotrack.capture.naming.metric_keys import own_name

#: The name of what an estimator's own `score` gives.
DEFAULT = "score"


def scorer_name(scoring: Any) -> str:
    """What a single score is called: one quantity has one name, however the scorer was given.

    A scorer of scikit-learn has the name it is known by there, one made of a function that
    function's, with ``neg_`` where it turns the sign, and the options that change its meaning.
    """
    if scoring is None or isinstance(scoring, Mapping | list | tuple | set | frozenset):
        return DEFAULT
    if isinstance(scoring, str):
        return scoring
    if isinstance(scoring, _BaseScorer):
        known = _known_scorers().get(_traits(scoring))
        if known is not None:
            return known
        sign = "neg_" if getattr(scoring, "_sign", 1) < 0 else ""
        return sign + own_name(_unwrapped(scoring._score_func), dict(scoring._kwargs))
    function = _unwrapped(scoring)
    return own_name(function if hasattr(function, "__name__") else type(function), {})


def names_its_scores(scoring: Any) -> bool:
    """Whether the names of the scores are known only from what `scoring` returns."""
    return callable(scoring) and not isinstance(scoring, _BaseScorer)


def _unwrapped(function: Callable[..., Any]) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _traits(scorer: Any) -> tuple[object, ...]:
    options = _options(scorer)
    response = getattr(scorer, "_response_method", None)
    response = (response,) if isinstance(response, str) else tuple(response or ())
    return getattr(scorer, "_score_func", None), getattr(scorer, "_sign", 1), options, response


def _options(scorer: Any) -> str:
    """The options that change what the function computes, as text."""
    try:
        expected = dict(inspect.signature(scorer._score_func).parameters)
    except (TypeError, ValueError):
        expected = {}
    return repr(
        [
            (name, value)
            for name, value in sorted(scorer._kwargs.items())
            if value is not None and not (name in expected and expected[name].default is value)
        ]
    )


@functools.cache
def _known_scorers() -> Mapping[tuple[object, ...], str]:
    # Backwards: of two names for the same scorer, the first one counts.
    return {_traits(get_scorer(name)): name for name in reversed(get_scorer_names())}
