"""Experiments and runs: what is new of each goes to the server, in calls that may be repeated."""

# Long because what was sent, and what is still to send of a run, is decided in one place.

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from autotrack.entities import Metric, RunRecord, Source
from autotrack.replication.ledger import Ledger, Sent
from autotrack.replication.wire.answers import RefusedError, UnavailableError
from autotrack.replication.wire.server import Server, run_id_of, tags_of
from autotrack.replication.words import (
    RUN_ID,
    Told,
    datasets_of,
    first_tags,
    metric_of,
    millis,
    pairs,
    short,
    told_of,
)
from autotrack.store.store import Store

_EXPERIMENT, RUN, _SOURCE = "experiment", "run", "source"
_PACKAGES = "autotrack/packages.json"
# Limits of a batch; its bytes are half of what the server takes.
_MOST = {"params": 100, "tags": 100, "metrics": 800}
_MOST_BYTES = 500_000
# For so long after its answer was lost a call may still be carried out.
_IN_DOUBT = 90.0

Item = tuple[str, dict[str, Any]]


class RunSender:
    """Sends experiments and runs.

    Parameters
    ----------
    store : Store
    ledger : Ledger
    server : Server
    rest : callable
        Waits before a further try; takes how many there were.
    """

    def __init__(
        self, store: Store, ledger: Ledger, server: Server, rest: Callable[[int], None]
    ) -> None:
        self.store = store
        self.ledger = ledger
        self.server = server
        self.rest = rest

    # -- experiments ------------------------------------------------------------------------------

    def experiment(self, experiment_id: str) -> str:
        """What the server calls an experiment, which is made there if need be.

        Raises
        ------
        RefusedError
            If its name belongs to one that somebody deleted there.
        """
        sent = self.ledger.get(_EXPERIMENT, experiment_id)
        if sent.remote is not None:
            return sent.remote
        known = self.store.get_experiment(experiment_id=experiment_id)
        found = self.server.experiment(known.name)
        if found is None:
            remote = self.server.create_experiment(known.name, pairs(dict(known.tags)))
            sent.state = {"name": known.name, "tags": dict(known.tags)}
        else:
            remote = str(found["experiment_id"])
            if found.get("lifecycle_stage") == "deleted":
                raise RefusedError(
                    f"experiment {known.name!r} is deleted on the server; restore it there, or "
                    "rename ours"
                )
            sent.state = {"name": known.name}
            # Another ledger, or one that was lost, may have sent runs of ours.
            runs = self.server.runs(remote, f"tags.`{RUN_ID}` LIKE '%'", "ACTIVE_ONLY")
            self.ledger.put_new(RUN, {tags_of(run["data"])[RUN_ID]: run_id_of(run) for run in runs})
        sent.remote = remote
        self.ledger.put(_EXPERIMENT, experiment_id, sent)
        return remote

    def experiments(self) -> None:
        """Send names, tags and deletions of experiments that have changed."""
        for known in self.store.list_experiments(deleted=True):
            sent = self.ledger.get(_EXPERIMENT, known.experiment_id)
            what = f"experiment {known.name}"
            try:
                if sent.remote is None:
                    if known.deleted:
                        continue  # with its runs, if it has any
                    self.experiment(known.experiment_id)
                    sent = self.ledger.get(_EXPERIMENT, known.experiment_id)
                self._experiment_as_it_is(known.name, dict(known.tags), known.deleted, sent)
            except RefusedError as error:
                self.ledger.park(what, str(error))
                continue
            self.ledger.put(_EXPERIMENT, known.experiment_id, sent)
            self.ledger.unpark(what)

    def _experiment_as_it_is(
        self, name: str, tags: dict[str, str], deleted: bool, sent: Sent
    ) -> None:
        remote, state = str(sent.remote), sent.state
        if state.get("deleted") and not deleted:
            self.server.change_experiment("restore", remote)
        if not state.get("deleted") or not deleted:
            if state.get("name") != name:
                self.server.change_experiment("update", remote, new_name=name)
            before = state.get("tags", {})
            for key, value in tags.items():
                if before.get(key) != value:
                    self.server.change_experiment(
                        "set-experiment-tag", remote, key=key, value=value
                    )
            state |= {"name": name, "tags": tags}
        if deleted and not state.get("deleted"):
            self.server.change_experiment("delete", remote)
        state["deleted"] = deleted

    # -- runs -------------------------------------------------------------------------------------

    def run(self, run_id: str, number: int) -> tuple[RunRecord, Sent]:
        """Send what is new of a run, its files aside; the record of it, and what was sent.

        Files are sent by :meth:`artifacts`, and its end by :meth:`end`.
        """
        record = self.store.get_run(run_id)
        sent = self.ledger.get(RUN, run_id)
        if sent.remote is None:
            self._create(record, sent)
        remote, state = str(sent.remote), sent.state
        state["number"] = number
        if state.get("deleted") and not record.deleted:
            self.server.change_run("restore", remote)
            state["deleted"] = False
        elif state.get("deleted"):
            return record, sent
        told = self._values(record, sent)
        self._inputs(record, sent)
        self._texts(record, sent, told.files)
        if record.parent_id is not None and state.get("parent") != record.parent_id:
            tag = {"key": "mlflow.parentRunId", "value": self._parent(record)}
            self.server.change_run("set-tag", remote, **tag)
            state["parent"] = record.parent_id
        return record, sent

    def end(self, record: RunRecord, sent: Sent) -> None:
        """Say how a run ended, after all that belongs to it; then whether it was deleted."""
        end = None if record.end_time is None else millis(record.end_time)
        now = [record.status, end, record.name]
        if sent.state.get("end") != now and not sent.state.get("deleted"):
            values: dict[str, Any] = {"status": record.status, "run_name": record.name}
            if end is not None:
                values["end_time"] = end
            self.server.change_run("update", str(sent.remote), **values)
            sent.state["end"] = now
        if record.deleted and not sent.state.get("deleted"):
            self.server.change_run("delete", str(sent.remote))
            sent.state["deleted"] = True
        self.ledger.put(RUN, record.run_id, sent)

    def forget_values(self, run_id: str) -> None:
        """Have all that a run holds sent once more, which changes nothing that is there."""
        sent = self.ledger.get(RUN, run_id)
        if sent.remote is not None:
            sent.state.pop("metrics", None)
            self.ledger.put(RUN, run_id, sent)

    def gone(self, number: int) -> None:
        """The run of a number was removed from the store for good."""
        for run_id, sent in self.ledger.all(RUN).items():
            if sent.state.get("number") != number or self.store.has_run(run_id):
                continue
            if sent.remote is not None and not sent.state.get("deleted"):
                self.server.change_run("delete", sent.remote)
            self.ledger.remove(RUN, run_id)

    def _parent(self, record: RunRecord) -> str:
        """What the server calls the parent, which is made first."""
        assert record.parent_id is not None
        sent = self.ledger.get(RUN, record.parent_id)
        if sent.remote is None:
            parent = self.store.get_run(record.parent_id)
            self._create(parent, sent)
        return str(sent.remote)

    def _create(self, record: RunRecord, sent: Sent) -> None:
        """Make a run there, once."""
        parent = None if record.parent_id is None else self._parent(record)
        place = self.experiment(record.experiment_id)
        known = self.ledger.get(RUN, record.run_id)
        if known.remote is not None:  # found with its experiment
            sent.remote, sent.state = known.remote, known.state
            return
        asked = known.was_begun
        self.ledger.put(RUN, record.run_id, sent)
        tags = pairs(first_tags(record, parent))
        user = "" if record.source is None else record.source.user
        tries = 0
        while sent.remote is None:
            if asked:
                sent.remote = self._found(place, record.run_id)
                if sent.remote is not None:
                    break
            try:
                made = self.server.create_run(
                    place, record.name, user, millis(record.start_time), tags
                )
                sent.remote = run_id_of(made)
                sent.state["place"] = made["info"]["artifact_uri"]
            except UnavailableError as error:
                tries += 1
                if not error.is_certain:
                    asked = True
                    self.ledger.doubt(record.run_id, place, time.time() + _IN_DOUBT)
                if error.is_denied or tries >= 4:
                    raise
                self.rest(tries)
        sent.state["parent"] = record.parent_id
        self.ledger.put(RUN, record.run_id, sent)

    def _found(self, place: str, run_id: str) -> str | None:
        """What the server calls the run of an id; of several the first that began there."""
        found = sorted(
            run_id_of(run)
            for run in self.server.runs(place, f"tags.`{RUN_ID}` = '{run_id}'", "ACTIVE_ONLY")
        )
        return found[0] if found else None

    def clear_doubts(self) -> bool:
        """Delete runs that appeared a second time; whether all doubts are gone."""
        now = time.time()
        left = False
        for run_id, place, until in self.ledger.doubts():
            kept = self.ledger.get(RUN, run_id).remote
            condition = f"tags.`{RUN_ID}` = '{run_id}'"
            for run in self.server.runs(place, condition, "ACTIVE_ONLY"):
                if kept is not None and run_id_of(run) != kept:
                    self.server.change_run("delete", run_id_of(run))
            if now > until:
                self.ledger.settle(run_id)
            else:
                left = True
        return not left

    # -- what a run holds -------------------------------------------------------------------------

    def _values(self, record: RunRecord, sent: Sent) -> Told:
        """Send params, metrics and tags that are new."""
        state = sent.state
        known = {key: tuple(seen) for key, seen in state.get("metrics", {}).items()}
        metrics, now = self.store.metrics_since(record.run_id, known)
        replaced_metrics = {
            key
            for key, (number, _, moment) in known.items()
            if key in now and now[key][0] == number and now[key][2] != moment
        } | set(state.get("replaced", ()))
        state["replaced"] = sorted(replaced_metrics)
        held = state.setdefault("infinite", [])
        held += [
            [m.key, repr(m.value), m.step, m.time.timestamp()]
            for m in metrics
            if math.isinf(m.value)
        ]
        told = told_of(record, self.store.findings(record.run_id), now.keys(), _as_metrics(held))
        tags = dict(told.tags)
        if record.source is not None:
            tags["autotrack.packages"] = self._packages(record.source, sent, told.files)
        if gone := sorted(set(known) - now.keys() | set(state.get("gone", ()))):
            # Those that came back are there.
            state["gone"] = gone = [key for key in gone if key not in now]
            tags["autotrack.gone_metrics"] = "\n".join(gone)[:8000]
        if replaced_metrics:
            tags["autotrack.replaced_metrics"] = "\n".join(sorted(replaced_metrics))[:8000]
        params, replaced = self._new_params(told.params, state)
        if replaced:
            tags["autotrack.replaced_params"] = _lines(replaced)[:8000]
        new_tags = {k: v for k, v in tags.items() if state.get("tags", {}).get(k) != short(v)}
        items: list[Item] = [("params", pair) for pair in pairs(params)]
        items += [("tags", pair) for pair in pairs(new_tags)]
        items += [("metrics", metric_of(metric)) for metric in metrics]
        refused: list[Item] = []
        for batch in _batches(items):
            refused += self._batch(record.run_id, str(sent.remote), batch)
        for kind, item in refused:
            # Not there, so that it is sent again with the next change; a value of a metric is not.
            {"params": params, "tags": tags}.get(kind, {}).pop(item["key"], None)
        for key in set(state.get("tags", ())) - tags.keys():
            self._delete_tag(str(sent.remote), key)
        state["params"] = state.get("params", {}) | {k: short(v) for k, v in params.items()}
        state["metrics"] = {key: list(seen) for key, seen in now.items()}
        state["tags"] = {key: short(value) for key, value in tags.items()}
        return told

    def _packages(self, source: Source, sent: Sent, files: dict[str, str]) -> str:
        """Where the versions of packages are, which are sent once for all runs of a process."""
        text = _lines(source.packages)
        known = self.ledger.get(_SOURCE, source.source_id)
        if known.remote is None or known.remote == sent.remote:
            files[_PACKAGES] = text
            if known.state.get("digest") != short(text):
                known.remote, known.state = sent.remote, {"digest": short(text)}
                self.ledger.put(_SOURCE, source.source_id, known)
        return f"runs:/{known.remote}/{_PACKAGES}"

    def _new_params(
        self, params: dict[str, str], state: dict[str, Any]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Those that are new, and those that have another value now or none any more."""
        sent = state.get("params", {})
        new = {key: value for key, value in params.items() if key not in sent}
        replaced = {
            key: params.get(key, "(removed)")
            for key, digest in sent.items()
            if key not in params or short(params[key]) != digest
        }
        return new, replaced

    def _delete_tag(self, remote: str, key: str) -> None:
        try:
            self.server.change_run("delete-tag", remote, key=key)
        except RefusedError as error:
            if not error.is_missing:
                raise

    def _batch(self, run_id: str, remote: str, items: Sequence[Item]) -> list[Item]:
        """Send items; those that the server never takes, which it has said why, come back."""
        body: dict[str, list[dict[str, Any]]] = {}
        for kind, item in items:
            body.setdefault(kind, []).append(item)
        try:
            self.server.change_run("log-batch", remote, **body)
        except RefusedError as error:
            if error.is_missing:
                raise
            if len(items) == 1:
                kind, item = items[0]
                self.ledger.park(f"run {run_id} {kind[:-1]} {item['key']}", str(error))
                return list(items)
            half = len(items) // 2
            return [
                *self._batch(run_id, remote, items[:half]),
                *self._batch(run_id, remote, items[half:]),
            ]
        return []

    def _inputs(self, record: RunRecord, sent: Sent) -> None:
        inputs = datasets_of(record)
        known = set(sent.state.get("inputs", ()))
        names = [f"{each['dataset']['name']}\n{each['dataset']['digest']}" for each in inputs]
        new = [each for each, name in zip(inputs, names, strict=True) if name not in known]
        if not new:
            return
        try:
            self.server.change_run("log-inputs", str(sent.remote), datasets=new)
        except RefusedError as error:
            if error.is_missing:
                raise
            self.ledger.park(f"run {record.run_id} datasets", str(error))
            return
        sent.state["inputs"] = names

    # -- files ------------------------------------------------------------------------------------

    def _texts(self, record: RunRecord, sent: Sent, files: dict[str, str]) -> None:
        """Upload texts that are kept whole."""
        done = sent.state.setdefault("artifacts", {})
        new = {path: text for path, text in files.items() if done.get(path) != short(text)}
        if not new:
            return
        with tempfile.TemporaryDirectory(prefix="autotrack-replicate-") as folder:
            for path, text in new.items():
                file = Path(folder, "text")
                file.write_text(text, encoding="utf-8")
                if self._upload(record, sent, path, file):
                    done[path] = short(text)

    def artifacts(self, record: RunRecord, sent: Sent, skipped: Sequence[str]) -> None:
        """Upload the files of a run, except those below the folders `skipped`."""
        done = sent.state.setdefault("artifacts", {})
        for stored in self.store.stored_artifacts(record.run_id):
            if done.get(stored.path) == stored.sha256:
                continue
            if any(stored.path.startswith(f"{folder}/") for folder in skipped):
                continue
            file = self.store.artifacts.resolve(stored.location)
            if not file.is_file():
                continue  # replaced meanwhile, which is a change of its own
            if self._upload(record, sent, stored.path, file):
                done[stored.path] = stored.sha256
            self.ledger.put(RUN, record.run_id, sent)

    def _upload(self, record: RunRecord, sent: Sent, path: str, file: Path) -> bool:
        try:
            self.server.upload(self.place_of(sent), path, file)
        except RefusedError as error:
            self.ledger.park(f"run {record.run_id} artifact {path}", str(error))
            return False
        return True

    def place_of(self, sent: Sent) -> str:
        """Where the server keeps the files of a run."""
        place = sent.state.get("place")
        if place is None:
            place = self.server.run(str(sent.remote))["info"]["artifact_uri"]
            sent.state["place"] = place
        return str(place)


def _as_metrics(rows: Sequence[Sequence[Any]]) -> list[Metric]:
    from autotrack.store.tables.experiments import instant

    return [Metric(key, float(value), step, instant(at)) for key, value, step, at in rows]


def _lines(values: Any) -> str:
    import json

    return json.dumps(dict(values), indent=0, sort_keys=True, ensure_ascii=False)


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    counts: dict[str, int] = {}
    size = 0
    for kind, item in items:
        weight = 60 + 3 * len(str(item.get("value"))) + len(item["key"])
        if batch and (counts.get(kind, 0) >= _MOST[kind] or size + weight > _MOST_BYTES):
            yield batch
            batch, counts, size = [], {}, 0
        batch.append((kind, item))
        counts[kind] = counts.get(kind, 0) + 1
        size += weight
    if batch:
        yield batch
