"""Fetching what a server holds: a crate that somebody registered, or a run with all that it has.

What was sent from a store has the digests of its crates in tags there. A server that the user
named vouches for them: what is fetched opens if it has these digests, and not otherwise.
"""

# Long because addresses, files and runs are all fetched by a handful of calls of one server.

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, cast

from autotrack.crates.manifest import FILE_NAME, Manifest
from autotrack.entities import ENDED, RunError, RunKind, RunStatus
from autotrack.errors import (
    ArtifactNotFoundError,
    CrateFormatError,
    DigestMismatchError,
    InvalidValueError,
    ModelNotFoundError,
    ReplicationError,
    RunNotFoundError,
)
from autotrack.replication.replicator import transport_for
from autotrack.replication.send_models import MANIFEST, MODEL
from autotrack.replication.wire.answers import RefusedError
from autotrack.replication.wire.credentials import without_credentials
from autotrack.replication.wire.server import Server, run_id_of, tags_of
from autotrack.replication.words import LONG, RUN_ID
from autotrack.runtime.dataclass import dataclass
from autotrack.store.codec import decode_param
from autotrack.store.keys import clean_path
from autotrack.store.store import Store

_KINDS = ("fit", "search", "candidate", "validation", "function", "user")
_OURS = "autotrack."
_MADE_THERE = frozenset({"mlflow.runName", "mlflow.parentRunId"})


@dataclass(frozen=True, slots=True)
class Fetched:
    """A crate that was fetched into a folder.

    Attributes
    ----------
    folder : Path
    digest : str or None
        The SHA-256 of its model that the server has on record.
    name : str
        What the model is called there.
    description : str
    tags : dict of str to str
    """

    folder: Path
    digest: str | None
    name: str
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)


