"""A crate: a model at rest together with all it needs, that predicts when called."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autotrack.crates.manifest import Manifest

# What a crate passes on to its model, where the model has it.
_METHODS = frozenset(
    {
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "score_samples",
        "transform",
        "inverse_transform",
        "score",
        "apply",
        "kneighbors",
        "sample",
    }
)


class Crate:
    """A loaded crate.

    Call it, or its `predict`, with the same kind of input the model was trained on. Methods the
    model has besides (``predict_proba``, ``transform``, ``score``, …) are passed on.

    Attributes
    ----------
    estimator : estimator
        The fitted model itself.
    manifest : Manifest
        What was written down when it was packed.
    """

    def __init__(self, estimator: Any, manifest: Manifest, folder: Path) -> None:
        self.estimator = estimator
        self.manifest = manifest
        self._folder = folder

    def __call__(self, X: Any) -> Any:
        """Predict for the rows of `X`."""
        return self.predict(X)

    @property
    def predict(self) -> Callable[..., Any]:
        """The model's ``predict``: takes rows such as the model was trained on."""
        predict: Callable[..., Any] = self.estimator.predict
        return predict

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            return getattr(self.estimator, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in _METHODS if hasattr(self.estimator, name))]

    @property
    def schema(self) -> dict[str, Any]:
        """The training input: kind, shape, and name and dtype of each column."""
        return self.manifest.schema

    @property
    def requirements(self) -> list[str]:
        """``name==version`` of each distribution needed to load it."""
        return self.manifest.requirements

    def save(self, path: str | Path) -> Path:
        """Copy the crate's folder to `path`, which must not exist yet, and return it.

        Raises
        ------
        FileExistsError
            If there is something at `path`.
        """
        target = Path(path).expanduser().absolute()
        if target.exists():
            raise FileExistsError(f"{target} exists; save the crate to a path that does not")
        shutil.copytree(self._folder, target)
        return target

    def __repr__(self) -> str:
        manifest = self.manifest
        total = sum(file.size for file in manifest.files)
        lines = [f"<Crate {manifest.estimator}: {_size(total)}>"]
        lines += [
            f"  {file.path:<20} {_size(file.size):>10}"
            for file in sorted(manifest.files, key=lambda file: -file.size)
        ]
        lines.append(f"  run           {manifest.run_id or '-'}")
        lines.append(
            f"  needs         Python {manifest.python}, {', '.join(manifest.requirements)}"
        )
        if manifest.code:
            lines.append(f"  carries       {', '.join(manifest.code)}")
        if manifest.preprocessing:
            lines.append(f"  apply first   {', '.join(manifest.preprocessing)}")
        return "\n".join(lines)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
