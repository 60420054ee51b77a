"""Statements that are parsed one by one are those of the whole text, at the places they have."""

from __future__ import annotations

import ast
import itertools
import linecache
import os
import random
import sys
import threading
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autotrack
from autotrack.lineage.program.definitions import FUNCTIONS, definitions
from autotrack.lineage.program.pieces import Pieces
from autotrack.lineage.program.source import Text

OWN = sorted(Path(autotrack.__file__).parent.rglob("*.py"))
TESTS = sorted(Path(__file__).parents[2].rglob("*.py"))
STANDARD = sorted(Path(os.__file__).parent.glob("*.py"))
ODD = (
    'x = """\ny = 1\n"""\ny = 2\n',
    "x = dict(\ny = 2,\nz = 3)\ny = 4\n",
    "# it's \"\"\" here\ndef f():\n    # and ''' there\n    return '''\ny = 1\n'''\ny = 2\n",
    "x = 1 + \\\ny\ny = 2\n",
    "if x:\n    y = 1\n# a remark\nelse:\n    y = 2\nfinally_ = y\n",
    "try:\n    y = 1\nexcept E:\n    y = 2\nelse:\n    y = 3\nfinally:\n    y = 4\n",
    "@one\n@two(\n3)\nclass A:\n    y = 1\n\n@three\ndef f(): pass\ny = 2\n",
    "def f(): pass\n\fclass A: y = 1\n\fy = 2\n",
    "x = r'\\'' ; y = b\"\\\"#\"\ny = '#'  # ' \n",
    'y = f"{x:{w}} {{y}} {z!r}"\ny = f\'{d["a"]}\'\ny = f"""\n{\nx}\ny = 3\n"""\ny = 4\n',
    "x: 'y' = 1; y = 2\nwith a as y: pass\nfor y in [\n1,\n2]: pass\n",
    "\n\n\ny = 1",
    "",
    "  \n# nothing\n",
)
NESTED = (
    'y = f"{d["a"]}"\ny = 2\n',
    'y = f"{d["#"]}" + """\ny = 1\n"""\ny = 3\n',
    'y = f"{\'}\' + d[")"]}"\nz = (f"{d[")"]}",\ny)\n',
    'y = f"{\n1  # it\'s\n}"\ny = 2\n',
    'y = rf"\\{x}" f"{x:#x}"\ny = 2\n',
)


def whole(text):
    return ast.dump(ast.parse(text), include_attributes=True)


def in_pieces(text, order=None):
    pieces = Pieces(text)
    lines = list(range(1, text.count("\n") + 2))
    if order is not None:
        order.shuffle(lines)
    for line in lines:
        pieces.at(line)
    assert pieces.is_readable
    return ast.dump(pieces.tree, include_attributes=True)


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_come_to_the_same_tree(text):
    assert in_pieces(text) == whole(text)


@pytest.mark.parametrize("text", NESTED)
def test_strings_within_strings_come_to_the_same_tree(text):
    try:
        expected = whole(text)
    except SyntaxError:  # such strings are Python from 3.12 on
        assert sys.version_info < (3, 12)
        return
    assert in_pieces(text) == expected


def test_sources_of_every_kind_come_to_the_same_tree_in_whichever_order_they_are_parsed():
    rng = random.Random(0)
    files = [*rng.sample(OWN, 12), *rng.sample(TESTS, 12), *rng.sample(STANDARD, 12)]
    for file in files:
        text = "".join(linecache.getlines(str(file)))
        assert in_pieces(text, rng) == whole(text), file


LINES = (
    '"""',
    "'''",
    '"',
    "'",
    "#",
    "\\",
    "(",
    ")",
    "[",
    "]",
    "x = 1",
    "y = 2",
    "\n",
    "\n",
    "    ",
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=14).map("".join))
def test_whatever_is_python_comes_to_the_same_tree(text):
    try:
        expected = whole(text)
    except (SyntaxError, ValueError):
        return
    assert in_pieces(text) == expected


