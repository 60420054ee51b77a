"""Whether data was taken from what a transformer returned."""

from __future__ import annotations

from typing import Any

import numpy as np

from autotrack.capture.arrays import Array, is_constant
from autotrack.capture.rows import (
    has_row,
    has_sparse_row,
    is_sparse,
    sparse_block,
    sparse_row,
    take_rows,
)
from autotrack.describe.parts import held_by

# Rows that are looked up to tell whether data was taken from a transformer's output.
_PROBES = 4
# Outputs above this size (bytes) are not copied.
_LARGEST_COPY = 4 << 20


def comes_from(data: Any, output: Any) -> bool:
    """Whether `data` is a view of `output`, or made of some of its rows."""
    shape, whole = getattr(data, "shape", None), getattr(output, "shape", None)
    if not shape or not whole or len(shape) != 2 or len(whole) != 2:
        return False
    if shape[1] != whole[1] or shape[0] > whole[0] or not shape[0] or not shape[1]:
        return False
    if hasattr(data, "iloc") and hasattr(output, "iloc") and list(data) != list(output):
        return False
    both = isinstance(data, np.ndarray) and isinstance(output, np.ndarray)
    if both and np.may_share_memory(data, output):
        return True
    try:
        return _has_rows(data, output)
    except Exception:  # noqa: BLE001 - containers that cannot be compared so are not the same
        return False


def small_copy(output: Any) -> Any:
    """A copy of a small array, frame or sparse matrix; None of anything else."""
    if isinstance(output, np.ndarray):
        size = output.nbytes
    elif hasattr(output, "iloc") and hasattr(output, "memory_usage"):
        size = int(np.sum(output.memory_usage()))
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


def _has_rows(data: Any, output: Any) -> bool:
    """Whether some rows of `data` are rows of `output`, and could be told from others' rows."""
    probes = np.unique(np.linspace(0, data.shape[0] - 1, _PROBES, dtype=np.intp))
    if is_sparse(output):
        return _has_sparse_rows(data, output.tocsr(), probes)
    rows = take_rows(data.tocsr() if is_sparse(data) else data, probes)
    matrix = sparse_block(rows) if is_sparse(rows) else np.asarray(rows)
    return all(has_row(output, row) for row in matrix) and any(map(_tells, matrix))


def _has_sparse_rows(data: Any, output: Any, probes: Array) -> bool:
    if is_sparse(data):
        held = data.tocsr()
        rows = [sparse_row(held, at) for at in probes.tolist()]
    else:
        matrix = np.asarray(take_rows(data, probes))
        rows = [(np.flatnonzero(row), row[np.flatnonzero(row)]) for row in matrix]
    # A row of zeros is met by chance.
    telling = (0 < len(row[0]) < output.shape[1] or _tells(row[1]) for row in rows)
    return all(has_sparse_row(output, *row) for row in rows) and any(telling)


def _tells(row: Array) -> bool:
    """Whether a row is no constant that is met by chance."""
    if not len(row) or not is_constant(row):
        return bool(len(row))
    return bool(row.dtype.kind == "f" and row[0] != np.round(row[0], 3))
