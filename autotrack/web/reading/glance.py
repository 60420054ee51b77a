"""An experiment at a glance: the best by cross-validation, and what to know before believing it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from autotrack.analysis.evidence.catalogue import KINDS
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search import pages, worth
from autotrack.web.reading.found import Reader
from autotrack.web.reading.kinds import Kinds, error_of

# Of so many experiments, the newest, everything is read.
_MOST_READ = 4
_MOST_DIFFERENCES = 4
_MOST_HELD = 3
_MOST_NEWEST = 20
_UNSET = "not set"
_WITHIN = "estimator__"


@dataclass(frozen=True, slots=True)
class Judged:
    """A run with its cross-validated score."""

    line: pages.Line
    mean: float
    error: float | None
    splits: int


@dataclass(frozen=True, slots=True)
class Glance:
    """What stands of an experiment on the first page.

    Attributes
    ----------
    experiment_id, name : str
    deleted : bool
    counts : dict
        Runs by status.
    last : datetime
        When its last run began.
    metric : str
        By which the best is the best; empty where nothing was cross-validated.
    best, second : Judged or None
    compared : int
        How many were.
    tied : bool
        Whether the second is within one standard error of the best.
    differences : sequence of (name, of the best, of the second)
    held : sequence of (key, value, value on unseen rows, run)
        How the best did on held-out data; where there is no best, the newest run.
    findings : sequence of (code, grade, title, runs)
    """

    experiment_id: str
    name: str
    deleted: bool
    counts: dict[str, int]
    last: datetime
    metric: str = ""
    best: Judged | None = None
    second: Judged | None = None
    compared: int = 0
    tied: bool = False
    differences: Sequence[tuple[str, Any, Any]] = ()
    held: Sequence[tuple[str, float, float | None, str]] = ()
    findings: Sequence[tuple[str, int, str, int]] = ()


def glances(reader: Reader, wanted: Sequence[str] = ()) -> list[Glance]:
    """All experiments, the newest first; the newest, or those of some ids, with their best."""
    reader.store.reap()
    kinds = reader.kinds()
    with reader.store.reading() as connection:
        experiments = pages.experiments(connection)
        read = [row[0] for row in experiments if (str(row[0]) in wanted if wanted else not row[2])][
            :_MOST_READ
        ]
        scores = worth.cross_validated(connection, read)
        codes = worth.codes_of(connection, read)
        found = []
        for experiment in experiments:
            facts = dict(zip(("experiment_id", "name", "deleted", "counts", "last"), experiment,
                             strict=True))  # fmt: skip
            if experiment[0] in read:
                facts |= _best(connection, kinds, scores.get(experiment[0], []))
                if "best" not in facts:
                    newest = worth.newest_runs(connection, experiment[0], _MOST_NEWEST)
                    facts["held"] = _held_of(kinds, pages.lines(connection, newest))
                facts["findings"] = [
                    (code, grade, KINDS[code].title if code in KINDS else "", runs)
                    for code, grade, runs in codes.get(experiment[0], [])
                ]
            found.append(Glance(**facts))
    return found


def _best(
    connection: Any, kinds: Kinds, scores: Sequence[tuple[str, float, int]]
) -> dict[str, Any]:
    by_metric: dict[str, list[tuple[float, int]]] = {}
    for key, mean, run in scores:
        by_metric.setdefault(key, []).append((mean, run))
    if not by_metric:
        return {}
    metric = max(by_metric, key=lambda key: len(by_metric[key]))
    ranked = sorted(by_metric[metric], key=lambda found: (-found[0], found[1]))
    lines = pages.lines(connection, [run for _, run in ranked[:2]])
    judged = [_judged(line, metric, mean) for line, (mean, _) in zip(lines, ranked, strict=False)]
    best = judged[0]
    second = judged[1] if len(judged) > 1 else None
    differences: list[tuple[str, Any, Any]] = []
    tied = False
    if second is not None:
        tied = best.error is not None and best.mean - second.mean <= best.error
        if _model(best.line) != _model(second.line):
            differences.append(("model", _model(best.line), _model(second.line)))
        ours, theirs = best.line.params, second.line.params
        differences += [
            (key, ours.get(key, _UNSET), theirs.get(key, _UNSET))
            for key in sorted({*ours, *theirs})
            if ours.get(key) != theirs.get(key) or (key in ours) != (key in theirs)
        ]
    return {
        "metric": metric,
        "best": best,
        "second": second,
        "compared": len(ranked),
        "tied": tied,
        "differences": differences[:_MOST_DIFFERENCES],
        "held": _held(connection, kinds, best.line),
    }


def _judged(line: pages.Line, metric: str, mean: float) -> Judged:
    se, split = error_of(metric) or ("", "")
    return Judged(line, mean, line.metrics.get(se), line.counts.get(split, 0))


def _model(line: pages.Line) -> str:
    """What a run judged: of a candidate the search says it, and a name says it of others."""
    if line.kind == "candidate":
        return line.parent_id or ""
    return line.name.partition(": ")[2] or line.name


def _held(
    connection: Any, kinds: Kinds, line: pages.Line
) -> list[tuple[str, float, float | None, str]]:
    """How a model that was cross-validated did on held-out data: in its search, or its fit."""
    if line.kind == "candidate" and line.parent is not None:
        (search,) = pages.lines(connection, [line.parent])
        return _held_of(kinds, [search, *_fits_of(connection, line, search)])
    where = [line.number, *worth.same_fits(connection, line.number)]
    return _held_of(kinds, pages.lines(connection, where))


def _fits_of(connection: Any, line: pages.Line, search: pages.Line) -> list[pages.Line]:
    """The newest fits of the model that a candidate judged, with its params, by the user's hand."""
    inner = {k.removeprefix(_WITHIN): v for k, v in search.params.items() if k.startswith(_WITHIN)}
    newest = worth.newest_runs(connection, line.experiment_id, _MOST_NEWEST)
    return [
        fit
        for fit in pages.lines(connection, newest)
        if fit.kind == "fit"
        and _model(fit) == _model(search)
        and dict(fit.params) == {**inner, **line.params}
    ]


def _held_of(
    kinds: Kinds, lines: Sequence[pages.Line]
) -> list[tuple[str, float, float | None, str]]:
    """The scores on held-out data of the first of these runs that has some."""
    for each in lines:
        held = [
            (key, value, each.metrics.get(kinds.unseen(key) or ""), each.run_id)
            for key, value in each.metrics.items()
            if kinds.of_key(key) == "held"
        ]
        if held:
            return held[:_MOST_HELD]
    return []
