"""Whether evaluations draw from random generators that have a state from one to the next.

What draws from NumPy's global generator, because no ``random_state`` is set, depends on all that
was drawn before. Where the generator was seeded, a search that leaves evaluations out gives other
results than one that computes them all; where it was not, nobody could tell.
"""

from __future__ import annotations

import linecache
import random
import sys
from collections.abc import Iterator, Sequence
from ctypes import string_at
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from autotrack.describe.origins import is_installed
from autotrack.runtime.patterns import pattern

# Bytes of the state of a Mersenne twister: 624 words, and the place in them.
_STATE = 624 * 4 + 4
_SEEDS = pattern(r"\bseed\w*\s*\(|set_?state\s*\(|\w+_seed\s*\(")
_LARGEST_FILE = 1 << 20


def global_state() -> bytes | None:
    """The state of NumPy's global generator; None if it cannot be read."""
    bits = _global_bits()
    if type(bits) is not np.random.MT19937:
        return None
    # Asking for it as a dictionary takes 40 microseconds, and every evaluation asks twice.
    return string_at(bits.ctypes.state_address, _STATE)


def _global_bits() -> Any:
    generator = getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)
    return getattr(generator, "_bit_generator", None)


def _normal_in_store() -> Any:
    """NumPy makes normals by twos: the one that is drawn next without a move of the generator."""
    generator = getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)
    if generator is None:
        return None
    held = generator.get_state(legacy=False)
    return held.get("has_gauss"), held.get("gauss")


class Draws:
    """The generators that a search may draw from, as they were when it began.

    Parameters
    ----------
    own : sequence
        Generators that the user's code holds.
    standard : bool
        Whether it uses those of Python's module `random`.
    """

    def __init__(self, own: Sequence[Any], standard: bool) -> None:
        self._own = list(own)
        self._standard = standard
        #: Digest of the state of the global generators.
        told = repr((global_state(), _normal_in_store(), self._of_standard()))
        self.state = xxhash.xxh3_64_hexdigest(told.encode())
        self._normal_before = _normal_in_store()
        self._standard_before = self._of_standard()
        self._own_before = self._of_own()

    def _of_standard(self) -> Any:
        return random.getstate() if self._standard else None

    def _of_own(self) -> list[str]:
        return [repr(_state_of(generator)) for generator in self._own]

    def moved(self) -> str:
        """Which generators have moved on: "own", "global" or none."""
        if self._own and self._of_own() != self._own_before:
            return "own"
        if _normal_in_store() != self._normal_before:
            return "global"
        if self._standard and self._of_standard() != self._standard_before:
            return "global"
        return ""

    def are_seeded(self) -> bool:
        """Whether any code of the user's sets a seed, as far as can be seen."""
        texts = list(_texts())
        return not texts or any(_SEEDS.search(text) for text in texts)


def _state_of(generator: Any) -> Any:
    if isinstance(generator, np.random.RandomState):
        held: Any = generator.get_state()
        return (held[0], held[1].tobytes(), *held[2:])
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.getstate()


def _texts() -> Iterator[str]:
    """The texts of the script or notebook, and of the user's modules."""
    main: dict[str, Any] = vars(sys.modules["__main__"])
    cells = main.get("In")
    if isinstance(cells, list):
        yield "\n".join(map(str, cells))
    elif not isinstance(main.get("__file__"), str):
        return  # typed in, or gone
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py") or is_installed(name):
            continue
        try:
            if Path(file).stat().st_size <= _LARGEST_FILE:
                yield Path(file).read_text("utf-8", "replace")
        except OSError:
            yield "".join(linecache.getlines(file))
