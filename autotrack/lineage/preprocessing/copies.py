"""Copies of what a transformer returned, where they are small enough to be kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from autotrack.describe.parts import held_by
from autotrack.lineage.values.rows import is_sparse

# Outputs above this size (bytes) are not copied.
_LARGEST_COPY = 4 << 20
# What a value takes: asking a frame of many columns for it takes longer than its transformer.
_BYTES = 8


def small_copy(output: Any) -> Any:
    """A copy of a small array, frame or sparse matrix; None of anything else."""
    if isinstance(output, np.ndarray):
        size = output.nbytes
    elif hasattr(output, "iloc") and hasattr(output, "memory_usage"):
        size = output.size * _BYTES
    elif is_sparse(output) and hasattr(output, "data"):
        size = output.data.nbytes
    elif hasattr(output, "estimated_size") and hasattr(output, "clone"):  # polars, which shares it
        return output.clone() if output.estimated_size() <= _LARGEST_COPY else None
    else:
        return None
    return output.copy() if size <= _LARGEST_COPY else None


def is_small(transformer: object) -> bool:
    """Whether the arrays that a transformer holds are as small as an output that is copied."""
    held = held_by(transformer).values()
    arrays = (value.nbytes for value in held if isinstance(value, np.ndarray))
    return sum(arrays) <= _LARGEST_COPY
