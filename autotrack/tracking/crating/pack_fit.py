"""The crates of a fit: its model's, and that of the model with the transformers outside of it."""

from __future__ import annotations

import time
from dataclasses import field

from autotrack.analysis.names import CRATE, CRATE_TAG
from autotrack.crates import unvouched
from autotrack.describe.data.fingerprint import describe
from autotrack.describe.data.profile import profile
from autotrack.errors import CaptureWarning, StoreError, UncratableError
from autotrack.runtime.dataclass import dataclass
from autotrack.schema import DataSchema
from autotrack.settings import Settings
from autotrack.store.artifacts import StoredArtifact
from autotrack.store.store import Store
from autotrack.tracking.crating.repack_schedule import Upkeep
from autotrack.tracking.crating.run_files import file_crate, keep_crate, own_code, schema_of
from autotrack.tracking.facts import Stitched
from autotrack.tracking.opened_fit import OpenFit
from autotrack.tracking.workspace import Workspace

#: The crate of a model together with the transformers that were applied outside of it.
PIPELINE = "pipeline"
#: Why a run has none, although there were such.
PIPELINE_TAG = "autotrack.pipeline"


@dataclass(slots=True)
class Packed:
    """What came of packing, to be written with the end of the fit.

    Attributes
    ----------
    crates : dict
        The files of each crate by its name in the run. One without files replaces an older one.
    tags : dict
        Why there are no others.
    replaced : list of str
        Where files lie that nobody needs any more, once it was written.
    strange : set of str
        The crates that hold what came from crates which the store did not pack: it does not vouch
        for them.
    """

    crates: dict[str, list[StoredArtifact]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)
    strange: set[str] = field(default_factory=set)

    def keep(self, store: Store, run_id: str) -> None:
        """Write it into the run."""
        if self.tags:
            store.set_tags(run_id, self.tags)
        for name, rows in self.crates.items():
            vouch = name not in self.strange
            self.replaced.extend(keep_crate(store, run_id, name, rows, vouch=vouch))


class Packer:
    """Packs what was fitted, as the settings say."""

    def __init__(self, settings: Settings, upkeep: Upkeep, workspace: Workspace) -> None:
        self._settings = settings
        self._workspace = workspace
        self._own = own_code(settings)
        self._upkeep = upkeep
        # The runs whose crate `pipeline` is ours: a user's own may be called so too.
        self._stitched: set[str] = set()

    def pack(
        self, fit: OpenFit, model: object, X: object, stitched: Stitched | None, packed: Packed
    ) -> None:
        """Pack the model that was fitted to `X`, and what it is stitched together with."""
        if not self._settings.log_models:
            return
        if rows := self._model(fit, model, X, packed):
            packed.crates[CRATE] = rows
        if stitched is not None:
            self._pipeline(fit, stitched, packed)
        elif fit.run_id in self._stitched:
            packed.crates[PIPELINE] = []  # that of an earlier fit is not this model's

    def hand_over(self, source: str, target: str) -> list[str]:
        """The names of the crates that were packed for a run; from now on `target` has them."""
        if not self._settings.log_models:
            return []
        if source not in self._stitched:
            return [CRATE]
        self._stitched.remove(source)
        self._stitched.add(target)
        return [CRATE, PIPELINE]

    def settle(self, fit: OpenFit, packed: Packed) -> None:
        """Do what is to be done once the store has it: tidy up, and verify."""
        for location in packed.replaced:
            fit.store.artifacts.discard(location)
        rows = packed.crates.get(CRATE)
        if rows and self._settings.verify_models and CRATE not in packed.strange:
            from autotrack.tracking.crating.background_verify import verifier

            folder = fit.store.artifacts.resolve(rows[0].location).parent
            verifier.add(self._workspace, fit.store, fit.run_id, folder)

    def _model(
        self, fit: OpenFit, model: object, X: object, packed: Packed
    ) -> list[StoredArtifact]:
        facts, started = fit.facts, time.monotonic()
        try:
            folder = self._workspace.files_of(fit.store, fit.run_id)
            # What the fit made of its data says nothing of what a model takes.
            schema = schema_of(facts.data, X if fit.describes(X) else None)
            if unvouched.holds_any(model):
                packed.strange.add(CRATE)
            return file_crate(
                folder, fit.run_id, CRATE, model, schema, facts.applied_first, own=self._own
            )
        except UncratableError as error:
            packed.tags[CRATE_TAG] = str(error)
            self._workspace.failsafe.warn_once(
                ("crate", facts.estimator), f"No crate for this run: {error}", CaptureWarning
            )
        except (OSError, StoreError) as error:
            packed.tags[CRATE_TAG] = f"{type(error).__name__}: {error}"
            self._workspace.failsafe.report(
                f"write the crate of {facts.name} under {fit.store.root}", error
            )
        finally:
            self._upkeep.packed(model, time.monotonic() - started)
        return []

    def _pipeline(self, fit: OpenFit, stitched: Stitched, packed: Packed) -> None:
        known = fit.run_id in self._stitched
        reason = stitched.reason
        try:
            if stitched.pipeline is not None and not (known or self._is_free(fit)):
                reason = f"the run has a {PIPELINE!r} of its own"
            elif stitched.pipeline is not None:
                data = describe(stitched.data)
                schema = DataSchema() if data is None else profile(stitched.data, data)
                folder = self._workspace.files_of(fit.store, fit.run_id)
                if unvouched.holds_any(stitched.pipeline):
                    packed.strange.add(PIPELINE)
                packed.crates[PIPELINE] = file_crate(
                    folder, fit.run_id, PIPELINE, stitched.pipeline, schema, own=self._own
                )
                self._stitched.add(fit.run_id)
                return
        except (UncratableError, OSError, StoreError) as error:
            reason = str(error)
        packed.tags[PIPELINE_TAG] = f"left out: {reason}"
        if known:
            packed.crates[PIPELINE] = []

    @staticmethod
    def _is_free(fit: OpenFit) -> bool:
        return fit.own or not fit.store.list_artifacts(fit.run_id, PIPELINE)
