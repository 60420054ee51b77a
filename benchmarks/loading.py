"""Loading a crate against a plain `pickle.load` of the same file."""

from __future__ import annotations

import mmap
import pickle
import threading
from pathlib import Path

from blake3 import blake3
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import RandomForestClassifier

from autotrack.crates.audit import audit
from autotrack.crates.load import load as load_crate
from autotrack.crates.pack import pack
from benchmarks.clock import timed
from benchmarks.timing import Samples, Variant, alternate, ratios

#: Rows that a forest of 500 trees is trained on, of 20 columns; 569 are scikit-learn's own data.
ROWS = (569, 5_000, 20_000)


def load(quick: bool) -> Samples:
    """Forests of 500 trees: plain, and as crates that nobody vouches for."""
    found: Samples = {}
    for rows in ROWS[: 2 if quick else 3]:
        folder = Path(f"forest-{rows}")
        folder.mkdir()
        X, y = (
            load_breast_cancer(return_X_y=True)
            if rows == ROWS[0]
            else make_classification(rows, 20, random_state=0)
        )
        pack(RandomForestClassifier(500, n_jobs=-1, random_state=0).fit(X, y), folder)
        content = (folder / "model.pkl").read_bytes()
        variants = {
            "bare": Variant(lambda folder=folder: timed(lambda: _plain(folder / "model.pkl"))),
            "crate": Variant(lambda folder=folder: timed(lambda: load_crate(folder))),
            "hashed": Variant(lambda folder=folder: timed(lambda: _hashed(folder / "model.pkl"))),
            "audit": Variant(lambda content=content: timed(lambda: audit(content, 1, "it"))),
        }
        took = alternate(variants, rounds=5 if quick else 25, block=3, warm=1)
        found[f"load_{rows}"] = ratios(took["crate"], took["bare"])
        found[f"hashed_{rows}"] = ratios(took["hashed"], took["bare"])
        found[f"audit_{rows}"] = took["audit"]
        found[f"bare_load_{rows}"] = took["bare"]
    return found


def _plain(path: Path) -> object:
    with open(path, "rb") as file:
        return pickle.load(file)


def _hashed(path: Path) -> object:
    """What loading comes to without looking: the digest beside it, as crates have it made."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        thread = threading.Thread(target=blake3, args=(view,))
        thread.start()
        model = pickle.load(file)
        thread.join()
    return model
