"""What is different between two runs, told from what is recorded of them."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from autotrack.analysis.names import CODE_TAG, SPLITS_TAG, UNKNOWN_CODE_TAG, UNSEEDED_TAG
from autotrack.entities import Dataset, DatasetUse, RunRecord
from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store

#: What is compared, in the order in which it is told.
SECTIONS = ("params", "data", "preprocessing", "code", "git", "versions", "seeds", "split")
_SEEDS = frozenset({"random_state", "random_seed"})
_SPLITTERS = frozenset({"cv", "groups", "test_size", "train_size", "n_splits"})
_PREPROCESSING = "preprocessing__"


class _Missing:
    """What a run does not have; None may be a value."""

    def __repr__(self) -> str:
        return "-"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two runs.

    Attributes
    ----------
    section : str
        One of ``params``, ``data``, ``preprocessing``, ``code``, ``git``, ``versions``, ``seeds``
        and ``split``.
    key : str
        What differs.
    a, b : object
        What each run has; `MISSING` where it has nothing.
    detail : str
        What that means, or for code the difference itself.
    """

    section: str
    key: str
    a: Any
    b: Any
    detail: str = ""


def changes(store: Store, a: RunRecord, b: RunRecord) -> list[Change]:
    """All that differs between two runs, but for their scores."""
    parts_a, parts_b = _params(a), _params(b)
    found: list[Change] = []
    for section in ("params", "preprocessing", "seeds", "split"):
        found += _mapping(section, parts_a[section], parts_b[section])
    found += _data(a, b)
    found += _code(store, a, b)
    found += _mapping("git", _git(a), _git(b))
    found += _mapping("versions", _versions(a), _versions(b))
    found += _splits(a, b)
    return sorted(_moved_steps(found), key=lambda change: SECTIONS.index(change.section))


def unrecorded(a: RunRecord, b: RunRecord) -> list[str]:
    """The sections of which one of the runs says nothing."""
    known = {
        "data": all(record.datasets for record in (a, b)),
        "git": all(record.source and record.source.git_commit for record in (a, b)),
        "versions": all(record.source for record in (a, b)),
    }
    return [section for section in SECTIONS if not known.get(section, True)]


def _mapping(section: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Change]:
    for key in sorted({*a, *b}):
        one, other = a.get(key, MISSING), b.get(key, MISSING)
        if not _equal(one, other):
            yield Change(section, key, one, other)


