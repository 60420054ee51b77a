"""Switching autologging on and off."""

# Long because the docstring of `enable` says of each setting what it does.

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import os
import shlex
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from autotrack.printable import printable
from autotrack.runtime.forks import at_fork
from autotrack.runtime.import_hooks import once_imported
from autotrack.runtime.quiet import uncollected
from autotrack.settings import DEFAULT_STORE, Settings
from autotrack.store.store import Store
from autotrack.tracking.api.runs import end_open_runs
from autotrack.tracking.model_links import links
from autotrack.tracking.recording.recorder import Recorder
from autotrack.tracking.workspace import workspace

if TYPE_CHECKING:
    from autotrack.replication.background import Background

_lock = threading.RLock()
_session: Session | None = None
_sending: Background | None = None
# Before what multiprocessing tidies up itself.
_FIRST = 100


class Session:
    """Tracking that is switched on. A context manager that switches it off again.

    Attributes
    ----------
    settings : Settings
        What it was switched on with.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pid = os.getpid()
        self._failsafe = workspace.failsafe
        self._failsafe.strict = settings.strict
        self._recorder = Recorder(settings, workspace)
        self._leave: Callable[[], None]
        self._undo: Callable[..., None]

    def _open(self) -> None:
        # Imported here: `import autotrack` alone costs no scikit-learn.
        from autotrack.capture.instrumentation import Instrumentation

        instrumentation = Instrumentation(self.settings, self._recorder, self._failsafe)
        store = workspace.store_at(self.settings.store, lazy=True)
        # Opens the store, so that one in trouble is told of now, and waited for only once.
        with self._failsafe.guard(f"open the store {self.settings.store}"):
            self._recorder.retry_queue.write(store, _nothing, durable=False)
        self._leave = workspace.read.subscribe(self._before_reading)
        self._undo = instrumentation.apply()

    def _close(self, *, at_exit: bool) -> None:
        self._leave()
        self._undo(at_exit=at_exit)
        if os.getpid() == self._pid:
            self._flush()
            with self._failsafe.guard("sync what it recorded"):
                self._recorder.retry_queue.sync()

    def _flush(self) -> None:
        with self._failsafe.guard("finish recording"):
            self._recorder.refresh_stale()
            self._recorder.retry_queue.flush()

    def _before_reading(self, run_id: str) -> None:
        with self._failsafe.guard("bring a crate up to date"):
            self._recorder.refresh_run(run_id)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if _session is self:
            disable()

    def __repr__(self) -> str:
        state = "on" if _session is self else "off"
        return f"<autotrack {state}, recording to {self.settings.store}>"

    def _repr_html_(self) -> str:
        from autotrack.analysis.cells import newest_as_html

        return newest_as_html(self.settings.store, repr(self).strip("<>"))


def enable(
    *,
    store: str | os.PathLike[str] | None = None,
    experiment: str | None = None,
    log_models: bool | None = None,
    log_defaults: bool | None = None,
    log_datasets: bool | None = None,
    training_score: bool | None = None,
    progress: bool | Literal["auto"] | None = None,
    resume: bool | str | None = None,
    code_by_value: bool | Sequence[str] | None = None,
    verify_models: bool | None = None,
    ask_own_models: bool | None = None,
    checks: bool | Sequence[str] | None = None,
    keep_predictions: bool | None = None,
    replicate_to: str | None = None,
) -> Session:
    """Switch autologging on: from here on every fit and score is recorded.

    Calling it again changes the settings that are given and keeps the rest; calling it again
    with the same ones changes nothing. A setting that is not given is taken from its
    ``AUTOTRACK_*`` variable, else its default.

    Parameters
    ----------
    store : path, optional
        Folder of the store; by default ``autotrack_runs`` in the working directory
        (``AUTOTRACK_STORE``).
    experiment : str, optional
        Experiment that runs belong to (``AUTOTRACK_EXPERIMENT``); by default ``Default``.
    log_models : bool, default=True
        Keep every fitted model as a crate (``AUTOTRACK_LOG_MODELS``).
    log_defaults : bool, default=False
        Keep the params left at their defaults too (``AUTOTRACK_LOG_DEFAULTS``).
    log_datasets : bool, default=True
        Keep fingerprint, shape and columns of the data (``AUTOTRACK_LOG_DATASETS``).
    training_score : bool, default=False
        Score every model on its training data (``AUTOTRACK_TRAINING_SCORE``).
    progress : bool or "auto", default="auto"
        Show a progress bar for searches and validations (``AUTOTRACK_PROGRESS``). ``"auto"``
        shows it on a terminal or in a notebook, when it takes longer than a second, and nothing
        in pipes and logs; True shows it at once, and where there is no terminal as a plain line
        now and then; False never shows it.
    resume : bool or str, default=True
        Let a search go on with the evaluations that an interrupted one had computed
        (``AUTOTRACK_RESUME``). An evaluation is reused if its params, its rows, the data, the
        versions of the libraries, and all code and values of yours that it depends on are the
        same: functions by what they compute, with the functions, classes and constants they use,
        and environment variables they read by name. What failed is computed again.
        What files hold cannot be seen, nor environment variables that are only asked whether they
        are set: a text is a key of your own (``resume="lookup table 3"``), and only what was
        computed under the same key is reused.
    code_by_value : bool or sequence of str, default=True
        Classes and functions of what is no installed distribution always go into crates by value.
        True: those of packages that are installed in editable mode as well. False: these by name
        and version. Names of modules or packages: these too, however they are installed
        (``AUTOTRACK_CODE_BY_VALUE``, separated by commas).
    verify_models : bool, default=False
        Open every crate in an isolated process after the fit, in the background, and compare what
        its model says there; the run's tag ``autotrack.verified`` has the outcome
        (``AUTOTRACK_VERIFY_MODELS``).
    ask_own_models : bool, default=False
        A crate says what its model predicts for a few rows that were made up: models of installed
        packages are asked for that after the fit. True: models in which there is code of yours
        are asked as well, in your process, so that what your `predict` prints, counts or draws
        happens once more (``AUTOTRACK_ASK_OWN_MODELS``). `verify` asks either kind, in a process
        of its own.
    checks : bool or sequence of str, default=True
        Hold every score against the rows, transformers and searches that its model came from:
        `Run.findings` lists what was found, and a line on stderr tells of it, once for a run. Codes
        such as ``["AT101", "AT104"]``: only these kinds (``AUTOTRACK_CHECKS``, separated by
        commas). A comment ``# autotrack: ignore[AT104]`` in the line of a score leaves a kind out
        there.
    keep_predictions : bool, default=False
        Keep what searches, `cross_validate`, `cross_val_score`, `cross_val_predict` and scores on
        held-out data predicted for each row, beside the row's position and its truth
        (``AUTOTRACK_KEEP_PREDICTIONS``). These are values of your data: without it none are
        stored. :func:`keep_predictions` does so for a block. See :meth:`Run.predictions`.
    replicate_to : str, optional
        Tracking URI of an MLflow server that runs are sent to as they are recorded
        (``AUTOTRACK_REPLICATE_TO``), by a thread that training does not wait for. Credentials
        are taken from where MLflow takes them. At its end the process waits for it for 2 seconds at
        most; what is left then is sent by the next one, or by ``autotrack replicate``.

    Returns
    -------
    Session
        Can be used as a context manager, which calls :func:`disable` at its end.

    Raises
    ------
    SettingError
        If a setting has a value that cannot be used.
    """
    with _lock:
        settings = workspace.give(
            keep=_session is not None,
            store=store,
            experiment=experiment,
            log_models=log_models,
            log_defaults=log_defaults,
            log_datasets=log_datasets,
            training_score=training_score,
            progress=progress,
            resume=resume,
            code_by_value=code_by_value,
            verify_models=verify_models,
            ask_own_models=ask_own_models,
            checks=checks,
            keep_predictions=keep_predictions,
            replicate_to=replicate_to,
        )
        if _session is None or _session.settings != settings:
            _switch_on(settings)
        _send(settings)
        assert _session is not None
        return _session


def disable() -> None:
    """Switch autologging off, and put every class and function back exactly as it was."""
    _disable(at_exit=False)
    _stop_sending()


def _send(settings: Settings) -> None:
    """Let a thread send the store to a server, if one was named; here, and in no worker."""
    global _sending  # noqa: PLW0603 - one process sends one store
    wanted = settings.replicate_to
    if _sending is not None and (_sending.root, _sending.uri) != (settings.store, wanted):
        _stop_sending()
    if wanted is None or _sending is not None:
        return
    from autotrack.replication.background import Background

    _sending = Background(settings.store, wanted)
    _sending.start()


def _stop_sending() -> None:
    global _sending
    sending, _sending = _sending, None
    if sending is not None:
        with workspace.failsafe.guard("send what it recorded"):
            sending.finish(quiet=workspace.settings.quiet)


def _disable(*, at_exit: bool) -> None:
    with _lock:
        _switch_off(at_exit=at_exit)
        # What an estimator is fitted to while nobody listens is not known to any run.
        links.clear()


def _join(settings: Settings) -> None:
    """Track in a process that works for another one, as that one does."""
    once_imported("sklearn", lambda: _take_over(settings))


def _take_over(settings: Settings) -> None:
    with _lock:
        if _session is None or _session.settings != settings:
            workspace.give(**dataclasses.asdict(settings))
            _switch_on(settings)


def _write_what_is_left() -> None:
    if _session is not None:
        _session._flush()


def _switch_on(settings: Settings) -> Session:
    global _session  # noqa: PLW0603 - one process has one session
    _switch_off()
    with uncollected():
        session = Session(settings)
        session._open()
    _session = session
    return session


def _switch_off(*, at_exit: bool = False) -> None:
    global _session
    if _session is not None:
        session, _session = _session, None
        session._close(at_exit=at_exit)


def is_enabled() -> bool:
    """Whether autologging is on."""
    return _session is not None


def _at_exit() -> None:
    _disable(at_exit=True)
    with workspace.failsafe.guard("end its open runs"):
        end_open_runs()
    verifying = sys.modules.get("autotrack.tracking.crating.background_verify")
    if verifying is not None:
        with workspace.failsafe.guard("verify its last crates"):
            verifying.verifier.finish()
    workspace.retry_queue.close()
    with workspace.failsafe.guard("sync what it recorded"):
        workspace.retry_queue.sync()
    if workspace.pid != os.getpid():
        return
    # There may be no stderr or working directory any more; an exit handler has nobody to raise to.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        if (
            workspace.runs or workspace.scores or workspace.retry_queue.lost
        ) and not workspace.settings.quiet:
            sys.stderr.write(f"{printable(_farewell())}\n")
    _stop_sending()


def _farewell() -> str:
    # Not where the settings point to by now: the working directory may be another.
    where = _readable(workspace.last[0].root if workspace.last else workspace.settings.store)
    if workspace.retry_queue.lost:
        return (
            f"autotrack: {workspace.retry_queue.lost} records were lost, since {where} could not "
            "be written to until the end; the warning above says why"
        )
    counts = [_count(workspace.runs, "run")] if workspace.runs else []
    counts += [_count(workspace.scores, "score")] if workspace.scores else []
    option = "" if where == DEFAULT_STORE else f" --store {shlex.quote(where)}"
    unplaced = ""
    if workspace.unplaced:
        first = f", the first in {workspace.first_unplaced}" if workspace.first_unplaced else ""
        unplaced = f" ({_count(workspace.unplaced, 'score')} of no known model{first})"
    return (
        f"autotrack: recorded {' and '.join(counts)} in {where}{unplaced}; "
        f"see them with: autotrack runs{option}"
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _nothing(store: Store) -> None:
    return


def _readable(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


atexit.register(_at_exit)
workspace.joined.subscribe(_join)
workspace.left.subscribe(_write_what_is_left)


def _child_after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it at the moment of the fork
    _lock = threading.RLock()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # multiprocessing ends its forks without exit handlers, and clears its own when they begin.
        util.register_after_fork(
            workspace, lambda _: util.Finalize(None, _at_exit, exitpriority=_FIRST)
        )


at_fork(in_child=_child_after_fork)
