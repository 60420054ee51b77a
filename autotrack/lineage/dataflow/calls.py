"""Calls: of a model, of functions of the family, and of helpers the user wrote."""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import FunctionType, MethodType
from typing import Any

from autotrack.describe.origins import is_installed
from autotrack.lineage.dataflow.flow import MOST_FLOWS, Flow, combined
from autotrack.lineage.dataflow.lookup import attribute_of
from autotrack.lineage.dataflow.place import Place, builtins_of
from autotrack.lineage.dataflow.receivers import asked
from autotrack.lineage.dataflow.walk import Walk
from autotrack.lineage.prediction import Prediction
from autotrack.lineage.program.call_node import text_of
from autotrack.lineage.program.call_site import call_span, span_of
from autotrack.lineage.program.syntax import arguments, is_plain_call, returned
from autotrack.lineage.values import operations
from autotrack.lineage.values.operations import UNKNOWN

# What gives a row the value of others: labels may look renamed by it, by chance.
_REORDERING = frozenset(
    """argsort cummax cummin cumprod cumsum diff flip flipud nlargest nsmallest partition permuted
    permutation reversed roll rolling sample shift shuffle sort sort_index sort_values
    sorted""".split()
)
# So many arrays a model may return in one go.
_SEVERAL = 16


def call(walk: Walk, node: ast.Call, place: Place) -> list[Flow]:
    """How what a call returned may have come about."""
    predicted = _predicted(walk, node, place)
    if predicted:
        return predicted
    given = [walk.follow(part, place) for part in arguments(node)]
    receiver: list[Flow] = []
    if isinstance(node.func, ast.Attribute):
        name = node.func.attr
        receiver = walk.follow(node.func.value, place)
        functions = [attribute_of(f.value, name) for f in receiver if not f.sources]
    else:
        functions = [f.value for f in walk.follow(node.func, place)]
    function = next((f for f in functions if f is not UNKNOWN), UNKNOWN)
    found: list[Flow] = []
    if is_plain_call(node):
        found = _of_family(node, function, receiver, given)
        found = found or _followed(walk, node, function, given, place)
    if not found:
        found = walk.vaguely([receiver, *given], node, place)
        if _called(node) in _REORDERING:
            found = [replace(flow, foreign=True) for flow in found]
    return found


def _called(node: ast.Call) -> str:
    """The name of the function or method that is called."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _predicted(walk: Walk, node: ast.Call, place: Place) -> list[Flow]:
    """What a model returned, if the call is one of a model's that predicts."""
    made = [
        p
        for p, depth in walk.predicted_during(node, place)
        if span_of(p.sites[depth]) == call_span(node) and (depth == 0 or place.within is not None)
    ]
    if any(p.sites[0][0].co_filename != place.filename for p in made):
        return []  # predicted further down, by a helper
    ranked = [p for p in made if p.thread == walk.thread] or made
    if not ranked:
        return []
    walk.followed |= {p.order for p in made}
    flows: list[Flow] = []
    may_be = asked(node, place)
    models = {id(m) for p in ranked if (m := _model(p)) is not None}
    unseen = any(id(held) not in models for held in may_be.objects)
    if unseen and not any(p.model is None for p in ranked):
        flows.append(Flow())  # what it gave is no prediction
    elif not may_be.others_predict:
        flows.append(Flow())  # ... or not known to be one
    if may_be.all_known:
        kept = {id(held) for held in may_be.objects}
        ranked = [p for p in ranked if p.model is None or id(_model(p)) in kept]
    if not place.many:
        ranked = sorted(ranked, key=lambda p: -p.order)
    for p in ranked[:MOST_FLOWS]:
        # A model may return several arrays, which were predicted in one go.
        newest = p.order >= ranked[0].order - _SEVERAL and p.model == ranked[0].model
        held = p.held()
        value = UNKNOWN if held is None else held
        flows.append(Flow(value, (p,), held is not None, likely=place.many or newest))
    return flows


