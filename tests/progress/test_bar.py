"""The progress bar: where somebody sees it, when it takes long, and never in the way."""

from __future__ import annotations

import io
import os
import re
import time

import pytest

import autotrack
from autotrack.failsafe import Failsafe
from autotrack.progress.bar import progress_bar
from autotrack.progress.counts import Progress
from autotrack.progress.line import View, bar_line
from autotrack.settings import Settings
from tests.looking import only_run
from tests.terminal import Screen, on_terminal
from tests.waiting import PATIENCE

pytestmark = pytest.mark.thorough

pytest.importorskip("pty", reason="needs pseudo-terminals")

SLOW = """
import logging, os, sys, threading, time, warnings
early = logging.StreamHandler(sys.stderr)
import numpy as np, autotrack
from autotrack.store.syncing import syncer
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import cross_val_score, cross_validate

class Slow(ClassifierMixin, BaseEstimator):
    def __init__(self, wait=0.3, say=None):
        self.wait, self.say = wait, say
    def fit(self, X, y):
        time.sleep(self.wait)
        if self.say is not None:
            self.say()
        self.classes_ = np.unique(y)
        return self
    def predict(self, X):
        return np.full(len(X), self.classes_[0])

def threads():
    time.sleep(0.1)
    # The bar's would be one more, beside that of the store.
    return len(sys._current_frames()) - (syncer._thread is not None)

X, y = np.zeros((40, 1)), np.arange(40) % 2
autotrack.enable()
"""
BAR = re.compile(r"cross_val_score: Slow .*?(\d+)/(\d+)")


def bars(out: str) -> list[str]:
    """Every bar that was drawn, without its colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    return re.findall(r"cross_val\w*: [^\r\n\x1b]*", plain)


def test_what_takes_longer_than_a_second_shows_how_far_it_is():
    out = on_terminal(SLOW + "cross_val_score(Slow(), X, y, cv=6)\nprint('done')")

    drawn = bars(out)
    # Three of them take less than a second.
    assert re.search(r" [34]/6 ", drawn[0])
    assert all(len(bar) < 80 for bar in drawn)
    for said in (r"━", r"\d(\.\d+)?/s", r"\d:\d\d left", r"mean 0\.\d+"):
        assert re.search(said, drawn[0]), drawn[0]
    last, done = Screen().write(out).text
    assert last.startswith("cross_val_score: Slow")
    assert " 6/6 " in last
    assert "mean 0.5" in last
    assert done == "done"


def test_it_shows_after_a_second_although_no_split_is_finished():
    out = on_terminal(SLOW + "cross_val_score(Slow(1.7), X, y, cv=2)")

    assert " 0/2 " in bars(out)[0]


def test_otherwise_a_terminal_shows_nothing():
    code = """
cross_val_score(Slow(0.02), X, y, cv=6)
os.environ["TERM"] = "dumb"
cross_val_score(Slow(), X, y)
os.environ["TERM"] = "xterm"
autotrack.enable(progress=False)
cross_val_score(Slow(), X, y)
print("done")
"""
    assert on_terminal(SLOW + code) == "done\r\n"


def test_pipes_and_logs_get_nothing_and_need_no_rich(run_python):
    code = "import sys; sys.modules['rich'] = None\n" + SLOW
    code += "cross_val_score(Slow(), X, y)\nassert threads() == 1"
    done = run_python(code=code, AUTOTRACK_QUIET="1")

    assert (done.stdout, done.stderr) == ("", "")


def test_when_asked_for_it_is_there_at_once():
    code = SLOW + "autotrack.enable(progress=True); cross_val_score(Slow(0.05), X, y, cv=6)"

    assert re.search(r" [01]/6 ", bars(on_terminal(code))[0])


def test_when_asked_for_a_log_gets_a_plain_line_now_and_then(run_python):
    code = SLOW + "cross_val_score(Slow(0.05), X, y)"
    done = run_python(code=code, AUTOTRACK_QUIET="1", AUTOTRACK_PROGRESS="1")

    first, last = done.stderr.splitlines()
    assert re.fullmatch(r"cross_val_score: Slow: 0/5, 0:\d\d", first)
    assert re.fullmatch(r"cross_val_score: Slow: 5/5, [\d.]+/?s(/it)?, 0:\d\d, mean 0\.5", last)
    assert done.stdout == ""


SAYING = """
def say():
    print("a whole line on stdout")
    print("half a line,", end=" ")
    time.sleep(0.5)
    sys.stderr.write("and the other half\\n")
    early.emit(logging.LogRecord("x", 30, "x", 1, "logged early", (), None))
    sys.__stdout__.writelines(["two ", "pieces\\n"])
    time.sleep(0.3)

