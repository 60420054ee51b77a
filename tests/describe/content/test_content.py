"""Any value by what it holds, the same in every process."""

from __future__ import annotations

import ast
import copy
import os
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import autotrack
from autotrack.describe.content import Content, Undigestible, digest

_modules = iter(range(10**6))


def module(text, **helpers):
    """A module of the user's with this text."""
    made = types.ModuleType(f"content_case_{next(_modules)}")
    for name, helper in helpers.items():
        sys.modules[name] = made.__dict__[name] = helper
    sys.modules[made.__name__] = made
    exec(compile(textwrap.dedent(text), f"/project/{made.__name__}.py", "exec"), vars(made))
    return made


def of(text, name="f", **helpers):
    return digest(vars(module(text, **helpers))[name])


SAME = {
    "comments": ("def f(x):\n    return x + 1", "def f(x):\n\n    # more\n    return (x\n  + 1)"),
    "docstrings": ("def f(x):\n    return None", "def f(x):\n    'says'\n    return None"),
    "docstring of a class": ("class f:\n    a = 1", "class f:\n    'says'\n    a = 1"),
    "docstring of a cached property": (
        "import functools\nclass f:\n    @functools.cached_property\n    def a(self): return 1",
        "import functools\nclass f:\n    @functools.cached_property\n    def a(self):\n"
        "        'says'\n        return 1",
    ),
    "names of locals": ("def f(x):\n    a = x\n    return a", "def f(x):\n    b = x\n    return b"),
    "place": ("def f(x): return x", "\n\n\ndef f(x): return x"),
    "unrelated": ("def f(x): return x", "A = 1\ndef g(): pass\ndef f(x): return x"),
    "lambda": ("f = lambda x: x * 2", "f = (lambda x:\n   x * 2)"),
    "order of methods": (
        "class f:\n    def a(self): return 1\n    def b(self): return 2",
        "class f:\n    def b(self): return 2\n    def a(self): return 1",
    ),
    "order of a set": ("f = {'a', 'b', 'c'}", "f = {'c', 'b', 'a'}"),
    "unrelated attribute of a module": (
        "m = type(__import__('sys'))('m'); m.a = 1; m.b = 2\ndef f(): return m.a",
        "m = type(__import__('sys'))('m'); m.a = 1; m.b = 3\ndef f(): return m.a",
    ),
    "annotations": ("def f(x): return x", "def f(x: int) -> int: return x"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=list(SAME))
def test_how_something_is_written_down_does_not_matter(one, other):
    assert of(one) == of(other)


OTHER = {
    "body": ("def f(x): return x + 1", "def f(x): return x + 2"),
    "operator": ("def f(x): return x + 1", "def f(x): return x - 1"),
    "default": ("def f(x=1): return x", "def f(x=2): return x"),
    "keyword default": ("def f(*, x=1): return x", "def f(*, x=2): return x"),
    "argument": ("def f(a, b): return a", "def f(b, a): return b"),
    "global": ("K = 1\ndef f(): return K", "K = 2\ndef f(): return K"),
    "helper": (
        "def g(): return 1\ndef f(): return g()",
        "def g(): return 2\ndef f(): return g()",
    ),
    "helper of a helper": (
        "def h(): return 1\ndef g(): return h()\ndef f(): return [g() for _ in 'ab']",
        "def h(): return 2\ndef g(): return h()\ndef f(): return [g() for _ in 'ab']",
    ),
    "closure": (
        "def make(n):\n    return lambda: n\nf = make(1)",
        "def make(n):\n    return lambda: n\nf = make(2)",
    ),
    "nested function": (
        "def f():\n    def g(): return 1\n    return g()",
        "def f():\n    def g(): return 2\n    return g()",
    ),
    "global of a nested function": (
        "K = 1\ndef f():\n    return lambda: K",
        "K = 2\ndef f():\n    return lambda: K",
    ),
    "global of a comprehension": (
        "K = 1\ndef f(): return [K for _ in 'ab']",
        "K = 2\ndef f(): return [K for _ in 'ab']",
    ),
    "constant in a set": ("def f(x): return x in {1, 2}", "def f(x): return x in {1, 3}"),
    "minus zero": ("def f(): return 0.0", "def f(): return -0.0"),
    "what is tried": (
        "def f():\n    try:\n        g()\n        h()\n    except KeyError: pass",
        "def f():\n    try:\n        g()\n    except KeyError: pass\n    h()",
    ),
    "decorator": (
        "import functools\ndef d(g):\n    @functools.wraps(g)\n    def w(x): return g(x) + 1\n"
        "    return w\n@d\ndef f(x): return x",
        "import functools\ndef d(g):\n    @functools.wraps(g)\n    def w(x): return g(x) + 2\n"
        "    return w\n@d\ndef f(x): return x",
    ),
    "decorated": (
        "import functools\n@functools.lru_cache\ndef f(x): return x",
        "import functools\n@functools.lru_cache\ndef f(x): return x + 1",
    ),
    "method": (
        "class f:\n    def a(self): return 1",
        "class f:\n    def a(self): return 2",
    ),
    "method of a base class": (
        "class B:\n    def a(self): return 1\nclass f(B): pass",
        "class B:\n    def a(self): return 2\nclass f(B): pass",
    ),
    "metaclass": (
        "class M(type):\n    def a(self): return 1\nclass f(metaclass=M): pass",
        "class M(type):\n    def a(self): return 2\nclass f(metaclass=M): pass",
    ),
    "class attribute": ("class f:\n    a = [1]", "class f:\n    a = [2]"),
    "property": (
        "class f:\n    @property\n    def a(self): return 1",
        "class f:\n    @property\n    def a(self): return 2",
    ),
    "cached property": (
        "import functools\nclass f:\n    @functools.cached_property\n    def a(self): return 1",
        "import functools\nclass f:\n    @functools.cached_property\n    def a(self): return 2",
    ),
    "class method": (
        "class f:\n    @classmethod\n    def a(cls): return 1",
        "class f:\n    @classmethod\n    def a(cls): return 2",
    ),
    "static method": (
        "class f:\n    @staticmethod\n    def a(): return 1",
        "class f:\n    @staticmethod\n    def a(): return 2",
    ),
    "partial": (
        "import functools\ndef g(x): return 1\nf = functools.partial(g, 1)",
        "import functools\ndef g(x): return 2\nf = functools.partial(g, 1)",
    ),
    "argument of a partial": (
        "import functools\ndef g(x): return 1\nf = functools.partial(g, x=1)",
        "import functools\ndef g(x): return 1\nf = functools.partial(g, x=2)",
    ),
    "bound method": (
        "class A:\n    def __init__(self): self.k = 1\n    def m(self): return self.k\nf = A().m",
        "class A:\n    def __init__(self): self.k = 2\n    def m(self): return self.k\nf = A().m",
    ),
    "callable object": (
        "class A:\n    def __call__(self): return 1\nf = A()",
        "class A:\n    def __call__(self): return 2\nf = A()",
    ),
    "settings object": (
        "class S: pass\nS.rate = 1\ndef f(): return S.rate",
        "class S: pass\nS.rate = 2\ndef f(): return S.rate",
    ),
    "dataclass": (
        "import dataclasses\n@dataclasses.dataclass\nclass C:\n    a: int = 1\nf = C()",
        "import dataclasses\n@dataclasses.dataclass\nclass C:\n    a: int = 1\nf = C(2)",
    ),
    "slots": (
        "class A:\n    __slots__ = ('__a',)\n    def __init__(self, a): self.__a = a\nf = A(1)",
        "class A:\n    __slots__ = ('__a',)\n    def __init__(self, a): self.__a = a\nf = A(2)",
    ),
    "enum": (
        "import enum\nclass E(enum.Enum):\n    A = 1\nf = E.A",
        "import enum\nclass E(enum.Enum):\n    A = 2\nf = E.A",
    ),
    "attribute of a module": (
        "m = type(__import__('sys'))('m'); m.a = 1\ndef f(): return m.a",
        "m = type(__import__('sys'))('m'); m.a = 2\ndef f(): return m.a",
    ),
    "attribute by getattr": (
        "m = type(__import__('sys'))('m'); m.a = 1\ndef f(): return getattr(m, 'a')",
        "m = type(__import__('sys'))('m'); m.a = 2\ndef f(): return getattr(m, 'a')",
    ),
    "global by name": (
        "K = 1\ndef f(): return globals()['K']",
        "K = 2\ndef f(): return globals()['K']",
    ),
    "what shadows a builtin": (
        "def f(x): return len(x)",
        "def len(x): return 1\ndef f(x): return len(x)",
    ),
    "attribute of a function": ("def f(): return f.k\nf.k = 1", "def f(): return f.k\nf.k = 2"),
}


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=list(OTHER))
def test_whatever_code_depends_on_counts(one, other):
    assert of(one) != of(other)


