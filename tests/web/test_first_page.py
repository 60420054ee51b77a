"""What somebody who only ran the demo reads on the first page."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from autotrack.serving.allowed_hosts import Origins
from autotrack.store.store import Store
from autotrack.web.app import make_app
from tests.waiting import PATIENCE
from tests.web.asking import page_of
from tests.web.conftest import ROOT


def words_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).split())


def test_it_answers_the_four_questions(tmp_path):
    folder = tmp_path / "store"
    subprocess.run(
        [sys.executable, "examples/leaky.py"],
        cwd=ROOT,
        env={**os.environ, "AUTOTRACK_STORE": str(folder)},
        check=True,
        timeout=PATIENCE,
    )
    store = Store(folder, create=False)
    page = words_of(page_of(make_app(store, origins=Origins("127.0.0.1")), "/"))
    store.close()
    # What was best, and what differed from the second best.
    assert re.search(r"Best by cross-validation 0\.22575 ± 0\.034 ridge__alpha=43\.2\S+", page)
    assert "5 splits, of 12 that were compared" in page
    assert "The second best 0.22321 ± 0.035 alpha 15.1991 instead of 43.2876" in page
    assert "tied" in page
    # How it did on held-out data, and what to be careful about.
    assert "That one on held-out data 0.20801 test_r2_score" in page
    for code in ("AT101", "AT104", "AT301"):
        assert code in page.partition("What to be careful about")[2]
