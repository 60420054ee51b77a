"""Fail if a test was skipped that allowed-skips.txt does not name.

    python .ci/skips.py build/reports/*.xml

The reports are pytest's junit files; a report goes by its file's name without ``.xml``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree

ALLOWED = Path(__file__).with_name("allowed-skips.txt")


def allowed() -> list[list[str]]:
    lines = (line.split("#")[0].split() for line in ALLOWED.read_text().splitlines())
    return [line for line in lines if line]


def skips(report: Path) -> Iterator[tuple[str, str]]:
    """The name of each skipped test and the reason given; an expected failure is no skip."""
    for case in ElementTree.parse(report).iter("testcase"):
        skipped = case.find("skipped")
        if skipped is not None and skipped.get("type") != "pytest.xfail":
            # A module skipped as a whole has no class name.
            name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
            yield name, skipped.get("message", "")


def main(reports: list[Path]) -> int:
    unexpected = 0
    for report in reports:
        for name, reason in skips(report):
            if not any(fnmatchcase(f"{report.stem} {name}", " ".join(a)) for a in allowed()):
                print(f"{report.stem}: {name} was skipped: {reason}")
                unexpected += 1
    print(f"skips: {len(reports)} reports, {unexpected} tests skipped that should have run")
    return 1 if unexpected or not reports else 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
