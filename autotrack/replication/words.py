"""A run in MLflow's words: its forms and limits, and where what they cannot hold is kept."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from autotrack.entities import Dataset, DatasetUse, Finding, Metric, RunRecord, Source
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern
from autotrack.store.codec import encode_param

#: The tag that a run is known by.
RUN_ID = "autotrack.run_id"
#: Folder of texts that are too long for the server.
LONG = "autotrack/long"

_LONGEST_PARAM = 6000
_LONGEST_TAG = 8000
_LONGEST_KEY = 250
_LONGEST_DIGEST = 36
_KEPT = 200
_REFUSED = pattern(r"[^\w.\-/ :]")
_WHOLE = pattern(r"-?\d+")

#: Text of a file by the path of an artifact.
Files = dict[str, str]

_TYPES = {"int": "long", "uin": "long", "flo": "double", "boo": "boolean", "dat": "datetime"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a run is said to be.

    Attributes
    ----------
    params, tags : dict of str to str
    files : dict of str to str
        Texts to be kept whole, by the path of an artifact.
    """

    params: dict[str, str]
    tags: dict[str, str]
    files: Files


def millis(moment: datetime) -> int:
    """A moment as MLflow has it."""
    return round(moment.timestamp() * 1000)


def short(text: str) -> str:
    """A short digest."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


@functools.lru_cache(4096)
def key_of(key: str) -> str:
    """A key that the server takes; the same for the same key, and another one for another."""
    if _is_taken(key):
        return key
    clean = _REFUSED.sub("_", key).replace("//", "/").strip("/")[: _LONGEST_KEY - 20]
    clean = "/".join(part for part in clean.split("/") if part.strip(".")) or "key"
    return f"{clean}.{short(key)}"


def _is_taken(key: str) -> bool:
    if len(key) > _LONGEST_KEY or _REFUSED.search(key):
        return False
    return posixpath.normpath(key) == key and not key.startswith(("/", "..")) and key != "."


def told_of(
    record: RunRecord,
    findings: Sequence[Finding],
    metrics: Iterable[str],
    infinite: Sequence[Metric],
) -> Told:
    """Params and tags of a run.

    Parameters
    ----------
    record : RunRecord
    findings : sequence of Finding
    metrics : iterable of str
        The keys of its metrics.
    infinite : sequence of Metric
        Values that the server cannot hold.
    """
    files: Files = {}
    renamed: dict[str, str] = {}
    types: dict[str, str] = {}
    params = {}
    for key, value in record.params.items():
        kind, text, _ = encode_param(key, value)
        said = str(value) if kind in {"none", "bool"} else text or ""
        if kind != guessed(said):
            types[key] = kind
        params[_named(key, renamed)] = _fitted("params", key, said, _LONGEST_PARAM, files)
    # What git says may have become known since the run was made.
    made = {} if record.source is None else _of_source(record.source)
    tags = made | dict(record.tags) | _facts(record) | _of_findings(findings)
    if types:
        tags["autotrack.param_types"] = _json(types)
    if infinite:
        tags["autotrack.infinite_metrics"] = _json(
            [[m.key, m.step, repr(m.value), millis(m.time)] for m in infinite]
        )
    for key in metrics:
        _named(key, renamed)
    kept = {
        _named(key, renamed): _fitted("tags", key, value, _LONGEST_TAG, files)
        for key, value in tags.items()
    }
    for name, key in renamed.items():
        kept[f"autotrack.key.{name}"[:_LONGEST_KEY]] = key[:_LONGEST_TAG]
    return Told(params, kept, files)


def first_tags(record: RunRecord, parent: str | None) -> dict[str, str]:
    """What is said of a run when it is made."""
    tags = {RUN_ID: record.run_id, "autotrack.kind": record.kind, "mlflow.runName": record.name}
    if parent is not None:
        tags["mlflow.parentRunId"] = parent
    if record.source is not None:
        tags |= _of_source(record.source)
    return {key: value[:_LONGEST_TAG] for key, value in tags.items()}


def _of_source(source: Source) -> dict[str, str]:
    command = " ".join(source.command)
    script = source.script or (source.command[0] if source.command else "")
    tags = {
        "mlflow.user": source.user,
        "mlflow.source.name": script or command or "python",
        "mlflow.source.type": "NOTEBOOK" if script.endswith(".ipynb") else "LOCAL",
    }
    if source.git_commit:
        tags["mlflow.source.git.commit"] = source.git_commit
    return tags


def _facts(record: RunRecord) -> dict[str, str]:
    tags = {}
    if record.source is not None:
        said = record.source
        tags["autotrack.source"] = _json(
            {
                "command": list(said.command),
                "git_dirty": said.git_dirty,
                "host": said.host,
                "pid": said.pid,
                "platform": said.platform,
                "python": said.python,
                "script": said.script,
            }
        )
    if record.error is not None:
        tags["autotrack.error"] = f"{record.error.type}: {record.error.message}"
        tags["autotrack.traceback"] = record.error.traceback
    return tags


def _of_findings(findings: Sequence[Finding]) -> dict[str, str]:
    tags = {
        f"autotrack.finding.{f.code}.{f.data}": f"{f.text} {f.remedy}".strip() for f in findings
    }
    if told := [f.code for f in findings if f.grade > 0]:
        tags["autotrack.findings"] = " ".join(dict.fromkeys(told))
    return tags


def datasets_of(record: RunRecord) -> list[dict[str, Any]]:
    """The inputs of a run, as ``runs/log-inputs`` takes them.

    The server drops a second use of the same name and digest, so a name is used once for them.
    """
    inputs, seen = [], set()
    for use in record.datasets:
        digest = use.data.fingerprint.rpartition(":")[2][:_LONGEST_DIGEST]
        names = _names((use.name or use.context)[:450], use.context)
        name = next(each for each in names if (each, digest) not in seen)
        seen.add((name, digest))
        inputs.append(
            {
                "tags": [{"key": "mlflow.data.context", "value": use.context[:500]}],
                "dataset": {
                    "name": name,
                    "digest": digest,
                    "source_type": "code",
                    "source": _json({"tags": _source_tags(record)}),
                    "schema": _schema(use.data),
                    "profile": _profile(use),
                },
            }
        )
    return inputs


def _names(name: str, context: str) -> Iterator[str]:
    yield name
    yield f"{name} ({context})"
    for number in itertools.count(2):
        yield f"{name} ({context} {number})"


def _source_tags(record: RunRecord) -> dict[str, str]:
    tags = {} if record.source is None else _of_source(record.source)
    return {key: value for key, value in tags.items() if key.startswith("mlflow.source")}


def _schema(data: Dataset) -> str:
    columns = [
        {"type": _TYPES.get(c.dtype[:3].lower(), "string"), "name": c.name, "required": True}
        for c in data.columns
    ]
    # The column of a table there has 65,535 bytes.
    text = _json({"mlflow_colspec": columns}) if columns else ""
    return text if len(text) < 60_000 else ""


def _profile(use: DatasetUse) -> str:
    shape = use.data.shape
    facts: dict[str, Any] = {"kind": use.data.kind, "fingerprint": use.data.fingerprint}
    if shape is not None:
        facts |= {"num_rows": shape[0] if shape else 1, "shape": list(shape)}
    if use.target is not None:
        facts["target"] = {
            "fingerprint": use.target.fingerprint,
            "kind": use.target.kind,
            "shape": use.target.shape,
        }
    return _json(facts)


def metric_of(metric: Metric) -> dict[str, Any]:
    """A value as ``runs/log-batch`` takes it."""
    value: float | str = metric.value
    if not math.isfinite(metric.value):
        value = "NaN" if math.isnan(metric.value) else f"{'-' * (metric.value < 0)}Infinity"
    return {
        "key": key_of(metric.key),
        "value": value,
        "timestamp": millis(metric.time),
        "step": metric.step,
    }


def pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Keys and values as MLflow's calls take them."""
    return [{"key": key, "value": value} for key, value in values.items()]


def _named(key: str, renamed: dict[str, str]) -> str:
    name = key_of(key)
    if name != key:
        renamed[name] = key
    return name


def _fitted(kind: str, key: str, text: str, longest: int, files: Files) -> str:
    if len(text) <= longest:
        return text
    path = f"{LONG}/{kind}/{key_of(key)[:80].replace('/', '_')}.{short(key)}.txt"
    files[path] = text
    return f"{text[:_KEPT]}... (all {len(text)} characters are in the artifact {path})"


def guessed(text: str) -> str:
    """The type that a param seems to have there."""
    if text in {"True", "False"}:
        return "bool"
    if text == "None":
        return "none"
    if _WHOLE.fullmatch(text):
        return "int"
    try:
        float(text)
    except ValueError:
        return "json" if text[:1] in {"[", "{"} else "str"
    return "float"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
