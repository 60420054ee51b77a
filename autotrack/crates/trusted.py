"""What a crate that nobody vouches for may name, and what it may do with it.

These tables are of this version of autotrack, and never of a crate. Each name may be called from a
pickle, or from what a pickle builds, with arguments of a stranger's choosing: it is listed because
it does no more than build a value or compute one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from autotrack.crates import array_guards, guards
from autotrack.crates.rehearsal import Bare, Built, Name, Thing, Unmade

# -- never, unless the caller names them in full --------------------------------------------------

#: Modules of which every name runs code, or reaches files, processes or the network.
GADGET_MODULES = frozenset(
    """
    _ctypes _io _pickle _posixsubprocess _socket _thread _winapi antigravity ast asyncio atexit bdb
    cProfile cgi code codeop commands concurrent ctypes distutils dis doctest ensurepip faulthandler
    fcntl fileinput ftplib gc glob http idlelib imaplib imp importlib inspect io linecache marshal
    mmap msilib multiprocessing nntplib nt ntpath os pdb pickle pip pkgutil platform poplib posix
    posixpath profile pstats pty py_compile compileall pydoc resource runpy select selectors
    setuptools shelve shutil signal site smtplib socket socketserver sqlite3 ssl subprocess sys
    tarfile telnetlib tempfile test threading timeit trace tracemalloc turtle unittest urllib venv
    webbrowser winreg wsgiref xmlrpc zipapp zipfile zipimport
    cloudpickle.loads dill pytest _pytest conftest
    joblib.memory joblib.numpy_pickle joblib.parallel joblib.externals joblib.func_inspect
    numpy.testing numpy.f2py numpy.distutils numpy.ctypeslib numpy.lib.npyio numpy.lib._npyio_impl
    numpy.lib.format numpy.lib._format_impl numpy.lib._datasource numpy.lib.utils
    numpy.lib._utils_impl numpy.compat
    pandas.io pandas.core.computation pandas.util pandas.testing pandas._testing pandas.compat
    pandas.plotting
    scipy.io scipy.datasets scipy._lib._testutils scipy._lib._ccallback scipy.weave
    sklearn.datasets sklearn.utils._testing sklearn.utils._mocking sklearn.utils.parallel
    sklearn.utils.estimator_checks sklearn.utils._pprint sklearn.utils._repr_html
    sklearn.utils.discovery sklearn.utils._show_versions sklearn.utils.fixes sklearn.utils._joblib
    sklearn.utils._test_common sklearn.conftest sklearn._build_utils
    sklearn.experimental
    imblearn.datasets imblearn.utils.testing imblearn.utils.estimator_checks
    imblearn.utils._show_versions
    """.split()
)
#: Single names of the same kind, in modules that are harmless otherwise.
GADGETS = frozenset(
    {
        *(("builtins", name) for name in """
            __build_class__ __import__ breakpoint compile delattr dir eval exec execfile
            exit file globals help input locals map filter open print quit raw_input reload setattr
            vars""".split()),
        *(("__builtin__", name) for name in "eval exec execfile compile open file".split()),
        *(("operator", name) for name in "attrgetter methodcaller".split()),
        *(("_operator", name) for name in "attrgetter methodcaller".split()),
        *(("numpy", name) for name in """
            DataSource fromfile fromregex frombuffer genfromtxt load loadtxt memmap save savetxt
            savez savez_compressed recfromcsv recfromtxt frompyfunc""".split()),
        *(("joblib", name) for name in "Memory Parallel dump load delayed".split()),
        ("functools", "reduce"),
        ("numpy._core.memmap", "memmap"),
        ("numpy.core.memmap", "memmap"),
        ("pandas", "eval"),
        ("pandas", "HDFStore"),
        ("pandas", "ExcelFile"),
        ("pandas", "ExcelWriter"),
        ("logging", "FileHandler"),
        ("xgboost.core", "_load_lib"),
    }
)  # fmt: skip
#: What reads and writes files, wherever in the scientific packages it is.
_FILES = re.compile(r"(?:read|to|load|save|fetch|dump)(?:_\w+|txt|z)?|(?:from|to)file")
_TESTS = re.compile(r"(?:^|\.)(?:tests?|conftest|_testing|testing)(?:\.|$)")
STACK = frozenset({"sklearn", "numpy", "scipy", "pandas", "joblib", "imblearn", "xgboost",
                   "lightgbm", "catboost"})  # fmt: skip


def is_gadget(name: Name) -> bool:
    """Whether it runs code, or reaches files, processes or the network."""
    module, attribute = name
    top = module.partition(".")[0]
    parts = module.split(".")
    if any(".".join(parts[:count]) in GADGET_MODULES for count in range(1, len(parts) + 1)):
        return True
    if name in GADGETS or (module, attribute.partition(".")[0]) in GADGETS:
        return True
    if top not in STACK:
        return False
    return bool(_TESTS.search(module) or _FILES.fullmatch(attribute.rpartition(".")[2]))


def is_code(name: Name) -> bool:
    """Whether it is one of those that code by value is made with."""
    module, attribute = name
    if module.partition(".")[0] in {"cloudpickle", "types"}:
        return True
    return module == "builtins" and attribute in {
        "classmethod", "getattr", "property", "staticmethod", "super", "type",
    }  # fmt: skip


# -- classes --------------------------------------------------------------------------------------

#: Packages whose classes may be built, in the module they were defined in.
BUILT = ("sklearn.", "imblearn.", "scipy.sparse.", "scipy.interpolate._bsplines",
         "scipy.interpolate._cubic", "scipy.interpolate._interpolate", "scipy.spatial._",
         "scipy.stats._distn_infrastructure", "scipy.stats._continuous_distns",
         "scipy.stats._discrete_distns", "scipy.stats._kde",
         "xgboost.sklearn", "lightgbm.sklearn")  # fmt: skip
# ... but for what talks to other processes.
_CONNECTING = "sklearn.callback."
_PANDAS = frozenset(
    """
    BooleanDtype Categorical CategoricalDtype CategoricalIndex DataFrame DatetimeIndex
    DatetimeTZDtype Float32Dtype Float64Dtype Index Int16Dtype Int32Dtype Int64Dtype Int8Dtype
    Interval IntervalDtype IntervalIndex MultiIndex Period PeriodDtype PeriodIndex RangeIndex Series
    SparseDtype StringDtype TimedeltaIndex Timedelta Timestamp UInt16Dtype UInt32Dtype UInt64Dtype
    UInt8Dtype BooleanArray DatetimeArray FloatingArray IntegerArray IntervalArray PeriodArray
    SparseArray StringArray TimedeltaArray IntIndex BlockIndex BlockManager SingleBlockManager
    PandasArray NumpyExtensionArray Day Hour Minute Second MonthEnd MonthBegin YearEnd YearBegin
    QuarterEnd QuarterBegin BusinessDay Week
    """.split()
)
#: Classes by name.
CLASSES = frozenset(
    {
        *(("builtins", name) for name in """
            bool bytearray bytes complex dict float frozenset int list object range set slice str
            tuple""".split()),
        *(("collections", name) for name in "Counter OrderedDict defaultdict deque".split()),
        *(("datetime", name) for name in "date datetime time timedelta timezone".split()),
        *(("pathlib", name) for name in """
            Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath""".split()),
        *(("pathlib._local", name) for name in "Path PosixPath PurePath PurePosixPath".split()),
        ("decimal", "Decimal"),
        ("fractions", "Fraction"),
        ("functools", "partial"),
        ("operator", "itemgetter"),
        ("uuid", "UUID"),
        ("sklearn.impute._iterative", "_ImputerTriplet"),
        ("catboost.core", "CatBoost"),
        ("catboost.core", "CatBoostClassifier"),
        ("catboost.core", "CatBoostRanker"),
        ("catboost.core", "CatBoostRegressor"),
        ("lightgbm.basic", "Booster"),
        ("xgboost.core", "Booster"),
        ("numpy.polynomial.polynomial", "Polynomial"),
        ("numpy", "poly1d"),
        ("numpy", "vectorize"),
        ("numpy.random.bit_generator", "SeedSequence"),
    }
)  # fmt: skip
#: Of NumPy's own classes a pickle only says the name: they are made by the functions below.
_NUMPY = frozenset(
    """
    ndarray matrix recarray record MaskedArray bool_ bool int8 int16 int32 int64 uint8
    uint16 uint32 uint64 intc intp uintc uintp longlong ulonglong long ulong float16 float32 float64
    longdouble complex64 complex128 clongdouble object_ bytes_ str_ void datetime64 timedelta64
    generic number integer floating MT19937 PCG64 PCG64DXSM Philox SFC64 Generator RandomState
    """.split()
)
_ARRAYS = frozenset({"ndarray", "matrix", "recarray", "MaskedArray"})

# -- functions ------------------------------------------------------------------------------------

#: NumPy's functions that people apply to data (its ufuncs are trusted as such).
_NUMPY_FUNCTIONS = frozenset(
    """
    all any amax amin max min argmax argmin argsort around round array asarray ascontiguousarray
    atleast_1d atleast_2d average clip column_stack concatenate corrcoef cov cumprod cumsum diff
    digitize dot expand_dims flip gradient hstack interp isclose log10 mean median nan_to_num
    nanmax nanmean nanmedian nanmin nanstd nansum nanvar outer percentile prod ptp quantile ravel
    repeat reshape rint roll searchsorted sign sort split squeeze stack std sum swapaxes tile
    transpose trapezoid unique var vstack where zeros_like ones_like real imag angle unwrap
    """.split()
)
#: Modules all of whose public functions compute something of arrays.
_COMPUTING = re.compile(
    r"sklearn\.(?:metrics\.(?:_classification|_regression|_ranking|pairwise|cluster\.\w+)"
    r"|feature_selection\.(?:_univariate_selection|_mutual_info)|preprocessing\._data"
    r"|utils\.extmath|covariance\.\w+|cluster\._k_?means\w*)"
    r"|imblearn\.metrics\.\w+|numpy\.linalg(?:\.\w+)?|scipy\.special\.\w+|scipy\.stats\._stats_py"
    r"|scipy\.spatial\.distance"
)
_BY_NAME = frozenset(
    {
        ("sklearn.cluster._kmeans", "_kmeans_single_lloyd"),
        ("sklearn.cluster._kmeans", "_kmeans_single_elkan"),
        ("scipy._lib.array_api_compat.numpy._aliases", "asarray"),
        ("sklearn.externals.array_api_compat.numpy._aliases", "asarray"),
    }
)
_UNPICKLE = re.compile(r"__pyx_unpickle_\w+|newObj")


def is_value(name: Name) -> bool:
    """Whether it is a function that only computes: a model may keep it, a pickle not call it."""
    module, attribute = name
    if module == "numpy" or module.startswith(("numpy.lib.", "numpy._core.", "numpy.core.")):
        return attribute in _NUMPY_FUNCTIONS
    return name in _BY_NAME or (attribute[0] != "_" and _COMPUTING.fullmatch(module) is not None)


_OF_ARRAYS: Mapping[Name, tuple[Callable[..., Any], bool]] = {
    ("multiarray", "_reconstruct"): (array_guards.empty_array, True),
    ("multiarray", "scalar"): (array_guards.scalar, False),
}
#: What a pickle may call, by module and name, and what holds its arguments (:mod:`guards`). Those
#: under False make the call, given its result.
CALLS: Mapping[Name, tuple[Callable[..., Any], bool]] = {
    **{
        (f"numpy.{core}.{module}", name): guard
        for core in ("core", "_core")
        for (module, name), guard in _OF_ARRAYS.items()
    },
    ("numpy.ma.core", "_mareconstruct"): (array_guards.masked_array, True),
    ("numpy.random._pickle", "__bit_generator_ctor"): (guards.fresh, False),
    ("numpy.random._pickle", "__generator_ctor"): (guards.fresh, False),
    ("numpy.random._pickle", "__randomstate_ctor"): (guards.fresh, False),
    ("copyreg", "_reconstructor"): (guards.bare, True),
    ("builtins", "getattr"): (guards.attribute, False),
    ("builtins", "type"): (guards.constant_type, False),
    ("re", "_compile"): (guards.pattern, False),
    ("pandas.core.indexes.base", "_new_Index"): (guards.anything, False),
    ("pandas.core.indexes.datetimes", "_new_DatetimeIndex"): (guards.anything, False),
    ("pandas.core.indexes.timedeltas", "_new_TimedeltaIndex"): (guards.anything, False),
    ("pandas.core.indexes.interval", "_new_IntervalIndex"): (guards.anything, False),
    ("pandas.core.indexes.period", "_new_PeriodIndex"): (guards.anything, False),
    ("pandas._libs.internals", "_unpickle_block"): (guards.instances, False),
    ("pandas._libs.tslibs.nattype", "_nat_unpickle"): (guards.anything, False),
    ("pandas._libs.tslibs.nattype", "__nat_unpickle"): (guards.anything, False),
    ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp"): (guards.instances, False),
    ("pandas._libs.tslibs.timedeltas", "_timedelta_unpickle"): (guards.instances, False),
}
#: Instances that a pickle may name.
INSTANCES = frozenset(
    {
        ("pandas", "NA"),
        ("pandas._libs.missing", "NA"),
        ("builtins", "Ellipsis"),
        ("builtins", "NotImplemented"),
    }
)


def proper(name: Name) -> Name:
    """The name under which a thing is found, which Cython cuts short in scikit-learn 1.6."""
    return ("sklearn._loss._loss", name[1]) if name[0] == "_loss" else name


def is_unpickler(name: Name) -> bool:
    """Whether it is a function by which Cython's classes are made again."""
    module, attribute = name
    top = module.partition(".")[0]
    return top in {"sklearn", "pandas", "numpy", "imblearn", "scipy"} and bool(
        _UNPICKLE.fullmatch(attribute)
    )


