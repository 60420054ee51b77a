"""Which classes are estimators: scikit-learn's, and whatever else behaves like one."""

from __future__ import annotations

from collections.abc import Iterator

from sklearn.base import BaseEstimator

# What a class that derives from nothing of scikit-learn's must have, and what it must have some of.
_NEEDED = ("fit", "get_params")
_USES = frozenset(
    {
        "predict",
        "predict_proba",
        "decision_function",
        "score_samples",
        "fit_predict",
        "transform",
        "fit_transform",
        "fit_resample",
    }
)


def is_estimator_class(cls: type) -> bool:
    """Whether `cls` is an estimator: derived from ``BaseEstimator``, or with the methods of one."""
    if issubclass(cls, BaseEstimator):
        return True
    # Not with hasattr: a metaclass may answer to any name.
    held = [owner.__dict__ for owner in cls.__mro__]
    return all(any(name in names for names in held) for name in _NEEDED) and not all(
        _USES.isdisjoint(names) for names in held
    )


def is_estimator(value: object) -> bool:
    """Whether `value` is an instance of an estimator class."""
    return isinstance(value, BaseEstimator) or is_estimator_class(type(value))


def estimator_classes() -> Iterator[type]:
    """Every estimator class there is at the moment; some come more than once."""
    yield from with_subclasses(BaseEstimator)
    for cls in with_subclasses(object):
        if "get_params" in cls.__dict__ and cls is not BaseEstimator:
            yield from filter(is_estimator_class, with_subclasses(cls))


def travelling_classes() -> Iterator[type]:
    """The estimator classes that go to other processes by value, since no import finds them."""
    for cls in with_subclasses(BaseEstimator):
        if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
            yield cls


def with_subclasses(cls: type) -> Iterator[type]:
    """`cls` and every class that is derived from it, each once."""
    # By identity: a metaclass may say what it likes about equality.
    seen = {id(cls)}
    waiting = [cls]
    while waiting:
        found = waiting.pop()
        yield found
        subclasses: list[type] = type.__subclasses__(found)
        for subclass in subclasses:
            if id(subclass) not in seen:
                seen.add(id(subclass))
                waiting.append(subclass)
