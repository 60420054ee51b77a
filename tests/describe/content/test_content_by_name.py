"""What code reaches by a name in a text, by the classes there are, and by options of libraries."""

from __future__ import annotations

import builtins
import decimal
import gc
import sys
import textwrap
import types

import numpy as np
import pandas as pd
import pytest

from autotrack.describe.content import Undigestible, digest, options


@pytest.fixture
def of(monkeypatch):
    """Digests `f` of a text, where a module `project_conf` of the user's has a `K`."""

    def found(text: str, k: object = 1) -> str:
        conf = types.ModuleType("project_conf")
        exec(f"K = {k!r}\nclass A:\n    K = {k!r}", vars(conf))
        monkeypatch.setitem(sys.modules, "project_conf", conf)
        made = types.ModuleType("by_name_case")
        monkeypatch.setitem(sys.modules, made.__name__, made)
        text = textwrap.dedent(text)
        exec(compile(text, f"/project/{made.__name__}.py", "exec"), vars(made))
        digested = digest(made.f)
        vars(made).clear()
        gc.collect()  # classes that nobody needs any more are still subclasses until then
        return digested

    return found


BY_NAME = {
    "import_module": "import importlib\ndef f(): return importlib.import_module('project_conf').K",
    "import_module, imported inside": (
        "def f():\n    import importlib\n    return importlib.import_module('project_conf').K"
    ),
    "import_module, imported inside under another name": (
        "def f():\n    import importlib as i\n    return i.import_module('project_conf').K"
    ),
    "import_module, taken inside": (
        "def f():\n    from importlib import import_module as get\n    return get('project_conf').K"
    ),
    "import_module under another name": (
        "from importlib import import_module as get\ndef f(): return get('project_conf').K"
    ),
    "import_module of another module's": (
        "import types, importlib\ntools = types.ModuleType('tools')\ntools.importlib = importlib\n"
        "def f(): return tools.importlib.import_module('project_conf').K"
    ),
    "import_module of a name": (
        "import importlib\nNAME = 'project_conf'\ndef f(): return importlib.import_module(NAME).K"
    ),
    "import_module by keyword": (
        "import importlib\ndef f(): return importlib.import_module(name='project_conf').K"
    ),
    "__import__": "def f(): return __import__('project_conf').K",
    "find_spec": (
        "import importlib.util\n"
        "def f(): return importlib.util.find_spec('project_conf').loader.load_module().K"
    ),
    "sys.modules": "import sys\ndef f(): return sys.modules['project_conf'].K",
    "sys.modules, imported inside": (
        "def f():\n    import sys\n    return sys.modules['project_conf'].K"
    ),
    "modules of sys": "from sys import modules\ndef f(): return modules['project_conf'].K",
    "sys.modules.get": "import sys\ndef f(): return sys.modules.get('project_conf').K",
    "resolve_name": "import pkgutil\ndef f(): return pkgutil.resolve_name('project_conf:A').K",
    "resolve_name of a value": (
        "def f():\n    import pkgutil\n    return pkgutil.resolve_name('project_conf:A.K')"
    ),
    "locate": "import pydoc\ndef f(): return pydoc.locate('project_conf.K')",
    "a path handed to anybody": "def f(): return find('project_conf.K')",
    "a path in a table": "PATHS = 0\ndef f(): return [find(p) for p in ('project_conf:K', 'b.c')]",
    "__dict__": "import project_conf\ndef f(): return project_conf.__dict__['K']",
    "__dict__, imported inside": (
        "def f():\n    import project_conf\n    return project_conf.__dict__"
    ),
    "vars": "import project_conf\ndef f(): return vars(project_conf)['K']",
}


@pytest.mark.parametrize("text", BY_NAME.values(), ids=list(BY_NAME))
def test_a_module_found_by_a_name_in_a_text_counts_by_what_it_holds(of, text):
    assert of(text, 1) == of(text, 1)
    assert of(text, 1) != of(text, 2)


def test_a_module_of_the_same_package_is_found_by_a_relative_name(tmp_path, monkeypatch, of):
    found = []
    for value in (1, 2):
        folder = tmp_path / f"v{value}" / "project_package"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "conf.py").write_text(f"K = {value}\n")
        monkeypatch.syspath_prepend(folder.parent)
        for given in ("'.conf', 'project_package'", "'.conf', __package__"):
            text = "import importlib\n__package__ = 'project_package'\n"
            found.append(of(f"{text}def f(): return importlib.import_module({given}).K"))
    assert len(set(found)) == 4


