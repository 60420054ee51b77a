"""Functions as normalised code: what they compute, and not how they are written down.

Two functions have one digest if comments, docstrings, line breaks and the names of local variables
are all that tells them apart. It is taken from the compiled code, which is what runs, whatever
became of the file meanwhile; and it is the same in every process.
"""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

import xxhash

from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patterns import pattern
from autotrack.runtime.weak_map import IdentityMap

Step = dis.Instruction
Operation = tuple[str, Any]

# Instructions that do nothing: line breaks decide where they stand.
_NOTHING = frozenset({"NOP", "CACHE", "EXTENDED_ARG"})
# What a class body says of its text: its docstring, and where it stands.
_OF_TEXT = frozenset({"__doc__", "__qualname__", "__firstlineno__", "__static_attributes__"})
# CO_VARARGS, CO_VARKEYWORDS, CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR.
_FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x200
_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "DELETE_GLOBAL"})
_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR"})
_LOADS_LOCAL = "LOAD_FAST", "LOAD_DEREF"
_STORES_LOCAL = "STORE_FAST", "STORE_DEREF"
_OF_SUBMODULES = frozenset({"IMPORT_FROM", "SWAP", "POP_TOP"})
_TWO_AT_ONCE = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}
_DIRECTION = pattern("_(FORWARD|BACKWARD)")
_JUMPS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})
_LONGEST_WAY = 20
_FURTHER = 6


@dataclass(frozen=True, slots=True)
class Read:
    """A global name that code reads, or one that it imported into a local variable.

    Attributes
    ----------
    names : tuple of str
        The name, and the attributes that are read of it one after another.
    further : tuple of (str, object)
        The next instructions and their arguments.
    before : tuple of (str, object)
        The instruction before.
    module : str
        The module that was imported into a local variable, of which the first of the names is
        read; empty for a global name.
    """

    names: tuple[str, ...]
    further: tuple[tuple[str, Any], ...]
    before: tuple[str, Any]
    module: str = ""


@dataclass(frozen=True, slots=True)
class Import:
    """A module that code imports while it runs; the names it takes of it, None for the module."""

    module: str
    level: int
    names: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Code:
    """What is known of compiled code.

    Attributes
    ----------
    digest : bytes
        Of what it computes.
    reads : tuple of Read
        The names it reads, those of the functions inside of it among them.
    imports : tuple of Import
        What it imports while it runs.
    names : frozenset of str
        The names of all globals and attributes that stand in it.
    texts : frozenset of str
        The texts that stand in it.
    """

    digest: bytes
    reads: tuple[Read, ...]
    imports: tuple[Import, ...]
    names: frozenset[str]
    texts: frozenset[str]


_known: IdentityMap[Code] = IdentityMap()


def read_code(code: CodeType) -> Code:
    """Normalise compiled code; what was read once is remembered while the code lives."""
    known = _known.get(code)
    if known is None:
        known = _read(code)
        _known.set(code, known)
    return known


def _read(code: CodeType) -> Code:
    text = dis.Bytecode(code)
    every = list(text)
    steps = [step for step in every if step.opname not in _NOTHING]
    inner = [read_code(const) for const in code.co_consts if isinstance(const, CodeType)]
    plain = [*_plain(steps)]
    reads, imports = [*_reads(steps)], [*_imports(steps, plain)]
    reads += _reads_of_imports(plain, code)
    names, texts = set(code.co_names), {*_texts(code.co_consts)}
    for part in inner:
        reads += part.reads
        imports += part.imports
        names |= part.names
        texts |= part.texts
    ranges = getattr(text, "exception_entries", ())
    digest = _digest(code, every, ranges)
    return Code(digest, tuple(reads), tuple(imports), frozenset(names), frozenset(texts))


def _texts(constants: Iterable[Any]) -> Iterator[str]:
    for value in constants:
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple | frozenset):
            yield from _texts(value)


def _digest(code: CodeType, every: list[Step], ranges: Iterable[Any]) -> bytes:
    sink = xxhash.xxh3_128()
    arguments = code.co_argcount + code.co_kwonlyargcount
    arguments += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
    named = code.co_varnames if "locals" in code.co_names else code.co_varnames[:arguments]
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    sink.update(repr((code.co_name, named, *counts, code.co_flags & _FLAGS)).encode())
    # Where a jump leads is told by the number of the instruction there.
    places: dict[int, int] = {}
    steps: list[Step] = []
    for step in every:
        places[step.offset] = len(steps)
        if step.opname not in _NOTHING:
            steps.append(step)
    skipped = _of_text(steps)
    for at, step in enumerate(steps):
        if at not in skipped:
            sink.update(
                f"{_name(step)} {_argument(step, places, steps)}\n".encode("utf-8", "replace")
            )
    for entry in ranges:  # which instructions stand in a `try` or `with`
        span = places.get(entry.start), places.get(entry.end), places.get(entry.target)
        sink.update(repr((*span, entry.depth, entry.lasti)).encode())
    return sink.digest()


def _of_text(steps: list[Step]) -> set[int]:
    """The places of instructions that only say how a class is written down."""
    found: set[int] = set()
    for at, step in enumerate(steps[1:], 1):
        if step.opname == "STORE_NAME" and step.argval in _OF_TEXT:
            found |= {at - 1, at}
    return found


