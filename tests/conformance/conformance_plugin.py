"""The pytest plugin of the conformance run: tracking on before collection, outcomes as JSON.

It is told what to do by environment variables, because xdist's workers load it as well:
``CONFORMANCE_OUTCOMES`` is the file for the outcomes; ``CONFORMANCE_TRACK`` is ``no``, ``yes``
or ``models``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


class Outcomes:
    """Collects one line a test: how it ended, how long it took and what it said."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, object]] = {}

    @staticmethod
    def _of(report: pytest.TestReport) -> str:
        if hasattr(report, "wasxfail"):
            return "xfailed" if report.skipped else "xpassed"
        return report.outcome

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self.tests.setdefault(report.nodeid, {"outcome": "passed", "seconds": 0.0})
        test["seconds"] += report.duration
        if report.when == "call" or report.outcome != "passed":
            test["outcome"] = self._of(report)
        if report.failed:
            test["text"] = report.longreprtext[-3000:]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.tests[report.nodeid] = {
                "outcome": "not collected",
                "seconds": 0.0,
                "text": report.longreprtext[-3000:],
            }

    def pytest_sessionfinish(self) -> None:
        Path(os.environ["CONFORMANCE_OUTCOMES"]).write_text(json.dumps(self.tests))


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Outcomes())
    if (track := os.environ["CONFORMANCE_TRACK"]) != "no":
        import autotrack

        # The store is AUTOTRACK_STORE, a temporary folder.
        autotrack.enable(log_models=track == "models")
