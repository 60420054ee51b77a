"""Runs as plain values, for ``--json``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from autotrack.analysis.evidence.ledger import judged
from autotrack.analysis.evidence.listing import Worth
from autotrack.entities import RunRecord
from autotrack.store.search.query import Query, RunRow
from autotrack.store.store import Store


def row_facts(rows: Iterable[RunRow], worth: Worth | None = None) -> list[dict[str, Any]]:
    """Runs of a list, each with the codes of its findings, and how many models its set judged."""
    found = worth.findings if worth else {}
    judged_by = worth.judged if worth else {}
    return [
        {
            **{each.name: getattr(row, each.name) for each in dataclasses.fields(row)},
            "findings": list(found.get(row.run_id, ())),
            "judged": judged_by.get(row.run_id),
        }
        for row in rows
    ]


def run_facts(store: Store, record: RunRecord) -> dict[str, Any]:
    """All that is recorded of a run."""
    children = store.search(Query(parent_id=record.run_id, order_by=("start_time",)))
    notes = store.notes(record.run_id)
    return {
        **{each.name: getattr(record, each.name) for each in dataclasses.fields(record)},
        "history": {
            key: [{"step": each.step, "value": each.value} for each in history]
            for key in record.metrics
            if len(history := store.metric_history(record.run_id, key)) > 1
        },
        "findings": store.findings(record.run_id),
        "held_out": judged(store, record.run_id),
        "artifacts": store.list_artifacts(record.run_id),
        "notes": [note for run_id, _, note in notes if run_id == record.run_id],
        "children": [
            {"run_id": child.run_id, "name": child.name, "kind": child.kind, "status": child.status}
            for child in children
        ],
    }
