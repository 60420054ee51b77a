"""The verbs that read what was recorded."""

# Long because the docstrings of public verbs take most of it.

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotrack.analysis.cells import newest_of_cells
from autotrack.analysis.data_frames import metric_frame
from autotrack.analysis.evidence import unlike_scores
from autotrack.analysis.evidence.ledger import entries, ledger_frame
from autotrack.analysis.evidence.listing import runs_with_worth
from autotrack.analysis.names import CRATE
from autotrack.crates.crate import Crate
from autotrack.crates.folder import digest_of
from autotrack.crates.manifest import FILE_NAME, Manifest
from autotrack.crates.trust.trust import Trust, Word, as_trust
from autotrack.entities import Finding, RunRecord
from autotrack.errors import (
    ArtifactNotFoundError,
    CrateFormatError,
    InvalidValueError,
    RunNotFoundError,
)
from autotrack.printable import described
from autotrack.store.search.parser import parse_order
from autotrack.store.search.query import Query, RunRow
from autotrack.store.store import Store
from autotrack.tracking.api.arguments import path, several, text, whole
from autotrack.tracking.api.models import load_version
from autotrack.tracking.api.runs import get_run
from autotrack.tracking.crating.load_stored import is_ours, link_to_run, load_of_run
from autotrack.tracking.recording import library_calls
from autotrack.tracking.recording.unlike_scores import tell_compared
from autotrack.tracking.run import Run
from autotrack.tracking.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd


def search_runs(
    experiment: str | Iterable[str] | None = None,
    *,
    where: str | None = None,
    order_by: str | Iterable[str] | None = None,
    limit: int | None = None,
    children: bool = False,
    repeats: bool = True,
) -> pd.DataFrame:
    """Find runs, a row each.

    Parameters
    ----------
    experiment : str or list of str, optional
        Names of the experiments to look in; by default all.
    where : str, optional
        A condition such as ``metrics.test_accuracy_score > 0.9 and params.C = 0.1``. It knows
        ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``like``, ``in (...)``, ``is null``, ``and``,
        ``or``, ``not`` and parentheses; keys with spaces stand in backquotes.
    order_by : str or list of str, optional
        Such as ``"metrics.test_r2_score desc"``; by default the newest first.
    limit : int, optional
        At most so many rows.
    children : bool, default=False
        Whether runs that have a parent are listed too.
    repeats : bool, default=True
        Without, of a notebook cell that was run again only the runs of its newest execution are
        listed.

    Returns
    -------
    DataFrame
        ``run_id``, ``name``, ``kind``, ``status``, ``experiment``, ``parent_id``, ``start_time``,
        ``end_time`` (UTC), then ``params.*``, ``metrics.*`` and ``tags.*``, typed. A param that any
        of them set has the value of all: those that left it alone had the default of their class
        in the version that was installed, and candidates what their search had. If something
        was found of the scores of one of them, ``findings`` has the codes, the gravest first. If
        several models were scored on the same held-out set, ``judged`` says how many that set has
        judged (the most, where a run was scored on several). A line on stderr tells if they are
        put in order by a metric that was computed on different data.

    Raises
    ------
    FilterError
        If `where` or `order_by` cannot be understood; the message points at the place.
    ExperimentNotFoundError
        If there is no such experiment.
    """
    library_calls.settle()
    store = workspace.store()
    asked = query(experiment, where, order_by, limit, children)
    rows = store.search(asked) if repeats else newest_of_cells(store, asked)[0]
    tell_order(store, order_by, rows)
    return runs_with_worth(store, rows)


def tell_order(
    store: Store, order_by: str | Iterable[str] | None, rows: Sequence[RunRow]
) -> list[Finding]:
    """Say on stderr if runs were put in order by scores that are not to be compared."""
    first = next(iter(parse_order(several(order_by, "order_by"))), None) if order_by else None
    if first is None or first.field.family != "metrics":
        return []
    return _tell_compared(store, first.field.key, run_ids=[row.run_id for row in rows])


def _tell_compared(store: Store, metric: str, **which: Any) -> list[Finding]:
    settings = workspace.settings
    if not unlike_scores.is_wanted(settings.checks):
        return []
    found = unlike_scores.compared(store, metric, **which)
    if not settings.quiet:
        tell_compared(store, found)
    return found


