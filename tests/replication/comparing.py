"""What a server holds beside what a store holds, field by field.

"Equal" is as `autotrack.replication` defines it: everything but ids of runs and models, times at
which models and versions were made, infinities, gaps in the numbers of versions, and what is less
than a millisecond. Keys that the server refuses, and texts that are too long for it, are looked
for where they are kept whole.
"""

from __future__ import annotations

import hashlib
import json
import math
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from autotrack.entities import RunRecord
from autotrack.store.store import Store

_HUGE = 1.7976931348623157e308


class Asking:
    """The server, asked by nothing of ours."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def __call__(self, path: str, body: Any = None, **query: Any) -> Any:
        url = f"{self.uri}/api/2.0/mlflow/{path}"
        if query:
            url += f"?{urllib.parse.urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)

    def pages(self, path: str, key: str, body: dict[str, Any]) -> list[Any]:
        found: list[Any] = []
        while True:
            page = self(path, body)
            found += page.get(key, ())
            if not page.get("next_page_token"):
                return found
            body = {**body, "page_token": page["next_page_token"]}

    def file(self, place: str, path: str) -> bytes:
        below = urllib.parse.urlsplit(place).path
        quoted = urllib.parse.quote(f"{below}/{path}")
        url = f"{self.uri}/api/2.0/mlflow-artifacts/artifacts{quoted}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return bytes(answer.read())

    def files(self, place: str, path: str = "") -> list[str]:
        below = urllib.parse.urlsplit(place).path.strip("/")
        asked = urllib.parse.urlencode({"path": f"{below}/{path}".rstrip("/")})
        url = f"{self.uri}/api/2.0/mlflow-artifacts/artifacts?{asked}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            listed = json.load(answer).get("files", ())
        found = []
        for entry in listed:
            name = f"{path}/{entry['path'].rpartition('/')[2]}".lstrip("/")
            found += self.files(place, name) if entry.get("is_dir") else [name]
        return found


def differences(store: Store, uri: str) -> list[str]:
    """What is not equal, a line each; empty where all is."""
    ask = Asking(uri)
    wrong: list[str] = []
    remote: dict[str, Any] = {}
    ours = {experiment.name: experiment for experiment in store.list_experiments(deleted=True)}
    listed = ask.pages(
        "experiments/search", "experiments", {"max_results": 500, "view_type": "ALL"}
    )
    for found in listed:
        known = ours.get(found["name"])
        if known is None:
            continue
        if known.deleted != (found["lifecycle_stage"] == "deleted"):
            wrong.append(f"experiment {known.name}: {found['lifecycle_stage']}")
        for key, value in known.tags.items():
            if _tags(found).get(key) != value:
                wrong.append(f"experiment {known.name}: tag {key}")
        body = {
            "experiment_ids": [found["experiment_id"]],
            "max_results": 500,
            "run_view_type": "ALL",
        }
        for run in ask.pages("runs/search", "runs", body):
            tags = _tags(run["data"])
            run_id = tags.get("autotrack.run_id")
            if run_id is None:
                continue
            if run_id in remote and run["info"]["lifecycle_stage"] == "active":
                if remote[run_id]["info"]["lifecycle_stage"] == "active":
                    wrong.append(f"run {run_id} is there twice")
                remote[run_id] = run
            remote.setdefault(run_id, run)
    with store.reading() as connection:
        run_ids = [row[0] for row in connection.execute("SELECT run_id FROM runs")]
    for run_id in run_ids:
        if run_id not in remote:
            wrong.append(f"run {run_id} is missing")
            continue
        record = store.get_run(run_id)
        full = ask("runs/get", run_id=remote[run_id]["info"]["run_id"])["run"]
        parent = remote.get(record.parent_id or "")
        told = _run(ask, store, record, full, parent)
        wrong += [f"run {run_id} ({record.kind} {record.name}): {line}" for line in told]
    wrong += [f"run {run_id} is not ours" for run_id in remote.keys() - set(run_ids)]
    return wrong + _registry(ask, store, remote)


def _tags(thing: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in thing.get("tags", ())}


def _run(ask: Asking, store: Store, record: RunRecord, run: Any, parent: Any) -> list[str]:
    info, data = run["info"], run["data"]
    tags = _tags(data)
    wrong = []

    def expect(what: str, found: object, wanted: object) -> None:
        if found != wanted:
            wrong.append(f"{what} is {found!r:.200}, not {wanted!r:.200}")

    def original(key: str) -> str:
        return tags.get(f"autotrack.key.{key}", key)

    place = info["artifact_uri"]

    def whole(text: str) -> str:
        if "characters are in the artifact " in text[-400:]:
            path = text[:-1].rpartition("in the artifact ")[2]
            return ask.file(place, path).decode()
        return text

    expect("status", info["status"], record.status)
    expect("name", info["run_name"], record.name)
    expect("start", info["start_time"], round(record.start_time.timestamp() * 1000))
    end = None if record.end_time is None else round(record.end_time.timestamp() * 1000)
    expect("end", info.get("end_time") or None, end)
    with store.reading():
        place_deleted = store.get_experiment(name=record.experiment).deleted
    stage = "deleted" if record.deleted or place_deleted else "active"
    expect("stage", info["lifecycle_stage"], stage)
    expect("kind", tags.get("autotrack.kind"), record.kind)
    wanted = None if parent is None else parent["info"]["run_id"]
    expect("parent", tags.get("mlflow.parentRunId"), wanted)
    if stage == "deleted":
        return wrong
    params = {original(p["key"]): whole(p["value"]) for p in data.get("params", ())}
    texts = {
        key: value if isinstance(value, str) else _text(value)
        for key, value in record.params.items()
    }
    replaced = json.loads(tags.get("autotrack.replaced_params", "{}"))
    expect("params", {k: replaced.get(k, v) for k, v in params.items()}, texts)
    for key, value in record.tags.items():
        name = next((n for n in tags if original(n) == key), key)
        expect(f"tag {key}", whole(tags.get(name, "(missing)")), value)
    replaced_metrics = tags.get("autotrack.replaced_metrics", "").split("\n")
    gone = set(tags.get("autotrack.gone_metrics", "").split("\n"))
    names = {original(m["key"]): m["key"] for m in data.get("metrics", ())}
    keys = {key for key in names if key not in gone}
    with store.reading() as connection:
        rows = connection.execute(
            "SELECT m.key, m.step, m.value, m.time FROM (SELECT run, key, step, value, time FROM"
            " metrics UNION ALL SELECT run, key, step, value, time FROM earlier_metrics) AS m"
            " JOIN runs AS r ON r.id = m.run WHERE r.run_id = ?",
            (record.run_id,),
        ).fetchall()
    expect("metrics", sorted(keys), sorted({row[0] for row in rows}))
    for key in keys:
        history = ask("metrics/get-history", run_id=info["run_id"], metric_key=names[key])
        found = {_point(m.get("step", 0), m["value"], m["timestamp"]) for m in history["metrics"]}
        mine = {
            _point(step, math.nan if value is None else value, round(at * 1000))
            for name, step, value, at in rows
            if name == key
        }
        if key in replaced_metrics:
            # What it was before stays there; the last is the same.
            found &= mine
            last = next(m for m in data["metrics"] if m["key"] == names[key])
            newest = _point(last.get("step", 0), last["value"], last["timestamp"])
            expect(f"last value of {key}", newest in mine, True)
        expect(f"history of {key}", sorted(found), sorted(mine))
    for finding in store.findings(record.run_id):
        there = any(original(n) == f"autotrack.finding.{finding.code}.{finding.data}" for n in tags)
        expect(f"finding {finding.code}", there, True)
    if record.source is not None:
        expect("user", tags.get("mlflow.user"), record.source.user)
        expect("commit", tags.get("mlflow.source.git.commit"), record.source.git_commit)
    uses = sorted(
        (each["tags"][0]["value"], each["dataset"]["digest"])
        for each in run.get("inputs", {}).get("dataset_inputs", ())
    )
    known = sorted(
        {(use.context, use.data.fingerprint[-36:].rpartition(":")[2]) for use in record.datasets}
    )
    expect("datasets", sorted(set(uses)), known)
    wrong += _files(ask, store, record, run)
    return wrong


def _text(value: object) -> str:
    from autotrack.store.codec import encode_param

    kind, text, _ = encode_param("", value)
    return str(value) if kind in {"none", "bool"} else str(text)


def _point(step: int, value: float | str, at: int) -> tuple[int, str, int]:
    number = float(value)
    if math.isinf(number) or abs(number) >= _HUGE:
        number = math.copysign(math.inf, number)
    return int(step), repr(number), int(at)


def _files(ask: Asking, store: Store, record: RunRecord, run: Any) -> list[str]:
    wrong = []
    stored = {a.path: a.sha256 for a in store.list_artifacts(record.run_id)}
    crates = {path.rpartition("/")[0] for path in stored if path.endswith("/manifest.json")}
    outputs = run.get("outputs", {}).get("model_outputs", ())
    models = {}
    for output in outputs:
        info = ask(f"logged-models/{output['model_id']}")["model"]["info"]
        if info["status"] != "LOGGED_MODEL_READY" and info["status"] != 2:
            wrong.append(f"model {info['name']} is {info['status']}")
        models[info["name"]] = info["artifact_uri"]
    if set(models) != crates:
        wrong.append(f"models are {sorted(models)}, not {sorted(crates)}")
    if len(outputs) != len(models):
        wrong.append("a model is there twice")
    for path, digest in stored.items():
        crate = next((c for c in crates if path.startswith(f"{c}/")), None)
        place = run["info"]["artifact_uri"] if crate is None else models.get(crate)
        inside = path if crate is None else path[len(crate) + 1 :]
        try:
            content = b"" if place is None else ask.file(place, inside)
        except OSError as error:
            wrong.append(f"artifact {path}: {error}")
            continue
        if hashlib.sha256(content).hexdigest() != digest:
            wrong.append(f"artifact {path} differs")
    there = ask.files(run["info"]["artifact_uri"])
    wrong += [
        f"artifact {path} is not ours"
        for path in there
        if path not in stored and not path.startswith("autotrack/")
    ]
    return wrong


def _registry(ask: Asking, store: Store, remote: dict[str, Any]) -> list[str]:
    wrong = []
    versions = store.model_versions()
    for name in {version.name for version in versions}:
        mine = sorted((v for v in versions if v.name == name), key=lambda v: v.version)
        found = ask("model-versions/search", filter=f"name='{name}'", max_results=1000)
        theirs = sorted(found.get("model_versions", ()), key=lambda v: int(v["version"]))
        theirs = [v for v in theirs if _tags(v).get("autotrack.version", "").startswith(f"{name}/")]
        if len(mine) != len(theirs):
            wrong.append(f"model {name}: {len(theirs)} versions, not {len(mine)}")
            continue
        whole = ask("registered-models/get", name=name)["registered_model"]
        aliases = {a["alias"]: a["version"] for a in whole.get("aliases", ())}
        for our, their in zip(mine, theirs, strict=True):
            if their.get("description", "") != our.description:
                wrong.append(f"model {our.uri}: description")
            if any(_tags(their).get(key) != value for key, value in our.tags.items()):
                wrong.append(f"model {our.uri}: tags")
            pointing = tuple(sorted(a for a, v in aliases.items() if v == their["version"]))
            if pointing != our.aliases:
                wrong.append(f"model {our.uri}: aliases {pointing}, not {our.aliases}")
            run = remote.get(our.run_id or "")
            if run is not None and their.get("run_id") != run["info"]["run_id"]:
                wrong.append(f"model {our.uri}: run {their.get('run_id')}")
    return wrong


def all_equal(store: Path, uri: str) -> list[str]:
    """As :func:`differences`, for the store in a folder."""
    opened = Store(store, create=False)
    try:
        return differences(opened, uri)
    finally:
        opened.close()
