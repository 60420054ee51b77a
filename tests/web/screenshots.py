"""Pictures of the pages for the documents: ``python -m tests.web.screenshots [FOLDER]``.

Makes a store as `make demo` and the tests of the pages make it, opens each page in a real browser,
and writes docs/images, or another folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from autotrack.store.search.query import Query
from autotrack.store.store import Store
from tests.web.browser import Browser, opened
from tests.web.conftest import ROOT, Served, serving

IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 150_000


class Picture(NamedTuple):
    """One of them: where it is, how large, and how light."""

    path: str
    height: int = 800
    width: int = 1280
    dark: bool = False


def pictures(served: Served) -> dict[str, Picture]:
    """All of them by the names of their files."""
    search = served.newest("GridSearchCV: StandardScaler > SVC")
    store = Store(served.store, create=False)
    fits = [
        row.run_id
        for row in store.search(Query(where="name = 'StandardScaler > LogisticRegression'"))
    ]
    store.close()
    return {
        "experiments": Picture("/"),
        "runs": Picture("/runs?experiment=3", 900),
        "runs-dark": Picture(f"/runs?experiment=3&open={search}", 900, dark=True),
        "params": Picture("/runs?experiment=3&children=1&chart=threads&size=25#chart", 900),
        "run": Picture(f"/runs/{served.newest('RandomForestClassifier')}", 860),
        "search": Picture(f"/runs/{search}/search", 1000),
        "compare": Picture("/compare?" + "&".join(f"run={run}" for run in fits[:2]), 800),
        "models": Picture("/models/flower%20classifier", 640),
        "try": Picture("/try?uri=models:/flower%20classifier/1", 640),
        "runs-phone": Picture("/runs", 800, 390),
    }


def take(browser: Browser, served: Served, folder: Path) -> None:
    """Write every picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures(served).items():
        page = browser.page(width=picture.width, height=picture.height, dark=picture.dark)
        page.open(served.address + picture.path)
        page.wait("[...document.querySelectorAll('[data-load]')].every(p => p.dataset.loaded)")
        path = folder / f"{name}.png"
        page.picture(path, whole=False)
        page.close()
        size = path.stat().st_size
        assert size < MOST_BYTES, f"{path} has {size:,} bytes"
        sys.stdout.write(f"{path} {size:,}\n")


def main(folder: Path = IMAGES) -> None:
    """Make a store, and the pictures of it."""
    with tempfile.TemporaryDirectory() as made:
        store = Path(made) / "autotrack_runs"
        environment = {**os.environ, "AUTOTRACK_STORE": str(store)}
        for module in ("examples/coffee.py", "examples/leaky.py"):
            subprocess.run([sys.executable, module], cwd=ROOT, env=environment, check=True)
        subprocess.run([sys.executable, "-m", "tests.web.making"], cwd=ROOT, env=environment,
                       check=True)  # fmt: skip
        with serving(store, log=Path(made) / "log") as served, opened() as browser:
            take(browser, served, folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