def query(
    experiment: str | Iterable[str] | None,
    where: str | None,
    order_by: str | Iterable[str] | None,
    limit: int | None,
    children: bool,
) -> Query:
    """The arguments of :func:`search_runs` as the store takes them."""
    store = workspace.store()
    names = several(experiment, "experiment")
    ids = tuple(store.get_experiment(name=name).experiment_id for name in names)
    most = whole(limit, "limit")
    if most is not None and most < 0:
        raise InvalidValueError(f"limit must be 0 or more, not {described(limit)}")
    return Query(
        experiment_ids=ids if names else None,
        where=where,
        order_by=several(order_by, "order_by"),
        limit=most,
        children=children,
    )


def metric_history(run_id: str, key: str) -> pd.DataFrame:
    """Every measurement of a metric, a row each: key, step, value, time."""
    run = get_run(run_id)
    return metric_frame(
        workspace.store().metric_history(run.run_id, text(key, "the key of a metric"))
    )


def list_artifacts(run_id: str) -> pd.DataFrame:
    """The files of a run, a row each: path, size in bytes, sha256."""
    return get_run(run_id).artifacts()


def download_artifact(run_id: str, path: str, to: str | Path | None = None) -> Path:
    """Copy a file or folder of a run to the folder `to` (default: here); where it is now.

    In a crate's folder are the files by which MLflow loads it, as in one that was saved.

    Raises
    ------
    ArtifactNotFoundError
        If the run has no such file; the message has the nearest.
    FileExistsError
        If there is something of this name in `to` already.
    """
    store, run = workspace.store(), get_run(run_id)
    wanted = text(path, "the path of an artifact").strip("/")
    workspace.before_reading(run.run_id)
    inside = [a.path for a in store.list_artifacts(run.run_id, wanted) if a.path != wanted]
    files = inside or [store.stored_artifact(run.run_id, wanted).path]
    target = Path(to if to is not None else ".").expanduser().absolute() / Path(wanted).name
    if target.exists():
        raise FileExistsError(f"{target} exists; move it away, or name another folder with to=")
    for file in files:
        source = store.artifacts.resolve(store.stored_artifact(run.run_id, file).location)
        if not source.is_file():
            raise ArtifactNotFoundError(
                f"{source}, the artifact {file!r} of run {run.run_id}, is gone; put it back from "
                "a copy, or log it again"
            )
        place = target / file[len(wanted) + 1 :] if inside else target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    for crate in {place.parent for place in target.rglob(FILE_NAME)} if inside else ():
        _make_mlflow_model(store, crate)
    return target


def _make_mlflow_model(store: Store, crate: Path) -> None:
    """Write MLflow's files into the folder of a copied crate, if this store packed it."""
    from autotrack.crates.formats.mlflow import MLMODEL_FILE, add_mlflow_files

    content = (crate / FILE_NAME).read_bytes()
    if store.is_packed(digest_of(content)) and not (crate / MLMODEL_FILE).exists():
        add_mlflow_files(crate, Manifest.from_bytes(content, crate / FILE_NAME))


def best_run(metric: str, *, mode: str = "max", experiment: str | None = None) -> Run:
    """The run with the largest (``mode="max"``) or smallest (``"min"``) value of a metric.

    Runs without the metric, or whose value is NaN, and candidates of searches do not count. Shown,
    it says which others are as good: see :meth:`Run.ties`.

    Where it was computed on different data, or is not one metric (the `score` of a classifier and
    of a regressor), a line on stderr says so, once in a process for each metric, and so does the
    run that is returned when it is printed.

    Raises
    ------
    RunNotFoundError
        If no run has the metric.
    """
    if text(mode, "mode") not in ("max", "min"):
        raise InvalidValueError(f"mode is 'max' or 'min', not {described(mode)}")
    quoted = text(metric, "metric").replace("`", "``")
    order = f"metrics.`{quoted}` {'desc' if mode == 'max' else 'asc'}"
    where = f"metrics.`{quoted}` != nan and kind != 'candidate'"
    store = workspace.store()
    rows = store.search(query(experiment, where, order, 1, True))
    if not rows:
        where_looked = f" in experiment {experiment!r}" if experiment else ""
        raise RunNotFoundError(
            f"no run{where_looked} has the metric {metric!r}; search_runs() shows what there is"
        )
    best, asked = rows[0].run_id, query(experiment, None, None, None, True)
    ids = asked.experiment_ids
    compared = _tell_compared(store, metric, experiment_id=ids[0] if ids else None, best=best)
    found = Run(store, best, compared)
    found._asked = metric, mode
    return found


