"""``python -m tests.walk``: the way of a call through the rooms, and where it climbs back up.

A call goes down: from the patch through hooks and the recorder to the store. A climb is a call from
a module into one above it, as the contracts in pyproject.toml order rooms, folders and modules.
Calls of the wrappers that stand in for scikit-learn's names are where a walk begins, and no climbs.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
#: What the wrappers and the patch call on the way in.
ENTRANCE = "autotrack.runtime.patching"


@functools.cache
def _layers() -> dict[str, dict[str, int]]:
    """For each room or folder with a contract: how deep what is in it lies."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    return {
        container: {
            name.strip(): depth
            for depth, layer in enumerate(contract["layers"])
            for name in layer.split("|")
        }
        for contract in contracts["contracts"]
        for container in contract.get("containers", ())
    }


@functools.cache
def is_above(upper: str, lower: str) -> bool:
    """Whether the module `upper` lies above `lower`."""
    place = ""
    for one, other in zip(upper.split("."), lower.split("."), strict=False):
        if one != other:
            depths = _layers().get(place, {})
            return one in depths and other in depths and depths[one] < depths[other]
        place = f"{place}.{one}" if place else one
    return False


@dataclass
class Walk:
    """What is met on the way of one call.

    Attributes
    ----------
    stays : list of str
        The modules of autotrack that run, one after the other.
    climbs : list of (str, str)
        Where a module was called from one below it: the functions, each with its module.
    """

    stays: list[str] = field(default_factory=list)
    climbs: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Note one call; a profile function."""
        if event != "call":
            return
        module = _module(frame)
        if not module:
            return
        if not self.stays or self.stays[-1] != module:
            self.stays.append(module)
        caller = frame.f_back
        origin = "" if caller is None else _module(caller)
        if caller is not None and origin not in ("", ENTRANCE) and is_above(module, origin):
            self.climbs.append((_named(caller), _named(frame)))


def _module(frame: FrameType) -> str:
    name = str(frame.f_globals.get("__name__", ""))
    return name if name.startswith("autotrack.") else ""


def _named(frame: FrameType) -> str:
    return f"{_module(frame).removeprefix('autotrack.')}: {frame.f_code.co_qualname}"


def walk_of(call: Callable[[], object]) -> Walk:
    """Make a call, and note its way."""
    walk = Walk()
    sys.setprofile(walk)
    try:
        call()
    finally:
        sys.setprofile(None)
    return walk


def walk_of_fit() -> Walk:
    """The way of a fit that is not the first one, with a crate, in a store of its own."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import autotrack

    X, y = load_breast_cancer(return_X_y=True)
    with tempfile.TemporaryDirectory() as store, autotrack.enable(store=store):
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5))
        return walk_of(lambda: model.fit(X, y))


if __name__ == "__main__":
    walk = walk_of_fit()
    for lower, upper in walk.climbs:
        print(f"{lower}\n    -> {upper}")
    print(f"{len(walk.climbs)} climbs in {len(walk.stays)} stays")
