"""Answers of saved models in a process that has seen none of them: python fresh.py FOLDER

Each subfolder holds a crate and ``data.pkl``. ``answers.pkl`` in FOLDER gets, by subfolder, the
answers of ``model.pkl`` unpickled where autotrack cannot be imported, and then those of the crate
that autotrack loads, on our word; or the error's text.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outputs import outputs
from threadpoolctl import threadpool_limits


def main() -> None:
    """Load everything, ask it, and keep the answers."""
    root = Path(sys.argv[1])
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    sys.modules["autotrack"] = None  # type: ignore[assignment] - whoever imports it fails
    bare = answers(folders, lambda folder: pickle.loads((folder / "model.pkl").read_bytes()))
    del sys.modules["autotrack"]
    # The store that packed them is not asked.
    os.environ["AUTOTRACK_STORE"] = str(root / "nowhere")
    import autotrack

    crates = answers(folders, lambda folder: autotrack.load_model(folder, trust=True).estimator)
    (root / "answers.pkl").write_bytes(pickle.dumps((bare, crates)))


def answers(folders: list[Path], load: Callable[[Path], Any]) -> dict[str, Any]:
    """What the model in each folder answers, or what goes wrong."""
    found: dict[str, Any] = {}
    for folder in folders:
        try:
            found[folder.name] = outputs(
                load(folder), pickle.loads((folder / "data.pkl").read_bytes())
            )
        except Exception as error:
            found[folder.name] = f"{type(error).__name__}: {error}"
    return found


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
