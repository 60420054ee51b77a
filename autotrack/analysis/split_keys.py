"""Under which keys the scores of evaluations are kept: those of single splits, and of failed fits.

The score of one split must never stand in the column of scores on held-out data: which split is
the last is chance. What an evaluation measured is called ``test_<scorer>`` as in scikit-learn's
results; it is kept under ``split_test_<scorer>``, its moments under ``mean_test_<scorer>`` and so
on.
"""

from __future__ import annotations

from collections.abc import Mapping

_PARTS = ("test_", "train_")
_SPLIT = "split_"


def split_key(key: str) -> str:
    """The key under which a single split's number is kept; times keep their names."""
    return f"{_SPLIT}{key}" if key.startswith(_PARTS) else key


def measured_key(key: str) -> str:
    """What :func:`split_key` was given."""
    return key.removeprefix(_SPLIT)


class ScoreNames:
    """The names of the scores, learned from the first fit that succeeded.

    A callable `scoring` may return several scores. What stands for those of a failed fit
    (`error_score`) then counts for each of them, as in scikit-learn's results, but their names are
    known only once a fit succeeded: until then its key is the name of the part alone, ``test_``.
    """

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()

    @staticmethod
    def lacks(measured: Mapping[str, float]) -> bool:
        """Whether an evaluation has a score without a name."""
        return any(part in measured for part in _PARTS)

    def learn(self, measured: Mapping[str, float]) -> bool:
        """Take the names from an evaluation; whether they were not known before."""
        if self._names or self.lacks(measured):
            return False
        self._names = tuple(
            key.removeprefix("test_") for key in measured if key.startswith("test_")
        )
        return bool(self._names)

    def give_up(self, name: str) -> None:
        """No fit succeeded: a score without a name is called `name`."""
        self._names = self._names or (name,)

    def named(self, measured: Mapping[str, float]) -> Mapping[str, float]:
        """`measured` with the scores of a failed fit under the names that are known."""
        if not self._names or not self.lacks(measured):
            return measured
        found: dict[str, float] = {}
        for key, value in measured.items():
            names = self._names if key in _PARTS else ("",)
            found |= {f"{key}{name}": value for name in names}
        return found

    @staticmethod
    def without_unnamed(measured: Mapping[str, float]) -> dict[str, float]:
        """`measured` without scores that have no name."""
        return {key: value for key, value in measured.items() if key not in _PARTS}
