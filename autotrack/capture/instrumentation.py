"""All that is put in place while tracking is on: lineage, hooks and the patched names."""

from __future__ import annotations

from collections.abc import Callable

from autotrack.capture.assessing import Assessing
from autotrack.capture.hooks.callbacks import MonitorHook
from autotrack.capture.hooks.displays import DisplayHook
from autotrack.capture.hooks.estimators import EstimatorHook
from autotrack.capture.hooks.fit_describer import FitDescriber
from autotrack.capture.hooks.metrics import MetricHook
from autotrack.capture.hooks.searches import SearchHook
from autotrack.capture.hooks.validation import ValidationHook
from autotrack.capture.naming.data_names import Scoring
from autotrack.capture.parallel.launch import LaunchHook
from autotrack.capture.parallel.propagation import lineages
from autotrack.capture.patch_table import PatchTable
from autotrack.capture.splitters import SplitHook
from autotrack.failsafe import Failsafe
from autotrack.lineage.evidence.assess import Evidence
from autotrack.lineage.tracker import Lineage
from autotrack.settings import Settings
from autotrack.tracking.evaluations.evaluation_run import Measurements
from autotrack.tracking.model_links import arrivals
from autotrack.tracking.recording.recorder import Recorder


class Instrumentation:
    """The hooks of one session, and the scikit-learn names that lead to them.

    Parameters
    ----------
    settings : Settings
        What tracking is switched on with.
    recorder : Recorder
        Writes what the hooks see.
    failsafe : Failsafe
        Takes what goes wrong in them.
    """

    def __init__(self, settings: Settings, recorder: Recorder, failsafe: Failsafe) -> None:
        self._lineage = lineage = Lineage()
        scoring = Scoring(settings)
        evidence = Evidence() if settings.checks else None
        assessing = Assessing(evidence, settings.checks)
        metrics = MetricHook(recorder, lineage, scoring, failsafe, assessing)
        monitors = MonitorHook(recorder, failsafe)
        describer = FitDescriber(settings, lineage, failsafe)
        searches = SearchHook(settings, recorder, scoring, monitors, describer, failsafe, assessing)
        self._patch_table = PatchTable(
            EstimatorHook(
                settings,
                recorder,
                lineage,
                scoring,
                monitors,
                describer,
                searches,
                failsafe,
                assessing,
            ),
            metrics,
            ValidationHook(settings, Measurements(recorder), lineage, failsafe, assessing),
            LaunchHook(settings, recorder.workspace),
            DisplayHook(recorder, lineage, scoring, metrics, failsafe),
            SplitHook(assessing, failsafe),
            failsafe,
        )

    def apply(self) -> Callable[..., None]:
        """Put everything in place; what is returned puts every original back.

        Called with ``at_exit=True`` it only has every wrapper hand on to what it wraps: looking
        through all classes there are takes longer than a fit.
        """
        self._patch_table.apply()
        left = [
            arrivals.subscribe(self._patch_table.patch_class),
            lineages.subscribe(self._lineage),
        ]

        def undo(*, at_exit: bool = False) -> None:
            for leave in left:
                leave()
            (self._patch_table.silence if at_exit else self._patch_table.undo)()

        return undo
