"""Mean and spread of the scores of a candidate."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Numpy adds up fewer numbers than this one after the other.
_FEW = 8


def moments(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and standard deviation as scikit-learn's ``cv_results_`` has them; standard error."""
    count = len(values)
    if count < _FEW:
        mean = _added(values) / count
        spread = _added([(value - mean) * (value - mean) for value in values])
    else:
        import numpy as np

        array = np.asarray(values)
        mean = float(np.average(array))
        spread = float(np.sum((array - mean) ** 2))
    error = math.sqrt(spread / (count - 1) / count) if count > 1 else math.nan
    return mean, math.sqrt(spread / count), error


def _added(values: Sequence[float]) -> float:
    # Not `sum`, which since Python 3.12 makes up for rounding.
    total = 0.0
    for value in values:
        total += value
    return total
