"""How MLflow loads a function and what it was given. A copy lies in every crate of a function.

It is run where there may be no autotrack: the standard library is all it uses.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Model:
    """The function, as MLflow wants to call it."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def predict(self, model_input: Any) -> Any:
        """Call the function with the input."""
        return self._function(model_input)


def _load_pyfunc(path: str) -> Model:
    """Load the function from the folder of its crate; MLflow asks for this name."""
    given = json.loads((Path(path) / "manifest.json").read_bytes())["objects"]
    with open(Path(path) / "model.pkl", "rb") as file:
        unpickler = pickle.Unpickler(file)
        # The pickles share what they have in common: the function's is the last.
        for _ in given:
            unpickler.load()
        return Model(unpickler.load())