print("begun", end="")
before = sys.stdout, sys.stderr
cross_val_score(Slow(0.2, say), X, y, cv=4)
assert (sys.stdout, sys.stderr) == before
assert not {"write"} & {*vars(sys.stdout), *vars(sys.stderr)}
assert threads() == 1
print("ended")
"""


def test_what_the_user_prints_stays_as_it_is():
    out = on_terminal(SLOW + SAYING)

    said = [
        "a whole line on stdout",
        "half a line, and the other half",
        "logged early",
        "two pieces",
    ]
    text = Screen().write(out).text
    last = text.pop(-2)
    assert " 4/4 " in last
    assert text == ["begun" + said[0], *said[1:], *said * 3, "ended"] or text == [
        "begun" + said[0],
        *(said * 4)[1:],
        "ended",
    ]
    assert len(bars(out)) > 2


def test_output_in_a_pipe_is_left_alone_while_the_bar_is_on_the_terminal(tmp_path):
    path = tmp_path / "out.txt"
    code = SLOW + "cross_val_score(Slow(0.3, lambda: print('fitted')), X, y, cv=5)"
    with path.open("w") as file:
        out = on_terminal(code, stdout=file.fileno())

    assert path.read_text() == "fitted\n" * 5
    assert " 5/5 " in Screen().write(out).text[-1]


INTERRUPTED = """
try:
    cross_val_score(Slow(0.4), X, y, cv=20)
except KeyboardInterrupt:
    print("interrupted")
assert not {"write"} & {*vars(sys.stdout), *vars(sys.stderr)}
assert threads() == 1
print("ended")
"""


def test_ctrl_c_leaves_the_terminal_as_it_was():
    struck = []

    def strike(terminal, out):
        if not struck and bars(out):
            struck.append(os.write(terminal, b"\x03"))

    out = on_terminal(SLOW + INTERRUPTED, act=strike)

    assert "\x1b[?25l" not in out  # the cursor is never hidden
    bar, *rest = Screen().write(out).text
    assert re.match(r"cross_val_score: Slow .* [2-9]/20 ", bar)
    assert rest == ["interrupted", "ended"]
    assert only_run().status == "KILLED"


STRUCK = """
import signal

class Alarm(BaseException):
    pass

def strike(*_):
    raise Alarm

signal.signal(signal.SIGALRM, strike)
kept = []
for number in range(100):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001 + 0.0006 * (number % 50))
        for _ in range(50):
            cross_val_score(Slow(0), X, y, cv=2)
    except Alarm as alarm:
        kept.append(alarm)  # with its traceback, as a notebook keeps the last one
signal.setitimer(signal.ITIMER_REAL, 0)
assert len(kept) == 100
patience = time.monotonic() + 300
while threads() != 1:
    assert time.monotonic() < patience
assert not {"write"} & {*vars(sys.stdout), *vars(sys.stderr)}
print("ended", flush=True)
# scikit-learn's own blocks that were struck end with the interpreter, and may complain of that.
os._exit(0)
"""


def test_interrupts_at_any_moment_leave_no_bar_behind():
    out = on_terminal(SLOW + STRUCK, AUTOTRACK_PROGRESS="1")

    assert out.endswith("ended\r\n"), out[-2000:]


def test_an_exception_comes_below_the_bar():
    code = """
