"""The table of leaks: `python -m benchmarks.leaks`, from the root of the checkout.

`--write` puts it into README.md beside this file. A leak that is missed and a false alarm are words
in the table; the exit code tells of either. `--others PYTHON` asks skore and splitguard anew, by an
interpreter that has them, and keeps what they say in JSON files; their columns are from there.
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
from types import ModuleType
from typing import Any

from autotrack.analysis.evidence.catalogue import KINDS
from benchmarks.leaks import skore_checks, splitguard_checks
from tests.leaks.registry import Workflow
from tests.leaks.running import WORKFLOWS, Found, look

HERE = Path(__file__).parent
README, SKORE, SPLITGUARD = (HERE / name for name in ("README.md", "skore.json", "splitguard.json"))
_BEGIN, _END = "<!-- table: begin -->", "<!-- table: end -->"


def main() -> int:
    """Run all workflows and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the table into {README.name}")
    parser.add_argument("--others", metavar="PYTHON", help="ask the others, by this interpreter")
    arguments = parser.parse_args()
    if arguments.others:
        SPLITGUARD.write_text(_ask(arguments.others, splitguard_checks), encoding="utf-8")
        SKORE.write_text(_ask(arguments.others, skore_checks), encoding="utf-8")
    skore, guard = (json.loads(path.read_text("utf-8")) for path in (SKORE, SPLITGUARD))
    seen: dict[str, Found] = {}
    for workflow in WORKFLOWS:
        with tempfile.TemporaryDirectory() as folder:
            seen[workflow.name] = look(workflow, Path(folder))
    verdicts = {each.name: _verdict(each, seen[each.name]) for each in WORKFLOWS}
    text = "\n".join(
        [
            *_of_workflows(seen, verdicts, skore, guard),
            "",
            *_of_codes(seen, skore, guard),
            "",
            *_counts(skore, guard),
        ]
    )
    sys.stdout.write(f"{text}\n")
    if arguments.write:
        before, _, rest = README.read_text("utf-8").partition(_BEGIN)
        after = rest.partition(_END)[2]
        README.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}", encoding="utf-8")
    return int(any("missed" in said or "false" in said for said in verdicts.values()))


def _ask(python: str, module: ModuleType) -> str:
    done = subprocess.run(
        [python, "-m", module.__name__],
        cwd=HERE.parents[1],
        env={**os.environ, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    # What comes before are bars of progress.
    return json.dumps(json.loads(done.stdout.splitlines()[-1]), indent=1) + "\n"


def _verdict(workflow: Workflow, seen: Found) -> str:
    hit = workflow.expected <= seen.codes
    if workflow.unseen:
        verdict = "found" if hit else "not to be seen from calls"
    elif workflow.judged:
        verdict = "counted" if seen.judged == workflow.judged else "missed"
    elif not workflow.expected:
        return "false alarm" if seen.codes else "quiet"
    else:
        verdict = "found" if hit else "missed"
    extra = seen.codes - workflow.expected - workflow.also
    return f"{verdict}, false alarm" if extra else verdict


def _of_workflows(
    seen: Mapping[str, Found],
    verdicts: Mapping[str, str],
    skore: Mapping[str, Any],
    guard: Mapping[str, Any],
) -> list[str]:
    others = f"skore {skore['skore']} | splitguard {guard['version']}"
    lines = [f"| workflow | data | there is | found | | {others} |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for each in WORKFLOWS:
        there = ", ".join(sorted(each.expected)) or "nothing"
        said = ", ".join(sorted(seen[each.name].codes)) or "-"
        if each.judged:
            there, said = f"{each.judged} models", f"judged {seen[each.name].judged} models"
        theirs = (_says(skore, each), _guards(guard, each))
        row = (each.name, each.data, there, said, verdicts[each.name], *theirs)
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
    same = {skore_checks.SAME.get(code) for code in workflow.expected}
    right = bool(same & {*found["issue"], *found["tip"]})
    return ("found: " if right else "") + (", ".join(said) or "-")


def _guards(guard: Mapping[str, Any], workflow: Workflow) -> str:
    """What splitguard says of a workflow."""
    if workflow.name not in guard:
        return "not tried"
    said = guard[workflow.name]
    same = {name for code in workflow.expected for name in splitguard_checks.SAME.get(code, ())}
    text = ", ".join(name.replace("_", " ") for name in said) or "-"
    return f"found: {text}" if same & {*said} else text


def _of_codes(
    seen: Mapping[str, Found], skore: Mapping[str, Any], guard: Mapping[str, Any]
) -> list[str]:
    lines = [
        "| code | found | of | skore | splitguard | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for code, kind in KINDS.items():
        asked = [each for each in WORKFLOWS if code in each.expected and not each.unseen]
        hits = sum(code in seen[each.name].codes for each in asked)
        theirs = [
            str(sum(says(known, each).startswith("found") for each in asked))
            if code in module.SAME
            else "-"
            for says, known, module in (
                (_says, skore, skore_checks),
                (_guards, guard, splitguard_checks),
            )
        ]
        lines.append(f"| {code} | {hits} | {len(asked)} | {' | '.join(theirs)} | {kind.title} |")
    return lines


def _counts(skore: Mapping[str, Any], guard: Mapping[str, Any]) -> list[str]:
    clean = [each for each in WORKFLOWS if not (each.expected or each.judged)]
    data = len({each.data for each in WORKFLOWS})
    leaks = len(WORKFLOWS) - len(clean)
    tried = [each for each in clean if isinstance(skore.get(each.name), dict)]
    tried = [each for each in tried if "error" not in skore[each.name]]
    theirs = {*skore_checks.SAME.values()}
    guarded = sum(bool(guard.get(each.name)) for each in clean)
    issues = sum(not theirs.isdisjoint(skore[each.name]["issue"]) for each in tried)
    tips = sum(not theirs.isdisjoint(skore[each.name]["tip"]) for each in tried)
    return [
        f"{leaks} workflows with a leak and {len(clean)} clean ones, on {data} data sets. Of the "
        f"{len(tried)} clean ones that skore could be handed, the checks above "
        f"({', '.join(sorted(theirs))}) have an issue with {issues}, and a tip for {tips}. "
        f"splitguard reports {guarded} of the {len(clean)}."
    ]


if __name__ == "__main__":
    raise SystemExit(main())
