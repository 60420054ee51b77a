"""``python -m tests.gallery --examples FOLDER``: run example scripts with and without tracking.

FOLDER is the folder `examples` of a checkout of scikit-learn of the version that is installed, or
any folder of scripts. What needs a download or a package that is not installed is left out. Each
script is run as often as `--repeat` says (twice), as it is and under `autotrack run`; what it
writes, its warnings with their places, and the state of the global random generators at its end
must be the same. Numbers in lines that differ between the bare runs, such as times, are not
compared; one that seems different is run as it is up to five times, to see what stays the same.
The time of the processor is the least of all runs; that of scripts that fail is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.gallery.running import BARE, TRACKED, differences, examples, reason_to_leave_out, run

#: What tracking may take, in the median.
GOAL = 1.08
# As it is, of an example that seems different.
_MOST_RUNS = 5


@dataclass
class Outcome:
    """What came of an example."""

    name: str
    left_out: str = ""
    differs: list[str] = field(default_factory=list)
    told: tuple[str, ...] = ()
    failed: bool = False
    bare: float = float("nan")
    tracked: float = float("nan")

    @property
    def ratio(self) -> float:
        """The time that it took with tracking, to that without."""
        return self.tracked / self.bare


def outcome_of(path: Path, folder: Path, repeat: int = 2) -> Outcome:
    """Run an example `repeat` times in either way, and say what is different."""
    outcome = Outcome(str(path.relative_to(folder)), reason_to_leave_out(path))
    if outcome.left_out:
        return outcome
    try:
        seen = [(run(BARE, path), run(TRACKED, path)) for _ in range(repeat)]
    except subprocess.TimeoutExpired as error:
        outcome.left_out = f"it takes longer than {error.timeout:.0f} s"
        return outcome
    bares, trackeds = [list(runs) for runs in zip(*seen, strict=True)]
    bare, tracked = bares[0], trackeds[0]
    outcome.bare = min(run.cpu for run in bares)
    outcome.tracked = min(run.cpu for run in trackeds)
    outcome.failed = bare.code != 0
    outcome.differs = differences(bares, tracked)
    while outcome.differs and len(bares) < _MOST_RUNS:
        # Two runs may well take the same hundredth of a second.
        bares.append(run(BARE, path))
        outcome.differs = differences(bares, tracked)
    outcome.told = tracked.told
    if outcome.failed:
        last = (bare.stderr.strip().splitlines() or [""])[-1]
        outcome.told = (f"it fails without tracking too: {last}", *outcome.told)
    return outcome


def report(outcome: Outcome) -> str:
    """A line for an example, and one for each thing to be said of it."""
    if outcome.left_out:
        return f"left out   {outcome.name}: {outcome.left_out}"
    verdict = "DIFFERENT" if outcome.differs else "same"
    times = f"{outcome.bare:6.2f} s {outcome.tracked:6.2f} s {outcome.ratio:5.2f}x"
    lines = [f"{verdict:9}  {times}  {outcome.name}"]
    lines += [f"    {difference:.300}" for difference in outcome.differs]
    lines += [f"    (told: {told:.200})" for told in outcome.told]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the examples; 1 if one is not the same, or if there is none."""
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=__doc__)
    parser.add_argument("--examples", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--only", default="*", metavar="GLOB", help="names or paths of examples")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time; times need one")
    parser.add_argument("--repeat", type=int, default=2, help="runs of each in either way")
    options = parser.parse_args(arguments)
    folder = options.examples.resolve()
    paths = list(examples(folder, options.only))
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = []
        for outcome in pool.map(lambda path: outcome_of(path, folder, options.repeat), paths):
            outcomes.append(outcome)
            print(report(outcome), flush=True)
    ran = [outcome for outcome in outcomes if not outcome.left_out]
    different = [outcome for outcome in ran if outcome.differs]
    print(
        f"gallery: {len(ran)} examples run, {len(outcomes) - len(ran)} left out, "
        f"{len(different)} different"
    )
    ratios = [outcome.ratio for outcome in ran if not outcome.failed]
    if ratios:
        median = statistics.median(ratios)
        verdict = "within" if median <= GOAL else "beyond"
        print(f"gallery: CPU {median:.3f}x in the median, {verdict} the goal of {GOAL}x")
    return 1 if different or not ran else 0


if __name__ == "__main__":
    raise SystemExit(main())
