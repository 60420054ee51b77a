"""What other packages call differently in the oldest versions that are supported."""

from __future__ import annotations

import inspect

from scipy import stats

#: How a function of SciPy is told its seed.
SCIPYS_SEED = {
    "rng" if "rng" in inspect.signature(stats.bootstrap).parameters else "random_state": 1
}
