"""The metrics of imbalanced-learn, which are recorded as scikit-learn's are."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from autotrack.capture.call import Call
from autotrack.capture.hooks.metrics import MetricHook
from autotrack.capture.naming.metric_keys import judges_predictions
from autotrack.failsafe import Failsafe
from autotrack.runtime.in_between import in_between
from autotrack.runtime.quiet import quiet

#: The module they are imported from, and the one of them that returns a text.
MODULE = "imblearn.metrics"
REPORT = "classification_report_imbalanced"


def metric_functions() -> Iterator[FunctionType]:
    """The functions of the module that judge predictions."""
    module = sys.modules[MODULE]
    for name in getattr(module, "__all__", ()):
        function = getattr(module, name, None)
        if isinstance(function, FunctionType) and judges_predictions(function):
            yield function


class ImbalancedReport:
    """Records the report of imbalanced-learn as a table."""

    def __init__(self, metrics: MetricHook, failsafe: Failsafe) -> None:
        self._metrics = metrics
        self._failsafe = failsafe

    @in_between
    def on_report(self, call: Call) -> Any:
        """Record one call."""
        result = call.make()
        with self._failsafe.guard(f"record {call.name}"):
            told = result
            if isinstance(result, str):
                with quiet():  # which the user has seen by now
                    told = call.original(*call.args, **{**call.kwargs, "output_dict": True})
            self._metrics._record(call, _rows(told))
        return result


def _rows(report: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """The report with its averages as a row like those of the classes, as its text has them."""
    rows: dict[str, Mapping[str, float]] = {}
    average: dict[str, float] = {}
    for key, value in report.items():
        if isinstance(value, Mapping):
            rows[str(key)] = {column: float(number) for column, number in value.items()}
        else:
            average["sup" if key == "total_support" else key.removeprefix("avg_")] = float(value)
    return {**rows, "avg / total": average}
