"""Which run receives what: the recording rules of fits and scores."""

# Long because which run receives what is decided in one place.

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from autotrack.analysis.evidence.seeds import unset_seeds
from autotrack.analysis.names import (
    ARGUMENTS_TAG,
    CODE_TAG,
    CRATE_TAG,
    SCORE_METRIC_TAG,
    UNKNOWN_CODE_TAG,
    UNSEEDED_TAG,
)
from autotrack.describe.class_defaults import class_defaults, classes_seen
from autotrack.describe.data.fingerprint import describe
from autotrack.describe.environment import source
from autotrack.describe.estimator import qualified_name, summary
from autotrack.entities import DatasetUse, RunKind
from autotrack.errors import PreprocessingWarning
from autotrack.settings import Settings
from autotrack.store.store import Store
from autotrack.store.tables.runs import new_run_id
from autotrack.tracking.active import ActiveRun, active_runs, input_params, note_filed
from autotrack.tracking.crating.pack_fit import PIPELINE, PIPELINE_TAG, Packed, Packer
from autotrack.tracking.crating.repack_schedule import Upkeep
from autotrack.tracking.crating.run_files import ScoreTables
from autotrack.tracking.facts import (
    FitFacts,
    ScoreFacts,
    Stitched,
    TransformerFacts,
    preprocessing_params,
)
from autotrack.tracking.kept.held_out import HeldOutWriter
from autotrack.tracking.model_links import Link, link_parts, links
from autotrack.tracking.moved_fits import Filed, Moved
from autotrack.tracking.opened_fit import OpenFit
from autotrack.tracking.recording.library_calls import FUNCTION_TAG, LibraryCall
from autotrack.tracking.recording.loaded_scores import LOADED_TAG, noted
from autotrack.tracking.recording.steps import Steps, count_on, first_number
from autotrack.tracking.recording.telling import tell, unseen_metrics
from autotrack.tracking.run_errors import ended_by, run_error
from autotrack.tracking.workspace import Workspace

#: The tag by which a run that is gone on with knows whose fit it holds.
FIT_TAG = "autotrack.fit"
#: How the fit that a run of the user's holds failed.
ERROR_TAG = "autotrack.fit_error"
# What else is said of a fit by tags.
FIT_TAGS = (
    ERROR_TAG, CRATE_TAG, PIPELINE_TAG, CODE_TAG, UNKNOWN_CODE_TAG, UNSEEDED_TAG,
    "autotrack.verified", "fit_arguments", ARGUMENTS_TAG,
)  # fmt: skip
_MOST_USES = 10_000
# What begins the key of a score whose model is not known, in a run that holds a model.
_UNLINKED = "unlinked"
# The runs of changed models that were made in this process.
_opened_changed: set[str] = set()


