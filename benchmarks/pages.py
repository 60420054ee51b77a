"""How long the pages of a large store take at the server.

``python -m benchmarks.pages FOLDER`` makes a store of 100,000 runs in FOLDER, unless there is one,
each with 20 params and 20 metrics of 12,000 different keys, and then asks for pages of it. What is
printed is the time that one core computes for a request inside the application, without a network:
for the first request of its kind, and for the same one again while the store has not changed. The
server's own start, and the page that comes first, are not in it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from autotrack.serving.allowed_hosts import Origins
from autotrack.store.store import Store
from autotrack.web.app import make_app
from tests.web.asking import answer_of
from tests.web.many import make

PAGES = {
    "experiments": "/",
    "runs": "/runs",
    "runs, page 900": "/runs?page=900",
    "runs, sorted by a metric": "/runs?sort=-metrics.mean_test_score",
    "runs, sorted by a param": "/runs?sort=params.step1__param",
    "runs, filtered": "/runs?where="
    + quote("metrics.mean_test_score > 0.5 and params.step1__param < 0.3"),
    "runs, filtered by a rare key": f"/runs?where={quote('metrics.test_e3_metric_7 > 0.9')}",
    "runs, filtered and sorted": f"/runs?where={quote('params.step1__param < 0.3')}"
    "&sort=-metrics.test_accuracy_score",
    "runs, failed": "/runs?status=FAILED",
    "runs of an experiment": "/runs?experiment=3",
    "runs, children as lines": "/runs?children=1",
    "runs, grouped": "/runs?group=params.step0__param",
    "a run": f"/runs/{500:032x}",
    "compare 200 runs": "/compare?" + "&".join(f"run={n:032x}" for n in range(1000, 1200)),
    "held-out sets": "/held-out",
    "models": "/models",
}


def ask(app: Any, address: str) -> tuple[int, float]:
    """The status of a request, and the seconds that this process computed for it."""
    began = time.process_time()
    status, _ = answer_of(app, address)
    return status, time.process_time() - began


def measure(folder: Path) -> None:
    """Print how long each page takes."""
    store = Store(folder, create=False)
    print(f"{'page':32} {'first':>8} {'again':>8}   ms of one core")
    for name, address in PAGES.items():
        app = make_app(store, origins=Origins("127.0.0.1"))
        ask(app, "/models")  # templates and modules are there
        status, first = ask(app, address)
        again = min(ask(app, address)[1] for _ in range(2))
        assert status == 200, (name, status)
        print(f"{name:32} {1000 * first:8.0f} {1000 * again:8.0f}")
    app = make_app(store, origins=Origins("127.0.0.1"))
    ask(app, "/runs")  # a chart comes after its page
    first, again = (ask(app, "/chart")[1] for _ in range(2))
    print(f"{'chart of all runs':32} {1000 * first:8.0f} {1000 * again:8.0f}")
    first, again = (ask(app, "/complete?family=params&text=e3")[1] for _ in range(2))
    print(f"{'completion of a key':32} {1000 * first:8.0f} {1000 * again:8.0f}")


if __name__ == "__main__":
    where = Path(sys.argv[1])
    if not (where / "autotrack.db").exists():
        make(where)
    measure(where)
