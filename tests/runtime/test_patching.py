"""Exchanging functions in place, and putting them back: no scikit-learn here."""

from __future__ import annotations

import abc
import functools
import inspect
import pickle

import cloudpickle
import pytest

from autotrack.runtime.patching import (
    Watch,
    is_patched,
    is_wrapper,
    patch_attribute,
    patch_cell,
    restore,
    restore_cell,
    unwrapped,
    wrap,
    wrapped_cell,
)


class Notes:
    """Listens, and lets the call go on."""

    def __init__(self):
        self.calls = []

    def __call__(self, original, args, kwargs):
        self.calls.append((original.__name__, args, kwargs))
        return original(*args, **kwargs)


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def watch(notes):
    return Watch(notes)


class Conditional:
    """Like scikit-learn's `available_if`: keeps its function in `fn`."""

    def __init__(self, fn, check):
        self.fn = fn
        self.check = check
        functools.update_wrapper(self, fn)

    def __get__(self, instance, owner=None):
        if instance is not None and not self.check(instance):
            raise AttributeError(self.fn.__name__)
        return functools.partial(self.fn, instance) if instance is not None else self.fn


def make():
    class Thing:
        """Documentation."""

        attribute = 3

        def __init__(self, open=True):
            self.open = open

        def act(self, a, /, b=2, *args, c, **kwargs):
            """Act."""
            return a, b, args, c, kwargs

        @classmethod
        def build(cls, x):
            return cls, x

        @staticmethod
        def still(x):
            return x

        @property
        def looked_at(self):
            return 1

        maybe = Conditional(lambda self, x: (self, x), lambda self: self.open)

    return Thing


# -- wrappers -------------------------------------------------------------------------------------


def test_a_wrapper_hands_its_call_on_with_the_original(notes, watch):
    def function(a, *, b):
        return a + b

    assert wrap(function, watch)(1, b=2) == 3
    assert notes.calls == [("function", (1,), {"b": 2})]


def test_a_wrapper_looks_like_what_it_wraps(watch):
    def function(a: int, b: str = "x") -> None:
        """Documentation."""

    function.mark = object()
    wrapper = wrap(function, watch)
    assert inspect.signature(wrapper) == inspect.signature(function)
    assert (wrapper.__name__, wrapper.__doc__) == ("function", "Documentation.")
    assert wrapper.mark is function.mark
    assert is_wrapper(wrapper)
    assert not is_wrapper(function)
    assert unwrapped(wrapper) is function


def test_other_peoples_wrappers_are_not_taken_for_ours(watch):
    def function():
        pass

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    assert not is_wrapper(wrapper)
    assert unwrapped(wrapper) is wrapper


def test_a_watch_without_ears_calls_the_original(watch, notes):
    wrapper = wrap(lambda x: x + 1, watch)
    watch.hook = None
    assert wrapper(1) == 2
    assert notes.calls == []


def test_keywords_of_any_name_reach_the_original(watch):
    wrapper = wrap(lambda **kwargs: kwargs, watch)
    everything = {"self": 1, "original": 2, "args": 3, "kwargs": 4, "watch": 5, "hook": 6}
    assert wrapper(**everything) == everything
    watch.hook = None
    assert wrapper(**everything) == everything


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_a_watch_that_travels_needs_nothing_of_ours_where_it_lands(pickler, watch):
    landed = pickle.loads(pickler.dumps(watch))
    assert (type(landed).__module__, landed.away) == ("types", True)


def test_a_wrapper_that_travels_by_value_calls_the_original(watch, notes):
    factor = 3
    wrapper = wrap(lambda x: x * factor, watch)
    assert pickle.loads(cloudpickle.dumps(wrapper))(2) == 6
    assert notes.calls == []


# -- attributes -----------------------------------------------------------------------------------


def test_a_method_is_heard_and_restored_exactly(watch, notes):
    Thing = make()
    before = dict(vars(Thing))
    assert patch_attribute(Thing, "act", watch)
    assert Thing().act(1, c=4, d=5) == (1, 2, (), 4, {"d": 5})
    assert [name for name, _, _ in notes.calls] == ["act"]
    restore(Thing)
    assert dict(vars(Thing)) == before
    assert all(vars(Thing)[name] is value for name, value in before.items())


def test_a_class_method_is_heard_and_restored_exactly(watch, notes):
    Thing = make()
    before = vars(Thing)["build"]
    assert patch_attribute(Thing, "build", watch)
    assert Thing.build(3) == (Thing, 3)
    assert Thing().build(3) == (Thing, 3)
    assert len(notes.calls) == 2
    restore(Thing)
    assert vars(Thing)["build"] is before


def test_a_conditional_method_still_asks_its_condition(watch, notes):
    Thing = make()
    before = vars(Thing)["maybe"]
    assert patch_attribute(Thing, "maybe", watch)
    thing = Thing()
    assert thing.maybe(2) == (thing, 2)
    assert len(notes.calls) == 1
    assert not hasattr(Thing(open=False), "maybe")
    restore(Thing)
    assert vars(Thing)["maybe"] is before
    assert not is_wrapper(before.fn)


@pytest.mark.parametrize("name", ["attribute", "still", "looked_at", "missing"])
def test_what_is_no_method_is_left_alone(name, watch):
    Thing = make()
    before = dict(vars(Thing))
    assert not patch_attribute(Thing, name, watch)
    assert dict(vars(Thing)) == before


