"""Pages of a store that another process writes to as fast as it can."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.waiting import PATIENCE, wait_until

_WRITER = """
import autotrack
with autotrack.enable(progress=False):
    for number in range(400):
        with autotrack.start_run(f"run {number}"):
            autotrack.log_params({"number": number})
            autotrack.log_metrics({"test_score": number / 1000, "mean_test_score": number / 1000})
"""


def test_they_stay_whole_and_go_on(tmp_path, serve):
    store = tmp_path / "store"
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER],
        env={**os.environ, "AUTOTRACK_STORE": str(store)},
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_until((store / "autotrack.db").exists, "the store")
        served = serve(store)
        seen = []
        while writer.poll() is None:
            for path in ("/", "/runs?where=metrics.test_score+%3E%3D+0&sort=-params.number",
                         "/held-out"):  # fmt: skip
                answer = served.ask(path)
                assert answer.status == 200
                assert answer.text.rstrip().endswith("</html>")
                if found := re.search(r'id="count">([\d,]+) match', answer.text):
                    seen.append(int(found[1].replace(",", "")))
        assert writer.wait(PATIENCE) == 0
        assert seen == sorted(seen)
        assert 'id="count">400 match' in served.ask("/runs?where=metrics.test_score+%3E%3D+0").text
    finally:
        writer.kill()
        writer.wait(PATIENCE)
