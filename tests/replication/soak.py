"""A store is sent to an MLflow server while client, server and network fail; then compared.

    python -m tests.replication.soak       # PostgreSQL, 50 and 5 kills, 1 answer in 10 lost
    python -m tests.replication.soak --sqlite --kills 3 --server-kills 1 --candidates 6

A process trains and sends from its own thread, and is killed at random moments; others, `autotrack
replicate`, are killed as well. The server is killed and started again. At the end the store is sent
once more, and the server must hold what the store holds, field by field.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autotrack.store.store import Store
from tests.replication.comparing import all_equal
from tests.replication.proxy import BadProxy
from tests.replication.server import MlflowServer, Postgres

_TRAINS = """
import sys, autotrack
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split
number, candidates = int(sys.argv[1]), int(sys.argv[2])
X, y = make_classification(300, random_state=number)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
autotrack.enable(experiment="soak")
model = LogisticRegression(C=1 + number).fit(X_train, y_train)
accuracy_score(y_test, model.predict(X_test))
run = autotrack.last_run()
autotrack.register_model(f"runs:/{run.run_id}/model", "soaked", description=str(number))
with autotrack.start_run("by hand"):
    autotrack.log_params({"number": number, "odd (key)": "x" * 7000})
    for step in range(50):
        autotrack.log_metric("loss", 1 / (1 + step))
    autotrack.log_metric("infinite", float("inf"))
    autotrack.log_text("text " * number, "notes.txt")
if candidates:
    GridSearchCV(
        LogisticRegression(max_iter=50),
        {"C": [10 ** (-3 + 6 * i / candidates) for i in range(candidates)]},
        cv=3,
    ).fit(X_train, y_train)
"""


def soak(
    folder: Path,
    database: str | None,
    *,
    kills: int,
    server_kills: int,
    candidates: int,
    dropped: float,
    patience: float = 20.0,
    seed: int = 0,
) -> list[str]:
    """What is not equal at the end, a line each.

    A process is killed up to three seconds after it began to send, or when it has nothing to send
    for `patience` seconds.
    """
    chance = random.Random(seed)
    server = MlflowServer(folder / "server", database)
    server.start()
    proxy = BadProxy(server.port, seed)
    proxy.dropped = dropped
    store = folder / "store"
    environment = {**os.environ, "AUTOTRACK_STORE": str(store), "AUTOTRACK_QUIET": "1"}
    sending = {**environment, "AUTOTRACK_REPLICATE_TO": proxy.uri}
    replicate = [sys.executable, "-m", "autotrack", "replicate", "--to", proxy.uri]
    killed_at = set(chance.sample(range(1, max(kills, 2)), min(server_kills, max(kills - 1, 1))))
    try:
        for number in range(kills):
            if number % 5 == 0:
                # A whole one, so that there is something to send; the search is in the first.
                asked = str(candidates if number == 0 else 0)
                command = [sys.executable, "-c", _TRAINS, str(number), asked]
                trains = subprocess.Popen(command, env=sending, cwd=folder)
            else:
                trains = subprocess.Popen([*replicate, "--watch"], env=environment, cwd=folder)
            if number == 0:
                trains.wait(600)
            else:
                calls, until = len(proxy.log), time.monotonic() + patience
                while len(proxy.log) == calls and time.monotonic() < until:
                    time.sleep(0.02)
                time.sleep(chance.uniform(0, 3))
            if number in killed_at:
                server.kill()
                time.sleep(chance.uniform(0, 0.5))
                server.start()
                print(f"killed the server before kill {number}", flush=True)
            if trains.poll() is None:
                trains.send_signal(signal.SIGKILL)
                trains.wait()
        proxy.dropped = 0
        done = subprocess.run(
            replicate, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
        print(done.stdout + done.stderr, flush=True)
        with Store(store, create=False).reading() as connection:
            (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        lost = sum(line.endswith(("dropped", "lost")) for line in proxy.log)
        print(f"{runs} runs, {len(proxy.log)} calls, of which {lost} answers were lost", flush=True)
        wrong = [] if done.returncode == 0 else [done.stdout + done.stderr]
        return wrong + all_equal(store, server.uri)
    finally:
        proxy.close()
        server.kill()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--server-kills", type=int, default=5)
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--dropped", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="autotrack-soak-") as made:
        folder = Path(made)
        database = None if given.sqlite else Postgres()
        if database is not None:
            database.start()
        try:
            wrong = soak(
                folder,
                None if database is None else database.uri,
                kills=given.kills,
                server_kills=given.server_kills,
                candidates=given.candidates,
                dropped=given.dropped,
                seed=given.seed,
            )
        finally:
            if database is not None:
                database.stop()
    for line in wrong:
        print(line)
    print(f"soak: {len(wrong)} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
