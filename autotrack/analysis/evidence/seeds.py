"""Seeds that were never set, as a finding for the record."""

from __future__ import annotations

from collections.abc import Mapping

from autotrack.analysis.evidence.catalogue import finding
from autotrack.analysis.names import UNSEEDED_TAG
from autotrack.entities import Finding

CODE = "AT205"


def unset_seeds(
    tags: Mapping[str, str], data: str, checks: bool | tuple[str, ...]
) -> list[Finding]:
    """The finding of a run whose tags name seeds that were needed and not set.

    Parameters
    ----------
    tags : mapping
        What is said of the run by tags.
    data : str
        What was fitted or validated on.
    checks : bool or tuple of str
        The setting: whether findings are wanted, or which.
    """
    named = tags.get(UNSEEDED_TAG)
    if not named or not checks or (isinstance(checks, tuple) and CODE not in checks):
        return []
    count = named.count(",") + 1
    was = "was" if count == 1 else "were"
    text = f"numbers were drawn, and {named} {was} never set"
    return [finding(CODE, data, text, {"seeds": named})]