def test_a_module_that_is_run_by_name_counts_by_its_file(tmp_path, monkeypatch, of):
    found = []
    for value in (1, 2):
        folder = tmp_path / f"v{value}"
        folder.mkdir()
        (folder / "project_run.py").write_text(f"K = {value}\n")
        monkeypatch.syspath_prepend(folder)
        found.append(of("import runpy\ndef f(): return runpy.run_module('project_run')['K']"))
        found.append(of("def f(): return find('project_run.K')"))
        # Which is a file's name, and no path into a module.
        assert of("def f(): return open('project_run.csv')") == of(
            "def f(): return open('project_run.csv')"
        )
    assert len(set(found)) == 4


NOT_WRITTEN = {
    "an argument": "import importlib\ndef f(name): return importlib.import_module(name)",
    "an argument beside a module's name": (
        "import importlib\ndef f(name): return importlib.import_module(name), 'json'"
    ),
    "a text that is put together": (
        "import importlib\ndef f(name): return importlib.import_module('plugins.' + name)"
    ),
    "imported inside": (
        "def f(name):\n    from importlib import import_module\n    return import_module(name)"
    ),
    "handed on": (
        "from importlib import import_module\ndef f(): return map(import_module, ['json'])"
    ),
    "importlib handed on": "import importlib\ndef f(): return g(importlib)",
    "used further inside": (
        "def f(name):\n    import importlib\n"
        "    def g(): return importlib.import_module(name)\n    return g()"
    ),
    "an attribute of an object": "def f(tool, name): return tool.import_module(name)",
    "sys.modules": "import sys\ndef f(name): return sys.modules[name]",
    "run_module": "import runpy\ndef f(name): return runpy.run_module(name)",
    "__import__": "def f(name): return __import__(name)",
}


@pytest.mark.parametrize("text", NOT_WRITTEN.values(), ids=list(NOT_WRITTEN))
def test_a_module_whose_name_is_not_written_there_is_named_as_what_cannot_be_compared(of, text):
    with pytest.raises(Undigestible, match=r"imported by a name not written there \(.*\.f\)"):
        of(text)


FOUND = {
    "what gc.get_objects finds": "import gc\ndef f(): return gc.get_objects()",
    "what sys._getframe finds": "import sys\ndef f(): return sys._getframe(1).f_locals",
    "what inspect.stack finds": "def f():\n    import inspect\n    return inspect.stack()",
    "what importlib.metadata.entry_points finds": (
        "from importlib.metadata import entry_points\ndef f(): return entry_points(group='a')"
    ),
    "all modules": "import sys\ndef f(): return list(sys.modules.values())",
}


@pytest.mark.parametrize(("reason", "text"), FOUND.items(), ids=list(FOUND))
def test_what_is_found_without_a_name_is_named_as_what_cannot_be_compared(of, reason, text):
    with pytest.raises(Undigestible, match=reason):
        of(text)


NO_IMPORT = {
    "a module's own method of this name": "def f(net): return net.modules(), net.eval()",
    "only asked for": "import sys\ndef f(): return 'project_conf' in sys.modules",
    "a file": "def f(): return open('project_conf.csv')",
    "installed": "import importlib\ndef f(): return importlib.import_module('json')",
}


@pytest.mark.parametrize("text", NO_IMPORT.values(), ids=list(NO_IMPORT))
def test_what_imports_nothing_of_the_users_depends_on_none_of_their_modules(of, text):
    assert of(text, 1) == of(text, 2)


