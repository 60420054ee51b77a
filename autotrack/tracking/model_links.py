"""Which run a fitted estimator came from, for as long as the estimator lives.

A model is what its run holds for as long as nothing of it changes. One whose params were changed
after the fit, where they act on predictions, is told apart here; and so is one that shares a part
with another model which was fitted since.
"""

# Long because one weak map is asked in many ways.

from __future__ import annotations

import threading
import uuid
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter
from typing import Any

from autotrack.describe.acting import acting_params
from autotrack.describe.estimator import (
    deep_params,
    qualified_name,
    storable,
    summary,
    user_params,
)
from autotrack.describe.parts import (
    held_by,
    is_frozen,
    is_pipeline_end,
    is_unfitted,
    may_have_members,
    members,
    named_parts,
    shared_parts,
)
from autotrack.entities import DatasetUse
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.subscribers import Subscribers
from autotrack.runtime.weak_map import IdentityMap
from autotrack.store.store import Store
from autotrack.tracking.facts import FitFacts

#: The tag of a run whose model is that of its parent with other params: the params that differ.
CHANGED_TAG = "autotrack.changed_after_fit"
# Ensembles that are asked for a member that nobody knows.
_MOST_ENSEMBLES = 64
_MOST_CHANGED = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A fitted estimator's tie to its run.

    Attributes
    ----------
    store, run_id
        The run, and the store that holds it.
    train : DatasetUse or None
        What it was trained on.
    train_ref : weak reference or None
        The training input itself, for as long as it lives.
    partial : bool
        Whether it is being trained by `partial_fit`, each call going on with the run.
    facts : FitFacts or None
        What is known of its last fit.
    loaded : bool
        Whether it came out of a crate.
    scope : str
        What the keys of its scores begin with, where the run has others of the same name.
    changed : str or None
        The fingerprint of the training input after the fit, if that changed it in place.
    step : int or None
        The step of its scores, where later fits go on with the run: which fit it is, from 0.
    moved : frozenset of str
        The params that changed between these fits.
    stages : int or None
        How many stages it has, if its staged predictions were asked for.
    changed_from : str
        The run it was fitted in, if its params were changed since. This run is a child of that
        one, and is made when there is a score to be kept in it.
    """

    store: Store
    run_id: str
    train: DatasetUse | None = None
    train_ref: weakref.ref[Any] | None = None
    partial: bool = False
    facts: FitFacts | None = None
    loaded: bool = False
    scope: str = ""
    changed: str | None = None
    step: int | None = None
    moved: frozenset[str] = frozenset()
    stages: int | None = None
    changed_from: str = ""

    @property
    def training_input(self) -> Any:
        """What the estimator was trained on, if that still exists."""
        return None if self.train_ref is None else self.train_ref()


# Things that hold params, how to read these, and what was read: compared by identity first.
_Settings = tuple[tuple[Any, Callable[[Any], Any], Any], ...]
_Reference = weakref.ref[Any]


class Links(IdentityMap[Link]):
    """Ties fitted estimators to their runs.

    Asking for the run of a model is asked at every prediction, so what costs is put off: members
    of ensembles are looked for when one of them predicts.
    """

    def __init__(self) -> None:
        super().__init__()
        # The params that act on the predictions of a model, as they were at its fit.
        self._settings: IdentityMap[_Settings] = IdentityMap()
        # The models that predict with a part.
        self._owners: IdentityMap[tuple[_Reference, ...]] = IdentityMap()
        # Of a model that was changed: its settings by then, and its run.
        self._changed: IdentityMap[tuple[_Settings, Link]] = IdentityMap()
        self._children: dict[tuple[str, str, str], Link] = {}
        self._ensembles: deque[_Reference] = deque(maxlen=_MOST_ENSEMBLES)
        # Estimators that belong to nothing, and how many ensembles there were by then.
        self._strangers: IdentityMap[int] = IdentityMap()
        self._generation = 0
        self._lock = threading.Lock()

    def get(self, key: object) -> Link | None:
        """The run that `key` belongs to as it is now, or None."""
        entry = self._entries.get(id(key))
        if entry is None or entry[0]() is not key:
            return self._adopt(key)
        settings = self._settings.get(key)
        if settings is None:
            return entry[1]
        try:  # as `_hold` does, since this is asked at every prediction
            for held, read, values in settings:
                if read(held) != values:
                    break
            else:
                return entry[1]
        except Exception:  # noqa: BLE001 - as there
            pass
        return self._of_changed(key, entry[1])

    def of_fit(self, key: object) -> Link | None:
        """The run in which `key` was fitted, whatever was changed since."""
        return super().get(key)

    def tie(self, model: object, link: Link) -> None:
        """Tie a model that was fitted just now, or loaded, to its run."""
        self._cut_owners(model)
        self.tie_part(model, link)

    def tie_part(self, model: object, link: Link) -> None:
        """Tie a part of a model that was fitted as a whole to the run of that."""
        self.set(model, link)
        self._changed.discard(model)
        self._strangers.discard(model)
        parts = list(shared_parts(model))
        settings = _settings_of([model, *parts])
        if settings:
            self._settings.set(model, settings)
        else:
            self._settings.discard(model)
        try:
            owner = weakref.ref(model)
        except TypeError:
            return
        for part in parts:
            known = [ref for ref in self._owners.get(part) or () if ref() not in (None, model)]
            self._owners.set(part, (*known, owner))
        if may_have_members(model):
            self._ensembles.append(owner)
            self._generation += 1

    def note_stages(self, model: object, stages: int | None) -> None:
        """Note how many stages a model has, whose staged predictions are asked for."""
        link = self.of_fit(model)
        if link is not None and link.stages != stages:
            self.set(model, replace(link, stages=stages))

    def discard(self, key: object) -> None:
        """Forget `key`, which is fitted anew: models that predict with it are not what they were.

        They are tied again when their own fit returns.
        """
        self._entries.pop(id(key), None)
        self._cut_owners(key)

    def refitted(self, part: object) -> None:
        """A part of models, perhaps, was fitted anew by itself."""
        self._cut_owners(part)

    def _cut_owners(self, part: object) -> None:
        owners = self._owners.get(part)
        if owners is None:
            return
        self._owners.discard(part)
        for reference in owners:
            owner = reference()
            if owner is not None and owner is not part:
                self._entries.pop(id(owner), None)

    # -- models that were changed after their fit ------------------------------------------------

    def _of_changed(self, model: object, link: Link) -> Link:
        known = self._changed.get(model)
        if known is not None and _hold(known[0]):
            return known[1]
        for reference in self._owners.get(model) or ():
            owner = reference()
            whole = super().get(owner) if owner is not None else None
            if whole is not None and whole.run_id == link.run_id:
                # As a part of the model that was fitted: its run has the params of the whole.
                found = replace(self.get(owner) or link, scope=link.scope)
                break
        else:
            found = self._child(model, link)
        settings = _settings_of([model, *shared_parts(model)])
        self._changed.set(model, (settings, found))
        return found

    def _child(self, model: object, link: Link) -> Link:
        """The run of `model` as it is now, which was fitted in that of `link`."""
        facts = link.facts
        before = dict(facts.params) if facts is not None else {}
        params = user_params(model)
        gone = [key for key in before if key not in params]
        if gone:
            present = deep_params(model)
            params |= {key: storable(present[key]) for key in gone if key in present}
        if facts is not None and repr(sorted(params.items())) == repr(sorted(before.items())):
            return link  # an equal value in another object
        moved = [key for key in params if facts is None or params[key] != before.get(key)]
        own = FitFacts(
            name=summary(model),
            estimator=qualified_name(model),
            params=params,
            data=link.train,
            preprocessing=facts.preprocessing if facts is not None else (),
            tags={CHANGED_TAG: ", ".join(moved)},
        )
        with self._lock:
            key = (link.run_id, link.scope, own.identity)
            found = self._children.get(key)
            if found is None:
                if len(self._children) >= _MOST_CHANGED:
                    self._children.pop(next(iter(self._children)))
                home = link.changed_from or link.run_id
                run_id = uuid.uuid4().hex
                found = replace(
                    link, run_id=run_id, facts=own, partial=False, step=None, changed_from=home
                )
                self._children[key] = found
            return found

    # -- parts that are met for the first time -----------------------------------------------------

    def _adopt(self, key: object) -> Link | None:
        """The run of an estimator that was not tied to one, if it is part of a model that is."""
        if not held_by(key) or self._strangers.get(key) == self._generation:
            return None
        kind = type(key)
        if not hasattr(kind, "get_params") and not hasattr(kind, "predict_proba"):
            return None
        found = self._of_wrapper(key) or self._as_pipeline_end(key) or self._as_member(key)
        if found is None and not self._wraps(key):
            self._strangers.set(key, self._generation)
        return found

    def _as_member(self, key: object) -> Link | None:
        for reference in [*self._ensembles][::-1]:
            ensemble = reference()
            link = super().get(ensemble) if ensemble is not None else None
            if link is None:
                continue
            for name, member in members(ensemble):
                if member is key:
                    scope = "_".join(filter(None, (link.scope, name)))
                    found = replace(link, scope=scope, stages=None)
                    self.tie_part(key, found)
                    for part in final_parts(key):
                        if super().get(part) is None:
                            self.tie_part(part, found)
                    return found
        return None

    def _as_pipeline_end(self, key: object) -> Link | None:
        """The last steps of a pipeline as one (``pipeline[1:]``) predict as it does."""
        steps = named_parts(held_by(key).get("steps"))
        for reference in self._owners.get(steps[-1][1]) or () if steps else ():
            owner = reference()
            link = super().get(owner) if owner is not None else None
            if link is not None and is_pipeline_end(key, owner):
                self.tie(key, link)
                return link
        return None

    @staticmethod
    def _wraps(key: object) -> object:
        inner = held_by(key).get("estimator")
        while is_frozen(inner):
            inner = held_by(inner).get("estimator")
        return inner if hasattr(type(inner), "get_params") and is_unfitted(key) else None

    def _of_wrapper(self, key: object) -> Link | None:
        """A threshold around a model that is fitted already is that model, with the threshold."""
        known = self._changed.get(key)
        if known is not None and _hold(known[0]):
            return known[1]
        inner = self._wraps(key)
        link = self.get(inner) if inner is not None else None
        if link is None:
            return None
        found = link if is_frozen(key) else self._child(key, link)
        self._changed.set(key, (_settings_of([key, inner]), found))
        return found


def _hold(settings: _Settings) -> bool:
    """Whether params are what they were."""
    try:
        for held, read, values in settings:
            if read(held) != values:
                return False
    except Exception:  # noqa: BLE001 - a param that is gone; arrays, whose comparison is no answer
        return False
    return True


def _settings_of(estimators: list[Any]) -> _Settings:
    found: list[tuple[Any, Callable[[Any], Any], Any]] = []
    for estimator in estimators:
        held = held_by(estimator)
        names = [name for name in acting_params(type(estimator)) if name in held]
        if not names:
            continue
        # At least two, so that it is a tuple that is compared, whose parts are looked at by
        # identity first.
        read = itemgetter(*names, names[0])
        found.append((held, read, read(held)))
        lists = [held[name] for name in names if isinstance(held[name], list)]
        found += [(value, tuple, tuple(value)) for value in lists]
    return tuple(found)


#: The runs of the estimators of this process: fitted while tracking was on, or loaded from crates.
links = Links()


#: Told of the class of every model that comes out of a crate: one that travelled by value was
#: given its methods after it was made, so capture has not patched them.
arrivals: Subscribers[Callable[[type], None]] = Subscribers()


def link_loaded(model: object, link: Link) -> None:
    """Tie a model that came out of a crate to the run it was fitted in."""
    for part in (model, *final_parts(model)):
        for tell in arrivals:
            tell(type(part))
    link_parts(model, link)


def link_parts(model: object, link: Link) -> None:
    """Tie a fitted model, and the parts of it that predict as well, to a run."""
    links.tie(model, link)
    for part in final_parts(model):
        # A part that was fitted before keeps the run of that fit.
        if links.of_fit(part) is None:
            links.tie_part(part, link)


def final_parts(model: object) -> list[object]:
    """The fitted parts of `model` through which a user may predict as well."""
    held = held_by(model)
    parts = [step for _, step in named_parts(held.get("steps"))]
    parts += [held.get(name) for name in ("best_estimator_", "estimator_", "regressor_")]
    return [part for part in parts if hasattr(part, "predict")]
