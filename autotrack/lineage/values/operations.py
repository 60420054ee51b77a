"""The closed family of operations by which people turn predictions into what they score.

Each gives for every row something that depends on the prediction of that row alone, or takes rows
by a known index. They are computed on plain values (arrays, numbers, texts, pandas objects), so
that nothing of the user's runs.
"""

from __future__ import annotations

import ast
import functools
import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autotrack.lineage.values.arrays import Array
from autotrack.lineage.values.plain import MOST_NUMBERS, is_pandas, is_plain, is_rows
from autotrack.runtime.quiet import quiet


class _Unknown:
    """What a value is that is not known; there is one, :data:`UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()

BINARY: Mapping[type[ast.operator], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
UNARY: Mapping[type[ast.unaryop], Callable[..., Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
COMPARE: Mapping[type[ast.cmpop], Callable[..., Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}

# Functions whose result has, for each row, something made of that row alone.
_ROWWISE = """
    abs absolute add array asanyarray asarray atleast_1d ceil clip copy cos digitize divide equal
    exp exp2 expm1 fabs fix floor float32 float64 floor_divide greater greater_equal int32 int64
    int_ isclose isin less less_equal log log10 log1p log2 logical_and logical_not logical_or
    maximum minimum mod multiply nan_to_num negative not_equal positive power ravel real
    reciprocal rint round select sign sin sqrt square squeeze subtract take tanh true_divide trunc
    where choose heaviside bool_ str_ logaddexp stack column_stack
"""
# Functions that make one number, or with ``axis=1`` one for each row.
_REDUCTIONS = "amax amin argmax argmin max mean median min percentile quantile std sum var ptp"
_BUILTINS = (abs, bool, float, int, list, round, str, tuple, max, min, sum, len)
_ARRAY_METHODS = frozenset(
    "astype clip copy flatten item ravel reshape round squeeze tolist view take".split()
)
_SERIES_METHODS = frozenset(
    "abs add astype clip copy div eq ge gt head isin le lt map mul ne pow radd replace round rsub "
    "rename reset_index sub tail to_frame to_list to_numpy tolist truediv".split()
)
_REDUCING_METHODS = frozenset(
    "argmax argmin idxmax max mean median min quantile std sum var".split()
)
_ATTRIBUTES = frozenset(
    {"T", "real", "values", "index", "columns", "shape", "size", "dtype", "name"}
)
# Transformers whose way back, and forth, looks at one row at a time and runs nothing of a user's.
_TRANSFORMERS = frozenset(
    """Binarizer KBinsDiscretizer LabelBinarizer LabelEncoder MaxAbsScaler MinMaxScaler
    OrdinalEncoder PowerTransformer QuantileTransformer RobustScaler StandardScaler""".split()
)
# Arguments that say where a result is to be written.
_WRITING = frozenset({"out", "inplace"})
_MOST_BITS = 4096


@functools.cache
def _numpy_functions() -> tuple[dict[int, Any], dict[int, Any]]:
    rowwise = {id(f): f for name in _ROWWISE.split() if (f := getattr(np, name, None)) is not None}
    reducing = {id(f): f for name in _REDUCTIONS.split() if (f := getattr(np, name, None))}
    special = sys.modules.get("scipy.special")
    for name in ("expit", "logit", "softmax", "exp10", "inv_boxcox", "inv_boxcox1p", "boxcox"):
        if (found := getattr(special, name, None)) is not None:
            rowwise[id(found)] = found
    return rowwise, reducing


def call(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What a function of the family returns; UNKNOWN for any other."""
    if not _is_of_family(function, args, kwargs):
        return UNKNOWN
    return _quietly(function, args, kwargs)


