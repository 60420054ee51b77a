"""A function crate holds the function and what it was given, and nothing else of where it was."""

from __future__ import annotations

import functools
import math
import os
import pickle
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.utils
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import autotrack
from autotrack import FreeNameError, InvalidValueError, UncratableError

X = np.arange(40.0).reshape(20, 2)
y = (np.arange(20) > 8).astype(int)

factor = 3
sorted = functools.partial(sorted, reverse=True)


def risky(X, model, threshold):
    return model.predict_proba(X)[:, 1] > threshold


def times(value):
    return value * factor


def add_one(value):
    return times(value) + 1


def fitted():
    return LogisticRegression().fit(X, y)


# -- what it does ---------------------------------------------------------------------------------


def test_a_crate_is_called_like_its_function():
    model, threshold = fitted(), 0.3
    decide = autotrack.crate(
        lambda X, strict=False: model.predict_proba(X)[:, 1] > (0.9 if strict else threshold),
        model=model,
        threshold=threshold,
    )
    expected = model.predict_proba(X)[:, 1]
    assert np.array_equal(decide(X), expected > 0.3)
    assert np.array_equal(decide(X, strict=True), expected > 0.9)
    assert np.array_equal(decide.predict(X), expected > 0.3)


def test_builtins_and_modules_are_there_unsaid():
    def spread(values):
        import collections

        ordered = np.sort(values)
        return float(statistics.median(ordered)), len(collections.Counter(values)), max(values)

    made = autotrack.crate(spread)
    assert made([1, 5, 3, 3]) == (3.0, 3, 5)
    assert made.manifest.modules == ["collections", "numpy", "statistics"]
    assert [name.partition("==")[0] for name in made.requirements] == ["cloudpickle", "numpy"]


def test_what_it_was_given_is_its_own():
    table = {"a": 1}
    look_up = autotrack.crate(lambda key: table[key], table=table)
    table["a"] = 2
    assert look_up("a") == 1
    assert look_up.objects["table"] == {"a": 1}
    assert look_up.objects["table"] is not table


def test_objects_that_share_something_go_on_sharing_it():
    part = [1]

    def same():
        return left[0] is right[0]

    left, right = [part], [part]
    assert autotrack.crate(same, left=left, right=right)()


def test_functions_among_the_objects_see_the_others():
    made = autotrack.crate(add_one, times=times, factor=5)
    assert made(2) == 11
    assert add_one(2) == 7


def test_a_function_may_call_itself():
    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    assert autotrack.crate(factorial)(5) == 120
    assert autotrack.crate(global_factorial)(5) == 120


def global_factorial(n):
    return 1 if n < 2 else n * global_factorial(n - 1)


def test_inner_functions_classes_and_comprehensions_are_looked_into():
    def shape(values, offset=1):
        class Holder:
            size = len(values)

            def total(self):
                return sum(v + offset + bonus for v in values)

        return Holder().total(), Holder.size

    bonus = 10
    assert autotrack.crate(shape, bonus=2)([1, 2]) == (9, 2)
    with pytest.raises(FreeNameError, match=r"'bonus' \(test_functions\.py, line \d+, a variable"):
        autotrack.crate(shape)


def test_a_partial_keeps_its_arguments():
    model = fitted()
    made = autotrack.crate(functools.partial(risky, model=model, threshold=0.5))
    assert np.array_equal(made(X), risky(X, model, 0.5))


def test_functions_among_defaults_and_arguments_are_cut_too():
    def apply(value, by=times, *, then=add_one):
        return then(by(value))

    with pytest.raises(FreeNameError) as caught:
        autotrack.crate(apply)
    assert caught.value.names == ["factor", "times"]
    made = autotrack.crate(functools.partial(apply, by=times), factor=2, times=times)
    assert made(1) == 5


