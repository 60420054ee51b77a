"""What splitguard says of the same workflows: `python -m benchmarks.leaks.splitguard_checks`.

To be run by an interpreter that has splitguard, imbalanced-learn and what autotrack needs (which
stays off). It prints a JSON object: by the name of a workflow what was found. splitguard watches
fits and splits as they happen, so workflows are run as they are; it is asked to look at
transformers that were fitted before the split too, of which it warns.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import sys
import tempfile
import warnings
from typing import Any

#: What splitguard calls what a code of autotrack stands for.
SAME = {
    "AT101": ("fit_before_split", "fit_after_split", "transform_before_split"),
    "AT102": ("fit_before_split", "fit_after_split", "transform_before_split"),
    "AT103": ("fit_before_split", "fit_after_split"),
    "AT104": ("fit_before_split", "fit_after_split"),
    "AT105": ("fit_before_split", "fit_after_split"),
    "AT107": ("group_leakage",),
    "AT301": ("fit_before_split", "fit_after_split"),
}


def main() -> None:
    """Run the workflows under splitguard, and print what it says."""
    # It exchanges `train_test_split` where it is looked up, so before the workflows import it.
    import splitguard
    from splitguard import _core

    splitguard.install()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"AUTOTRACK_STORE": folder, "AUTOTRACK_QUIET": "1"}
        from tests.leaks import clean, leaky  # noqa: F401 - which list their workflows
        from tests.leaks.registry import WORKFLOWS

        found: dict[str, Any] = {"version": importlib.metadata.version("splitguard")}
        for workflow in WORKFLOWS:
            _core._state.reset()
            _core._warned_pre_split_transform = False  # it warns once in a process
            splitguard.configure(policy="log", strict_transforms=True)
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                workflow.run()
            said = {each.pattern for each in splitguard.report()}
            if any("splitguard" in str(each.message) and "before" in str(each.message)
                   for each in warned):  # fmt: skip
                said.add("transform_before_split")
            found[workflow.name] = sorted(said)
            print(workflow.name, found[workflow.name], file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
