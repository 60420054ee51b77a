"""What a node of the user's source stands in is known without looking at the whole of it."""

from __future__ import annotations

import ast
import itertools
import random
from pathlib import Path

import pytest

import autotrack
from autotrack.lineage.program.call_site import call_span, span_of
from autotrack.lineage.program.parents import Parents
from autotrack.lineage.program.source import Text

SOURCES = sorted(Path(autotrack.__file__).parent.rglob("*.py"))
ODD = """
@decorate(first(1),
          second(2))
@other(third)
class Kept(base(4)): a = one(); b = two()

def outer(x=given(1)): return [inner(y) for y in x if test(y)]

match kind(5):
    case [Point(x=0), *_] if guard(6):
        (make()
         .fit()
         .predict())
try:
    risky(7)
except wrong(8) as error:
    with opened(9) as file, closed(10): handle(error); handle(file)
finally:
    value = (lambda q: deep(q))(f"{format(11)}")
"""


def expected(tree):
    return {
        child: node
        for node in ast.walk(tree)
        for child in ast.iter_child_nodes(node)
        # There is one object of each operator and context.
        if not isinstance(
            child, (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)
        )
    }


@pytest.mark.parametrize("seed", range(12))
def test_every_node_has_its_parent_in_whatever_order_they_are_asked_for(seed):
    rng = random.Random(seed)
    text = ODD if seed < 4 else rng.choice(SOURCES).read_text()
    tree = ast.parse(text)
    nodes = list(expected(tree).items())
    rng.shuffle(nodes)
    parents = Parents(tree)
    assert all(parents.get(child) is parent for child, parent in nodes)
    assert parents.get(tree) is None
    assert parents.get(ast.parse("other(1)").body[0]) is None


@pytest.mark.parametrize("text", [ODD, SOURCES[0].read_text(), SOURCES[-1].read_text()])
def test_every_call_is_found_by_its_place_alone(text):
    tree = ast.parse(text)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        # Each in a text of which nothing was looked at.
        found = Text(text).call_at(call_span(call))
        assert found is not None
        assert ast.dump(found) == ast.dump(call)


def test_statements_that_nobody_asks_for_are_not_looked_at():
    text = Text("\n".join(f"f{n}(g(h({n})))" for n in range(100)))
    assert text.call_at((50, 0, 50, len("f49(g(h(49)))"))) is not None
    assert len(text.parents.calls) == 3


def test_an_instruction_has_the_place_that_python_gives_it():
    code = compile(ODD, "odd", "exec")
    for number, place in enumerate(itertools.chain(code.co_positions(), [(None,) * 4])):
        line, last, column, end = place
        whole = None not in place
        assert span_of((code, 2 * number)) == ((line, column, last, end) if whole else None)
    assert span_of((code, -1)) is None
