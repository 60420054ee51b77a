"""What single columns say: proxies of the target, groups on both sides, and the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrack.describe.data.fingerprint import single_block
from autotrack.lineage.values.arrays import spread
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern
from autotrack.runtime.weak_map import IdentityMap

Array = NDArray[Any]

# Rows that settle the question for nearly all columns, and rows that are looked at for the rest.
_FEW, _MOST = 64, 5000
_FEWEST = 50
_MOST_COLUMNS = 500
# What "almost perfectly" is: of labels, how many stand on the wrong side of a threshold; of
# numbers, how far their order is that of the column.
_WRONG, _SAME_ORDER, _MAYBE = 0.005, 0.995, 0.98
_MOST_CLASSES = 20
_FEWEST_OF_A_CLASS = 5
# Groups: so many with several rows each, and so many on both sides.
_FEWEST_GROUPS, _FEWEST_SHARED = 10, 5
_TIME_NAMES = pattern(r"(^|_)(date|datetime|timestamp|epoch)$")
_BIRTH = pattern(r"(?i)birth|dob")
_ISO_DAY = pattern(r"\d{4}-\d\d-\d\d")
# What the names of columns say, by the index that holds them: a frame is scored on many times.
_timely: IdentityMap[tuple[tuple[int, ...], tuple[int, ...]]] = IdentityMap()


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Scored data and training data, as far as that still exists."""

    X: Any
    y: Array | None
    before: Any = None
    target_before: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Suspects:
    """What a few rows of scored data say, whichever model is scored on it.

    Attributes
    ----------
    proxies, groups : tuple of int
        The columns that may give the target away, and those that may be groups.
    kinds : array or None
        The different values of the target in order, where they were looked for.
    """

    proxies: tuple[int, ...] = ()
    groups: tuple[int, ...] = ()
    kinds: Array | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What was found of a column, by its name (or place, as text)."""

    column: str
    numbers: dict[str, float]


def _column(X: Any, j: int) -> Array:
    return np.asarray(X.iloc[:, j]) if hasattr(X, "iloc") else np.asarray(X[:, j])


def _name(X: Any, j: int) -> str:
    names = getattr(X, "columns", None)
    return f"column {j}" if names is None else str(names[j])


def _is_table(X: Any) -> bool:
    return len(getattr(X, "shape", ())) == 2 and (type(X) is np.ndarray or hasattr(X, "iloc"))


def _numbers(X: Any, rows: NDArray[np.intp]) -> tuple[Array, list[int]]:
    """The columns of numbers of some rows, and which they are."""
    width = min(X.shape[1], _MOST_COLUMNS)
    if type(X) is np.ndarray:
        if X.dtype.kind not in "biuf":
            return np.zeros((len(rows), 0)), []
        return np.asarray(X[rows, :width], float), list(range(width))
    values = single_block(X)
    if values is not None:
        if values.dtype.kind not in "biuf":
            return np.zeros((len(rows), 0)), []
        return np.asarray(values[:width, rows].T, float), list(range(width))
    kinds = [getattr(dtype, "kind", "O") for dtype in X.dtypes[:width]]
    wanted = [j for j, kind in enumerate(kinds) if kind in "biuf"]
    if not wanted:
        return np.zeros((len(rows), 0)), []
    return np.asarray(X.iloc[rows, wanted].to_numpy(float, na_value=np.nan)), wanted


def _codes(y: Array) -> tuple[Array, int] | None:
    """A target as numbers, and how many classes it has: 0 for real numbers; None for neither."""
    found = _coded(y)
    return None if found is None else found[:2]


def _coded(y: Array) -> tuple[Array, int, Array] | None:
    """The same, and the different values in order."""
    if y.ndim != 1:
        return None
    try:
        kinds, codes = np.unique(y, return_inverse=True)
    except TypeError:  # labels of several types, such as numbers in place of training's names
        return None
    if len(kinds) < 2:
        return None
    if len(kinds) <= _MOST_CLASSES and len(kinds) * _FEWEST_OF_A_CLASS <= len(y):
        return codes, len(kinds), kinds
    if y.dtype.kind in "iuf":
        return y.astype(float), 0, kinds
    return None


def _both(sides: Sides, j: int) -> tuple[Array, Array, int]:
    """A column and the target of both sides, and how many of the rows were scored."""
    column, y = _column(sides.X, j), sides.y
    assert y is not None
    taken = spread(len(column), _MOST)
    column, y, count = column[taken], y[taken], len(taken)
    if sides.target_before is not None and _is_table(sides.before):
        taken = spread(len(sides.before), _MOST)
        column = np.concatenate([column, _column(sides.before, j)[taken]])
        y = np.concatenate([y, sides.target_before[taken]])
    return column, y, count


def look(sides: Sides, suspects: Suspects) -> tuple[Told | None, Told | None]:
    """A proxy of the target, and groups on both sides, each if there is one."""
    return _proxy(sides, suspects.proxies), _groups(sides, suspects.groups)


def suspects_among(X: Any, y: Array | None) -> Suspects:
    """The columns of scored data that have to be looked at, by a few rows of it."""
    if y is None or not _is_table(X) or X.shape[0] != len(y) or X.shape[1] < 2:
        return Suspects()
    few = spread(len(X), _FEW)
    coded = _coded(y) if len(few) >= 10 and y.dtype.kind in "biufOUS" else None
    if coded is None:
        return Suspects()
    target, classes = coded[0][few], coded[1]
    values, numbered = _numbers(X, few)
    proxies: list[int] = []
    groups: list[int] = []
    if numbered:
        order = np.argsort(values, axis=0)
        after = target[order]
        ordered = np.take_along_axis(values, order, axis=0)
        moves = after[1:] != after[:-1]
        same = ordered[1:] == ordered[:-1]
        if classes:
            proxies = np.flatnonzero(moves.sum(axis=0) <= classes + 1).tolist()
        else:
            proxies = np.flatnonzero(_rank_agreement(after, ordered) >= _MAYBE).tolist()
        proxies = [numbered[j] for j in proxies]
        whole = (ordered[0] == np.rint(ordered[0])) & (ordered[-1] == np.rint(ordered[-1]))
        many = (~same).sum(axis=0) >= _FEWEST_GROUPS
        kept = whole & many & ~(moves & same).any(axis=0)
        kept = [j for j in np.flatnonzero(kept).tolist() if (values[:, j] % 1 == 0).all()]
        groups = [numbered[j] for j in kept]
    for j in range(min(X.shape[1], _MOST_COLUMNS)):
        if len(numbered) == X.shape[1]:
            break
        if j not in numbered and _is_text(X, j):
            groups.append(j)
            if classes:
                proxies.append(j)
    return Suspects(tuple(proxies), tuple(groups), coded[2])


def _is_text(X: Any, j: int) -> bool:
    column = _column(X, j)
    return column.dtype.kind in "OUS" and isinstance(column[0], str)


def _rank_agreement(y: Array, ordered: Array) -> Array:
    """How far numbers, brought into the order of a column, are in order themselves."""
    n = len(y)
    ranks = np.argsort(np.argsort(y, axis=0, kind="stable"), axis=0, kind="stable")
    centred = ranks - (n - 1) / 2
    place = np.arange(n) - (n - 1) / 2
    found = np.abs(place @ centred) / (place @ place)
    found[ordered[0] == ordered[-1]] = 0
    return np.asarray(found)


def _proxy(sides: Sides, columns: Sequence[int]) -> Told | None:
    found: list[tuple[int, float, int]] = []
    for j in columns:
        column, y, _ = _both(sides, j)
        coded = _codes(y)
        if coded is None or len(y) < _FEWEST:
            continue
        target, classes = coded
        score = _text_score(column, target, classes)
        if score is None:
            score = _score(column, target, classes)
        if score is not None:
            found.append((j, score, len(y)))
    # Where many columns do it the task is easy, and none of them gives the target away.
    if not found or len(found) > max(1, sides.X.shape[1] // 4):
        return None
    j, score, rows = max(found, key=lambda one: one[1])
    return Told(_name(sides.X, j), {"agreement": round(score, 4), "rows": rows})


def _text_score(column: Array, target: Array, classes: int) -> float | None:
    if column.dtype.kind not in "OUS" or not classes:
        return None
    kinds, codes = np.unique(column.astype(str), return_inverse=True)
    if len(kinds) > 2 * classes or np.bincount(target).min() < _FEWEST_OF_A_CLASS:
        return None
    table = np.zeros((len(kinds), classes))
    np.add.at(table, (codes, target), 1)
    right = float(table.max(axis=1).sum() / len(target))
    return right if right >= 1 - _WRONG and len(set(table.argmax(axis=1))) == classes else None


def _score(column: Array, target: Array, classes: int) -> float | None:
    """How far a column of numbers alone says what the target is, if almost perfectly."""
    if column.dtype.kind not in "biuf":
        return None
    known = ~np.isnan(column.astype(float))
    column, target = column[known], target[known]
    if len(target) < _FEWEST:
        return None
    order = np.lexsort((target, column))
    after = target[order]
    if not classes:
        agreement = float(_rank_agreement(after[:, None], column[order][:, None])[0])
        return agreement if agreement >= _SAME_ORDER else None
    if np.bincount(target).min() < _FEWEST_OF_A_CLASS:
        return None
    wrong = max(0, int((after[1:] != after[:-1]).sum()) - (classes - 1)) / 2
    # Rows of equal values and different labels cannot be told apart, whatever their order here.
    right = 1 - wrong / len(target)
    return right if right >= 1 - _WRONG else None


def _groups(sides: Sides, columns: Sequence[int]) -> Told | None:
    if sides.target_before is None or not _is_table(sides.before):
        return None
    for j in columns:
        column, y, count = _both(sides, j)
        if column.dtype.kind not in "biufOUS" or len(y) < _FEWEST:
            continue
        if column.dtype.kind in "OUS":
            column = column.astype(str)
        kinds, codes = np.unique(column, return_inverse=True)
        times = np.bincount(codes)
        if (times > 1).sum() < _FEWEST_GROUPS or len(kinds) > len(column) * 0.6:
            continue
        targets, target = np.unique(
            y.astype(str) if y.dtype.kind == "O" else y, return_inverse=True
        )
        first = np.zeros(len(kinds), np.intp)
        first[codes] = target
        if len(targets) < 2 or not (first[codes] == target).all():
            continue
        # Neighbours differ, or it is a number that the target depends on.
        share = np.bincount(first) / len(first)
        chance = (len(kinds) - 1) * (1 - (share**2).sum())
        if (first[1:] != first[:-1]).sum() < 0.5 * chance or chance < 3:
            continue
        shared = np.intersect1d(codes[:count], codes[count:])
        if len(shared) >= _FEWEST_SHARED:
            rows = int(np.isin(codes[:count], shared).sum())
            return Told(_name(sides.X, j), {"groups": len(shared), "rows": rows, "of": count})
    return None


def disorder(sides: Sides) -> Told | None:
    """A column of times by which training rows are later than scored rows."""
    X, before = sides.X, sides.before
    if not hasattr(X, "iloc") or len(X.shape) != 2 or not hasattr(before, "iloc"):
        return None
    pairs = [*_times(X, before)]
    for name, scored, trained in pairs:
        middle = np.sort(scored)[len(scored) // 2]
        later = float((trained > middle).mean()) if len(trained) else 0.0
        if later >= 0.05 and len(np.unique(scored)) > 5:
            return Told(name, {"later": round(later, 3), "rows": len(trained)})
    return None


def _times(X: Any, before: Any) -> Iterator[tuple[str, Array, Array]]:
    if all(getattr(frame.index.dtype, "kind", "O") == "M" for frame in (X, before)):
        yield "the index", X.index.asi8, before.index.asi8
    columns = X.columns
    if columns is not before.columns and not columns.equals(before.columns):
        return
    born, timed = _named_after_times(columns)
    # Numbers are times where their name says so; where all are numbers nothing else is asked.
    block = single_block(X)
    numbers = block is not None and block.dtype.kind in "biuf"
    dtypes = [] if numbers and not timed else list(X.dtypes)
    for j in timed if numbers else range(len(columns)):
        if j in born:
            continue
        name, kind = columns[j], getattr(dtypes[j], "kind", "O")
        if kind == "M":
            yield str(name), _instants(X.iloc[:, j]), _instants(before.iloc[:, j])
        elif kind in "iuf":
            if j in timed:
                yield str(name), _floats(X.iloc[:, j]), _floats(before.iloc[:, j])
        elif len(X) and _is_day(X.iloc[0, j]):
            yield str(name), _texts(X.iloc[:, j]), _texts(before.iloc[:, j])


def _named_after_times(columns: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The places of the columns whose names are of births, and of other times."""
    known = _timely.get(columns)
    if known is None:
        names = [str(name) for name in columns]
        born = tuple(j for j, name in enumerate(names) if _BIRTH.search(name))
        timed = tuple(j for j, name in enumerate(names) if _TIME_NAMES.search(name.lower()))
        known = born, timed
        _timely.set(columns, known)
    return known


def _instants(column: Any) -> Array:
    return np.asarray(column.dropna().astype("int64"))


def _floats(column: Any) -> Array:
    return np.asarray(column.dropna(), float)


def _texts(column: Any) -> Array:
    return np.asarray(column.dropna().astype(str))


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and _ISO_DAY.match(value) is not None
