"""Running an example as its author would, and under `autotrack run`, and what is seen of it."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: How long one run of an example may take (s).
PATIENCE = 600
BARE = [sys.executable]
TRACKED = [sys.executable, "-m", "autotrack", "run"]
# Python imports a module of this name before anything else, if there is one.
_AT_EXIT = """
import atexit, hashlib, json, os, resource, sys

def _tell():
    told = {}
    mtrand = sys.modules.get("numpy.random.mtrand")
    if mtrand is not None:
        name, state, *rest = mtrand.get_state()
        told["numpy.random"] = state.tobytes() + repr((name, rest)).encode()
    if "random" in sys.modules:
        told["random"] = repr(sys.modules["random"].getstate()).encode()
    told = {name: hashlib.sha256(state).hexdigest() for name, state in told.items()}
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(use.ru_utime + use.ru_stime for use in uses)
    with open(os.environ["GALLERY_FILE"] + f".{os.getpid()}", "w") as file:
        json.dump({"random": told, "cpu": cpu}, file)

if os.environ.get("GALLERY_FILE") and os.environ.get("GALLERY_PARENT") == str(os.getppid()):
    atexit.register(_tell)
"""
_FETCHES = re.compile(r"\bfetch_\w+|\burlretrieve\b|\burlopen\b|https?://\S+\.(?:csv|zip|gz)")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# A warning of autotrack's own, with the line of source below it.
_OUR_WARNING = re.compile(
    r"^.*: (?:Autotrack|Capture|Preprocessing|Contract|Version)Warning: .*\n(?:  .*\n)?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is to be seen of one run.

    Attributes
    ----------
    stdout, stderr : str
        What it wrote. Warnings are on standard error, with their places.
    told : tuple of str
        What autotrack had to say by warnings of its own, which are left out of `stderr`.
    code : int
        What it ended with.
    random : dict
        A digest of the state of each global random generator at its end.
    cpu : float
        The processor's time that it took, with all processes it started and waited for (s).
    """

    stdout: str
    stderr: str
    told: tuple[str, ...]
    code: int
    random: dict[str, str]
    cpu: float


def examples(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """The example scripts below `folder` whose name, or path in it, fits `pattern`."""
    for path in sorted(folder.rglob("*.py")):
        inner = path.relative_to(folder)
        if path.name != "__init__.py" and (inner.match(pattern) or path.stem == pattern):
            yield path


def reason_to_leave_out(path: Path) -> str:
    """Why an example cannot be run here; empty if it can."""
    text = path.read_text("utf-8")
    if found := _FETCHES.search(text):
        return f"it downloads ({found.group()})"
    for name in sorted(_imports(ast.parse(text))):
        if importlib.util.find_spec(name) is None and not (path.parent / f"{name}.py").exists():
            return f"there is no {name}"
    return ""


def _imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def run(command: Sequence[str], example: Path) -> Seen:
    """Run an example in an empty folder, with every warning shown once for each line."""
    with tempfile.TemporaryDirectory(prefix="gallery-") as place:
        hook, work, report = (Path(place) / name for name in ("hook", "work", "report"))
        hook.mkdir()
        work.mkdir()
        (hook / "sitecustomize.py").write_text(_AT_EXIT)
        paths = [str(hook), str(Path(__file__).resolve().parents[2])]
        environment = os.environ | {
            "GALLERY_FILE": str(report),
            "GALLERY_PARENT": str(os.getpid()),
            "MPLBACKEND": "Agg",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONWARNINGS": "default",
            "AUTOTRACK_QUIET": "1",
            "AUTOTRACK_STRICT": "0",
            "AUTOTRACK_STORE": str(Path(place) / "store"),
        }
        done = subprocess.run(
            [*command, str(example)],
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        reports = [json.loads(file.read_text()) for file in Path(place).glob("report.*")]
    (told,) = reports or [{"random": {}, "cpu": float("nan")}]
    ours = tuple(found.strip() for found in _OUR_WARNING.findall(done.stderr))
    stdout, stderr = (
        _ADDRESS.sub("0x", text.replace(place, "FOLDER"))
        for text in (done.stdout, _OUR_WARNING.sub("", done.stderr))
    )
    return Seen(stdout, stderr, ours, done.returncode, told["random"], told["cpu"])


# -- what differs ---------------------------------------------------------------------------------


def differences(bares: Sequence[Seen], tracked: Seen) -> list[str]:
    """How a tracked run differs from bare ones, as far as these are alike themselves."""
    found = []
    for name in ("stdout", "stderr"):
        lines = [getattr(seen, name).splitlines() for seen in bares]
        if difference := _difference(lines, getattr(tracked, name).splitlines()):
            found.append(f"{name}: {difference}")
    if tracked.code != bares[0].code:
        found.append(f"it ended with {tracked.code}, not {bares[0].code}")
    for name, state in bares[0].random.items():
        is_seeded = all(seen.random.get(name) == state for seen in bares)
        if is_seeded and tracked.random.get(name) != state:
            found.append(f"the state of {name}")
    return found


def _difference(bares: list[list[str]], other: list[str]) -> str:
    first = bares[0]
    if any(len(lines) != len(first) for lines in bares):
        return ""  # it says something else each time
    if len(other) != len(first):
        odd = next((line for line in other if line not in first), None)
        return f"{len(other)} lines, not {len(first)}" + (f", such as {odd!r}" if odd else "")
    for tracked, *lines in zip(other, *bares, strict=True):
        if not _is_alike(lines, tracked):
            return f"{tracked!r}, not {lines[0]!r}"
    return ""


def _is_alike(bares: list[str], tracked: str) -> bool:
    if len(set(bares)) == 1:
        return tracked == bares[0]
    *texts, text = (" ".join(_NUMBER.sub("#", line).split()) for line in (*bares, tracked))
    # Such as a time that it took; or it says something else each time.
    return len(set(texts)) > 1 or text == texts[0]
