"""``python -m tests.sweep``: fit every estimator, print the table, and with ``--write`` keep it."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import sklearn

from tests.sweep.estimators import cases
from tests.sweep.sweep import Row, sweep

README = Path(__file__).with_name("README.md")
HEADER = ("estimator", "kind", "built", "runs", "answers", "pickle alone", "crate", "left out")


def main() -> int:
    """Sweep in a store that is thrown away; 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        os.environ |= {"AUTOTRACK_STORE": f"{folder}/store", "AUTOTRACK_STRICT": "1"}
        os.environ["AUTOTRACK_QUIET"] = "1"
        found, left_out = cases()
        rows = sweep(found, Path(folder, "crates"))
    print(*("  ".join(line) for line in table(rows, left_out)), sep="\n")
    wrong = sorted({row.name for row in rows if not row.is_right})
    names = {row.name for row in rows}
    print(f"sweep: {len(names)} estimators of scikit-learn {sklearn.__version__}, ", end="")
    print(f"{len(left_out)} left out, {len(wrong)} not as they should be", *wrong)
    if options.write:
        write(rows, left_out)
    return 1 if wrong else 0


def table(rows: Sequence[Row], left_out: dict[str, str]) -> list[tuple[str, ...]]:
    """A line for each estimator; what scikit-learn builds in several ways is together in one."""
    lines = [
        _line(name, list(several)) for name, several in groupby(rows, key=lambda row: row.name)
    ]
    lines += [(name, *[""] * 6, reason) for name, reason in left_out.items()]
    return sorted(lines)


def _line(name: str, rows: Sequence[Row]) -> tuple[str, ...]:
    kinds = ", ".join(sorted({row.kind for row in rows}))
    runs = ", ".join(sorted({str(len(row.runs)) for row in rows}))
    checks = ("same", "pickle_same", "crate_same")
    verdicts = ("same" if all(getattr(r, c) for r in rows) else "DIFFERENT" for c in checks)
    return name, kinds, str(len(rows)), runs, *verdicts, ""


def write(rows: Sequence[Row], left_out: dict[str, str]) -> None:
    """Put the table into README.md, in the place of the last one for this version."""
    minor = ".".join(sklearn.__version__.split(".")[:2])
    title = f"## scikit-learn {minor}"
    lines = [HEADER, ("---", "---", *["---:"] * 2, *["---"] * 4), *table(rows, left_out)]
    section = [
        title,
        "",
        f"scikit-learn {sklearn.__version__}, Python {platform.python_version()}.",
        "",
        *(f"| {' | '.join(line)} |" for line in lines),
    ]
    head, *sections = README.read_text("utf-8").split("\n## ")
    others = [f"## {text.strip()}" for text in sections if f"## {text}".split("\n")[0] != title]
    parts = [head.strip(), *sorted([*others, "\n".join(section)])]
    README.write_text("\n\n".join(parts) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
