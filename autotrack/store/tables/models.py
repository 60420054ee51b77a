"""The part of the store that keeps registered models: names, versions and aliases.

A version holds on to its files itself: what becomes of the run's artifacts changes nothing of it.
"""

# Long because models, versions and aliases change together, in one transaction.

from __future__ import annotations

import difflib
import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import Any

from autotrack.entities import ModelVersion
from autotrack.errors import InvalidValueError, ModelNotFoundError
from autotrack.printable import described
from autotrack.runtime.patterns import pattern
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.keys import clean_key, clean_path, clean_text
from autotrack.store.sqlite_errors import explained
from autotrack.store.syncing import sync_files
from autotrack.store.tables.artifact_rows import remember_packed, unused
from autotrack.store.tables.bulk_insert import insert_rows
from autotrack.store.tables.experiments import instant
from autotrack.store.tables.run_data import Facts

# What stands in `models:/<name>/<version>` and `models:/<name>@<alias>`.
_NAME = pattern(r"[^/@:\s](?:[^/@:\n\r\t]*[^/@:\s])?")
_NUMBER = pattern(r"\d{1,18}")
_ALIAS = pattern(r"(?!\d+$)(?!latest$)[\w.-]+")

_SELECT = """
    SELECT m.name, v.version, r.run_id, v.source, v.created, v.user, v.description, v.id, m.id
    FROM model_versions AS v JOIN registered_models AS m ON m.id = v.model
    LEFT JOIN runs AS r ON r.id = v.run
"""


