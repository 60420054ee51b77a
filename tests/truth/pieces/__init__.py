"""The pieces of the sessions: each writes some lines, and what is true of their scores."""

from __future__ import annotations

from tests.truth.pieces import blends, derived, frames, nobodys, own, parts, training
from tests.truth.pieces.common import PIECES, Piece

__all__ = ["PIECES", "Piece", "blends", "derived", "frames", "nobodys", "own", "parts", "training"]
