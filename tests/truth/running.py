"""Running many sessions in processes of their own, and the table of what was found."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.truth.sessions import Verdict, run_sessions

#: As many sessions share a store, and a process's memory.
BATCH = 50
#: The share of derived predictions that has to be credited where the program shows them.
GOAL = 0.95


def run_in_processes(
    sessions: Sequence[str], jobs: int, only: str | None = None, *, batch: int = BATCH
) -> list[Verdict]:
    """The verdicts of sessions, which run in processes of their own."""
    os.environ |= {"AUTOTRACK_STRICT": "1", "AUTOTRACK_QUIET": "1"}
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[threads] = "1"
    batches = [sessions[i : i + batch] for i in range(0, len(sessions), batch)]
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="truth-") as folder:
        work = [(part, Path(folder, str(i)), only) for i, part in enumerate(batches)]
        if jobs == 1:
            for item in work:
                verdicts += _batch(item)
        else:
            context = multiprocessing.get_context("spawn")
            with context.Pool(jobs, maxtasksperchild=20) as pool:
                for found in pool.imap_unordered(_batch, work):
                    verdicts += found
    return verdicts


def _batch(work: tuple[Sequence[str], Path, str | None]) -> list[Verdict]:
    return run_sessions(*work)


def share_of_derived(verdicts: Sequence[Verdict]) -> float:
    """How much of what is derived in the open stands in its model's run."""
    there = sum(n for v in verdicts for (_, grade), n in v.calls.items() if grade == "derived")
    kept = sum(n for v in verdicts for (_, grade), n in v.credited.items() if grade == "derived")
    return kept / there if there else 1.0


def is_well(verdicts: Sequence[Verdict]) -> bool:
    """Whether nothing is untrue, nothing certain is lost, and enough of the rest is kept."""
    return not any(v.faults for v in verdicts) and share_of_derived(verdicts) >= GOAL


def report(verdicts: Sequence[Verdict]) -> list[str]:
    """A line a kind, then the sessions with faults."""
    counts: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        for name, counter in (("there", verdict.calls), ("kept", verdict.credited)):
            for (kind, grade), number in counter.items():
                row = counts.setdefault(kind, Counter())
                row[name] += number if grade in ("must", "derived") else 0
                row["never"] += number if grade == "never" and name == "there" else 0
        for fault in verdict.faults:
            counts.setdefault(fault.kind, Counter())[fault.what] += 1
    columns = ("there", "kept", "never", "lost", "false credit", "wrong key", "crash", "changed")
    width = max((len(kind) for kind in counts), default=4)
    heads = ("shown", "credited", "nobody's", *columns[3:])
    lines = ["  ".join([f"{'kind':{width}}", *(f"{head:>12}" for head in heads)])]
    total: Counter[str] = Counter()
    for kind, row in sorted(counts.items()):
        total.update(row)
        lines.append("  ".join([f"{kind:{width}}", *(f"{row[c]:12}" for c in columns)]))
    lines.append("  ".join([f"{'all':{width}}", *(f"{total[c]:12}" for c in columns)]))
    lines.append(f"derived in the open and credited: {share_of_derived(verdicts):.1%} (goal 95%)")
    seen: Counter[tuple[str, str]] = Counter()
    for verdict in verdicts:
        for fault in verdict.faults:
            seen[fault.what, fault.kind] += 1
            if seen[fault.what, fault.kind] <= 3:
                lines.append(f"{verdict.session}  {fault.what}, {fault.kind}: {fault.text}")
    failing = [verdict.session for verdict in verdicts if verdict.faults]
    if failing:
        lines.append(f"{len(failing)} sessions with faults: {' '.join(failing[:200])}")
    return lines
