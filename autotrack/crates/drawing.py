"""Whether what a model predicts may be drawn from the generators that everybody shares.

To keep and to put back their states takes longer than to predict for a few rows.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from autotrack.runtime.patching import unwrapped
from autotrack.runtime.weak_map import IdentityMap

# What scikit-learn's models are made of. Whatever draws says so in the name of its module.
_PLAIN = ("numpy.", "numpy", "scipy.sparse.", "builtins", "sklearn.")
_RANDOM = ("random", "rng", "shuffle", "permutation", "resample")
_known: IdentityMap[bool] = IdentityMap()


def may_draw(kind: type | types.FunctionType) -> bool:
    """Whether methods of a fitted object of this class, or this function, may draw.

    scikit-learn's code draws from what an attribute called ``random_state`` gives it. So does a
    class of it whose methods beyond those of fitting speak of no such thing not draw. Of all other
    packages nothing is known.
    """
    known = _known.get(kind)
    if known is None:
        known = _looks_so(kind)
        _known.set(kind, known)
    return known


def _looks_so(kind: type | types.FunctionType) -> bool:
    module = str(getattr(kind, "__module__", None) or "")
    if not module.startswith(_PLAIN) or "random" in module or ".tests" in module:
        return True
    if not isinstance(kind, type):  # a function, such as those by which an array is made again
        return not module.startswith(("numpy.core.", "numpy._core."))
    return any(_speaks_of_chance(code) for owner in kind.__mro__ for code in _methods(owner))


def _methods(owner: type) -> Iterator[types.CodeType]:
    """The code of a class's methods, but for those that fit."""
    if owner.__module__.partition(".")[0] != "sklearn":
        return
    for name, value in vars(owner).items():
        if name.lstrip("_").startswith(("fit", "partial_fit")) or name == "__init__":
            continue
        held: Any = unwrapped(value)
        # A method that is there at times, a property, a class method.
        for inner in ("fn", "fget", "__func__"):
            held = getattr(held, inner, None) or held
        while isinstance(held, types.FunctionType):
            yield held.__code__
            held = getattr(held, "__wrapped__", None)


def _speaks_of_chance(code: types.CodeType) -> bool:
    names = (*code.co_names, *code.co_varnames)
    if any(word in name.lower() for name in names for word in _RANDOM):
        return True
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return any(map(_speaks_of_chance, inner))
