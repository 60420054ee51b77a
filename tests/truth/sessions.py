"""Random sessions whose every score has a known owner, and what autotrack says of them."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import random
import re
import sys
import traceback
import types
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import autotrack
from tests.truth.material import HEAD, write_data, write_model
from tests.truth.pieces import PIECES
from tests.truth.writing import RESERVED, Call, Model, Script

TASKS = ("regression", "regression", "binary", "multiclass")


def compose(session: str, only: str | None = None, *, shadows: bool = False) -> Script:
    """The script of a session; the same for the same name."""
    pick = random.Random(session)
    script = Script(pick, shadows)
    pieces = [piece for piece in PIECES if only is None or only == piece.kind]
    if not pieces:
        known = ", ".join(sorted({piece.kind for piece in PIECES}))
        raise ValueError(f"there is no kind {only!r}; there are {known}")
    script.task = pick.choice(TASKS)
    fitting = [piece for piece in pieces if script.task in piece.tasks]
    if not fitting:
        script.task = pick.choice(pieces[0].tasks)
        fitting = [piece for piece in pieces if script.task in piece.tasks]
    script.add(*HEAD.splitlines(), "")
    write_data(script)
    for _ in range(pick.randint(1, 3)):
        write_model(script)
    for number in range(pick.randint(3, 7)):
        piece = pick.choice(fitting)
        script.kind = piece.kind
        script.add("", f"# {piece.kind}")
        if pick.random() < 0.25:
            script.in_run = True
            with script.block(f"with autotrack.start_run('own {number}'):"):
                script.add("pass")
                piece.write(script)
            script.in_run = False
        else:
            piece.write(script)
    return script


# -- running ---------------------------------------------------------------------------------------


@dataclass
class Untracked:
    """What the script computes while nothing is tracked."""

    scores: dict[str, list[float]] = field(default_factory=dict)
    shadows: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    #: Which blends are which model's prediction, on every row.
    equal: set[tuple[str, str]] = field(default_factory=set)


class _NoRun(contextlib.nullcontext[None]):
    pass


def _stand_in() -> types.ModuleType:
    """An autotrack that does nothing, for what a script computes without it."""
    module: Any = types.ModuleType("autotrack")
    module.enable = module.disable = lambda **_: None
    module.start_run = lambda *_, **__: _NoRun()
    return module


def _values(scores: dict[str, Any]) -> dict[str, list[float]]:
    return {
        call: [float(v) for v in value] if isinstance(value, list) else [float(value)]
        for call, value in scores.items()
    }


def run_untracked(script: Script, file: Path) -> Untracked:
    """The scores, and where asked for what they would be of another model's predictions."""
    found = Untracked()

    def shadow(call: str, owner: str, value: Any) -> None:
        values = value if isinstance(value, list) else [value]
        found.shadows.setdefault((call, owner), []).extend(map(float, values))

    def compare(call: str, owner: str, blend: Any, prediction: Any) -> None:
        one, other = np.asarray(blend), np.asarray(prediction)
        if one.shape == other.shape and one.tolist() == other.tolist():
            found.equal.add((call, owner))

    real, sys.modules["autotrack"] = sys.modules["autotrack"], _stand_in()
    try:
        namespace = _execute(script, file, shadow=shadow, compare=compare)
    finally:
        sys.modules["autotrack"] = real
    found.scores = _values(namespace["scores"])
    return found


def _execute(script: Script, file: Path, **more: object) -> dict[str, Any]:
    text = "\n".join(script.lines) + "\n"
    file.write_text(text)
    # As the script that Python runs, whose variables threads see too.
    real, main = sys.modules["__main__"], types.ModuleType("__main__")
    vars(main).update(__file__=str(file), **more)
    sys.modules["__main__"] = main
    try:
        exec(compile(text, str(file), "exec"), vars(main))
    finally:
        sys.modules["__main__"] = real
    return vars(main)


@dataclass(frozen=True)
class Recorded:
    """A run as the store has it."""

    run_id: str
    parent_id: str | None
    kind: str
    params: dict[str, Any]
    metrics: dict[str, list[float]]


def run_tracked(script: Script, file: Path, experiment: str) -> tuple[dict[str, Any], list[str]]:
    """The scores the script sees while it is tracked, and what went wrong inside autotrack."""
    autotrack.set_experiment(experiment)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            namespace = _execute(script, file)
        finally:
            while autotrack.active_run() is not None:
                autotrack.end_run()
    wrong = [str(w.message) for w in caught if issubclass(w.category, autotrack.CaptureWarning)]
    return _values(namespace["scores"]), wrong


