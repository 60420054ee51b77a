"""What stands beside runs: their best candidates, what data judged, what else saw it, history."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from autotrack.runtime.dataclass import dataclass
from autotrack.store.codec import decode_metric


@dataclass(frozen=True, slots=True)
class HeldOutUse:
    """Data that a run was scored on: what it is called, its rows, and how many runs it judged."""

    context: str
    rows: int | None
    runs: int


def best_candidates(connection: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, int]:
    """The number of the best candidate of each of these runs that is a search and has one."""
    rows = connection.execute(
        "SELECT j.value, max(c.id) FROM json_each(?) AS j"
        " CROSS JOIN metrics AS b ON b.run = j.value AND b.key = 'best_index'"
        " CROSS JOIN runs AS c ON c.parent = j.value AND c.kind = 'candidate' AND NOT c.deleted"
        " CROSS JOIN metrics AS i ON i.run = c.id AND i.key = 'index' AND i.value = b.value"
        " GROUP BY j.value",
        (json.dumps(list(numbers)),),
    )
    return dict(rows.fetchall())


def held_out_uses(
    connection: sqlite3.Connection, numbers: Sequence[int]
) -> dict[int, list[HeldOutUse]]:
    """What these runs were scored on, and how many runs, candidates aside, were scored on it."""
    asked = {"runs": json.dumps(list(numbers))}
    uses = connection.execute(
        "SELECT u.run, u.context, u.dataset, u.target, d.shape FROM json_each(:runs) AS j"
        " CROSS JOIN run_datasets AS u ON u.run = j.value JOIN datasets AS d ON d.id = u.dataset"
        " WHERE u.context NOT IN ('train', 'validation')",
        asked,
    ).fetchall()
    wanted = json.dumps(list({dataset for _, _, dataset, _, _ in uses}))
    counts = {
        (dataset, target): count
        for dataset, target, count in connection.execute(
            "SELECT u.dataset, u.target, count(DISTINCT u.run) FROM run_datasets AS u"
            " JOIN runs AS r ON r.id = u.run WHERE u.dataset IN (SELECT value FROM json_each(?))"
            " AND u.context <> 'train' AND NOT r.deleted AND r.kind <> 'candidate'"
            " GROUP BY u.dataset, u.target",
            (wanted,),
        )
    } if uses else {}  # fmt: skip
    found: dict[int, list[HeldOutUse]] = {}
    for run, context, dataset, target, shape in uses:
        rows = None if shape is None else json.loads(shape)[0]
        use = HeldOutUse(context, rows, counts.get((dataset, target), 1))
        found.setdefault(run, []).append(use)
    return found


def cross_validated(
    connection: sqlite3.Connection, experiment_ids: Sequence[str]
) -> dict[str, list[tuple[str, float, int]]]:
    """The means over splits that runs of experiments have: metric, mean and number of the run.

    Candidates of searches are among the runs; of a halving search those of the last round alone.
    """
    rows = connection.execute(
        "SELECT r.experiment, m.key, m.value, r.id, r.parent,"
        " (SELECT value FROM metrics AS i WHERE i.run = r.id AND i.key = 'iter')"
        " FROM runs AS r CROSS JOIN metrics AS m ON m.run = r.id"
        " AND m.key >= 'mean_test_' AND m.key < 'mean_test`' AND m.value IS NOT NULL"
        # A curve has a mean for each of its points.
        " AND m.number = 0"
        " WHERE r.experiment IN (SELECT CAST(value AS INTEGER) FROM json_each(?))"
        " AND NOT r.deleted AND r.kind IN ('candidate', 'validation', 'fit', 'user')",
        (json.dumps(list(experiment_ids)),),
    ).fetchall()
    last: dict[int, float] = {}
    for _, _, _, _, parent, iteration in rows:
        if iteration is not None:
            last[parent] = max(last.get(parent, 0.0), iteration)
    found: dict[str, list[tuple[str, float, int]]] = {}
    for experiment, key, mean, run, parent, iteration in rows:
        if iteration is None or iteration == last[parent]:
            found.setdefault(str(experiment), []).append((key, mean, run))
    return found


def newest_runs(connection: sqlite3.Connection, experiment_id: str, most: int) -> list[int]:
    """The numbers of the newest runs of an experiment that have no parent."""
    rows = connection.execute(
        "SELECT id FROM runs WHERE experiment = CAST(? AS INTEGER) AND NOT deleted"
        " AND parent IS NULL ORDER BY id DESC LIMIT ?",
        (experiment_id, most),
    )
    return [found for (found,) in rows]


def same_fits(connection: sqlite3.Connection, number: int) -> list[int]:
    """The runs of the same model with the same params, in the same experiment; newest first."""
    rows = connection.execute(
        "SELECT o.id FROM tags AS t JOIN runs AS r ON r.id = t.run"
        " JOIN runs AS o ON o.experiment = r.experiment AND NOT o.deleted AND o.id <> r.id"
        " JOIN tags AS s ON s.run = o.id AND s.key = t.key AND s.value = t.value"
        " WHERE t.run = ? AND t.key = 'autotrack.fit' ORDER BY o.id DESC LIMIT 5",
        (number,),
    )
    return [found for (found,) in rows]


def codes_of(connection: sqlite3.Connection, experiment_ids: Sequence[str]) -> dict[
    str, list[tuple[str, int, int]]
]:  # fmt: skip
    """What was found in experiments: code, grade and how many runs, the gravest first."""
    rows = connection.execute(
        "SELECT r.experiment, f.code, max(f.grade), count(DISTINCT f.run) FROM findings AS f"
        " CROSS JOIN runs AS r ON r.id = f.run AND NOT r.deleted"
        " WHERE r.experiment IN (SELECT CAST(value AS INTEGER) FROM json_each(?))"
        " GROUP BY r.experiment, f.code ORDER BY 3 DESC, f.code",
        (json.dumps(list(experiment_ids)),),
    )
    found: dict[str, list[tuple[str, int, int]]] = {}
    for experiment, code, grade, runs in rows:
        found.setdefault(str(experiment), []).append((code, grade, runs))
    return found


def fingerprint_users(
    connection: sqlite3.Connection, fingerprint: str, most: int
) -> list[tuple[str, str, str]]:
    """The id and name of runs that saw the same data, with what they called it; newest first."""
    return connection.execute(
        "SELECT DISTINCT r.run_id, r.name, u.context FROM datasets AS d"
        " JOIN run_datasets AS u ON u.dataset = d.id JOIN runs AS r ON r.id = u.run"
        " WHERE d.fingerprint = ? AND NOT r.deleted AND r.kind <> 'candidate'"
        " ORDER BY r.id DESC LIMIT ?",
        (fingerprint, most),
    ).fetchall()


def history(connection: sqlite3.Connection, number: int, key: str) -> list[float]:
    """The values that a metric of a run has had, in the order in which they were written."""
    rows = connection.execute(
        "SELECT number, value FROM earlier_metrics WHERE run = :run AND key = :key UNION ALL"
        " SELECT number, value FROM metrics WHERE run = :run AND key = :key ORDER BY 1",
        {"run": number, "key": key},
    )
    return [decode_metric(value) for _, value in rows]


def histories(
    connection: sqlite3.Connection, number: int, most: int
) -> dict[str, list[tuple[int, float]]]:
    """Step and value of the metrics of a run that have had several; of each the first so many."""
    rows = connection.execute(
        "SELECT key, step, value FROM earlier_metrics WHERE run = :run UNION ALL"
        " SELECT key, step, value FROM metrics AS m WHERE run = :run AND EXISTS"
        " (SELECT 1 FROM earlier_metrics AS e WHERE e.run = m.run AND e.key = m.key)",
        {"run": number},
    )
    found: dict[str, list[tuple[int, float]]] = {}
    for key, step, value in rows:
        held = found.setdefault(key, [])
        if len(held) < most:
            held.append((step, decode_metric(value)))
    return found
