"""What params of known classes are where nobody set them, ready to be kept once for a version."""

from __future__ import annotations

from typing import Any

from autotrack.describe.constructor import constructor_defaults, versioned
from autotrack.describe.environment import distribution_name
from autotrack.describe.estimator import qualified_name_of, storable
from autotrack.runtime.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ClassDefaults:
    """The defaults of a class in a version of the distribution that it comes from."""

    estimator: str
    distribution: str
    version: str
    params: dict[str, Any]


def classes_seen() -> int:
    """How many classes there are to keep defaults of."""
    return len(versioned)


def class_defaults(first: int = 0) -> list[ClassDefaults]:
    """The defaults of the classes whose params were read in this process, from one on."""
    return [
        ClassDefaults(
            qualified_name_of(cls),
            distribution_name(top),
            version,
            {name: storable(value) for name, value in constructor_defaults(cls).items()},
        )
        for cls, top, version in versioned[first:]
    ]
