"""Verifying crates beside the training: one after the other, in processes of their own."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from pathlib import Path

from autotrack.crates.load import require
from autotrack.crates.trust.trust import just_packed
from autotrack.crates.verification.verify import verify
from autotrack.errors import CrateError
from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store
from autotrack.tracking.workspace import Workspace

VERIFIED_TAG = "autotrack.verified"
# Beyond this many that wait, the oldest are let go of: a loop of thousands of quick fits would
# otherwise go on for hours when it is over.
_MOST_WAITING = 100
#: How long the end of the script waits for what is still to be verified (s).
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class _Task:
    workspace: Workspace
    store: Store
    run_id: str
    folder: Path


class Verifier:
    """Verifies crates in the background; the run's tag ``autotrack.verified`` has the outcome."""

    def __init__(self) -> None:
        self._waiting: deque[_Task] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._busy = False

    def add(self, workspace: Workspace, store: Store, run_id: str, folder: Path) -> None:
        """Verify the crate in `folder` when there is time."""
        if self._pid != os.getpid():  # a fork has neither the thread nor its tasks
            self.__init__()  # type: ignore[misc]
            self._pid = os.getpid()
        with self._changed:
            left_out = self._waiting.popleft() if len(self._waiting) >= _MOST_WAITING else None
            self._waiting.append(_Task(workspace, store, run_id, folder))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="autotrack-verify", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()
        if left_out is not None:
            self._tell(left_out, "not verified: too many fits followed")

    def finish(self, patience: float = PATIENCE) -> None:
        """Wait for what is still to be verified, and say of the rest that it was not."""
        if self._pid != os.getpid():
            return
        until = time.monotonic() + patience
        with self._changed:
            while (self._waiting or self._busy) and time.monotonic() < until:
                self._changed.wait(until - time.monotonic())
            left, self._waiting = self._waiting, deque()
        for task in left:
            self._tell(task, "not verified: the script had ended")

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._busy = False
                    self._changed.notify_all()
                    self._changed.wait()
                task, self._busy = self._waiting.popleft(), True
            with task.workspace.failsafe.guard(f"verify the crate of run {task.run_id}"):
                outcome = self._outcome(task)
                if outcome:
                    self._tell(task, outcome)

    @staticmethod
    def _outcome(task: _Task) -> str:
        try:
            # The store may still be about to note what it packed, so it is this process's word.
            looked = require(task.folder, vouches=just_packed)
            found = verify(task.folder, looked.manifest, looked.origin, background=True)
        except CrateError as error:
            # A later fit of the run replaces its crate, which is verified in its turn.
            return f"no: {error}" if task.folder.exists() else ""
        if not found and not task.folder.exists():
            return ""
        return "yes" if found else f"no: {'; '.join(found.problems)}"

    @staticmethod
    def _tell(task: _Task, outcome: str) -> None:
        task.workspace.write(
            task.store, lambda store: store.set_tags(task.run_id, {VERIFIED_TAG: outcome})
        )


#: That of this process.
verifier = Verifier()
