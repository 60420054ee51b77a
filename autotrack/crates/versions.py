"""Crates that are opened with other versions than they were packed with."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from autotrack.crates.manifest import Manifest
from autotrack.crates.requirements import installed_version
from autotrack.errors import VersionWarning

# What counts for how a model predicts; arrays and frames read what older ones wrote.
_MINDED = frozenset(
    {"scikit-learn", "imbalanced-learn", "xgboost", "xgboost-cpu", "lightgbm", "catboost"}
)
# scikit-learn warns of each estimator by itself, of a forest as often as it has trees.
_ITS_OWN = "Trying to unpickle estimator"


@contextlib.contextmanager
def told_once(manifest: Manifest) -> Iterator[None]:
    """A block that opens a crate; other versions than it was packed with are one warning.

    Warns
    -----
    VersionWarning
        If a library of models is there in another version.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_ITS_OWN)
        yield
    others = list(_others(manifest))
    if others:
        warnings.warn(
            f"the crate of {manifest.estimator} was packed with {', '.join(others)}; it may "
            "predict otherwise: its verify() tells, and verify(env=True) whether it is sound with "
            "its own versions",
            VersionWarning,
            stacklevel=4,
        )


def _others(manifest: Manifest) -> Iterator[str]:
    for requirement in manifest.requirements:
        name, _, packed = requirement.partition("==")
        if name.lower() in _MINDED and (here := installed_version(name)) not in (None, packed):
            yield f"{name} {packed}, and this is {here}"
