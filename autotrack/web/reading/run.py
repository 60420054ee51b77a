"""All that the page of one run shows."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from autotrack.analysis.alike import Fold, folded
from autotrack.analysis.evidence.catalogue import GRADES, KINDS
from autotrack.analysis.evidence.ledger import judged
from autotrack.analysis.words import swept
from autotrack.entities import Artifact, Finding, RunRecord
from autotrack.progress.counts import progress_of, time_left
from autotrack.runtime.dataclass import dataclass
from autotrack.store.search import pages, worth
from autotrack.web.reading import files
from autotrack.web.reading.found import Reader
from autotrack.web.reading.kinds import TITLES, error_of, label
from autotrack.web.reading.table import Beside, best_points, spread
from autotrack.web.reading.tree import Part, tree_of
from autotrack.web.rendering import url

_MOST_VALUES = 300
_MOST_USERS = 12
_MOST_CHILDREN = 1000
_MOST_METRICS = 500
# Tags of our own that say something to people.
_TOLD = {
    "autotrack.crate_error": "no crate",
    "autotrack.fit_error": "fit",
    "autotrack.verified": "verified",
    "autotrack.unset_seeds": "seeds that were never set",
    "autotrack.changed_after_fit": "changed after the fit",
    "autotrack.unknown_code": "code that is not known",
    "resumed_from": "resumed from",
    "not_resumed": "not resumed",
}


@dataclass(frozen=True, slots=True)
class Score:
    """A metric of the run with what stands beside it."""

    key: str
    label: str
    kind: str
    value: float
    error: float | None
    splits: int
    values: int
    place: str
    unseen: float | None
    seen: str
    judged: str
    history: Sequence[tuple[int, float]]
    joined: bool


@dataclass(frozen=True, slots=True)
class Crate:
    """A model that the run keeps."""

    name: str
    size: int
    files: Sequence[Artifact]
    manifest: Mapping[str, Any] | None

    @property
    def columns(self) -> Sequence[Mapping[str, Any]]:
        """What the contract says of each column."""
        schema = (self.manifest or {}).get("schema")
        found = schema.get("columns") if isinstance(schema, dict) else None
        return [c for c in found if isinstance(c, dict)] if isinstance(found, list) else []


@dataclass(frozen=True, slots=True)
class RunPage:
    """One run, read."""

    record: RunRecord
    line: pages.Line
    scores: Mapping[str, Sequence[Score]]
    further_metrics: int
    findings: Sequence[tuple[Finding, str, str]]
    tree: Part
    crates: Sequence[Crate]
    files: Sequence[Artifact]
    users: Mapping[str, Sequence[tuple[str, str, str]]]
    children: Sequence[pages.Line | Fold]
    tags: Mapping[str, str]
    told: Mapping[str, str]
    command: str
    progress: Any
    left: Any
    notes: Sequence[tuple[str, str]]
    differing: Collection[tuple[str, str]]

    @property
    def below(self) -> str:
        """The address of the runs below, as lines."""
        return url("/runs", where=f"parent_id = '{self.record.run_id}'", children=True)


def read_run(reader: Reader, run_id: str) -> RunPage:
    """Read a run by its id, or the beginning of it.

    Raises
    ------
    RunNotFoundError
        If there is none.
    """
    store = reader.store
    record = store.get_run(run_id)
    kinds = reader.kinds()
    with store.reading() as connection:
        (number,) = pages.numbers_of(connection, [record.run_id])
        read = {number: pages.lines(connection, [number])[0]}
        place = best_points(connection, read).get(number, "")
        line = read[number]
        histories = worth.histories(connection, number, _MOST_VALUES)
        beside = Beside.read(connection, kinds, [number])
        below = pages.below(connection, number, _MOST_CHILDREN)
        children = pages.lines(connection, below) if record.kind != "search" else []
        users = {
            use.data.fingerprint: [
                user
                for user in worth.fingerprint_users(
                    connection, use.data.fingerprint, _MOST_USERS + 1
                )
                if user[0] != record.run_id
            ]
            for use in record.datasets
        }
    seen = store.seen_rows(record.run_id)
    said = judged(store, record.run_id)
    scores: dict[str, list[Score]] = {kind: [] for kind in (*TITLES, "behind")}
    hidden = 0
    for key, value in line.metrics.items():
        kind = kinds.of_key(key)
        if kind == "part":
            continue
        if len(scores[kind]) >= _MOST_METRICS:
            hidden += 1
            continue
        data = kinds.data_of(key) or ""
        error, splits = spread(line, key, beside) if kind == "cv" else (None, 0)
        keys = error_of(key)
        history = histories.get(key, [])
        if kind == "cv" and keys is not None and len(history) < 2:
            history = histories.get(keys[1], [])
        rows = seen.get(data)
        scores[kind].append(
            Score(
                key,
                label(key),
                kind,
                value,
                error,
                splits,
                line.counts.get(key, 1),
                place if key.startswith(("mean_test_", "importances_mean")) else "",
                line.metrics.get(kinds.unseen(key) or ""),
                f"{rows.seen:,} of {rows.rows:,} rows were in training" if rows else "",
                next((text for name, text in said.items() if data in name.split(", ")), ""),
                history,
                kind not in ("cv", "behind") and len(history) > 2,
            )
        )
    artifacts = store.list_artifacts(record.run_id)
    crates = _crates(reader, record.run_id, artifacts)
    inside = {f"{crate.name}/" for crate in crates}
    return RunPage(
        record,
        line,
        {kind: found for kind, found in scores.items() if found},
        hidden,
        [
            (f, GRADES.get(f.grade, ""), KINDS[f.code].why if f.code in KINDS else "")
            for f in store.findings(record.run_id)
        ],
        tree_of(record.tags.get("estimator", record.name), record.params),
        crates,
        [a for a in artifacts if not any(a.path.startswith(name) for name in inside)],
        users,
        folded(children),
        {
            k: v
            for k, v in record.tags.items()
            if not k.startswith("autotrack.") and k not in ("estimator", "description", *_TOLD)
        },
        {_TOLD[k]: v for k, v in record.tags.items() if k in _TOLD},
        shlex.join(record.source.command) if record.source else "",
        progress_of(record),
        time_left(record),
        _notes(reader, record),
        swept(children),
    )


def _crates(reader: Reader, run_id: str, artifacts: Sequence[Artifact]) -> list[Crate]:
    names = [
        a.path.removesuffix("/manifest.json")
        for a in artifacts
        if a.path.endswith("/manifest.json") and a.path.count("/") == 1
    ]
    return [
        Crate(
            name,
            sum(a.size for a in artifacts if a.path.startswith(f"{name}/")),
            [a for a in artifacts if a.path.startswith(f"{name}/")],
            files.manifest(reader.store, run_id, name),
        )
        for name in sorted(names)
    ]


def _notes(reader: Reader, record: RunRecord) -> list[tuple[str, str]]:
    counts: dict[tuple[str, str], int] = {}
    for _, _, note in reader.store.notes(record.run_id):
        first = note.message.strip().partition("\n")[0]
        key = note.category.rpartition(".")[2], first
        counts[key] = counts.get(key, 0) + 1
    return [
        (category, f"{text} ({count} times)" if count > 1 else text)
        for (category, text), count in counts.items()
    ]
