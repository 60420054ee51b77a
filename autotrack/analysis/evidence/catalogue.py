"""The kinds of findings: code, grade, title, why it matters, and what to do instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autotrack.entities import Finding
from autotrack.errors import SettingError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass

#: What a grade says. What is for the record alone is not told on stderr, nor listed.
GRADES = {3: "the target was seen", 2: "rows were seen", 1: "worth a look", 0: "for the record"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding; `why` and `remedy` are what `autotrack help CODE` prints."""

    code: str
    grade: int
    title: str
    why: str
    remedy: str


KINDS: Mapping[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind(
            "AT101",
            3,
            "a step that uses the target was fitted on scored rows",
            "Feature selection and target encoding choose what fits the target. Fitted on rows "
            "that are scored later, they have seen the answers: on noise alone, selecting 20 of "
            "10,000 columns this way gives an accuracy far above chance.",
            "Put the step and the model into one Pipeline and fit that on the training rows.",
        ),
        Kind(
            "AT102",
            1,
            "preprocessing was fitted on scored rows",
            "Means, ranges and components were computed with the rows that are scored. Without "
            "the target the effect is mostly small; it is large with few rows and many columns.",
            "Put the step and the model into one Pipeline and fit that on the training rows.",
        ),
        Kind(
            "AT103",
            2,
            "rows were resampled before the split",
            "Copies and mixtures of training rows are among the scored rows, and their classes "
            "are not as frequent as in new data.",
            "Split first and resample the training rows alone, as imblearn.pipeline.Pipeline does.",
        ),
        Kind(
            "AT104",
            2,
            "scored rows are training rows",
            "The same rows stand on both sides of the split, more of them than chance explains. "
            "A model that remembers is rewarded for it: see the score of the rest.",
            "Drop duplicates before the split, or keep equal rows together (GroupShuffleSplit).",
        ),
        Kind(
            "AT105",
            3,
            "the model was trained on what is called test data",
            "All rows that were scored are training rows, and the program calls them otherwise.",
            "Score on rows that were kept out of fit, or call them training data.",
        ),
        Kind(
            "AT106",
            1,
            "one column alone predicts the target almost perfectly",
            "Such a column is often written after the outcome was known, or is the target itself "
            "under another name. In some data it is just a good column.",
            "Ask whether the column is known when a prediction is to be made; else drop it.",
        ),
        Kind(
            "AT107",
            2,
            "groups are on both sides of the split",
            "Rows of one patient, customer or site are alike. A model that knows some of them "
            "recognises the others, and new groups will be harder.",
            "Split by group: GroupShuffleSplit, GroupKFold or StratifiedGroupKFold.",
        ),
        Kind(
            "AT108",
            1,
            "training rows are later than scored rows",
            "In use a model predicts what comes after its training. Rows that were shuffled over "
            "time tell it what the future was like.",
            "Split by time: train on the earlier rows and score the later (TimeSeriesSplit).",
        ),
        Kind(
            "AT201",
            1,
            "the best value of a search is at the edge of its grid",
            "A better one may lie beyond.",
            "Extend the grid on that side.",
        ),
        Kind(
            "AT202",
            1,
            "the estimator did not converge",
            "It stopped at its limit of iterations, so its score is that of a half-made model.",
            "Raise max_iter, or scale the columns.",
        ),
        Kind(
            "AT203",
            1,
            "classes are missing on one side of the split",
            "A class that training had not cannot be predicted; one that is not scored counts for "
            "nothing.",
            "Stratify the split (stratify=y), or say which classes the score is about.",
        ),
        Kind(
            "AT204",
            1,
            "few rows were scored",
            "With fewer than 30 rows a score moves by several percent by chance alone.",
            "Score more rows, or use cross_val_score and look at the error of the mean.",
        ),
        Kind(
            "AT205",
            0,
            "seeds were never set",
            "Numbers were drawn without a seed, so another run of the same program gives another "
            "model and another score.",
            "Set random_state to a number where a result is to be had again.",
        ),
        Kind(
            "AT301",
            2,
            "scored on the data that a search chose the params on",
            "The search kept what did best on these rows, so their score is that of the luckiest.",
            "Score rows that the search has not seen, or put the search itself into "
            "cross_val_score (nested cross-validation).",
        ),
        Kind(
            "AT302",
            1,
            "different metrics or data are compared",
            "Scores of one name stand in one list, and were computed on different data, or are "
            "different metrics. The best of them may have had the easier rows.",
            "Score all models on the same rows with the same metric; held_out_sets() lists which "
            "data judged which models.",
        ),
    )
}


def finding(code: str, data: str, text: str, evidence: Mapping[str, Any]) -> Finding:
    """A finding of a kind."""
    kind = KINDS[code]
    return Finding(code, kind.grade, data, text, kind.remedy, dict(evidence))


def known_code(code: str, where: str) -> str:
    """A code as it is written in the catalogue.

    Raises
    ------
    SettingError
        If there is no such kind of finding.
    """
    wanted = code.strip().upper()
    if wanted not in KINDS:
        raise SettingError(
            f"{where}{described(code)} is no kind of finding; known are {', '.join(KINDS)}"
        )
    return wanted
