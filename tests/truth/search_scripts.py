"""Random scripts that search, each with an edit of it: what the differential test runs."""

from __future__ import annotations

import ast
import random
import re
from dataclasses import dataclass, field

# Definitions, of which `{v}` is a number, and an expression that depends on it.
TERMS: list[tuple[str, str]] = [
    ("K{n} = {v}", "{at}K{n}"),
    ("def f{n}(x):\n    return x * {v}", "{at}f{n}(1.0)"),
    ("def g{n}(x):\n    return x + {v}\ndef f{n}(x):\n    return g{n}(x) * 2", "{at}f{n}(1.0)"),
    ("def f{n}(x, by={v}):\n    return x + by", "{at}f{n}(1.0)"),
    ("def f{n}(x, *, by={v}):\n    return x + by", "{at}f{n}(1.0)"),
    ("def make{n}(k):\n    return lambda x: x * k\nf{n} = make{n}({v})", "{at}f{n}(1.0)"),
    ("TABLE{n} = {{'a': lambda x: x + {v}, 'b': 2}}", "{at}TABLE{n}['a'](1.0)"),
    ("class S{n}:\n    def __init__(self): self.rate = {v}\ns{n} = S{n}()", "{at}s{n}.rate"),
    ("class S{n}:\n    rate = {v}", "{at}S{n}.rate"),
    ("class S{n}:\n    __slots__ = ('rate',)\ns{n} = S{n}()\ns{n}.rate = {v}", "{at}s{n}.rate"),
    (
        "class B{n}:\n    def get(self):\n        return {v}\nclass S{n}(B{n}): pass",
        "{at}S{n}().get()",
    ),
    ("class S{n}:\n    @property\n    def rate(self):\n        return {v}", "{at}S{n}().rate"),
    (
        "import functools\nclass S{n}:\n    @functools.cached_property\n    def rate(self):\n"
        "        return {v}",
        "{at}S{n}().rate",
    ),
    ("class S{n}:\n    @classmethod\n    def rate(cls):\n        return {v}", "{at}S{n}.rate()"),
    ("class S{n}:\n    @staticmethod\n    def rate():\n        return {v}", "{at}S{n}.rate()"),
    (
        "class M{n}(type):\n    def rate(cls): return {v}\nclass S{n}(metaclass=M{n}): pass",
        "{at}S{n}.rate()",
    ),
    (
        "import functools\ndef g{n}(x, k):\n    return x * k\n"
        "f{n} = functools.partial(g{n}, k={v})",
        "{at}f{n}(1.0)",
    ),
    ("class C{n}:\n    def __call__(self, x): return x * {v}\nf{n} = C{n}()", "{at}f{n}(1.0)"),
    (
        "class C{n}:\n    def __init__(self): self.k = {v}\n    def m(self, x): return x * self.k\n"
        "f{n} = C{n}().m",
        "{at}f{n}(1.0)",
    ),
    ("def f{n}(x):\n    def inner(y): return y * {v}\n    return inner(x)", "{at}f{n}(1.0)"),
    ("W{n} = [{v}, 1.0]\ndef f{n}(x):\n    return sum(w * x for w in W{n})", "{at}f{n}(1.0)"),
    (
        "import dataclasses\n@dataclasses.dataclass\nclass D{n}:\n    rate: float = {v}\n"
        "d{n} = D{n}()",
        "{at}d{n}.rate",
    ),
    ("import enum\nclass E{n}(enum.Enum):\n    A = {v}", "{at}E{n}.A.value"),
    (
        "import collections\nT{n} = collections.namedtuple('T{n}', 'a b')({v}, 1)",
        "{at}T{n}.a",
    ),
    (
        "F{n} = frozenset([{v}, 'a', 'b', None])\ndef f{n}(x):\n"
        "    return sum(e for e in F{n} if isinstance(e, float))",
        "{at}f{n}(1.0)",
    ),
    (
        "import numpy as np\nA{n} = np.array([{v}, 2.0])\n"
        "def f{n}(x):\n    return float(A{n}.sum())",
        "{at}f{n}(1.0)",
    ),
    (
        "import functools\ndef deco{n}(g):\n    @functools.wraps(g)\n    def wrapper(x):\n"
        "        return g(x) + {v}\n    return wrapper\n@deco{n}\ndef f{n}(x):\n    return x",
        "{at}f{n}(1.0)",
    ),
    (
        "import functools\n@functools.lru_cache\ndef f{n}(x):\n    return x * {v}",
        "{at}f{n}(1.0)",
    ),
    (
        "import functools\n@functools.singledispatch\ndef f{n}(x):\n    return x\n"
        "@f{n}.register\ndef _(x: float):\n    return x * {v}",
        "{at}f{n}(1.0)",
    ),
    ("G{n} = {v}\ndef f{n}(x):\n    return globals()['G{n}']", "{at}f{n}(1.0)"),
    ("G{n} = {v}\ndef f{n}(x):\n    return eval('G{n}')", "{at}f{n}(1.0)"),
    ("def f{n}(x):\n    from settings import V{n}\n    return V{n}", "{at}f{n}(1.0)"),
    ("def f{n}(x):\n    import settings\n    return settings.V{n}", "{at}f{n}(1.0)"),
    ("import settings\ndef f{n}(x):\n    return getattr(settings, 'V{n}')", "{at}f{n}(1.0)"),
    ("import settings\ndef f{n}(x):\n    return settings.inner.V{n}", "{at}f{n}(1.0)"),
    ("import os\ndef f{n}(x):\n    return float(os.environ['TRUTH_{n}'])", "{at}f{n}(1.0)"),
    ("import os\ndef f{n}(x):\n    return float(os.getenv('TRUTH_{n}', '1'))", "{at}f{n}(1.0)"),
    (
        "def f{n}(x):\n    try:\n        return {{}}[x]\n    except KeyError:\n        return {v}",
        "{at}f{n}(1.0)",
    ),
    ("def f{n}(x):\n    return f{n}.rate\nf{n}.rate = {v}", "{at}f{n}(1.0)"),
    ("def f{n}(x):\n    match x:\n        case 1.0: return {v}\n    return 0", "{at}f{n}(1.0)"),
    ("def f{n}(x):\n    while x < 3:\n        x += {v} + 1\n    return x", "{at}f{n}(1.0)"),
]
# Rare, since they make most searches start over.
DRAWS: list[tuple[str, str]] = [
    ("import numpy as np\nr{n} = np.random.default_rng(3)", "{at}r{n}.normal() * {v}"),
    ("import numpy as np\nnp.random.seed(1)\nV{n} = {v}", "np.random.normal() * {at}V{n}"),
    ("import random\nrandom.seed(1)\nV{n} = {v}", "random.random() * {at}V{n}"),
]

