"""`autotrack replay`: a run made once more."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import click

from autotrack.cli.explaining.asked import asked_run
from autotrack.cli.group import existing_store, main, store_option
from autotrack.cli.options.arguments import run_argument
from autotrack.cli.printing import json_option, say, say_json
from autotrack.cli.trust import trust_option
from autotrack.crates.trust.trust import Word
from autotrack.errors import ArtifactNotFoundError, InvalidValueError


@main.command()
@run_argument("run")
@click.option("--script", is_flag=True, help="Run the script of the run once more.")
@click.option(
    "--data",
    metavar="FILE",
    help="The training data: .csv, .parquet, .npz with X and y, or FILE.py:FUNCTION that returns "
    "X and y.",
)
@click.option("--target", metavar="COLUMN", help="The column of a .csv or .parquet that is y.")
@click.option("--env", is_flag=True, help="In a new environment with what was recorded.")
@trust_option
@json_option
@store_option
@click.pass_context
def replay(
    context: click.Context,
    run: str,
    script: bool,
    data: str | None,
    target: str | None,
    env: bool,
    trust: Word,
    as_json: bool,
) -> None:
    """Fit the model of RUN once more, and say whether it is the same.

    RUN is given as to `show`. With --data its model is fitted again, from its crate, to the data
    that it was trained on; other data is refused. With --script its script runs again, into a store
    that is thrown away. Ends with 1 if something else came of it.

    \b
    Example:
      autotrack replay last --data train.csv --target rating
    """
    store = existing_store()
    record = asked_run(store, run)
    if script == (data is not None):
        raise click.UsageError(
            "values of data are not recorded: give --data with what it was trained on, or --script "
            "to run the script again"
        )
    if script:
        from autotrack.analysis.explaining.script import replay_script

        found = replay_script(store, record, trusted=bool(trust), env=env)
    else:
        from autotrack.analysis.explaining.replaying import replay_fit

        assert data is not None
        X, y = _read(data, target)
        found = replay_fit(store, record, X, y, {}, trust=trust, env=env)
    if as_json:
        say_json({"same": bool(found), "report": str(found)})
    else:
        say(str(found))
    context.exit(0 if found else 1)


def _read(data: str, target: str | None) -> tuple[Any, Any]:
    file, _, function = data.partition(".py:")
    if function:
        made = runpy.run_path(f"{file}.py")
        if function not in made:
            raise InvalidValueError(f"{file}.py has no function {function}")
        X, y = made[function]()
        return X, y
    path = Path(data)
    if not path.is_file():
        raise ArtifactNotFoundError(f"there is no file {data}")
    if path.suffix == ".npz":
        import numpy as np

        with np.load(path, allow_pickle=False) as held:
            return held["X"], held.get("y")
    if path.suffix not in (".csv", ".parquet"):
        raise InvalidValueError(f"{data} is no .csv, .parquet, .npz or FILE.py:FUNCTION")
    import pandas as pd

    if path.suffix == ".csv":
        # Numbers to the last bit, as they were written: other data is refused. Newer versions of
        # pandas read them so by themselves, and warn of the option.
        if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
            frame = pd.read_csv(path, float_precision="round_trip")
        else:
            frame = pd.read_csv(path)
    else:
        frame = pd.read_parquet(path)
    if target is None:
        return frame, None
    if target not in frame:
        raise InvalidValueError(f"{data} has no column {target!r}; it has {list(frame)}")
    return frame.drop(columns=target), frame[target]
