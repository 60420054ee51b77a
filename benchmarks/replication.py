"""``python -m benchmarks.replication``: a store on an MLflow server, beside MLflow's own client.

How fast the same runs get to the same server, what it takes of the process that trains, and what a
fit takes while the server is healthy, slow, or away. Processes of their own, the server's too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.children import ROOT
from tests.replication.proxy import BadProxy
from tests.replication.server import MlflowServer

_RECORD = """
import autotrack, os, sys
for number in range(int(sys.argv[1])):
    with autotrack.start_run(f"run {number}", experiment="bench"):
        autotrack.log_params({f"p{n}": number * n for n in range(20)})
        autotrack.log_metrics({f"m{n}": number / (n + 1) for n in range(20)})
"""

# The time is that of the calls alone, imports aside; CPU is what the process that trains loses.
_SEND = """
import json, os, sys, time
from pathlib import Path
from autotrack.replication.replicator import Replicator
made = Replicator(Path(os.environ["AUTOTRACK_STORE"]), sys.argv[2])
made.acquire()
began, cpu = time.perf_counter(), time.process_time()
made.keep_sending(watch=False)
print(json.dumps([time.perf_counter() - began, time.process_time() - cpu]))
"""

_CLIENT = """
import json, sys, time
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
client = MlflowClient(sys.argv[2])
began, cpu = time.perf_counter(), time.process_time()
place = client.create_experiment("bench-by-mlflow-" + sys.argv[1])
for number in range(int(sys.argv[1])):
    run = client.create_run(place, run_name=f"run {number}", start_time=int(time.time() * 1000))
    client.log_batch(
        run.info.run_id,
        params=[Param(f"p{n}", str(number * n)) for n in range(20)],
        metrics=[Metric(f"m{n}", number / (n + 1), int(time.time() * 1000), 0) for n in range(20)],
    )
    client.set_terminated(run.info.run_id)
print(json.dumps([time.perf_counter() - began, time.process_time() - cpu]))
"""

_FITS = """
import json, os, sys, time
import autotrack
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
X, y = make_classification(2000, 20, random_state=0)
autotrack.enable(replicate_to=sys.argv[2] or None)
taken = []
for number in range(int(sys.argv[1])):
    began = time.perf_counter()
    LogisticRegression(C=1 + number).fit(X, y)
    taken.append(time.perf_counter() - began)
    time.sleep(0.05)
print(json.dumps([taken, time.time()]))
"""


def child(code: str, folder: Path, *arguments: object) -> tuple[str, float]:
    """What a process prints, and when it had ended."""
    environment = {**os.environ, "AUTOTRACK_STORE": str(folder), "AUTOTRACK_QUIET": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, check=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    return done.stdout.splitlines()[-1] if done.stdout else "", time.time()


@contextmanager
def server(folder: Path) -> Iterator[MlflowServer]:
    made = MlflowServer(folder)
    made.start()
    try:
        yield made
    finally:
        made.kill()


def rate(folder: Path, runs: int) -> None:
    """How fast runs with 20 params and 20 metrics get to the server."""
    child(_RECORD, folder / "store", runs)
    with server(folder / "server") as made:
        # One after the other, on the same server, whose first answers take longest.
        child(_CLIENT, folder / "store", 3, made.uri)
        own = json.loads(child(_SEND, folder / "store", runs, made.uri)[0])
        peer = json.loads(child(_CLIENT, folder / "store", runs, made.uri)[0])
    for name, (wall, cpu) in (("autotrack", own), ("MLflow's client", peer)):
        print(f"{name:16} {runs / wall:6.1f} runs/s   {1000 * cpu / runs:6.2f} ms of CPU a run")
    print(f"CPU: {own[1] / peer[1]:.2f} of MLflow's", flush=True)


def fits(folder: Path, count: int) -> None:
    """What a fit takes, and how long the process takes to end."""
    with server(folder / "fits-server") as made:
        proxy = BadProxy(made.port)
        proxy.delay = 2.0
        kinds = {"off": "", "healthy": made.uri, "slow": proxy.uri, "dead": "http://127.0.0.1:9"}
        for name, uri in kinds.items():
            printed, ended = child(_FITS, folder / f"store-{name}", count, uri)
            taken, left = json.loads(printed)
            kept = sorted(taken[2:])
            print(
                f"{name:8} fit: median {1000 * statistics.median(kept):7.2f} ms, fastest tenth "
                f"{1000 * kept[len(kept) // 10]:7.2f} ms; end of the process {ended - left:.2f} s",
                flush=True,
            )
        proxy.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--fits", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="autotrack-bench-") as folder:
        rate(Path(folder), given.runs)
        fits(Path(folder), given.fits)


if __name__ == "__main__":
    main()
