"""Scores that are compared and are not alike, as a line on stderr and a finding of a run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from autotrack.analysis.evidence import unlike_scores
from autotrack.analysis.evidence.catalogue import GRADES
from autotrack.entities import Finding
from autotrack.printable import printable
from autotrack.store.store import Store
from autotrack.tracking.recording.telling import tell
from autotrack.tracking.workspace import workspace

_MOST_TOLD = 1_000
# What was told in this process.
_told: set[tuple[object, ...]] = set()


def note_children(store: Store, run_id: str) -> None:
    """A run of the user's ended that has children: keep what is to be said of comparing them."""
    settings = workspace.settings
    if not unlike_scores.is_wanted(settings.checks) or workspace.retry_queue.has_pending:
        return
    with workspace.failsafe.guard("compare the children of a run"):
        findings = unlike_scores.compared_children(store, run_id)
        if findings:
            store.add_evidence(run_id, findings)
            if not settings.quiet:
                tell(run_id, findings)


def tell_compared(store: Store, findings: Sequence[Finding]) -> None:
    """Tell on stderr of what was compared, each comparison once in a process."""
    for found in findings:
        mark = (str(store.root), found.code, found.evidence.get("metric"))
        if mark in _told:
            continue
        if len(_told) >= _MOST_TOLD:
            _told.clear()
        _told.add(mark)
        line = f"autotrack: {found.code} {GRADES[found.grade]}: {found.text}"
        # There may be no stderr any more.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            sys.stderr.write(f"{printable(line)}; see autotrack help {found.code}\n")