def _is_of_family(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    rowwise, reducing = _numpy_functions()
    builtin = any(function is known for known in _BUILTINS)
    known = id(function) in rowwise or id(function) in reducing
    if not (known or builtin or is_pandas_class(function)) or not _are_plain(args, kwargs):
        return False
    if id(function) in reducing:
        return _reduces(args, kwargs)
    if type(function) is np.ufunc:
        return len(args) <= function.nin  # what follows is where to write
    if builtin and function in (max, min, sum):
        return not kwargs and len(args) == 1 and is_rows(args[0])
    return not builtin or not kwargs


def is_pandas_class(function: object) -> bool:
    """Whether `function` makes a series or a frame."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and any(
        function is known for known in (pandas.Series, pandas.DataFrame, pandas.Index)
    )


def method(receiver: Any, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What a method of the family returns; UNKNOWN for any other."""
    if not _are_plain(args, kwargs):
        return UNKNOWN
    kind = type(receiver)
    if not is_plain(receiver):
        return _transformed(receiver, name, args, kwargs)
    if kind is np.ndarray or issubclass(kind, np.generic):
        known = name in _ARRAY_METHODS
        if name == "reshape":
            known = _keeps_rows(receiver, args)
    elif is_pandas(receiver, "Series", "Index", "DataFrame"):
        known = name in _SERIES_METHODS
        if name == "map":
            known = len(args) == 1 and (type(args[0]) is dict or is_pandas(args[0], "Series"))
    else:
        known = kind in (list, tuple, str, dict) and name in ("copy", "get")
    if name in _REDUCING_METHODS:
        known = _reduces([receiver, *args], kwargs)
    if not known or not hasattr(kind, name):
        return UNKNOWN
    return _quietly(getattr(kind, name), [receiver, *args], kwargs)


def attribute(receiver: Any, name: str) -> Any:
    """What an attribute of an array or a pandas object is; UNKNOWN for any other."""
    if type(receiver) is np.ndarray or is_pandas(receiver, "Series", "DataFrame", "Index"):
        if name == "T" and getattr(receiver, "ndim", 1) > 1:
            return UNKNOWN
        if name in _ATTRIBUTES:
            return _quietly(getattr, (receiver, name), {})
    return UNKNOWN


def apply(function: Callable[..., Any], args: Sequence[Any]) -> Any:
    """What an operator gives for plain values; UNKNOWN where it cannot be told."""
    if not all(map(is_plain, args)) or _would_be_large(function, args):
        return UNKNOWN
    return _quietly(function, args, {})


def _would_be_large(function: Callable[..., Any], args: Sequence[Any]) -> bool:
    """Whether a result may be much larger than the operands: a branch may never have run."""
    if len(args) != 2:
        return False
    a, b = args
    if function is operator.pow and type(a) is int and type(b) is int:
        return a.bit_length() * abs(b) > _MOST_BITS
    if function is operator.mul:
        for some, times in ((a, b), (b, a)):
            if type(some) in (str, bytes, list, tuple) and type(times) in (int, bool):
                return bool(len(some) * times > MOST_NUMBERS)
    if function is operator.mod and type(a) in (str, bytes):
        return True
    if type(a) is np.ndarray and type(b) is np.ndarray and a.shape != b.shape:
        return max(a.ndim, b.ndim) > 1 and a.size * b.size > MOST_NUMBERS
    if is_pandas(a, "Series", "DataFrame") and is_pandas(b, "Series", "DataFrame"):
        # Rows with equal labels are matched each with each.
        unique = a.index.is_unique and b.index.is_unique
        return not (unique or a.index.equals(b.index))
    return False


def _are_plain(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether arguments are plain and none says where to write."""
    if not _WRITING.isdisjoint(kwargs):
        return False
    return all(map(is_plain, args)) and all(map(is_plain, kwargs.values()))


def _reduces(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a reduction makes one number, or one for each row."""
    axis = kwargs.get("axis", args[1] if len(args) > 1 and isinstance(args[1], int) else None)
    first = args[0] if args else None
    if axis is None or getattr(first, "ndim", 1) == 1:
        return True
    return axis in (1, -1) and getattr(first, "ndim", 1) == 2


def _keeps_rows(array: Any, shape: Sequence[Any]) -> bool:
    wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else tuple(shape)
    flat = array.ndim == 1 or (array.ndim == 2 and 1 in array.shape)
    return flat and tuple(wanted) in {(-1,), (-1, 1), (len(array), 1), (len(array),), (array.size,)}


def _transformed(receiver: Any, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    kind = type(receiver)
    known = kind.__module__.startswith("sklearn.") and kind.__name__ in _TRANSFORMERS
    if not known or name not in ("inverse_transform", "transform") or len(args) != 1 or kwargs:
        return UNKNOWN
    # As the class has it: an object may have a method of its own, of the user's.
    return _quietly(getattr(kind, name), [receiver, *args], {})


def _quietly(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What a call returns; UNKNOWN where it raises, would be large or would change an array."""
    if sum(a.size for a in args if type(a) is np.ndarray) > MOST_NUMBERS:
        return UNKNOWN
    try:
        with quiet(), np.errstate(all="ignore"):
            return function(*map(_read_only, args), **kwargs)
    except Exception:  # noqa: BLE001 - what cannot be computed is not known
        return UNKNOWN


def _read_only(value: Any) -> Any:
    if type(value) is not np.ndarray:
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def taken(value: Any, key: Any) -> tuple[Any, Array | None]:
    """Rows or columns of a value, and which rows these are (None for all of them)."""
    if not is_plain(value) or not is_plain(key):
        return UNKNOWN, None
    if type(value) is np.ndarray or type(value) is list:
        return _taken_from_array(value, key)
    if is_pandas(value, "Series"):
        positions = _quietly(
            lambda: np.asarray(type(value)(np.arange(len(value)), index=value.index)[key]), (), {}
        )
        found = _quietly(operator.getitem, (value, key), {})
        if found is UNKNOWN or positions is UNKNOWN or not is_pandas(found, "Series"):
            return found, None
        return found, positions
    if is_pandas(value, "DataFrame"):
        return _quietly(operator.getitem, (value, key), {}), None
    return UNKNOWN, None


def located(value: Any, how: str, key: Any) -> Any:
    """What ``loc`` or ``iloc`` of a pandas object gives for a key; UNKNOWN if it is none."""
    if not is_pandas(value, "Series", "DataFrame") or not is_plain(value) or not is_plain(key):
        return UNKNOWN
    return _quietly(lambda: getattr(value, how)[key], (), {})


def column_of(frame: Any, how: str, key: Any) -> Any:
    """The name of the one column that a key of ``loc`` or ``iloc`` asks for; UNKNOWN if of many."""
    if type(key) is not tuple or len(key) != 2 or type(key[1]) not in (str, int):
        return UNKNOWN
    return key[1] if how == "loc" else frame.columns[key[1]]


def _taken_from_array(value: Any, key: Any) -> tuple[Any, Array | None]:
    found = _quietly(operator.getitem, (value, key), {})
    if found is UNKNOWN:
        return UNKNOWN, None
    first = key[0] if isinstance(key, tuple) and key else key
    if isinstance(first, slice) and first == slice(None):
        return found, None
    if first is None or first is Ellipsis or isinstance(first, int | np.integer):
        return found, None if not is_rows(found) else np.arange(0)
    positions = _quietly(operator.getitem, (np.arange(len(value)), _as_index(first)), {})
    return found, positions if isinstance(positions, np.ndarray) else np.arange(0)


def _as_index(key: Any) -> Any:
    return np.asarray(key) if is_pandas(key, "Series", "Index") else key
