"""Predict with pickles where autotrack does not exist. Run as: python -I fresh.py FOLDER

Each subfolder holds ``model.pkl`` and ``data.pkl``; ``answers.pkl`` in FOLDER gets the predictions,
or the error's text, by subfolder.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

sys.modules["autotrack"] = None  # whoever imports it fails

root = Path(sys.argv[1])
answers = {}
for folder in sorted(path for path in root.iterdir() if path.is_dir()):
    try:
        data = pickle.loads((folder / "data.pkl").read_bytes())
        model = pickle.loads((folder / "model.pkl").read_bytes())
        method = next(name for name in ("predict", "transform") if hasattr(model, name))
        answers[folder.name] = getattr(model, method)(data)
    except Exception as error:
        answers[folder.name] = f"{type(error).__name__}: {error}"
(root / "answers.pkl").write_bytes(pickle.dumps(answers))