def test_a_global_that_the_function_sets_itself_is_no_free_name():
    def count():
        global calls
        try:
            calls += 1
        except NameError:
            calls = 1
        return calls

    made = autotrack.crate(count)
    assert [made(), made()] == [1, 2]
    assert "calls" not in globals()


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers() | st.text() | st.floats(), min_size=1)
)
def test_any_objects_come_back(objects):
    names = ", ".join(objects)
    scope = {}
    exec(f"def held(): return [{names}]", scope)
    assert repr(autotrack.crate(scope["held"], **objects)()) == repr(list(objects.values()))


# -- what it refuses ------------------------------------------------------------------------------


def test_every_name_that_was_not_passed_is_an_error_at_once_with_its_line():
    def score(X):
        first = model.predict(X)
        return first > limit

    model, line = None, score.__code__.co_firstlineno
    limit = 0.5
    with pytest.raises(FreeNameError) as caught:
        autotrack.crate(score)
    assert caught.value.names == ["limit", "model"]
    said = str(caught.value)
    assert f"'model' (test_functions.py, line {line + 1}, a variable around it)" in said
    assert f"'limit' (test_functions.py, line {line + 2}, a variable around it)" in said
    assert "autotrack.crate(..., model=model, limit=limit)" in said
    assert isinstance(caught.value, NameError)


def test_globals_and_names_from_nowhere_are_errors_too():
    with pytest.raises(FreeNameError, match=r"'factor' \(test_functions\.py, line \d+\)"):
        autotrack.crate(times)
    with pytest.raises(FreeNameError, match="'undefined_name'"):
        autotrack.crate(lambda: undefined_name)  # noqa: F821


def test_a_function_among_the_objects_is_held_to_the_same():
    with pytest.raises(FreeNameError) as caught:
        autotrack.crate(add_one, times=times)
    assert caught.value.names == ["factor"]


def test_what_hides_a_builtin_must_be_passed():
    with pytest.raises(FreeNameError, match="'sorted'"):
        autotrack.crate(lambda values: sorted(values))
    assert autotrack.crate(lambda values: sorted(values), sorted=sorted)([1, 3, 2]) == [3, 2, 1]


def test_an_imported_function_is_a_name_like_others():
    with pytest.raises(FreeNameError, match="'fitted'"):
        autotrack.crate(lambda: fitted())
    mean = statistics.mean
    assert autotrack.crate(lambda v: mean(v), mean=mean)([1, 2, 3]) == 2


def test_an_object_that_nobody_uses_is_an_error():
    with pytest.raises(InvalidValueError, match="was given treshold, which neither"):
        autotrack.crate(risky, treshold=0.3)


@pytest.mark.parametrize("thing", [3, "text", None, LogisticRegression, fitted, [len]])
def test_a_crate_holds_an_estimator_or_a_function(thing):
    if thing is fitted:
        thing = "text".join  # a bound method brings along what nobody named
    with pytest.raises(InvalidValueError, match=r"fitted estimator or a function"):
        autotrack.crate(thing)


def test_only_functions_are_given_objects():
    with pytest.raises(InvalidValueError, match="threshold cannot be passed along"):
        autotrack.crate(fitted(), threshold=0.3)


def test_an_object_that_cannot_be_pickled_is_named():
    import threading

    lock = {"inner": threading.Lock()}
    with pytest.raises(
        UncratableError, match=r"lock, a dict, cannot be pickled.*\(at dict\['inner'\]\)"
    ):
        autotrack.crate(lambda: lock, lock=lock)


# -- the bill -------------------------------------------------------------------------------------


def test_the_repr_is_the_size_bill_largest_first():
    small, large = b"s" * 1000, b"l" * 100_000
    made = autotrack.crate(lambda: (small, large, math.pi), small=small, large=large)
    lines = [line.split() for line in repr(made).splitlines()]
    assert lines[0][:1] == ["<Crate"]
    assert [line[0] for line in lines[1:4]] == ["function", "large", "small"]
    sizes = {each.name: each.size for each in made.manifest.objects}
    assert 100_000 <= sizes["large"] < 100_200
    assert 1000 <= sizes["small"] < 1200
    assert ["imports", "math"] in lines
    total = next(file.size for file in made.manifest.files if file.path == "model.pkl")
    assert sum(sizes.values()) < total < sum(sizes.values()) + 2000


