"""What kind of number a metric is, by its key: how far it may be trusted to compare models by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from autotrack.runtime.dataclass import dataclass

MetricKind = Literal["cv", "held", "train", "other", "part", "behind"]

#: What the kinds are called above their columns, in the order in which they stand.
TITLES: dict[str, str] = {
    "cv": "Cross-validated",
    "held": "Held out",
    "train": "Training",
    "other": "Other metrics",
}
UNSEEN = "unseen_"
_USUAL = ("test", "val", "valid", "validation", "holdout", "held_out", "dev", "eval")
_CV = ("mean_test_", "oof_", "oob_", "permuted_score", "importances_mean")
_TRAIN = ("train_", "train_part_", "relabelled_train_", "mean_train_")
_PARTS = ("se_", "std_", "split_", "importances_std")
# What is a place or a time, and says nothing of how good a model is.
_BEHIND = frozenset({"index", "best_index", "iter", "n_resources", "n_candidates"})
_TIMES = ("fit_time", "score_time", "refit_time")


@dataclass(frozen=True, slots=True)
class Kinds:
    """Tells kinds of metrics apart, in a store whose data has these names."""

    contexts: frozenset[str]

    @classmethod
    def of(cls, contexts: Iterable[str]) -> Kinds:
        """With the names that data has in a store."""
        names = {*contexts, *_USUAL} - {"train", "train_part", "oof", "oob", "relabelled_train"}
        return cls(frozenset(names))

    def of_key(self, key: str) -> MetricKind:
        """The kind of a metric."""
        if key in _BEHIND or key.endswith(_TIMES) or key.startswith("rank_"):
            return "behind"
        if key.startswith(_PARTS):
            return "part"
        if key == "best_score" or key.startswith(_CV):
            return "cv"
        if key.startswith(_TRAIN):
            return "train"
        data = self.data_of(key)
        if data is not None:
            return "part" if key.removeprefix(f"{data}_").startswith(UNSEEN) else "held"
        return "other"

    def data_of(self, key: str) -> str | None:
        """What the data of a score is called."""
        found = [name for name in self.contexts if key.startswith(f"{name}_")]
        return max(found, key=len, default=None)

    def unseen(self, key: str) -> str | None:
        """The key of the score of those rows that training had not."""
        data = self.data_of(key)
        return None if data is None else f"{data}_{UNSEEN}{key.removeprefix(f'{data}_')}"


def error_of(key: str) -> tuple[str, str] | None:
    """The keys of the standard error of a mean, and of the values it is the mean of."""
    if key.startswith("mean_"):
        name = key.removeprefix("mean_")
        return f"se_{name}", f"split_{name}"
    return None


def label(key: str) -> str:
    """What a metric is called in a column of its kind."""
    return {"best_score": "best_score"}.get(key, key.removeprefix("mean_test_"))