class Remote:
    """A server to fetch from.

    Parameters
    ----------
    uri : str
        A tracking URI.
    """

    def __init__(self, uri: str) -> None:
        self.name = without_credentials(uri)
        self.server = Server(transport_for(uri), self.name)

    def crate(self, uri: str, to: Path) -> Fetched:
        """Fetch the crate at ``models:/...`` or ``runs:/<run_id>/model`` into a new folder.

        Raises
        ------
        ModelNotFoundError, RunNotFoundError, ArtifactNotFoundError
            If there is nothing at that address.
        CrateFormatError
            If it is a model that was not made by autotrack.
        DigestMismatchError
            If a file is not what the server has on record.
        """
        if uri.startswith("models:"):
            return self._registered(uri, to)
        if not uri.startswith("runs:"):
            raise InvalidValueError(
                f"{uri!r:.200} is no address on a server; give models:/<name>/<version>, "
                "models:/<name>@<alias> or runs:/<run_id>/model"
            )
        asked, _, path = uri.removeprefix("runs:").strip("/").partition("/")
        run = self.run(asked)
        place, tags = self._crate_of(run, path or "model")
        self._fetch(place, tags, uri, to)
        return Fetched(to, tags.get(MODEL), path or "model")

    def _registered(self, uri: str, to: Path) -> Fetched:
        version = self._version(uri)
        tags = tags_of(version)
        model = version.get("model_id") or _model_of(str(version.get("source", "")))
        if model:
            place = str(self.server.logged_model(model)["artifact_uri"])
        else:
            place = str(version["source"])
            if place.startswith("runs:/"):
                asked, _, path = place.removeprefix("runs:/").partition("/")
                place = f"{self.run(asked)['info']['artifact_uri']}/{path}"
        self._fetch(place, tags, uri, to)
        own = {key: value for key, value in tags.items() if not key.startswith((_OURS, "mlflow."))}
        described = str(version.get("description", ""))
        return Fetched(to, tags.get(MODEL), str(version["name"]), described, own)

    def _version(self, uri: str) -> dict[str, Any]:
        rest = uri.removeprefix("models:").strip("/")
        name, mark, asked = rest.rpartition("@")
        if not mark:
            name, mark, asked = rest.rpartition("/")
        get = self.server.change_registry
        try:
            if mark == "@":
                found = get("GET", "registered-models/alias", name=name, alias=asked)
            elif asked == "latest":
                versions = self.server.versions(name)
                if not versions:
                    raise RefusedError(f"there is no version of {name!r}", status=404)
                return max(versions, key=lambda version: int(version["version"]))
            else:
                found = get("GET", "model-versions/get", name=name, version=asked)
        except RefusedError as error:
            raise ModelNotFoundError(f"{self.name} has no {uri!r:.200}: {error}") from error
        return dict(found["model_version"])

    def run(self, asked: str) -> dict[str, Any]:
        """A run by its id there, or by the one that it has where it was recorded."""
        try:
            return self.server.run(asked)
        except RefusedError as error:
            if not error.is_missing and error.status != 400:
                raise
        for experiment in self._experiments():
            for run in self.server.runs(experiment, f"tags.`{RUN_ID}` = '{asked}'", "ACTIVE_ONLY"):
                return self.server.run(run_id_of(run))
        raise RunNotFoundError(f"{self.name} has no run {asked!r:.80}")

    def _experiments(self) -> list[str]:
        body: dict[str, Any] = {"max_results": 1000}
        found: list[str] = []
        while True:
            page = self.server.transport.call("POST", "mlflow/experiments/search", body)
            found += [str(each["experiment_id"]) for each in page.get("experiments", ())]
            if not page.get("next_page_token"):
                return found
            body["page_token"] = page["next_page_token"]

    def crates_of(self, run: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, str]]]:
        """The crates of a run by name: where each lies, and its tags."""
        found = {}
        for output in (run.get("outputs") or {}).get("model_outputs", ()):
            info = self.server.logged_model(output["model_id"])
            if MANIFEST in tags_of(info):
                found[str(info["name"])] = (str(info["artifact_uri"]), tags_of(info))
        return found

    def _crate_of(self, run: Mapping[str, Any], name: str) -> tuple[str, dict[str, str]]:
        crates = self.crates_of(run)
        if name not in crates:
            raise ArtifactNotFoundError(
                f"run {run_id_of(run)} has no crate {name!r:.80} on {self.name}; "
                + (f"it has {', '.join(crates)}" if crates else "it has none")
            )
        return crates[name]

    def _fetch(self, place: str, tags: Mapping[str, str], uri: str, to: Path) -> None:
        """Fetch a crate, each file of it held against the digest that its manifest has."""
        try:
            self.server.download(place, FILE_NAME, to / FILE_NAME)
        except (RefusedError, OSError) as error:
            raise CrateFormatError(
                f"{uri!r:.200} on {self.name} was not made by autotrack: it has no {FILE_NAME}; "
                "load it with mlflow"
            ) from error
        content = (to / FILE_NAME).read_bytes()
        recorded = tags.get(MANIFEST)
        if recorded is not None and hashlib.sha256(content).hexdigest() != recorded:
            raise DigestMismatchError(
                f"the {FILE_NAME} of {uri!r:.200} on {self.name} is not the one that was sent "
                "there; it was damaged or exchanged, so nothing was opened"
            )
        for file in Manifest.from_bytes(content, to / FILE_NAME).files:
            path = to / clean_path(file.path)
            self.server.download(place, file.path, path)
            with open(path, "rb") as reader:
                digest = hashlib.file_digest(reader, "sha256").hexdigest()
            if digest != file.sha256:
                raise DigestMismatchError(
                    f"{file.path} of {uri!r:.200} on {self.name} has SHA-256 {digest}, its "
                    f"{FILE_NAME} says {file.sha256}; it was damaged or exchanged"
                )

    # -- runs -------------------------------------------------------------------------------------

    def pull_run(self, asked: str, store: Store) -> str:
        """Bring a run into a store, under the id that it has where it was recorded.

        Returns
        -------
        str
            The id. A run that is there already stays as it is.

        Raises
        ------
        RunNotFoundError
            If the server has none.
        ReplicationError
            If it still runs.
        """
        run = self.run(asked)
        info, tags = run["info"], tags_of(run["data"])
        run_id = tags.get(RUN_ID, run_id_of(run))
        if store.has_run(run_id):
            return run_id
        if info["status"] not in ENDED:
            raise ReplicationError(f"run {run_id} still runs there; pull it when it has ended")
        found = self.server.transport.call(
            "GET", "mlflow/experiments/get", {"experiment_id": info["experiment_id"]}
        )
        parent = tags.get("mlflow.parentRunId")
        parent_id = None if parent is None else self._known_parent(parent, store)
        start = int(info["start_time"]) / 1000
        with store.artifacts.staging() as staged:
            files = self._files(run, staged)
            with store.transaction():
                store.create_run(
                    run_id=run_id,
                    name=info.get("run_name") or run_id[:8],
                    kind=_kind(tags.get("autotrack.kind")),
                    experiment_id=store.experiment_id(found["experiment"]["name"]),
                    parent_id=parent_id,
                    start_time=start,
                )
                store.set_params(run_id, _params(run, tags, files))
                store.set_tags(run_id, _tags(tags, files) | {"autotrack.pulled_from": self.name})
                store.add_metrics(run_id, self._history(run, tags))
                rows = [
                    store.artifacts.add_file(run_id, file, path)
                    for path, file in files.items()
                    if not path.startswith(f"{LONG}/")
                ]
                store.put_artifacts(run_id, rows)
                store.end_run(
                    run_id,
                    status=cast(RunStatus, info["status"]),
                    error=_error(tags, files),
                    end_time=int(info.get("end_time") or info["start_time"]) / 1000,
                )
        self._pull_crates(run, run_id, store)
        return run_id

    def _known_parent(self, remote: str, store: Store) -> str:
        return self.pull_run(remote, store)

    def _pull_crates(self, run: Mapping[str, Any], run_id: str, store: Store) -> None:
        for name, (place, tags) in self.crates_of(run).items():
            with store.artifacts.staging() as staged:
                self._fetch(place, tags, f"runs:/{run_id}/{name}", staged / "crate")
                location = store.artifacts.place(staged / "crate", run_id, name)
            vouched = [tags[key] for key in (MANIFEST, MODEL) if tags.get(key)]
            store.replace_folder(run_id, name, store.artifacts.rows(location, name), vouched)

    def _files(self, run: Mapping[str, Any], to: Path) -> dict[str, Path]:
        place = str(run["info"]["artifact_uri"])
        files = {}
        for number, path in enumerate(self.server.files(place)):
            files[clean_path(path)] = to / str(number)
            self.server.download(place, path, to / str(number))
        return files

    def _history(
        self, run: Mapping[str, Any], tags: Mapping[str, str]
    ) -> list[tuple[str, float, int | None, float]]:
        rows: list[tuple[str, float, int | None, float]] = []
        told = json.loads(tags.get("autotrack.infinite_metrics") or "[]")
        infinite = {(key, step, at): float(value) for key, step, value, at in told}
        for metric in run["data"].get("metrics") or ():
            name = metric["key"]
            key = tags.get(f"autotrack.key.{name}", name)
            body = {"run_id": run_id_of(run), "metric_key": name, "max_results": 25000}
            while True:
                page = self.server.transport.call("GET", "mlflow/metrics/get-history", body)
                for each in page.get("metrics", ()):
                    step, at = int(each.get("step", 0)), int(each["timestamp"])
                    value = infinite.get((key, step, at), float(each["value"]))
                    rows.append((key, value, step, at / 1000))
                if not page.get("next_page_token"):
                    break
                body["page_token"] = page["next_page_token"]
        return sorted(rows, key=lambda row: (row[0], row[2] or 0, row[3]))


