"""Frames held against each other by the names of their columns, in whichever order these are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autotrack.describe.data.row_keys import row_keys, with_target
from autotrack.describe.parts import attribute
from autotrack.lineage.training_rows import Trained
from autotrack.lineage.values.digests import stamp_of


def in_training_order(X: Any, trained: Trained | None) -> Any:
    """`X` with the columns that training had, in their order; `X` itself where that cannot be."""
    if trained is None or trained.columns is None:
        return X
    given = attribute(X, "columns")
    if given is None or _is_same(given, trained.columns):
        return X
    try:
        names, held = _listed(trained.columns), _listed(given)
        if names == held or len(set(held)) < len(held) or not set(names) <= set(held):
            return X
        return X[names]
    except Exception:  # noqa: BLE001 - a foreign frame may do anything
        return X


def in_common(X: Any, trained: Trained, whole: Any) -> tuple[Any, Trained]:
    """Both sides with the columns that both have; as they are where these are all of training.

    Parameters
    ----------
    X : object
        What is scored.
    trained : Trained
    whole : object
        What the model was trained on, if that still exists.
    """
    given = attribute(X, "columns") if trained.columns is not None else None
    if given is None or _is_same(given, trained.columns):
        return X, trained
    found = in_training_order(X, trained)
    if found is not X:
        return found, trained
    try:
        names, held = _listed(trained.columns), _listed(given)
        if names == held:
            return X, trained
        common = [name for name in names if name in set(held)]
        if not common or len(common) == len(names) or len(set(held)) < len(held):
            return X, trained
        if whole is None or stamp_of(whole) != trained.stamp:
            return X, trained
        keys = row_keys(whole[common])
        if keys is None:
            return X, trained
        target = trained.held_target()
        both = None if target is None else with_target(keys, row_keys(target))
        return X[common], replace(trained, keys=keys, both=both, ordered=None)
    except Exception:  # noqa: BLE001 - a foreign frame may do anything
        return X, trained


def _is_same(columns: Any, others: Any) -> bool:
    """Whether frames share their names, as those that were taken out of one frame do."""
    if columns is others:
        return True
    share = getattr(type(columns), "is_", None)  # of pandas
    return share is not None and bool(share(columns, others))


def _listed(columns: Any) -> list[Any]:
    # An index of texts takes ten times as long to go through one by one.
    tolist = getattr(type(columns), "tolist", None)
    return list(columns) if tolist is None else list(tolist(columns))


__all__ = ["in_common", "in_training_order"]
