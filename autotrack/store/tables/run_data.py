"""The part of the store that keeps what is known of a run."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from autotrack.entities import Column, Dataset, DatasetUse, Metric, Source
from autotrack.errors import InvalidValueError
from autotrack.printable import described
from autotrack.store.codec import INT64, decode_metric, encode_metric, encode_param
from autotrack.store.keys import clean_key, clean_path, clean_text
from autotrack.store.tables.artifact_rows import BELOW, ArtifactRows
from autotrack.store.tables.bulk_insert import Row, insert_rows
from autotrack.store.tables.experiments import instant

# A new value of a metric takes the place of the one before, which a trigger moves to the earlier
# ones. The last possible step has none after it.
_LAST = INT64[-1] - 1
_FOR_ITS_RUN = (
    # In the order of the values.
    ") AS v CROSS JOIN runs AS r ON r.run_id = v.column1 WHERE true"
    " ON CONFLICT (run, key) DO UPDATE SET"
    " number = number + 1, value = excluded.value, time = excluded.time, "
)
_AT_A_STEP = (
    "INSERT INTO metrics SELECT r.id, v.column2, 0, v.column5, v.column3, v.column4,"
    f" max(0, min(v.column5, {_LAST}) + 1) FROM (",
    _FOR_ITS_RUN + "step = excluded.step, next_step = max(next_step, excluded.next_step)",
)
_AT_THE_NEXT_STEP = (
    "INSERT INTO metrics SELECT r.id, v.column2, 0, 0, v.column3, v.column4, 1 FROM (",
    _FOR_ITS_RUN + f"step = next_step, next_step = min(next_step, {_LAST}) + 1",
)

# More than a metric has values.
_MOST_STAGES = 1 << 40

#: Key, value, step and time of a metric.
MetricRow = tuple[str, float, int | None, float]


class Facts(ArtifactRows):
    """Params, metrics, tags, datasets, sources and artifacts: a call adds all or nothing."""

    def set_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Keep params as they are typed; a key set before takes the new value.

        Raises
        ------
        InvalidValueError
            If a value is none that can be kept; then none is.
        """
        rows = [
            (clean_key(key, "param"), *encode_param(key, value)) for key, value in params.items()
        ]
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            insert_rows(
                connection, "INSERT OR REPLACE INTO params", [(number, *row) for row in rows]
            )

    def delete_params(self, run_id: str, keys: Iterable[str]) -> None:
        """Remove params; there need be none."""
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            connection.executemany(
                "DELETE FROM params WHERE run = ? AND key = ?", [(number, key) for key in keys]
            )

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Keep tags, as text; a key set before takes the new text."""
        rows = [(clean_key(key, "tag"), clean_text(value)) for key, value in tags.items()]
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            insert_rows(connection, "INSERT OR REPLACE INTO tags", [(number, *row) for row in rows])

    def tag(self, run_id: str, key: str) -> str | None:
        """The text of one tag; None without it."""
        with self.reading() as connection:
            number = self._number(connection, run_id)
            row: tuple[str] | None = connection.execute(
                "SELECT value FROM tags WHERE run = ? AND key = ?", (number, key)
            ).fetchone()
        return None if row is None else row[0]

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; there need be none."""
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            connection.execute("DELETE FROM tags WHERE run = ? AND key = ?", (number, key))

    def add_metrics(self, run_id: str, metrics: Iterable[MetricRow]) -> None:
        """Append to the history of metrics, which nothing overwrites.

        Parameters
        ----------
        run_id : str
        metrics : iterable of (key, value, step, time)
            Step None is the one after the highest so far; the first is 0. Time is in seconds
            since the epoch.

        Raises
        ------
        InvalidValueError
            If a value is no number or a step no 64-bit integer; then none is kept.
        """
        self.add_metrics_of({run_id: metrics})

    def add_metrics_of(self, metrics: Mapping[str, Iterable[MetricRow]]) -> None:
        """Like :meth:`add_metrics`, for several runs at once, by run id."""
        # What one statement writes, in the order of the values.
        parts: list[tuple[tuple[str, str], list[Row]]] = []
        for run_id, given in metrics.items():
            for key, value, step, at in given:
                row: Row = (run_id, clean_key(key, "metric"), encode_metric(key, value), float(at))
                statement = _AT_THE_NEXT_STEP
                if step is not None:
                    row, statement = (*row, _clean_step(key, step)), _AT_A_STEP
                if not parts or parts[-1][0] is not statement:
                    parts.append((statement, []))
                parts[-1][1].append(row)
        with self.transaction() as connection:
            missing = False
            for (head, tail), rows in parts:
                missing |= insert_rows(connection, head, rows, tail) < len(rows)
            if missing:
                for run_id in metrics:
                    self._number(connection, run_id)

    def add_stages(self, run_id: str, metrics: Iterable[tuple[str, float, int, float]]) -> None:
        """Add to the history of metrics what is not to become the value that is shown.

        Values of the stages that a model went through, which come before that of the model.

        Raises
        ------
        InvalidValueError
            As for :meth:`add_metrics`.
        """
        rows = [
            (clean_key(key, "metric"), encode_metric(key, value), float(at), _clean_step(key, step))
            for key, value, step, at in metrics
        ]
        if not rows:
            return
        with self.transaction() as connection:
            run = self._number(connection, run_id)
            # Numbers below those of `metrics`, which begin with 0.
            connection.executemany(
                "INSERT INTO earlier_metrics (run, key, number, value, time, step)"
                f" SELECT ?1, ?2, coalesce(max(number), {-_MOST_STAGES}) + 1, ?3, ?4, ?5"
                " FROM earlier_metrics WHERE run = ?1 AND key = ?2 AND number < 0",
                [(run, *row) for row in rows],
            )

    def metric_history(self, run_id: str, key: str) -> list[Metric]:
        """All values of a metric in the order they were written; empty if there is none."""
        with self.reading() as connection:
            number = self._number(connection, run_id)
            rows = connection.execute(
                "SELECT number, value, step, time FROM earlier_metrics"
                " WHERE run = :run AND key = :key UNION ALL SELECT number, value, step, time"
                " FROM metrics WHERE run = :run AND key = :key ORDER BY number",
                {"run": number, "key": key},
            ).fetchall()
        return [Metric(key, decode_metric(value), step, instant(at)) for _, value, step, at in rows]

    def rename_metrics(self, run_id: str, names: Mapping[str, str]) -> None:
        """Give metrics of a run other keys; one that it has already is gone on with."""
        if not names:
            return
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            for old, new in names.items():
                known = connection.execute(
                    "SELECT 1 FROM metrics WHERE run = ? AND key = ?", (number, new)
                ).fetchone()
                further = self.metric_history(run_id, old) if known else []
                for table in ("metrics", "earlier_metrics"):
                    change = "DELETE FROM {}" if known else "UPDATE {} SET key = :new"
                    connection.execute(
                        f"{change.format(table)} WHERE run = :run AND key = :old",
                        {"new": new, "run": number, "old": old},
                    )
                self.add_metrics(
                    run_id, [(new, m.value, None, m.time.timestamp()) for m in further]
                )

    def move_facts(
        self,
        source: str,
        target: str,
        metrics: Iterable[str],
        tags: Iterable[str],
        paths: Iterable[str],
    ) -> None:
        """Move metrics and tags by key, files and folders by path, and all data of a run."""
        with self.transaction() as connection:
            old, new = self._number(connection, source), self._number(connection, target)
            for table, keys in (
                ("metrics", metrics),
                ("earlier_metrics", metrics),
                ("tags", tags),
            ):
                connection.executemany(
                    f"UPDATE OR REPLACE {table} SET run = ? WHERE run = ? AND key = ?",
                    [(new, old, key) for key in keys],
                )
            connection.execute(
                "DELETE FROM run_datasets WHERE run = :new AND EXISTS (SELECT 1 FROM run_datasets"
                " AS o WHERE o.run = :old AND o.context = run_datasets.context"
                " AND o.name IS run_datasets.name AND o.dataset = run_datasets.dataset"
                " AND o.target IS run_datasets.target)",
                {"new": new, "old": old},
            )
            connection.execute("UPDATE run_datasets SET run = ? WHERE run = ?", (new, old))
            connection.executemany(
                f"UPDATE artifacts SET run = :new WHERE run = :old AND {BELOW}",
                [{"new": new, "old": old, "folder": clean_path(path)} for path in paths],
            )

    def add_dataset(self, run_id: str, use: DatasetUse) -> None:
        """Keep that a run saw a dataset; the same use told twice is one."""
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            data = self._dataset_number(connection, use.data)
            target = None if use.target is None else self._dataset_number(connection, use.target)
            name = None if use.name is None else clean_text(use.name)
            connection.execute(
                "INSERT INTO run_datasets (run, context, name, dataset, target)"
                " SELECT :run, :context, :name, :data, :target WHERE NOT EXISTS"
                " (SELECT 1 FROM run_datasets WHERE run = :run AND context = :context"
                " AND name IS :name AND dataset = :data AND target IS :target)",
                {
                    "run": number,
                    "context": clean_text(use.context),
                    "name": name,
                    "data": data,
                    "target": target,
                },
            )

    def _dataset_number(self, connection: sqlite3.Connection, dataset: Dataset) -> int:
        # By who it is: to compare its columns takes as long as to look for it.
        known = self._memory.get(("dataset", id(dataset)))
        if known is None:
            known = dataset, _dataset_number(connection, dataset)
            self._remember(("dataset", id(dataset)), known)
        return int(known[1])

    def add_source(self, source: Source) -> None:
        """Keep a source, or what is known of it now."""
        with self.transaction() as connection:
            if self._memory.get("source") is source:
                return
            self._remember("source", source)
            connection.execute(
                "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (source_id) DO UPDATE SET script = excluded.script,"
                " command = excluded.command, git_commit = excluded.git_commit,"
                " git_dirty = excluded.git_dirty, packages = excluded.packages"
                # Most often nothing is new, and then no page need be written.
                " WHERE (script, command, git_commit, git_dirty, packages) IS NOT (excluded.script,"
                " excluded.command, excluded.git_commit, excluded.git_dirty, excluded.packages)",
                (
                    source.source_id,
                    None if source.script is None else clean_text(source.script),
                    json.dumps(list(source.command)),
                    source.git_commit,
                    source.git_dirty,
                    clean_text(source.user),
                    clean_text(source.host),
                    source.pid,
                    clean_text(source.python),
                    clean_text(source.platform),
                    json.dumps(dict(source.packages)),
                ),
            )


