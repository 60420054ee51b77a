"""Random searches, killed, edited and started again, against the same without autotrack.

    python -m tests.truth.searches --count 300 --seed 0

Every case is a script with modules of its own (:mod:`tests.truth.search_scripts`). It is started
and killed after some evaluations, or interrupted; then something in it is edited; then it is
started again. What its ``cv_results_`` holds must be what the edited script gives without
autotrack, bit for bit; and where nothing that matters was edited, evaluations must be reused.
"""

from __future__ import annotations

import argparse
import atexit
import importlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.truth.search_scripts import make

# One case in so many is run in processes of its own, each with another seed of Python's hashes.
_APART = 10
_LOADED = (
    "pandas",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.experimental.enable_halving_search_cv",
    "sklearn.pipeline",
    "autotrack.capture.patch_table",
    "autotrack.capture.hooks.searches",
    "autotrack.capture.parallel.launch",
    "autotrack.capture.hooks.displays",
    "autotrack.capture.hooks.validation",
)
_ADDRESS = re.compile(r"0x[0-9a-f]+")


@dataclass
class Outcome:
    """What became of a case."""

    seed: int
    edit: str
    wrong: str = ""
    kept: int = 0
    reused: int = 0
    expected: bool = False
    note: str = ""


def run_case(seed: int) -> Outcome:
    """Run one case: a start that is killed, a second one, and one without autotrack."""
    case, rng = make(seed), random.Random(f"kill {seed}")
    outcome = Outcome(seed, case.edit)
    root = Path(tempfile.mkdtemp(prefix="truth-"))
    try:
        apart = seed % _APART == 0 or case.jobs > 1
        kill = {
            "jobs": case.jobs,
            "seconds": rng.uniform(2.5, 4.0),
            "after": rng.randint(2, 20),
            "sleep": rng.choice([0.0, 0.1, 0.1, 0.1]),
            "signal": int(rng.choice([signal.SIGKILL] * 4 + [signal.SIGINT])),
        }
        tracked, bare = root / "tracked", root / "bare"
        _write(tracked, case.before)
        _start(tracked, case.environment, {"tracked": True, **kill}, apart)
        _write(tracked, case.after)
        second = _start(tracked, case.environment_after, {"tracked": True}, apart)
        _write(bare, case.after)
        right = _start(bare, case.environment_after, {"tracked": False}, apart)
        if "error" in second and "error" in right:
            pass  # a script that cannot run at all, such as what workers cannot be sent
        elif "error" in second or "error" in right:
            outcome.wrong = f"{second.get('error')}\n{right.get('error')}"
        elif second["results"] != right["results"]:
            outcome.wrong = _difference(second["results"], right["results"])
        counted = second.get("progress", "")
        found = re.search(r"(\d+) reused", counted)
        outcome.reused = int(found[1]) if found else 0
        outcome.kept = second.get("kept", 0)
        outcome.note = second.get("note", "")
        outcome.expected = "error" not in second and case.reuses and outcome.kept > 0
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return outcome


