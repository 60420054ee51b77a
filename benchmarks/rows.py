"""The rows of the table, their goals, and how numbers are written."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.ensembles import BACKENDS, ENSEMBLES
from benchmarks.timing import Samples


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    key : str
        Of the samples.
    text : str
        What is measured.
    unit : str
        ``s`` (written in whatever fits), ``x``, ``MB``, ``GB/s``, ``/s``, or empty for a count.
    goal : float, optional
        At most this, in the unit of the samples; for speeds at least.
    allowed : str, optional
        The key of samples that say what the goal is, where it depends on what was measured.
    times : float, optional
        The goal is to be so many times as fast as MLflow.
    """

    key: str
    text: str
    unit: str = "s"
    goal: float | None = None
    allowed: str | None = None
    times: float | None = None

    def with_goal(self, samples: Samples, peer: Samples | None) -> Row:
        """The row with the goal that the samples, or MLflow's, say."""
        if self.times is not None and peer and peer.get(self.key):
            value = statistics.median(peer[self.key])
            goal = value * self.times if self.is_speed else value / self.times
            return replace(self, goal=goal)
        if self.allowed is None or not samples.get(self.allowed):
            return self
        return replace(self, goal=statistics.median(samples[self.allowed]))

    @property
    def is_speed(self) -> bool:
        """Whether more is better."""
        return self.unit.endswith("/s")

    def meets(self, value: float) -> bool:
        """Whether `value` reaches the goal."""
        if self.goal is None:
            return True
        return value >= self.goal if self.is_speed else value <= self.goal

    def used(self, value: float) -> float:
        """`value` as a multiple of the goal; below 1 is good."""
        assert self.goal is not None
        return self.goal / value if self.is_speed else value / self.goal


#: Rows by the group that measures them. Times are what is added to bare scikit-learn.
ROWS: dict[str, tuple[Row, ...]] = {
    "fit": (
        Row("fit", "fit, with crate and fingerprint", goal=4e-3),
        Row("fit_floors", "the same, in floors", unit="x", goal=8),
        Row("fit_no_crate", "fit, without crate", goal=1e-3),
    ),
    "score": (
        Row("score", "a score", goal=0.4e-3),
        Row("score_commits", "the same, in durable commits", unit="x", goal=1.35),
        Row("score_crowded", "the same, 10,000 predictions alive", unit="x", goal=1.35),
    ),
    "places": (
        Row("first_score_300", "the first score at a place, in 300 lines, more", goal=2e-3),
        Row("first_score_3000", "the same, in 3,000 lines", goal=6e-3),
    ),
    "predict": (Row("predict", "predict of one row (array)", goal=10e-6),),
    "transform": (
        Row("transform_frame", "a scaler fitted on a frame of 1,000 columns", goal=5e-3),
        Row("transform_words", "tf-idf of 1,500 texts of 18,000 words, sparse", goal=8e-3),
    ),
    "checks": (
        Row(
            "checks_score", "what checks add to the first score of a model on 569 rows", goal=0.3e-3
        ),
        Row("checks_score_part", "the same on 169 rows"),
        Row("checks_fit", "what they add to a fit", goal=1e-3),
        Row(
            "checks_large",
            "what they add to a fit and a score of 100,000 x 50 each",
            allowed="checks_large_allowed",
        ),
        Row("row_keys", "the key of a row, a cell of numbers", goal=60e-9),
    ),
    "requirements": (
        Row("requirements", "exact requirements of a crate, and the crate with them", goal=5e-3),
    ),
    "nested": (Row("nested", "a nested call", goal=2e-6),),
    "search": (
        Row("search", "a search of 100 candidates x 3 splits", allowed="search_allowed"),
        Row("search_2", "the same on two workers", allowed="search_2_allowed"),
    ),
    "kills": (
        Row("oldest_lost", "searches killed at random: age of the oldest lost evaluation", goal=1),
    ),
    "ensembles": tuple(
        row
        for name in ENSEMBLES
        for backend in BACKENDS
        for row in (
            Row(
                f"{name}, {backend}",
                f"{name}, {backend}",
                allowed=f"{name}, {backend}, allowed",
            ),
            Row(f"{name}, {backend}, crate", f"{name}, {backend}, with crate"),
        )
    ),
    "startup": (
        Row("import", "`import autotrack` beyond scikit-learn", goal=60e-3),
        Row("enable", "`enable()` with a new store", goal=50e-3),
        Row("store", "a new store alone"),
        Row("first_fit", "the first fit of a process"),
    ),
    "forest": (
        Row("forest", "1 GB forest: time over plain `pickle.dump`", unit="x", goal=1.3),
        Row("forest_memory", "1 GB forest: memory on top", unit="MB", goal=64 * 2**20),
    ),
    "load": (
        Row(
            "load_569",
            "`load_model` of a 500-tree forest of 569 rows, over `pickle.load`",
            unit="x",
            goal=1.1,
        ),
        Row("load_5000", "the same of a forest of 5,000 rows", unit="x"),
        Row("load_20000", "the same of a forest of 20,000 rows", unit="x"),
    ),
    "fingerprint": (
        Row("fingerprint", "fingerprint, array in C order", unit="GB/s", goal=5),
        Row("fingerprint_fortran", "fingerprint, array in Fortran order", unit="GB/s"),
        Row("fingerprint_frame", "fingerprint, frame", unit="GB/s"),
    ),
    "serving": (
        Row("serve_p50", "`autotrack serve`, one row: half take at most", times=3),
        Row("serve_p99", "the same: 99 of 100 take at most", times=3),
        Row("serve_rate", "the same: rows, 32 clients at once", unit="/s", times=3),
    ),
}