def say():
    say.left -= 1
    if not say.left:
        raise RuntimeError("enough")
say.left = 5
cross_val_score(Slow(0.3, say), X, y, cv=20, error_score="raise")
"""
    bar, *rest = Screen().write(on_terminal(SLOW + code)).text

    assert " 4/20 " in bar
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == "RuntimeError: enough"


def test_work_in_parallel_shows_one_bar():
    code = """
import joblib
for backend in ("loky", "multiprocessing", "threading"):
    with joblib.parallel_config(backend):
        cross_validate(Slow(0.4), X, y, cv=10, n_jobs=2)
print("done")
"""
    *drawn, done = Screen().write(on_terminal(SLOW + code)).text

    assert [" 10/10 " in bar for bar in drawn] == [True] * 3
    assert done == "done"


def test_processes_that_are_forked_meanwhile_print_and_end():
    code = """
def say():
    for _ in range(20):
        child = os.fork()
        if not child:
            print("child")
            sys.stdout.flush()
            assert not {"write"} & {*vars(sys.stdout), *vars(sys.stderr)}
            cross_val_score(Slow(0), X, y)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
cross_val_score(Slow(0.5, say), X, y, cv=4)
print("done")
"""
    out = on_terminal(SLOW + code, AUTOTRACK_PROGRESS="1")

    assert out.count("child") == 80
    assert Screen().write(out).text[-1] == "done"
    assert {match[2] for match in map(BAR.search, bars(out))} == {"4"}


def test_calls_at_the_same_time_share_the_place_for_one():
    code = """
threads = [
    threading.Thread(target=cross_val_score, args=(Slow(0.3), X, y), kwargs={"cv": cv})
    for cv in (5, 6)
]
for thread in threads: thread.start()
for thread in threads: thread.join()
cross_val_score(Slow(0.3), X, y, cv=7)
"""
    totals = {match[2] for match in map(BAR.search, bars(on_terminal(SLOW + code)))}

    assert len(totals & {"5", "6"}) == 1
    assert "7" in totals


def test_nothing_is_drawn_over_a_debuggers_prompt():
    answered = []

    def answer(terminal, out):
        if not answered and "(Pdb) " in out:
            time.sleep(1.5)
            answered.append(os.write(terminal, b"c\n"))

    code = "cross_val_score(Slow(0.7, lambda: say.pop() and breakpoint()), X, y, cv=4)"
    out = on_terminal(SLOW + "say = [0, 0, 1, 0]\n" + code, act=answer)

    prompt = out.index("(Pdb) ")
    # Before it the bar was there for a second split, and behind it comes back.
    assert not bars(out[prompt : out.index("c\r\n", prompt)])
    assert " 4/4 " in bars(out[prompt:])[-1]


def test_there_is_no_second_bar_beside_scikit_learns_own():
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brings a progress bar")
    code = """
