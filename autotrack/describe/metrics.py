"""What a metric is: the function, and which prediction of a model it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from numbers import Number
from typing import Any

from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern
from autotrack.runtime.quiet import unrecorded

# By the name of the second parameter, for functions that no scorer of scikit-learn uses.
_BY_PARAMETER = {
    "y_score": ("decision_function", "predict_proba"),
    "y_prob": ("predict_proba",),
    "y_proba": ("predict_proba",),
    "y_pred_proba": ("predict_proba",),
    "pred_decision": ("decision_function",),
}
#: The methods a metric may take the results of.
RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")
# Functions of scikit-learn of which less is better, whose names a key may continue with options:
# `mean_pinball_loss_alpha_0.9`. Of `d2_log_loss_score` and `neg_log_loss` more is better.
_KNOWN_LOSS = pattern(
    r"(?:^|_)(?<!d2_)(?<!neg_)(?<!neg_root_)(?:"
    r"brier_score_loss|davies_bouldin_score|negative_likelihood_ratio|coverage_error|max_error"
    r"|(?:hamming|hinge|label_ranking|log|mean_pinball|zero_one)_loss"
    r"|mean_(?:gamma|poisson|tweedie)_deviance"
    r"|(?:root_)?mean_squared_(?:log_)?error|m(?:ean|edian)_absolute_(?:percentage_)?error"
    r")(?:_(?!score(?:_|$))|$)"
)
# Functions of others that are better when they are smaller are mostly called so. What follows the
# name of a score is an option: the class of `f1_score_error`.
_SAID_LOSS = pattern(r"(?:error|loss|deviance)(?:_|$)")
_SAID_SCORE = pattern(r"(?:^|_)(?:neg|d2|score|accuracy|corrcoef|auc)(?:_|$)")


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that can be computed from truth and predictions.

    Attributes
    ----------
    name : str
        What its values are called: the function, and options that change its meaning.
    function : callable
        Takes the truth and the prediction.
    options : mapping
        What else it is given.
    responses : tuple of str
        The methods whose results it takes, the first that there is.
    sign : int
        -1 for a scorer that turns the sign of a loss.
    is_loss : bool
        Whether smaller is better.
    """

    name: str
    function: Callable[..., Any]
    options: Mapping[str, Any]
    responses: tuple[str, ...]
    sign: int = 1
    is_loss: bool = False

    def __call__(self, truth: Any, prediction: Any, **more: Any) -> float:
        """Its value."""
        try:
            with unrecorded():
                value = self.function(truth, prediction, **{**self.options, **more})
        except (ValueError, TypeError) as error:
            raise InvalidValueError(
                f"{self.name} cannot be computed from these predictions: {error}{_remedy(error)}"
            ) from error
        if not isinstance(value, Number) and not hasattr(value, "__float__"):
            raise InvalidValueError(
                f"{self.name} returns {described(value)}, which is no number; choose an average"
            )
        return self.sign * float(value)


def _remedy(error: Exception) -> str:
    """What may be done about an error of a metric, as far as it says so."""
    text = str(error)
    if "pos_label" in text:
        return "; name the positive class by pos_label="
    if "average" in text:
        return "; name the average, as by average='macro'"
    return ""


def is_loss(key: str) -> bool:
    """Whether less of a metric is better, by the name that the key of a score has of it.

    Parameters
    ----------
    key : str
        With or without the data before and options after the name: ``test_log_loss``,
        ``mean_pinball_loss_alpha_0.9``.
    """
    if _KNOWN_LOSS.search(key):
        return True
    return bool(_SAID_LOSS.search(key)) and not _SAID_SCORE.search(key)


def metric_of(metric: object, options: Mapping[str, Any], response: str | None = None) -> Metric:
    """The metric that a user means: a name of scikit-learn's, a scorer, or a function.

    Raises
    ------
    InvalidValueError
        If there is none.
    """
    if response is not None and response not in RESPONSES:
        raise InvalidValueError(f"response is one of {', '.join(RESPONSES)}")
    import sklearn.metrics

    sign, name = 1, ""
    known: tuple[str, ...] | None = None
    if isinstance(metric, str):
        name = metric
        if metric in sklearn.metrics.get_scorer_names():
            metric = sklearn.metrics.get_scorer(metric)
        elif callable(getattr(sklearn.metrics, metric, None)) and not metric.startswith("_"):
            metric = getattr(sklearn.metrics, metric)
        else:
            raise InvalidValueError(
                f"there is no metric {described(metric)}; give the name of a function of "
                "sklearn.metrics or of one of its scorers, or a function"
            )
    scorer: Any = metric
    if hasattr(scorer, "_score_func") and hasattr(scorer, "_sign"):
        sign, known = scorer._sign, _responses_of(scorer)
        name = _key(name or _name(scorer._score_func, scorer._kwargs), options)
        options = {**scorer._kwargs, **options}
        function = scorer._score_func
        less_is_better = False
    elif callable(metric):
        function, name = metric, _name(metric, options)
        less_is_better = is_loss(getattr(metric, "__name__", ""))
    else:
        raise InvalidValueError(f"{described(metric)} is no metric; give a name or a function")
    responses = (response,) if response is not None else known or _expected(function)
    return Metric(name, function, options, responses, sign, less_is_better)


def _responses_of(scorer: Any) -> tuple[str, ...]:
    wanted = scorer._response_method
    if wanted == "default":
        return ("predict",)
    return (wanted,) if isinstance(wanted, str) else tuple(wanted)


def _expected(function: Callable[..., Any]) -> tuple[str, ...]:
    import sklearn.metrics

    for name in sklearn.metrics.get_scorer_names():
        scorer = sklearn.metrics.get_scorer(name)
        if scorer._score_func is function:
            return _responses_of(scorer)
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ("predict",)
    return _BY_PARAMETER.get(names[1] if len(names) > 1 else "", ("predict",))


def _name(function: Any, options: Mapping[str, Any]) -> str:
    own = str(getattr(function, "__name__", type(function).__name__))
    return _key("function" if own == "<lambda>" else own, options)


def _key(name: str, options: Mapping[str, Any]) -> str:
    """A name with the options that change the meaning, as keys of scores have them."""
    for option, value in options.items():
        if isinstance(value, str):
            name += f"_{value}"
        elif isinstance(value, bool | int | float):
            name += f"_{option}_{value}"
        elif value is not None:
            name += f"_{option}"
    return name
