"""Models that may be given the array inside a frame: for one row it is three times as fast."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from autotrack.crates.contract.values_only import WARNING, looks_at_values_only


def takes_arrays(estimator: Any, frame: Any, methods: tuple[str, ...]) -> bool:
    """Tell whether `estimator` says the same of the array in `frame` as of the frame.

    Parameters
    ----------
    estimator : estimator
        It was trained on frames of one dtype.
    frame : DataFrame
        Such a frame, to try it with.
    methods : tuple of str
        What it will be asked.
    """
    if not looks_at_values_only(estimator):
        return False
    # What it would say of each request: that the names are missing, which were there.
    warnings.filterwarnings("ignore", message=WARNING)
    try:
        return all(
            np.array_equal(
                getattr(estimator, method)(frame), getattr(estimator, method)(frame.to_numpy())
            )
            for method in methods
        )
    except Exception:  # noqa: BLE001 - whatever it raises, it does not take both
        return False
