"""Whether a writer at full speed is slowed by pages that are open.

``python -m benchmarks.pages_beside`` writes runs with params and metrics in one process, in blocks
that take turns: with a server whose pages a browser would refresh (the table of runs and the first
page, each two seconds), and with the same server asked nothing. Blocks of one kind stand beside
blocks of the other in time, so that what else the machine does meets both. Printed is the CPU time
of the writing thread for each run, which does not count the server's own, and the wall time, for
which the server needs a core of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import autotrack

BLOCKS = 24
RUNS = 60
EVERY = 2.0
PAGES = ("", "runs?sort=-metrics.test_score")


def read(address: str, is_open: Event, asked: Any) -> None:
    """Ask for the pages while they are open, in a process of its own, as a browser's tabs do."""
    while True:
        is_open.wait()
        for page in PAGES:
            with urllib.request.urlopen(address + page) as answer:
                answer.read()
            asked.value += 1
        time.sleep(EVERY)


def write(number: int) -> tuple[float, float]:
    """CPU and wall time in microseconds that a run takes to be written."""
    cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
    for each in range(RUNS):
        with autotrack.start_run(f"run {number} {each}"):
            autotrack.log_params({"number": each, "kernel": "rbf", "C": 0.5})
            autotrack.log_metrics({"test_score": each / RUNS, "train_score": 1.0})
    return (
        (time.thread_time_ns() - cpu) / RUNS / 1000,
        (time.perf_counter_ns() - wall) / RUNS / 1000,
    )


def main() -> None:
    """Print how long a run takes to be written, with pages open and without."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        os.environ["AUTOTRACK_STORE"] = str(store)
        autotrack.enable(progress=False)
        write(0)
        server = subprocess.Popen(
            [sys.executable, "-m", "autotrack", "ui", "--port", "0", "--store", str(store)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            address = [server.stdout.readline().strip() for _ in range(2)][-1]
            spawn = multiprocessing.get_context("spawn")
            opened, asked = spawn.Event(), spawn.Value("i", 0)
            address = address if address.endswith("/") else f"{address}/"
            reader = spawn.Process(target=read, args=(address, opened, asked), daemon=True)
            reader.start()
            found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
            for block in range(2 * BLOCKS):
                is_open = block % 4 in (0, 3)
                if is_open:
                    opened.set()
                else:
                    opened.clear()
                found[is_open].append(write(block + 1))
        finally:
            reader.terminate()
            server.terminate()
            server.wait()
            autotrack.disable()
    for place, kind in enumerate(("CPU of the writer", "wall")):
        least = {is_open: min(each[place] for each in found[is_open]) for is_open in found}
        middle = {
            is_open: statistics.median(each[place] for each in found[is_open]) for is_open in found
        }
        print(
            f"{kind:18} {least[False]:8.0f} us alone {least[True]:8.0f} us with pages open "
            f"({100 * (least[True] / least[False] - 1):+.1f}%), medians {middle[False]:.0f} and "
            f"{middle[True]:.0f} us ({100 * (middle[True] / middle[False] - 1):+.1f}%); "
            f"{asked.value} pages"
        )


if __name__ == "__main__":
    main()
