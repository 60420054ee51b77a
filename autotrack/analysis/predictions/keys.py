"""The metric that the key of a score names, with the options that are spelled out in it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from autotrack.analysis.predictions.reading import Table
from autotrack.describe.metrics import Metric, metric_of
from autotrack.errors import InvalidValueError
from autotrack.runtime.patterns import pattern

# Options whose values stand in a key without their names.
_NAMELESS = {
    "average": ("macro", "micro", "weighted", "samples", "binary"),
    "multioutput": ("raw_values", "uniform_average", "variance_weighted"),
    "multi_class": ("ovr", "ovo"),
    "weights": ("linear", "quadratic"),
}
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "none": None, "": True}
_NO_WORD = pattern(r"[^\w.-]+")


def metric_by_key(name: str, table: Table) -> Metric:
    """The metric that a key names, as far as its options can be read.

    Parameters
    ----------
    name : str
        Without the data: ``f1_score_pos_label_0``.
    table : Table
        What the model predicted; the classes among its options are those of it.

    Raises
    ------
    InvalidValueError
        If there is no such metric in scikit-learn, or its options are data.
    """
    if name == "score":
        return metric_of("accuracy_score" if table.classes else "r2_score", {})
    words = name.split("_")
    for count in range(len(words), 0, -1):
        head = "_".join(words[:count])
        try:
            found = metric_of(head, {})
        except InvalidValueError:
            continue
        rest = name[len(head) + 1 :]
        return metric_of(head, _options(found, rest, table.classes)) if rest else found
    raise InvalidValueError(
        "it is no metric of scikit-learn, and the record has no more of it than its name"
    )


def _options(metric: Metric, rest: str, classes: Sequence[Any]) -> dict[str, Any]:
    known = [name for name in inspect.signature(metric.function).parameters if name[:2] != "y_"]
    options: dict[str, Any] = {}
    left = rest
    while left:
        name, text, left = _next(left, known)
        if name in ("labels", "sample_weight") or (name != "pos_label" and name in options):
            name = ""
        value = _label(text, classes) if name == "pos_label" else _plain(text)
        if not name or (name == "pos_label" and value is None):
            raise InvalidValueError(
                f"its options, which the key has as {rest!r}, cannot be read from there"
            )
        options[name] = value
    return options


def _next(text: str, known: Sequence[str]) -> tuple[str, str, str]:
    """The first option of a text: its name (empty if there is none), its value, and the rest."""
    for name, values in _NAMELESS.items():
        for value in values:
            if name in known and f"{text}_".startswith(f"{value}_"):
                return name, value, text[len(value) + 1 :]
    for name in sorted(known, key=len, reverse=True):
        if f"{text}_".startswith(f"{name}_"):
            value = text[len(name) + 1 :]
            ends = [f"_{value}_".find(f"_{word}_") for word in (*known, *_all_nameless(known))]
            end = min((place for place in ends if place >= 0), default=None)
            if end is None:
                return name, value, ""
            return name, value[: max(0, end - 1)], value[end:]
    return "", text, ""


def _all_nameless(known: Sequence[str]) -> list[str]:
    return [value for name, values in _NAMELESS.items() if name in known for value in values]


def _plain(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _label(text: str, classes: Sequence[Any]) -> Any:
    """The class whose name a key has in small letters; None if there is none."""
    for label in classes:
        said = str(label).lower()
        if text in (said, _NO_WORD.sub("_", said)):
            return label
    return None
