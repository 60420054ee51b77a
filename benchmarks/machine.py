"""On what was measured: hardware, system and versions, without names of hosts or people."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("scikit-learn", "numpy", "pandas", "joblib", "cloudpickle", "xxhash", "mlflow")


def describe() -> list[str]:
    """Lines about the machine and the versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"{datetime.now(UTC):%Y-%m-%d}; {_processor()}, {os.cpu_count()} cores, {memory:.0f} GB; "
        f"{_system()}",
        f"Python {platform.python_version()}, SQLite {_sqlite()}, "
        + ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name))),
    ]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _system() -> str:
    release = ".".join(platform.release().split(".")[:2])
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.system()} {release}"
    except (OSError, KeyError):
        return f"{platform.system()} {release}"


def _sqlite() -> str:
    import sqlite3

    return sqlite3.sqlite_version


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