def _model(prediction: Prediction) -> object:
    return None if prediction.model is None else prediction.model()


def _of_family(
    node: ast.Call, function: Any, receiver: Sequence[Flow], given: Sequence[Sequence[Flow]]
) -> list[Flow]:
    """What a call of a function or method of the family gives; empty if it is none."""
    count = len(node.args)
    names = [str(keyword.arg) for keyword in node.keywords]

    def called(values: Sequence[Any]) -> Any:
        kwargs = dict(zip(names, values[count:], strict=True))
        return operations.call(function, values[:count], kwargs)

    flows: list[Flow] = []
    if not receiver or (function is not UNKNOWN and type(function) is not FunctionType):
        flows = combined(given, called)
    objects = receiver if any(f.value is not UNKNOWN for f in receiver) else ()
    if isinstance(node.func, ast.Attribute) and not any(f.exact for f in flows):
        method = node.func.attr

        def on_receiver(values: Sequence[Any]) -> Any:
            kwargs = dict(zip(names, values[count + 1 :], strict=True))
            return operations.method(values[0], method, values[1 : count + 1], kwargs)

        flows = combined([objects, *given], on_receiver) if objects else []
    # What is not known on one way may still be what it came from.
    return flows if any(flow.value is not UNKNOWN and flow.exact for flow in flows) else []


def _followed(
    walk: Walk, node: ast.Call, function: Any, given: Sequence[Sequence[Flow]], place: Place
) -> list[Flow]:
    """What a helper of the user's returned, by following its body."""
    bound: list[Sequence[Flow]] = []
    if type(function) is MethodType:
        bound, function = [[Flow(function.__self__, exact=True)]], function.__func__
    if type(function) is not FunctionType:
        return []
    code = function.__code__
    if is_installed(function.__module__, code.co_filename):
        return []  # whose ways are many, and long
    count = len(node.args)
    keywords = [str(keyword.arg) for keyword in node.keywords]
    named = dict(zip(keywords, given[count:], strict=True))
    received = _received(function, [*bound, *given[:count]], named)
    within = frozenset(p.order for p, _ in walk.predicted_during(node, place))
    carried = {s.order for flows in received.values() for flow in flows for s in flow.sources}
    with walk.reading():
        text = text_of(code, function.__globals__)
        scope = text.function(code) if text is not None else None
    if text is None or scope is None:
        return []
    names = _names_seen(function)
    flows = []
    before = walk.followed.copy()
    with walk.into(code) as entered:
        for expression in returned(scope) if entered else ():
            here = Place(
                text, code.co_filename, scope, expression, None, names, received, within, place.many
            )
            flows += walk.follow(expression, here)
    used = {source.order for flow in flows for source in flow.sources}
    if (within or carried) and not used & (within | carried):
        walk.followed = before
        return []  # it was predicted in there, and how that came out is not seen
    return flows


def _received(
    function: FunctionType,
    by_place: Sequence[Sequence[Flow]],
    by_name: Mapping[str, Sequence[Flow]],
) -> dict[str, Sequence[Flow]]:
    """What each parameter of a function got."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    received = {**dict(zip(names, by_place, strict=False)), **by_name}
    defaults = function.__defaults__ or ()
    default = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    for name, value in {**default, **(function.__kwdefaults__ or {})}.items():
        received.setdefault(name, [Flow(value, exact=True)])
    return received


def _names_seen(function: FunctionType) -> Mapping[str, Any]:
    """The variables a function sees around it; its own, which are gone, are not known."""
    code = function.__code__
    enclosed: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            enclosed[name] = cell.cell_contents
        except ValueError:  # not set yet
            continue
    enclosed |= dict.fromkeys(code.co_varnames, UNKNOWN)
    held = function.__globals__
    return ChainMap(enclosed, held, dict(builtins_of(held)))
