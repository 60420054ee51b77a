"""Crates as MLflow's logged models, and registered models with their versions and aliases."""

# Long because a version is made of a crate that may have to be sent first, by the same calls.

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autotrack.crates.formats.mlflow import MLMODEL_FILE, add_mlflow_files
from autotrack.crates.manifest import FILE_NAME, Manifest
from autotrack.entities import ModelVersion, RunRecord
from autotrack.replication.ledger import Ledger, Sent
from autotrack.replication.send_runs import RUN, RunSender
from autotrack.replication.wire.answers import RefusedError, UnavailableError
from autotrack.replication.wire.server import Server, tags_of
from autotrack.replication.words import RUN_ID, pairs
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.store import Store

#: SHA-256 of a crate's manifest, and of the file of its model, as a server is told them.
MANIFEST, MODEL = "autotrack.manifest_sha256", "autotrack.model_sha256"
#: The same for a version wherever it was sent.
VERSION = "autotrack.version"

_LOGGED, _REGISTERED, _VERSION = "logged model", "registered model", "version"


class ModelSender:
    """Sends crates and the registry.

    Parameters
    ----------
    store : Store
    ledger : Ledger
    server : Server
    runs : RunSender
    rest : callable
        Waits before a further try; takes how many there were.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        server: Server,
        runs: RunSender,
        rest: Callable[[int], None],
    ) -> None:
        self.store = store
        self.ledger = ledger
        self.server = server
        self.runs = runs
        self.rest = rest

    # -- crates of runs ---------------------------------------------------------------------------

    def crates(self, record: RunRecord, sent: Sent) -> list[str]:
        """Send the crates of a run as logged models; the folders that they are in."""
        files = self.store.stored_artifacts(record.run_id)
        ending = f"/{FILE_NAME}"
        folders = [file.path[: -len(ending)] for file in files if file.path.endswith(ending)]
        for folder in folders:
            inside = [
                replace(file, path=file.path[len(folder) + 1 :])
                for file in files
                if file.path.startswith(f"{folder}/")
            ]
            what = f"run {record.run_id} crate {folder}"
            try:
                self._crate_of_run(record, sent, folder, inside)
            except (RefusedError, OSError) as error:
                self.ledger.park(what, str(error))
        return folders

    def _crate_of_run(
        self, record: RunRecord, sent: Sent, folder: str, files: Sequence[StoredArtifact]
    ) -> None:
        digest = _digest(files)
        crates = sent.state.setdefault("crates", {})
        before = crates.get(folder)
        if before is not None and before[0] == digest:
            return
        place = self.runs.experiment(record.experiment_id)
        name = folder.replace("/", "_").replace(":", "_").replace(".", "_").replace("%", "_")
        model = self._logged(place, name, str(sent.remote), record, files)
        self._add_output(str(sent.remote), model)
        crates[folder] = [digest, model]
        self.ledger.put(RUN, record.run_id, sent)
        if before is not None and before[1] not in self._registered():
            # The run keeps another crate now. A registered one stays.
            self.server.change_logged_model("DELETE", before[1])

    def _add_output(self, run: str, model: str) -> None:
        """Say that a run made a model, which the server takes only once."""
        try:
            self.server.change_run("outputs", run, models=[{"model_id": model, "step": 0}])
        except (RefusedError, UnavailableError):
            # A first try may have been carried out and its answer lost.
            if model not in self._outputs(run):
                raise

    def _outputs(self, run: str) -> set[str]:
        outputs = self.server.run(run).get("outputs", {}).get("model_outputs", ())
        return {str(output["model_id"]) for output in outputs}

    def _registered(self) -> set[str]:
        return {str(sent.state.get("model")) for sent in self.ledger.all(_VERSION).values()}

    def _logged(
        self,
        place: str,
        name: str,
        run: str | None,
        record: RunRecord | None,
        files: Sequence[StoredArtifact],
    ) -> str:
        """The id of a crate's logged model, which is made and filled if need be."""
        digest = _digest(files)
        ours = f"{'' if record is None else record.run_id}/{name}/{digest}"
        sent = self.ledger.get(_LOGGED, ours)
        if sent.state.get("ready"):
            return str(sent.remote)
        if sent.remote is None:
            asked = sent.was_begun
            self.ledger.put(_LOGGED, ours, sent)
            tags = {MANIFEST: digest, MODEL: _digest_of_model(files), "autotrack.crate": ours}
            if record is not None:
                tags[RUN_ID] = record.run_id

            def make() -> str:
                made = self.server.create_logged_model(place, name, run, pairs(tags))
                sent.state["place"] = made["artifact_uri"]
                return str(made["model_id"])

            sent.remote = self._create_once(asked, lambda: self._found(place, ours), make)
            self.ledger.put(_LOGGED, ours, sent)
        if "place" not in sent.state:
            sent.state["place"] = self.server.logged_model(sent.remote)["artifact_uri"]
        self._fill(sent.remote, str(sent.state["place"]), run, files)
        self.server.change_logged_model("PATCH", sent.remote, status="LOGGED_MODEL_READY")
        sent.state["ready"] = True
        self.ledger.put(_LOGGED, ours, sent)
        return sent.remote

    def _found(self, place: str, ours: str) -> str | None:
        models = self.server.logged_models(place, f"tags.`autotrack.crate` = '{ours}'")
        found = sorted(str(model["model_id"]) for model in models)
        return found[0] if found else None

    def _create_once(
        self, asked: bool, find: Callable[[], str | None], make: Callable[[], str]
    ) -> str:
        """Make something that a second call would make again."""
        tries = 0
        while True:
            if asked and (found := find()) is not None:
                return found
            try:
                return make()
            except UnavailableError as error:
                tries += 1
                asked = asked or not error.is_certain
                if error.is_denied or tries >= 4:
                    raise
                self.rest(tries)

    def _fill(
        self, model: str, place: str, run: str | None, files: Sequence[StoredArtifact]
    ) -> None:
        manifest = None
        for stored in files:
            file = self.store.artifacts.resolve(stored.location)
            self.server.upload(place, stored.path, file)
            if stored.path == FILE_NAME:
                manifest = Manifest.from_bytes(file.read_bytes(), file, packed=True)
        assert manifest is not None
        there = {file.path for file in files}
        with tempfile.TemporaryDirectory(prefix="autotrack-replicate-") as made:
            add_mlflow_files(Path(made), manifest)
            mlmodel = Path(made, MLMODEL_FILE)
            if mlmodel.exists():
                with mlmodel.open("a", encoding="utf-8") as writer:
                    writer.write(f"model_id: {model}\nartifact_path: {place}\n")
                    writer.write("" if run is None else f"run_id: {run}\n")
            for file in sorted(Path(made).rglob("*")):
                path = file.relative_to(made).as_posix()
                if file.is_file() and path not in there:
                    self.server.upload(place, path, file)

    # -- registry ---------------------------------------------------------------------------------

    def registry(self) -> None:
        """Send registered models, versions and aliases that have changed."""
        versions = self.store.model_versions()
        names = dict.fromkeys(version.name for version in versions)
        for name in names:
            self._guarded(f"model {name}", lambda name=name: self._model(name))  # type: ignore[misc]
        alive = set()
        for version in reversed(versions):
            alive.add(f"{version.name}/{version.version}")
            self._guarded(
                f"model {version.name} version {version.version}",
                lambda version=version: self._version(version),  # type: ignore[misc]
            )
        for ours, sent in self.ledger.all(_VERSION).items():
            if ours not in alive:
                self._guarded(f"version {ours}", lambda o=ours, s=sent: self._unregister(o, s))  # type: ignore[misc]
        for name in names:
            self._guarded(
                f"model {name} aliases",
                lambda name=name: self._aliases(name, versions),  # type: ignore[misc]
            )

    def _guarded(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except RefusedError as error:
            self.ledger.park(what, str(error))
        else:
            self.ledger.unpark(what)

    def _model(self, name: str) -> None:
        sent = self.ledger.get(_REGISTERED, name)
        description, tags = self.store.model_description(name)
        if sent.remote is None:
            if self.server.registered_model(name) is None:
                try:
                    self.server.change_registry("POST", "registered-models/create", name=name)
                except RefusedError as error:
                    if not error.is_there_already:
                        raise
            sent.remote = name
        if description != sent.state.get("description", ""):
            self.server.change_registry(
                "PATCH", "registered-models/update", name=name, description=description
            )
            sent.state["description"] = description
        for key, value in _new(tags, sent).items():
            self.server.change_registry(
                "POST", "registered-models/set-tag", name=name, key=key, value=value
            )
        sent.state["tags"] = dict(tags)
        self.ledger.put(_REGISTERED, name, sent)

    def _version(self, version: ModelVersion) -> None:
        ours = f"{version.name}/{version.version}"
        sent = self.ledger.get(_VERSION, ours)
        tags = dict(version.tags)
        if sent.remote is None:
            self._register(version, ours, sent)
        remote: dict[str, Any] = {"name": version.name, "version": str(sent.remote)}
        if version.description != sent.state.get("description", ""):
            self.server.change_registry(
                "PATCH", "model-versions/update", **remote, description=version.description
            )
            sent.state["description"] = version.description
        for key, value in _new(tags, sent).items():
            self.server.change_registry(
                "POST", "model-versions/set-tag", **remote, key=key, value=value
            )
        sent.state["tags"] = tags
        self.ledger.put(_VERSION, ours, sent)

    def _register(self, version: ModelVersion, ours: str, sent: Sent) -> None:
        files = self.store.model_files(version.name, version.version)
        record = None if version.run_id is None else self.store.get_run(version.run_id)
        run, model = None, None
        if record is not None:
            run = self.ledger.get(RUN, record.run_id).remote
            crates = self.ledger.get(RUN, record.run_id).state.get("crates", {}).values()
            model = next((m for digest, m in crates if digest == _digest(files)), None)
            place = self.runs.experiment(record.experiment_id)
        else:
            place = self._default_place()
        if model is None:
            model = self._logged(place, version.name.replace(".", "_"), run, record, files)
        asked = sent.was_begun
        sent.state = {"model": model}
        self.ledger.put(_VERSION, ours, sent)
        # Numbers are given out by each store anew; the moment tells them apart.
        mark = f"{ours}/{round(version.created.timestamp() * 1e6)}"
        tags = {VERSION: mark, MANIFEST: _digest(files), MODEL: _digest_of_model(files)}
        body: dict[str, Any] = {
            "name": version.name,
            "source": f"models:/{model}",
            "model_id": model,
            "description": version.description,
            "tags": pairs(dict(version.tags) | tags | {"mlflow.user": version.user}),
        }
        if run is not None:
            body["run_id"] = run

        def make() -> str:
            made = self.server.change_registry("POST", "model-versions/create", once=True, **body)
            return str(made["model_version"]["version"])

        sent.remote = self._create_once(asked, lambda: self._known_version(version, mark), make)
        sent.state |= {"description": version.description, "tags": dict(version.tags)}
        self.ledger.put(_VERSION, ours, sent)

    def _known_version(self, version: ModelVersion, mark: str) -> str | None:
        for known in self.server.versions(version.name):
            if tags_of(known).get(VERSION) == mark:
                return str(known["version"])
        return None

    def _default_place(self) -> str:
        found = self.server.experiment("Default")
        if found is not None:
            return str(found["experiment_id"])
        return self.server.create_experiment("Default", [])

    def _unregister(self, ours: str, sent: Sent) -> None:
        if sent.remote is not None:
            name = ours.rpartition("/")[0]
            try:
                self.server.change_registry(
                    "DELETE", "model-versions/delete", name=name, version=sent.remote
                )
            except RefusedError as error:
                if not error.is_missing:
                    raise
        self.ledger.remove(_VERSION, ours)

    def _aliases(self, name: str, versions: Sequence[ModelVersion]) -> None:
        sent = self.ledger.get(_REGISTERED, name)
        now: dict[str, str] = {}
        for version in versions:
            if version.name == name:
                remote = self.ledger.get(_VERSION, f"{name}/{version.version}").remote
                now |= {alias: str(remote) for alias in version.aliases if remote is not None}
        before = sent.state.get("aliases", {})
        for alias, remote in now.items():
            if before.get(alias) != remote:
                self.server.change_registry(
                    "POST", "registered-models/alias", name=name, alias=alias, version=remote
                )
        for alias in before.keys() - now.keys():
            # Somebody else may have given it to a version of theirs.
            found = (self.server.registered_model(name) or {}).get("aliases", ())
            if {"alias": alias, "version": before[alias]} in list(found):
                self.server.change_registry(
                    "DELETE", "registered-models/alias", name=name, alias=alias
                )
        sent.state["aliases"] = now
        self.ledger.put(_REGISTERED, name, sent)


def _new(tags: Mapping[str, str], sent: Sent) -> dict[str, str]:
    before = sent.state.get("tags", {})
    return {key: value for key, value in tags.items() if before.get(key) != value}


def _digest(files: Sequence[StoredArtifact]) -> str:
    return next((file.sha256 for file in files if file.path == FILE_NAME), "")


def _digest_of_model(files: Sequence[StoredArtifact]) -> str:
    return next((file.sha256 for file in files if file.path in {"model.pkl", "model.skops"}), "")