from sklearn.callback import ProgressBar
from sklearn.linear_model import LogisticRegression
X = np.random.normal(size=(40, 1))
cross_val_score(LogisticRegression(max_iter=20), X, y, cv=2)
print("theirs")
cross_val_score(LogisticRegression(max_iter=20).set_callbacks(ProgressBar()), X, y, cv=2)
"""
    out = on_terminal(SLOW + code, AUTOTRACK_PROGRESS="1")
    with_ours, _, with_theirs = out.partition("theirs")

    assert " 2/2 " in bars(with_ours)[-1]
    assert "LogisticRegression - fit" in with_theirs
    assert not bars(with_theirs)


def test_in_a_notebook_it_is_one_output_below_the_cell(tmp_path, store_path):
    pytest.importorskip("ipykernel")
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient").NotebookClient

    cells = [SLOW, "cross_val_score(Slow(0.3, lambda: print('fitted')), X, y, cv=5)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    client(
        notebook, timeout=int(PATIENCE), resources={"metadata": {"path": str(tmp_path)}}
    ).execute()

    shown = [o for o in notebook.cells[1].outputs if o.output_type == "display_data"]
    printed = [o.text for o in notebook.cells[1].outputs if o.output_type == "stream"]
    (bar,) = shown
    assert re.match(r"cross_val_score: Slow .* 5/5 ", bar.data["text/plain"])
    assert "<pre" in bar.data["text/html"]
    assert "".join(printed) == "fitted\n" * 5


@pytest.mark.parametrize("width", [60, 78, 200])
@pytest.mark.parametrize("total", [None, 500])
def test_the_line_fits_and_says_every_number(width, total):
    from rich.console import Console

    name = "cross_val_score: StandardScaler > LogisticRegression"
    view = View(name, Progress(23, total, reused=20), 12.0, "mean 0.9312")
    console = Console(file=io.StringIO(), width=width)
    console.print(bar_line(view, width))
    (line,) = console.file.getvalue().splitlines()

    assert len(line) <= width
    for fact in ("23/?" if total is None else "23/500", "4.0 s each", "mean 0.9312"):
        assert fact in line
    assert ("31:48 left" in line) == (total is not None)


def test_it_says_the_best_score_where_the_best_counts():
    bar = progress_bar("search", 3, setting=False, failsafe=Failsafe(strict=True), summary="best")
    with bar:
        for score in (0.5, float("nan"), 0.75, 0.25):
            bar.advance(score)
        bar.advance(count=2)
    assert bar.progress == Progress(6, 3)
    assert str(bar._scores) == "best 0.75"


@pytest.mark.parametrize(
    ("given", "meant"),
    [("auto", "auto"), ("AUTO", "auto"), (True, True), (0, False), ("no", False)],
)
def test_the_setting_is_auto_or_yes_or_no(given, meant):
    assert Settings.resolve(environ={}, progress=given).progress is meant
    assert Settings.resolve(environ={"AUTOTRACK_PROGRESS": str(given)}).progress == meant
    assert Settings.resolve(environ={}).progress == "auto"


def test_another_value_of_the_setting_is_an_error():
    with pytest.raises(autotrack.SettingError, match="expected True, False or 'auto', got 'often'"):
        autotrack.enable(progress="often")


# -- searches --------------------------------------------------------------------------------------

SEARCH = """
from sklearn.model_selection import GridSearchCV
class Unlike(Slow):
    def score(self, X, y):
        return self.wait
"""


def test_a_search_shows_its_evaluations_and_the_best_so_far():
    code = "GridSearchCV(Unlike(), {'wait': [0.2, 0.3, 0.1]}, cv=3).fit(X, y)\nprint('done')"
    out = on_terminal(SLOW + SEARCH + code)

    drawn = re.findall(r"GridSearchCV: [^\r\n\x1b]*", re.sub(r"\x1b\[[0-9;]*m", "", out))
    assert re.search(r" [3-7]/9 .*best 0\.[23]", drawn[0]), drawn[0]
    last, done = Screen().write(out).text
    assert re.search(r"GridSearchCV: Unlike .* 9/9 .*best 0\.3$", last)
    assert done == "done"


def test_the_pace_of_a_resumed_search_is_that_of_what_it_computes():
    code = """
import os
class Cut(Unlike):
    def fit(self, X, y):
        if os.environ.get("CUT") and self.wait == 0.3:
            raise KeyboardInterrupt
        return super().fit(X, y)
os.environ["CUT"], search = "yes", GridSearchCV(Cut(), {'wait': [0.1, 0.2, 0.3, 0.5]}, cv=3)
try:
    search.fit(X, y)
except KeyboardInterrupt:
    del os.environ["CUT"]
search.fit(X, y)
"""
    out = on_terminal(SLOW + SEARCH + code)

    second = Screen().write(out).text[-1]
    # Six in the first second, with what the pace of those that were computed says of the rest.
    assert re.search(r"GridSearchCV: Cut .* 12/12 .*best 0\.5$", second)
    pace = re.search(r"([\d.]+)/s", second)
    assert 1.5 < float(pace[1]) < 2.6