@pytest.mark.parametrize("owner", [dict, int, type("Empty", (), {"__slots__": ()})])
def test_what_cannot_be_exchanged_is_left_alone(owner, watch):
    assert not patch_attribute(owner, "get", watch)


def test_a_metaclass_that_refuses_is_left_alone(watch):
    class Refusing(type):
        def __setattr__(cls, name, value):
            raise RuntimeError("not here")

    class Thing(metaclass=Refusing):
        def act(self):
            return 1

    assert not patch_attribute(Thing, "act", watch)
    assert Thing().act() == 1
    restore(Thing)


def test_an_abstract_method_stays_abstract(watch):
    class Base(abc.ABC):
        @abc.abstractmethod
        def act(self): ...

    patch_attribute(Base, "act", watch)

    class Half(Base):
        pass

    class Whole(Base):
        def act(self):
            return 1

    with pytest.raises(TypeError, match="abstract"):
        Half()
    assert Whole().act() == 1
    restore(Base)
    with pytest.raises(TypeError, match="abstract"):
        Half()


def test_patching_twice_hears_once(watch, notes):
    Thing = make()
    first = vars(Thing)["act"]
    assert patch_attribute(Thing, "act", watch)
    assert patch_attribute(Thing, "act", watch)
    Thing().act(1, c=2)
    assert len(notes.calls) == 1
    restore(Thing)
    assert vars(Thing)["act"] is first


def test_what_somebody_put_there_meanwhile_is_kept(watch):
    Thing = make()
    patch_attribute(Thing, "act", watch)
    heard = Thing.act

    def theirs(self, *args, **kwargs):
        return "theirs", heard(self, *args, **kwargs)

    Thing.act = theirs
    restore(Thing)
    assert vars(Thing)["act"] is theirs
    watch.hook = None
    assert Thing().act(1, c=2)[0] == "theirs"


def test_an_attribute_deleted_meanwhile_stays_deleted(watch):
    Thing = make()
    patch_attribute(Thing, "act", watch)
    del Thing.act
    restore(Thing)
    assert "act" not in vars(Thing)


def test_a_wrapper_left_over_from_before_is_heard_anew_and_restored(watch, notes):
    Thing = make()
    original = vars(Thing)["act"]
    silent = Watch(notes)
    patch_attribute(Thing, "act", silent)
    kept = Thing.act
    restore(Thing)
    silent.hook = None
    Thing.act = kept  # as `monkeypatch` does when it undoes its work late
    assert patch_attribute(Thing, "act", watch)
    Thing().act(1, c=2)
    assert len(notes.calls) == 1
    restore(Thing)
    assert vars(Thing)["act"] is original


def test_a_method_borrowed_from_another_class_is_found_under_any_name(watch):
    Thing = make()
    patch_attribute(Thing, "act", watch)

    class Borrower:
        do = Thing.act
        other = 3

    assert is_patched(Borrower)
    restore(Borrower)
    restore(Thing)
    assert vars(Borrower)["do"] is vars(Thing)["act"]
    assert not is_patched(Borrower)
    assert not is_patched(Thing)


class Proxy:
    """Raises at any question, as a proxy outside of its context does."""

    def __getattribute__(self, name):
        raise RuntimeError("outside of its context")


def test_class_attributes_that_raise_when_looked_at_are_passed_over(watch):
    Thing = make()
    Thing.proxy = Proxy()
    patch_attribute(Thing, "act", watch)
    assert not patch_attribute(Thing, "proxy", watch)
    restore(Thing)
    assert not is_patched(Thing)


def test_methods_that_come_back_by_value_are_heard_anew_and_restored(watch, notes):
    Thing = make()
    patch_attribute(Thing, "act", watch)
    patch_attribute(Thing, "build", watch)
    patch_attribute(Thing, "maybe", watch)
    # The class is known here, so what arrives is put into it, as after a task in a worker.
    assert pickle.loads(cloudpickle.dumps(Thing)) is Thing
    assert Thing().act(1, c=2)[0] == 1
    assert notes.calls == []
    assert is_patched(Thing)
    for name in ("act", "build", "maybe"):
        assert patch_attribute(Thing, name, watch)
    Thing().act(1, c=2)
    Thing.build(3)
    Thing().maybe(4)
    assert [name for name, _, _ in notes.calls] == ["act", "build", "<lambda>"]
    restore(Thing)
    assert not is_patched(Thing)
    assert not is_wrapper(vars(Thing)["build"].__func__)
    assert not is_wrapper(vars(Thing)["maybe"].fn)
    assert Thing().act(1, c=2)[0] == 1


# -- cells ----------------------------------------------------------------------------------------


def decorated(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


def test_a_decorated_function_is_heard_through_its_cell_and_stays_the_same_object(watch, notes):
    def plain(x):
        """Documentation."""
        return x + 1

    function = decorated(plain)
    cell = wrapped_cell(function)
    assert cell is not None
    patch_cell(cell, watch)
    patch_cell(cell, watch)
    assert function(1) == 2
    assert notes.calls == [("plain", (1,), {})]
    assert function.__wrapped__ is plain
    restore_cell(cell)
    assert cell.cell_contents is plain
    assert function(1) == 2
    assert len(notes.calls) == 1


def empty_cell():
    def function():
        return later

    function.__wrapped__ = object()
    if False:
        later = 1
    return function


@pytest.mark.parametrize(
    "function", [len, lambda: None, functools.partial(max, 1), empty_cell(), int]
)
def test_what_is_not_decorated_has_no_cell(function):
    assert wrapped_cell(function) is None
