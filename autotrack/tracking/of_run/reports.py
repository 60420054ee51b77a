"""What a run says of itself on request: a replay, a card."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from importlib import import_module
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from autotrack.crates.trust.trust import Trust, Word
from autotrack.entities import RunRecord
from autotrack.store.store import Store
from autotrack.tracking.workspace import workspace

if TYPE_CHECKING:
    from autotrack.analysis.explaining.card import Card
    from autotrack.analysis.explaining.replaying import Replay


class ReportsOfRun:
    """The methods of a run that make a report, each imported when it is asked for."""

    _store: Store
    _run_id: str

    @abstractmethod
    def record(self) -> RunRecord:
        """Everything about the run as a frozen value, as it is now."""

    def card(self) -> Card:
        """A model card, drawn from what is recorded of the run.

        Each statement names the run it comes from, and what the record does not say is marked as a
        gap. Licence and use are left to the author.

        Returns
        -------
        Card
            Printed it is Markdown; ``.to_dict()`` is plain values for JSON, ``.save(path)`` writes
            either, ``.gaps`` lists what is missing. The items of the REFORMS checklist that the
            record has evidence of are ticked.

        References
        ----------
        S. Kapoor et al., "REFORMS: Consensus-based Recommendations for Machine-learning-based
        Science", Science Advances 10, eadk3452 (2024).
        """
        from autotrack.analysis.explaining.drawing import card_of

        workspace.before_reading(self._run_id)
        return card_of(self._store, self.record())

    def export(self, path: str | PathLike[str]) -> Path:
        """Write the run into a file to send: one page (``.html``), Markdown, CSV or Parquet.

        As :func:`autotrack.export` does; what is there already is replaced.

        Returns
        -------
        Path
            The file.
        """
        # What makes pages is above this room, which the public names are not.
        made: Path = import_module("autotrack").export(path, self)
        return made

    def replay(
        self,
        X: object,
        y: object = None,
        *,
        fit_params: Mapping[str, Any] = MappingProxyType({}),
        trust: Word | Trust = False,
        env: bool = False,
    ) -> Replay:
        """Fit the model of the run once more, and hold it against what the crate has.

        What is fitted is a clone of the crate's model (of a search: of the best one), with its
        params and seeds, in a fresh process. `autotrack replay RUN --script` runs the script again.

        Parameters
        ----------
        X, y : array-like
            The training data: other data than what was recorded is refused.
        fit_params : mapping, optional
            What else ``fit`` was given, by name.
        trust : bool, str or sequence of str, optional
            As of :func:`autotrack.load_model`.
        env : bool, default=False
            In a new environment that has the crate's requirements and no more.

        Returns
        -------
        Replay
            True if the model is the same. `verdict` says ``identical``, ``equal within 1e-12`` or
            ``different``, `difference` the first difference and its cause: params, a version, a
            seed that was never set, the platform.

        Raises
        ------
        InvalidValueError
            If the data is not what the run was trained on; it says what is different.
        ArtifactNotFoundError, UntrustedCrateError
            As :meth:`load_model` does.
        """
        from autotrack.analysis.explaining.replaying import replay_fit

        workspace.before_reading(self._run_id)
        return replay_fit(self._store, self.record(), X, y, fit_params, trust=trust, env=env)
