"""Scores that were computed on a model out of a crate: when, and by which script.

They stand in the run that the crate came from, beside those computed where the model was fitted,
and a tag of the run tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from autotrack.runtime.patterns import pattern

#: The tag. Its value has an entry for each key and script, the newest last:
#: ``test_f1_score 2026-01-31T12:00:00.000000Z evaluate.py; ...``. Where one scored several times,
#: the times of the first and the last are given, as in ``<first>/<last>``.
LOADED_TAG = "autotrack.scored_after_load"

_MOST_ENTRIES = 50
_BETWEEN = "; "
_ENTRY = pattern(r"(?P<key>\S+) (?P<first>[^\s/]+)(?:/\S+)? (?P<script>.*)", re.DOTALL)


def noted(before: str, keys: Iterable[str], when: float, script: str | None) -> str:
    """The tag's value `before`, with the scores `keys` computed at `when` (seconds) added."""
    # As the history of the metric has it, to the microsecond.
    time = datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    by = (script or "no script").replace(_BETWEEN.strip(), ",")
    found = (_ENTRY.fullmatch(entry) for entry in before.split(_BETWEEN))
    entries = {(entry["key"], entry["script"]): entry[0] for entry in found if entry is not None}
    for key in keys:
        known = _ENTRY.fullmatch(entries.pop((key, by), ""))
        times = time if known is None else f"{known['first']}/{time}"
        entries[key, by] = f"{key} {times} {by}"
    return _BETWEEN.join(list(entries.values())[-_MOST_ENTRIES:])
