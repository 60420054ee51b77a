"""One group of measurements in a process of its own: ``python -m benchmarks.measure WHO GROUP``."""

from __future__ import annotations

import argparse
import importlib
import json

#: Where each group is measured: for autotrack, and for MLflow where that can be compared.
GROUPS: dict[str, dict[str, str]] = {
    "autotrack": {
        "fit": "benchmarks.calls:fit",
        "score": "benchmarks.calls:score",
        "places": "benchmarks.places:places",
        "predict": "benchmarks.calls:predict",
        "transform": "benchmarks.calls:transform",
        "checks": "benchmarks.checks:checks",
        "requirements": "benchmarks.calls:requirements",
        "nested": "benchmarks.calls:nested",
        "search": "benchmarks.searches:search",
        "kills": "benchmarks.kills:kills",
        "ensembles": "benchmarks.ensembles:ensembles",
        "startup": "benchmarks.startup:startup",
        "forest": "benchmarks.big:forest",
        "load": "benchmarks.loading:load",
        "fingerprint": "benchmarks.big:fingerprint",
        "serving": "benchmarks.serving:serving",
    },
    "mlflow": {
        "fit": "benchmarks.peer:fit",
        "score": "benchmarks.peer:score",
        "predict": "benchmarks.peer:predict",
        "requirements": "benchmarks.peer:requirements",
        "startup": "benchmarks.startup:mlflow_startup",
        "serving": "benchmarks.serving:mlflow_serving",
    },
}


def main() -> None:
    """Measure and print the samples as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("who", choices=GROUPS)
    parser.add_argument("group")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    module, _, function = GROUPS[arguments.who][arguments.group].partition(":")
    print(json.dumps(getattr(importlib.import_module(module), function)(arguments.quick)))


if __name__ == "__main__":
    main()
