"""What is known of a fit before it begins, gathered in one go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from autotrack.analysis.names import ARGUMENTS_TAG
from autotrack.capture.call import Call
from autotrack.capture.hooks.warm_start import starts_warm
from autotrack.capture.library_functions import library_call
from autotrack.capture.results.reached_code import Overview, look_over, reached_code
from autotrack.describe.data.fingerprint import describe
from autotrack.describe.data.stamp import Stamp, stamp
from autotrack.describe.estimator import held_params, qualified_name, summary, user_params
from autotrack.entities import DatasetUse
from autotrack.failsafe import Failsafe
from autotrack.lineage.tracker import Lineage
from autotrack.runtime.stack import variable_name
from autotrack.settings import Settings
from autotrack.tracking.api.params import may_have_inputs
from autotrack.tracking.facts import FitFacts, ReachedCode, Stitched


class FitDescriber:
    """Gathers the facts of fits, of estimators and of searches.

    Parameters
    ----------
    settings : Settings
        What is to be recorded.
    lineage : Lineage
        Knows what the data went through.
    failsafe : Failsafe
        Takes what goes wrong; the other facts are there all the same.
    """

    def __init__(self, settings: Settings, lineage: Lineage, failsafe: Failsafe) -> None:
        self._settings = settings
        self._lineage = lineage
        self._failsafe = failsafe

    def look_over(self, estimator: object) -> Overview | None:
        """Which params of an estimator are code of the user's, or seeds."""
        with self._failsafe.guard("look over the params"):
            return look_over(estimator)
        return None

    def facts(self, call: Call, overview: Overview | None) -> FitFacts:
        """All that is known of a fit before it begins."""
        estimator, X, y = call.estimator, call.X, call.y
        settings = self._settings
        given = stamp(X) if settings.log_models and settings.log_datasets else None
        return FitFacts(
            name=summary(estimator),
            estimator=qualified_name(estimator),
            params=self._params(estimator),
            data=self._training_data(X, y, given),
            preprocessing=self._lineage.preprocessing_of(X),
            tags=self._further(call.further),
            held=self._held(estimator),
            stamp=given,
            warm=starts_warm(estimator),
            call=library_call(),
            code=self._code(overview),
        )

    def _further(self, further: Mapping[str, Any]) -> dict[str, str]:
        """Tags of what the fit was given beside X and y: names, and fingerprints of data."""
        if not further:
            return {}
        tags = {"fit_arguments": ", ".join(sorted(further))}
        if self._settings.log_datasets:
            with self._failsafe.guard("describe what else the fit was given"):
                data = {name: describe(value) for name, value in sorted(further.items())}
                known = {name: one.fingerprint for name, one in data.items() if one is not None}
                if known:
                    tags[ARGUMENTS_TAG] = json.dumps(known)
        return tags

    def _code(self, overview: Overview | None) -> ReachedCode | None:
        if overview is None or not overview.own:
            return None
        with self._failsafe.guard("read the code of a model"):
            return reached_code(overview.own)
        return None

    def _params(self, estimator: object) -> Mapping[str, Any]:
        with self._failsafe.guard("read the params"):
            return user_params(estimator, defaults=self._settings.log_defaults)
        return {}  # an estimator that breaks scikit-learn's rules for params still has a run

    def _held(self, estimator: object) -> Mapping[str, Any]:
        if not may_have_inputs():
            return {}
        with self._failsafe.guard("read the params"):
            return held_params(estimator)
        return {}

    def _training_data(self, X: object, y: object, given: Stamp | None) -> DatasetUse | None:
        if not self._settings.log_datasets:
            return None
        with self._failsafe.guard("describe the training data"):
            # That of a frame says more than what `describe` compares.
            data = describe(X, given if type(X) is np.ndarray else None)
            if data is None:
                return None
            return DatasetUse("train", data, variable_name(X), describe(y))
        return None

    def stitched(self, facts: FitFacts, model: object, X: object) -> Stitched | None:
        """The model with the transformers outside of it as one, where there are such."""
        if not facts.applied_first or not self._settings.log_models:
            return None
        from autotrack.lineage.preprocessing.stitching import stitch

        stages, asks_own = self._lineage.stages_of(X), self._settings.ask_own_models
        return stitch(model, X, stages, asks_own=asks_own)
