"""What the interpreter does, and what it takes, while a folder is opened.

`python -m tests.crates.watch` opens every folder of :mod:`tests.crates.hostile` in the process that
it is, and prints what came of each as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.crates import hostile

_EXECUTES = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "os.startfile",
             "subprocess.Popen", "socket.", "shutil.", "os.remove", "os.rename", "os.mkdir",
             "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.putenv",
             "ctypes.", "webbrowser.", "urllib.", "glob.glob", "pty.spawn", "code.__new__",
             "builtins.input", "ftplib.", "pickle.find_class")  # fmt: skip
#: What the store and the interpreter open for themselves.
_OWN = (
    "/autotrack_runs/",
    "/dev/null",
    "/proc/self/status",
    "/proc/self/clear_refs",
    "__pycache__",
)


class Canary:
    """Hears what the interpreter is about to do, while it watches."""

    def __init__(self, inside: Path) -> None:
        self.inside = str(inside)
        self.watches = False
        self.heard: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple) -> None:
        if not self.watches:
            return
        if event == "open":
            path, mode, flags = args
            writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
                isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            )
            text = path.decode() if isinstance(path, bytes) else str(path)
            if isinstance(path, int) or any(own in text for own in _OWN):
                return
            if writes or not (text.startswith(self.inside) or _is_source(text)):
                self._note(f"open {text!r} {mode!r}")
        elif event == "import":
            self._note(f"import {args[0]}")
        elif event == "exec":
            file = getattr(args[0], "co_filename", "?")
            if not file.startswith(("/", "<frozen", "<__array_function__", "<string>")):
                self._note(f"exec of {file}")
        elif event.startswith(_EXECUTES):
            self._note(f"{event} {args!r:.80}")

    def _note(self, what: str) -> None:
        if not _is_importing():
            self.heard.append(what)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """A block in which it watches."""
        self.heard.clear()
        self.watches = True
        try:
            yield
        finally:
            self.watches = False


def _is_source(path: str) -> bool:
    return path.endswith((".py", ".pyc", ".so"))


#: Of these, modules are imported while a crate is looked at; and by these.
_PACKAGES = {"sklearn", "numpy", "scipy", "skops", "pandas", "autotrack", "cloudpickle"}
_STANDARD = sys.stdlib_module_names


def _is_importing() -> bool:
    """Whether one of our own libraries is being imported, or the standard library is by one."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            top = str(frame.f_locals.get("name", "")).partition(".")[0]
            if top in _PACKAGES or top in _STANDARD:
                return True
        frame = frame.f_back
    return False


def megabytes(what: str) -> float:
    """Memory of this process, by Linux's name for it."""
    return int(re.search(what + r":\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


# So much (MB) of an earlier peak does not matter.
_STALE = 8


def watched(canary: Canary, action: Callable[[], object]) -> dict[str, object]:
    """What became of an action, what was heard, how long it took and what memory."""
    from autotrack.errors import AutotrackError

    if megabytes("VmHWM") - megabytes("VmRSS") > _STALE:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before, started = megabytes("VmRSS"), time.monotonic()
    message = ""
    with canary.watching():
        try:
            action()
            became = "opened"
        except AutotrackError as error:
            became, message = type(error).__name__, str(error)
        except BaseException as error:
            became, message = f"!{type(error).__name__}", str(error)
    return {
        "became": became,
        "message": message,
        "heard": list(canary.heard),
        "seconds": time.monotonic() - started,
        "grown": megabytes("VmHWM") - before,
    }


def folders(place: Path) -> Iterator[tuple[str, Path]]:
    """Every hostile folder, one after the other."""
    import numpy as np
    from sklearn.linear_model import Ridge

    import autotrack

    model = autotrack.crate(Ridge().fit(np.eye(3), [1, 2, 3]))
    honest = {
        "pkl": model.save(place / "pkl"),
        "skops": model.save(place / "skops", format="skops"),
    }

    def fresh(kind: str = "pkl") -> Path:
        shutil.rmtree(place / "tried", ignore_errors=True)
        return shutil.copytree(honest[kind], place / "tried")

    for kind in hostile.SPECIAL:
        for name in ("model.pkl", "manifest.json"):
            folder = fresh()
            hostile.put(kind, folder, name)
            yield f"{kind} for {name}", folder
    for kind in hostile.SPECIAL:
        folder = hostile.rewrite(fresh("skops"))
        hostile.put(kind, folder, "model.skops")
        yield f"{kind} for model.skops", folder
    for kind, changes in hostile.MANIFESTS.items():
        yield f"manifest: {kind}", hostile.rewrite(fresh("skops"), **changes)
    for depth in (100, 100_000):
        folder = fresh()
        (folder / "manifest.json").write_bytes(hostile.bracketed(depth))
        yield f"manifest: {depth} brackets", folder
    for size in (2_000_000, 30_000_000):
        folder = fresh()
        (folder / "manifest.json").write_bytes(hostile.swollen(size))
        yield f"manifest: swollen from {size}", folder
    for kind, write in hostile.WORDY.items():
        folder = fresh()
        (folder / "manifest.json").write_bytes(write())
        yield f"manifest: text {kind}", folder
    for size in (10_000_000, 20_000_000):
        folder = fresh()
        hostile.rewrite(folder, requirements="\x7f" * size)
        text = (folder / "manifest.json").read_text().replace("\\u007f", "\x7f")
        (folder / "manifest.json").write_text(text)
        yield f"manifest: {size} letters spelt out", folder
    for kind, content in hostile.PICKLES.items():
        yield f"pickle: {kind}", hostile.exchange(fresh(), content)
    yield "pickle: a trap", hostile.exchange(fresh(), hostile.trap(place / "sprung"))
    for kind, make in hostile.BOMBS.items():
        yield f"skops: {kind}", hostile.exchange(fresh("skops"), make(), "model.skops")


def main() -> None:
    """Open each, look at it, and say what came of it."""
    import pandas  # noqa: F401 - what is imported anyway is no crate's doing
    import skops.io  # noqa: F401

    import autotrack
    from autotrack.crates.load import look

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        canary = Canary(place / "tried")
        found = {}
        for kind, folder in folders(place):
            size = sum(path.lstat().st_blocks * 512 for path in folder.iterdir()) / 1e6
            opened = watched(canary, lambda folder=folder: autotrack.load_model(folder))
            looked = watched(canary, lambda folder=folder: look(folder))
            found[kind] = {"opened": opened, "looked": looked, "size": size}
        found["sprung"] = (place / "sprung").exists()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
