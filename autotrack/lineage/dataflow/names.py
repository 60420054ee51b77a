"""Names, followed to what defines them: assignments, loops, and what callers gave."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

import numpy as np

from autotrack.lineage.dataflow.branches import was_skipped
from autotrack.lineage.dataflow.containers import element_key, elements
from autotrack.lineage.dataflow.flow import Flow, merged, sources_of_element
from autotrack.lineage.dataflow.place import Place, call_of
from autotrack.lineage.dataflow.walk import Walk
from autotrack.lineage.program.call_site import contains, span, span_of
from autotrack.lineage.program.definitions import Definition
from autotrack.lineage.program.syntax import argument, parameters, unpacked
from autotrack.lineage.values.derivation import tells
from autotrack.lineage.values.operations import UNKNOWN
from autotrack.lineage.values.plain import is_pandas, is_rows
from autotrack.lineage.values.rows import is_sparse

# Fewer different values than this are a function of whatever has as many.
_FEW = 5


def name(walk: Walk, node: ast.Name, place: Place) -> list[Flow]:
    """How what a name stands for may have come about."""
    comprehension = place.text.bound_by(node)
    # Once it is over, what the name stands for around it is another thing.
    here = comprehension is None or _is_running(comprehension, place)
    value = place.value(node.id) if here else UNKNOWN
    found: list[Flow] = []
    if value is not UNKNOWN:
        found = walk.object(value)
        if found and found[0].exact:
            return found
        if is_sparse(value):
            walk.missed_sparse = True
        if not is_rows(value) and type(value) not in (dict, set):
            return [Flow.plain(value)]
    defined = list(_defined(walk, node.id, value, place, comprehension))
    if any(flow.foreign for flow in defined):
        found = [replace(flow, foreign=True) for flow in found]
    flows = [*found, *defined]
    if found and not _is_changed(node.id, place) and not _tells(found[0]):
        # Changed by what is not seen, such as `p.sort()`: labels of other rows look renamed.
        flows = [replace(flow, foreign=True) for flow in flows]
    if any(flow.sources or flow.rows is not None for flow in flows):
        return flows
    # What a name that is made of itself is now, it was not in an earlier turn of its loop.
    again = any(flow.again for flow in flows)
    return [Flow(value, exact=value is not UNKNOWN and not again, again=again)]


def _tells(flow: Flow) -> bool:
    held = flow.sources[0].held()
    return held is not None and tells(held) and len(np.unique(held)) >= _FEW


def _is_changed(name: str, place: Place) -> bool:
    """Whether the program is seen to change what a name stands for: ``p += 1``, ``p[0] = 1``."""
    reaching = (place.text.reaching(scope, name, at) for scope, at in place.outwards())
    return any(definition.changes for each in reaching for definition in each)


def _is_running(comprehension: ast.AST, place: Place) -> bool:
    frame = place.frame
    here = span_of((frame.f_code, frame.f_lasti)) if frame is not None else None
    return here is not None and contains(span(comprehension), here)


def _defined(
    walk: Walk, name: str, value: Any, place: Place, comprehension: ast.AST | None
) -> Iterator[Flow]:
    if comprehension is not None:
        parts = getattr(comprehension, "generators", ())
        definitions = place.text.defined(place.text.scope_of(comprehension), name)
        mine = [d for d in definitions if d.node in parts]
        yield from _from_definitions(walk, mine, value, place)
        return
    for scope, at in place.outwards():
        here = replace(place, scope=scope)
        is_parameter = name in parameters(scope)
        if is_parameter:
            yield from _parameter(walk, name, value, here)
        definitions = place.text.reaching(scope, name, at)
        if definitions or is_parameter:
            yield from _from_definitions(walk, definitions, value, here)
            return


def _from_definitions(
    walk: Walk, definitions: Sequence[Definition], value: Any, place: Place
) -> Iterator[Flow]:
    added: list[Flow] = []
    parted = False
    plain = [d for d in definitions if not d.changes and not was_skipped(d, place)]
    for change in definitions:
        if change.changes:
            parted = parted or _changes_some_rows(walk, change, value, place)
            many = change.changes == "element" or _adds_up(change, plain, place)
            inner = place.moved(change.node, many=many)
            flows = walk.follow(change.value, inner)
            whole = change.changes == "value"
            added += [flow.vague(value) for flow in flows if flow.sources or whole]
    for definition in plain:
        for flow in taken(walk, definition, place, value):
            now = flow.into(value)
            if now.is_now(value):
                yield now
            elif parted:
                yield replace(merged(now.vague(value), *added), foreign=True)
            elif not added:
                yield now
            else:
                yield merged(now.vague(value), *added)
    if not plain:
        yield from added


def _adds_up(change: Definition, plain: Sequence[Definition], place: Place) -> bool:
    """Whether what a name stands for was changed in several rounds of a loop.

    Each round's prediction is part of it, as in a total that begins at 0 and grows.
    """
    loops = place.text.loops(change.node)
    return bool(loops) and not any(loops <= place.text.loops(d.node) for d in plain)


def _changes_some_rows(walk: Walk, change: Definition, value: Any, place: Place) -> bool:
    """Whether rows of an array or a series change that a prediction did not choose.

    ``p[::2] *= 1.05`` does, ``p[p < 0] = 0`` does not: what it leaves is a function of `p`.
    """
    key = change.key
    if key is None or not is_rows(value) or is_pandas(value, "DataFrame"):
        return False
    if isinstance(value, list) and any(map(is_rows, value[:1])):
        return False  # a list of predictions
    rows = key.elts[0] if isinstance(key, ast.Tuple) and key.elts else key
    if isinstance(rows, ast.Slice):
        return any(part is not None for part in (rows.lower, rows.upper, rows.step))
    if isinstance(rows, ast.Constant):
        return rows.value is not Ellipsis
    chosen = walk.follow(rows, place.moved(change.node))
    # `again`: it is made of the very name that is asked for.
    own = (flow.again or (flow.sources and not flow.foreign) for flow in chosen)
    return not (chosen and all(own))


def taken(walk: Walk, definition: Definition, place: Place, value: Any = UNKNOWN) -> Iterator[Flow]:
    """What a definition gives its name, which stands for `value` now."""
    many = "*" in definition.path
    here = place.before(definition.node, many=many or _may_be_earlier(definition, place))
    if not many:
        for flow in walk.follow(definition.value, here):
            yield _part_of(flow, definition.path[0]) if definition.path else flow
        return
    for part, path in unpacked(definition.value, definition.path):
        for flow in elements(walk, part, here, element_key(part, path, value, here)):
            yield functools.reduce(_part_of, path, flow)


def _may_be_earlier(definition: Definition, place: Place) -> bool:
    """Whether a name may stand for what its definition gave in an earlier round of a loop."""
    at, text = place.at, place.text
    if at is None or text.scope_of(definition.node) is not place.scope:
        return text.is_in_loop(definition.node)
    return text.may_be_of_an_earlier_round(definition.node, at)


def _part_of(flow: Flow, number: int | str) -> Flow:
    """One of the values that are unpacked from what a flow leads to."""
    held = flow.value
    unpacks = flow.exact and type(held) in (list, tuple)
    if unpacks and isinstance(number, int) and number < len(held):
        sources = sources_of_element(flow, held[number])
        return Flow(held[number], sources, True, likely=flow.likely)
    # One of several arrays that a model returned is a prediction of its own.
    return flow if len(flow.sources) == 1 and flow.exact else flow.vague()


def _parameter(walk: Walk, name: str, value: Any, place: Place) -> Iterator[Flow]:
    """What a parameter was given by whoever called the function."""
    if name in place.arguments:
        yield from place.arguments[name]
        return
    if not _is_of_running(place):
        return
    given = given_for(walk, name, place)
    if given is None:
        yield Flow(value, exact=value is not UNKNOWN, seen=False)
        return
    for flow in walk.follow(*given):
        yield flow.into(value)


def _is_of_running(place: Place) -> bool:
    """Whether the scope of a place is a function that is running."""
    frame = place.running
    return frame is not None and place.text.function(frame.f_code) is place.scope


def given_for(walk: Walk, name: str, place: Place) -> tuple[ast.expr, Place] | None:
    """The expression that the caller of a running function gave for a parameter."""
    frame = place.running
    if frame is None or not _is_of_running(place):
        return None
    found = call_of(frame.f_back)
    if found is None:
        return None
    node, where = found
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    given = argument(node, names, name, bound=int(_is_bound(walk, node, where, frame)))
    return None if given is None else (given, where)


def _is_bound(walk: Walk, node: ast.Call, where: Place, frame: FrameType) -> bool:
    """Whether a function was called as a method, whose first parameter is the object."""
    code = frame.f_code
    if not code.co_argcount:
        return False
    first = code.co_varnames[0]
    if not isinstance(node.func, ast.Attribute):
        return first == "self"
    if first in ("self", "cls"):
        return True
    receivers = walk.follow(node.func.value, where)
    held = where if where.frame is frame else replace(where, frame=frame)
    return any(flow.value is held.value(first) for flow in receivers)
