"""What is known of transformers that were applied outside of a model."""

from __future__ import annotations

from typing import Any

from autotrack.runtime.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """A transformer outside of a model, what it was given and returned; None for what is gone.

    `reason` says why it cannot be put before the model.
    """

    name: str
    transformer: Any
    source: Any
    output: Any
    reason: str = ""
