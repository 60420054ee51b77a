"""What one evaluation predicted, as columns of one length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.runtime.dataclass import dataclass

Array = NDArray[Any]

#: Columns that say which prediction a row is; the rest is truth and predictions.
CANDIDATE, SPLIT, ROW, GROUP, TRUTH = "candidate", "split", "row", "group", "y_true"
#: What has a column for each class, if there is more than one.
BY_CLASS = ("predict_proba", "predict_log_proba", "decision_function")
# So many columns of one prediction are kept.
_MOST_COLUMNS = 10_000


class NotKept(Exception):  # noqa: N818 - a reason, which a tag of the run will have
    """Why predictions cannot be kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The predictions of one evaluation.

    Attributes
    ----------
    columns : mapping of str to array
        One-dimensional, of one length; `row` has positions in the data that was evaluated.
    classes : sequence
        The classes that columns of probabilities and decisions stand for, in order.
    keys : mapping of str to str
        By which evaluations are known again, by ``"<candidate>,<split>"``.
    """

    columns: Mapping[str, Array]
    classes: Sequence[Any] = ()
    keys: Mapping[str, str] = field(default_factory=dict)


def plain(values: Any) -> Array:
    """`values` as an array that can be stored without pickle.

    Raises
    ------
    NotKept
        If it holds what is neither all numbers nor all texts.
    """
    if hasattr(values, "toarray"):
        values = values.toarray()
    array = np.asarray(values)
    if array.dtype.kind == "O":
        flat = array.ravel().tolist()
        if all(isinstance(value, str) for value in flat):
            return array.astype(np.str_)
        if all(isinstance(value, bool | np.bool_) for value in flat):
            return array.astype(np.bool_)
        if all(isinstance(value, int | float | np.number) for value in flat):
            return np.array(flat).reshape(array.shape)
        raise NotKept("values that are neither all numbers nor all texts")
    if array.dtype.kind not in "biufUM":
        raise NotKept(f"values of the type {array.dtype}")
    return array


def truth_columns(y: Any) -> dict[str, Array]:
    """The truth as columns: one, or one for each output."""
    return _numbered(TRUTH, plain(y))


def output_columns(method: str, output: Any, classes: Sequence[Any]) -> dict[str, Array]:
    """What a method returned as columns, named by class where there is one for each.

    Raises
    ------
    NotKept
        If there is no such form.
    """
    if isinstance(output, list) and output and hasattr(output[0], "shape"):
        found: dict[str, Array] = {}
        for number, part in enumerate(output):
            found |= _numbered(f"{method}_{number}", plain(part))
        return found
    array = plain(output)
    if method in BY_CLASS and array.ndim == 2 and array.shape[1] == len(classes):
        return {f"{method}_{label}": array[:, n] for n, label in enumerate(classes)}
    return _numbered(method, array)


def _numbered(name: str, array: Array) -> dict[str, Array]:
    if array.ndim == 1:
        return {name: array}
    if array.ndim != 2 or array.shape[1] > _MOST_COLUMNS:
        raise NotKept(f"{name} of the shape {array.shape}")
    return {f"{name}_{n}": array[:, n] for n in range(array.shape[1])}


def positions(rows: Any) -> Array:
    """Row positions, of an index or of a mask."""
    array = np.asarray(rows)
    return np.flatnonzero(array) if array.dtype == bool else array.astype(np.int64)
