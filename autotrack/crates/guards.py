"""What the few functions that pickles call may be called with.

NumPy, for one, takes a data type's flags from a pickle as they come: an array of numbers whose type
says that it holds objects is a heap of forged pointers. So each call is held against what NumPy
itself would have written. The same goes for SciPy's distributions, which execute a text they keep.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from autotrack.crates.rehearsal import Built, Maker, Name, Odd, Report, Thing, Unmade, is_kind

_BYTES = (bytes, bytearray)
_ORDERS = ("C", "F", "A", "K")
_TYPE = re.compile(r"[?bBhHiIlLqQnNpPefdgFDGSUVOMm]\d{0,9}|[biufcSUVOMm]\d{1,9}")
_METHOD = re.compile(r"(?!format)[a-z][a-z_]*")
#: Bound methods that SciPy's distributions keep of themselves.
_OF_DISTRIBUTIONS = re.compile(
    r"_\w+_(?:single|sc)|_(?:log)?(?:pdf|pmf|cdf|sf)|_ppf|_isf|_entropy|_stats|_munp|_nonzero|_rvs"
)
#: What a scorer asks a model for.
_RESPONSES = frozenset({"predict", "predict_proba", "predict_log_proba", "decision_function",
                        "default", "transform", "score_samples"})  # fmt: skip


def _must(is_so: object, complaint: str) -> None:
    if not is_so:
        raise Odd(complaint)


# -- NumPy ----------------------------------------------------------------------------------------


class DataType(Unmade):
    """A stand-in of a data type, with the real one that it should become."""

    real: np.dtype[Any] | None
    descr: str

    @staticmethod
    def call(cls: Any, descr: Any = None, align: Any = False, copy: Any = True) -> Any:
        """As in ``dtype("f8", False, True)``."""
        made = object.__new__(cls)
        made.__dict__.update(real=None, descr="")
        try:
            _must(type(descr) is str and _TYPE.fullmatch(descr), f"makes the data type {descr!r}")
            _must(type(align) in {bool, int} and type(copy) in {bool, int}, "is called oddly")
            _must(copy, "would change a data type of everybody's")
            made.__dict__.update(real=np.dtype(descr), descr=descr)
        except (Odd, TypeError, ValueError) as complaint:
            cls.report.complain(cls.name, complaint)
        return made

    @staticmethod
    def state(self: Any, state: Any) -> None:
        """Find the data type of this state, if it is one that NumPy would have written."""
        held = self.__dict__
        _must(held.get("real") is not None and "built" not in held, "changes a data type")
        held["built"] = True
        try:
            held["real"] = _data_type(held["descr"], held["real"], state)
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            held["real"] = None
            raise Odd(f"makes a data type of {state!r:.80}") from error


def _data_type(descr: str, plain: np.dtype[Any], state: Any) -> np.dtype[Any]:
    complaint = f"makes a data type {descr} of {state!r:.80}"
    _must(type(state) is tuple and len(state) in {8, 9} and state[0] in {3, 4}, complaint)
    _, order, sub, names, fields, size, alignment, flags = state[:8]
    _must(all(type(each) is int for each in (state[0], size, alignment, flags)), complaint)
    real = plain
    if names is not None:
        _must(type(names) is tuple and type(fields) is dict, complaint)
        _must(len(names) == len(fields) <= 10_000 and sub is None, complaint)
        parts = [fields[name] for name in names]
        _must(all(type(part) is tuple and len(part) in {2, 3} for part in parts), complaint)
        _must(all(type(part[1]) is int for part in parts), complaint)
        of = {
            "names": [str(name) for name in names],
            "formats": [_real(part[0]) for part in parts],
            "offsets": [part[1] for part in parts],
            "itemsize": size,
        }
        real = np.dtype(of)
    elif sub is not None:
        _must(type(sub) is tuple and len(sub) == 2 and type(sub[1]) is tuple, complaint)
        _must(all(type(each) is int and each > 0 for each in sub[1]), complaint)
        real = np.dtype((_real(sub[0]), sub[1]))
    else:
        _must(fields is None and plain.kind != "V" or size == plain.itemsize, complaint)
        _must(size in {-1, plain.itemsize}, complaint)
    if len(state) == 9:
        _must(plain.kind in "Mm" or not state[8], complaint)
        if plain.kind in "Mm":
            real = _moment(plain, state[8], complaint)
    _must(size in {-1, real.itemsize}, complaint)
    _must(alignment in {-1, 1, 2, 4, 8, 16, 32, 64, real.alignment}, complaint)
    # Whether it is aligned (128) is no matter of safety; the rest says where pointers are.
    _must(flags & ~0x80 == real.flags & ~0x80, complaint)
    _must(type(order) is str and order in {"<", ">", "|", "="}, complaint)
    return real


def _moment(plain: np.dtype[Any], state: Any, complaint: str) -> np.dtype[Any]:
    _must(type(state) is tuple and len(state) == 2 and state[0] in ({}, None), complaint)
    about = state[1]
    _must(type(about) is tuple and len(about) == 4 and type(about[0]) in {bytes, str}, complaint)
    _must(all(type(each) is int for each in about[1:]), complaint)
    unit = about[0].decode() if isinstance(about[0], bytes) else about[0]
    count = "" if about[1] == 1 else about[1]
    generic = unit in {"generic", ""}
    return np.dtype(plain.kind + "8" if generic else f"{plain.kind}8[{count}{unit}]")


def _real(value: Any) -> np.dtype[Any]:
    real = value.__dict__.get("real") if isinstance(value, DataType) else None
    _must(real is not None, "makes a data type of something else")
    assert real is not None
    return real


class Array(Unmade):
    """A stand-in of an array class, and of its arrays."""

    @staticmethod
    def state(self: Any, state: Any) -> None:
        """Hold the state of an array against what NumPy writes."""
        masked = type(self).name[1].startswith("Masked")
        _must("empty" in self.__dict__, "changes an array that is there")
        self.__dict__.pop("empty", None)
        _must(type(state) is tuple and len(state) == (7 if masked else 5), "has an odd state")
        version, shape, dtype, _, content = state[:5]
        _must(type(version) is int and is_shape(shape), f"has the shape {shape!r:.80}")
        real = _real(dtype)
        if real.hasobject:
            _must(type(content) is list, "makes objects of bytes")
        else:
            _must(type(content) in _BYTES, "makes numbers of objects")


def is_shape(value: Any) -> bool:
    """Whether it is the shape of an array."""
    return type(value) is tuple and all(type(each) is int and each >= 0 for each in value)


def empty_array(cls: Any, shape: Any, code: Any) -> Any:
    """``_reconstruct(ndarray, (0,), b"b")``: an array that its state is to fill."""
    _must(is_kind(cls) and issubclass(cls, Array), "makes an array of another class")
    _must(shape == (0,) and type(shape) is tuple and code in (b"b", "b"), "makes an odd array")
    made = cls.made()
    made.__dict__["empty"] = True
    return made


def masked_array(cls: Any, base: Any, shape: Any, code: Any) -> Any:
    """``_mareconstruct(MaskedArray, ndarray, (0,), "b")``."""
    _must(is_kind(base) and issubclass(base, Array), "makes an array of another class")
    return empty_array(cls, shape, code)


class Whole(Built):
    """A stand-in of an array or scalar that is complete as it is."""

    @staticmethod
    def state(self: Any, state: Any) -> None:
        """Nothing changes it."""
        raise Odd("changes an array that is there")


class FromBuffer(Maker):
    """``_frombuffer(bytes, dtype, shape, order)``, of which a forest has thousands."""

    def __init__(self, name: Name, report: Report) -> None:
        super().__init__(name, report, self._make)
        self._whole = object.__new__(report.kind(name, Whole))
        self._known: set[DataType] = set()

    def __call__(self, *args: Any) -> Any:
        """A whole array, if NumPy would call it so."""
        if len(args) == 4:
            content, dtype, shape, order = args
            if (
                type(content) in _BYTES
                and isinstance(dtype, DataType)
                and dtype in self._known
                and type(shape) is tuple
                and type(order) is str
            ):
                return self._whole
        return super().__call__(*args)

    def _make(self, content: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> Any:
        _must(type(content) in _BYTES, "makes an array of no bytes")
        _must(not _real(dtype).hasobject, "makes objects of bytes")
        _must(type(shape) is tuple and type(order) is str and order in _ORDERS, "is called oddly")
        _must(axes is None or is_shape(axes), "is called oddly")
        self._known.add(dtype)
        return self._whole


def scalar(whole: Any) -> Callable[..., Any]:
    """``scalar(dtype, bytes)``."""

    def call(dtype: Any, content: Any = b"") -> Any:
        real = _real(dtype)
        _must(type(content) in _BYTES and not real.hasobject, "makes a number of no bytes")
        return whole

    return call


# -- others ---------------------------------------------------------------------------------------


class Distribution(Unmade):
    """A stand-in of one of SciPy's distributions, which execute the text that they keep."""

    __new__ = object.__new__  # type: ignore[assignment]

    @staticmethod
    def state(self: Any, state: Any) -> None:
        """The text is that of a distribution in this process, and no method is hidden."""
        _must(type(state) is dict, "has an odd state")
        text = state.get("_parse_arg_template")
        _must(text is None or type(text) is str and text in _templates(), "keeps a foreign text")
        for name in ("_attach_methods", "_attach_argparser_methods", "__init__", "__class__"):
            _must(name not in state, f"hides its method {name}")


