"""One store and one target: sends what is new, until there is nothing more to send."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from autotrack.errors import ReplicationError, StoreError
from autotrack.replication.ledger import Ledger, ledgers
from autotrack.replication.send_models import ModelSender
from autotrack.replication.send_runs import RunSender
from autotrack.replication.wire.answers import StoppedError, UnavailableError
from autotrack.replication.wire.credentials import is_databricks
from autotrack.replication.wire.http import Http, Transport
from autotrack.replication.wire.server import Server
from autotrack.runtime.dataclass import dataclass
from autotrack.store.store import Store
from autotrack.store.tables.changes import BESIDE_RUNS

# How long what failed alone, while the server answers others, waits for its next turn.
_LATER = 30.0
# So many rows of changes may be there that everybody knows.
_MOST_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class Status:
    """How far a target is.

    Attributes
    ----------
    target : str
    to_send : int
        How many runs are still to send, wholly or in part.
    parked : dict of str to str
        What was refused for good, with the reasons.
    sent : float or None
        When something was last sent, in seconds since the epoch.
    trouble : str or None
        What is wrong now.
    """

    target: str
    to_send: int
    parked: dict[str, str]
    sent: float | None
    trouble: str | None


class Replicator:
    """Sends a store to a target. One thread uses it.

    Parameters
    ----------
    root : Path
        The folder of the store, which exists.
    uri : str
        A tracking URI.
    stop : Event, optional
        Ends what is under way when it is set.
    """

    def __init__(self, root: Path, uri: str, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()
        self.store = Store(root, create=False, lazy=True)
        self.ledger = Ledger(root, uri)
        self.transport = transport_for(uri, self.stop)
        server = Server(self.transport, self.ledger.target)
        self.runs = RunSender(self.store, self.ledger, server, self._rest)
        self.models = ModelSender(self.store, self.ledger, server, self.runs, self._rest)
        self._server = server

    def _rest(self, tries: int) -> None:
        if self.stop.wait(min(0.2 * 2**tries, 10)):
            raise StoppedError("the sender was told to end")

    def acquire(self) -> bool:
        """Become the one that sends to this target, unless another process is."""
        return self.ledger.lock.acquire()

    def close(self) -> None:
        """Let another process send."""
        self.transport.close()
        self.ledger.close()
        self.ledger.lock.release()
        self.store.close()

    def look(self) -> None:
        """Note which runs are to be sent."""
        # Those whose process is gone have ended.
        self.store.reap()
        cursor = self.ledger.fact("cursor")
        if cursor is None or not self.store.is_watched():
            self.store.watch_changes()
            # After that nothing is missed; before it everything counts as changed.
            last = self.store.last_change()
            self.ledger.add_pending([BESIDE_RUNS, *self.store.all_runs()], last)
            return
        last = self.store.last_change()
        if last < int(cursor):  # another store took the place of this one
            self.ledger.add_pending([BESIDE_RUNS, *self.store.all_runs()], last)
        elif last > int(cursor):
            self.ledger.add_pending(self.store.changed_runs(int(cursor), last), last)

    def send(self, until: float | None = None) -> bool:
        """Send what is noted; whether there is nothing left.

        Parameters
        ----------
        until : float, optional
            By :func:`time.monotonic`, when to begin nothing more.

        Raises
        ------
        UnavailableError
            If the server does not answer.
        StoppedError
        """
        self.look()
        # What is beside runs comes last: versions of models point at runs.
        while (number := self.ledger.next_pending()) is not None:
            self._one(number, self._beside_runs if number == BESIDE_RUNS else self._run)
            if until is not None and time.monotonic() > until:
                return False
        self.runs.clear_doubts()
        self._forget()
        return self.ledger.count_pending() == 0

    def _one(self, number: int, action: Callable[[int], None]) -> None:
        try:
            action(number)
        except UnavailableError as error:
            if error.is_denied:
                raise
            # Is it the server, or this call alone?
            self._server.is_there()
            self.ledger.park(f"for now: {self._name(number)}", str(error))
            self.ledger.done(number, time.time() + _LATER)
            return
        except (StoppedError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001 - one run must not keep the others back
            self.ledger.park(f"{self._name(number)} as a whole", f"{type(error).__name__}: {error}")
        self.ledger.done(number)

    def _name(self, number: int) -> str:
        if number == BESIDE_RUNS:
            return "experiments and models"
        return f"run {self.store.run_of_number(number) or number}"

    def _run(self, number: int) -> None:
        run_id = self.store.run_of_number(number)
        self.ledger.unpark(f"for now: run {run_id}")
        if run_id is None:
            self.runs.gone(number)
            return
        for kind in ("param", "tag", "datasets", "artifact", "crate", "as a whole"):
            self.ledger.unpark(f"run {run_id} {kind}")
        record, sent = self.runs.run(run_id, number)
        if not sent.state.get("deleted"):
            folders = self.models.crates(record, sent)
            self.runs.artifacts(record, sent, folders)
        self.runs.end(record, sent)

    def _beside_runs(self, number: int) -> None:
        self.ledger.unpark("for now: experiments")
        self.runs.experiments()
        self.models.registry()

    def _forget(self) -> None:
        """Drop the rows of changes that all targets know."""
        known = int(self.ledger.fact("cursor") or 0)
        for other in ledgers(self.store.root):
            known = min(known, int(other.fact("cursor") or 0))
            other.close()
        if known - int(self.ledger.fact("forgotten") or 0) > _MOST_KNOWN:
            self.store.forget_changes(known)
            self.ledger.note(forgotten=known)

    def retry_parked(self) -> None:
        """Have what was refused sent once more."""
        if parked := self.ledger.parked():
            for run_id in {what.split()[1] for what in parked if what.startswith("run ")}:
                self.runs.forget_values(run_id)
            self.ledger.unpark("")
            self.ledger.add_pending(
                [BESIDE_RUNS, *self.store.all_runs()], int(self.ledger.fact("cursor") or 0)
            )

    def status(self) -> Status:
        """How far the target is."""
        sent = self.ledger.fact("sent")
        return Status(
            target=self.ledger.target,
            to_send=self.to_send(),
            parked=self.ledger.parked(),
            sent=None if sent is None else float(sent),
            trouble=self.ledger.fact("trouble"),
        )

    def to_send(self) -> int:
        """How many runs are still to send, those that changed just now among them."""
        cursor = self.ledger.fact("cursor")
        if cursor is None:
            return len(self.store.all_runs())
        changed = set(self.store.changed_runs(int(cursor), self.store.last_change()))
        return len(changed - {BESIDE_RUNS} | set(self.ledger.pending_runs()))

    def keep_sending(self, *, watch: bool, pause: float = 1.0) -> None:
        """Send until there is nothing more, or with `watch` until it is stopped.

        What goes wrong is noted for :meth:`status`.
        """
        tries = 0
        while not self.stop.is_set():
            try:
                if watch and not self.acquire():
                    self.stop.wait(pause)
                    continue
                if self.send() and not watch:
                    return
                tries = 0
                if not watch and self.ledger.next_pending() is None:
                    return
            except StoppedError:
                return
            except UnavailableError as error:
                self.ledger.note(trouble=str(error))
                tries += 1
                if not watch:
                    raise
                self.stop.wait(min(pause * 2**tries, 30))
            except (StoreError, ReplicationError) as error:
                if not watch:
                    raise
                self.ledger.note(trouble=str(error))
                self.stop.wait(5)
            self.stop.wait(pause)


def transport_for(uri: str, stop: threading.Event | None = None) -> Transport:
    """What carries calls to a tracking URI.

    Raises
    ------
    ReplicationError
        If nothing is known that does.
    """
    if urlsplit(uri).scheme in {"http", "https"} or is_databricks(uri):
        return Http(uri, stop)
    from autotrack.replication.wire.in_process import InProcess

    return InProcess(uri)