_TREE = ("sklearn.tree._tree", "Tree")
#: The stand-ins for all classes of some modules.
_BY_MODULE: Mapping[str, type[Thing]] = {
    "scipy.stats._continuous_distns": guards.Distribution,
    "scipy.stats._discrete_distns": guards.Distribution,
    "sklearn.metrics._scorer": guards.Scorer,
    "sklearn.tree._classes": guards.Fast,
    "sklearn.metrics._dist_metrics": guards.Metric,
    "sklearn.neighbors._ball_tree": guards.Neighbours,
    "sklearn.neighbors._kd_tree": guards.Neighbours,
}
#: Modules whose compiled classes are known: others may take a state as it comes.
_COMPILED = frozenset(
    {*_BY_MODULE, _TREE[0], "sklearn._loss._loss", "sklearn.linear_model._sgd_fast"}
)


def is_known_compiled(name: Name) -> bool:
    """Whether a class may be a compiled one, as far as pickles of models hold such."""
    module = name[0]
    return module in _COMPILED or module.partition(".")[0] not in {"sklearn", "imblearn", "scipy"}


def base_of(name: Name) -> type[Thing] | None:
    """The stand-in for a class that may be named, or None if it is not one of these."""
    module, attribute = name
    top = module.partition(".")[0]
    if "." in attribute:
        return None  # what is in a class is told from what its functions hold by running it
    if name in CLASSES:
        return Built
    if top == "numpy":
        return _base_of_numpy(attribute)
    if top == "pandas" and attribute in _PANDAS:
        return Built
    if name == _TREE:
        return guards.Tree
    if module in _BY_MODULE:
        return _BY_MODULE[module]
    if module.startswith(BUILT) and not module.startswith(_CONNECTING):
        return Bare
    return None