def _templates() -> set[str]:
    from scipy import stats

    found = (getattr(each, "_parse_arg_template", None) for each in vars(stats).values())
    return {text for text in found if isinstance(text, str)}


class Scorer(Built):
    """A stand-in of a scorer, which calls a method by a name that it keeps."""

    @staticmethod
    def state(self: Any, state: Any) -> None:
        """The names are those of what models answer."""
        _must(type(state) is dict, "has an odd state")
        asked = state.get("_response_method", "default")
        for each in asked if type(asked) in {tuple, list} else [asked]:
            _must(type(each) is str and each in _RESPONSES, f"asks for {each!r:.40}")


class Fast(Thing):
    """A stand-in that the interpreter fills by itself: of forests' thousands of trees."""

    report: Report


class Tree(Fast):
    """A stand-in of a tree."""

    @staticmethod
    def call(cls: Any, features: Any = None, classes: Any = None, outputs: Any = None) -> Any:
        """``Tree(n_features, n_classes, n_outputs)``."""
        if type(features) is not int or type(outputs) is not int:
            cls.report.complain(cls.name, "makes a tree of no numbers")
        return object.__new__(cls)


def of_class(cls: Any, *rest: Any) -> Any:
    """A function such as ``newObj(cls)`` and ``__pyx_unpickle_Loss(cls, checksum, state)``."""
    _must(is_kind(cls), "makes something of no class")
    return cls.made()