class Recorder:
    """Writes what capture saw into the runs it belongs to.

    Safe to use from several threads. Every method may raise; capture turns that into a warning.
    """

    def __init__(self, settings: Settings, workspace: Workspace) -> None:
        self.settings = settings
        self.workspace = workspace
        self.failsafe = workspace.failsafe
        self.retry_queue = workspace.retry_queue
        # Most scores of a run are on the same data, which is written once.
        self._kept_uses: set[tuple[str | None, ...]] = set()
        # Of how many of the classes that came up each store has the defaults.
        self._defaults_kept: dict[str, int] = {}
        self._tables = ScoreTables(workspace)
        #: Keeps the predictions behind scores, where that is asked for.
        self.held_out = HeldOutWriter(workspace.retry_queue)
        self._steps = Steps(workspace.retry_queue)
        self._lock = threading.Lock()
        self._upkeep = Upkeep()
        self._packer = Packer(settings, self._upkeep, workspace)
        self.moved = Moved()

    # -- fits ---------------------------------------------------------------------------------

    def open_fit(self, facts: FitFacts, before: Link | None = None) -> OpenFit:
        """Decide whose fit this is, and write down what is known before it begins.

        With `before` it trains an estimator further, and goes on with the run that it is tied to:
        any, where no run is active, else the active one or a child of it.
        """
        stack = active_runs()
        active = stack[-1] if stack else None
        self._refresh(self._upkeep.abandoned())
        place = "" if before is None else self.moved.place_of(before)
        if before is not None and (active is None or active.takes_over(place, facts)):
            fit = OpenFit(facts, before.store, place, False, active, further=True)
            moved = count_on(fit, before)

            def go_on(store: Store) -> None:
                self._describe(store, fit.run_id, facts)
                store.add_metrics(fit.run_id, moved)

            self.retry_queue.write(fit.store, go_on, durable=False)
            return fit
        return self.place(facts, active, self._open_usual, "fit")

    def place(
        self,
        facts: FitFacts,
        active: ActiveRun | None,
        usual: Callable[[FitFacts, ActiveRun | None], OpenFit],
        kind: RunKind,
    ) -> OpenFit:
        """Open a run as `usual`, or as a child of the call of an installed function."""
        call = facts.call
        if call is None or call.ended or (call.is_elsewhere and call.reserved is None):
            return usual(facts, active)
        if call.is_elsewhere:
            fit = self._own(facts, active)
            self.create_run(fit, kind, parent_id=call.reserved)
            return fit
        with call.lock:
            call.failure = None
            if call.first is None:
                call.first, call.open_run = usual(facts, active), self._open_call
                return call.first
            if call.run_id is None:
                self._open_call(call)
            fit = self._own(facts, active, call.store)
            self.create_run(fit, kind, parent_id=call.run_id)
            self.workspace.last = (fit.store, call.run_id or fit.run_id)
            return fit

    def _own(
        self, facts: FitFacts, active: ActiveRun | None, store: Store | None = None
    ) -> OpenFit:
        """A fit in a run of its own."""
        store, number = store or self.store_for(active), first_number(facts)
        return OpenFit(facts, store, new_run_id(), True, active, number=number)

    def _open_call(self, call: LibraryCall) -> None:
        """Make the run of a call which fits a second time, and put its first fit below it."""
        first = call.first
        assert first is not None
        run_id, active = call.reserved or new_run_id(), first.active
        call.store, call.started = first.store, first.started
        self.retry_queue.write(
            first.store, lambda store: self._make_call(store, call, run_id, active), durable=False
        )
        self.workspace.last = first.store, run_id
        call.opened(run_id)
        if not first.new:  # it went on with what the user had fitted
            return
        if first.own:
            if active is not None:
                with active.lock:
                    active.children.pop(first.facts.identity, None)
                    if active.filed is not None:
                        active.filed.alike -= first.facts.estimator == active.filed.estimator
            self.retry_queue.write(
                first.store, lambda store: store.adopt_run(first.run_id, run_id), durable=False
            )
        elif active is not None and active.filed is not None:
            filed, identity = active.filed, active.fit or ""
            with active.lock:
                active.give_up(for_good=False)
            self._split_off(active, filed, identity, run_id, for_good=False)

    def _make_call(
        self, store: Store, call: LibraryCall, run_id: str, active: ActiveRun | None
    ) -> None:
        """Make the run of a call, if none of the processes that work for it has made it."""
        if store.has_run(run_id):
            return
        store.create_run(
            run_id=run_id,
            name=call.name,
            kind="function",
            experiment_id=store.experiment_id(self.experiment_for(active)),
            parent_id=None if active is None else active.run_id,
            start_time=call.started,
            source_id=self.workspace.add_source(store),
            owner=call.owner,
        )
        self._describe(store, run_id, FitFacts(call.name, "", {}, call=call))
        self.workspace.runs += 1

    def store_for(self, active: ActiveRun | None) -> Store:
        """The store of a new run, while `active` is."""
        workspace = self.workspace
        return active.store if active else workspace.store_at(self.settings.store, lazy=True)

    def experiment_for(self, active: ActiveRun | None) -> str:
        """Name of the experiment of a new run, while `active` is."""
        wanted = self.workspace.chosen_experiment or self.settings.experiment
        return active.experiment if active else wanted

    def _split_off(
        self, active: ActiveRun, filed: Filed, identity: str, parent_id: str, *, for_good: bool
    ) -> str:
        """Move the fit that a run of the user's holds into a run of its own; the id of that."""
        held = filed.fits[-1]
        child = OpenFit(held.facts, active.store, new_run_id(), True, active, started=held.started)
        last = self.workspace.last
        self.create_run(child, "fit", parent_id)
        self.workspace.last = last
        crates = self._packer.hand_over(active.run_id, child.run_id)
        filed.tags |= {"estimator", FIT_TAG, *held.facts.tags, *FIT_TAGS}
        inputs = dict(self.workspace.inputs)
        params = {*held.facts.params, *(f"param__{name}" for name in inputs)}
        # Transformers by themselves are the run's own.
        params |= preprocessing_params(held.facts.preprocessing).keys()
        params -= preprocessing_params(active.preprocessing).keys()

        def move(store: Store) -> None:
            filed.move(store, active.run_id, child.run_id, params, crates)
            store.set_params(active.run_id, inputs)
            self.moved.note(active.run_id, identity, child.run_id, everything=for_good)

        self.retry_queue.write(active.store, move, durable=False)
        return child.run_id

    def _open_usual(self, facts: FitFacts, active: ActiveRun | None) -> OpenFit:
        if active is None:
            fit = self._own(facts, None)
            self.create_run(fit, "fit", parent_id=None)
            return fit
        identity = facts.identity
        split: tuple[Filed, str] | None = None
        with active.lock:
            unlinked: set[str] = set()
            is_first = active.fit is None
            if active.fit is None:
                active.fit = identity
                active.held = {**facts.held, **facts.params}
                active.filed = Filed()
                unlinked, active.unlinked = active.unlinked, unlinked
                known: str | None = active.run_id
            elif active.fit == identity:
                known = active.run_id
            else:
                known = active.children.get(identity)
            run_id = known or new_run_id()
            if known is None:
                active.children[identity] = run_id
                filed = active.filed
                if filed is not None and filed.stands_beside(facts):
                    split = filed, active.fit
                    active.give_up(for_good=True)
            fit = OpenFit(facts, active.store, run_id, run_id != active.run_id, active)
            fit.new = known is None or is_first
            if not fit.own and active.filed is not None:
                fit.filed = active.filed
                fit.filed.fits.append(fit)
        if split is not None:
            child = self._split_off(active, *split, active.run_id, for_good=True)
            with active.lock:
                active.children[split[1]] = child
        if fit.new:
            fit.number = first_number(facts)
        if known is None:
            self.create_run(fit, "fit", parent_id=active.run_id)
        else:
            fit.started = time.time()
            self.retry_queue.write(
                fit.store, lambda store: self._go_on(store, run_id, facts, unlinked), durable=False
            )
            self._keep_defaults(fit.store)
        return fit

    def _go_on(self, store: Store, run_id: str, facts: FitFacts, unlinked: set[str]) -> None:
        self._describe(store, run_id, facts)
        # What was scored before there was a model in this run must not pass for its score.
        store.rename_metrics(run_id, {key: f"{_UNLINKED}_{key}" for key in unlinked})

    def create_run(self, fit: OpenFit, kind: RunKind, parent_id: str | None) -> None:
        """Write the run that `fit` opens, with all that is known of it by now."""
        fit.started = fit.started or time.time()
        facts, run_id, started = fit.facts, fit.run_id, fit.started
        experiment = self.experiment_for(fit.active)
        call = facts.call

        def create(store: Store) -> None:
            if call is not None and parent_id is not None and parent_id == call.reserved:
                self._make_call(store, call, parent_id, fit.active)
            store.create_run(
                run_id=run_id,
                name=facts.name,
                kind=kind,
                experiment_id=store.experiment_id(experiment),
                parent_id=parent_id,
                start_time=started,
                source_id=self.workspace.add_source(store),
            )
            self._describe(store, run_id, facts)

        self.retry_queue.write(fit.store, create, durable=False)
        self._keep_defaults(fit.store)
        self.workspace.opened(fit.store, run_id)

    def _describe(self, store: Store, run_id: str, facts: FitFacts) -> None:
        preprocessing = preprocessing_params(facts.preprocessing)
        inputs = input_params(self.workspace.inputs, {**facts.held, **facts.params})
        if renamed := self.workspace.inputs.keys() - inputs.keys():
            store.delete_params(run_id, renamed)
        store.set_params(run_id, {**inputs, **facts.params, **preprocessing})
        if facts.call is not None and not facts.estimator:
            tags = {FUNCTION_TAG: facts.call.function}
        else:
            tags = {"estimator": facts.estimator, FIT_TAG: facts.identity, **facts.tags}
        if facts.code is not None:
            tags[CODE_TAG] = facts.code.key
            if facts.code.unknown:
                tags[UNKNOWN_CODE_TAG] = facts.code.unknown
        store.set_tags(run_id, tags)
        if facts.code is not None and (kept := (str(store.root), facts.code.key)) not in (
            self._kept_uses
        ):
            store.put_code(facts.code.texts)
            self._keep_in_mind(kept)
        if facts.data is not None:
            store.add_dataset(run_id, facts.data)
            self._keep_in_mind((run_id, *_marks(facts.data)))

    def _keep_defaults(self, store: Store) -> None:
        """Keep the defaults of the classes that came up since this was last done."""
        seen, place = classes_seen(), str(store.root)
        if self._defaults_kept.get(place) == seen:
            return
        first = self._defaults_kept.get(place, 0)
        with self.failsafe.guard("keep the defaults of classes"):
            rows = [(d.estimator, d.distribution, d.version, d.params)
                    for d in class_defaults(first)]  # fmt: skip
            if self.retry_queue.write(
                store, lambda store: store.put_class_defaults(rows), durable=False
            ):
                self._defaults_kept[place] = seen

    def _keep_in_mind(self, use: tuple[str | None, ...]) -> None:
        if len(self._kept_uses) >= _MOST_USES:
            self._kept_uses.clear()
        self._kept_uses.add(use)

    @staticmethod
    def link(
        fit: OpenFit, model: object, data: weakref.ref[Any] | None, *, partial: bool = False
    ) -> None:
        """Tie a fitted model, and the parts of it that predict as well, to its run."""
        facts, X = fit.facts, None if data is None else data()
        changed = None
        if facts.stamp is not None and not fit.describes(X):
            now = describe(X)
            changed = None if now is None else now.fingerprint
        link = Link(
            fit.store,
            fit.run_id,
            facts.data,
            data,
            partial=partial,
            # A stamp holds on to the data.
            facts=replace(facts, stamp=None),
            changed=changed,
            step=fit.number,
            moved=fit.moved,
        )
        link_parts(model, link)

    def close_fit(
        self, fit: OpenFit, model: object, X: object, stitched: Stitched | None = None
    ) -> None:
        """A fit on `X` returned: keep the crate, and end the run if it is the fit's own."""
        if fit.facts.applied_first:
            self._tell_preprocessing(fit.facts, stitched)
        if fit.further:
            self.continue_fit(model)
        else:
            self._finish(fit, model, X, stitched)

    def _finish(
        self, fit: OpenFit, model: object, X: object, stitched: Stitched | None = None
    ) -> None:
        packed = Packed()
        if fit.unset_seeds:
            packed.tags[UNSEEDED_TAG] = fit.unset_seeds
        try:
            self._packer.pack(fit, model, X, stitched, packed)
        except BaseException as error:
            # The fit succeeded, whatever became of its crate: an interrupt ends the run as well.
            packed.tags[CRATE_TAG] = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._end(fit, packed, time.time())
        self._packer.settle(fit, packed)

    def _end(self, fit: OpenFit, packed: Packed, ended: float) -> None:
        found = unset_seeds(packed.tags, "train", self.settings.checks)

        def close(store: Store) -> None:
            packed.keep(store, fit.run_id)
            if found:
                store.add_evidence(fit.run_id, found)
            if fit.own:
                store.end_run(fit.run_id, status="FINISHED", end_time=ended)
            elif fit.filed is not None:
                fit.filed.ended(fit, "FINISHED", ended)

        self.retry_queue.write(fit.store, close)

    def fail_fit(self, fit: OpenFit, error: BaseException) -> None:
        """A fit raised: its own run ends with the error; a user's run goes on with a note of it.

        The user's run holds the params of the fit that failed, so a fit with others is no less
        a child of it.
        """
        kept = run_error(error)
        ended = time.time()
        if fit.facts.call is not None:
            fit.facts.call.failure = ended_by(error), kept

        def fail(store: Store) -> None:
            if fit.own:
                status = ended_by(error)
                store.end_run(fit.run_id, status=status, end_time=ended, error=kept)
            else:
                store.set_tags(fit.run_id, {ERROR_TAG: f"{kept.type}: {kept.message}"})
                if fit.filed is not None:
                    fit.filed.ended(fit, ended_by(error), ended, kept)

        self.retry_queue.write(fit.store, fail)
        if fit.active is not None and not fit.further:
            with fit.active.lock:
                fit.active.children.pop(fit.facts.identity, None)

    def _tell_preprocessing(self, facts: FitFacts, stitched: Stitched | None) -> None:
        names = ", ".join(transformer.name for transformer in facts.applied_first)
        remedy = "Put both into one Pipeline to crate them together"
        if stitched is not None and stitched.pipeline is not None:
            remedy = f"The run's crate {PIPELINE!r} holds both as one"
        self.failsafe.warn_once(
            ("preprocessing", names),
            f"{facts.name} was trained on data transformed by {names} outside of it, so its crate "
            f"alone needs data transformed the same way. {remedy}",
            PreprocessingWarning,
        )

    # -- further training -----------------------------------------------------------------------

    def continue_fit(self, model: object) -> None:
        """A model was trained further: its crate follows, at a bounded cost."""
        if not self.settings.log_models:
            return
        waits = self._upkeep.may_wait(model)
        self._refresh(self._upkeep.left_behind(model) if waits else [model])

    def refresh_stale(self) -> None:
        """Crate again every model that was trained further since its last crate."""
        self._refresh(self._upkeep.all_behind())

    def refresh_run(self, run_id: str) -> None:
        """Crate again what was trained further in a run, whose crate somebody is about to read."""

        def is_of_run(model: object) -> bool:
            link = links.of_fit(model)
            return link is not None and self.moved.place_of(link) == run_id

        self._refresh(self._upkeep.behind_in(is_of_run))

    def _refresh(self, models: Iterable[object]) -> None:
        for model in models:
            link = links.get(model)
            if link is not None:
                facts = link.facts or FitFacts(summary(model), qualified_name(model), {})
                fit = OpenFit(facts, link.store, self.moved.place_of(link), False, None)
                self._finish(fit, model, link.training_input)

    # -- transformers and scores ------------------------------------------------------------------

    def transformer(self, facts: TransformerFacts) -> None:
        """A bare transformer was fitted: an active run keeps its user-set params."""
        stack = active_runs()
        if not stack:
            return
        active = stack[-1]
        with active.lock:
            if facts in active.preprocessing:
                return
            active.preprocessing.append(facts)
            params = preprocessing_params(active.preprocessing)
        self.retry_queue.write(
            active.store, lambda store: store.set_params(active.run_id, params), durable=False
        )

    def _open_changed(self, link: Link) -> None:
        """Make the run of a model that was changed after its fit, when it has a first score."""
        with self._lock:
            if link.run_id in _opened_changed:
                return
            _opened_changed.add(link.run_id)
        assert link.facts is not None
        fit = OpenFit(link.facts, link.store, link.run_id, True, None)
        parent_id = self.moved.place_of(replace(link, run_id=link.changed_from))
        self.create_run(fit, "fit", parent_id=parent_id)
        reason = f"a param was changed after the fit; run {parent_id} has what was fitted"
        packed = Packed()
        packed.tags[CRATE_TAG] = reason
        self._end(fit, packed, time.time())

    @staticmethod
    def _note_loaded(store: Store, run_id: str, keys: list[str], now: float) -> None:
        """Note which scores came after the run, with a model that was loaded."""
        before = store.tag(run_id, LOADED_TAG) or ""
        store.set_tags(run_id, {LOADED_TAG: noted(before, keys, now, source().script)})

    def _note_unplaced(self, facts: ScoreFacts) -> None:
        self.workspace.unplaced += 1
        self.workspace.first_unplaced = self.workspace.first_unplaced or facts.place

    def _prefix(self, link: Link | None, facts: ScoreFacts) -> str:
        """What the keys of a score begin with."""
        if link is not None:
            return f"{link.scope}_{facts.data_name}" if link.scope else facts.data_name
        if active_runs()[-1].fit is None:
            return facts.data_name
        # What no model of the run was shown to have predicted must not pass for its score.
        self._note_unplaced(facts)
        return f"{_UNLINKED}_{facts.data_name}"

    def _put_data(
        self, store: Store, run_id: str, facts: ScoreFacts, use: tuple[str | None, ...] | None
    ) -> None:
        """Write on which data a score was computed, and what is to be said of that."""
        if facts.data is not None and use not in self._kept_uses:
            store.add_dataset(run_id, facts.data)
        if facts.is_assessed:
            store.add_evidence(run_id, facts.findings, facts.seen)
        if facts.shared:
            store.add_shared_rows(facts.shared)
        if facts.score_metric:
            store.set_tags(run_id, {SCORE_METRIC_TAG: facts.score_metric})

    def score(self, link: Link | None, facts: ScoreFacts) -> None:
        """Write a score into the run of the model it judges, else into the active run."""
        stack = () if link is not None else active_runs()
        if link is not None:
            store, run_id = link.store, self.moved.place_of(link)
        elif stack:
            store, run_id = stack[-1].store, stack[-1].run_id
        else:
            self._note_unplaced(facts)
            return
        if link is not None and link.changed_from:
            self._open_changed(link)
        prefix = self._prefix(link, facts)
        numbers = {f"{prefix}_{name}": number for name, number in facts.numbers.items()}
        now = time.time()
        metrics, stages = self._steps.of(store, run_id, numbers, facts, link)
        metrics += unseen_metrics(prefix, facts, metrics)
        if link is None and stack[-1].fit is None:
            stack[-1].unlinked.update(numbers)
        rows = self._tables.file(store, run_id, prefix, facts.tables)
        place = run_id
        use = None if facts.data is None else (run_id, *_marks(facts.data))
        if link is not None:
            note_filed(run_id, (k for k, *_ in (*metrics, *stages)), (row.path for row in rows))

        def put(store: Store) -> None:
            # It may have been moved meanwhile, by another thread.
            run_id = place if link is None else self.moved.place_of(link)
            store.add_metrics(run_id, metrics)
            if stages:
                store.add_stages(run_id, stages)
            if rows:
                store.put_artifacts(run_id, rows)
            self._put_data(store, run_id, facts, use)
            if link is not None and link.loaded:
                keys = [*numbers, *(row.path for row in rows)]
                # When the score was made, whenever it is written.
                self._note_loaded(store, run_id, keys, metrics[0][3] if metrics else now)

        if self.retry_queue.write(store, put) and use is not None and use not in self._kept_uses:
            self._keep_in_mind(use)
        self.workspace.scores += 1
        if not self.settings.quiet:
            tell(run_id, facts.findings)


def _marks(use: DatasetUse) -> tuple[str | None, ...]:
    # One X is listed once, whichever of its targets it is judged by.
    return use.context, use.name, use.data.fingerprint
