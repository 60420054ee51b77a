"""Whether data was taken from what a transformer returned."""

from __future__ import annotations

from typing import Any

import numpy as np

from autotrack.capture.evidence import Array, is_constant, plain_array, same

# Rows that are looked up to tell whether data was taken from a transformer's output.
_PROBES = 4
# Places at which a row is looked for.
_SEARCHED = 2000
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
        return _has_rows(_rows(data), shape[0], _rows(output))
    except Exception:  # noqa: BLE001 - containers that cannot be compared so are not the same
        return False


def small_copy(output: Any) -> Any:
    """A copy of a small array, frame or sparse matrix; None of anything else."""
    if isinstance(output, np.ndarray):
        size = output.nbytes
    elif hasattr(output, "iloc") and hasattr(output, "memory_usage"):
        size = int(np.sum(output.memory_usage()))
    elif hasattr(output, "tocoo") and hasattr(output, "data"):
        size = output.data.nbytes
    else:
        return None
    return output.copy() if size <= _LARGEST_COPY else None


def dense(part: Any) -> Array:
    """A row or a column of a sparse matrix as an array of one dimension."""
    stored = part.tocoo()
    line = np.zeros(max(part.shape), stored.data.dtype)
    line[stored.row if part.shape[1] == 1 else stored.col] = stored.data
    return line


def _rows(data: Any) -> Any:
    return data.iloc if hasattr(data, "iloc") else data


def _has_rows(rows: Any, count: int, known: Any) -> bool:
    first = dense(known[:, [0]]) if hasattr(known, "tocoo") else plain_array(known[:, 0])
    if first is None:
        return False
    told = False
    for at in sorted({int(i) for i in np.linspace(0, count - 1, _PROBES)}):
        row = _row(rows, at)
        places = np.flatnonzero(first == row[0])[:_SEARCHED]
        others = (_row(known, int(i)) for i in places)
        if not any(same(row, other) for other in others):
            return False
        real = row.dtype.kind == "f" and row[0] != np.round(row[0], 3)
        told = told or not is_constant(row) or real
    return told


def _row(rows: Any, at: int) -> Array:
    # A row of polars is a frame of one row.
    return dense(rows[[at]]) if hasattr(rows, "tocoo") else np.asarray(rows[at]).reshape(-1)