def plain(found):
    return [(d.name, ast.dump(d.node, include_attributes=True), d.path, d.changes) for d in found]


def test_names_and_attributes_are_defined_where_the_whole_tree_has_them():
    rng = random.Random(1)
    for file in [*rng.sample(OWN, 4), *rng.sample(TESTS, 4), *rng.sample(STANDARD, 8)]:
        text = "".join(linecache.getlines(str(file)))
        tree = ast.parse(text)
        functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
        of_module = list(definitions(tree))
        everywhere = list(itertools.chain(of_module, *map(definitions, functions)))
        names = {d.name for d in of_module if not d.name.startswith(".")}
        attributes = {d.name for d in everywhere if d.name.startswith(".")}
        read = Text(text)
        for name in rng.sample(sorted(names), min(len(names), 12)):
            expected = [d for d in of_module if d.name == name]
            assert plain(read.defined(read.tree, name)) == plain(expected)
        for name in rng.sample(sorted(attributes), min(len(attributes), 6)):
            expected = [d for d in everywhere if d.name == name]
            assert plain(read.attributes(name[1:])) == plain(expected)


def test_functions_are_found_by_their_code():
    text = Path(Text.__init__.__code__.co_filename).read_text()
    read = Text(text)
    for function in vars(Text).values():
        code = getattr(function, "__code__", None)
        if code is not None:
            assert read.function(code).name == code.co_name
    odd = "@first\n@second(lambda: 1)\ndef f(x=lambda: 2): return (lambda: 3), [lambda: 4]\n"
    code = compile(odd, "odd", "exec")
    for inner in (c for c in code.co_consts if hasattr(c, "co_code")):
        expected = ast.FunctionDef if inner.co_name == "f" else ast.Lambda
        assert isinstance(Text(odd).function(inner), expected)
    assert Text(odd).function(code) is None


def test_only_statements_that_matter_are_parsed():
    text = "".join(f"a{n} = {n}\n\ndef f{n}(y):\n    y = {n}\n    return y\n\n" for n in range(50))
    read = Text(text + "y = a7\n")
    assert [d.node.lineno for d in read.defined(read.tree, "y")] == [301]
    assert [d.node.lineno for d in read.defined(read.tree, "a7")] == [43]
    assert len(read.tree.body) == 2


def test_names_written_with_other_letters_are_found():
    read = Text("ﬁt = 1\nother = 2\nuse(fit)\n")
    assert len(read.defined(read.tree, "fit")) == 1
    assert len(Text("a = 'ü'\nb = 2\n").defined(read.tree, "b")) <= 1


def test_a_text_that_is_not_python_is_said_to_be_unreadable():
    read = Text("x = 1\ny = = 2\n")
    assert len(read.defined(read.tree, "x")) == 1
    assert read.is_readable
    assert read.defined(read.tree, "y") == []
    assert not read.is_readable


@pytest.mark.parametrize("action", ["always", "error"])
def test_reading_a_source_warns_of_nothing(action):
    # Python says what it thinks of such a string when it compiles the script.
    text = 'x = "\\d"\ny = 1 is 1\n'
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        read = Text(text)
        assert len(read.defined(read.tree, "x")) == 1
        assert read.is_readable
    assert not caught


def test_threads_see_one_tree():
    text = "".join(f"x{n} = call({n})\n" for n in range(200))
    for _ in range(5):
        pieces, seen = Pieces(text), []
        barrier = threading.Barrier(4)

        def read(pieces=pieces, seen=seen, barrier=barrier):
            barrier.wait()
            seen.append([pieces.at(line)[0] for line in range(1, 201)])

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(one is other for each in seen for one, other in zip(each, seen[0], strict=True))
        assert [id(s) for s in pieces.tree.body] == [id(s) for s in seen[0]]
