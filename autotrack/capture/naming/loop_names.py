"""What the user calls data that has no telling variable: the key it is held under, or a loop's."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from autotrack.describe.origins import is_installed
from autotrack.lineage.program.call_node import call_site, text_of
from autotrack.lineage.program.call_site import Site, span_of, users_frame
from autotrack.lineage.values.plain import is_pandas
from autotrack.runtime.patterns import pattern
from autotrack.runtime.stack import module_of, variables

_FARTHEST = 4
_MOST_HELD = 64
_LONGEST = 40


def label_of(data: Sequence[object], frame: FrameType | None) -> str | None:
    """A label that stands beside one of the objects in `data`; None where there is none.

    The loop ``for name, (X, y) in sets.items()`` has one, and so have a dictionary that holds the
    data under a key, and a tuple ``("valid", X, y)``.
    """
    wanted = [value for value in data if value is not None]
    here = users_frame(frame)
    for _ in range(_FARTHEST):
        if here is None or not wanted:
            return None
        label = _of_loop(wanted, here)
        if label is None and not is_installed(module_of(here), here.f_code.co_filename):
            label = next(_of_containers(wanted, here), None)
        if label is not None and 0 < len(label) <= _LONGEST:
            return label
        here = users_frame(here.f_back)
    return None


def name_at(sites: Sequence[Site]) -> str | None:
    """The variable in the data that a model was asked for, as the source has it.

    ``model.predict(scaler.transform(X_val))`` was asked for ``X_val``.
    """
    if not sites:
        return None
    text, place = text_of(sites[0][0], {}), span_of(sites[0])
    node = text.call_at(place) if text is not None and place is not None else None
    if node is None:
        return None
    given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "X")]
    # Some rows of what a variable holds are not what it is called after.
    parts = [n for part in given for n in ast.walk(part) if isinstance(n, ast.Subscript)]
    of_parts = {id(n) for part in parts for n in ast.walk(part)}
    names = (n for part in given for n in ast.walk(part) if isinstance(n, ast.Name))
    found = (n.id for n in names if id(n) not in of_parts)
    return next((name for name in found if _DATA.match(name)), None)


def frame_at(
    sites: Sequence[Site], rows: int | None, frame: FrameType | None
) -> tuple[str, object] | None:
    """The variable, and what it holds, some columns of which a model was asked for.

    ``model.predict(valid[features])`` was asked for ``valid``, which has as many rows.

    Parameters
    ----------
    sites : sequence of Site
        Where the call was made, the nearest first; the variables are those of the frames that are
        still there.
    rows : int or None
        The rows of the data.
    frame : frame or None
        Where to begin.
    """
    for site in sites:
        here = frame
        for _ in range(_MOST_FRAMES):
            if here is None or here.f_code is site[0]:
                break
            here = here.f_back
        else:
            continue
        place = span_of(site)
        text = text_of(here.f_code, here.f_globals) if here is not None else None
        node = text.call_at(place) if text is not None and place is not None else None
        if here is None or node is None or rows is None:
            continue
        found = _frames_in(node, {**here.f_globals, **variables(here)}, rows)
        if found is not None:
            return found
    return None


def frame_in_call(rows: int | None, frame: FrameType | None) -> tuple[str, object] | None:
    """The variable some columns of which a scoring method is handed, and what it holds."""
    here = users_frame(frame)
    return None if here is None else frame_at([(here.f_code, here.f_lasti)], rows, here)


def _frames_in(node: ast.Call, held: dict[str, Any], rows: int) -> tuple[str, object] | None:
    for given in (*node.args, *(keyword.value for keyword in node.keywords)):
        for part in ast.walk(given):
            if isinstance(part, ast.Name):
                value: Any = held.get(part.id)
                if is_pandas(value, "DataFrame") and len(value) == rows:
                    return part.id, value
    return None


def label_in_loop(name: str | None, data: Sequence[object], frame: FrameType | None) -> str | None:
    """The label beside the data in a loop: in one that has the variable `name`, if there is one."""
    here = users_frame(frame)
    return None if here is None else _of_loop([v for v in data if v is not None], here, name)


_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_MOST_FRAMES = 60
_DATA = pattern(r"[Xx]($|[_\d])|[Xx](te|va|tr|val|test|train|new|valid)$")


def _of_loop(wanted: Sequence[object], frame: FrameType, variable: str | None = None) -> str | None:
    """The text among the variables of a loop that has the data among them too.

    With `variable`, of a loop that has this one.
    """
    site = call_site(frame)
    node: ast.AST | None = site.node if site is not None else None
    held = variables(frame)
    while site is not None and node is not None:
        node = site.text.parents.get(node)
        loops: Sequence[ast.For | ast.comprehension] = ()
        if isinstance(node, ast.For):
            loops = [node]
        elif isinstance(node, _COMPREHENSIONS):
            loops = node.generators
        for loop in loops:
            names = [n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)]
            values = [held.get(name) for name in names]
            if variable is not None and variable not in names:
                continue
            if any(value is known for value in values for known in wanted):
                return next((value for value in values if type(value) is str), None)
    return None


def _of_containers(wanted: Sequence[object], frame: FrameType) -> Iterator[str]:
    for value in list(variables(frame).values()):
        if type(value) is dict and len(value) <= _MOST_HELD and value is not frame.f_globals:
            for key, item in list(value.items()):
                if type(key) is str and _is_or_holds(item, wanted):
                    yield key
        elif (type(value) is list or type(value) is tuple) and 0 < len(value) <= _MOST_HELD:
            for item in value:
                if type(item) is tuple and _is_or_holds(item, wanted):
                    yield from (part for part in item if type(part) is str)


def _is_or_holds(item: Any, wanted: Sequence[object]) -> bool:
    parts = item if type(item) is tuple else (item,)
    return any(part is known for part in parts for known in wanted)