def _write(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def _start(
    folder: Path, environment: dict[str, str], how: dict[str, Any], apart: bool
) -> dict[str, Any]:
    """Start the script in a process of its own, really; what it came to, if it got so far."""
    (folder / "result.json").unlink(missing_ok=True)
    if apart:
        command = [sys.executable, "-m", "tests.truth.searches", "--start", str(folder)]
        hashes = str(random.Random(time.time_ns()).randrange(1000))
        told = {"PYTHONHASHSEED": hashes, "TRUTH_HOW": json.dumps(how), **environment}
        subprocess.run(command, env={**os.environ, **told}, check=False, capture_output=True)
    else:
        child = os.fork()
        if child == 0:
            try:
                os.environ.update(environment)
                _in_process(folder, how)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    result = folder / "result.json"
    return json.loads(result.read_text()) if result.exists() else {}


def _in_process(folder: Path, how: dict[str, Any]) -> None:
    """Be the process that runs the script."""
    import warnings

    warnings.simplefilter("ignore")
    os.chdir(folder)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    sys.path.insert(0, str(folder))
    if "after" in how:
        _die_after(how)
    said: dict[str, Any] = {}
    try:
        if how["tracked"]:
            import autotrack
            from autotrack.tracking.evaluations import flusher

            flusher._PAUSE = 0.03
            autotrack.enable(store=folder / "store", log_models=False, progress=False)
            said["kept"] = _kept()
        _as_main(folder / "script.py", said)
        if how["tracked"]:
            tags = autotrack.last_run().tags
            said["progress"] = tags["autotrack.progress"]
            said["note"] = tags.get("not_resumed", "")
    except KeyboardInterrupt:
        atexit._run_exitfuncs()
        return
    except BaseException:
        said["error"] = traceback.format_exc()
    (folder / "result.json").write_text(json.dumps(said))


def _as_main(script: Path, said: dict[str, Any]) -> None:
    import types

    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__file__ = str(script)
    exec(compile(script.read_text(), str(script), "exec"), vars(main))
    said["results"] = _plain(main.search.cv_results_)


def _plain(results: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    found = {}
    for key, values in results.items():
        if key.endswith("_time"):
            continue
        if isinstance(values, np.ndarray) and values.dtype != object:
            data = np.ma.getdata(values)
            found[key] = [str(data.dtype), data.tobytes().hex(), repr(np.ma.getmaskarray(values))]
        else:
            listed = values.tolist() if isinstance(values, np.ndarray) else values
            found[key] = [_ADDRESS.sub("", repr(listed))]
    return found


def _die_after(how: dict[str, Any]) -> None:
    """Have this process killed while, or after, it scores for the n-th time."""
    from sklearn.model_selection import _validation

    if how["jobs"] > 1:
        threading.Timer(how["seconds"], os.kill, (os.getpid(), how["signal"])).start()
        return
    score, counted = _validation._score, [0]

    def dying(*args: Any, **kwargs: Any) -> Any:
        counted[0] += 1
        if counted[0] == how["after"]:
            time.sleep(how["sleep"])
            os.kill(os.getpid(), how["signal"])
        return score(*args, **kwargs)

    _validation._score = dying


def _kept() -> int:
    """How many evaluations of the start before are in the store."""
    import autotrack

    found = autotrack.search_runs(where="kind = 'search'", limit=1)
    if len(found) and found["status"].iloc[0] == "FINISHED":
        return 0  # it was too late for the kill
    tag = "tags.autotrack.progress"  # missing where it was killed before anything was written
    numbers = re.match(r"(\d+)", str(found[tag].iloc[0])) if tag in found and len(found) else None
    return int(numbers[1]) if numbers else 0


def _difference(found: dict[str, Any], right: dict[str, Any]) -> str:
    keys = [key for key in right if found.get(key) != right[key]] or list(found)
    return f"{keys} differ"


def check(count: int, seed: int, seconds: float) -> Iterator[Outcome]:
    """Run so many cases, from this seed on, or as many as there is time for."""
    for module in _LOADED:  # forks have them then
        importlib.import_module(module)
    until = time.monotonic() + seconds
    for number in range(seed, seed + count):
        if time.monotonic() > until:
            return
        yield run_case(number)


def summary(outcomes: list[Outcome]) -> str:
    """What the cases came to."""
    expected = [o for o in outcomes if o.expected]
    reused = [o for o in expected if o.reused]
    return (
        f"{len(outcomes)} searches, {sum(bool(o.wrong) for o in outcomes)} different; "
        f"{sum(o.kept > 0 for o in outcomes)} had evaluations kept; evaluations were reused in "
        f"{len(reused)} of {len(expected)} where nothing that matters was edited "
        f"({sum(o.reused for o in outcomes)} evaluations)"
    )


def main() -> None:
    """Read the command line, and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.truth.searches", description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no longer than this")
    parser.add_argument("--start", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.start:
        _in_process(arguments.start, json.loads(os.environ["TRUTH_HOW"]))
        return
    outcomes = []
    for outcome in check(arguments.count, arguments.seed, arguments.seconds):
        outcomes.append(outcome)
        if outcome.wrong or (outcome.expected and not outcome.reused):
            said = outcome.wrong or f"nothing was reused: {outcome.note}"
            sys.stdout.write(f"seed {outcome.seed} ({outcome.edit!r}): {said}\n")
            sys.stdout.flush()
    sys.stdout.write(summary(outcomes) + "\n")
    sys.exit(any(o.wrong or (o.expected and not o.reused) for o in outcomes))


if __name__ == "__main__":
    main()
