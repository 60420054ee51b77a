"""What rows, columns and classes of a score show, each as a finding."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.analysis.evidence.catalogue import finding
from autotrack.describe.data.fingerprint import row_count
from autotrack.describe.data.row_keys import RowKeys, row_keys, with_target
from autotrack.entities import Finding
from autotrack.lineage.evidence.columns import Sides, Suspects, disorder, look
from autotrack.lineage.evidence.models import classes_of
from autotrack.lineage.overlap import Overlap, expected_by_chance, is_beyond
from autotrack.lineage.training_rows import Trained
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern
from autotrack.tracking.model_links import Link

Keys = NDArray[np.uint64]

#: What a program calls rows that a model was not trained on.
HELD_OUT = pattern(r"(^|_)(test|val|valid|validation|holdout|held_?out|eval|oos|unseen)($|_|\d)")
#: Fewer rows than this are few for a score.
FEWEST_ROWS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What is scored: a model, its data, and what the program calls that.

    Attributes
    ----------
    model : object
    link : Link or None
    X, y : object
        The data; X is None where it is gone.
    rows : RowKeys or None
        The keys of its rows, where it is gone; `chance` is how many of them chance lets training
        have.
    trained : Trained or None
        What the model was trained on.
    data_name : str
        What it is called in the key of the score.
    marks : tuple of str
        The fingerprints of X and y; empty where they are not known.
    names : tuple of str
        What the program calls X and y.
    """

    model: Any
    link: Link | None
    X: Any
    y: Any
    rows: RowKeys | None
    trained: Trained | None
    data_name: str
    marks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    chance: float = 0.0


def of_columns(
    scored: Scored, link: Link, trained: Trained, y: Any, suspects: Suspects
) -> Iterator[Finding]:
    """Proxies of the target, groups on both sides, and times out of order."""
    if scored.X is None:
        return
    before, known = link.training_input, None
    if suspects.proxies or suspects.groups:
        known = trained.held_target()
        if known is not None and row_count(before) != len(known):
            known = None
    sides = Sides(scored.X, y, before, known)
    proxy, groups = look(sides, suspects)
    name = scored.data_name
    if groups is not None:
        count, of = int(groups.numbers["rows"]), int(groups.numbers["of"])
        text = (
            f"{int(groups.numbers['groups'])} groups of {groups.column!r}, each of one target, "
            f"are on both sides, with {of_all(count, of)} scored rows"
        )
        evidence = {"column": groups.column, **groups.numbers}
        yield finding("AT107", name, text, evidence)
    if proxy is not None:
        text = (
            f"{proxy.column!r} alone predicts the target "
            f"({math.floor(1000 * proxy.numbers['agreement']) / 10:g}% agreement)"
        )
        yield finding("AT106", name, text, {"column": proxy.column, **proxy.numbers})
    late = disorder(sides) if hasattr(scored.X, "iloc") else None
    if late is not None:
        text = (
            f"{100 * late.numbers['later']:.0f}% of the training rows are later than half of "
            f"the scored rows, by {late.column!r}"
        )
        yield finding("AT108", name, text, {"column": late.column, **late.numbers})


def with_target_keys(rows: RowKeys, y: object) -> Keys | None:
    """The keys of scored rows together with their target."""
    return with_target(rows, row_keys(y))


def all_in_training(name: str, names: tuple[str, ...]) -> Finding:
    """The finding that all rows of what is called otherwise are training rows."""
    called = next(filter(HELD_OUT.search, names))
    text = f"all rows of {called!r} are training rows"
    return finding("AT105", name, text, {"variable": called})


def repeated(
    name: str, X: object, rows: RowKeys, trained: RowKeys, overlap: Overlap, chance: float = 0.0
) -> Iterator[Finding]:
    """The finding that more of the scored rows are training rows than by chance.

    `chance` is how many are expected, where the data is gone.
    """
    if X is not None:
        chance = expected_by_chance(X, rows, trained)
    if not is_beyond(overlap.count, chance, overlap.rows):
        return
    text = (
        f"{of_all(overlap.count, overlap.rows)} scored rows are training rows "
        f"({chance:.0f} expected by chance)"
    )
    evidence = {
        "rows": overlap.count,
        "of": overlap.rows,
        "with_target": overlap.with_target,
        "expected": round(chance, 1),
    }
    yield finding("AT104", name, text, evidence)


def of_classes(scored: Scored, y: Any, kinds: Any = None) -> Iterator[Finding]:
    """The finding that a class is on one side of the split alone.

    `kinds` are the different values of `y` in order, where they are known.
    """
    known = classes_of(scored.model)
    if known is None or y is None or y.ndim != 1 or len(y) < FEWEST_ROWS:
        return
    try:
        there = np.unique(y) if kinds is None else kinds
        if np.array_equal(there, known):  # as nearly always
            return
        new, missing = np.setdiff1d(there, known), np.setdiff1d(known, there)
    except TypeError:
        return
    if len(new) == len(there):  # named otherwise
        return
    if len(new):
        text = f"{_count(len(new), 'class')} of the scored rows {_were(new)} not in training"
    elif len(missing):
        text = f"{_count(len(missing), 'class')} of the training rows {_were(missing)} not scored"
    else:
        return
    evidence = {"not_in_training": len(new), "not_scored": len(missing)}
    yield finding("AT203", scored.data_name, text, evidence)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 'es'}"


def _were(some: Any) -> str:
    return "was" if len(some) == 1 else "were"


def of_all(count: int, whole: int) -> str:
    """A count beside the whole, for people."""
    return f"{count:,} of {whole:,}"