def recorded(experiment: str) -> list[Recorded]:
    """Every run of a session, oldest first."""
    frame = autotrack.search_runs(experiment, children=True, order_by="start_time")
    found = []
    for run_id in frame["run_id"]:
        record = autotrack.get_run(run_id).record()
        histories = {
            key: autotrack.metric_history(run_id, key)["value"].tolist() for key in record.metrics
        }
        found.append(
            Recorded(run_id, record.parent_id, record.kind, dict(record.params), histories)
        )
    return found


# -- judging ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """Something that is not true."""

    what: str  # false credit, wrong key, lost, crash, changed
    kind: str
    text: str


@dataclass
class Verdict:
    """What became of a session."""

    session: str
    faults: list[Fault] = field(default_factory=list)
    #: By kind and grade: how many scores there were, and how many stand in their model's run.
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    credited: Counter[tuple[str, str]] = field(default_factory=Counter)


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def owners(runs: Sequence[Recorded], models: Sequence[Model]) -> dict[str, set[str]]:
    """Whose scores each run may hold."""
    found: dict[str, set[str]] = {}
    by_id = {run.run_id: run for run in runs}
    marks = {model.mark: model for model in models}
    fits: dict[str, list[Recorded]] = defaultdict(list)
    for run in runs:
        model = _marked(run, marks)
        if model is None:
            parent = by_id.get(run.parent_id or "")
            above = _marked(parent, marks) if parent is not None else None
            if above is not None and run.kind != "candidate":
                # A param that was changed after the fit.
                changed = {f"{above.id}@{key}={value}" for key, value in run.params.items()}
                found[run.run_id] = changed
        elif run.kind == "validation":
            found[run.run_id] = {f"{model.id}/validation"}
        else:
            fits[model.id].append(run)
    for model in models:
        of_model = fits[model.id]
        changed = _changed(of_model, model)
        of_model = [run for run in of_model if run.run_id not in changed]
        found |= changed
        for number, run in enumerate(of_model, start=1):
            versions = range(1, 20)
            if len(of_model) > 1:
                versions = range(number, number + 1)
            found[run.run_id] = {f"{model.id}#{version}" for version in versions}
    return found


def _marked(run: Recorded, marks: dict[tuple[str, object], Model]) -> Model | None:
    return next((marks[item] for item in run.params.items() if _known(item, marks)), None)


def _known(item: tuple[str, object], marks: dict[tuple[str, object], Model]) -> bool:
    return isinstance(item[1], int | float) and item in marks


def _changed(runs: Sequence[Recorded], model: Model) -> dict[str, set[str]]:
    """Children of a model's own run: one param is not what it was at the fit."""
    ids = {run.run_id: run for run in runs}
    return {
        run.run_id: {
            f"{model.id}@{key}={value}"
            for key, value in run.params.items()
            if ids[run.parent_id].params.get(key) != value
        }
        for run in runs
        if run.parent_id in ids
    }


def key_is_right(call: Call, data: str, key: str) -> bool:
    """Whether a score may stand under a key whose part before the metric's name is `data`."""
    if call.rule == "any":
        return True
    if call.rule in ("oob", "oof"):
        return data == call.rule or data.startswith(f"{call.rule}_")
    if call.rule == "member":
        return call.member in key
    if call.rule == "staged":
        data = re.sub(r"_?staged_?", "", data)
    if call.names is None:
        return data not in RESERVED and not data.startswith(("oob_", "oof_"))
    # With a short fingerprint, where two data sets are called the same.
    return any(re.fullmatch(rf"{re.escape(n)}([_-][0-9a-f]{{4,16}})?", data) for n in call.names)


def split(key: str, metrics: Sequence[str]) -> tuple[str, str] | None:
    """What a key says of the data, and the name of the metric (the longest that it ends with)."""
    for metric in metrics:
        if key.endswith(f"_{metric}"):
            return key[: -len(metric) - 1], metric
    return None


_METRIC_IN_KEY = re.compile(r"score|error|loss|corrcoef|accuracy|deviance")


