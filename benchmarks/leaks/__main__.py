"""The table of leaks: `python -m benchmarks.leaks`, from the root of the checkout.

`--write` puts it into README.md beside this file. A leak that is missed and a false alarm are words
in the table; the exit code tells of either. `--skore PYTHON` asks skore anew, by an interpreter
that has it, and keeps what it says in skore.json; the column `skore` is from there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autotrack.analysis.evidence.catalogue import KINDS
from benchmarks.leaks.skore_checks import SAME
from tests.leaks.registry import Workflow
from tests.leaks.running import WORKFLOWS, Found, look

HERE = Path(__file__).parent
README, SKORE = HERE / "README.md", HERE / "skore.json"
_BEGIN, _END = "<!-- table: begin -->", "<!-- table: end -->"
# What may be said beside the leak at hand.
_BESIDE = {"AT202", "AT204"}


def main() -> int:
    """Run all workflows and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the table into {README.name}")
    parser.add_argument("--skore", metavar="PYTHON", help="ask skore, by this interpreter")
    arguments = parser.parse_args()
    if arguments.skore:
        SKORE.write_text(_ask_skore(arguments.skore), encoding="utf-8")
    skore = json.loads(SKORE.read_text("utf-8"))
    seen: dict[str, Found] = {}
    for workflow in WORKFLOWS:
        with tempfile.TemporaryDirectory() as folder:
            seen[workflow.name] = look(workflow, Path(folder))
    verdicts = {each.name: _verdict(each, seen[each.name]) for each in WORKFLOWS}
    text = "\n".join(
        [*_of_workflows(seen, verdicts, skore), "", *_of_codes(seen, skore), "", *_counts(skore)]
    )
    sys.stdout.write(f"{text}\n")
    if arguments.write:
        before, _, rest = README.read_text("utf-8").partition(_BEGIN)
        after = rest.partition(_END)[2]
        README.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}", encoding="utf-8")
    return int(any("missed" in said or "false" in said for said in verdicts.values()))


def _ask_skore(python: str) -> str:
    done = subprocess.run(
        [python, "-m", "benchmarks.leaks.skore_checks"],
        cwd=HERE.parents[1],
        env={**os.environ, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    # What comes before are bars of skore's.
    return json.dumps(json.loads(done.stdout.splitlines()[-1]), indent=1) + "\n"


def _verdict(workflow: Workflow, seen: Found) -> str:
    hit = bool(seen.codes & workflow.expected)
    if workflow.unseen:
        verdict = "found" if hit else "not to be seen from calls"
    elif workflow.judged:
        verdict = "counted" if seen.judged == workflow.judged else "missed"
    elif not workflow.expected:
        return "false alarm" if seen.codes else "quiet"
    else:
        verdict = "found" if hit else "missed"
    extra = seen.codes - workflow.expected - _BESIDE
    return f"{verdict}, false alarm" if extra else verdict


def _of_workflows(
    seen: Mapping[str, Found], verdicts: Mapping[str, str], skore: Mapping[str, Any]
) -> list[str]:
    head = f"| workflow | data | there is | found | | skore {skore['skore']} |"
    lines = [head, "| --- | --- | --- | --- | --- | --- |"]
    for each in WORKFLOWS:
        there = ", ".join(sorted(each.expected)) or "nothing"
        said = ", ".join(sorted(seen[each.name].codes)) or "-"
        if each.judged:
            there, said = f"{each.judged} models", f"judged {seen[each.name].judged} models"
        row = (each.name, each.data, there, said, verdicts[each.name], _says(skore, each))
        lines.append(f"| {' | '.join(row)} |")
    return lines


def _says(skore: Mapping[str, Any], workflow: Workflow) -> str:
    """What skore says of a workflow."""
    if workflow.name not in skore:
        return "not tried"
    found = skore[workflow.name]
    if found is None:
        return "nothing to hand it"
    if "error" in found:
        return "refuses"
    said = [*found["issue"], *(f"{code} (tip)" for code in found["tip"])]
    right = any(SAME.get(code) in said for code in workflow.expected)
    right |= any(f"{SAME.get(code)} (tip)" in said for code in workflow.expected)
    return ("found: " if right else "") + (", ".join(said) or "-")


def _of_codes(seen: Mapping[str, Found], skore: Mapping[str, Any]) -> list[str]:
    lines = ["| code | found | of | skore | |", "| --- | --- | --- | --- | --- |"]
    for code, kind in KINDS.items():
        asked = [each for each in WORKFLOWS if code in each.expected and not each.unseen]
        hits = sum(code in seen[each.name].codes for each in asked)
        theirs = sum(_says(skore, each).startswith("found") for each in asked)
        known = str(theirs) if code in SAME else "-"
        lines.append(f"| {code} | {hits} | {len(asked)} | {known} | {kind.title} |")
    return lines


def _counts(skore: Mapping[str, Any]) -> list[str]:
    clean = [each for each in WORKFLOWS if not (each.expected or each.judged)]
    data = len({each.data for each in WORKFLOWS})
    leaks = len(WORKFLOWS) - len(clean)
    tried = [each for each in clean if isinstance(skore.get(each.name), dict)]
    tried = [each for each in tried if "error" not in skore[each.name]]
    theirs = {*SAME.values()}
    issues = sum(not theirs.isdisjoint(skore[each.name]["issue"]) for each in tried)
    tips = sum(not theirs.isdisjoint(skore[each.name]["tip"]) for each in tried)
    return [
        f"{leaks} workflows with a leak and {len(clean)} clean ones, on {data} data sets. Of the "
        f"{len(tried)} clean ones that skore could be handed, the checks above "
        f"({', '.join(sorted(theirs))}) have an issue with {issues}, and a tip for {tips}."
    ]


if __name__ == "__main__":
    raise SystemExit(main())
