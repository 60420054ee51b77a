"""Folders mutated at random, and opened: python -m tests.crates.fuzz --count 100000 [--seed 0]

Without anybody's word, each is refused with an error of ours, or is a model that skops stored and
trusts. Anything else is a finding: another exception, a crash, a hang, memory beyond 64 MB and the
size of the folder, or anything executed, imported, written, or read outside of the folder. The
manifest's digests are mostly those of the mutated files, so that it is not they that are tried.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import io
import json
import pickletools
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crates import hostile
from tests.crates.watch import Canary, watched

SECONDS = 20
MEMORY = 64.0
_LIMIT = 8 << 30
_OPCODES = bytes(sorted(ord(op.code) for op in pickletools.opcodes))
_LOADERS = ("ListNode", "DictNode", "ObjectNode", "JsonNode", "NdArrayNode", "TypeNode", "SetNode",
            "TupleNode", "FunctionNode", "CachedNode", "PartialNode", "MethodNode", "SliceNode",
            "ConstructorFromReduceNode", "OperatorFuncNode", "BytesNode", "BytearrayNode",
            "SparseMatrixNode", "MaskedArrayNode", "RandomStateNode", "RandomGeneratorNode",
            "TreeNode", "LossNode", "DTypeNode", "DefaultDictNode", "NoNode")  # fmt: skip
_NAMES = ("os.system", "builtins.eval", "builtins.list", "builtins.dict", "numpy.ndarray",
          "numpy.void", "numpy.float64", "numpy.add", "sklearn.linear_model._ridge.Ridge",
          "this.that",
          "subprocess.Popen", "sklearn.datasets._base.load_files", "operator.methodcaller",
          "functools.partial", "builtins.str", "posixpath.join", "antigravity.fly")  # fmt: skip


@dataclass
class Crates:
    """The honest crates that are mutated: the files of each by name."""

    folders: list[dict[str, bytes]]


def crates() -> Crates:
    """Pack some models and a function, in both ways, the same in every process."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import autotrack

    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(30, 3)), np.arange(30) % 2
    models = [
        Ridge().fit(X, y),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y),
        GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2).fit(X, y),
    ]
    made = []
    with tempfile.TemporaryDirectory() as name:
        for number, model in enumerate([*models, lambda x: x + 1]):
            crate = autotrack.crate(model)
            for storage in ("pickle", "skops")[: 1 + (model in models)]:
                folder = crate.save(Path(name) / f"{number}-{storage}", format=storage)
                made.append(
                    {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
                )
    # What this process packed, it would open.
    from autotrack.crates.trust.trust import packed_here

    packed_here.clear()
    return Crates(made)


def mutated(crates: Crates, seed: int, number: int, place: Path) -> None:
    """Make the `number`th folder, at `place`."""
    rng = random.Random(f"{seed}:{number}")
    files = dict(rng.choice(crates.folders))
    manifest = json.loads(files["manifest.json"])
    model = "model.skops" if "model.skops" in files else "model.pkl"
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.random()
        if kind < 0.5:
            change = _skops if model == "model.skops" else _pickle
            files[model] = change(rng, files[model])
        elif kind < 0.85:
            manifest = _json(rng, manifest)
    manifest = _matched(manifest, model, files[model], rng)
    text = json.dumps(manifest).encode()
    files["manifest.json"] = _bytes(rng, text) if rng.random() < 0.1 else text
    for name, content in files.items():
        (place / name).write_bytes(content)
    if rng.random() < 0.05:
        hostile.put(rng.choice(list(hostile.SPECIAL)), place, rng.choice(list(files)))


def _matched(manifest: Any, model: str, content: bytes, rng: random.Random) -> Any:
    """Digest and size of the model are mostly true."""
    if not isinstance(manifest, dict) or rng.random() < 0.05:
        return manifest
    digest = hashlib.sha256(content).hexdigest()
    true = {"path": model, "size": len(content), "sha256": digest}
    files = manifest.get("files")
    if not isinstance(files, list) or rng.random() < 0.05:
        return manifest
    rest = [each for each in files if not (isinstance(each, dict) and each.get("path") == model)]
    return {**manifest, "files": [true, *rest]}


def _bytes(rng: random.Random, content: bytes) -> bytes:
    if not content:
        return rng.randbytes(9)
    kind, at = rng.randrange(4), rng.randrange(len(content))
    if kind == 0:
        return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
    if kind == 1:
        return content[:at]
    if kind == 2:
        return content[:at] + rng.randbytes(rng.choice((1, 4, 300))) + content[at:]
    end = rng.randrange(len(content))
    return (
        content[:at] + content[min(at, end) : max(at, end)] * rng.choice((0, 2, 50)) + content[at:]
    )


def _pickle(rng: random.Random, content: bytes) -> bytes:
    kind, at = rng.random(), rng.randrange(len(content) + 1)
    if kind < 0.1:
        return rng.choice(list(hostile.PICKLES.values()))
    if kind < 0.2:
        return hostile.trap(Path("sprung"))
    if kind < 0.6:
        new = bytes(rng.choice(_OPCODES) for _ in range(rng.choice((1, 2, 8))))
        return content[:at] + new + content[at + rng.choice((0, 1)) :]
    return _bytes(rng, content)


def _json(rng: random.Random, value: Any) -> Any:
    """The value with something in it exchanged."""
    places: list[tuple[Any, Any]] = []
    value = json.loads(json.dumps(value))
    waiting = [value]
    while waiting:
        held = waiting.pop()
        keys = (
            held.keys()
            if isinstance(held, dict)
            else range(len(held))
            if isinstance(held, list)
            else ()
        )
        for key in keys:
            places.append((held, key))
            waiting.append(held[key])
    if not places:
        return rng.choice(hostile.ODD)
    # What lies further out counts as much as what is inside.
    held, key = rng.choice(places if rng.random() < 0.5 else places[:40])
    kind = rng.random()
    if kind < 0.5:
        held[key] = rng.choice(hostile.ODD)
    elif kind < 0.7:
        held[key] = rng.choice(places)[0]
        with contextlib.suppress(ValueError):
            return json.loads(json.dumps(value))
        held[key] = None
    elif kind < 0.85 and isinstance(held, dict):
        del held[key]
    elif isinstance(held, list):
        held[key:key] = [held[key]] * rng.choice((1, 3, 200))
    else:
        held[rng.choice(("__id__", "x", "__proto__", "__class__"))] = rng.choice(hostile.ODD)
    return value


def _skops(rng: random.Random, content: bytes) -> bytes:
    kind = rng.random()
    if kind < 0.04:
        return rng.choice(list(_bombs()))
    if kind < 0.2:
        return _bytes(rng, content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        schema = json.loads(files["schema.json"])
    except Exception:
        return _bytes(rng, content)
    if kind < 0.35:
        name = rng.choice(list(files))
        files[name] = _bytes(rng, files[name])
    else:
        schema = _json(rng, schema) if kind < 0.6 else _node(rng, schema)
        try:
            files["schema.json"] = json.dumps(schema).encode()
        except RecursionError:  # it was put into itself too often for Python to write it
            files["schema.json"] = b'{"content": ' * 2000 + b"{}" + b"}" * 2000
    stream = io.BytesIO()
    packed = zipfile.ZIP_DEFLATED if rng.random() < 0.02 else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", packed) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _node(rng: random.Random, schema: Any) -> Any:
    """The schema with a node of another kind, another name, or one of another place."""
    found, waiting = [], [schema]
    while waiting:
        held = waiting.pop()
        if isinstance(held, dict):
            found += [held] if "__loader__" in held else []
            waiting += held.values()
        elif isinstance(held, list):
            waiting += held
    if not found:
        return schema
    node, kind = rng.choice(found), rng.random()
    if kind < 0.35:
        node["__loader__"] = rng.choice(_LOADERS)
    elif kind < 0.7:
        node["__module__"], _, node["__class__"] = rng.choice(_NAMES).rpartition(".")
    elif kind < 0.85:
        node["__id__"] = rng.choice(found).get("__id__")
    else:
        other = json.loads(json.dumps(rng.choice(found)))
        node.clear()
        node.update(other)
    return schema


_made: list[bytes] = []


def _bombs() -> list[bytes]:
    if not _made:
        _made.extend(make() for make in hostile.BOMBS.values())
    return _made


def child(seed: int, first: int, end: int, report: Any) -> None:
    """Try mutations, telling of each before and after."""
    import pandas  # noqa: F401 - what is imported anyway is no crate's doing
    import skops.io  # noqa: F401

    import autotrack
    from autotrack.crates.load import look

    resource.setrlimit(resource.RLIMIT_AS, (_LIMIT, _LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    given = crates()
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        place = Path(name) / "tried"
        canary = Canary(place)
        for number in range(first, end):
            report.write(f"{number}\n")
            report.flush()
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            mutated(given, seed, number, place)
            became = _outcome(canary, place, lambda: autotrack.load_model(place))
            if became == "opened" and not _is_skops(place):
                became = "!opened a pickle"
            if number % 10 == 0:
                looked = _outcome(canary, place, lambda: look(place))
                became = looked if looked.startswith("!") else became
            if (Path(name) / "sprung").exists():
                became = "!executed"
            report.write(f"={became!r}\n")
            if number % 500 == 0:
                gc.collect()
        report.write("end\n")
        report.flush()


def _outcome(canary: Canary, place: Path, action: Any) -> str:
    """What became of a folder, with `!` in front if that should not be."""
    size = sum(path.lstat().st_blocks * 512 for path in place.iterdir()) / 1e6
    found = watched(canary, action)
    became = str(found["became"])
    if became.startswith("!"):
        return f"{became}: {found['message']!s:.300}"
    if found["heard"]:
        return f"!heard: {found['heard'][:3]}"
    if found["grown"] > MEMORY + size:
        return f"!memory: {found['grown']:.0f} MB"
    if found["seconds"] > SECONDS / 4:
        return f"!slow: {found['seconds']:.1f} s"
    return became


def _is_skops(place: Path) -> bool:
    manifest = json.loads((place / "manifest.json").read_bytes())
    return bool(manifest.get("storage") == "skops")


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


def _watch(
    seed: int, first: int, end: int, outcomes: Counter[str], wrong: dict[int, str]
) -> tuple[int, str]:
    """Follow a child until it ends: at which number, and what was wrong with it."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crates.fuzz", "--child",
             f"--seed={seed}", f"--first={first}", f"--end={end}"],
            stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
        number, ended, dog = first, False, _Dog(process)
        dog.start()
        assert process.stdout is not None
        for line in process.stdout:
            dog.heard = time.monotonic()
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
        if ended:
            return end, ""
        errors.seek(0)
        what = "hang" if dog.bit else f"crash {code}"
        return number, f"{what} {errors.read()[-600:]}"


class _Dog(threading.Thread):
    """Ends a child that says nothing for long."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self.process, self.heard, self.bit = process, time.monotonic(), False

    def run(self) -> None:
        """Watch it until it ends."""
        while self.process.poll() is None:
            # A process has to import and to train before it says anything.
            if time.monotonic() - self.heard > 3 * SECONDS:
                self.bit = True
                self.process.kill()
            time.sleep(0.5)


def main() -> None:
    """Fuzz, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--end", type=int)
    parser.add_argument("--child", action="store_true")
    asked = parser.parse_args()
    if asked.child:
        child(asked.seed, asked.first, asked.end, sys.stdout)
        return
    outcomes, wrong = fuzz(asked.count, asked.seed, asked.first)
    for what, times in outcomes.most_common():
        print(f"{times:>8,}  {what}")
    for number, what in sorted(wrong.items())[:50]:
        print(f"{number}: {what}")
    print(f"{sum(outcomes.values()):,} folders, {len(wrong)} wrong outcomes")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