class Judge:
    """Holds what was recorded of a session against what is true of it."""

    def __init__(self, script: Script, values: dict[str, list[float]], session: str) -> None:
        self._script = script
        self._values = values
        self._verdict = Verdict(session)
        # Blends that are a prediction, and whose number was met.
        self._excused: set[tuple[str, str]] = set()
        self._metrics = sorted({call.metric for call in script.calls}, key=len, reverse=True)

    def judge(self, runs: Sequence[Recorded], looked: Untracked | None) -> Verdict | None:
        """The verdict; without a second look None if that is needed for it."""
        whose = owners(runs, self._script.models + self._script.gone)
        numbers = [
            (run.run_id, key, step, value)
            for run in runs
            if run.run_id in whose
            for key, history in run.metrics.items()
            if not key.startswith("unlinked_")
            for step, value in enumerate(history)
        ]
        taken: set[tuple[str, str, int]] = set()
        for call in sorted(self._script.calls, key=self._room):
            self._look_for(call, numbers, whose, taken)
        for run_id, key, step, value in numbers:
            if (run_id, key, step) not in taken:
                fault = self._explain(whose[run_id], key, value, looked)
                if fault is not None:
                    if looked is None:
                        return None
                    self._verdict.faults.append(fault)
        self._told_apart(numbers, whose)
        return self._verdict

    @staticmethod
    def _room(call: Call) -> tuple[bool, bool, int]:
        """What must be there chooses first, and of that what has least choice of keys."""
        return call.grade != "must", call.names is None, len(call.names or ())

    def _look_for(self, call, numbers, whose, taken) -> None:
        if call.grade == "never":
            self._verdict.calls[call.kind, "never"] += 1
            return
        place = (call.kind, call.grade)
        for value in self._values[call.id]:
            self._verdict.calls[place] += 1
            for run_id, key, step, number in numbers:
                if (
                    (run_id, key, step) not in taken
                    and call.owner in whose[run_id]
                    and same(number, value * call.sign)
                    and self._fits(call, key)
                ):
                    taken.add((run_id, key, step))
                    self._verdict.credited[place] += 1
                    break
            else:
                if call.grade == "must":
                    text = f"{call.id}: {call.metric} = {value!r} of {call.owner} is not in its run"
                    self._verdict.faults.append(Fault("lost", call.kind, text))

    def _fits(self, call: Call, key: str) -> bool:
        parts = split(key, self._metrics)
        if parts is None or parts[1] != call.metric:
            return call.rule == "member" and call.member in key
        if call.grade != "must" and "_or_" in parts[0]:
            # One of several equal predictions: which of them is not seen, and is not claimed.
            return any(key_is_right(call, name, key) for name in parts[0].split("_or_"))
        return key_is_right(call, parts[0], key)

    def _explain(self, owners_of_run, key, value, looked) -> Fault | None:
        """What is wrong with a number that no score was matched with."""
        equal = [
            call
            for call in self._script.calls
            if any(same(value, v * call.sign) for v in self._values[call.id])
        ]
        own = [call for call in equal if call.owner in owners_of_run]
        parts = split(key, self._metrics)
        blends = [call for call in equal if call.strict and parts and parts[1] == call.metric]
        for call in blends if looked else ():
            own_blends = {(call.id, owner) for owner in owners_of_run} & looked.equal
            if own_blends - self._excused and self._fits(call, key):
                self._excused |= own_blends
                return None  # that model's own prediction on every row, credited or not
        if blends:
            # All that the model's own predictions give has been matched already.
            text = f"{blends[0].id}: {key} = {value!r}; it is of several models' predictions"
            return Fault("false credit", blends[0].kind, text)
        if any(self._fits(call, key) for call in own):
            return None  # recorded more often than asked for, but true
        for call in self._script.calls if looked else ():
            for owner in owners_of_run:
                would = looked.shadows.get((call.id, owner), ())
                if any(same(value, v * call.sign) for v in would) and self._fits(call, key):
                    return None  # by chance, its own prediction gives the same
        others = [call for call in equal if call.owner not in owners_of_run]
        where = f"{key} = {value!r} in the run of {', '.join(sorted(owners_of_run)[:1])}"
        if own:
            text = f"{own[0].id}: {where}; expected {_wanted(own[0])}"
            return Fault("wrong key", own[0].kind, text)
        others.sort(key=lambda call: split(key, self._metrics) is None or call.grade != "never")
        if others:
            text = f"{others[0].id}: {where}; it is {others[0].owner or 'of no model'}"
            return Fault("false credit", others[0].kind, text)
        return Fault("false credit", "a number from nowhere", where)

    def _is_value(self, call, value) -> bool:
        return any(same(value, v * call.sign) for v in self._values[call.id])

    def _told_apart(self, numbers, whose) -> None:
        """Data sets scored by one line have keys of their own."""
        groups = defaultdict(list)
        for call in self._script.calls:
            if call.rule == "data" and call.grade != "never" and call.apart:
                groups[call.owner, call.metric, call.apart].append(call)
        for (owner, metric, _), calls in groups.items():
            keys: dict[str, set[str]] = defaultdict(set)
            for run_id, key, _, value in numbers:
                parts = split(key, self._metrics)
                if owner in whose[run_id] and parts is not None and parts[1] == metric:
                    others = [c for c in self._script.calls if c not in calls]
                    if any(self._is_value(c, value) and self._fits(c, key) for c in others):
                        continue  # another score, which is the same by chance
                    sets = {call.data_set for call in calls if self._is_value(call, value)}
                    if len(sets) == 1:
                        keys[key] |= sets
            for key, sets in keys.items():
                if len(sets) > 1:
                    text = f"{key} holds scores of {' and '.join(sorted(sets))}"
                    self._verdict.faults.append(Fault("wrong key", calls[0].kind, text))


