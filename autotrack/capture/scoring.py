"""On which data a score was computed, and what that data is called in the score's key."""

from __future__ import annotations

import functools
import re

from autotrack.capture.caller import data_part, variable_name
from autotrack.describe.data import describe
from autotrack.entities import Dataset, DatasetUse
from autotrack.settings import Settings
from autotrack.tracking.links import Link

TRAIN, TEST = "train", "test"
_UNFIT_FOR_A_KEY = re.compile(r"[^0-9A-Za-z_.\-]+")


class Scoring:
    """Finds the data part of a score's key."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def data(
        self, link: Link | None, X: object, y: object, name: str | None = None
    ) -> tuple[str, DatasetUse | None]:
        """The name of the data for the key, and the data as facts (None where it is not known).

        ``train`` when it is the data the model was trained on, else the caller's name for X
        without ``X_``, else for y without ``y_``, else ``test``.
        """
        data = self._describe(X)
        target = self._describe(y)
        held = variable_name(X) if X is not None else None
        if name is None:
            if link is not None and self._is_training(link, X, data, target):
                name = TRAIN
            else:
                name = data_part(held)
                if name is None and y is not None:
                    name = data_part(variable_name(y), "y_")
        name = key_text(name or TEST)
        if data is None or _rows(data) != _rows(target or data):
            return name, None  # scored on some of the rows, and which ones is not known
        return name, DatasetUse(name, data, held, target)

    def _describe(self, data: object) -> Dataset | None:
        if data is None or not self._settings.log_datasets:
            return None
        return describe(data)

    @staticmethod
    def _is_training(link: Link, X: object, data: Dataset | None, target: Dataset | None) -> bool:
        if link.train is None:
            # Nothing was fingerprinted: only the very object is known.
            return X is not None and link.train_ref is not None and link.train_ref() is X
        if data is not None:
            return data.fingerprint in (link.train.data.fingerprint, link.changed)
        known = link.train.target
        return target is not None and known is not None and target.fingerprint == known.fingerprint


def _rows(data: Dataset) -> int | None:
    return data.shape[0] if data.shape else None


@functools.lru_cache(maxsize=1024)
def key_text(text: str) -> str:
    """`text` with whatever does not belong into a key replaced."""
    return _UNFIT_FOR_A_KEY.sub("_", text).strip("_") or TEST