def held_out_sets(experiment: str | None = None) -> pd.DataFrame:
    """What data has judged which models: a row for each held-out set and metric.

    A held-out set is data that scores were computed on and models were not trained on, known by
    the fingerprints of X and y. Whoever keeps the best of many models by its score there expects
    too much of it, the more the fewer rows it has.

    Parameters
    ----------
    experiment : str, optional
        Only sets that judged models of this experiment; they are counted with those of others.

    Returns
    -------
    DataFrame
        held_out_set (the beginnings of its fingerprints), data (what it is called in keys), rows,
        models (how many different ones), runs, experiments, since, until, metric, best, best_run,
        mean and std over the models, and optimism: what the best of so many equally good models is
        expected to gain by luck. ``optimism_by`` says how that is known: ``bootstrap`` over the
        losses of single rows, with its standard error ``optimism_error``, where all of the models'
        runs kept their predictions (``keep_predictions``) and the metric is one of
        `autotrack.analysis.predictions.losses`; else ``bound``, what it is at most, of shares of
        rows such as ``accuracy_score``; else it is NaN. See
        `autotrack.analysis.statistics.optimism`. Then shares_rows, the sets of which it is a
        part or which are parts of it (with how many rows), as far as one process scored on both;
        and related_models, how many different models it or one of those judged.

    Raises
    ------
    ExperimentNotFoundError
        If there is no such experiment.
    """
    library_calls.settle()
    store = workspace.store()
    name = None
    if experiment is not None:
        name = store.get_experiment(name=text(experiment, "experiment")).name
    return ledger_frame(store, entries(store.judgements(), store.shared_rows()), name)


def diff_runs(a: str, b: str) -> pd.DataFrame:
    """What differs between two runs, a row each: section, key, a, b.

    Sections are ``params``, ``data``, ``code``, ``environment`` and ``metrics``. What a run does
    not have is `pandas.NA`: a param that is not set differs from one that is None. Data of one name
    has a row for each data set that only one of the runs has.
    """
    import pandas as pd

    records = [get_run(run_id).record() for run_id in (a, b)]
    left, right = map(_sections, records)
    rows: list[tuple[str, str, Any, Any]] = []
    for section in left:
        for key in sorted(set(left[section]) | set(right[section])):
            one, other = (side[section].get(key, pd.NA) for side in (left, right))
            if section == "data":
                rows += ((section, *row) for row in _data_rows(key, one, other))
            elif not _equal(one, other):
                rows.append((section, key, one, other))
    return pd.DataFrame(rows, columns=["section", "key", "a", "b"], dtype="object")