def _clean_step(key: str, step: object) -> int | None:
    if step is None:
        return None
    try:
        number = step.__index__()  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        number = None
    if isinstance(number, int) and number in INT64:
        return number
    raise InvalidValueError(
        f"metric {key!r} has the step {described(step)}; give an integer, or None"
    )


def _dataset_number(connection: sqlite3.Connection, dataset: Dataset) -> int:
    shape = None if dataset.shape is None else json.dumps(dataset.shape)
    columns = json.dumps([[column.name, column.dtype] for column in dataset.columns])
    # The fingerprint is of the values; the same values under other names are another dataset.
    facts = json.dumps([dataset.fingerprint, dataset.kind, shape, columns])
    digest = hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()
    find = "SELECT id FROM datasets WHERE digest = ?"
    row = connection.execute(find, (digest,)).fetchone()
    if row is None:
        row = (
            connection.execute(
                "INSERT INTO datasets (digest, fingerprint, kind, shape, columns)"
                " VALUES (?, ?, ?, ?, ?)",
                (digest, dataset.fingerprint, clean_text(dataset.kind), shape, columns),
            ).lastrowid,
        )
    return int(row[0])


def read_dataset(fingerprint: str, kind: str, shape: str | None, columns: str) -> Dataset:
    """The dataset whose columns these are."""
    return Dataset(
        fingerprint,
        kind,
        None if shape is None else tuple(json.loads(shape)),
        tuple(Column(name, dtype) for name, dtype in json.loads(columns)),
    )
