"""The part of the store that keeps where the files of runs are, and what its packer wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from autotrack.entities import Artifact
from autotrack.errors import ArtifactNotFoundError
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.keys import clean_path, clean_text
from autotrack.store.nearest import nearest
from autotrack.store.tables.bulk_insert import insert_rows
from autotrack.store.tables.runs import Runs

#: The file that is called so, and those in the folder that is.
BELOW = "(path = :folder OR substr(path, 1, length(:folder) + 1) = :folder || '/')"


class ArtifactRows(Runs):
    """Artifacts of runs, by path."""

    def put_artifacts(self, run_id: str, rows: Iterable[StoredArtifact]) -> list[str]:
        """Keep where artifacts lie; a path kept before lies there now.

        Returns
        -------
        list of str
            Locations that nothing points at any more, to be discarded after the commit.
        """
        given = [
            (clean_path(row.path), clean_text(row.location), row.size, row.sha256) for row in rows
        ]
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            before = [
                found[0]
                for path, *_ in given
                for found in connection.execute(
                    "SELECT location FROM artifacts WHERE run = ? AND path = ?", (number, path)
                )
            ]
            return _replace(connection, number, given, before)

    def replace_folder(
        self,
        run_id: str,
        folder: str,
        rows: Iterable[StoredArtifact],
        packed: Iterable[str] = (),
    ) -> list[str]:
        """Like :meth:`put_artifacts`, and what `folder` held and does not hold now is dropped.

        `packed` are the digests of those that our own packer wrote.
        """
        folder = clean_path(folder)
        given = [
            (clean_path(row.path), clean_text(row.location), row.size, row.sha256) for row in rows
        ]
        with self.transaction() as connection:
            number = self._number(connection, run_id)
            asked = {"run": number, "folder": folder}
            inside = f"run = :run AND {BELOW}"
            below = connection.execute(
                f"SELECT location FROM artifacts WHERE {inside}", asked
            ).fetchall()
            before = [location for (location,) in below]
            if before:
                connection.execute(f"DELETE FROM artifacts WHERE {inside}", asked)
            remember_packed(connection, packed)
            return _replace(connection, number, given, before)

    def is_packed(self, sha256: str) -> bool:
        """Whether this store's own packer wrote the file of a digest."""
        with self.reading() as connection:
            found = connection.execute("SELECT 1 FROM packed WHERE sha256 = ?", (sha256,))
            return found.fetchone() is not None

    def list_artifacts(self, run_id: str, prefix: str | None = None) -> list[Artifact]:
        """The files of a run by path; with `prefix`, that file or those of that folder."""
        folder = None if prefix is None else clean_path(prefix)
        with self.reading() as connection:
            number = self._number(connection, run_id)
            rows = connection.execute(
                "SELECT path, size, sha256 FROM artifacts WHERE run = :run"
                f" AND (:folder IS NULL OR {BELOW}) ORDER BY path",
                {"run": number, "folder": folder},
            ).fetchall()
        return [Artifact(*row) for row in rows]

    def stored_folder(self, run_id: str, folder: str) -> list[StoredArtifact]:
        """The files of a folder of a run by path, with their locations."""
        with self.reading() as connection:
            number = self._number(connection, run_id)
            rows = connection.execute(
                "SELECT path, location, size, sha256 FROM artifacts WHERE run = :run"
                f" AND {BELOW} AND path <> :folder ORDER BY path",
                {"run": number, "folder": clean_path(folder)},
            ).fetchall()
        return [StoredArtifact(*row) for row in rows]

    def stored_artifact(self, run_id: str, path: str) -> StoredArtifact:
        """One file of a run, with its location.

        Raises
        ------
        ArtifactNotFoundError
            If the run has no such file; the message names those that look alike.
        """
        path = clean_path(path)
        with self.reading() as connection:
            number = self._number(connection, run_id)
            row = connection.execute(
                "SELECT path, location, size, sha256 FROM artifacts WHERE run = ? AND path = ?",
                (number, path),
            ).fetchone()
            if row is None:
                known = connection.execute(
                    "SELECT path FROM artifacts WHERE run = ? ORDER BY path LIMIT 1000", (number,)
                ).fetchall()
                raise ArtifactNotFoundError(
                    f"run {run_id} has no artifact {path!r}; "
                    + nearest(path, [name for (name,) in known], "it has none at all")
                )
        return StoredArtifact(*row)


def _replace(
    connection: sqlite3.Connection,
    number: int,
    rows: list[tuple[str, str, int, str]],
    before: list[str],
) -> list[str]:
    insert_rows(connection, "INSERT OR REPLACE INTO artifacts", [(number, *row) for row in rows])
    return unused(connection, before)


def remember_packed(connection: sqlite3.Connection, digests: Iterable[str]) -> None:
    """Keep that our own packer wrote the files of these digests."""
    insert_rows(connection, "INSERT OR IGNORE INTO packed", [(digest,) for digest in digests])


def unused(connection: sqlite3.Connection, locations: Iterable[str]) -> list[str]:
    """Those of the locations at which neither a run nor a registered model points."""
    used = (
        "SELECT 1 FROM artifacts WHERE location = :at"
        " UNION ALL SELECT 1 FROM model_version_files WHERE location = :at"
    )
    return [
        location
        for location in dict.fromkeys(locations)
        if connection.execute(used, {"at": location}).fetchone() is None
    ]