def _base_of_numpy(attribute: str) -> type[Thing] | None:
    if attribute == "dtype":
        return array_guards.DataType
    if attribute in _ARRAYS:
        return array_guards.Array
    if attribute in _NUMPY:
        return Unmade
    return None


#: Classes that pickles call; of the others they make bare instances.
def is_called(name: Name) -> bool:
    """Whether pickles call this class, rather than make bare instances of it."""
    module, attribute = name
    if module in {"datetime", "decimal", "fractions", "pathlib", "pathlib._local", "collections",
                  "functools", "operator", "uuid"}:  # fmt: skip
        return True
    if module == "builtins":
        return attribute in {"complex", "slice", "range", "bytearray", "object", "set", "frozenset"}
    if module.startswith("pandas"):
        return True
    if module == "numpy":
        return attribute == "dtype"
    return module in {
        "sklearn._loss._loss", "sklearn.linear_model._sgd_fast", "sklearn.utils._bunch",
    } or name == _TREE  # fmt: skip


def class_guard(name: Name) -> Callable[..., Any] | None:
    """What holds the arguments of a class that pickles call; None if any will do."""
    if name[0] in {"sklearn._loss._loss", "sklearn.linear_model._sgd_fast"}:
        return guards.constants
    return _CLASS_GUARDS.get(name)


#: What the calls of some classes are held against.
_CLASS_GUARDS: Mapping[Name, Callable[..., Any]] = {
    ("fractions", "Fraction"): guards.fraction,
    ("collections", "Counter"): guards.container,
    ("collections", "OrderedDict"): guards.container,
    ("collections", "deque"): guards.container,
    ("builtins", "bytearray"): guards.pattern,
    ("builtins", "set"): guards.container,
    ("builtins", "frozenset"): guards.container,
    ("builtins", "object"): guards.constants,
}