HEAD = """
import os, random, functools, warnings
warnings.simplefilter("ignore")
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_halving_search_cv
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import (
    GridSearchCV, HalvingGridSearchCV, HalvingRandomSearchCV, KFold, RandomizedSearchCV
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
import helpers
from helpers import *
"""
MINE = """
class Mine(RegressorMixin, BaseEstimator):
    def __init__(self, weight=1.0, other=None):
        self.weight = weight
        self.other = other

    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        X = np.asarray(X, dtype=float)
        if {fails}:
            raise ValueError("a file is missing")
        level = {terms}
        return self.mean_ + X[:, 0] * self.weight + X[:, 1] * level


def prepare(X):
    return np.asarray(X, dtype=float) * ({first})


class Document:
    def __init__(self, values):
        self.values = values


def rows(documents):
    return np.array([document.values for document in documents])
"""


@dataclass
class Case:
    """A script with its modules, and the same edited.

    Attributes
    ----------
    before, after : dict of str to str
        Files by name.
    environment, environment_after : dict of str to str
    edit : str
        What was edited: "nothing", "cosmetic" or what is different.
    reuses : bool
        Whether evaluations of the first start can be used in the second.
    jobs : int
    """

    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    environment_after: dict[str, str] = field(default_factory=dict)
    edit: str = "nothing"
    reuses: bool = True
    jobs: int = 1


@dataclass
class Slots:
    """The numbers in a script, one of which may be another after the edit."""

    values: list[float]
    edited: int | None = None

    def text(self, number: int, after: bool) -> str:
        value = self.values[number]
        return repr(value + 0.75 if after and number == self.edited else value)


