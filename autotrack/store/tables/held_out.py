"""The part of the store that tells which models were judged on which data: the ledger's entries.

Nothing is written for it: what it tells are the runs themselves, so whatever keeps runs (eight
processes, a kill, a merge of stores) keeps the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern
from autotrack.store.codec import decode_metric
from autotrack.store.tables.experiments import instant
from autotrack.store.tables.runs import Runs

# What data is called on which a model was trained, or which is not held out as one set.
_NOT_HELD_OUT = pattern(
    r"^(train|train_part|relabelled_train|oob|oof|validation)(_[0-9a-f]{6}|_others)?$"
)
_FIT_TAG = "autotrack.fit"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One model that was judged on one held-out set.

    `model` is equal for models of the same class and params, trained on the same data, with the
    same scores; `scores` are by the name of the metric.
    """

    run_id: str
    experiment: str
    time: datetime
    data: str
    rows: int | None
    fingerprint: str
    target: str | None
    model: tuple[object, ...]
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def held_out_set(self) -> tuple[str, str | None]:
        """What tells held-out sets apart: the fingerprints of X and y."""
        return self.fingerprint, self.target


class HeldOut(Runs):
    """Which models were judged on which data."""

    def judgements(self, run_id: str | None = None) -> list[Judgement]:
        """All judgements, oldest first; with a run, those on the data that it was judged on."""
        wanted, asked = "", {"tag": _FIT_TAG}
        if run_id is not None:
            wanted = (
                " AND u.dataset IN (SELECT o.dataset FROM run_datasets AS o JOIN runs AS q"
                " ON q.id = o.run WHERE q.run_id = :run)"
            )
            asked["run"] = run_id
        uses = (
            " FROM run_datasets AS u JOIN runs AS r ON r.id = u.run"
            " WHERE NOT r.deleted AND r.kind NOT IN ('candidate', 'validation')"
            f" AND u.context != 'train'{wanted}"
        )
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT r.id, r.run_id, r.experiment, r.start_time, u.context, u.dataset, u.target,"
                " (SELECT value FROM tags WHERE run = r.id AND key = :tag),"
                " (SELECT group_concat(dataset || '/' || ifnull(target, '')) FROM run_datasets"
                f" WHERE run = r.id AND context = 'train'){uses} ORDER BY r.start_time, u.id",
                asked,
            ).fetchall()
            metrics = connection.execute(
                "SELECT m.run, m.key, m.value FROM metrics AS m"
                f" WHERE m.run IN (SELECT u.run{uses})",
                asked,
            ).fetchall()
            experiments = dict(connection.execute("SELECT id, name FROM experiments").fetchall())
            datasets = {
                number: (fingerprint, shape)
                for number, fingerprint, shape in connection.execute(
                    "SELECT id, fingerprint, shape FROM datasets"
                )
            }
        scores: dict[int, dict[str, float]] = {}
        for run, key, value in metrics:
            scores.setdefault(run, {})[key] = decode_metric(value)
        found: list[Judgement] = []
        for run, known, experiment, start, context, data, target, fit, trained in rows:
            if _NOT_HELD_OUT.match(context):
                continue
            own = {
                key.removeprefix(f"{context}_"): value
                for key, value in scores.get(run, {}).items()
                if key.startswith(f"{context}_")
            }
            fingerprint, shape = datasets[data]
            found.append(
                Judgement(
                    known,
                    experiments[experiment],
                    instant(start),
                    context,
                    None if shape is None else json.loads(shape)[0],
                    fingerprint,
                    datasets[target][0] if target is not None else None,
                    (fit or known, trained, *sorted(own.items())),
                    own,
                )
            )
        return found
