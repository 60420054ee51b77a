"""Crates mutated at random, and loaded: python -m tests.crates.fuzz --count 100000 [--seed 0]

Each either loads or is refused with an error of ours. Anything else is a finding: another
exception, a crash, a hang, memory without bounds, or anything executed. The manifest's digests are
those of the mutated file, so that it is the looking that is tried, and not the digests.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import itertools
import json
import os
import pickletools
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.crates.tricks import GADGETS, PROTO, SNIPPETS, TRICKS, text

SECONDS = 20
MEMORY = 6 << 30
_SIZES = [0, 1, 127, 255, 256, 65535, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1]
_OPCODES = bytes(sorted(ord(op.code) for op in pickletools.opcodes))
_EXECUTES = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "os.startfile",
             "subprocess.Popen", "socket.connect", "socket.bind", "shutil.", "os.remove",
             "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate",
             "os.chmod", "os.putenv", "ctypes.dlopen", "webbrowser.", "urllib.", "glob.glob",
             "pty.spawn", "code.__new__", "builtins.input", "ftplib.", "sqlite3.")  # fmt: skip

_PACKAGES = {"sklearn", "numpy", "scipy", "pandas", "joblib", "imblearn", "xgboost", "lightgbm",
             "catboost", "cloudpickle", "autotrack"}  # fmt: skip


@dataclass
class Crates:
    """The crates that are mutated: each pickle, without its frames, and its manifest."""

    pickles: list[bytes]
    manifests: list[str]
    boundaries: list[list[int]]


def models() -> list[object]:
    """Small models of many kinds, the same in every process."""
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC

    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 2
    frame = pd.DataFrame({"size": X[:, 0], "kind": pd.Series(["a", "b"] * 15, dtype=object)})
    columns = make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["kind"]))
    return [
        Ridge().fit(X, y),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y),
        RandomForestClassifier(3, max_depth=2, random_state=0).fit(X, y),
        make_pipeline(columns, LogisticRegression()).fit(frame, y),
        HistGradientBoostingRegressor(max_iter=2, random_state=0).fit(X, y),
        KNeighborsClassifier(algorithm="kd_tree").fit(X, y),
        GaussianProcessRegressor(random_state=0).fit(X, y),
        GridSearchCV(SVC(), {"C": [1, 2]}, cv=2, scoring="accuracy").fit(X, y),
    ]


def _double(X):
    return helper(X) * 2  # noqa: F821 - what the crate is given


def _helper(X):
    return X


def crates() -> Crates:
    """Pack all of them, and a function."""
    from autotrack.crates.isolation import isolate
    from autotrack.crates.pack import pack

    made = Crates([], [], [])
    for model in [*models(), isolate(_double, {"helper": _helper})]:
        with tempfile.TemporaryDirectory() as name:
            pack(model, Path(name))
            content = unframed((Path(name) / "model.pkl").read_bytes())
            made.pickles.append(content)
            made.manifests.append((Path(name) / "manifest.json").read_text())
            made.boundaries.append(boundaries(content))
    return made


def boundaries(content: bytes) -> list[int]:
    """Where opcodes begin, in pickles one after the other."""
    found, start = [], 0
    while start < len(content):
        part = [position for _, _, position in pickletools.genops(content[start:])]
        found += [start + position for position in part]
        start += part[-1] + 1
    return found


def unframed(content: bytes) -> bytes:
    """The pickles without the opcodes that say how much to read at once."""
    starts = [*boundaries(content), len(content)]
    parts = [content[a:b] for a, b in itertools.pairwise(starts)]
    return b"".join(part for part in parts if part[:1] != b"\x95")


def mutated(crates: Crates, seed: int, number: int) -> tuple[int, bytes]:
    """The `number`th mutation: which crate it is of, and its pickle."""
    rng = random.Random(f"{seed}:{number}")
    which = rng.randrange(len(crates.pickles))
    if number < len(TRICKS):
        return 0, PROTO + list(TRICKS.values())[number] + b"."
    content = crates.pickles[which]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        starts = crates.boundaries[which] if content is crates.pickles[which] else None
        content = rng.choice(MUTATIONS)(rng, content, starts, crates)
    return which, content


def _somewhere(rng, content, starts):
    return rng.choice(starts) if starts else rng.randrange(len(content) + 1)


def _flip(rng, content, starts, crates):
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _exchange(rng, content, starts, crates):
    at = _somewhere(rng, content, starts)
    return content[:at] + bytes([rng.choice(_OPCODES)]) + content[at + 1 :]


def _insert(rng, content, starts, crates):
    at = _somewhere(rng, content, starts)
    new = bytes(rng.choice(_OPCODES) for _ in range(rng.choice((1, 2, 4))))
    return content[:at] + new + content[at:]


def _remove(rng, content, starts, crates):
    at = _somewhere(rng, content, starts)
    end = _somewhere(rng, content, starts) if rng.random() < 0.2 else at + rng.randrange(1, 9)
    return content[: min(at, end)] + content[max(at, end) :]


def _repeat(rng, content, starts, crates):
    a, b = sorted((_somewhere(rng, content, starts), _somewhere(rng, content, starts)))
    return content[:b] + content[a:b][:400] + content[b:]


def _splice(rng, content, starts, crates):
    other = rng.randrange(len(crates.pickles))
    at, of = _somewhere(rng, content, starts), rng.choice(crates.boundaries[other])
    piece = crates.pickles[other][of : of + rng.choice((20, 200, 2000))]
    return content[:at] + piece + (content[at:] if rng.random() < 0.5 else b"")


def _snippet(rng, content, starts, crates):
    at = _somewhere(rng, content, starts)
    return content[:at] + rng.choice(SNIPPETS) + rng.choice((b"", b"0")) + content[at:]


def _rename(rng, content, starts, crates):
    """Exchange a module and a name, or one of them."""
    found = [at for at in starts or [] if content[at] == 0x93]
    if not found:
        return _flip(rng, content, starts, crates)
    at = rng.choice(found)
    module, name = rng.choice(GADGETS)
    new = text(module) + text(name) + b"\x93"
    return content[:at] + b"\x93" + b"0" + new + content[at + 1 :]


def _number(rng, content, starts, crates):
    """Exchange a number, or a length, for an odd one."""
    found = [at for at in starts or [] if content[at] in b"KMJBX\x8c\x8d\x8e\x96CGhj\x8a"]
    if not found:
        return _flip(rng, content, starts, crates)
    at = rng.choice(found)
    if content[at] in b"KMJ":
        width = {0x4B: 1, 0x4D: 2, 0x4A: 4}[content[at]]
        new = rng.choice(
            (
                b"J\xff\xff\xff\xff",
                b"K\x00",
                b"K\xff",
                b"J\xff\xff\xff\x7f",
                b"N",
                b"\x88",
                b"G" + rng.randbytes(8),
                b"\x8a\x08" + rng.randbytes(8),
            )
        )
        return content[:at] + new + content[at + 1 + width :]
    size = rng.choice(_SIZES).to_bytes(8, "little")
    width = {0x42: 4, 0x58: 4, 0x8D: 8, 0x8E: 8, 0x96: 8, 0x6A: 4, 0x47: 8}.get(content[at], 1)
    return content[: at + 1] + size[:width] + content[at + 1 + width :]


def _cut(rng, content, starts, crates):
    return content[: _somewhere(rng, content, starts)] + rng.choice((b"", b".", b".."))


def _swap(rng, content, starts, crates):
    """Exchange two neighbouring pieces."""
    a, b, c = sorted(_somewhere(rng, content, starts) for _ in range(3))
    return content[:a] + content[b:c] + content[a:b] + content[c:]


MUTATIONS = [_flip, _flip, _exchange, _exchange, _insert, _remove, _repeat, _splice, _snippet,
             _snippet, _rename, _rename, _number, _number, _number, _cut, _swap]  # fmt: skip


class Canary:
    """Hears what the interpreter is about to do, while a crate is loaded."""

    def __init__(self) -> None:
        self.watches = False
        self.heard: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple) -> None:
        if not self.watches or event == "sys._getframe":
            return
        if event == "open":
            path, mode, flags = args
            writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
                isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            )
            if writes and "__pycache__" not in str(path):
                self._note(f"open {path!r} {mode!r}")
        elif event == "exec":
            file = getattr(args[0], "co_filename", "?")
            if not file.startswith(("/", "<frozen", "<__array_function__")):
                self._note(f"exec of {file}")
        elif event == "compile" and args[0] is not None and not str(args[1]).startswith("/"):
            self._note(f"compile {args[1]}")
        elif event.startswith(_EXECUTES):
            self._note(f"{event} {args!r:.80}")

    def _note(self, what: str) -> None:
        if not _is_importing():
            self.heard.append(what)


def _is_importing() -> bool:
    """Whether a module is being imported: those of the trusted packages may do what they do."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            top = str(frame.f_locals.get("name", "")).partition(".")[0]
            if top in _PACKAGES:
                return True
        frame = frame.f_back
    return False


