"""The verbs that keep files with the active run: artifacts, texts, tables, figures and models."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotrack.crates.crate import Crate
from autotrack.crates.packing.pack import Storage, storage_named
from autotrack.crates.trust.trust import Word, as_trust
from autotrack.describe.data.fingerprint import describe
from autotrack.describe.data.profile import known
from autotrack.describe.estimator import storable
from autotrack.errors import ArtifactNotFoundError, InvalidValueError, StoreError
from autotrack.printable import described
from autotrack.schema import DataSchema
from autotrack.store.artifacts import ArtifactFolder, StoredArtifact, clean_path
from autotrack.store.keys import clean_text
from autotrack.store.store import Store
from autotrack.tracking.active import ActiveRun
from autotrack.tracking.api.arguments import path as as_path
from autotrack.tracking.api.arguments import text
from autotrack.tracking.api.crates import crated_from, known_schema, must_be_trusted
from autotrack.tracking.api.logging import writable
from autotrack.tracking.crating.run_files import file_crate, keep_crate, own_code
from autotrack.tracking.model_links import Link, links
from autotrack.tracking.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd


def log_artifact(path: str | Path, artifact_path: str | None = None) -> None:
    """Keep a copy of a file with the active run.

    Parameters
    ----------
    path : str or Path
        The file.
    artifact_path : str, optional
        Folder inside the run to put it into.

    Raises
    ------
    ArtifactNotFoundError
        If there is no such file.
    """
    source = as_path(path, "the file to log")
    if not os.path.isfile(source):  # which knows paths that are none
        is_folder = os.path.isdir(source)
        what = "is a folder; log it with log_artifacts" if is_folder else "does not exist"
        raise ArtifactNotFoundError(f"{source.absolute()!s:.1000} {what}")
    active = writable()
    _put(active, [(source, _inside(artifact_path, source.name))])


def log_artifacts(folder: str | Path, artifact_path: str | None = None) -> None:
    """Keep a copy of every file below `folder` with the active run.

    Raises
    ------
    ArtifactNotFoundError
        If there is no such folder.
    """
    root = as_path(folder, "the folder to log")
    if not os.path.isdir(root):
        is_file = os.path.isfile(root)
        what = "is a file; log it with log_artifact" if is_file else "does not exist"
        raise ArtifactNotFoundError(f"{root.absolute()!s:.1000} {what}")
    files = sorted(file for file in root.rglob("*") if file.is_file())
    active = writable()
    _put(
        active,
        [(file, _inside(artifact_path, file.relative_to(root).as_posix())) for file in files],
    )


def _inside(folder: str | None, name: str) -> str:
    return clean_path(f"{folder}/{name}" if folder else name)


@contextmanager
def _files(active: ActiveRun | Link) -> Iterator[ArtifactFolder]:
    """A block that writes files of the run; a store in trouble is told of, and no more."""
    try:
        yield workspace.files_of(active.store, active.run_id)
    except StoreError as error:
        workspace.failsafe.report(f"write files of the run under {active.store.root}", error)


def _put(active: ActiveRun | Link, files: list[tuple[Path, str]]) -> None:
    with _files(active) as folder:
        _record(active, [folder.add_file(active.run_id, source, path) for source, path in files])


def _record(active: ActiveRun | Link, rows: list[StoredArtifact]) -> None:
    _replace(active, lambda store: store.put_artifacts(active.run_id, rows))


def _replace(active: ActiveRun | Link, change: Callable[[Store], list[str]]) -> None:
    """Make a change that tells which files nobody needs after it."""
    replaced: list[str] = []
    if workspace.write(active.store, lambda store: replaced.extend(change(store))):
        for location in replaced:
            active.store.artifacts.discard(location)


def _put_bytes(path: str, content: bytes) -> None:
    clean = clean_path(text(path, "the path of an artifact"))
    active = writable()
    with _files(active) as folder:
        _record(active, [folder.add_bytes(active.run_id, content, clean)])


def log_text(content: str, path: str) -> None:
    """Keep a text as the file `path` (UTF-8) of the active run."""
    if not isinstance(content, str):
        raise InvalidValueError(f"log_text takes a text, not {type(content).__name__}")
    _put_bytes(path, content.encode("utf-8", "surrogatepass"))


def log_dict(mapping: Any, path: str) -> None:
    """Keep a mapping or list as JSON in the file `path` of the active run."""
    try:
        content = json.dumps(mapping, indent=2, default=storable)
    except Exception as error:
        raise InvalidValueError(f"log_dict cannot write this as JSON: {_told(error)}") from error
    _put_bytes(path, content.encode())


def log_table(frame: Any, path: str) -> None:
    """Keep a table in the file `path` of the active run.

    Parameters
    ----------
    frame : DataFrame, or whatever its constructor takes
        The table; its index is not kept.
    path : str
        Ends in ``.csv``, ``.json`` (records) or ``.parquet`` (needs pyarrow).

    Raises
    ------
    InvalidValueError
        If the ending is another, or this is no table.
    """
    import pandas as pd

    ending = Path(text(path, "the path of an artifact")).suffix.lower()
    try:
        table = frame if isinstance(frame, pd.DataFrame) else pd.DataFrame(frame)
    except Exception as error:
        raise InvalidValueError(f"log_table cannot make a table of this: {_told(error)}") from error
    if ending not in _TABLES:
        raise InvalidValueError(f"log_table writes .csv, .json and .parquet, not {described(path)}")
    try:
        content = _TABLES[ending](table)
    except ImportError:  # which says what to install
        raise
    except Exception as error:
        raise InvalidValueError(
            f"log_table cannot write this table as {ending}: {_told(error)}"
        ) from error
    _put_bytes(path, content)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {clean_text(error)}"


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def _json(table: pd.DataFrame) -> bytes:
    return table.to_json(orient="records", date_format="iso", indent=1).encode()


def _parquet(table: pd.DataFrame) -> bytes:
    content: bytes = table.to_parquet(index=False)
    return content


_TABLES: dict[str, Callable[[pd.DataFrame], bytes]] = {
    ".csv": _csv,
    ".json": _json,
    ".parquet": _parquet,
}


def log_figure(figure: Any, path: str) -> None:
    """Keep a figure in the file `path` of the active run.

    The figure of a display whose numbers were recorded goes to the run that holds them.

    Parameters
    ----------
    figure : matplotlib Figure or Axes, plotly Figure, or a display of scikit-learn
        Anything with ``savefig``, a ``figure`` or ``figure_`` that has it, or ``write_html`` /
        ``write_image``.
    path : str
        The ending says the format, such as ``.png``, ``.svg`` or ``.html``.

    Raises
    ------
    InvalidValueError
        If this is no figure.
    """
    clean = clean_path(text(path, "the path of an artifact"))
    held = next((name for name in ("savefig", "figure", "figure_") if hasattr(figure, name)), "")
    drawn = getattr(figure, held) if held.startswith("figure") else figure
    active = links.get(figure) or writable()
    with _files(active) as folder, folder.staging() as staged:
        file = staged / Path(clean).name
        if hasattr(drawn, "savefig"):
            drawn.savefig(file)
        elif file.suffix == ".html" and hasattr(drawn, "write_html"):
            drawn.write_html(file)
        elif hasattr(drawn, "write_image"):
            drawn.write_image(file)
        else:
            raise InvalidValueError(
                f"log_figure takes a matplotlib or plotly figure, not {type(figure).__name__}; "
                "call plot() of a display first, or save the figure yourself and log the file "
                "with log_artifact"
            )
        _put(active, [(file, clean)])


def log_model(
    model: Any,
    name: str = "model",
    *,
    input_example: Any = None,
    format: Storage = "pickle",  # noqa: A002 - the word that users know
    trust: Word = False,
) -> None:
    """Keep a fitted estimator, or a function, as a crate of the active run.

    Parameters
    ----------
    model : estimator, function, Crate, or str or Path
        What to keep. A crate, or one at an address or in a folder that :func:`load_model` takes, is
        packed again. A function is rebuilt as :func:`crate` does it: one that uses objects comes as
        a crate that was given them.
    name : str, default="model"
        Its name in the run: `load_model("runs:/<run_id>/<name>")` finds it.
    input_example : array or DataFrame, optional
        A few rows to keep beside it, for people to see what goes in. They are stored as they
        are: give rows that may be seen.
    format : {"pickle", "skops"}, default="pickle"
        How to store it. skops stores without pickle, needs the extra of its name, and knows no
        functions or classes of your own.
    trust : bool, str or sequence of str, optional
        Your word for a crate that the store did not pack, as of :func:`load_model`, or for a model
        that came out of one: from then on the store vouches for what it packed of it.

    Raises
    ------
    UncratableError
        If the model cannot be stored so.
    UntrustedCrateError
        If it came from a crate that the store did not pack, and you do not answer for it.
    FreeNameError
        If a function uses what it was not given.
    InvalidValueError
        If it is no function, and has no ``fit``, ``predict`` or ``transform``.
    """
    clean = clean_path(text(name, "the name of a model"))
    storage, word = storage_named(format), as_trust(trust)
    if isinstance(model, str | Path):
        # Not at the top: reading builds on runs, and they on files.
        from autotrack.tracking.api.search import load_model

        model = load_model(model, trust=word)
    packed = crated_from(model)
    must_be_trusted(packed, model, word)
    active = writable()
    before = model.manifest.preprocessing if isinstance(model, Crate) else []
    schema = known_schema(model, packed)
    if not schema.is_known and input_example is not None:
        # A few rows tell names and types, and nothing of ranges and gaps.
        shown = describe(input_example)
        schema = DataSchema() if shown is None else known(shown)
    own = own_code(workspace.settings)
    with _files(active) as folder:
        rows = file_crate(folder, active.run_id, clean, packed, schema, before, storage, own)
        _replace(active, lambda store: keep_crate(store, active.run_id, clean, rows))
    if input_example is not None:
        log_table(input_example, f"{clean}_input_example.json")
