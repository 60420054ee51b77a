"""What a model card says, drawn from the record of a run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from autotrack.analysis.evidence.ledger import judged
from autotrack.analysis.explaining.card import Card, Statement
from autotrack.analysis.explaining.changes import code_of, split_rows, uses
from autotrack.analysis.explaining.scores import Score, scores
from autotrack.analysis.names import CODE_TAG, UNSEEDED_TAG
from autotrack.entities import ModelVersion, RunRecord
from autotrack.printable import described
from autotrack.store.search.query import Query
from autotrack.store.store import Store

_PREPROCESSING = "preprocessing__"
_AUTHOR = "for the author to say"


def card_of(store: Store, record: RunRecord, version: ModelVersion | None = None) -> Card:
    """The card of the model of a run, or of a registered version that came from it."""
    title = record.name if version is None else f"{version.name}, version {version.version}"
    parts = (
        _model(store, record, version),
        _data(record),
        _split(store, record),
        _preprocessing(store, record),
        _params(record),
        _selection(store, record),
        _scores(store, record),
        _contract(store, record),
        _versions(record),
        _left_to_the_author(),
    )
    return Card(title, record.run_id, tuple(each for part in parts for each in part))


def _model(store: Store, record: RunRecord, version: ModelVersion | None) -> Iterator[Statement]:
    where, run_id = "Model", record.run_id
    yield Statement(
        where, "estimator", record.tags.get("estimator", record.name), run_id, "", ("5a",)
    )
    yield Statement(where, "kind of run", record.kind, run_id)
    yield Statement(where, "status", record.status, run_id)
    yield Statement(where, "fitted", record.start_time.isoformat(timespec="seconds"), run_id)
    if version is not None:
        aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
        yield Statement(where, "registered", f"{version.uri}{aliases}", version.run_id or "")
        if version.description:
            yield Statement(where, "description", version.description, version.run_id or "")
    source = record.source
    if source is None or source.script is None:
        yield Statement(where, "script", None, gap="made by no script that is known")
    else:
        yield Statement(where, "script", source.script, run_id, "", ("2e",))
    if source is None or source.git_commit is None:
        yield Statement(where, "git commit", None, gap="not in a git repository")
    else:
        state = {True: ", with uncommitted changes", False: "", None: ", unknown whether changed"}
        said = f"{source.git_commit}{state[source.git_dirty]}"
        items = () if source.git_dirty else ("2b",)
        yield Statement(where, "git commit", said, run_id, "", items)
    if CODE_TAG in record.tags:
        names = ", ".join(code_of(store, record)[0])
        yield Statement(where, "code of the project in it", names, run_id, "", ("2b",))
    crate = [each for each in store.list_artifacts(run_id, "model") if each.path.endswith(".pkl")]
    crate = crate or store.list_artifacts(run_id, "model")[:1]
    if crate:
        yield Statement(where, "SHA-256 of the model", crate[0].sha256, run_id)
    else:
        yield Statement(where, "crate", None, gap="the run keeps no model")


def _data(record: RunRecord) -> Iterator[Statement]:
    where, run_id = "Data", record.run_id
    held = uses(record)
    if not held:
        yield Statement(where, "training data", None, gap="not recorded (log_datasets was off)")
    for context, use in held.items():
        shape = " x ".join(f"{size:,}" for size in use.data.shape or ())
        name = f"{use.name}, " if use.name else ""
        said = f"{name}{shape} {use.data.kind}, {use.data.fingerprint}"
        yield Statement(where, context, said, run_id, "", ("2a", "3e"))
        if use.target is not None:
            said = f"{use.target.kind}, {use.target.fingerprint}"
            yield Statement(where, f"{context}, the target", said, run_id, "", ("2a",))
    yield Statement(where, "source, sampling, representativeness", None, gap=_AUTHOR)


def _split(store: Store, record: RunRecord) -> Iterator[Statement]:
    where, run_id = "Split", record.run_id
    rows = split_rows(record)
    if rows:
        said = f"{len(rows)} splits, their rows kept by digest"
        # What was fitted by itself, before the splits were made, saw the rows of all of them.
        apart = not any(key.startswith(_PREPROCESSING) for key in record.params)
        yield Statement(where, "validation", said, run_id, "", ("5c", "6a") if apart else ("5c",))
        for key in ("cv", "groups"):
            if key in record.params:
                yield Statement(where, key, described(record.params[key]), run_id, "", ("5c",))
        return
    held = uses(record)
    train = held.get("train")
    out = {name: use for name, use in held.items() if not name.startswith("train")}
    if train is not None and out and train.data.shape:
        for name, use in out.items():
            size = use.data.shape[0] if use.data.shape else 0
            said = f"{size:,} rows beside {train.data.shape[0]:,} for training"
            yield Statement(where, f"held out: {name}", said, run_id, "", ("5c",))
        seen = store.seen_rows(run_id).values()
        for each in seen:
            said = f"{each.seen:,} of {each.rows:,} rows, {each.with_target:,} with the same target"
            yield Statement(where, f"{each.data}: rows that training had", said, run_id)
        noted = "" if seen else "no row of training was noted among the held-out ones; "
        gap = f"{noted}whether these are like those of training is not recorded"
        yield Statement(where, "separation", None, gap=gap)
    else:
        yield Statement(where, "held-out data", None, gap="nothing was scored on held-out data")


def _preprocessing(store: Store, record: RunRecord) -> Iterator[Statement]:
    where, run_id = "Preprocessing", record.run_id
    steps = record.name.rpartition(": ")[2].split(" > ")[:-1]
    for number, step in enumerate(steps, 1):
        said = f"{step}, a step of the model: fitted with it"
        yield Statement(where, f"step {number}", said, run_id, "", ("4c",))
    outside = {
        key.removeprefix(_PREPROCESSING): value
        for key, value in record.params.items()
        if key.startswith(_PREPROCESSING) and "__" not in key.removeprefix(_PREPROCESSING)
    }
    for key, value in outside.items():
        said = f"{value}, outside of the model: fitted by itself"
        yield Statement(where, key, said, run_id, "", ("4c",))
    if not steps and not outside:
        yield Statement(
            where, "transformers", None, gap="none was seen; what was done by hand is not recorded"
        )
    yield Statement(where, "rows left out, corrupt samples", None, gap=_AUTHOR)


def _params(record: RunRecord) -> Iterator[Statement]:
    where, run_id = "Params", record.run_id
    own = {k: v for k, v in record.params.items() if not k.startswith(_PREPROCESSING)}
    for key, value in own.items():
        yield Statement(where, key, value, run_id, "", ("5a",))
    if not own:
        said = "all as they are by default"
        yield Statement(where, "params", said, run_id, "", ("5a",))
    if unset := record.tags.get(UNSEEDED_TAG):
        yield Statement(where, "seed", None, gap=f"never set: {unset}; the fit cannot be repeated")


def _selection(store: Store, record: RunRecord) -> Iterator[Statement]:
    where, run_id = "Selection", record.run_id
    if record.kind == "search":
        count = len(store.search(Query(parent_id=run_id, kinds=("candidate",))))
        said = f"the best of {count:,} candidates"
        yield Statement(where, "candidates", said, run_id, "", ("5d", "5e"))
        rank = record.tags.get("autotrack.rank_by")
        if rank:
            yield Statement(where, "chosen by", rank, run_id, "", ("5d",))
    else:
        yield Statement(where, "candidates", None, gap="no search is part of this run")
    for data, said in judged(store, run_id).items():
        yield Statement(where, f"held-out set: {data}", said, run_id)
    ids = (record.experiment_id,)
    others = store.search(Query(experiment_ids=ids, children=True))
    beside = [each for each in others if each.kind != "candidate" and each.metrics]
    said = f"{len(beside):,} runs with scores in the experiment {record.experiment!r}"
    yield Statement(where, "runs beside it", said, run_id)
    yield Statement(where, "baselines", None, gap=_AUTHOR)


def _scores(store: Store, record: RunRecord) -> Iterator[Statement]:
    where = "Scores"
    found = scores(store, record)
    for score in found.values():
        yield Statement(where, score.key, _with_error(score), score.run_id, "", _items_of(score))
    if not found:
        yield Statement(where, "held-out scores", None, gap="none was computed")
    elif not any(len(score.splits) > 1 for score in found.values()):
        gap = "each score is one number: how far it would vary is not recorded"
        yield Statement(where, "uncertainty", None, gap=gap)
    training = {k: v for k, v in record.metrics.items() if k.startswith("train_")}
    for key, value in training.items():
        yield Statement(where, key, f"{value:.6g} (on training data)", record.run_id)
    for found_there in store.findings(record.run_id):
        yield Statement(where, found_there.code, found_there.text, record.run_id)


def _items_of(score: Score) -> tuple[str, ...]:
    return ("7a", "7b") if len(score.splits) > 1 else ("7a",)


def _with_error(score: Score) -> str:
    if math.isnan(score.error):
        return f"{score.value:.6g}"
    return f"{score.value:.6g} ± {score.error:.2g} (standard error, {len(score.splits)} splits)"


def _contract(store: Store, record: RunRecord) -> Iterator[Statement]:
    where, run_id = "Contract", record.run_id
    manifest = [
        each for each in store.stored_folder(run_id, "model") if each.path == "model/manifest.json"
    ]
    path = store.artifacts.resolve(manifest[0].location) if manifest else None
    if path is None or not path.is_file():
        yield Statement(where, "input", None, gap="the run keeps no crate")
        return
    told = json.loads(path.read_bytes())
    columns = told["schema"].get("columns", [])
    if not columns:
        yield Statement(where, "input", None, gap="nothing is known of the training input")
    for number, column in enumerate(columns):
        name = column.get("name")
        facts = {k: v for k, v in column.items() if k not in ("name", "label")}
        label = str(number) if name is None else str(name)
        said = ", ".join(f"{key} {described(value)}" for key, value in facts.items())
        yield Statement(where, label, said, run_id, "", ("3f",) if "gap" in column else ())
    for name, output in told["outputs"].items():
        yield Statement(where, f"{name} returns", f"{output['dtype']} {output['shape']}", run_id)
    if told["preprocessing"]:
        yield Statement(where, "apply first", ", ".join(told["preprocessing"]), run_id)


def _versions(record: RunRecord) -> Iterator[Statement]:
    where, run_id = "Versions", record.run_id
    source = record.source
    if source is None:
        yield Statement(where, "versions", None, gap="not recorded")
        return
    yield Statement(where, "Python", source.python, run_id, "", ("2c",))
    yield Statement(where, "platform", source.platform, run_id, "", ("2c",))
    packages = ", ".join(f"{name} {version}" for name, version in source.packages.items())
    yield Statement(where, "packages", packages, run_id, "", ("2c",))


def _left_to_the_author() -> Iterator[Statement]:
    for name in ("licence", "intended use", "use it is not meant for", "limitations", "contact"):
        yield Statement("Licence and use", name, None, gap=_AUTHOR)
