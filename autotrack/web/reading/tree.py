"""A model as a tree of its parts, told from the params that were set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from autotrack.runtime.dataclass import dataclass

# What stands beside a model's own params.
_BESIDE = ("preprocessing", "best_")
_DEEPEST = 30


@dataclass(frozen=True, slots=True)
class Part:
    """A step or a param: `value` is what it is, `parts` what was set of it."""

    name: str
    value: Any = None
    parts: dict[str, Part] = field(default_factory=dict)


def tree_of(estimator: str, params: Mapping[str, Any]) -> Part:
    """The tree of a model; its root is called after its class."""
    root: dict[str, Any] = {}
    for key, value in params.items():
        if key.startswith(_BESIDE):
            continue
        at = root
        for name in key.split("__", _DEEPEST):
            at = at.setdefault(name, {})
        at[""] = value
    return _part(estimator.rpartition(".")[2] or "model", root)


def _part(name: str, held: Mapping[str, Any]) -> Part:
    parts = {key: _part(key, inner) for key, inner in held.items() if key != ""}
    # Steps, which have parts, come before single params.
    ordered = dict(sorted(parts.items(), key=lambda item: not item[1].parts))
    return Part(name, held.get(""), ordered)
