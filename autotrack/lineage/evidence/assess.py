"""What a score is worth: its rows held against all that the model was made from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.analysis.evidence.catalogue import finding
from autotrack.describe.data.row_keys import RowKeys, row_keys
from autotrack.describe.estimator import deep_params, qualified_name
from autotrack.describe.parts import attribute
from autotrack.entities import Finding, SeenRows, SharedRows
from autotrack.lineage.by_name import in_common
from autotrack.lineage.evidence.applied import Applied
from autotrack.lineage.evidence.groups import Groups
from autotrack.lineage.evidence.held_out import HeldOutRows
from autotrack.lineage.evidence.same_data import SameData
from autotrack.lineage.evidence.sightings import (
    FEWEST_ROWS,
    HELD_OUT,
    Scored,
    all_in_training,
    of_all,
    of_classes,
    of_columns,
    repeated,
    with_target_keys,
)
from autotrack.lineage.overlap import BEYOND, Overlap, among
from autotrack.lineage.training_rows import Trained, trainings
from autotrack.lineage.values.arrays import plain_array
from autotrack.lineage.values.digests import stamp_of
from autotrack.lineage.values.rows import take_rows
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.weak_map import IdentityMap
from autotrack.tracking.model_links import Link

Keys = NDArray[np.uint64]
Numbers = Mapping[str, Any]

_MOST_RUNS = 256
# A share of the scored rows that is no accident.
_MANY = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Assessed:
    """What was found: rows that training had, and findings."""

    overlap: Overlap | None = None
    findings: tuple[Finding, ...] = ()
    trained: Trained | None = field(default=None, repr=False)

    def seen_rows(self, data_name: str) -> SeenRows | None:
        """The counts for the store, where training had some of the rows."""
        overlap = self.overlap
        if overlap is None or not overlap.count:
            return None
        return SeenRows(data_name, overlap.rows, overlap.count, overlap.with_target)

    def rest(self, rows: int) -> NDArray[np.intp] | None:
        """Where the rows stand that training had not, if that is some of so many rows."""
        overlap = self.overlap
        if overlap is None or overlap.is_sample or overlap.rows != rows:
            return None
        found = np.flatnonzero(~overlap.seen)
        return found if 0 < len(found) < rows else None


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """A search: the rows that it had, and what it chose."""

    run_id: str
    rows: Keys
    estimator: str
    best: Numbers


NOTHING = Assessed()
#: What the data of a validation and of a search is called.
VALIDATION = "validation"
_NOT_HELD_OUT = ("train", "relabel", "oob", "oof")


def is_held_out(data_name: str) -> bool:
    """Whether data of this name is none that the model was trained on."""
    return not data_name.startswith(_NOT_HELD_OUT)


class Evidence:
    """Remembers what models were made from, and judges scores by it."""

    def __init__(self) -> None:
        self._keys: IdentityMap[tuple[object, RowKeys]] = IdentityMap()
        self._applied = Applied()
        self.groups = Groups()
        self._held_out = HeldOutRows()
        self._trained: OrderedDict[str, Trained] = OrderedDict()
        self._searches: OrderedDict[str, _Search] = OrderedDict()
        self._known: OrderedDict[tuple[object, ...], Assessed] = OrderedDict()
        self._same_data = SameData()

    # -- remembering ------------------------------------------------------------------------------

    def keys_of(self, data: Any) -> RowKeys | None:
        """The keys of the rows of `data`, which are computed once as long as it does not change."""
        stamp = stamp_of(data)
        if stamp is None:
            return row_keys(data)
        known = self._keys.get(data)
        if known is not None and known[0] == stamp:
            return known[1]
        found = row_keys(data)
        if found is not None:
            self._keys.set(data, (stamp, found))
        return found

    def trained(self, model: object, run_id: str) -> None:
        """A model of a run was trained."""
        found = trainings.get(model)
        if found is not None:
            _keep(self._trained, run_id, found)

    def fitted(
        self, transformer: object, name: str, rows: RowKeys | None, y: object, *, resamples: bool
    ) -> None:
        """A transformer was fitted on rows, outside of a pipeline."""
        self._applied.fitted(transformer, name, rows, has_y=y is not None, resamples=resamples)

    def transformed(self, transformer: object, rows: RowKeys | None, output: object) -> None:
        """A transformer returned `output` for rows."""
        if self._applied.is_known(transformer):
            self._applied.transformed(transformer, rows, self.keys_of(output))

    def asks_for(self, transformer: object) -> bool:
        """Whether it matters which rows a transformer gets."""
        return self._applied.is_known(transformer)

    def searched(self, search: Any, run_id: str) -> None:
        """A search ended, with what it chose."""
        found = trainings.get(search)
        best, estimator = attribute(search, "best_params_"), attribute(search, "estimator")
        if (
            estimator is None
            or found is None
            or found.keys is None
            or not isinstance(best, Mapping)
        ):
            return
        _keep(self._trained, run_id, found)
        rows = np.sort(found.keys.keys)
        kept = _Search(run_id, rows, qualified_name(estimator), dict(best))
        _keep(self._searches, run_id, kept)

    # -- asking -----------------------------------------------------------------------------------

    def assess(self, scored: Scored) -> Assessed:
        """What is to be said of a score."""
        link = scored.link
        if link is None or scored.data_name in ("oob", "oof"):
            return NOTHING
        trained = scored.trained or self._trained.get(link.run_id)
        mark = (link.run_id, id(trained), scored.data_name, *scored.marks)
        if scored.marks:
            known = self._known.get(mark)
            if known is not None and known.trained is trained:
                return known
        overlap, findings = self._assess(scored, link, trained)
        found = Assessed(overlap, tuple(findings), trained)
        if scored.marks:
            _keep(self._known, mark, found)
        return found

    def _assess(
        self, scored: Scored, link: Link, trained: Trained | None
    ) -> tuple[Overlap | None, list[Finding]]:
        name = scored.data_name
        findings: list[Finding] = []
        if name == "train":
            if any(map(HELD_OUT.search, scored.names)):
                findings.append(all_in_training(name, scored.names))
            return None, findings
        y = plain_array(scored.y) if scored.y is not None else None
        X = scored.X
        if X is not None and trained is not None and trained.keys is not None:
            X, trained = in_common(X, trained, link.training_input)
        rows = scored.rows if X is None else self.keys_of(X)
        if y is not None and len(y) < FEWEST_ROWS and not name.startswith("train"):
            text = f"{len(y)} rows were scored"
            findings.append(finding("AT204", name, text, {"rows": len(y)}))
        if trained is None or trained.keys is None or link.partial:
            return None, findings
        overlap = self._overlap(scored, trained, rows) if rows is not None else None
        seen = overlap.count if overlap is not None else 0
        if overlap is not None and seen == overlap.rows and name.startswith(("train", "relabel")):
            if any(map(HELD_OUT.search, scored.names)):
                findings.append(all_in_training(name, scored.names))
            return overlap, findings
        if rows is not None and rows.sample is None and overlap is not None:
            findings += self._of_steps(name, trained.keys.keys, rows.keys)
            findings += self._of_searches(scored, trained.keys.keys, rows.keys)
            resampled = any(found.code == "AT103" for found in findings)
            if seen >= BEYOND and not resampled:
                findings += repeated(name, X, rows, trained.keys, overlap, scored.chance)
        told = None
        if self.groups and rows is not None and rows.sample is None:
            told = self.groups.on_both_sides(trained.keys.keys, rows.keys, name)
        suspects = self._same_data.suspects(scored, y)
        columns = of_columns(scored, link, trained, y, suspects)
        findings += [found for found in columns if told is None or found.code != told.code]
        findings += [told] if told is not None else []
        findings += of_classes(scored, y, suspects.kinds)
        return overlap, sorted(findings, key=lambda found: -found.grade)

    def _overlap(self, scored: Scored, trained: Trained, rows: RowKeys) -> Overlap:
        assert trained.keys is not None
        seen = self._same_data.seen(trained, rows)
        with_target = 0
        if trained.both is not None and scored.y is not None and seen.any():
            both = with_target_keys(rows, scored.y)
            if both is not None:
                with_target = int(among(both, np.sort(trained.both)).sum())
        sampled = rows.sample is not None or trained.keys.sample is not None
        return Overlap(len(rows.keys), seen, with_target, sampled)

    def _of_steps(self, name: str, trained: Keys, scored: Keys) -> Iterator[Finding]:
        if not self._applied:
            return
        told: dict[str, Finding] = {}
        for passed in self._applied.passed(trained, scored):
            count, of = int(passed.seen.sum()), len(scored)
            if count < BEYOND or count < _MANY * of:
                continue
            step = passed.fitted
            code = "AT103" if step.resamples else "AT101" if step.with_target else "AT102"
            if code in told:
                continue
            what = "resampled" if step.resamples else "was fitted on"
            text = f"{step.name} {what} {of_all(count, of)} scored rows that the model had not"
            evidence = {"step": step.name, "rows": count, "of": of}
            told[code] = finding(code, name, text, evidence)
        if "AT101" in told:
            told.pop("AT102", None)  # the same mistake, and the lesser of the two
        yield from told.values()

    def _of_searches(self, scored: Scored, trained: Keys, rows: Keys) -> Iterator[Finding]:
        link = scored.link
        for search in [*self._searches.values()][::-1]:
            if link is not None and search.run_id == link.run_id:
                continue
            share = among(rows, search.rows)
            fresh = share & ~among(rows, np.sort(trained)) if share.any() else share
            count = int(fresh.sum())
            if count < BEYOND or count < _MANY * len(rows) or not _chosen(scored.model, search):
                continue
            text = (
                f"a search chose the params on {of_all(count, len(rows))} scored rows "
                f"(run {search.run_id[:8]})"
            )
            evidence = {"rows": count, "of": len(rows), "search": search.run_id}
            yield finding("AT301", scored.data_name, text, evidence)
            return

    def shared(self, scored: Scored) -> list[SharedRows]:
        """The held-out sets that what is scored is part of, or has as parts; each told once."""
        if not scored.marks or not is_held_out(scored.data_name):
            return []
        if self._held_out.knows(scored.marks[0]):
            return []
        rows = scored.rows if scored.X is None else self.keys_of(scored.X)
        return self._held_out.shared(scored.marks[0], rows)

    def of_validation(self, estimator: Any, X: object) -> list[Finding]:
        """What is to be said of a validation of `estimator` on `X`."""
        if not self._searches:
            return []
        rows = self.keys_of(X)
        if rows is None or rows.sample is not None:
            return []
        for search in [*self._searches.values()][::-1]:
            count = int(among(rows.keys, search.rows).sum())
            if count < max(BEYOND, _MANY * rows.total) or not _chosen(estimator, search):
                continue
            text = (
                f"a search chose the params on {of_all(count, rows.total)} rows that are validated "
                f"on (run {search.run_id[:8]})"
            )
            evidence = {"rows": count, "of": rows.total, "search": search.run_id}
            return [finding("AT301", VALIDATION, text, evidence)]
        return []

    def of_split(self, X: object, train: Any, test: Any) -> list[Finding]:
        """What is to be said of the rows of a split, by their places in `X`."""
        rows = self.keys_of(X)
        if rows is None or rows.sample is not None:
            return []
        found = self.groups.on_both_sides(rows.keys[train], rows.keys[test], VALIDATION)
        return [] if found is None else [found]

    def of_first_split(self, X: object, y: object, train: Any, test: Any) -> list[Finding]:
        """What the first split of a validation or a search shows of the data that it was given."""
        rows = self.keys_of(X)
        if rows is None or rows.sample is not None:
            return []
        everything = np.arange(rows.total)
        train, test = everything[train], everything[test]
        trained, scored = rows.keys[train], rows.keys[test]
        findings = [*self._of_steps(VALIDATION, trained, scored)]
        seen = among(scored, np.sort(trained))
        if seen.sum() < BEYOND or any(found.code == "AT103" for found in findings):
            return findings
        both = with_target_keys(rows, y) if y is not None else None
        same = 0 if both is None else int(among(both[test], np.sort(both[train])).sum())
        overlap = Overlap(len(scored), seen, same)
        before, after = RowKeys(trained, len(trained)), RowKeys(scored, len(scored))
        findings += repeated(VALIDATION, take_rows(X, test), after, before, overlap)
        return findings


def _chosen(model: Any, search: _Search) -> bool:
    """Whether a model is of the kind that a search chose params for, and has these."""
    if not search.best or qualified_name(model) != search.estimator:
        return False
    try:
        held = deep_params(model)
        return all(name in held and held[name] == value for name, value in search.best.items())
    except Exception:  # noqa: BLE001 - params may be anything, and compare as they like
        return False


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    kept[key] = value
    while len(kept) > _MOST_RUNS:
        kept.popitem(last=False)