def outcome(folder: Path, manifest: str, content: bytes, canary: Canary) -> str:
    """Load a mutation; what became of it, with `!` in front if that should not be."""
    from autotrack.crates.load import load
    from autotrack.errors import AutotrackError

    parsed = json.loads(manifest)
    digest = hashlib.sha256(content).hexdigest()
    parsed["files"] = [{"path": "model.pkl", "size": len(content), "sha256": digest}]
    (folder / "manifest.json").write_text(json.dumps(parsed))
    (folder / "model.pkl").write_bytes(content)
    canary.heard.clear()
    started = time.monotonic()
    canary.watches = True
    try:
        load(folder)
        became = "loaded"
    except AutotrackError as error:
        became = type(error).__name__
    except BaseException as error:
        became = f"!{type(error).__name__}: {error!s:.300}"
    finally:
        canary.watches = False
    if canary.heard:
        became = f"!executed: {canary.heard[:3]}"
    elif time.monotonic() - started > SECONDS / 4:
        became = f"!slow: {time.monotonic() - started:.1f} s"
    return became


def child(seed: int, first: int, end: int, report) -> None:
    """Try mutations, telling of each before and after."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    given = crates()
    canary = Canary()
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        for number in range(first, end):
            report.write(f"{number}\n")
            report.flush()
            which, content = mutated(given, seed, number)
            became = outcome(folder, given.manifests[which], content, canary)
            report.write(f"={became!r}\n")
            if number % 500 == 0:
                gc.collect()
        report.write("end\n")
        report.flush()


def fuzz(count: int, seed: int = 0, first: int = 0) -> tuple[Counter[str], dict[int, str]]:
    """Try `count` mutations in child processes; the outcomes, and the wrong ones by number."""
    outcomes: Counter[str] = Counter()
    wrong: dict[int, str] = {}
    number, end = first, first + count
    while number < end:
        number, finding = _watch(seed, number, end, outcomes, wrong)
        if finding:
            wrong[number] = finding
            outcomes["!" + finding.partition(" ")[0]] += 1
            number += 1
    return outcomes, wrong


def _watch(seed, first, end, outcomes, wrong) -> tuple[int, str]:
    """Follow a child until it ends: at which number, and what was wrong with it."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", __spec__.name if __spec__ else "tests.crates.fuzz", "--child",
             f"--seed={seed}", f"--first={first}", f"--end={end}"],
            stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
        number, heard, ended = first, [time.monotonic()], False
        dog = _Dog(process, heard)
        dog.start()
        assert process.stdout is not None
        for line in process.stdout:
            heard[0] = time.monotonic()
            if line == "end\n":
                ended = True
            elif line.startswith("="):
                became = line[1:].strip().strip("'\"")
                outcomes[became if became[0] != "!" else became.partition(":")[0]] += 1
                if became[0] == "!":
                    wrong[number] = became[1:]
            else:
                number = int(line)
        code = process.wait()
        dog.done = True
        if ended:
            return end, ""
        errors.seek(0)
        what = "hang" if dog.bit else f"crash {code}"
        return number, f"{what} {errors.read()[-600:]}"


