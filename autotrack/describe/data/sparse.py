"""Sparse matrices and arrays of scipy, opened: never made dense, and never touched."""

from __future__ import annotations

from typing import Any

import numpy as np

from autotrack.describe.data import digest
from autotrack.describe.data.digest import Array, Sink
from autotrack.describe.data.dtypes import kept_text
from autotrack.entities import Column


class Sparse:
    """A scipy sparse matrix or array of any format, never made dense."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix
        # As plain ints: scipy may keep numpy's, whose repr changes with numpy's version.
        self.shape: tuple[int, ...] | None = tuple(map(int, matrix.shape))

    def columns(self) -> tuple[Column, ...]:
        """Name the dtype."""
        return (Column(None, kept_text(self.matrix.dtype)),)

    def feed(self, sink: Sink) -> None:
        """Digest the values and what they mean."""
        matrix = self.matrix
        digest.note(sink, "sparse", matrix.format, self.shape)
        if matrix.format in ("lil", "dok"):
            matrix = matrix.tocsr() if matrix.ndim == 2 else matrix.tocoo()
        elif matrix.format in ("csr", "csc"):
            matrix = _sorted(matrix)
        for part in _sparse_parts(matrix):
            digest.add_array(sink, part)


def _sorted(matrix: Any) -> Any:
    """Sort a csr or csc matrix within its rows, in a copy.

    A view is asked, since scipy would write its answer into the user's own object.
    """
    view = type(matrix)(
        (matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape, copy=False
    )
    return view if view.has_sorted_indices else view.sorted_indices()


def _sparse_parts(matrix: Any) -> list[Array]:
    if matrix.format == "coo":
        coords = getattr(matrix, "coords", None) or (matrix.row, matrix.col)
        return [matrix.data, *map(_index, coords)]
    if matrix.format == "dia":
        return [matrix.data, _index(matrix.offsets)]
    return [matrix.data, _index(matrix.indices), _index(matrix.indptr)]


def _index(positions: Any) -> Array:
    """Bring positions to 32 bits where they fit: scipy chooses the width by how it was built."""
    array = np.asarray(positions)
    limits = np.iinfo(np.int32)
    if not array.size or (limits.min <= array.min() and array.max() <= limits.max):
        return array.astype(np.int32, copy=False)
    return array