def test_a_module_of_the_project_is_followed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for value in (1, 2):
        folder = tmp_path / f"v{value}"
        folder.mkdir()
        (folder / "content_helper.py").write_text(f"def scale(): return {value}\n")
        monkeypatch.syspath_prepend(folder)
        sys.modules.pop("content_helper", None)
        found += [
            of("from content_helper import scale\ndef f(): return scale()"),
            of("import content_helper\ndef f(): return content_helper.scale()"),
            of("def f():\n    from content_helper import scale\n    return scale()"),
        ]
        sys.modules.pop("content_helper")
        # Not imported yet: it will be, when the function is called.
        found.append(of("def f():\n    import content_helper\n    return content_helper.scale()"))
    assert len(set(found)) == 8


VALUES = {
    "array": lambda n: np.array([1.0, n]),
    "objects": lambda n: np.array([n, "a", None], dtype=object),
    "frame": lambda n: pd.DataFrame({"a": [1, n]}),
    "index": lambda n: pd.DataFrame({"a": [1, 2]}, index=[0, n]),
    "frame of objects": lambda n: pd.DataFrame({"a": [[1], [n]]}),
    "sparse": lambda n: scipy.sparse.csr_matrix([[0, n]]),
    "set": lambda n: {"a", "b", f"c{n}", None},
    "frozen distribution": lambda n: stats.loguniform(1, 10 + n),
    "generator": lambda n: np.random.default_rng(n),
    "random state": lambda n: np.random.RandomState(n),
    "estimator": lambda n: make_pipeline(FunctionTransformer(np.log1p), Ridge(alpha=n)),
    "fitted": lambda n: Ridge().fit([[0.0], [1.0]], [0.0, n]),
    "date": lambda n: pd.Timestamp(2020, 1, n).to_pydatetime(),
    "long list": lambda n: [*range(100), n],
    "range": lambda n: range(n),
    "mixed keys": lambda n: {1: "a", "b": (n, None)},
}