#: What the numbers above can be held against.
CONTEXT: dict[str, tuple[Row, ...]] = {
    "fit": (
        Row("bare_fit", "fit, bare scikit-learn"),
        Row("floor", "the floor: pickle, write, hash, one durable commit"),
        Row("commit", "a durable commit alone"),
    ),
    "score": (
        Row("bare_score", "a score, bare scikit-learn"),
        Row("score_commit", "a durable commit, many in a row"),
        Row("score_least", "a bare score that ends with a durable commit, in commits", unit="x"),
    ),
    "predict": (Row("bare_predict", "predict of one row, bare scikit-learn"),),
    "transform": (
        Row("bare_transform_frame", "the scaler, bare scikit-learn"),
        Row("bare_transform_words", "tf-idf, bare scikit-learn"),
    ),
    "checks": (Row("bare_forest", "a forest of 100 trees of 100,000 x 50, bare scikit-learn"),),
    "search": (
        Row("bare_search", "a search of 100 candidates x 3 splits, bare scikit-learn"),
        Row("bare_search_2", "the same on two workers, bare scikit-learn"),
    ),
    "kills": (
        Row("killed", "searches killed at random", unit=""),
        Row("finished", "evaluations that had finished then", unit=""),
        Row("lost", "of which are lost", unit=""),
    ),
    "ensembles": tuple(
        Row(f"{name}, {backend}, bare", f"{name}, {backend}, bare scikit-learn")
        for name in ENSEMBLES
        for backend in BACKENDS
    ),
    "startup": (Row("bare_first_fit", "the first fit of a process, bare scikit-learn"),),
    "forest": (
        Row("dump", "1 GB forest: plain `pickle.dump`"),
        Row("dump_memory", "1 GB forest: memory of plain `pickle.dump`", unit="MB"),
        Row("forest_disk", "1 GB forest: time over `pickle.dump`, both until on disk", unit="x"),
        Row("forest_5", "1 GB forest: time over `pickle.dump(..., protocol=5)`", unit="x"),
    ),
    "load": (
        Row("bare_load_569", "`pickle.load` of a 500-tree forest of 569 rows"),
        Row("bare_load_5000", "the same of 5,000 rows"),
        Row("bare_load_20000", "the same of 20,000 rows"),
    ),
    "fingerprint": (Row("xxh3", "xxh3 alone", unit="GB/s"),),
    "serving": (Row("bare_frame", "predict of one row (frame), bare scikit-learn"),),
}

HEADER = ("added to bare scikit-learn", "goal", "measured", "middle half", "of goal", "", "MLflow")
CONTEXT_HEADER = ("for comparison", "measured", "middle half")


def lines(group: str, own: Samples, peer: Samples | None) -> list[tuple[str, ...]]:
    """The cells of the rows of a group."""
    return [_cells(row, own, peer) for row in ROWS[group]]


def context_lines(group: str, own: Samples) -> list[tuple[str, ...]]:
    """The cells of the rows that a group is held against."""
    return [(row.text, *_median(row, own.get(row.key, ()))) for row in CONTEXT.get(group, ())]


def _cells(row: Row, own: Samples, peer: Samples | None) -> tuple[str, ...]:
    row = row.with_goal(own, peer)
    samples = own.get(row.key, [])
    goal = "" if row.goal is None else written(row.goal, row.unit)
    if goal:
        goal = f"{'≥' if row.is_speed else '≤'} {goal}"
    measured, spread = _median(row, samples)
    used = verdict = ""
    if row.goal is not None and samples:
        value = statistics.median(samples)
        used = f"{row.used(value):.2f}"
        verdict = "pass" if row.meets(value) else "FAIL"
    return row.text, goal, measured, spread, used, verdict, _peer(row, samples, peer)


def _peer(row: Row, own: list[float], peer: Samples | None) -> str:
    if peer is None or not (samples := peer.get(row.key)):
        return ""
    value = statistics.median(samples)
    text = written(value, row.unit)
    if not own:
        return text
    ratio = value / statistics.median(own)
    return f"{text} ({_digits(1 / ratio if row.is_speed else ratio)}x)"


def _median(row: Row, samples: Sequence[float]) -> tuple[str, str]:
    values = list(samples)
    if not values:
        return "", ""
    spread = ""
    if len(values) > 2:
        low, _, high = statistics.quantiles(values, n=4)
        spread = f"{written(low, row.unit)} to {written(high, row.unit)}"
    return written(statistics.median(values), row.unit), spread


def written(value: float, unit: str) -> str:
    """A number with its unit, three digits of it."""
    if unit == "s":
        for size, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
            if abs(value) >= size:
                return f"{_digits(value / size)} {name}"
        return "0 s"
    if not unit:
        return f"{value:,.0f}"
    if unit == "MB":
        return f"{value / 2**20:,.0f} MB"
    return f"{_digits(value)}{'x' if unit == 'x' else ' ' + unit}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
