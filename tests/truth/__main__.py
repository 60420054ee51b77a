"""``python -m tests.truth``: random sessions against what is true of their scores."""

from __future__ import annotations

import argparse
import sys
import time

from tests.truth.running import is_well, report, run_in_processes
from tests.truth.sessions import text_of


def main() -> int:
    """Run sessions; 1 if something that was recorded is not true, or too much is lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="how many sessions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", metavar="KIND", help="sessions of one kind of piece alone")
    parser.add_argument("--show", metavar="ID", help="print a session, to be run by hand")
    options = parser.parse_args()
    if options.show:
        print(text_of(options.show, options.only))
        return 0
    sessions = [f"{options.seed}/{number}" for number in range(options.count)]
    started = time.monotonic()
    verdicts = run_in_processes(sessions, options.jobs, options.only)
    print(*report(verdicts), sep="\n")
    print(f"{len(sessions)} sessions in {time.monotonic() - started:.0f} s")
    return 0 if is_well(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