def _name(step: Step) -> str:
    # Which way a jump goes is told by where it leads.
    return _DIRECTION.sub("", step.opname)


def _argument(step: Step, places: dict[int, int], steps: list[Step]) -> str:
    code = step.opcode
    if code in dis.hasconst:
        return constant(step.argval)
    if code in dis.hasjrel or code in dis.hasjabs:
        return f"to {_target(step, places, steps)}"
    if code in dis.haslocal:
        return str(step.arg)
    if code in dis.hasname or code in dis.hasfree or code in dis.hascompare:
        return str(step.argval)
    return str(step.arg)


def _target(step: Step, places: dict[int, int], steps: list[Step]) -> int | None:
    """Where a jump leads in the end: whether jumps to jumps are made one depends on lines."""
    place = places.get(step.argval)
    for _ in range(_LONGEST_WAY):
        if place is None or place >= len(steps) or steps[place].opname not in _JUMPS:
            break
        place = places.get(steps[place].argval)
    return place


def constant(value: Any) -> str:
    """Write a constant of code down, the same way in every process."""
    if isinstance(value, CodeType):
        return f"code {read_code(value).digest.hex()}"
    if isinstance(value, frozenset):
        return f"frozenset({sorted(map(constant, value))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(constant, value))},)"
    return f"{type(value).__name__} {value!r}"


def _plain(steps: list[Step]) -> Iterator[Operation]:
    """Instructions and their arguments, those that do two things at once as two."""
    for step in steps:
        if step.opname in _TWO_AT_ONCE and isinstance(step.argval, tuple):
            yield from zip(_TWO_AT_ONCE[step.opname], step.argval, strict=True)
        else:
            yield step.opname, step.argval


def _reads(steps: list[Step]) -> Iterator[Read]:
    plain = [(step.opname, step.argval) for step in steps]
    for at, (operation, name) in enumerate(plain):
        if operation in _GLOBAL:
            yield _read_at(plain, at, (str(name),))


def _read_at(plain: list[Operation], at: int, names: tuple[str, ...], module: str = "") -> Read:
    """What is read where something is loaded that `names` leads to."""
    after = at + 1
    while after < len(plain) and plain[after][0] in _ATTRIBUTE:
        names = (*names, str(plain[after][1]))
        after += 1
    before = plain[at - 1] if at else ("", None)
    return Read(names, tuple(plain[after : after + _FURTHER]), before, module)


def _imports(steps: list[Step], plain: list[Operation]) -> Iterator[Import]:
    for at, step in enumerate(steps):
        if step.opname != "IMPORT_NAME":
            continue
        taken = steps[at - 1].argval if at and steps[at - 1].opcode in dis.hasconst else None
        level = steps[at - 2].argval if at > 1 else 0
        stored = steps[at + 1] if at + 1 < len(steps) else step
        names: tuple[str, ...] | None = None
        if isinstance(taken, tuple):
            names = tuple(map(str, taken))
        elif stored.opname == "STORE_FAST" and "." not in str(step.argval):
            names = _attributes(plain, stored.argval)
        yield Import(str(step.argval), level if isinstance(level, int) else 0, names)


def _attributes(plain: list[Operation], variable: str) -> tuple[str, ...] | None:
    """What is read of a module that is imported into a local variable; None if all may be."""
    found = []
    for number, (operation, name) in enumerate(plain[:-1]):
        if operation.startswith("LOAD_FAST") and name == variable:
            if plain[number + 1][0] not in _ATTRIBUTE:
                return None
            found.append(str(plain[number + 1][1]))
    return tuple(found)


def _reads_of_imports(plain: list[Operation], code: CodeType) -> Iterator[Read]:
    """What is read of what was imported into local variables."""
    held: dict[str, list[tuple[str, ...]]] = {}
    for variable, names in _stored_imports(plain):
        held.setdefault(variable, []).append(names)
    if not held:
        return
    for at, (operation, variable) in enumerate(plain):
        if operation.startswith(_LOADS_LOCAL) and isinstance(variable, str):
            for names in held.get(variable, ()):
                yield _read_at(plain, at, names, names[0])
    for part in code.co_consts:
        if isinstance(part, CodeType):  # what a function inside does with it is not followed
            for variable in part.co_freevars:
                for names in held.get(variable, ()):
                    yield Read(names, (), ("", None), names[0])


def _stored_imports(plain: list[Operation]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Local variables that imports are stored in: the module, and the names that were taken."""
    for at, (operation, module) in enumerate(plain):
        if operation != "IMPORT_NAME" or (at > 1 and plain[at - 2][1]):
            continue  # what is relative is the user's own
        taken, after = plain[at - 1][1] if at else None, at + 1
        if isinstance(taken, tuple):
            while after + 1 < len(plain) and plain[after][0] == "IMPORT_FROM":
                if plain[after + 1][0].startswith(_STORES_LOCAL):
                    yield str(plain[after + 1][1]), (str(module), str(plain[after][1]))
                after += 2
            continue
        names: tuple[str, ...] = (str(module).partition(".")[0],)
        while after < len(plain) and plain[after][0] in _OF_SUBMODULES:  # import a.b as c
            if plain[after][0] == "IMPORT_FROM":
                names = (*names, str(plain[after][1]))
            after += 1
        if after < len(plain) and plain[after][0].startswith(_STORES_LOCAL):
            yield str(plain[after][1]), names
