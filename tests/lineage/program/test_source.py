"""Programs of every kind: notebook cells, code without a source, deep, long and odd ones."""

from __future__ import annotations

import linecache
import textwrap
import threading

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score

import autotrack
from tests.looking import history, only_run
from tests.waiting import fastest

SETTING = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
random = np.random.RandomState(0)
X = random.normal(size=(200, 3))
y = (X[:, 0] + random.normal(size=200) > 0).astype(int)
X_train, X_test, y_train, y_test = X[:120], X[120:], y[:120], y[120:]
model = LogisticRegression().fit(X_train, y_train)
"""


class Cells:
    """Runs pieces of source one after another, as a notebook does."""

    def __init__(self, *, kept):
        self.names = {"__name__": "__main__"}
        self.count = 0
        self.kept = kept

    def run(self, source):
        self.count += 1
        name = f"<cell {self.count} of {id(self)}>"
        source = textwrap.dedent(source)
        if self.kept:
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), self.names)


@pytest.fixture
def cells(tracking):
    return Cells(kept=True)


def test_what_another_cell_defined_is_not_followed_further_than_it_is_known(cells):
    cells.run(SETTING)
    cells.run("p = model.predict(X_test)")
    cells.run("value = accuracy_score(y_test, p)")
    assert only_run().metrics == {"test_accuracy_score": cells.names["value"]}


def test_a_helper_in_another_cell_is_followed(cells):
    cells.run(SETTING)
    cells.run("def labels(m, X, limit):\n    p = m.predict_proba(X)[:, 1]\n    return p > limit\n")
    cells.run("def judge(p):\n    return accuracy_score(y_test, p)\n")
    cells.run("value = judge(labels(model, X_test, 0.4).astype(int).tolist())")
    assert only_run().metrics == {"test_accuracy_score": cells.names["value"]}


def test_a_cell_that_runs_again_with_another_model_credits_that_one(cells):
    cells.run(SETTING)
    first = only_run()
    source = "value = accuracy_score(y_test, model.predict(X_test).tolist())"
    cells.run(source)
    cells.run("model = LogisticRegression(C=1e-4).fit(X_train, y_train)")
    second = autotrack.last_run()
    cells.run(source)
    assert len(history(first, "test_accuracy_score")) == 1
    assert history(second, "test_accuracy_score") == [cells.names["value"]]


def test_real_cells_of_ipython_show_where_a_score_comes_from(run_python):
    pytest.importorskip("IPython")
    code = f"""
    import autotrack
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()
    autotrack.enable(log_models=False)
    for cell in (
        {SETTING!r},
        "def labels(m):\\n    return m.predict(X_test).tolist()",
        "p = labels(model)",
        "value = accuracy_score(y_test, labels(model))",
        "lost = accuracy_score(y_test, [1 - label for label in labels(model)])",
    ):
        done = shell.run_cell(cell)
        done.raise_error()
    held = autotrack.metric_history(autotrack.last_run().run_id, "test_accuracy_score")["value"]
    assert shell.user_ns["value"] in held.tolist(), held
    """
    run_python(code=textwrap.dedent(code))


def test_without_a_source_only_what_values_prove_is_credited(tracking):
    cells = Cells(kept=False)
    cells.run(SETTING)
    cells.run("a = log_loss(y_test, model.predict_proba(X_test)[:, 1].tolist())")
    cells.run("b = log_loss(y_test, 1 - (1 - model.predict_proba(X_test)[:, 1]))")
    cells.run("c = accuracy_score(y_test, model.predict(X_test).tolist())")
    cells.run("d = accuracy_score(y_test, X_test[:, 0] > 0)")
    cells.run("e = accuracy_score(y_test, model.predict(X_test))")
    assert history(only_run(), "test_log_loss")[0] == cells.names["a"]
    assert history(only_run(), "test_accuracy_score") == [cells.names["e"]]


def test_a_source_that_was_changed_since_credits_nothing_wrong(tracking, tmp_path, monkeypatch):
    source = SETTING + (
        "other = LogisticRegression(C=1e-4).fit(X_train, y_train)\n"
        "p, q = model.predict(X_test).tolist(), other.predict(X_test).tolist()\n"
        "def judge():\n    return accuracy_score(y_test, p)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(source)
    names = {"__name__": "__main__"}
    exec(compile(source, str(script), "exec"), names)
    script.write_text(source.replace("(y_test, p)", "(y_test, q)"))
    assert names["p"] != names["q"]
    value = names["judge"]()
    second = autotrack.last_run()
    assert second.metrics == {}
    script.write_text("# another text altogether\n" * 30)
    linecache.checkcache(str(script))
    names["judge"]()
    script.unlink()
    names["judge"]()
    assert value is not None
    assert second.metrics == {}


def _deep(levels, work):
    return work() if levels == 0 else _deep(levels - 1, work)


def test_a_score_deep_in_a_recursion_is_like_any_other(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = LogisticRegression().fit(X_train, y_train)
    p = model.predict(X_test).tolist()

    def judge():
        return accuracy_score(y_test, p[:])

    for levels in (200, 600, 700, 750, 800, 820, 840, 860, 880, 900):
        autotrack.disable()
        try:
            expected = _deep(levels, judge)
        except RecursionError:
            break
        finally:
            autotrack.enable(log_models=False)
        assert _deep(levels, judge) == expected


def test_a_function_that_calls_itself_in_what_it_returns_is_followed_to_an_end(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = LogisticRegression().fit(X_train, y_train)

    def labels(n):
        return labels(n - 1) if n else model.predict(X_test).tolist()

    def even(n):
        return model.predict(X_test).tolist() if n == 0 else odd(n - 1)

    def odd(n):
        return even(n - 1) or even(n - 2) or [odd(n), even(n), odd(n + 1)]

    value = accuracy_score(y_test, labels(5))
    accuracy_score(y_test, even(8))
    assert only_run().metrics in ({"test_accuracy_score": value}, {})
    assert fastest(lambda: accuracy_score(y_test, even(8))) < 0.5


def test_names_that_stand_for_each_other_are_followed_to_an_end(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = LogisticRegression().fit(X_train, y_train)
    p = q = r = model.predict(X_test).tolist()
    for _ in range(3):
        p, q, r = q, r, p
        p = [p, q, r][0]
        q = {"p": p, "q": q}["q"]
        r = (p or q) if q else (r or p)
        accuracy_score(y_test, p)
    assert fastest(lambda: accuracy_score(y_test, r[:])) < 0.5


class Chain:
    """An attribute made of itself over and over."""

    def __init__(self, p):
        self.p = p
        self.q = p

    def step(self):
        self.p = [x for x in self.q if self.p]
        self.q = [x for x in self.p if self.q]
        self.p = self.p + self.q if not self.p else self.q + self.p if not self.q else self.p
        return self

    def judge(self, y):
        return accuracy_score(y, self.p)


def test_attributes_made_of_each_other_are_followed_to_an_end(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    chain = Chain(LogisticRegression().fit(X_train, y_train).predict(X_test).tolist())
    chain.step().judge(y_test)
    assert fastest(lambda: chain.step().judge(y_test)) < 0.2


@pytest.mark.parametrize(("terms", "calls"), [(200, 80), (1500, 300)])
def test_a_sum_of_very_many_terms_is_in_nobodys_way(terms, calls, tracking, tmp_path):
    added = " + ".join(f"{i}" for i in range(terms))
    source = SETTING + f"text = 'a'\nnumber = {added}\ntext = text{'.strip()' * calls}\n"
    source += "value = accuracy_score(y_test, model.predict(X_test).tolist())\n"
    source += "direct = accuracy_score(y_test, model.predict(X_test))\n"
    script = tmp_path / "script.py"
    script.write_text(source)
    names = {"__name__": "__main__"}
    exec(compile(source, str(script), "exec"), names)
    expected = [names["value"], names["direct"]]
    assert history(only_run(), "test_accuracy_score") == expected


def test_in_a_long_module_a_score_is_as_fast_as_in_a_short_one(tracking, tmp_path):
    filling = "".join(
        f"def f{i}(a, b=1):\n    c = a + b\n    p = [c, {i}]\n    return p\np = f{i}({i})\n"
        for i in range(3000)
    )
    source = (
        SETTING
        + filling
        + (
            "def labels():\n    return model.predict(X_test).tolist()\n"
            "def judge():\n    p = labels()\n    return accuracy_score(y_test, p)\n"
            "value = judge()\n"
        )
    )
    script = tmp_path / "script.py"
    script.write_text(source)
    names = {"__name__": "__main__"}
    exec(compile(source, str(script), "exec"), names)
    assert only_run().metrics == {"test_accuracy_score": names["value"]}
    assert fastest(names["judge"]) < 0.05


def test_variables_of_a_function_are_let_go_of_when_it_lets_go(tracking, numbers):
    import gc
    import weakref

    X_train, X_test, y_train, y_test = numbers
    model = Ridge().fit(X_train, y_train)

    def work():
        large = np.zeros(1000)
        p = model.predict(X_test)
        r2_score(y_test[::2], p[::2].copy())
        r2_score(y_test, np.exp(p))
        seen = weakref.ref(large)
        del large
        gc.collect()
        return seen()

    assert work() is None


def test_a_function_that_asks_for_its_variables_gets_those_of_that_moment(tracking, numbers):
    X_train, X_test, y_train, y_test = numbers
    model = Ridge().fit(X_train, y_train)

    def work():
        p = model.predict(X_test)
        before = locals()
        later = 1
        r2_score(y_test, np.exp(p))
        return sorted(before), later

    names, _ = work()
    assert "later" not in names


def test_generators_and_threads_hand_over_what_models_predicted(tracking, binary):
    X_train, X_test, y_train, y_test = binary
    model = LogisticRegression().fit(X_train, y_train)

    def batches():
        for _ in range(3):
            yield model.predict(X_test).tolist()

    values = [accuracy_score(y_test, p) for p in batches()]
    done = []
    thread = threading.Thread(target=lambda: done.append(accuracy_score(y_test, next(batches()))))
    thread.start()
    thread.join()
    assert set(history(only_run(), "test_accuracy_score")) <= set(values + done)