def make(seed: int) -> Case:
    """The case of this number."""
    rng = random.Random(seed)
    count = rng.randint(3, 7)
    slots = Slots([rng.randint(1, 8) / 4 for _ in range(count + 4)])
    chosen = rng.sample(TERMS, count)
    draws = rng.random() < 0.06
    if draws:
        chosen[0] = rng.choice(DRAWS)
    plan = _Plan(
        terms=chosen,
        homes=[rng.choice(["helpers", "helpers.", "script"]) for _ in chosen],
        scored=[rng.random() < 0.3 for _ in chosen],
        estimator=rng.choice(["mine", "mine", "scaled", "prepared", "documents", "forest"]),
        search=rng.choice(["grid", "grid", "random", "uniform", "halving", "halving random"]),
        scorer=rng.choice(["none", "text", "function", "maker", "partial", "lambda", "several"]),
        frame=rng.random() < 0.4,
        fails=rng.random() < 0.12,
        jobs=2 if rng.random() < 0.05 else 1,
    )
    if draws or plan.estimator == "forest":
        plan.jobs = 1  # workers are not seeded: without autotrack, too, every run is another
    kind = rng.choices(
        ["slot", "nothing", "cosmetic", "grid", "data", "folds"], [45, 12, 25, 8, 6, 4]
    )[0]
    if kind == "slot":
        slots.edited = rng.randrange(count)
    case = Case(edit=kind, jobs=plan.jobs)
    case.before, case.environment = _files(plan, slots, after=False, kind=kind)
    case.after, case.environment_after = _files(plan, slots, after=True, kind=kind)
    if kind == "cosmetic":
        # What looks into whole modules sees what is unrelated as well.
        everything = ("eval(", "globals()", "getattr(", "  import settings", "  from settings")
        whole = any(part in text for text, _ in chosen for part in everything)
        more = "" if whole else "\n\ndef unrelated(x):\n    return x - 1\n"
        case.after = {name: _redone(text, rng) + more for name, text in case.after.items()}
    if kind == "slot":
        case.edit = chosen[slots.edited][0]  # type: ignore[index]
    if plan.fails:
        case.after["flag"] = ""
    drawn = draws or plan.estimator == "forest"
    case.reuses = kind in ("nothing", "cosmetic", "grid") and not drawn and not plan.fails
    if kind == "grid" and re.search(r"\b(eval|globals)\(", case.before["script.py"]):
        case.reuses = False  # which may read the search itself, whose candidates are others now
    return case


@dataclass
class _Plan:
    terms: list[tuple[str, str]]
    homes: list[str]
    scored: list[bool]
    estimator: str
    search: str
    scorer: str
    frame: bool
    fails: bool
    jobs: int


def _files(
    plan: _Plan, slots: Slots, *, after: bool, kind: str
) -> tuple[dict[str, str], dict[str, str]]:
    helpers, script, expressions = [], [], []
    settings, environment = ["class inner: pass"], {}
    for number, ((definition, expression), home) in enumerate(
        zip(plan.terms, plan.homes, strict=True)
    ):
        value = slots.text(number, after)
        at = "helpers." if home == "helpers." else ""
        text = definition.format(n=number, v=value)
        (script if home == "script" else helpers).append(text)
        expressions.append(f"{number + 1} * {expression.format(n=number, v=value, at=at)}")
        settings.append(f"V{number} = {value}\ninner.V{number} = {value}")
        environment[f"TRUTH_{number}"] = value
    inside = [e for e, apart in zip(expressions, plan.scored, strict=True) if not apart]
    apart = [e for e, apart in zip(expressions, plan.scored, strict=True) if apart]
    fails = "not os.path.exists('flag') and self.weight > 0.5" if plan.fails else "False"
    mine = MINE.format(fails=fails, terms=" + ".join(inside) or "1.0", first=expressions[0])
    body = [HEAD, *script, mine, _scorer(plan, " + ".join(apart) or "1.0")]
    rows = 48 if not (after and kind == "data") else 52
    body.append(
        f"rng = np.random.default_rng(7)\nX = rng.normal(size=({rows}, 3))\n"
        "y = X @ [1.0, 2.0, 0.5] + rng.normal(size=len(X))\n"
    )
    if plan.frame and plan.estimator != "documents":
        body.append("X = pd.DataFrame(X, columns=list('abc'))\n")
    body.append(
        _search(plan, more=after and kind == "grid", folds=4 if after and kind == "folds" else 3)
    )
    files = {
        "helpers.py": "\n".join(helpers) + "\n",
        "settings.py": "\n".join(settings) + "\n",
        "script.py": "\n".join(body),
    }
    return files, environment