class Registry(Facts):
    """Registered models. Versions are numbered from 1, and a number is never given twice."""

    def add_model_version(
        self,
        name: str,
        files: Iterable[StoredArtifact],
        *,
        run_id: str | None,
        source: str,
        user: str,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        packed: Iterable[str] = (),
    ) -> ModelVersion:
        """Keep files as the next version of a model, which is made if there is none of the name.

        Parameters
        ----------
        name : str
        files : iterable of StoredArtifact
            Paths are relative to the crate.
        run_id : str or None
            The run it came from, which cannot be deleted any more.
        source : str
            What was registered.
        user : str
            Who did it.
        description : str
        tags : mapping, optional
        packed : iterable of str
            The digests of files that are to count as written by our own packer.

        Raises
        ------
        InvalidValueError
            If the name cannot be one.
        RunNotFoundError
            If there is no such run.
        """
        name = clean_model_name(name)
        now = time.time()
        files, folder = list(files), self.root / "artifacts"
        with explained(folder):
            # Before the rows that name them, which are durable.
            sync_files([folder / file.location for file in files])
        with self.transaction() as connection:
            run = None if run_id is None else self._number(connection, run_id)
            connection.execute(
                "INSERT INTO registered_models (name, created) VALUES (?, ?)"
                " ON CONFLICT (name) DO NOTHING",
                (name, now),
            )
            model, version = connection.execute(
                "SELECT id, next_version FROM registered_models WHERE name = ?", (name,)
            ).fetchone()
            connection.execute(
                "UPDATE registered_models SET next_version = next_version + 1 WHERE id = ?",
                (model,),
            )
            number = connection.execute(
                "INSERT INTO model_versions (model, version, run, source, user, description,"
                " created) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    model,
                    version,
                    run,
                    clean_text(source),
                    clean_text(user),
                    clean_text(description),
                    now,
                ),
            ).lastrowid
            insert_rows(
                connection,
                "INSERT INTO model_version_files",
                [
                    (number, clean_path(f.path), clean_text(f.location), f.size, f.sha256)
                    for f in files
                ],
            )
            self._put_tags(connection, "model_version_tags", number, tags or {})
            remember_packed(connection, packed)
            return self._version(connection, name, version)

    def model_version(self, name: str, version: int | str) -> ModelVersion:
        """A version by its number, by an alias, or ``"latest"`` for the newest.

        Raises
        ------
        ModelNotFoundError
            If there is none; the message has what there is.
        """
        with self.reading() as connection:
            return self._version(connection, name, version)

    def model_versions(self, name: str | None = None) -> list[ModelVersion]:
        """Every version of every model, or of one: by name, the newest first.

        Raises
        ------
        ModelNotFoundError
            If there is no model of this name.
        """
        with self.reading() as connection:
            if name is not None:
                self._model(connection, name)
            rows = connection.execute(
                f"{_SELECT} WHERE :name IS NULL OR m.name = :name ORDER BY m.name, v.version DESC",
                {"name": name},
            ).fetchall()
            return [self._read(connection, row) for row in rows]

    def model_files(self, name: str, version: int) -> list[StoredArtifact]:
        """The files of a version, by path."""
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT f.path, f.location, f.size, f.sha256 FROM model_version_files AS f"
                " JOIN model_versions AS v ON v.id = f.version"
                " JOIN registered_models AS m ON m.id = v.model"
                " WHERE m.name = ? AND v.version = ? ORDER BY f.path",
                (name, version),
            ).fetchall()
        return [StoredArtifact(*row) for row in rows]

    def set_model_alias(self, name: str, alias: str, version: int) -> None:
        """Let an alias point at a version; it leaves the one it pointed at.

        Raises
        ------
        InvalidValueError
            If the text cannot be an alias.
        ModelNotFoundError
            If there is no such version.
        """
        if not _ALIAS.fullmatch(str(alias)) or alias != str(alias):
            raise InvalidValueError(
                f"{described(alias)} cannot be an alias; use letters, digits, '.', '_' and '-', "
                "and neither a number alone nor 'latest'"
            )
        with self.transaction() as connection:
            model, number = self._ids(connection, name, version)
            connection.execute(
                "INSERT OR REPLACE INTO model_aliases VALUES (?, ?, ?)", (model, alias, number)
            )

    def delete_model_alias(self, name: str, alias: str) -> None:
        """Remove an alias.

        Raises
        ------
        ModelNotFoundError
            If the model has none of this name.
        """
        with self.transaction() as connection:
            version = self._version(connection, name, alias)
            if alias not in version.aliases:
                raise self._no_version(connection, name, alias)
            connection.execute(
                "DELETE FROM model_aliases WHERE alias = ? AND model ="
                " (SELECT id FROM registered_models WHERE name = ?)",
                (alias, name),
            )

    def update_model(
        self,
        name: str,
        version: int | str | None = None,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Describe a model, or one version of it; tags that are not given stay as they are."""
        with self.transaction() as connection:
            if version is None:
                table, number = "registered_models", self._model(connection, name)
                tag_table = "registered_model_tags"
            else:
                table, number = "model_versions", self._ids(connection, name, version)[1]
                tag_table = "model_version_tags"
            if description is not None:
                connection.execute(
                    f"UPDATE {table} SET description = ? WHERE id = ?",
                    (clean_text(description), number),
                )
            self._put_tags(connection, tag_table, number, tags or {})

    def delete_model(self, name: str, version: int | str | None = None) -> list[str]:
        """Take a version, or a model with all of them, out of the registry.

        Its number is not given again as long as the model is there. The run keeps its crate.

        Returns
        -------
        list of str
            Locations that nothing points at any more, to be discarded after the commit.
        """
        with self.transaction() as connection:
            if version is None:
                model = self._model(connection, name)
                where, asked = "v.model = ?", model
            else:
                model, asked = self._ids(connection, name, version)
                where = "v.id = ?"
            locations = [
                row[0]
                for row in connection.execute(
                    "SELECT DISTINCT f.location FROM model_version_files AS f"
                    f" JOIN model_versions AS v ON v.id = f.version WHERE {where}",
                    (asked,),
                )
            ]
            connection.execute(f"DELETE FROM model_versions AS v WHERE {where}", (asked,))
            if version is None:
                connection.execute("DELETE FROM registered_models WHERE id = ?", (model,))
            return unused(connection, locations)

    # -- what others ask ----------------------------------------------------------------------

    def model_description(self, name: str) -> tuple[str, dict[str, str]]:
        """Description and tags of a model itself."""
        with self.reading() as connection:
            number = self._model(connection, name)
            (text,) = connection.execute(
                "SELECT description FROM registered_models WHERE id = ?", (number,)
            ).fetchone()
            return text, self._tags(connection, "registered_model_tags", number)

    def _version(self, connection: sqlite3.Connection, name: str, asked: int | str) -> ModelVersion:
        model = self._model(connection, name)
        row = connection.execute(
            f"{_SELECT} WHERE m.id = :model AND (v.version = :number OR (:latest AND v.version ="
            " (SELECT max(version) FROM model_versions WHERE model = :model)) OR v.id ="
            " (SELECT version FROM model_aliases WHERE model = :model AND alias = :asked))",
            {
                "model": model,
                "number": int(asked) if _NUMBER.fullmatch(str(asked)) else -1,
                "latest": asked == "latest",
                "asked": str(asked),
            },
        ).fetchone()
        if row is None:
            raise self._no_version(connection, name, asked)
        return self._read(connection, row)

    def _ids(
        self, connection: sqlite3.Connection, name: str, version: int | str
    ) -> tuple[int, int]:
        found = self._version(connection, name, version)
        row: tuple[int, int] = connection.execute(
            "SELECT m.id, v.id FROM model_versions AS v JOIN registered_models AS m"
            " ON m.id = v.model WHERE m.name = ? AND v.version = ?",
            (found.name, found.version),
        ).fetchone()
        return row

    def _read(self, connection: sqlite3.Connection, row: tuple[Any, ...]) -> ModelVersion:
        name, version, run_id, source, created, user, description, number, _ = row
        aliases = connection.execute(
            "SELECT alias FROM model_aliases WHERE version = ? ORDER BY alias", (number,)
        ).fetchall()
        return ModelVersion(
            name=name,
            version=version,
            run_id=run_id,
            source=source,
            created=instant(created),
            user=user,
            description=description,
            tags=self._tags(connection, "model_version_tags", number),
            aliases=tuple(alias for (alias,) in aliases),
        )

    @staticmethod
    def _tags(connection: sqlite3.Connection, table: str, number: int) -> dict[str, str]:
        key = "model" if table == "registered_model_tags" else "version"
        return dict(
            connection.execute(f"SELECT key, value FROM {table} WHERE {key} = ?", (number,))
        )

    @staticmethod
    def _put_tags(
        connection: sqlite3.Connection, table: str, number: int | None, tags: Mapping[str, str]
    ) -> None:
        insert_rows(
            connection,
            f"INSERT OR REPLACE INTO {table}",
            [(number, clean_key(key, "tag"), clean_text(value)) for key, value in tags.items()],
        )

    def _model(self, connection: sqlite3.Connection, name: str) -> int:
        row: tuple[int] | None = connection.execute(
            "SELECT id FROM registered_models WHERE name = ?", (name,)
        ).fetchone()
        if row is not None:
            return row[0]
        known = [found for (found,) in connection.execute("SELECT name FROM registered_models")]
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)[:5]
        listed = ", ".join(map(repr, near))
        raise ModelNotFoundError(
            f"no model is registered as {name!r:.80} in {self.root}; "
            + (f"there is {listed}" if near else "register_model(uri, name) makes the first one")
        )

    def _no_version(
        self, connection: sqlite3.Connection, name: str, asked: object
    ) -> ModelNotFoundError:
        versions = connection.execute(
            "SELECT v.version FROM model_versions AS v JOIN registered_models AS m"
            " ON m.id = v.model WHERE m.name = ? ORDER BY 1 DESC LIMIT 5",
            (name,),
        ).fetchall()
        aliases = connection.execute(
            "SELECT a.alias FROM model_aliases AS a JOIN registered_models AS m"
            " ON m.id = a.model WHERE m.name = ? ORDER BY 1 LIMIT 5",
            (name,),
        ).fetchall()
        listed = ", ".join(str(known) for (known,) in [*versions, *aliases])
        return ModelNotFoundError(
            f"model {name!r} has no version or alias {asked!r:.80}; "
            + (f"it has {listed}" if listed else "it has none any more")
        )


def clean_model_name(name: object) -> str:
    """`name`, if it can be the name of a model.

    Raises
    ------
    InvalidValueError
        If it cannot.
    """
    if isinstance(name, str) and _NAME.fullmatch(name) and clean_text(name) == name:
        return name
    raise InvalidValueError(
        f"{described(name)} cannot be the name of a model; give a text without '/', ':' and '@'"
    )
