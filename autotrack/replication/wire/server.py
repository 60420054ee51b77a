"""The calls of MLflow's interface that are made, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from autotrack.errors import ReplicationError
from autotrack.replication.wire.answers import RefusedError
from autotrack.replication.wire.http import ARTIFACTS, Transport

_PAGE = 1000
_MODELS_PAGE = 100


class Server:
    """A server of MLflow's.

    Parameters
    ----------
    transport : Transport
    """

    def __init__(self, transport: Transport, uri: str) -> None:
        self.transport = transport
        self.uri = uri
        self._call = transport.call

    # -- experiments ------------------------------------------------------------------------------

    def is_there(self) -> bool:
        """Ask something small."""
        self._call("POST", "mlflow/experiments/search", {"max_results": 1})
        return True

    def experiment(self, name: str) -> dict[str, Any] | None:
        """An experiment by its name, be it deleted."""
        try:
            found = self._call("GET", "mlflow/experiments/get-by-name", {"experiment_name": name})
        except RefusedError as error:
            if error.is_missing:
                return None
            raise
        return dict(found["experiment"])

    def create_experiment(self, name: str, tags: list[dict[str, str]]) -> str:
        """Make an experiment, or find out that it was made; its id."""
        try:
            made = self._call("POST", "mlflow/experiments/create", {"name": name, "tags": tags})
        except RefusedError as error:
            found = self.experiment(name) if error.is_there_already else None
            if found is None:
                raise
            return str(found["experiment_id"])
        return str(made["experiment_id"])

    def change_experiment(self, what: str, experiment: str, **values: str) -> None:
        """One of ``update``, ``delete``, ``restore`` and ``set-experiment-tag``."""
        self._call("POST", f"mlflow/experiments/{what}", {"experiment_id": experiment, **values})

    # -- runs -------------------------------------------------------------------------------------

    def create_run(
        self, experiment: str, name: str, user: str, start: int, tags: list[dict[str, str]]
    ) -> dict[str, Any]:
        """Make a run; not sent again where it may have been made."""
        body = {
            "experiment_id": experiment,
            "run_name": name,
            "user_id": user,
            "start_time": start,
            "tags": tags,
        }
        return dict(self._call("POST", "mlflow/runs/create", body, once=True)["run"])

    def runs(self, experiment: str, condition: str, view: str = "ALL") -> Iterator[dict[str, Any]]:
        """The runs of an experiment that a filter finds."""
        body: dict[str, Any] = {
            "experiment_ids": [experiment],
            "filter": condition,
            "max_results": _PAGE,
            "run_view_type": view,
        }
        while True:
            found = self._call("POST", "mlflow/runs/search", body)
            yield from found.get("runs", ())
            if not found.get("next_page_token"):
                return
            body["page_token"] = found["next_page_token"]

    def run(self, run: str) -> dict[str, Any]:
        """A run, with what it was given."""
        return dict(self._call("GET", "mlflow/runs/get", {"run_id": run})["run"])

    def change_run(self, what: str, run: str, **values: Any) -> None:
        """One of ``update``, ``delete``, ``restore``, ``delete-tag``, ``log-batch``, ..."""
        self._call("POST", f"mlflow/runs/{what}", {"run_id": run, **values})

    # -- models -----------------------------------------------------------------------------------

    def create_logged_model(
        self, experiment: str, name: str, run: str | None, tags: list[dict[str, str]]
    ) -> dict[str, Any]:
        """Make a logged model; not sent again where it may have been made."""
        body: dict[str, Any] = {"experiment_id": experiment, "name": name, "tags": tags}
        if run is not None:
            body["source_run_id"] = run
        made = self._call("POST", "mlflow/logged-models", body, once=True)
        return dict(made["model"]["info"])

    def logged_models(self, experiment: str, condition: str) -> list[dict[str, Any]]:
        """The logged models of an experiment that a filter finds."""
        body: dict[str, Any] = {"experiment_ids": [experiment], "filter": condition}
        found = []
        while True:
            page = self._call("POST", "mlflow/logged-models/search", body)
            found += [dict(model["info"]) for model in page.get("models", ())]
            if not page.get("next_page_token"):
                return found
            body["page_token"] = page["next_page_token"]

    def logged_model(self, model: str) -> dict[str, Any]:
        """A logged model by its id."""
        return dict(self._call("GET", f"mlflow/logged-models/{model}")["model"]["info"])

    def change_logged_model(self, method: str, model: str, **values: Any) -> None:
        """``PATCH`` its status, or ``DELETE`` it."""
        body = {"model_id": model, **values}
        self._call(method, f"mlflow/logged-models/{model}", body)

    def registered_model(self, name: str) -> dict[str, Any] | None:
        """A registered model by its name."""
        try:
            found = self._call("GET", "mlflow/registered-models/get", {"name": name})
        except RefusedError as error:
            if error.is_missing:
                return None
            raise
        return dict(found["registered_model"])

    def change_registry(
        self, method: str, what: str, *, once: bool = False, **values: Any
    ) -> dict[str, Any]:
        """A call below ``registered-models/`` or ``model-versions/``."""
        return self._call(method, f"mlflow/{what}", values, once=once)

    def versions(self, name: str) -> list[dict[str, Any]]:
        """The versions of a registered model."""
        quoted = name.replace("'", "''")
        body: dict[str, Any] = {"filter": f"name='{quoted}'", "max_results": _MODELS_PAGE}
        found: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", "mlflow/model-versions/search", body)
            found += page.get("model_versions", ())
            if not page.get("next_page_token"):
                return found
            body["page_token"] = page["next_page_token"]

    # -- files ------------------------------------------------------------------------------------

    def upload(self, place: str, path: str, file: Path) -> None:
        """Put a file below an artifact location."""
        if (url := _proxied(place)) is not None:
            self.transport.upload(f"{url}/{path}", file)
        elif (folder := _local(place)) is not None:
            import shutil

            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / path)
        else:
            self._repository(place).log_artifact(str(file), path.rpartition("/")[0] or None)

    def download(self, place: str, path: str, to: Path) -> None:
        """Fetch a file that lies below an artifact location."""
        to.parent.mkdir(parents=True, exist_ok=True)
        if (url := _proxied(place)) is not None:
            with open(to, "w+b") as writer:
                self.transport.download(f"{url}/{path}", writer)
        elif (folder := _local(place)) is not None:
            import shutil

            shutil.copyfile(folder / path, to)
        else:
            import shutil

            shutil.move(self._repository(place).download_artifacts(path), to)

    def files(self, place: str, path: str = "") -> Iterator[str]:
        """The paths of all files below an artifact location."""
        if (url := _proxied(place)) is not None:
            below = urlsplit(url).path.removeprefix(ARTIFACTS).strip("/")
            asked = f"{below}/{path}".rstrip("/")
            listed = self._call("GET", "mlflow-artifacts/artifacts", {"path": asked})
            for entry in listed.get("files", ()):
                name = f"{path}/{entry['path'].rpartition('/')[2]}".lstrip("/")
                if entry.get("is_dir"):
                    yield from self.files(place, name)
                else:
                    yield name
        elif (folder := _local(place)) is not None:
            for file in sorted((folder / path).rglob("*")):
                if file.is_file():
                    yield file.relative_to(folder).as_posix()
        else:
            yield from _walk(self._repository(place), path)

    def _repository(self, place: str) -> Any:
        """MLflow's own class for a place that is not ours to know."""
        try:
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        except ImportError as error:
            raise ReplicationError(
                f"the server keeps files at {urlsplit(place).scheme}:, which takes the extra "
                "mlflow: pip install 'sklearn-autotrack[mlflow]'"
            ) from error
        return get_artifact_repository(place, tracking_uri=self.uri)


def _walk(repository: Any, path: str) -> Iterator[str]:
    for entry in repository.list_artifacts(path or None):
        if entry.is_dir:
            yield from _walk(repository, entry.path)
        else:
            yield entry.path


def _proxied(place: str) -> str | None:
    """The path of files that the server hands on."""
    parts = urlsplit(place)
    if parts.scheme == "mlflow-artifacts":
        return f"{ARTIFACTS}/{parts.path.strip('/')}"
    if parts.scheme in {"http", "https"} and ARTIFACTS in parts.path:
        return ARTIFACTS + parts.path.partition(ARTIFACTS)[2].rstrip("/")
    return None


def _local(place: str) -> Path | None:
    parts = urlsplit(place)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(place) if place.startswith("/") else None


def run_id_of(run: Mapping[str, Any]) -> str:
    """The id of a run as an answer has it."""
    return str(run["info"]["run_id"])


def tags_of(thing: Mapping[str, Any]) -> dict[str, str]:
    """The tags of something, as an answer has them."""
    listed: Sequence[Mapping[str, str]] = thing.get("tags") or ()
    return {str(tag["key"]): str(tag.get("value", "")) for tag in listed}
