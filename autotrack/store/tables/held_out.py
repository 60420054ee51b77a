"""The part of the store that tells which models were judged on which data: the ledger's entries.

Nothing is written for it: what it tells are the runs themselves, so whatever keeps runs (eight
processes, a kill, a merge of stores) keeps the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
_FIT_TAG, _CODE_TAG = "autotrack.fit", "autotrack.code"
# What begins metrics that come of splits, and the data that was split, by the kind of run.
_OF_SPLITS = ("best_score", "mean_test_")
_SPLIT_DATA = frozenset({("search", "train"), ("validation", "validation")})


@dataclass(frozen=True, slots=True)
class Judgement:
    """One model that was judged on one held-out set.

    `model` is equal for models of the same class and params, trained on the same data by the same
    code of the user's own; without seeds these may be different models yet, which their `scores`
    tell: by the name of the metric.
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


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of one run's score of some name.

    Attributes
    ----------
    run_id : str
    data : str
        What the data is called in the key; empty where that is not known.
    held_out_set : tuple or None
        The fingerprints of X and y that it was computed on.
    metric : str
        Which metric it is, where its name does not say so.
    """

    run_id: str
    data: str
    held_out_set: tuple[str, str | None] | None
    metric: str


def _context_of(key: str, contexts: Iterable[str]) -> str | None:
    """Which data of a run the key of a score is about: `test` and `test_5add7c` may both be."""
    known = [context for context in contexts if key.startswith(f"{context}_")]
    return max(known, key=len, default=None)


class HeldOut(Runs):
    """Which models were judged on which data."""

    def judgements(self, *run_ids: str) -> list[Judgement]:
        """All judgements, oldest first; with runs, those on data that they were judged on.

        Data that shares rows with theirs is theirs, too.
        """
        wanted, asked = "", {"tag": _FIT_TAG, "code": _CODE_TAG}
        if run_ids:
            wanted = (
                " AND u.dataset IN (WITH own AS (SELECT d.id, d.fingerprint FROM run_datasets AS o"
                " JOIN runs AS q ON q.id = o.run JOIN datasets AS d ON d.id = o.dataset"
                " WHERE q.run_id IN (SELECT value FROM json_each(:runs)) AND o.context != 'train')"
                " SELECT id FROM own UNION SELECT t.id FROM own JOIN shared_rows AS s"
                " ON s.fingerprint = own.fingerprint JOIN datasets AS t"
                " ON t.fingerprint = s.other)"
            )
            asked["runs"] = json.dumps(run_ids)
        uses = (
            " FROM run_datasets AS u JOIN runs AS r ON r.id = u.run"
            " WHERE NOT r.deleted AND r.kind NOT IN ('candidate', 'validation')"
            f" AND u.context != 'train'{wanted}"
        )
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT r.id, r.run_id, r.experiment, r.start_time, u.context, u.dataset, u.target,"
                " (SELECT value FROM tags WHERE run = r.id AND key = :tag),"
                " (SELECT value FROM tags WHERE run = r.id AND key = :code),"
                " (SELECT group_concat(dataset || '/' || ifnull(target, '')) FROM run_datasets"
                f" WHERE run = r.id AND context = 'train'){uses} ORDER BY r.start_time, u.id",
                asked,
            ).fetchall()
            metrics = connection.execute(
                "SELECT m.run, m.key, m.value FROM metrics AS m"
                f" WHERE m.run IN (SELECT u.run{uses})",
                asked,
            ).fetchall()
            named = connection.execute(
                f"SELECT run, context FROM run_datasets WHERE run IN (SELECT u.run{uses})", asked
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
        contexts: dict[int, set[str]] = {}
        for run, context in named:
            contexts.setdefault(run, set()).add(context)
        found: list[Judgement] = []
        for run, known, experiment, start, context, data, target, fit, code, trained in rows:
            if _NOT_HELD_OUT.match(context):
                continue
            own = {
                key.removeprefix(f"{context}_"): value
                for key, value in scores.get(run, {}).items()
                if _context_of(key, contexts[run]) == context
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
                    (fit or known, trained, code),
                    own,
                )
            )
        return found

    def measured(
        self,
        metric: str,
        score_tag: str,
        *,
        run_ids: Iterable[str] | None = None,
        experiment_id: str | None = None,
    ) -> list[Measured]:
        """On which data, and by what, the runs with a metric were scored; candidates aside."""
        asked: dict[str, object] = {"metric": metric, "tag": score_tag}
        wanted = ""
        if run_ids is not None:
            wanted += " AND r.run_id IN (SELECT value FROM json_each(:runs))"
            asked["runs"] = json.dumps(list(run_ids))
        if experiment_id is not None:
            wanted += " AND CAST(r.experiment AS TEXT) = :experiment"
            asked["experiment"] = experiment_id
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT r.run_id, r.kind, u.context, d.fingerprint, t.fingerprint,"
                " (SELECT value FROM tags WHERE run = r.id AND key = :tag),"
                " (SELECT value FROM params WHERE run = r.id AND key = 'scoring')"
                " FROM metrics AS m JOIN runs AS r ON r.id = m.run"
                " LEFT JOIN run_datasets AS u ON u.run = r.id"
                " LEFT JOIN datasets AS d ON d.id = u.dataset"
                " LEFT JOIN datasets AS t ON t.id = u.target"
                " WHERE m.key = :metric AND m.value IS NOT NULL AND NOT r.deleted"
                f" AND r.kind != 'candidate'{wanted} ORDER BY r.start_time, r.id, u.id",
                asked,
            ).fetchall()
        found: dict[str, Measured] = {}
        for run_id, kind, context, data, target, score, scoring in rows:
            known = found.get(run_id)
            # Means over splits are of the data that was split.
            of_splits = metric.startswith(_OF_SPLITS) and (kind, context) in _SPLIT_DATA
            is_its = context is not None and (of_splits or metric.startswith(f"{context}_"))
            if known is not None and (not is_its or len(known.data) >= len(context)):
                continue
            if not is_its:
                found[run_id] = Measured(run_id, "", None, "")
                continue
            named = ""
            if of_splits:
                named = (scoring or "score") if metric == "best_score" else ""
            elif metric == f"{context}_score":
                named = score or ""
            found[run_id] = Measured(run_id, context, (data, target), named)
        return list(found.values())

    def fitted_below(self, run_id: str, most: int) -> list[tuple[str, str | None]]:
        """A run and its newest children that are fits, and which data each was trained on."""
        with self.reading() as connection:
            return connection.execute(
                "SELECT r.run_id, (SELECT group_concat(dataset || '/' || ifnull(target, ''))"
                " FROM run_datasets WHERE run = r.id AND context = 'train') FROM runs AS r"
                " WHERE NOT r.deleted AND (r.run_id = :run OR r.kind = 'fit' AND r.parent ="
                " (SELECT id FROM runs WHERE run_id = :run)) ORDER BY r.id DESC LIMIT :most",
                {"run": run_id, "most": most},
            ).fetchall()

    def common_metrics(self, run_ids: Iterable[str]) -> list[str]:
        """The keys of the metrics that more than one of some runs have."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT m.key FROM metrics AS m JOIN runs AS r ON r.id = m.run"
                " WHERE r.run_id IN (SELECT value FROM json_each(?))"
                " GROUP BY m.key HAVING count(*) > 1 ORDER BY m.key",
                (json.dumps(list(run_ids)),),
            ).fetchall()
        return [key for (key,) in rows]
