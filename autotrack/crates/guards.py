"""What the other functions and classes that pickles name may be called with, and made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from autotrack.crates.array_guards import Array, Whole
from autotrack.crates.rehearsal import (
    Bare,
    Built,
    Maker,
    Name,
    Report,
    Thing,
    Unmade,
    is_kind,
    must,
)

_METHOD = re.compile(r"(?!format)[a-z][a-z_]*")
#: Bound methods that SciPy's distributions keep of themselves.
_OF_DISTRIBUTIONS = re.compile(
    r"_\w+_(?:single|sc)|_(?:log)?(?:pdf|pmf|cdf|sf)|_ppf|_isf|_entropy|_stats|_munp|_nonzero|_rvs"
)
#: What a scorer asks a model for.
_RESPONSES = frozenset(
    {
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "default",
        "transform",
        "score_samples",
    }
)


class Distribution(Bare):
    """A stand-in of one of SciPy's distributions, which execute the text that they keep."""

    @staticmethod
    def state(made: Any, state: Any) -> None:
        """The text is that of a distribution in this process, and no method is hidden."""
        must(type(state) is dict, "has an odd state")
        text = state.get("_parse_arg_template")
        must(text is None or (type(text) is str and text in _templates()), "keeps a foreign text")
        for name in ("_attach_methods", "_attach_argparser_methods", "__init__", "__class__"):
            must(name not in state, f"hides its method {name}")


def _templates() -> set[str]:
    from scipy import stats

    found = (getattr(each, "_parse_arg_template", None) for each in vars(stats).values())
    return {text for text in found if isinstance(text, str)}


class Scorer(Built):
    """A stand-in of a scorer, which calls a method by a name that it keeps."""

    @staticmethod
    def state(made: Any, state: Any) -> None:
        """The names are those of what models answer."""
        must(type(state) is dict, "has an odd state")
        asked = state.get("_response_method", "default")
        for each in asked if type(asked) in {tuple, list} else [asked]:
            must(type(each) is str and each in _RESPONSES, f"asks for {each!r:.40}")


class Metric(Bare):
    """A stand-in of a distance, whose class takes its state without asking how much there is."""

    @staticmethod
    def state(made: Any, state: Any) -> None:
        """``(p, vector, matrix)``, of a user's own distance with its function and arguments."""
        must(type(state) is tuple and len(state) in {3, 5}, "has an odd state")
        must(type(state[0]) in {int, float}, "has an odd state")
        must(all(isinstance(each, Array | Whole) for each in state[1:3]), "has an odd state")


class Neighbours(Bare):
    """A stand-in of a tree of neighbours, which does the same."""

    @staticmethod
    def state(made: Any, state: Any) -> None:
        """Four arrays, seven numbers, a distance, and weights if there are such."""
        must(type(state) is tuple and len(state) == 13, "has an odd state")
        must(all(isinstance(each, Array | Whole) for each in state[:4]), "has an odd state")
        must(all(type(each) is int for each in state[4:11]), "has an odd state")
        must(isinstance(state[11], Metric), "has no distance")
        must(state[12] is None or isinstance(state[12], Array | Whole), "has an odd state")


class Fast(Thing):
    """A stand-in that the interpreter fills by itself: of forests' thousands of trees."""

    report: Report


class Tree(Fast):
    """A stand-in of a tree."""

    def __new__(cls, *args: object, **kwargs: object) -> Tree:
        """Complain: a tree is called, so that it knows its sizes."""
        cls.report.complain(cls.name, "is made without its sizes")
        return object.__new__(cls)

    @staticmethod
    def call(kind: Any, features: Any = None, classes: Any = None, outputs: Any = None) -> Any:
        """``Tree(n_features, n_classes, n_outputs)``."""
        if type(features) is not int or type(outputs) is not int:
            kind.report.complain(kind.name, "makes a tree of no numbers")
        return object.__new__(kind)


def of_class(function: Name) -> Callable[..., Any]:
    """A function such as ``newObj(cls)`` and ``__pyx_unpickle_Loss(cls, checksum, state)``.

    The classes of others may not be whole without what such a function leaves out.
    """

    def call(cls: Any, *rest: Any) -> Any:
        must(is_kind(cls) and not issubclass(cls, Unmade), "makes something of no class")
        module = cls.name[0]
        near = (
            module == function[0] if function[1] == "newObj" else _top(module) == _top(function[0])
        )
        must(near, f"makes a {'.'.join(cls.name)}")
        return cls.made()

    return call


def _top(module: str) -> str:
    return module.partition(".")[0]


def bare(cls: Any, base: Any, state: Any) -> Any:
    """``copyreg._reconstructor(cls, base, state)``."""
    must(is_kind(cls) and is_kind(base) and base.name[0] == "builtins", "is called oddly")
    must(not issubclass(cls, Unmade), f"makes a {'.'.join(cls.name)}")
    return cls.made()


def attribute(result: Any) -> Callable[..., Any]:
    """``getattr(str, "split")``, as methods are pickled."""

    def call(thing: Any, name: Any) -> Any:
        must(type(name) is str, "reads an attribute without a name")
        if is_kind(thing):
            must(thing.name in {("builtins", "str"), ("builtins", "bytes")}, _reads(thing, name))
            must(_METHOD.fullmatch(name), _reads(thing, name))
        else:
            known = isinstance(thing, Distribution) and _OF_DISTRIBUTIONS.fullmatch(name)
            must(known, _reads(type(thing), name))
        return result

    return call


def _reads(thing: Any, name: str) -> str:
    return f"reads {name!r:.40} of {'.'.join(getattr(thing, 'name', ('a', thing.__name__)))}"


def constant_type(result: Any) -> Callable[..., Any]:
    """``type(None)``."""

    def call(value: Any) -> Any:
        must(value is None, "makes a class")
        return result

    return call


def _checked(accepts: Callable[..., bool]) -> Callable[[Any], Callable[..., Any]]:
    def with_result(result: Any) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            must(accepts(*given), f"is called with {given!r:.80}")
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
    """A function of NumPy's random numbers: every call makes another thing, that takes a state."""
    kind = type(result).report.kind(type(result).name, Built)

    def call(*given: Any) -> Any:
        for each in given:
            named = getattr(each if is_kind(each) else type(each), "name", None)
            name = getattr(each, "name", named)
            fits = isinstance(each, str) or (name and name[0].startswith("numpy.random."))
            must(fits, "makes random numbers of something else")
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
