"""The classes of values of this package do what standard dataclasses do."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrack.runtime.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Ours:
    """A value."""

    key: str
    value: float
    tags: dict[str, int] = dataclasses.field(default_factory=dict)
    step: int = 0
    aside: object = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def double(self) -> float:
        """A property."""
        return 2 * self.value


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    """A value."""

    key: str
    value: float
    tags: dict[str, int] = dataclasses.field(default_factory=dict)
    step: int = 0
    aside: object = dataclasses.field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Hashable:
    """A value."""

    key: str
    step: int


_VALUES = st.fixed_dictionaries(
    {"key": st.text(), "value": st.floats()},
    optional={
        "tags": st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
        "step": st.integers(0, 2),
        "aside": st.integers(),
    },
)


@given(_VALUES)
def test_it_holds_and_prints_what_a_standard_one_does(values: dict[str, Any]) -> None:
    ours, standard = Ours(**values), Standard(**values)

    assert repr(ours) == repr(standard).replace("Standard", "Ours")
    assert repr(dataclasses.asdict(ours)) == repr(dataclasses.asdict(standard))


@given(_VALUES, _VALUES)
def test_two_are_equal_when_standard_ones_are(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert (Ours(**a) == Ours(**b)) == (Standard(**a) == Standard(**b))
    assert Ours(**a) != Standard(**a)


@given(st.text(), st.integers())
def test_equal_ones_have_equal_hashes_and_stay_so_when_copied(key: str, step: int) -> None:
    one = Hashable(key, step)

    for other in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), dataclasses.replace(one)):
        assert other == one
        assert hash(other) == hash(one)


def test_an_attribute_can_be_neither_set_nor_deleted() -> None:
    value = Ours("a", 1.0)

    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'key'"):
        value.key = "b"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'key'"):
        del value.key
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.other = "b"  # type: ignore[attr-defined]
    assert not hasattr(value, "__dict__")


def test_each_has_a_default_of_its_own() -> None:
    assert Ours("a", 1.0).tags == {}
    assert Ours("a", 1.0).tags is not Ours("a", 1.0).tags


def test_wrong_arguments_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"Ours.__init__\(\) missing 1 required.*'value'"):
        Ours("a")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        Ours("a", 1.0, nothing=1)  # type: ignore[call-arg]


def test_its_signature_names_the_fields_with_their_types() -> None:
    ours, standard = (inspect.signature(cls).parameters for cls in (Ours, Standard))

    assert list(ours) == list(standard)
    assert [p.annotation for p in ours.values()] == [p.annotation for p in standard.values()]
    assert Ours.__match_args__ == Standard.__match_args__


def test_what_the_class_itself_says_stays() -> None:
    @dataclass(frozen=True, slots=True)
    class Loud:
        key: str

        def __repr__(self) -> str:
            return "LOUD"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 1

    assert repr(Loud("a")) == "LOUD"
    assert Loud("a") == Loud("b")
    assert hash(Loud("a")) == 1


def test_a_class_with_more_to_it_is_left_to_the_standard_one() -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        value: int

        def __post_init__(self) -> None:
            if self.value < 0:
                raise ValueError("negative")

    assert Checked(1).value == 1
    with pytest.raises(ValueError, match="negative"):
        Checked(-1)


OPTIONS = [
    {"frozen": frozen, "eq": eq, "repr": shown}
    for frozen in (True, False)
    for eq in (True, False)
    for shown in (True, False)
]


def made_by(decorator: Any, options: dict[str, bool]) -> type:
    class Made:
        """A value."""

        key: str
        tags: list[int] = dataclasses.field(default_factory=list)
        step: int = 0

    return decorator(slots=True, **options)(Made)


def doing(action: Any, cls: type) -> str:
    try:
        return repr(action(cls))
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("options", OPTIONS)
def test_each_kind_does_what_a_standard_one_of_its_kind_does(options: dict[str, bool]) -> None:
    ours, standard = (made_by(maker, options) for maker in (dataclass, dataclasses.dataclass))
    for action in (
        lambda cls: cls("a", step=2).step,
        lambda cls: cls("a").tags is cls("a").tags,
        lambda cls: cls(),
        lambda cls: cls("a", [], 2) == cls("a", [], 2),
        lambda cls: cls("a") == cls("b"),
        lambda cls: hash(cls("a", 1)) == hash(cls("a", 1)),
        lambda cls: "0x" in repr(cls("a")) or repr(cls("a")),
        lambda cls: setattr(cls("a"), "step", 1),
        lambda cls: delattr(cls("a"), "step"),
        lambda cls: dataclasses.replace(cls("a"), step=5).step,
        lambda cls: copy.copy(cls("a", [1], 3)).step,
        lambda cls: copy.deepcopy(cls("a", [1], 3)).tags,
        lambda cls: cls.__match_args__,
        lambda cls: inspect.signature(cls).parameters.keys(),
        lambda cls: [(field.name, field.type) for field in dataclasses.fields(cls)],
        lambda cls: dataclasses.is_dataclass(cls("a")),
        lambda cls: type("Derived", (cls,), {})("a", step=2).step,
    ):
        assert doing(action, ours) == doing(action, standard)


@dataclass(slots=True)
class Changing:
    """A value that can be changed."""

    key: str
    tags: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Itself:
    """A value that equals nothing but itself."""

    key: str


@dataclass(slots=True, eq=False)
class ChangingItself:
    """Both."""

    key: str


@given(st.text(), st.text())
def test_one_that_is_not_frozen_can_be_changed_and_has_no_hash(key: str, other: str) -> None:
    value = Changing(key)
    assert value == Changing(key)
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)

    value.key = other
    assert value == pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == Changing(other)
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize("cls", [Itself, ChangingItself])
def test_one_without_equality_equals_itself_alone(cls: type[Itself | ChangingItself]) -> None:
    one = cls("a")

    assert one == one
    assert one != cls("a")
    assert len({one, cls("a")}) == 2
    assert repr(one) == f"{cls.__name__}(key='a')"
    assert pickle.loads(pickle.dumps(one)).key == copy.copy(one).key == "a"


def test_without_equality_a_frozen_one_stays_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Itself("a").key = "b"  # type: ignore[misc]

    changing = ChangingItself("a")
    changing.key = "b"
    assert changing.key == "b"


def test_what_is_given_by_name_alone_is_left_to_the_standard_one() -> None:
    @dataclass(slots=True)
    class Named:
        key: str
        _: dataclasses.KW_ONLY
        step: int = 0

    @dataclass(slots=True)
    class NamedAlone:
        key: str = dataclasses.field(kw_only=True)

    assert Named("a", step=1).step == 1
    for cls, arguments in ((Named, ("a", 1)), (NamedAlone, ("a",))):
        with pytest.raises(TypeError):
            cls(*arguments)


_ASKED: dict[str, Any] = {
    "fields": lambda cls: [field.name for field in dataclasses.fields(cls)],
    "constructor": lambda cls: [*cls.__init__.__annotations__][:-1],
    "signature": lambda cls: [*inspect.signature(cls).parameters],
}


@pytest.mark.parametrize("asked", _ASKED)
def test_a_class_that_nobody_used_yet_is_complete_for_whoever_asks_first(asked: str) -> None:
    assert _ASKED[asked](made_by(dataclass, {"frozen": True})) == ["key", "tags", "step"]


def test_an_interrupt_while_the_fields_are_made_is_the_users_own_and_leaves_the_class_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cls = made_by(dataclass, {"frozen": True})

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(dataclasses.Field, "__set_name__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cls("a")
    assert cls("a").key == "a"
