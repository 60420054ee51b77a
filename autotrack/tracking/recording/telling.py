"""Findings as a line on stderr, and scores of unseen rows as metrics."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from autotrack.analysis.evidence.catalogue import GRADES
from autotrack.analysis.names import UNSEEN
from autotrack.entities import Finding
from autotrack.printable import printable
from autotrack.store.tables.run_data import MetricRow
from autotrack.tracking.facts import ScoreFacts

_MOST_TOLD = 10_000
# The runs that a line told of already.
_told: set[str] = set()


def unseen_metrics(prefix: str, facts: ScoreFacts, metrics: Sequence[MetricRow]) -> list[MetricRow]:
    """The scores of the rows that training had not, beside those of all: at the same steps."""
    of_all = {key: (step, at) for key, _, step, at in metrics}
    found: list[MetricRow] = []
    for name, value in facts.unseen.items():
        if (stands := of_all.get(f"{prefix}_{name}")) is not None:
            found.append((f"{prefix}_{UNSEEN}_{name}", value, *stands))
    return found


def tell(run_id: str, findings: Sequence[Finding]) -> None:
    """Tell the gravest finding of a run on stderr, once for each run.

    What is for the record alone (grade 0) is not told.
    """
    findings = [found for found in findings if found.grade]
    if run_id in _told or not findings:
        return
    if len(_told) >= _MOST_TOLD:
        _told.clear()
    _told.add(run_id)
    first = max(findings, key=lambda finding: finding.grade)
    further = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
    line = (
        f"autotrack: {first.code} {GRADES[first.grade]}: {first.text}{further}; "
        f"see autotrack show {run_id[:8]}"
    )
    # There may be no stderr any more.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.write(f"{printable(line)}\n")
