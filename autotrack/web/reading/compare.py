"""Two to two hundred runs held against each other: what differs on top, what is the same behind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from autotrack.analysis.explaining.explanation import Explanation, explain_runs
from autotrack.entities import RunRecord
from autotrack.errors import AutotrackError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search import pages
from autotrack.store.store import Store
from autotrack.web.reading import files
from autotrack.web.reading.found import Reader
from autotrack.web.reading.kinds import TITLES, error_of
from autotrack.web.reading.table import Beside, spread

MOST = 200
_MOST_CURVES = 8
# Of many runs the keys that most of them have are compared.
_MOST_CELLS, _FEWEST_ROWS = 6000, 25
# The tables of scores that are curves, by what their names end in.
_CURVE_FILES = ("roc_curve.csv", "precision_recall_curve.csv", "calibration_curve.csv")


@dataclass(frozen=True, slots=True)
class Value:
    """What one run has in a row; `error` is the standard error of a mean."""

    known: bool
    value: Any = None
    error: float | None = None
    best: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that runs are compared by."""

    name: str
    values: Sequence[Value]
    differs: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs, compared. `sections` has the rows by what they are about."""

    runs: Sequence[pages.Line]
    sections: Sequence[tuple[str, Sequence[Row]]]
    explanation: Explanation | None
    missing: int
    curves: Sequence[tuple[str, Sequence[tuple[str, list[str], list[list[str]]]]]]


def compare(reader: Reader, run_ids: Sequence[str]) -> Comparison:
    """Hold runs against each other, in the order that they were named in."""
    store = reader.store
    asked = list(dict.fromkeys(run_ids))[:MOST]
    kinds = reader.kinds()
    with store.reading() as connection:
        numbers = pages.numbers_of(connection, asked)
        lines = pages.lines(connection, numbers)
        beside = Beside.read(connection, kinds, numbers)
    records = [store.get_run(line.run_id) for line in lines]
    explanation = explain_runs(store, records[0], records[1]) if len(records) == 2 else None
    sections: list[tuple[str, Sequence[Row]]] = []
    most = max(_FEWEST_ROWS, _MOST_CELLS // max(1, len(lines)))
    keys = _common([line.metrics for line in lines], most)
    for kind, title in TITLES.items():
        rows = [
            _score_row(key, lines, beside, marks_best=kind == "cv")
            for key in keys
            if kinds.of_key(key) == kind
        ]
        if rows:
            sections.append((title, rows))
    params = sorted(_common([line.params for line in lines], most))
    sections.append(
        ("Params", [_row(key, [_known(line.params, key) for line in lines]) for key in params])
    )
    sections += [
        ("Data", _data_rows(records)),
        ("Code and environment", _environment_rows(records)),
    ]
    return Comparison(
        lines,
        [(title, _sorted(rows)) for title, rows in sections if rows],
        explanation,
        len(asked) - len(lines),
        _curves(store, lines) if len(lines) <= _MOST_CURVES else [],
    )


def _common(held: Sequence[Mapping[str, Any]], most: int) -> list[str]:
    """The keys that most have, in the order in which they come up."""
    counts = Counter(key for each in held for key in each)
    kept = {key for key, _ in counts.most_common(most)}
    return [key for key in counts if key in kept]


def _sorted(rows: Sequence[Row]) -> list[Row]:
    """What differs first, in the order that it had."""
    return sorted(rows, key=lambda row: not row.differs)


def _row(name: str, values: Sequence[Value]) -> Row:
    texts = {json.dumps([v.known, type(v.value).__name__, repr(v.value)]) for v in values}
    return Row(name, values, len(texts) > 1)


def _known(held: Any, key: str) -> Value:
    return Value(True, held[key]) if key in held else Value(False)


def _score_row(key: str, lines: Sequence[pages.Line], beside: Beside, *, marks_best: bool) -> Row:
    known = [line.metrics[key] for line in lines if key in line.metrics]
    # A scorer of scikit-learn is the better the greater; of held-out scores none is marked.
    best = max(known) if marks_best and len(known) > 1 and error_of(key) is not None else None
    values = [
        Value(True, line.metrics[key], spread(line, key, beside)[0], line.metrics[key] == best)
        if key in line.metrics
        else Value(False)
        for line in lines
    ]
    return _row(key, values)


def _data_rows(records: Sequence[RunRecord]) -> list[Row]:
    uses: dict[str, list[Value]] = {}
    for place, record in enumerate(records):
        for use in record.datasets:
            row = uses.setdefault(use.context, [Value(False)] * len(records))
            shape = " x ".join(map(str, use.data.shape)) if use.data.shape else "?"
            digits = use.data.fingerprint.rpartition(":")[2][:8]
            target = f" / {use.target.fingerprint.rpartition(':')[2][:8]}" if use.target else ""
            row[place] = Value(True, f"{shape}  {digits}{target}")
    return [_row(context, values) for context, values in uses.items()]


def _environment_rows(records: Sequence[RunRecord]) -> list[Row]:
    found: list[dict[str, Any]] = []
    for record in records:
        source = record.source
        facts: dict[str, Any] = {"estimator": record.tags.get("estimator")}
        if source is not None:
            facts |= {
                "script": source.script,
                "commit": source.git_commit[:12] if source.git_commit else None,
                "changes beyond the commit": source.git_dirty,
                "python": source.python,
                "platform": source.platform,
                **{f"package {name}": version for name, version in source.packages.items()},
            }
        found.append({key: value for key, value in facts.items() if value is not None})
    keys = dict.fromkeys(key for facts in found for key in facts)
    return [_row(key, [_known(facts, key) for facts in found]) for key in keys]


def _curves(
    store: Store, lines: Sequence[pages.Line]
) -> list[tuple[str, Sequence[tuple[str, list[str], list[list[str]]]]]]:
    """The curves that several of the runs have, with the tables that they are drawn from."""
    held: dict[str, list[tuple[str, list[str], list[list[str]]]]] = {}
    for line in lines:
        for artifact in store.list_artifacts(line.run_id, "scores"):
            if artifact.path.endswith(_CURVE_FILES):
                try:
                    heading, rows = files.table(store, line.run_id, artifact.path)
                except (AutotrackError, OSError, ValueError):
                    continue
                name = artifact.path.removeprefix("scores/").removesuffix(".csv")
                held.setdefault(name, []).append((f"{line.run_id[:6]} {line.name}", heading, rows))
    return [(name, found) for name, found in held.items() if len(found) > 1]
