"""What MLflow's files say of a model that its crate's manifest does not say anyway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autotrack.crates.contract.contract import unused_columns
from autotrack.crates.packing.functions import Isolated
from autotrack.describe.parts import has


def for_mlflow(model: object, skops_types: Sequence[str] = ()) -> dict[str, Any]:
    """What MLflow's files say of a model that its manifest does not say anyway.

    Parameters
    ----------
    model : estimator or Isolated
    skops_types : sequence of str
        Types in a model stored by skops that skops asks about. MLflow takes the list from here.
    """
    told: dict[str, Any] = {"predicts": has(model, "predict")}
    # Columns of the training data that the model can do without.
    if unused := () if isinstance(model, Isolated) else unused_columns(model):
        told["unused"] = sorted(unused)
    if skops_types:
        told["skops_types"] = list(skops_types)
    return told
