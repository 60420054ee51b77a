"""`autotrack run`: the script behaves as under plain Python, and is tracked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

import autotrack
from autotrack.cli import main
from autotrack.cli.run import _readies_imports, split_inputs
from tests.waiting import PATIENCE

FIT = "from sklearn.linear_model import Ridge\nRidge(alpha=2).fit([[1], [2]], [1, 2])\n"


@pytest.fixture
def run_script(tmp_path, run_python):
    """Write a script, run it by `autotrack run`, and return what came of it."""

    def run(code, *args, before=(), name="train.py", **more):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
        return run_python("-m", "autotrack", "run", *before, name, *args, **more)

    return run


@pytest.fixture
def run_here(tmp_path, monkeypatch):
    """The same within this process, for what needs no process of its own."""

    def run(code, *args, before=()):
        script = tmp_path / "train.py"
        script.write_text(code)
        return CliRunner().invoke(main, ["run", *before, str(script), *args])

    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return run


def test_a_script_that_never_heard_of_autotrack_is_tracked(run_script):
    done = run_script(FIT)
    (run,) = autotrack.search_runs().itertuples()
    assert (run.name, run.kind, run.status) == ("Ridge", "fit", "FINISHED")
    assert "autotrack: recorded 1 run in" in done.stderr
    assert done.stdout == ""
    record = autotrack.get_run(run.run_id).record()
    assert record.source.script.endswith("train.py")


def test_the_script_sees_what_it_would_see_under_python(run_script, run_python, tmp_path):
    code = (
        "import sys\n"
        "import beside\n"
        "print(sys.argv, __name__, __file__, sys.path[0])\n"
        "print(sys.modules['__main__'].__file__, len([p for p in sys.path if p == sys.path[0]]))\n"
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "beside.py").touch()
    arguments = ["a b", "--flag", "-x", "1", "--store", "mine", "--help"]
    tracked = run_script(code, *arguments, name="sub/train.py")
    assert tracked.stdout == run_python("sub/train.py", *arguments).stdout
    script = tmp_path / "sub" / "train.py"
    assert tracked.stdout.splitlines() == [
        f"{['sub/train.py', *arguments]} __main__ {script} {tmp_path / 'sub'}",
        f"{script} 1",
    ]


def test_the_script_sees_the_same_paths_as_under_python(run_script, run_python):
    code = "import sys\nprint(sys.path)\n"
    assert run_script(code).stdout == run_python("train.py").stdout


READIES = """
import os
import random
import warnings
random.seed(4)
os.environ["SCIPY_ARRAY_API"] = "1"
os.makedirs("elsewhere", exist_ok=True)
os.chdir("elsewhere")
import sklearn
from sklearn.linear_model import Ridge
from scipy._lib._array_api import SCIPY_ARRAY_API
print(random.random(), SCIPY_ARRAY_API, sklearn.__name__)
print(Ridge(alpha=2).fit([[1], [2]], [1, 2]).predict([[3]]))
"""


def test_what_a_script_does_before_its_imports_counts_for_them(run_script, run_python):
    tracked = run_script(READIES, before=["--experiment", "early"])
    assert tracked.stdout == run_python("train.py").stdout
    (run,) = autotrack.search_runs("early").itertuples()
    assert run.name == "Ridge"


@pytest.mark.parametrize(
    ("code", "readies"),
    [
        ("import os\nos.environ['A'] = '1'\nfrom sklearn import svm\n", True),
        ("import warnings\nwarnings.simplefilter('ignore')\nimport sklearn.svm\n", True),
        ("if 1:\n    print(1)\ntry:\n    import sklearn\nexcept ImportError: pass\n", True),
        ("print(1)\nimport autotrack, sklearn\n", False),
        ("'Doc.'\nimport numpy as np\nA = 1\ndef f(): print(1)\nimport sklearn\nf()", False),
        ("print(1)\ndef f():\n    import sklearn\nf()\n", False),
        ("print(1)\n", False),
        ("print(1\nimport sklearn", False),
        ("import sklearn\nprint(1)\nimport sklearn.svm\n", False),
    ],
)
def test_only_a_script_that_acts_before_its_imports_has_them_wait(tmp_path, code, readies):
    (tmp_path / "train.py").write_text(code)
    assert _readies_imports(tmp_path / "train.py") is readies


def test_garbage_of_the_script_is_collected_as_under_python(run_script, run_python):
    code = (
        "import gc, weakref\n"
        "from sklearn.linear_model import Ridge\n"
        "model = Ridge().fit([[1], [2]], [1, 2])\n"
        "model.itself_ = model\n"
        "gone = weakref.ref(model)\n"
        "del model\n"
        "print(gone() is None, gc.collect() > 0, gone() is None)\n"
        "mine = type('Mine', (Ridge,), {})\n"
        "print(any(each is mine for each in gc.get_objects()))\n"
        "print(gc.isenabled(), gc.get_threshold(), gc.garbage, gc.callbacks)\n"
    )
    assert run_script(code).stdout == run_python("train.py").stdout


def test_workers_that_start_afresh_find_the_functions_of_the_script(run_script):
    code = (
        "import multiprocessing\n"
        "def double(number):\n"
        "    return 2 * number\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(double, [1, 2]))\n"
    )
    assert run_script(code).stdout == "[2, 4]\n"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit('no data')", 1),
        ("raise ValueError('no data')", 1),
        ("import sys; sys.exit(True)", 1),
    ],
)
def test_the_exit_code_is_the_scripts(run_here, ending, code):
    done = run_here(f"{FIT}{ending}\n")
    assert done.exit_code == code
    assert ("no data" in done.output) == ("no data" in ending)
    assert autotrack.search_runs()["status"].tolist() == ["FINISHED"]


@pytest.mark.parametrize(
    "error",
    [
        "ValueError('no data')",
        "EOFError('no data')",
        "KeyError('no data')",
        "__import__('autotrack').InvalidValueError('no data')",
        "__import__('click').UsageError('no data')",
        "__import__('click').Abort('no data')",
    ],
)
def test_an_exception_shows_the_scripts_own_frames(run_here, tmp_path, error):
    done = run_here(f"def train():\n    raise {error}\ntrain()\n")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert [line for line in lines if line.startswith("  File")] == [
        f'  File "{tmp_path / "train.py"}", line 3, in <module>',
        f'  File "{tmp_path / "train.py"}", line 2, in train',
    ]
    assert "no data" in lines[-1]


def test_an_exception_is_shown_as_python_shows_it(run_script, run_python):
    code = "def train():\n    raise ValueError('no data')\ntrain()\n"
    tracked = run_script(code, check=False)
    plain = run_python("train.py", check=False)
    assert tracked.returncode == plain.returncode
    assert tracked.stderr == plain.stderr


def test_a_hook_for_exceptions_is_asked(run_here, monkeypatch):
    told = []
    monkeypatch.setattr(sys, "excepthook", lambda *about: told.append(str(about[1])))
    assert run_here("raise ValueError('mine')\n").output == ""
    assert told == ["mine"]


def test_a_syntax_error_is_shown_at_its_line(run_here, tmp_path):
    done = run_here("x = 1\nif x\n")
    assert done.exit_code == 1
    assert done.output.startswith(f'  File "{tmp_path / "train.py"}", line 2\n')


def test_an_interrupt_ends_it_as_it_ends_python(run_script):
    code = f"import autotrack\n{FIT}autotrack.log_param('a', 1)\nraise KeyboardInterrupt\n"
    done = run_script(code, check=False)
    assert done.returncode == 130
    assert "KeyboardInterrupt" in done.stderr
    assert "Aborted" not in done.stderr
    found = autotrack.search_runs()
    assert dict(zip(found["kind"], found["status"], strict=True)) == {
        "fit": "FINISHED",
        "user": "KILLED",
    }


def test_a_run_left_open_by_an_exception_is_failed(run_script):
    run_script(
        "import autotrack\nautotrack.log_param('a', 1)\nraise ValueError('x')\n", check=False
    )
    (run,) = autotrack.search_runs()["run_id"]
    run = autotrack.get_run(run)
    assert (run.status, run.error.type) == ("FAILED", "ValueError")
    assert "train.py" in run.error.traceback


PARAMS = "import autotrack, sys\nprint(autotrack.param('alpha', 0.5), sys.argv[1:])\n"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([], ["-P", "alpha=0.1"], "0.1 []"),
        ([], ["-Palpha=0.1"], "0.1 []"),
        (["-P", "alpha=0.1"], ["x"], "0.1 ['x']"),
        ([], ["-P", "alpha=0.1", "x", "-P", "alpha=0.2"], "0.2 ['x']"),
        ([], ["x", "--", "-P", "alpha=0.1"], "0.5 ['x', '-P', 'alpha=0.1']"),
        ([], ["--alpha=3"], "0.5 ['--alpha=3']"),
    ],
)
def test_inputs_are_set_from_the_command_line(run_here, before, after, said):
    assert run_here(PARAMS, *after, before=before).output == f"{said}\n"


def test_inputs_may_hold_whatever_text():
    assert split_inputs(("-P", "a=b=c", "-P", "d=", "-Pe= f", "x")) == (
        {"a": "b=c", "d": "", "e": " f"},
        ["x"],
    )


@pytest.mark.parametrize("after", [["-P"], ["-P", "alpha"], ["-P", "=1"]])
def test_an_input_without_name_or_value_is_a_usage_error(run_here, after):
    done = run_here(PARAMS, *after)
    assert done.exit_code == 2
    assert "-P takes name=value" in done.output


def test_an_input_of_another_type_says_so_with_a_traceback_into_the_script(run_here):
    done = run_here(PARAMS, "-P", "alpha=much")
    assert done.exit_code == 1
    assert "'much', which is no float like its default 0.5" in done.output
    assert 'train.py", line 2, in <module>' in done.output


def test_options_before_the_script_are_autotracks(run_script, tmp_path, monkeypatch):
    before = ["--experiment", "tea", "--no-models", "--store", "elsewhere"]
    done = run_script(FIT, before=before)
    assert "in elsewhere; see them with: autotrack runs --store elsewhere" in done.stderr
    monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "elsewhere"))
    (run,) = autotrack.search_runs().itertuples()
    assert run.experiment == "tea"
    assert autotrack.list_artifacts(run.run_id).empty


def test_a_script_that_switches_tracking_on_itself_keeps_its_settings(run_here):
    run_here(f"import autotrack\nautotrack.enable(log_models=False)\n{FIT}")
    (run,) = autotrack.search_runs()["run_id"]
    assert autotrack.list_artifacts(run).empty


@pytest.mark.parametrize(
    ("wrong", "says"),
    [("nowhere.py", "'nowhere.py' does not exist"), ("--experimnt=tea", "'--experiment'")],
)
def test_what_is_no_script_or_no_option_is_a_usage_error(wrong, says):
    done = CliRunner().invoke(main, ["run", wrong])
    assert done.exit_code == 2
    assert says in done.output.replace("--experiment?", "'--experiment'")


def test_the_line_at_exit_can_be_silenced(run_script):
    assert run_script(FIT, AUTOTRACK_QUIET="1").stderr == ""
    assert run_script("print('nothing to record')\n").stderr == ""


def test_output_that_is_cut_off_is_no_concern_of_the_line_at_exit(run_script, tmp_path):
    code = f"{FIT}import sys\nsys.stderr.close()\n"
    assert run_script(code).returncode == 0


def test_the_working_directory_may_change_meanwhile(run_script, tmp_path, monkeypatch):
    """The default store is the one of the folder the script was started in."""
    (tmp_path / "away").mkdir()
    code = (
        f"import os, autotrack\nos.chdir('away')\n{FIT}"
        "assert len(autotrack.search_runs()) == 1\n"
        "with autotrack.start_run(): pass\n"
    )
    done = run_script(code, AUTOTRACK_STORE="")
    assert not (tmp_path / "away" / "autotrack_runs").exists()
    assert f"recorded 2 runs in {tmp_path / 'autotrack_runs'};" in done.stderr
    assert f"--store {tmp_path / 'autotrack_runs'}" in done.stderr
    monkeypatch.setenv("AUTOTRACK_STORE", str(tmp_path / "autotrack_runs"))
    assert len(autotrack.search_runs()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_real_interrupt_from_outside_leaves_a_killed_run(tmp_path, store_path):
    (tmp_path / "train.py").write_text(
        "import time\n"
        "from sklearn.base import BaseEstimator\n"
        "class Slow(BaseEstimator):\n"
        "    def fit(self, X, y):\n"
        "        print('fitting', flush=True)\n"
        "        time.sleep(600)\n"
        "    def predict(self, X):\n"
        "        return X\n"
        "Slow().fit([[1]], [1])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "autotrack", "run", "train.py"],
        cwd=tmp_path,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What is started in the background of a shell does not hear interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout.readline() == "fitting\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "KeyboardInterrupt" in errors
    (run,) = autotrack.search_runs().itertuples()
    assert (run.name, run.status) == ("Slow", "KILLED")
