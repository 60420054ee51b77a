"""Any Python value by what it holds: data, objects, functions and classes with all they use.

Two values have one digest if nothing tells them apart but where they lie in memory: arrays, frames
and containers by their values in their order, sets whatever theirs, objects by their attributes,
and the user's own functions and classes by their code (`autotrack.describe.code`) with everything
that code reads, transitively: globals, closures, defaults, attributes of modules, base classes,
and what it reaches by a name in a text. What is installed counts by its name here;
`Content.packages` says whose versions belong to it. The digest is the same in every process.

    >>> digest([1, 2]) == digest([1, 2])
    True
"""

from __future__ import annotations

from autotrack.describe.content.content import Content, digest
from autotrack.describe.content.options import options
from autotrack.describe.content.walk import Undigestible

__all__ = ["Content", "Undigestible", "digest", "options"]