def _wanted(call: Call) -> str:
    if call.rule == "data":
        names = "any other name" if call.names is None else " or ".join(sorted(call.names))
    else:
        names = f"{call.rule} {call.member}".strip()
    return f"{names} + {call.metric}"


# -- all of it -------------------------------------------------------------------------------------


def run_sessions(sessions: Sequence[str], folder: Path, only: str | None = None) -> list[Verdict]:
    """Run sessions in this process, in a store of their own: first untracked, then tracked."""
    return list(_run_sessions(sessions, folder, only))


def _run_sessions(sessions: Sequence[str], folder: Path, only: str | None) -> Iterator[Verdict]:
    folder.mkdir(parents=True, exist_ok=True)
    scripts, plain = {}, {}
    for session in sessions:
        scripts[session] = compose(session, only)
        try:
            plain[session] = run_untracked(scripts[session], _file(folder, session))
        except Exception as error:
            raise RuntimeError(f"session {session} is no valid script") from error
    suspects = {}
    os.environ["AUTOTRACK_STORE"] = str(folder / "store")
    autotrack.enable(log_models=False, progress=False)
    for session in sessions:
        script, known = scripts[session], plain[session].scores
        experiment = session.replace("/", "-")
        try:
            seen, wrong = run_tracked(script, _file(folder, session), experiment)
        except Exception as error:
            verdict = Verdict(session)
            last = traceback.format_exc().strip().splitlines()[-1]
            verdict.faults.append(Fault("crash", "crash", f"{type(error).__name__}: {last}"))
            yield verdict
            continue
        finally:
            gc.collect(0)
        extra = [Fault("crash", "crash", text) for text in wrong]
        if {k: list(map(repr, v)) for k, v in seen.items()} != {
            k: list(map(repr, v)) for k, v in known.items()
        }:
            extra.append(Fault("changed", "crash", "the script computes other scores when tracked"))
        runs = recorded(experiment)
        verdict = Judge(script, known, session).judge(runs, None)
        if verdict is None:
            suspects[session] = (runs, extra)
        else:
            verdict.faults += extra
            yield verdict
    autotrack.disable()
    for session, (runs, extra) in suspects.items():
        script = compose(session, only, shadows=True)
        found = run_untracked(script, folder / "with-shadows.py")
        verdict = Judge(script, found.scores, session).judge(runs, found)
        verdict.faults += extra
        yield verdict


def _file(folder: Path, session: str) -> Path:
    return folder / f"{session.replace('/', '-')}.py"


def text_of(session: str, only: str | None = None) -> str:
    """A session as a script that can be run by hand; it ends with a look at what was recorded."""
    script = compose(session, only)
    truth = [
        f"# {call.id}: {call.kind}; {call.grade}"
        + (f" of {call.owner}, expected {_wanted(call)}" if call.owner else "")
        for call in script.calls
    ]
    look = [
        "",
        "print(scores)",
        "for run_id in autotrack.search_runs(children=True, order_by='start_time')['run_id']:",
        "    run = autotrack.get_run(run_id)",
        "    print(run.name, run.kind, dict(run.params))",
        "    for key in run.metrics:",
        "        print('   ', key, autotrack.metric_history(run_id, key)['value'].tolist())",
    ]
    return "\n".join([f"# session {session}", *script.lines, *look, "", *truth, ""])
