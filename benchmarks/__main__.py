"""``python -m benchmarks``: measure, print the table, and with ``--write`` keep it."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.children import ROOT, module_output
from benchmarks.machine import describe
from benchmarks.measure import GROUPS
from benchmarks.rows import CONTEXT_HEADER, HEADER, context_lines, lines
from benchmarks.timing import Samples

README = Path(__file__).with_name("README.md")
Cells = tuple[str, ...]
_BEGIN, _END = "<!-- table: begin -->", "<!-- table: end -->"


def main() -> None:
    """Read the command line and do what it says."""
    own = GROUPS["autotrack"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="under a minute: fewer repetitions, a forest of 128 MB, no MLflow",
    )
    parser.add_argument("--only", metavar="NAME", action="append", choices=list(own),
                        help=f"one group (can be repeated): {', '.join(own)}")  # fmt: skip
    parser.add_argument("--no-mlflow", action="store_true", help="leave MLflow out")
    parser.add_argument(
        "--write",
        action="store_true",
        help=f"put the table into {README.name}; with --only, those rows of it",
    )
    arguments = parser.parse_args()
    if arguments.write and arguments.quick:
        parser.error("--write keeps what was measured at length; leave out --quick")
    installed = importlib.util.find_spec("mlflow") is not None
    mlflow = installed and not (arguments.no_mlflow or arguments.quick)

    table, context, failed = [], [], []
    for group in arguments.only or own:
        try:
            samples = _measure("autotrack", group, arguments.quick)
            compared = mlflow and group in GROUPS["mlflow"]
            peer = _measure("mlflow", group, arguments.quick) if compared else None
        except RuntimeError as error:  # the other groups are worth having all the same
            print(error, file=sys.stderr)
            failed.append(group)
            continue
        table += lines(group, samples, peer)
        context += context_lines(group, samples)
    note = [] if mlflow else ["", f"MLflow: {'left out' if installed else 'not installed'}."]
    if arguments.quick:
        note.append("Quick: few repetitions, and the forest has 128 MB.")
    print(_report(table, context, note))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    if arguments.write:
        before, _, rest = README.read_text("utf-8").partition(_BEGIN)
        kept, _, after = rest.partition(_END)
        if arguments.only:
            table = _merged(kept, table, HEADER)
            context = _merged(kept, context, CONTEXT_HEADER)
        report = _report(table, context, note)
        README.write_text(f"{before}{_BEGIN}\n\n{report}\n\n{_END}{after}", "utf-8")


def _report(table: list[Cells], context: list[Cells], note: list[str]) -> str:
    return "\n".join(
        [*describe(), "", _aligned(HEADER, table), "", _aligned(CONTEXT_HEADER, context), *note]
    )


def _merged(kept: str, measured: list[Cells], header: Cells) -> list[Cells]:
    """The rows of the table in `kept` that has as many columns, those measured anew exchanged."""
    rows = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in kept.splitlines()]
    same = [row for row in rows if len(row) == len(header)]
    anew = {row[0]: row for row in measured}
    known = {row[0] for row in same}
    # Without its header and the line below.
    return [anew.get(row[0], row) for row in same[2:]] + [
        row for row in measured if row[0] not in known
    ]


def _measure(who: str, group: str, quick: bool) -> Samples:
    """Measure a group in a folder of the checkout's disk, which is what a user's store lies on."""
    print(f"{who}: {group} ...", end=" ", file=sys.stderr, flush=True)
    started = time.monotonic()
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as folder:
        options = ["--quick"] if quick else []
        line = module_output("benchmarks.measure", who, group, *options, cwd=folder)
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    samples: Samples = json.loads(line)
    return samples


def _aligned(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table that reads well in a terminal too."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    body = [header, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in body
    )


if __name__ == "__main__":
    main()