REACHED = {
    "environment, imported inside": (
        "import os; os.environ['PROJECT_K'] = '{}'\n"
        "def f():\n    import os\n    return os.environ['PROJECT_K']"
    ),
    "environment, taken inside": (
        "import os; os.environ['PROJECT_K'] = '{}'\n"
        "def f():\n    from os import getenv\n    return getenv('PROJECT_K')"
    ),
    "globals of a function": "K = {}\ndef g(): pass\ndef f(): return g.__globals__['K']",
    "globals of a method": "K = {}\ndef f(self): return type(self).fit.__globals__['K']",
    "a variable in a query": "K = {}\ndef f(X): return X.query('a > @K')",
    "subclasses": (
        "class Plug: pass\nclass One(Plug):\n    k = {}\ndef f(): return Plug.__subclasses__()[0].k"
    ),
    "subclasses of subclasses": (
        "class Plug: pass\nclass One(Plug): pass\nclass Two(One):\n    def k(self): return {}\n"
        "def f(cls=Plug): return [c for d in cls.__subclasses__() for c in d.__subclasses__()]"
    ),
    "subclasses of what is installed": (
        "from sklearn.base import TransformerMixin\nclass One(TransformerMixin):\n    k = {}\n"
        "def f(): return TransformerMixin.__subclasses__()[-1].k"
    ),
    "subclasses in a class method": (
        "class f:\n    @classmethod\n    def all(cls): return cls.__subclasses__()\n"
        "class One(f):\n    k = {}"
    ),
    "a subclass more": (
        "class Plug: pass\nclass One(Plug): pass\nif {} > 1:\n    class Two(Plug): pass\n"
        "def f(): return len(Plug.__subclasses__())"
    ),
    "__init_subclass__": (
        "class Plug:\n    known = []\n    def __init_subclass__(cls): Plug.known.append(cls)\n"
        "class One(Plug):\n    k = {}\ndef f(): return Plug.known[0].k"
    ),
    "__init_subclass__ into a table": (
        "TABLE = {{}}\nclass Plug:\n    def __init_subclass__(cls): TABLE[cls.__name__] = cls\n"
        "class One(Plug):\n    k = {}\ndef f(): return TABLE['One'].k"
    ),
    "a class registered with an abstract one": (
        "import abc\nclass A(abc.ABC): pass\nclass One:\n    pass\nclass Two: pass\n"
        "A.register([One, Two][{} - 1])\ndef f(x): return isinstance(x, A)"
    ),
    "what a registered class holds": (
        "import abc\nclass A(abc.ABC): pass\n@A.register\nclass One:\n    k = {}\n"
        "def f(x): return isinstance(x, A)"
    ),
    "singledispatch": (
        "import functools\n@functools.singledispatch\ndef f(x): return x\n"
        "@f.register\ndef _(x: float): return {}"
    ),
    "singledispatchmethod": (
        "import functools\nclass f:\n    @functools.singledispatchmethod\n"
        "    def g(self, x): return x\n    @g.register\n    def _(self, x: float): return {}"
    ),
    "a table of an installed module": (
        "import json\njson.PROJECT = {{'k': {}}}\ndef f(): return json.PROJECT['k']"
    ),
    "a decorator's registry": (
        "KNOWN = {{}}\ndef known(g):\n    KNOWN[g.__name__] = g\n    return g\n"
        "@known\ndef g(): return {}\ndef f(): return KNOWN['g']()"
    ),
}


@pytest.mark.parametrize("text", REACHED.values(), ids=list(REACHED))
def test_what_code_reaches_without_naming_it_counts(of, text, monkeypatch):
    monkeypatch.setenv("PROJECT_K", "")
    monkeypatch.setattr("json.PROJECT", None, raising=False)
    one = of(text.format(1))
    assert of(text.format(1)) == one
    assert of(text.format(2)) != one


def test_a_subclass_that_nobody_asks_for_does_not_count(of):
    text = "class Plug:\n    k = 0\nclass One(Plug):\n    k = {}\ndef f(): return Plug.k"
    assert of(text.format(1)) == of(text.format(2))


def test_a_builtin_of_the_users_counts(of, monkeypatch):
    found = []
    for value in (1, 2):
        monkeypatch.setattr(builtins, "PROJECT_K", value, raising=False)
        found.append(of("def f(): return PROJECT_K"))
    found += [of("def f(x): return round(x)")]
    monkeypatch.setattr(builtins, "round", lambda x: x)
    found += [of("def f(x): return round(x)")]
    assert len(set(found)) == 4


ASKED = {
    "get_option": ("def f():\n    import pandas as pd\n    return pd.get_option('display.width')"),
    "options": "import pandas as pd\ndef f(): return pd.options.display.width",
    "options, taken": "from pandas import options\ndef f(): return options.display.width",
}


@pytest.mark.parametrize("text", ASKED.values(), ids=list(ASKED))
def test_options_of_pandas_count_where_code_asks_for_them(of, text):
    before = of(text)
    with pd.option_context("display.width", 77):
        assert of(text) != before
        assert of("def f(): return 1") == of("def f(): return 1")
    assert of(text) == before


def test_print_options_of_numpy_count_where_code_asks_for_them(of):
    text = "import numpy as np\ndef f(): return np.get_printoptions()['precision']"
    before = of(text)
    with np.printoptions(precision=3):
        assert of(text) != before
    assert of(text) == before


def test_options_of_matplotlib_count_where_code_asks_for_them(of):
    matplotlib = pytest.importorskip("matplotlib")
    text = "import matplotlib\ndef f(): return matplotlib.rcParams['font.size']"
    before = of(text)
    with matplotlib.rc_context({"font.size": 77}):
        assert of(text) != before
    assert of(text) == before


def test_options_that_computing_depends_on_are_told_and_those_of_texts_are_not():
    before = digest(options())
    with pd.option_context("display.width", 77), pd.option_context("styler.sparse.index", False):
        assert digest(options()) == before
    with pd.option_context("compute.use_numexpr", not pd.get_option("compute.use_numexpr")):
        assert digest(options()) != before
    with np.errstate(divide="raise"):
        assert digest(options()) != before
    with decimal.localcontext() as context:
        context.prec += 1
        assert digest(options()) != before
    assert digest(options()) == before