def _data_rows(context: str, one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    """The data sets of one name that only one of two runs has; X and its target are told apart."""
    import pandas as pd

    left, right = (list(side) if isinstance(side, list) else [] for side in (one, other))
    only_left = [marks for marks in left if marks not in right]
    only_right = [marks for marks in right if marks not in left]
    found: list[tuple[str, Any, Any]] = []
    nothing = (None, None)
    while only_left or only_right:
        own = only_left.pop(0) if only_left else nothing
        # Beside the one that has the same X, or else the same target.
        only_right.sort(key=lambda marks: (marks[0] != own[0], marks[1] != own[1]))
        theirs = only_right.pop(0) if only_right else nothing
        found += [
            (key, pd.NA if a is None else a, pd.NA if b is None else b)
            for key, a, b in zip((context, f"{context} target"), own, theirs, strict=True)
            if a != b
        ]
    yield from sorted(found, key=lambda row: row[0])


def _equal(a: object, b: object) -> bool:
    import pandas as pd

    if a is pd.NA or b is pd.NA:
        return a is b
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    # True equals 1, and does not mean it.
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _sections(record: RunRecord) -> dict[str, Mapping[str, Any]]:
    source = record.source
    data: dict[str, list[tuple[str, str | None]]] = {}
    for use in record.datasets:
        marks = use.data.fingerprint, use.target.fingerprint if use.target else None
        # Another data set of the same name has the beginning of its fingerprint beside it.
        name, _, digits = use.context.rpartition("_")
        told_apart = name and digits and use.data.fingerprint.rpartition(":")[2].startswith(digits)
        data.setdefault(name if told_apart else use.context, []).append(marks)
    code: dict[str, Any] = {"estimator": record.tags.get("estimator")}
    environment: dict[str, Any] = {}
    if source is not None:
        code |= {
            "script": source.script,
            "command": " ".join(source.command),
            "git_commit": source.git_commit,
            "git_dirty": source.git_dirty,
        }
        environment = {
            "python": source.python,
            "platform": source.platform,
            "host": source.host,
            "user": source.user,
            **source.packages,
        }
    return {
        "params": record.params,
        "data": data,
        "code": code,
        "environment": environment,
        "metrics": record.metrics,
    }


def load_model(
    uri: str | Path, *, trust: Word | Trust = False, tracking_uri: str | None = None
) -> Crate:
    """Load a crate.

    Opening a pickle runs whatever is in it. So one opens because the packer of the store in use
    wrote these bytes (``runs:/`` and ``models:/``, and folders that were saved from there), or on
    your word. A crate of ``format="skops"`` opens from anybody as far as skops trusts its types by
    itself, and as long as it is small.

    Parameters
    ----------
    uri : str or Path
        ``runs:/<run_id>/model``, ``models:/<name>/<version>``, ``models:/<name>@<alias>``,
        ``models:/<name>/latest``, or the folder of a crate.
    trust : bool, str or sequence of str, optional
        Your word for a crate that the store in use did not pack. True: whatever is there. The
        SHA-256 of the model's file (or of the manifest): exactly these bytes. Names of types, for
        a model that skops stored: what it may hold beyond what skops trusts by itself.
    tracking_uri : str, optional
        The MLflow server that ``runs:/`` and ``models:/`` are on; without it, the store in use.
        What was sent there from a store opens if its files have the digests that the server has
        on record: the server that you name vouches for them.

    Returns
    -------
    Crate
        Call it, or its ``predict``. Scores of its predictions go to the run it came from.

    Raises
    ------
    RunNotFoundError, ModelNotFoundError, ArtifactNotFoundError
        If there is no such run, registered model or crate.
    CrateFormatError
        If it is no crate, or one that cannot be loaded here.
    DigestMismatchError
        If a file is not what was recorded; nothing of it was opened.
    UntrustedCrateError
        If the store did not pack it and you do not answer for it; nothing of it was opened. The
        message says what it would import, its digests, where it says it comes from, and what to
        pass.

    Warns
    -----
    VersionWarning
        If a library of models is there in another version than the crate was packed with.
    """
    trusted = as_trust(trust)
    wanted = _address(uri)
    if tracking_uri is not None:
        return _load_from_server(wanted, text(tracking_uri, "tracking_uri"), trusted)
    if wanted.startswith("runs:"):
        run_id, _, name = wanted.removeprefix("runs:").strip("/").partition("/")
        store = workspace.store()
        record = store.get_run(text(run_id, "run_id"))
        return load_of_run(workspace, store, record, name or CRATE, trusted)
    if wanted.startswith("models:"):
        return load_version(wanted, trusted)
    scheme = wanted.partition(":")[0]
    folder = Path(wanted).expanduser()
    if scheme != wanted and len(scheme) > 1 and not os.path.exists(folder):
        raise CrateFormatError(
            f"{wanted!r} is not a place a crate can be loaded from; "
            "give runs:/<run_id>/model, models:/<name>/<version> or the folder of a crate"
        )
    if not os.path.isdir(folder):  # which knows paths that are none
        raise ArtifactNotFoundError(f"there is no crate at {described(wanted, 200)}")
    from autotrack.crates.load import load

    crate = load(folder, trust=trusted, vouches=partial(is_ours, workspace))
    _link(crate)
    return crate


def _load_from_server(wanted: str, tracking_uri: str, trusted: Trust) -> Crate:
    import atexit
    import tempfile

    from autotrack.crates.load import load
    from autotrack.replication.pull import Remote

    # As long as the crate is used it is copied from there.
    folder = tempfile.mkdtemp(prefix="autotrack-pull-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    found = Remote(tracking_uri).crate(wanted, Path(folder, "crate"))
    if found.digest is not None and not trusted:
        trusted = as_trust(found.digest)
    crate = load(found.folder, trust=trusted, vouches=partial(is_ours, workspace))
    _link(crate)
    return crate


def _address(uri: object) -> str:
    if isinstance(uri, os.PathLike):
        return str(path(uri, "the address of a crate"))
    return text(uri, "the address of a crate")


def _link(crate: Crate) -> None:
    run_id = crate.manifest.run_id
    if run_id is None or not workspace.settings.store.exists():
        return
    store = workspace.store()
    try:
        record = store.get_run(run_id)
    except RunNotFoundError:
        return
    link_to_run(crate, store, record)