def _kind(text: str | None) -> RunKind:
    return cast(RunKind, text if text in _KINDS else "user")


def _error(tags: Mapping[str, str], files: Mapping[str, Path]) -> RunError | None:
    if "autotrack.error" not in tags:
        return None
    kind, _, message = _whole(tags["autotrack.error"], files).partition(": ")
    return RunError(kind, message, _whole(tags.get("autotrack.traceback", ""), files))


def _params(
    run: Mapping[str, Any], tags: Mapping[str, str], files: Mapping[str, Path]
) -> dict[str, Any]:
    types = json.loads(tags.get("autotrack.param_types") or "{}")
    params = {}
    for param in run["data"].get("params") or ():
        key = tags.get(f"autotrack.key.{param['key']}", param["key"])
        params[key] = typed(_whole(str(param.get("value", "")), files), types.get(key))
    return params


def typed(text: str, kind: str | None) -> Any:
    """The value of a param that was sent as a text."""
    from autotrack.replication.words import guessed

    kind = kind or guessed(text)
    if kind == "bool":
        return text == "True"
    try:
        return decode_param(kind, text, None)
    except ValueError:
        return text


def _whole(text: str, files: Mapping[str, Path]) -> str:
    mark = f" characters are in the artifact {LONG}/"
    if mark in text[-400:] and text.endswith(")"):
        file = files.get(f"{LONG}/{text[:-1].rpartition(mark)[2]}")
        if file is not None:
            return file.read_text(encoding="utf-8")
    return text


def _tags(tags: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, str]:
    made = ("autotrack.key.", "autotrack.finding.")
    facts = {
        RUN_ID, "autotrack.kind", "autotrack.source", "autotrack.param_types",
        "autotrack.infinite_metrics", "autotrack.findings", "autotrack.replaced_params",
        "autotrack.replaced_metrics", "autotrack.packages",
        "autotrack.gone_metrics", "autotrack.error", "autotrack.traceback",
    }  # fmt: skip
    return {
        tags.get(f"autotrack.key.{key}", key): _whole(value, files)
        for key, value in tags.items()
        if key not in facts | _MADE_THERE and not key.startswith(made)
    }


def _model_of(source: str) -> str | None:
    rest = source.removeprefix("models:/")
    return rest if rest != source and "/" not in rest and "@" not in rest else None