def _equal(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    # True equals 1, and does not mean it.
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _params(record: RunRecord) -> dict[str, dict[str, Any]]:
    parts: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    for key, value in record.params.items():
        last = key.rpartition("__")[2]
        if key.startswith(_PREPROCESSING):
            parts["preprocessing"][key.removeprefix(_PREPROCESSING)] = value
        elif last in _SEEDS:
            parts["seeds"][key] = value
        elif last in _SPLITTERS:
            parts["split"][key] = value
        else:
            parts["params"][key] = value
    if estimator := record.tags.get("estimator"):
        parts["params"]["estimator"] = estimator
    if unset := record.tags.get(UNSEEDED_TAG):
        parts["seeds"]["never set"] = unset
    return parts


def _moved_steps(found: list[Change]) -> Iterator[Change]:
    """The changes; a transformer that moved into the model, or out of it, is one of them."""
    steps = {
        (change.key.rpartition("__")[2], change.a is MISSING): change
        for change in found
        if change.section == "params" and (change.a is MISSING) != (change.b is MISSING)
    }
    moved: set[int] = set()
    for change in found:
        if change.section != "preprocessing" or "__" in change.key:
            continue
        step = steps.get((change.key, change.a is not MISSING))
        if step is None or (step.a or step.b) != (change.a or change.b):
            continue
        moved |= {id(step), id(change)}
        outside, inside = "outside of the model", "a step of the model"
        into = change.a is not MISSING
        yield Change(
            "preprocessing",
            change.key,
            outside if into else inside,
            inside if into else outside,
            f"{change.a or change.b} is fitted "
            + ("with the model" if into else "by itself, before the model"),
        )
    yield from (change for change in found if id(change) not in moved)


# -- data -----------------------------------------------------------------------------------------


def uses(record: RunRecord) -> dict[str, DatasetUse]:
    """The data of a run by what it is called; of several of one name the last."""
    found: dict[str, DatasetUse] = {}
    for use in record.datasets:
        name, _, digits = use.context.rpartition("_")
        apart = name and digits and use.data.fingerprint.rpartition(":")[2].startswith(digits)
        found[name if apart else use.context] = use
    return found


def _data(a: RunRecord, b: RunRecord) -> Iterator[Change]:
    left, right = uses(a), uses(b)
    for name in [*left, *(name for name in right if name not in left)]:
        one, other = left.get(name), right.get(name)
        if one is None or other is None:
            yield Change("data", name, shape(one), shape(other))
            continue
        if one.data.fingerprint != other.data.fingerprint:
            yield from dataset_changes(name, one.data, other.data)
        if one.target is not None and other.target is not None:
            if one.target.fingerprint != other.target.fingerprint:
                yield _target(name, one, other)
        elif one.target is not other.target:
            yield Change("data", f"{name} target", _shape(one.target), _shape(other.target))


def dataset_changes(name: str, a: Dataset, b: Dataset) -> Iterator[Change]:
    """What differs between two data sets, as far as fingerprints, shapes and columns tell.

    Which rows were added and removed takes digests of single rows; where a store keeps these, this
    is the place to count them.
    """
    rows_a, rows_b = _rows(a), _rows(b)
    told = False
    if rows_a != rows_b and rows_a is not None and rows_b is not None:
        more = rows_b - rows_a
        detail = f"{abs(more):,} {'more' if more > 0 else 'fewer'}"
        yield Change("data", f"{name} rows", rows_a, rows_b, detail)
        told = True
    for change in _columns(name, a, b):
        yield change
        told = True
    if not told and a.kind != b.kind:
        yield Change("data", f"{name} container", a.kind, b.kind)
    elif not told:
        yield Change(
            "data",
            f"{name} values",
            a.fingerprint,
            b.fingerprint,
            "as many rows and the same columns: other values, or the rows in another order",
        )


def _columns(name: str, a: Dataset, b: Dataset) -> Iterator[Change]:
    left, right = map(_named_columns, (a, b))
    if not (left and right):
        if (width := _width(a)) != (other := _width(b)):
            yield Change("data", f"{name} columns", width, other)
        elif bool(left) != bool(right):
            named = ["named" if columns else "without names" for columns in (left, right)]
            yield Change("data", f"{name} columns", *named)
        return
    added = [column for column in right if column not in left]
    removed = [column for column in left if column not in right]
    if added or removed:
        said = [f"{len(added)} added: {_some(added)}"] if added else []
        said += [f"{len(removed)} removed: {_some(removed)}"] if removed else []
        yield Change("data", f"{name} columns", len(left), len(right), "; ".join(said))
    elif list(left) != list(right):
        yield Change("data", f"{name} columns", len(left), len(right), "in another order")
    for column in left:
        if column in right and left[column] != right[column]:
            yield Change("data", f"{name} column {column}", left[column], right[column])


def _named_columns(data: Dataset) -> dict[str, str]:
    return {column.name: column.dtype for column in data.columns if column.name is not None}


def _width(data: Dataset) -> int | None:
    return data.shape[1] if data.shape and len(data.shape) > 1 else None


def _target(name: str, a: DatasetUse, b: DatasetUse) -> Change:
    same_rows = a.data.fingerprint == b.data.fingerprint
    detail = "another target for the same rows" if same_rows else ""
    return Change("data", f"{name} target", _shape(a.target), _shape(b.target), detail)


def _rows(data: Dataset) -> int | None:
    return data.shape[0] if data.shape else None


def shape(use: DatasetUse | None) -> Any:
    """Data as people say it: ``120 x 4``."""
    return MISSING if use is None else _shape(use.data)


def _shape(data: Dataset | None) -> Any:
    if data is None:
        return MISSING
    size = " x ".join(f"{n:,}" for n in data.shape or ()) or "?"
    return f"{size} ({data.fingerprint.rpartition(':')[2][:8]})"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


# -- code, git, versions --------------------------------------------------------------------------


def code_of(store: Store, record: RunRecord) -> tuple[dict[str, str], str]:
    """The project's code that the model of a run uses, by name; and the digest of all it holds."""
    listed = store.code(record.tags[CODE_TAG]) if CODE_TAG in record.tags else None
    if listed is None:
        return {}, ""
    told = json.loads(listed)
    texts = {name: store.code(digest) or "" for name, digest in told["sources"].items()}
    return texts, told["content"]


def _code(store: Store, a: RunRecord, b: RunRecord) -> Iterator[Change]:
    yield from _mapping("code", _script(a), _script(b))
    if a.tags.get(CODE_TAG) == b.tags.get(CODE_TAG):
        return
    (left, content_a), (right, content_b) = code_of(store, a), code_of(store, b)
    told = False
    for name in sorted({*left, *right}):
        one, other = left.get(name), right.get(name)
        if one == other:
            continue
        told = True
        yield Change("code", name, _lines(one), _lines(other), _diff(name, one or "", other or ""))
    if told:
        return
    if content_a and content_b:
        detail = "the same source, but a value that it reads differs"
    else:
        reason = a.tags.get(UNKNOWN_CODE_TAG) or b.tags.get(UNKNOWN_CODE_TAG) or "not recorded"
        detail = f"the same source; what it reads cannot be compared ({reason})"
    yield Change("code", "values", content_a or MISSING, content_b or MISSING, detail)


def _script(record: RunRecord) -> dict[str, Any]:
    source = record.source
    if source is None:
        return {}
    return {"script": source.script, "command": " ".join(source.command)}


def _lines(text: str | None) -> Any:
    if text is None:
        return MISSING
    count = len(text.splitlines())
    return f"{count} line{'s' if count != 1 else ''}" if count else "no source"


def _diff(name: str, a: str, b: str) -> str:
    lines = difflib.unified_diff(
        a.splitlines(), b.splitlines(), f"a/{name}", f"b/{name}", lineterm=""
    )
    return "\n".join(lines)


def _git(record: RunRecord) -> dict[str, Any]:
    source = record.source
    if source is None:
        return {}
    return {"commit": source.git_commit, "uncommitted changes": source.git_dirty}


def _versions(record: RunRecord) -> dict[str, Any]:
    source = record.source
    if source is None:
        return {}
    return {"python": source.python, "platform": source.platform, **source.packages}


# -- split ----------------------------------------------------------------------------------------


def split_rows(record: RunRecord) -> dict[str, str]:
    """The digest of the rows of each split; of a search that of its last loop."""
    prefix = f"{SPLITS_TAG}."
    loops = {
        int(key.removeprefix(prefix)): value
        for key, value in record.tags.items()
        if key.startswith(prefix) and key.removeprefix(prefix).isdecimal()
    }
    return dict(json.loads(loops[max(loops)])) if loops else {}


def _splits(a: RunRecord, b: RunRecord) -> Iterator[Change]:
    left, right = split_rows(a), split_rows(b)
    if left and right and left != right:
        same = sum(left[key] == right.get(key) for key in left)
        yield Change("split", "rows of the splits", len(left), len(right), f"{same} are the same")
    elif bool(left) != bool(right):
        kinds = [f"{len(rows)} splits" if rows else "held out once" for rows in (left, right)]
        yield Change("split", "validation", *kinds)