def _scorer(plan: _Plan, expression: str) -> str:
    function = f"def metric(y, p):\n    return mean_absolute_error(y, p) + {expression}\n"
    scorer = "def score(model, X, y, times=1):\n    return times * metric(y, model.predict(X))\n"
    return (
        function
        + scorer
        + "scoring = "
        + {
            "none": "None",
            "text": "'neg_mean_squared_error'",
            "function": "score",
            "maker": "make_scorer(metric, greater_is_better=False)",
            "partial": "functools.partial(score, times=2)",
            "lambda": "lambda model, X, y: metric(y, model.predict(X)) - 1",
            "several": "{'b': make_scorer(metric), 'a': 'r2'}",
        }[plan.scorer]
        + "\n"
    )


def _search(plan: _Plan, *, more: bool, folds: int) -> str:
    prefix = "" if plan.estimator in ("mine", "forest") else "m__"
    estimator = {
        "mine": "Mine()",
        "scaled": "Pipeline([('s', StandardScaler()), ('m', Mine())])",
        "prepared": "Pipeline([('f', FunctionTransformer(prepare)), ('m', Ridge())])",
        "documents": "Pipeline([('f', FunctionTransformer(rows)), ('m', Mine())])",
        "forest": "RandomForestRegressor(n_estimators=2)",
    }[plan.estimator]
    name = {"prepared": "m__alpha", "forest": "max_depth"}.get(plan.estimator, f"{prefix}weight")
    values = [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0]
    if plan.estimator == "forest":
        values = [1, 2, 3, 4, 5, 6, 7, 8]
    values = [*values, type(values[0])(9)] if more else values
    spread = "stats.randint(1, 9)" if plan.estimator == "forest" else "stats.uniform(0.1, 3)"
    options = f"cv=KFold({folds}), scoring=scoring, n_jobs={plan.jobs}, refit=False"
    halving = "factor=2, random_state=0, min_resources=12"
    drawn = f"random_state=0, n_iter={9 if more else 8}"
    swept = repr({name: values})
    text = {
        "grid": f"GridSearchCV(model, {swept}, {options})",
        "random": f"RandomizedSearchCV(model, {swept}, {drawn}, {options})",
        "uniform": f"RandomizedSearchCV(model, {{{name!r}: {spread}}}, {drawn}, {options})",
        "halving": f"HalvingGridSearchCV(model, {swept}, {halving}, {options})",
        "halving random": (
            f"HalvingRandomSearchCV(model, {{{name!r}: {spread}}}, n_candidates=6, {halving}, "
            f"{options})"
        ),
    }
    chosen = plan.search
    if "halving" in chosen and plan.scorer == "several":
        chosen = "grid"
    data = "[Document(row) for row in X]" if plan.estimator == "documents" else "X"
    seed = "np.random.seed(3)\n" if plan.estimator == "forest" else ""
    return f"model = {estimator}\n{seed}search = {text[chosen]}\nsearch.fit({data}, y)\n"


def _redone(text: str, rng: random.Random) -> str:
    """The same program, written down otherwise."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and rng.random() < 0.5:
            node.body.insert(0, ast.Expr(ast.Constant("What it is for.")))
    lines = ast.unparse(ast.fix_missing_locations(tree)).splitlines()
    redone = []
    for line in lines:
        if rng.random() < 0.2:
            redone.append(" " * (len(line) - len(line.lstrip())) + "# a comment")
        redone.append(line + ("  # another" if rng.random() < 0.2 else ""))
    return "\n".join([*redone, ""])