class _Dog:
    """Ends a child that says nothing for long."""

    def __init__(self, process: subprocess.Popen, heard: list[float]) -> None:
        import threading

        self.process, self.heard, self.bit, self.done = process, heard, False, False
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def _watch(self) -> None:
        while not self.done and self.process.poll() is None:
            # A process has to import and to train before it says anything.
            if time.monotonic() - self.heard[0] > 3 * SECONDS:
                self.bit = True
                self.process.kill()
            time.sleep(0.5)


def main() -> None:
    """Fuzz, and keep what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--end", type=int)
    parser.add_argument("--child", action="store_true")
    parser.add_argument("--save", type=Path, help="a folder for the pickles that went wrong")
    asked = parser.parse_args()
    if asked.child:
        child(asked.seed, asked.first, asked.end, sys.stdout)
        return
    outcomes, wrong = fuzz(asked.count, asked.seed, asked.first)
    for what, times in outcomes.most_common():
        print(f"{times:>8,}  {what}")
    given = crates() if wrong and asked.save else None
    for number, what in sorted(wrong.items())[:50]:
        print(f"{number}: {what}")
        if given is not None:
            asked.save.mkdir(exist_ok=True)
            (asked.save / f"{asked.seed}-{number}.pkl").write_bytes(
                mutated(given, asked.seed, number)[1]
            )
    print(f"{sum(outcomes.values()):,} pickles, {len(wrong)} wrong outcomes")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