@pytest.mark.parametrize("make", VALUES.values(), ids=list(VALUES))
def test_values_count_by_what_they_hold(make):
    assert digest(make(2)) == digest(make(2))
    assert digest(make(2)) != digest(make(3))


def test_what_holds_itself_has_a_digest():
    def made(value):
        outer = {"a": [value]}
        outer["a"].append(outer)
        return outer

    assert digest(made(1)) == digest(made(1))
    assert digest(made(1)) != digest(made(2))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(plain, plain)
def test_equal_digests_are_of_equal_values(one, other):
    assert digest(one) == digest(one)
    if digest(one) == digest(other):
        assert repr(one) == repr(other)


@pytest.mark.parametrize(
    ("value", "reason", "path"),
    [
        ({"a": [(i for i in ())]}, "a generator", "['a'][0]"),
        (FunctionTransformer(i for i in ()), "a generator", "func"),
    ],
)
def test_what_has_no_content_is_named(value, reason, path):
    with pytest.raises(Undigestible) as error:
        digest(value)
    assert (error.value.reason, error.value.path) == (reason, path)


@pytest.mark.parametrize(
    "text",
    [
        "stream = open('/dev/null')\ndef f(): return stream.read()",
        "import os\ndef f(name): return os.environ[name]",
        "import os\ndef f(): return dict(os.environ)",
        "import importlib\ndef f(name): return importlib.import_module(name)",
        "import sqlite3\nbase = sqlite3.connect(':memory:')\ndef f(): return base",
    ],
)
def test_what_code_uses_and_has_no_content_is_named(text):
    with pytest.raises(Undigestible):
        of(text)


def test_what_pickling_leaves_in_a_class_does_not_count():
    made = module("class f:\n    a = 1").f
    before = digest(made)
    copy.deepcopy(made())
    assert digest(made) == before


def test_there_is_a_limit():
    with pytest.raises(Undigestible, match="more than 100 objects"):
        digest([{} for _ in range(200)], most=100)
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(Undigestible, match="nested"):
        digest(deep)


