"""The part of the store that knows what changed since somebody last looked.

Triggers append the number of a run to a log with every row of it that is written. They are made
when somebody first asks for changes, so that a store that is sent nowhere pays nothing for them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from autotrack.entities import Metric
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.codec import decode_metric
from autotrack.store.tables.artifact_rows import ArtifactRows
from autotrack.store.tables.experiments import instant

#: In place of a run's number: an experiment or a registered model changed.
BESIDE_RUNS = 0

_OF_RUNS = ("params", "metrics", "tags", "run_datasets", "artifacts", "findings")
_BESIDE_RUNS = (
    "experiments",
    "experiment_tags",
    "registered_models",
    "registered_model_tags",
    "model_versions",
    "model_version_tags",
    "model_aliases",
)
_ROWS = {"INSERT": "new", "UPDATE": "new", "DELETE": "old"}

#: By key of a metric, the numbers of the last value and of the last stage that are known, and the
#: time of that value.
Known = Mapping[str, tuple[int, int, float]]


class Changes(ArtifactRows):
    """Which runs changed."""

    def watch_changes(self) -> None:
        """Note changes from now on; safe if it is done already."""
        with self.reading() as connection:
            if self._is_watched(connection):
                return
        with self.transaction() as connection:
            for name, trigger in triggers().items():
                connection.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {trigger}")

    def unwatch_changes(self) -> None:
        """Note changes no longer, and forget those that were noted."""
        with self.transaction() as connection:
            for name in triggers():
                connection.execute(f"DROP TRIGGER IF EXISTS {name}")
            connection.execute("DELETE FROM changes")

    def is_watched(self) -> bool:
        """Whether changes are noted."""
        with self.reading() as connection:
            return self._is_watched(connection)

    @staticmethod
    def _is_watched(connection: sqlite3.Connection) -> bool:
        found = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'changed\\_%'"
            " ESCAPE '\\'"
        ).fetchone()
        return int(found[0]) == len(triggers())

    def last_change(self) -> int:
        """The number of the newest change."""
        with self.reading() as connection:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM changes").fetchone()[0])

    def changed_runs(self, since: int, until: int) -> list[int]:
        """The numbers of what changed after the change `since`, up to the change `until`."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT DISTINCT run FROM changes WHERE id > ? AND id <= ? ORDER BY run",
                (since, until),
            ).fetchall()
        return [number for (number,) in rows]

    def forget_changes(self, until: int) -> None:
        """Drop what everybody knows. The newest stays, so that no number is given twice."""
        with self.transaction(durable=False) as connection:
            connection.execute(
                "DELETE FROM changes WHERE id <= ? AND id < (SELECT max(id) FROM changes)",
                (until,),
            )

    def all_runs(self) -> list[int]:
        """The numbers of all runs, in the order in which they began."""
        with self.reading() as connection:
            return [number for (number,) in connection.execute("SELECT id FROM runs ORDER BY id")]

    def run_of_number(self, number: int) -> str | None:
        """The id of a run; None where it is gone for good."""
        with self.reading() as connection:
            row = connection.execute("SELECT run_id FROM runs WHERE id = ?", (number,)).fetchone()
        return None if row is None else str(row[0])

    def metrics_since(
        self, run_id: str, known: Known
    ) -> tuple[list[Metric], dict[str, tuple[int, int, float]]]:
        """The values of a run's metrics that are new, and what is known with them.

        The best score of a running search takes the place of the one before: it is new as well.

        Returns
        -------
        list of Metric
            By key, in the order in which they were written.
        dict
            `known`, as it is to be given the next time. Keys that are gone are not in it.
        """
        found: list[Metric] = []
        now: dict[str, tuple[int, int, float]] = {}
        with self.reading() as connection:
            number = self._number(connection, run_id)
            rows = connection.execute(
                "SELECT key, number, value, step, time FROM metrics WHERE run = ?", (number,)
            ).fetchall()
            keys = connection.execute(
                "SELECT key, min(number), max(number) FROM earlier_metrics WHERE run = ?"
                " GROUP BY key",
                (number,),
            ).fetchall()
            earlier = {key: (first, last) for key, first, last in keys}
            latest = {key: (at, value, step, time) for key, at, value, step, time in rows}
            for key in sorted(latest.keys() | earlier.keys()):
                value_seen, stage_seen, time_seen = known.get(key, (-1, -(1 << 62), 0.0))
                at, stage, moment = value_seen, stage_seen, time_seen
                if key in earlier:
                    before = connection.execute(
                        "SELECT number, value, step, time FROM earlier_metrics WHERE run = ?"
                        " AND key = ? AND (number > ? OR (number < 0 AND number > ?))"
                        " ORDER BY number",
                        (number, key, value_seen, stage_seen),
                    )
                    for place, value, step, time in before:
                        found.append(Metric(key, decode_metric(value), step, instant(time)))
                        at, stage = (max(at, place), stage) if place >= 0 else (at, place)
                if key in latest:
                    place, value, step, time = latest[key]
                    if place > value_seen or time != time_seen:
                        found.append(Metric(key, decode_metric(value), step, instant(time)))
                        at, moment = place, time
                now[key] = (at, stage, moment)
        return found, now

    def stored_artifacts(self, run_id: str) -> list[StoredArtifact]:
        """The files of a run by path, with their locations."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT path, location, size, sha256 FROM artifacts WHERE run = ? ORDER BY path",
                (self._number(connection, run_id),),
            ).fetchall()
        return [StoredArtifact(*row) for row in rows]


def triggers() -> dict[str, str]:
    """What notes changes, by name: all that follows the name where a trigger is created."""
    note = "BEGIN INSERT INTO changes (run) VALUES ({}); END"
    made = {}
    for event, row in _ROWS.items():
        for table in _OF_RUNS:
            made[f"changed_{table}_{event.lower()}"] = (
                f"AFTER {event} ON {table} {note.format(f'{row}.run')}"
            )
        for table in _BESIDE_RUNS:
            made[f"changed_{table}_{event.lower()}"] = (
                f"AFTER {event} ON {table} {note.format(BESIDE_RUNS)}"
            )
        made[f"changed_runs_{event.lower()}"] = f"AFTER {event} ON runs {note.format(f'{row}.id')}"
    return made


__all__ = ["BESIDE_RUNS", "Changes", "Known", "triggers"]
