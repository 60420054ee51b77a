"""Why the score of one run is not that of another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from autotrack.analysis.explaining.changes import (
    MISSING,
    SECTIONS,
    Change,
    changes,
    unrecorded,
)
from autotrack.analysis.explaining.noise import Comparison, compare, with_kept_rows
from autotrack.analysis.explaining.scores import scores
from autotrack.entities import RunRecord
from autotrack.printable import described, printable
from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store

if TYPE_CHECKING:
    import pandas as pd

_LONGEST = 80
# Of a difference in code, so many lines are printed by `repr`.
_MOST_LINES = 60


@dataclass(frozen=True, slots=True)
class Explanation:
    """What differs between two runs, and whether their scores do by more than noise.

    Printed, it is a report. `frame` has a row for each difference, `to_dict` everything as plain
    values.

    Attributes
    ----------
    a, b : str
        The ids of the runs.
    names : tuple of str
        What they are called.
    comparisons : tuple
        Of each score that both have: ``metric``, ``a``, ``b``, ``difference``, ``within_noise``
        (None where that cannot be told), ``p_value`` and ``reason``.
    changes : tuple
        Of each difference: ``section``, ``key``, ``a``, ``b`` and ``detail``.
    unrecorded : tuple of str
        Sections of which one of the runs says nothing.
    """

    a: str
    b: str
    names: tuple[str, str]
    comparisons: tuple[Comparison, ...]
    changes: tuple[Change, ...]
    unrecorded: tuple[str, ...] = ()

    @property
    def within_noise(self) -> bool | None:
        """Whether the first score differs by no more than the noise of the split; None: unknown."""
        return self.comparisons[0].within_noise if self.comparisons else None

    @property
    def same(self) -> tuple[str, ...]:
        """The sections in which nothing differs."""
        differ = {change.section for change in self.changes}
        return tuple(s for s in SECTIONS if s not in differ and s not in self.unrecorded)

    def frame(self) -> pd.DataFrame:
        """A row for each difference: section, key, a, b, detail; scores come first.

        What a run does not have is `pandas.NA`.
        """
        import pandas as pd

        rows = [
            ("metrics", score.metric, score.a, score.b, f"within noise: {score.verdict}")
            for score in self.comparisons
        ]
        rows += [(c.section, c.key, _or_na(c.a), _or_na(c.b), c.detail) for c in self.changes]
        columns = ["section", "key", "a", "b", "detail"]
        return pd.DataFrame(rows, columns=columns, dtype="object")

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON; what is not a number or absent is None."""
        return {
            "a": {"run_id": self.a, "name": self.names[0]},
            "b": {"run_id": self.b, "name": self.names[1]},
            "within_noise": self.within_noise,
            "scores": [
                {
                    "metric": score.metric,
                    "a": _finite(score.a),
                    "b": _finite(score.b),
                    "difference": _finite(score.difference),
                    "within_noise": score.within_noise,
                    "p_value": _finite(score.p_value),
                    "reason": score.reason,
                }
                for score in self.comparisons
            ],
            "changes": [
                {
                    "section": change.section,
                    "key": change.key,
                    "a": _plain(change.a),
                    "b": _plain(change.b),
                    "detail": change.detail,
                }
                for change in self.changes
            ],
            "same": list(self.same),
            "unrecorded": list(self.unrecorded),
        }

    def lines(self, most: int | None = None) -> Iterator[str]:
        """The report, line by line; of each difference in code at most so many lines."""
        yield f"<Explanation of {self.a[:8]} {self.names[0]!r} -> {self.b[:8]} {self.names[1]!r}>"
        if not self.comparisons:
            yield "  score          there is none that both runs have"
        for score in self.comparisons:
            yield (
                f"  score          {score.metric}  {score.a:.6g} -> {score.b:.6g}"
                f"  ({score.difference:+.4g})"
            )
            yield f"                 within the noise of the split: {score.verdict}"
        before = ""
        for change in self.changes:
            title = change.section if change.section != before else ""
            before = change.section
            is_diff = change.section == "code" and "\n" in change.detail
            said = f"  ({change.detail})" if change.detail and not is_diff else ""
            yield f"  {title:<14} {change.key}  {_shown(change.a)} -> {_shown(change.b)}{said}"
            if is_diff:
                yield from _cut(change.detail.splitlines(), most)
        if self.same:
            yield f"  {'the same':<14} {', '.join(self.same)}"
        if self.unrecorded:
            yield f"  {'not recorded':<14} {', '.join(self.unrecorded)}"

    def _repr_html_(self) -> str:
        from autotrack import markup

        told = {True: "within the noise", False: "more than noise", None: "unknown"}
        scores = [
            (
                markup.code(score.metric),
                markup.words(f"{score.a:.6g}"),
                markup.words(f"{score.b:.6g}"),
                markup.words(told[score.within_noise]),
                markup.soft(score.reason),
            )
            for score in self.comparisons
        ]
        rows = [
            (
                markup.words(change.section),
                markup.code(change.key),
                markup.words(_shown(change.a)),
                markup.words(_shown(change.b)),
            )
            for change in self.changes
        ]
        code = [change for change in self.changes if change.section == "code" and change.detail]
        return markup.view(
            markup.line(
                *(
                    markup.strong(name) + " " + markup.code(run[:8])
                    for name, run in zip(self.names, (self.a, self.b), strict=True)
                )
            ),
            markup.table(("score", "a", "b", "the change is", ""), scores),
            markup.table(("differs", "", "a", "b"), rows),
            *(
                f"<details><summary>{markup.code(change.key)}</summary>"
                f"{markup.lines(change.detail)}</details>"
                for change in code
            ),
            markup.line(markup.soft(f"the same: {', '.join(self.same)}")) if self.same else "",
        )

    def __repr__(self) -> str:
        return "\n".join(printable(line) for line in self.lines(_MOST_LINES))


def explain_runs(store: Store, a: RunRecord, b: RunRecord) -> Explanation:
    """Hold two runs against each other."""
    left, right = scores(store, a), scores(store, b)
    return Explanation(
        a.run_id,
        b.run_id,
        (a.name, b.name),
        tuple(
            with_kept_rows(store, compare(score, right[key]), score, right[key])
            for key, score in left.items()
            if key in right
        ),
        tuple(changes(store, a, b)),
        tuple(unrecorded(a, b)),
    )


def _cut(lines: list[str], most: int | None) -> Iterator[str]:
    shown = lines if most is None else lines[:most]
    yield from (f"      {line.expandtabs()}" for line in shown)
    if len(shown) < len(lines):
        yield f"      ... and {len(lines) - len(shown)} lines more"


def _shown(value: Any) -> str:
    if value is MISSING or value is None:
        return repr(value)
    return value if isinstance(value, str) else described(value, _LONGEST)


def _or_na(value: Any) -> Any:
    import pandas as pd

    return pd.NA if value is MISSING else value


def _plain(value: Any) -> Any:
    if value is MISSING:
        return None
    return _finite(value) if isinstance(value, float) else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