READS = {
    "subscript": "import os\ndef f(): return os.environ['AT_CASE']",
    "get": "import os\ndef f(): return float(os.environ.get('AT_CASE'))",
    "default": "import os\ndef f(): return os.environ.get('AT_CASE', '1')",
    "or": "import os\ndef f(): return os.environ.get('AT_CASE') or '1'",
    "getenv": "from os import getenv\ndef f(): return getenv('AT_CASE', '0')",
    "environ": "from os import environ\ndef f(): return environ['AT_CASE']",
    "in": "import os\ndef f(): return 'AT_CASE' in os.environ",
    "by a constant": "import os\nNAME = 'AT_CASE'\ndef f(): return os.environ[NAME]",
}


@pytest.mark.parametrize("text", READS.values(), ids=list(READS))
def test_environment_variables_that_code_names_count(monkeypatch, text):
    monkeypatch.delenv("AT_CASE", raising=False)
    without = of(text)
    monkeypatch.setenv("AT_CASE", "2")
    assert of(text) != without


def test_a_variable_that_is_only_asked_whether_it_is_set_does_not_count(monkeypatch):
    text = "import os\ndef f():\n    if os.environ.get('AT_CASE'):\n        print('debug')"
    monkeypatch.delenv("AT_CASE", raising=False)
    without = of(text)
    monkeypatch.setenv("AT_CASE", "2")
    assert of(text) == without


def test_clones_count_by_their_params_alone():
    def told(estimator, **options):
        content = Content()
        content.add(estimator, **options)
        return content.hexdigest()

    fitted = Ridge().fit([[0.0], [1.0]], [0.0, 1.0])
    assert told(fitted, cloned=True) == told(Ridge(), cloned=True)
    assert told(fitted) != told(Ridge())
    assert told(Ridge(2), cloned=True) != told(Ridge(), cloned=True)


def test_packages_that_are_used_are_named():
    content = Content()
    content.add([make_pipeline(Ridge()), stats.uniform(0, 1)])
    assert {"sklearn", "scipy"} <= content.packages


def test_tracking_makes_no_difference(tmp_path):
    text = (
        "from sklearn.base import BaseEstimator, ClassifierMixin\n"
        "class f(ClassifierMixin, BaseEstimator):\n"
        "    def fit(self, X, y): return self\n"
        "    def predict(self, X): return X\n"
        "g = f().predict\n"
    )
    before = of(text), of(text, "g")
    with autotrack.enable():
        assert (of(text), of(text, "g")) == before


MANY = """
import functools
import numpy as np
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from autotrack.describe.content import digest
WORDS = {"a", "b", "c", "d", "e", None, 1}
class Node:
    kinds = frozenset({"x", "y", "z"})
    def __init__(self): self.of = {self, "p", "q"}
    def __hash__(self): return 1
    def use(self, x): return x in {"k", "l", "m"} and WORDS and stats.norm
fitted = RandomForestClassifier(3, random_state=0).fit([[0], [1], [2]], [0, 1, 0])
values = [WORDS, Node(), Node, fitted, stats.uniform(0, 2), functools.partial(Node.use, 1),
          np.random.RandomState(1), {"a": {"b", "c", ("d", frozenset("efg"))}}, lambda x: WORDS]
print(*map(digest, values))
"""


def test_a_digest_is_the_same_in_every_process(run_python):
    said = set()
    for seed in "123":
        done = subprocess.run(
            [sys.executable, "-c", MANY],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        said.add(done.stdout)
    assert len(said) == 1


def test_nothing_but_the_text_tells_reformatted_modules_apart():
    from autotrack.describe.code import read_code

    different = functions = 0
    for path in sorted(Path(ast.__file__).parent.glob("[ab]*.py")):
        text = path.read_text("utf-8")
        pairs = zip(
            _codes(compile(text, "a", "exec")),
            _codes(compile("\n# more\n" + ast.unparse(ast.parse(text)), "b", "exec")),
            strict=True,
        )
        for one, other in pairs:
            functions += 1
            different += read_code(one).digest != read_code(other).digest
    # The compiler itself lays a few jumps out by lines.
    assert functions > 500
    assert different < functions / 200


def _codes(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _codes(const)
