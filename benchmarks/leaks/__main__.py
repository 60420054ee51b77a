"""The table of leaks: `python -m benchmarks.leaks`, from the root of the checkout.

`--write` puts it into README.md beside this file. A leak that is missed and a false alarm are words
in the table; the exit code tells of either.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from autotrack.analysis.evidence.catalogue import KINDS
from tests.leaks.running import WORKFLOWS, look

README = Path(__file__).parent / "README.md"
HEAD = "# Leaks: found, missed, and false alarms\n\n"
# What may be said beside the leak at hand.
_BESIDE = {"AT202", "AT204"}


def main(arguments: Sequence[str]) -> int:
    """Run all workflows and print the table."""
    rows: list[tuple[str, str, str, str, str]] = []
    counts = dict.fromkeys(KINDS, (0, 0))
    wrong = 0
    for workflow in WORKFLOWS:
        with tempfile.TemporaryDirectory() as folder:
            codes = look(workflow, Path(folder))
        there = ", ".join(sorted(workflow.expected)) or "nothing"
        hit = bool(codes & workflow.expected)
        extra = codes - workflow.expected - _BESIDE
        if workflow.unseen:
            verdict = "found" if hit else "not to be seen from calls"
        elif not workflow.expected:
            verdict = "false alarm" if codes else "quiet"
        else:
            verdict = "found" if hit else "missed"
        if extra and workflow.expected:
            verdict += ", false alarm"
        wrong += "missed" in verdict or "false" in verdict
        for code in workflow.expected if not workflow.unseen else ():
            counts[code] = counts[code][0] + hit, counts[code][1] + 1
        said = ", ".join(sorted(codes)) or "-"
        rows.append((workflow.name, workflow.data, there, said, verdict))
    lines = ["| workflow | data | there is | found | |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    lines += ["", "| code | found | of | |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {code} | {hits} | {of} | {KINDS[code].title} |" for code, (hits, of) in counts.items()
    ]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if "--write" in arguments:
        README.write_text(f"{HEAD}{(__doc__ or '').strip()}\n\n{text}", encoding="utf-8")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