def bare(cls: Any, base: Any, state: Any) -> Any:
    """``copyreg._reconstructor(cls, base, state)``."""
    _must(is_kind(cls) and is_kind(base) and base.name[0] == "builtins", "is called oddly")
    _must(not issubclass(cls, Unmade), f"makes a {'.'.join(cls.name)}")
    return cls.made()


def attribute(result: Any) -> Callable[..., Any]:
    """``getattr(str, "split")``, as methods are pickled."""

    def call(thing: Any, name: Any) -> Any:
        _must(type(name) is str, "reads an attribute without a name")
        if is_kind(thing):
            _must(thing.name in {("builtins", "str"), ("builtins", "bytes")}, _reads(thing, name))
            _must(_METHOD.fullmatch(name), _reads(thing, name))
        else:
            known = isinstance(thing, Distribution) and _OF_DISTRIBUTIONS.fullmatch(name)
            _must(known, _reads(type(thing), name))
        return result

    return call


def _reads(thing: Any, name: str) -> str:
    return f"reads {name!r:.40} of {'.'.join(getattr(thing, 'name', ('a', thing.__name__)))}"


def constant_type(result: Any) -> Callable[..., Any]:
    """``type(None)``."""

    def call(value: Any) -> Any:
        _must(value is None, "makes a class")
        return result

    return call


def _checked(accepts: Callable[..., bool]) -> Callable[[Any], Callable[..., Any]]:
    def with_result(result: Any) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            _must(accepts(*given), f"is called with {given!r:.80}")
            return result

        return call

    return with_result


def _no_class(*given: Any) -> bool:
    return not any(map(is_kind, given))


def _text(text: Any, *flags: Any) -> bool:
    return type(text) in {str, bytes} and len(text) < 10_000 and all(type(f) is int for f in flags)


def _fraction(text: Any, *below: Any) -> bool:
    if type(text) is int and all(type(each) is int for each in below):
        return True
    return (
        type(text) is str
        and not below
        and re.fullmatch(r"-?\d{1,4000}(/\d{1,4000})?", text) is not None
    )


def _few(*given: Any) -> bool:
    return all(type(each) in {int, str, bool, bytes, float, type(None)} for each in given)


def _start(items: Any = (), *limit: Any) -> bool:
    return type(items) in {list, tuple, dict} and _few(*limit)


def _any(*given: Any) -> bool:
    return True


def fresh(result: Any) -> Callable[..., Any]:
    """A function whose every call makes another thing, which takes a state."""
    kind = type(result).report.kind(type(result).name, Built)

    def call(*given: Any) -> Any:
        return kind.made()

    return call


anything = _checked(_any)
constants = _checked(_few)
pattern = _checked(_text)
fraction = _checked(_fraction)
container = _checked(_start)
instances = _checked(_no_class)


def maker(report: Report, name: Name, guard: Callable[..., Any], of_itself: bool) -> Maker:
    """A stand-in of a function that `guard` holds the calls of.

    With `of_itself` the guard is the call; else it makes one, given what the call results in.
    """
    call = guard if of_itself else guard(object.__new__(report.kind(name, Whole)))
    return Maker(name, report, call)
