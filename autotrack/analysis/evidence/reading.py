"""What scores are worth, for people and as frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from autotrack.analysis.evidence.catalogue import GRADES
from autotrack.analysis.names import UNSEEN
from autotrack.entities import Finding, RunRecord, SeenRows
from autotrack.store.store import Store

if TYPE_CHECKING:
    import pandas as pd


def findings_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """A row a finding."""
    import pandas as pd

    rows = [
        (f.code, GRADES.get(f.grade, str(f.grade)), f.data, f.text, f.remedy, dict(f.evidence))
        for f in findings
    ]
    columns = ["code", "grade", "data", "finding", "remedy", "evidence"]
    return pd.DataFrame(rows, columns=columns, dtype="object")


def scores(
    store: Store, record: RunRecord, form: Callable[[float], str] = "{:.6g}".format
) -> Iterator[tuple[str, str]]:
    """The metrics of a run as texts; that of unseen rows stands beside that of all."""
    seen = store.seen_rows(record.run_id)
    for key, value in record.metrics.items():
        data = next((data for data in _longest(seen) if key.startswith(f"{data}_")), None)
        if data is None:
            yield key, form(value)
            continue
        if key.startswith(f"{data}_{UNSEEN}_") and _of_all(key, data) in record.metrics:
            continue
        unseen = record.metrics.get(f"{data}_{UNSEEN}_{key.removeprefix(f'{data}_')}")
        counts = seen[data]
        rest = f"{counts.rows - counts.seen:,} of {counts.rows:,} rows not in training"
        also = rest if unseen is None else f"{form(unseen)} on the {rest}"
        yield key, f"{form(value)} ({also})"


def _longest(seen: Mapping[str, SeenRows]) -> list[str]:
    return sorted(seen, key=len, reverse=True)


def _of_all(key: str, data: str) -> str:
    return f"{data}_{key.removeprefix(f'{data}_{UNSEEN}_')}"
