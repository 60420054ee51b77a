"""Crates that are opened with other versions than they were packed with."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from autotrack.crates.manifest import Manifest
from autotrack.crates.manifest_check import shown
from autotrack.crates.requirements import installed_version
from autotrack.errors import VersionWarning
from autotrack.runtime.stack import stacklevel_outside

# What counts for how a model predicts; arrays and frames read what older ones wrote.
_MINDED = frozenset(
    {"scikit-learn", "imbalanced-learn", "xgboost", "xgboost-cpu", "lightgbm", "catboost"}
)
# scikit-learn warns of each estimator by itself, of a forest as often as it has trees.
_ITS_OWN = "Trying to unpickle estimator"
# NumPy says where it has put what an older one wrote, and finds it all the same.
_MOVED = "numpy.core"


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """A block that reads a crate, in which nobody else warns of other versions."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_ITS_OWN)
        warnings.filterwarnings("ignore", message=_MOVED)
        yield


def tell_versions(manifest: Manifest) -> None:
    """Tell of other versions than a crate was packed with, all in one warning.

    Warns
    -----
    VersionWarning
        If a library of models is there in another version.
    """
    others = list(_others(manifest))
    if others:
        warnings.warn(
            f"the crate of {shown(manifest.estimator)} was packed with {', '.join(others)}; it may "
            "predict otherwise: verify() checks that, and verify(env=True) whether it is sound "
            "with its own versions",
            VersionWarning,
            stacklevel=stacklevel_outside("autotrack"),
        )


def _others(manifest: Manifest) -> Iterator[str]:
    for requirement in manifest.requirements:
        name, _, packed = requirement.partition("==")
        if name.lower() in _MINDED and (here := installed_version(name.lower())) not in (
            None,
            packed,
        ):
            yield f"{name} {packed}, and this is {here}"
