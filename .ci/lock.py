"""Compile the lock files of .ci/locks: what the environments of the Makefile install.

    make lock                 # the newest versions that pyproject.toml allows
    make lock ARGS=--keep     # what is pinned stays, as far as pyproject.toml allows

Each lock holds for every supported Python and platform, with the hashes of all files, and names
no package index: an index is a matter of the machine. Its first line has a digest of what it was
compiled from, by which a test notices a lock that was forgotten.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OLDEST = ROOT / ".ci" / "oldest.txt"
FOLDER = ROOT / ".ci" / "locks"
# hatchling asks for it when a checkout is installed to be edited.
EDITABLE = "editables>=0.5"
# Versions that are the last with wheels for a platform.
LAST = ".ci/locks/last-wheels.txt"

# Where each package of a lock has to have a wheel: nothing is built, since what it would be built
# with is not pinned. `oldest` is for the Pythons that the oldest versions were made for.
PLATFORMS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Lock:
    """What one environment installs."""

    name: str
    extras: tuple[str, ...] = ()
    # The project is built in the environment, without isolation: what builds it is pinned too.
    builds: bool = True
    # Files whose pins it takes over, below the root.
    pins: tuple[str, ...] = ()
    pythons: tuple[str, ...] = PYTHONS

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.txt"


LOCKS = (
    Lock("dev", extras=("dev",)),
    # Those that follow have the versions of `dev`, so that a failure in one of them is not due to
    # another numpy.
    Lock("demo", extras=("ui",), pins=(".ci/locks/dev.txt",)),
    Lock("test", extras=("test",), builds=False, pins=(".ci/locks/dev.txt",)),
    Lock(
        "oldest", extras=("test",), builds=False, pins=(".ci/oldest.txt",), pythons=("3.11", "3.12")
    ),
    Lock("docs", extras=("docs",), pins=(".ci/locks/dev.txt",)),
    # On its own, because MLflow holds back pandas and pyarrow. Locked, because what a table of
    # `make bench` says is about a version of MLflow, and both sides need the same numpy.
    Lock("bench", extras=("bench",)),
)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def digest(lock: Lock) -> str:
    """Of all that the lock is compiled from; comments and versions of others are not part of it."""
    read = project()
    tables = {
        "requires-python": read["project"]["requires-python"],
        "dependencies": read["project"]["dependencies"],
        "extras": read["project"]["optional-dependencies"],
        "build": [*read["build-system"]["requires"], EDITABLE] if lock.builds else [],
        "lock": [lock.name, *lock.extras, *lock.pins],
    }
    if ".ci/oldest.txt" in lock.pins:
        lines = (line.partition("#")[0].strip() for line in OLDEST.read_text().splitlines())
        tables["oldest"] = sorted(filter(None, lines))
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def head(lock: Lock) -> str:
    """The first lines of an up-to-date lock."""
    return f"# inputs: sha256:{digest(lock)}\n# Made by `make lock`; not edited by hand.\n"


def compile_with(uv: str, lock: Lock, *, keep: bool) -> None:
    read = project()
    oldest_python = read["project"]["requires-python"].removeprefix(">=")
    command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    command += ["--python-version", oldest_python, "--only-binary", ":all:"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-header"]
    command += ["--annotation-style", "line", "--output-file", str(lock.path.relative_to(ROOT))]
    command += [] if keep else ["--upgrade"]
    command += [part for extra in lock.extras for part in ("--extra", extra)]
    command += [part for pins in (*lock.pins, LAST) for part in ("--constraints", pins)]
    # The build's own packages are read from the standard input.
    command += ["pyproject.toml", *(["-"] if lock.builds else [])]
    build = "\n".join([*read["build-system"]["requires"], EDITABLE])
    subprocess.run(command, cwd=ROOT, input=build, stdout=subprocess.DEVNULL, text=True, check=True)
    text = lock.path.read_text(encoding="utf-8")
    lock.path.write_text(head(lock) + text, encoding="utf-8")


def without_wheel(uv: str, lock: Lock) -> list[str]:
    """The Pythons and platforms on which the lock cannot be installed, and why."""
    failed = []
    for python, platform in itertools.product(lock.pythons, PLATFORMS):
        command = [uv, "pip", "install", "--quiet", "--dry-run", "--target", "build/none"]
        command += ["--python-version", python, "--python-platform", platform]
        command += ["--only-binary", ":all:", "--no-deps", "--require-hashes", "-r", str(lock.path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            failed.append(f"{lock.name}, Python {python}, {platform}: {done.stderr.strip()}")
    return failed


def main(arguments: list[str]) -> None:
    uv, *options = arguments
    FOLDER.mkdir(exist_ok=True)
    for lock in LOCKS:
        compile_with(uv, lock, keep="--keep" in options)
        if failed := without_wheel(uv, lock):
            sys.exit("\n".join(failed))
        print(f"{lock.path.relative_to(ROOT)} is compiled")


if __name__ == "__main__":
    main(sys.argv[1:])
