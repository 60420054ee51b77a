"""The files of another store: fetched and checked beside the store, then moved into it at once."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from autotrack.errors import InvalidValueError, StoreDamagedError, StoreUnavailableError
from autotrack.printable import described
from autotrack.runtime.dataclass import dataclass
from autotrack.store.keys import clean_path
from autotrack.store.merging.origin import Origin
from autotrack.store.sqlite_errors import explained

_CHUNK = 1 << 20
_LONGEST = 4000
#: Where the files of versions come to lie that lay outside of the other store.
_MODELS = "registered-models"
#: Predictions of a killed run that became no table yet; no row names them.
_JOURNAL = "predictions.journal"
_MOST_JOURNAL = 1 << 33


@dataclass(frozen=True, slots=True)
class Held:
    """What a store has: runs, the paths of their files, and versions by their number there."""

    runs: set[str]
    paths: set[tuple[str, str]]
    versions: set[int]


class Fetched:
    """Files that were copied out of another store.

    Attributes
    ----------
    places : dict
        Where each lies below `folder`, by its location there.
    missing : list of str
        Those that are not there or not as they were, where that is allowed.
    size : int
        Bytes of all.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places: dict[str, str] = {}
        self.missing: list[str] = []
        self.size = 0


def fetch(
    origin: Origin,
    there: sqlite3.Connection,
    held: Held,
    folder: Path,
    *,
    leave_damaged: bool,
) -> Fetched:
    """Copy what the rows of the checked database name, and hold it to their digests.

    Parameters
    ----------
    origin : Origin
    there : Connection
        To the checked database.
    held : Held
        What this store has already.
    folder : Path
        Where to; on the disk of the store.
    leave_damaged : bool
        Whether to go on without files that are missing or damaged.

    Raises
    ------
    StoreDamagedError
        If files are missing or damaged; the message names some.
    StoreUnavailableError
        If there is no room.
    """
    fetched = Fetched(folder)
    wanted = list(_wanted(there, held))
    with explained(folder):
        folder.mkdir()
    _hold_to_room(folder, sum(row[3] for row in wanted), origin)
    for home, location, path, size, sha256 in wanted:
        if location in fetched.places:
            continue
        place = _place(folder, home, location, path)
        target = folder / place
        with explained(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        if _copied(origin, location, target, size) == (size, sha256):
            fetched.places[location] = place
            fetched.size += size
        else:
            target.unlink(missing_ok=True)
            fetched.missing.append(f"{path} of {home}")
    if fetched.missing and not leave_damaged:
        named = ", ".join(described(name, 150) for name in fetched.missing[:5])
        raise StoreDamagedError(
            f"{origin.name}: {len(fetched.missing)} files are missing, or not what was recorded: "
            f"{named}; nothing was taken over. leave_damaged=True (--leave-damaged) goes on "
            "without them"
        )
    _fetch_journals(origin, there, held.runs, fetched)
    return fetched


def _wanted(there: sqlite3.Connection, held: Held) -> Iterator[tuple[str, str, str, int, str]]:
    """Whose it is, location, path, size and digest of each file that this store lacks."""
    rows = there.execute(
        "SELECT r.run_id, a.location, a.path, a.size, a.sha256 FROM artifacts AS a"
        " JOIN runs AS r ON r.id = a.run WHERE r.id NOT IN left_runs"
    )
    yield from [row for row in rows if (row[0], row[2]) not in held.paths]
    rows = there.execute(
        f"SELECT '{_MODELS}/' || version, location, path, size, sha256, version"
        " FROM model_version_files"
    )
    yield from [row[:5] for row in rows if row[5] not in held.versions]


def _hold_to_room(folder: Path, needed: int, origin: Origin) -> None:
    with explained(folder):
        free = shutil.disk_usage(folder).free
    if needed > free:
        raise StoreUnavailableError(
            f"{folder}: the files of {origin.name} take {needed:,} bytes, and {free:,} are free; "
            "free some room, then run it again"
        )


def _place(folder: Path, home: str, location: str, path: str) -> str:
    """Where a file comes to lie: as there, since files of one folder belong together."""
    place = f"{home}/{path}"
    with suppress(InvalidValueError):
        clean = "" if os.path.isabs(location) else clean_path(location, _LONGEST)
        if "/" in clean and not clean.startswith("."):
            place = clean
    for number in itertools.count(1):
        wanted = place if number == 1 else f"{home}/{number}/{path}"
        if not _in_the_way(folder, wanted):
            return wanted
    raise AssertionError("numbers never end")


def _in_the_way(folder: Path, place: str) -> bool:
    """Whether a file is there, or where one of its folders should be."""
    target = folder / place
    if os.path.lexists(target):
        return True
    for parent in target.parents:
        if parent == folder or parent.is_dir():
            return False
        if parent.exists():
            return True
    return False


def _copied(origin: Origin, location: str, target: Path, size: int) -> tuple[int, str] | None:
    """Copy a file of so many bytes; its real size, and its digest. None if it cannot be read."""
    try:
        reader = origin.opened(location)
    except (OSError, InvalidValueError):
        return None
    digest, count = hashlib.sha256(), 0
    with reader, explained(target), open(target, "xb") as writer:
        while count <= size:
            try:
                piece = reader.read(min(_CHUNK, size + 1 - count))
            except OSError:
                return None
            if not piece:
                break
            digest.update(piece)
            writer.write(piece)
            count += len(piece)
    return count, digest.hexdigest()


def _fetch_journals(
    origin: Origin, there: sqlite3.Connection, runs_here: set[str], fetched: Fetched
) -> None:
    for (run_id,) in there.execute(
        "SELECT run_id FROM runs WHERE status = 'KILLED' AND id NOT IN left_runs"
    ).fetchall():
        place = f"{run_id}/{_JOURNAL}"
        if run_id in runs_here or place in fetched.places.values():
            continue
        target = fetched.folder / place
        with suppress(OSError, InvalidValueError), origin.opened(place) as reader:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb") as writer:
                while writer.tell() < _MOST_JOURNAL and (piece := reader.read(_CHUNK)):
                    writer.write(piece)


def move_in(
    connection: sqlite3.Connection, fetched: Fetched, artifacts: Path, placed: list[Path]
) -> tuple[dict[str, str], list[str]]:
    """Move fetched files into the store, whose lock is held.

    Returns their new locations by the old ones, and those that came beside files that were there.
    What was moved is appended to `placed`, to be removed should the rows not be kept.
    """
    with explained(artifacts):
        artifacts.mkdir(parents=True, exist_ok=True)
        moved: dict[str, str] = {}
        for top in sorted(os.listdir(fetched.folder)):
            moved[top] = _moved(connection, fetched.folder / top, artifacts, placed)
        found: dict[str, str] = {}
        beside: list[str] = []
        for location, place in fetched.places.items():
            top, _, rest = place.partition("/")
            found[location] = f"{moved[top]}/{rest}"
            if moved[top] != top:
                beside.append(found[location])
        return found, beside


def _moved(
    connection: sqlite3.Connection, staged: Path, artifacts: Path, placed: list[Path]
) -> str:
    """Move the folder of a run, or of models; what it is called now."""
    target = artifacts / staged.name
    if os.path.lexists(target) and not _is_used(connection, staged.name):
        # What a merge left that was killed: no row names anything in it, and no run is called so.
        shutil.rmtree(target)
    if os.path.lexists(target):
        numbered = (target / f"merged.{number}" for number in itertools.count(1))
        target = next(place for place in numbered if not os.path.lexists(place))
    placed.append(target)
    os.rename(staged, target)
    return target.relative_to(artifacts).as_posix()


def _is_used(connection: sqlite3.Connection, folder: str) -> bool:
    between = {"first": f"{folder}/", "last": f"{folder}0"}
    rows = connection.execute(
        "SELECT 1 FROM main.artifacts WHERE location > :first AND location < :last UNION ALL"
        " SELECT 1 FROM main.model_version_files WHERE location > :first AND location < :last"
        " UNION ALL SELECT 1 FROM main.runs WHERE run_id = :run LIMIT 1",
        {**between, "run": folder},
    )
    return folder == _MODELS or rows.fetchone() is not None


def take_back(placed: Sequence[Path]) -> None:
    """Remove what was moved in."""
    for path in reversed(placed):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def put_rows(connection: sqlite3.Connection, locations: dict[str, str]) -> list[str]:
    """Write the rows of the files of runs; the paths that hold another file here."""
    connection.execute("DROP TABLE IF EXISTS temp.merged_files")
    connection.execute("CREATE TEMP TABLE merged_files (there TEXT PRIMARY KEY, here TEXT)")
    connection.executemany("INSERT INTO temp.merged_files VALUES (?, ?)", locations.items())
    others = connection.execute(
        "SELECT r.run_id, f.path FROM there.artifacts AS f JOIN temp.merged_runs AS m"
        " ON m.there = f.run AND NOT m.new JOIN main.artifacts AS o ON o.run = m.here"
        " AND o.path = f.path JOIN main.runs AS r ON r.id = m.here WHERE o.sha256 <> f.sha256"
    ).fetchall()
    connection.execute(
        "INSERT OR IGNORE INTO artifacts SELECT m.here, f.path, l.here, f.size, f.sha256"
        " FROM there.artifacts AS f JOIN temp.merged_runs AS m ON m.there = f.run"
        " JOIN temp.merged_files AS l ON l.there = f.location"
    )
    return [f"file {path} of run {run}" for run, path in others]
