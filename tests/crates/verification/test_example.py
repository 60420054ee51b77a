"""Asking a model for answers, in processes that fork."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from sklearn.linear_model import Ridge

from autotrack.crates.verification.example import untouched
from tests.waiting import PATIENCE


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are a matter of Unix")
def test_a_fork_asks_its_models_whatever_another_thread_was_asking_then():
    asks, stop = threading.Event(), threading.Event()

    def ask():
        with untouched(Ridge()):
            asks.set()
            stop.wait(PATIENCE)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert asks.wait(PATIENCE)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.alarm(20)  # a hang is a failure
                with untouched(Ridge()):
                    status = 0
            finally:
                os._exit(status)
        ended = os.waitpid(pid, 0)[1]
    finally:
        stop.set()
        thread.join()
    assert ended == 0
