"""Run scikit-learn's own tests without and with tracking, and compare them test by test.

autotrack is used as it is installed for the Python that runs this script; `make conformance`
installs the wheel. What the tests did without tracking is kept in build/conformance for the
next time. The exit code is 1 when tracking changed the outcome of a test that suites.py does
not list.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sklearn
from compare import Row, differences, rows
from suites import CI, EXPECTED, PACKAGES

HERE = Path(__file__).resolve().parent
KEPT = HERE.parents[1] / "build" / "conformance"
README = HERE / "README.md"
SITE_PACKAGES = Path(sklearn.__file__).resolve().parents[1]
# A test that hangs is a changed one (seconds).
TIMEOUT = 900
# How much of what a changed test said is shown; its last lines say what went wrong.
LINES = 15
# The versions that decide what the tests do without tracking.
DECIDING = ("scikit-learn", "numpy", "scipy", "pandas", "joblib", "pytest", "pytest-xdist")


def main() -> int:
    options = parse()
    names = [name for name in modules(CI if options.ci else PACKAGES) if options.only in name]
    mode = "models" if options.log_models else "yes"

    bare = without_tracking(names, options)
    tracked = run("with tracking", names, mode, options.workers)

    table = rows(bare, tracked)
    print(as_text(table))
    if options.write:
        write(table, mode)
    found = differences(bare, tracked)
    for one in found:
        if one.test in EXPECTED:
            print(f"expected: {one.test}: {EXPECTED[one.test]}")
        else:
            print(f"\n{one.test}: {one.bare} without tracking, {one.tracked} with it")
            print("\n".join(f"    {line}" for line in one.text.splitlines()[-LINES:]))
    unexpected = sum(one.test not in EXPECTED for one in found)
    print(
        f"conformance: {table[-1].tests} tests in {len(table) - 1} modules of scikit-learn "
        f"{sklearn.__version__}, {unexpected} changed by tracking, "
        f"{len(found) - unexpected} expected"
    )
    return 1 if unexpected else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log-models", action="store_true", help="keep a crate of every fit")
    parser.add_argument("--ci", action="store_true", help="only what is quick enough for CI")
    parser.add_argument(
        "--only", metavar="TEXT", default="", help="modules whose name contains TEXT"
    )
    parser.add_argument("--fresh", action="store_true", help="run without tracking anew, too")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument("-n", "--workers", default="2", help="processes; 0 is this one")
    return parser.parse_args()


def modules(names: Sequence[str]) -> list[str]:
    """The test modules of packages, and modules, that this scikit-learn has."""
    places = [SITE_PACKAGES.joinpath(*name.split(".")) for name in names]
    found = {
        path
        for place in places
        for path in (place.with_suffix(".py"), *place.rglob("test_*.py"))
        if path.exists()
    }
    return sorted(".".join(path.relative_to(SITE_PACKAGES).with_suffix("").parts) for path in found)


def without_tracking(names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """The outcomes without tracking: those kept for the same versions, or new ones."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in DECIDING]
    key = json.dumps([sys.version, platform.platform(), versions, names, options.workers])
    kept = KEPT / f"bare-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    if kept.exists() and not options.fresh:
        print(f"without tracking: as kept in {os.path.relpath(kept)}", flush=True)
        return json.loads(kept.read_text())
    outcomes = run("without tracking", names, "no", options.workers)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(outcomes))
    return outcomes


def run(title: str, names: list[str], track: str, workers: str) -> dict[str, Any]:
    """Run the suites in a process of their own, away from the checkout and any pytest settings."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\n")
        outcomes = Path(folder, "outcomes.json")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--no-header",
            "--no-summary",
            "--tb=short",
        ]
        command += ["-p", "no:cacheprovider", "-p", "conformance_plugin", "-n", workers]
        command += ["--timeout", str(TIMEOUT)]
        command += ["-c", str(settings), "--rootdir", str(SITE_PACKAGES), "--pyargs", *names]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.getenv("PYTHONPATH")])]),
            "CONFORMANCE_OUTCOMES": str(outcomes),
            "CONFORMANCE_TRACK": track,
            "AUTOTRACK_STORE": str(Path(folder, "store")),
            "AUTOTRACK_STRICT": "1",
            "AUTOTRACK_QUIET": "1",
        }
        print(f"{title}: running {len(names)} modules", flush=True)
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if not outcomes.exists():
            sys.exit(f"{title}: pytest did not get to its end\n{done.stdout[-5000:]}")
        print(f"{title}: {done.stdout.splitlines()[-1]}", flush=True)
        if track != "no":
            print(f"{title}: {runs_in_store(environment, folder)} runs recorded", flush=True)
        return json.loads(outcomes.read_text())


def runs_in_store(environment: dict[str, str], folder: str) -> int:
    """How many runs the tests left: none would mean that nothing was tracked at all."""
    program = "import autotrack; print(len(autotrack.search_runs(children=True)))"
    command = [sys.executable, "-c", program]
    said = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    if int(said) == 0:
        sys.exit("tracking was on and recorded nothing")
    return int(said)


HEADER = ("module", "tests", "fail without", "fail with", "s without", "s with", "ratio")


def cells(row: Row) -> list[str]:
    numbers = [row.tests, row.failed_bare, row.failed_tracked]
    seconds = [f"{row.seconds_bare:.1f}", f"{row.seconds_tracked:.1f}", f"{row.ratio:.2f}"]
    return [row.module, *map(str, numbers), *seconds]


def as_text(table: list[Row]) -> str:
    lines = [HEADER, *map(cells, table)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def write(table: list[Row], mode: str) -> None:
    """Put the table into README.md, in the place of the last one for this version and mode."""
    models = "with crates" if mode == "models" else "without crates"
    minor = ".".join(sklearn.__version__.split(".")[:2])
    title = f"## scikit-learn {minor}, {models}"
    lines = [HEADER, ("---", *["---:"] * (len(HEADER) - 1)), *map(cells, table)]
    section = [
        title,
        "",
        f"scikit-learn {sklearn.__version__}, Python {platform.python_version()}, "
        f"{platform.system()} on {os.cpu_count()} cores.",
        "",
        *(f"| {' | '.join(line)} |" for line in lines),
    ]
    head, *sections = README.read_text().split("\n## ")
    others = [f"## {text.strip()}" for text in sections if f"## {text}".split("\n")[0] != title]
    parts = [head.strip(), *sorted([*others, "\n".join(section)])]
    README.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    sys.exit(main())