# -- kept -----------------------------------------------------------------------------------------


def test_it_is_kept_in_a_run_and_in_a_folder(tmp_path):
    model = fitted()
    made = autotrack.crate(risky_of, model=model, threshold=0.3)
    with autotrack.start_run() as run:
        autotrack.log_model(made)
    loaded = autotrack.load_model(f"runs:/{run.run_id}/model")
    saved = autotrack.load_model(made.save(tmp_path / "saved"))
    for crate in (loaded, saved):
        assert np.array_equal(crate(X), risky(X, model, 0.3))
        assert crate.manifest.kind == "function"
        assert sorted_names(crate.objects) == ["model", "threshold"]
    assert loaded.manifest.run_id == run.run_id


def sorted_names(mapping):
    return list(__builtins__["sorted"](mapping))


def risky_of(X):
    return model.predict_proba(X)[:, 1] > threshold  # noqa: F821 - given


def test_log_model_takes_a_function_that_needs_nothing():
    with autotrack.start_run() as run:
        autotrack.log_model(lambda values: max(values) - min(values))
        with pytest.raises(FreeNameError):
            autotrack.log_model(times)
    assert run.load_model()([3, 9]) == 6


def test_a_crate_of_a_function_has_no_estimator():
    made = autotrack.crate(times, factor=2)
    with pytest.raises(AttributeError, match=r"given in objects \(factor\)"):
        made.estimator  # noqa: B018
    assert not hasattr(made, "predict_proba")
    assert not hasattr(made, "score")


def test_an_estimator_can_be_crated_without_a_run(tmp_path):
    model = fitted()
    made = autotrack.crate(model)
    assert made.estimator is not model
    assert np.array_equal(made.predict_proba(X), model.predict_proba(X))
    assert made.objects == {}


def test_scores_of_what_a_crate_decides_reach_the_run_of_its_model():
    from sklearn.metrics import accuracy_score

    with autotrack.enable():
        model = fitted()
        fit = autotrack.last_run()
        decide = autotrack.crate(lambda X: model.predict(X), model=model)
        X_new = X[::2]
        accuracy_score(y[::2], decide(X_new))
    assert fit.metrics["new_accuracy_score"] == pytest.approx(
        (model.predict(X_new) == y[::2]).mean()
    )


def test_it_works_where_there_is_no_autotrack(tmp_path):
    model = fitted()
    made = autotrack.crate(risky_of, model=model, threshold=0.3)
    made.save(tmp_path / "crate")
    (tmp_path / "data.pkl").write_bytes(pickle.dumps(X))
    code = """
import pickle, sys
sys.modules["autotrack"] = None
with open("crate/model.pkl", "rb") as file:
    stream = pickle.Unpickler(file)
    *given, function = [stream.load() for _ in range(3)]
print(function(pickle.load(open("data.pkl", "rb"))).tolist())
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(risky(X, model, 0.3).tolist())


def test_the_folder_of_a_crate_goes_with_it():
    made = autotrack.crate(times, factor=2)
    folder = made._folder
    child = os.fork()
    if not child:
        del made
        os._exit(0 if Path(folder).exists() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert folder.exists()
    del made
    assert not folder.exists()


def test_what_a_library_holds_stays_there():
    made = autotrack.crate(functools.partial(sklearn.utils.resample, random_state=0, n_samples=3))
    assert (
        made(np.arange(10)).tolist()
        == sklearn.utils.resample(np.arange(10), random_state=0, n_samples=3).tolist()
    )
    assert made.manifest.code == []
