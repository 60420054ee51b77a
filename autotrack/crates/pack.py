"""A fitted estimator -> a folder that can be loaded and predicts."""

from __future__ import annotations

import functools
import hashlib
import io
import platform
import queue
import threading
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from pickle import whichmodule  # type: ignore[attr-defined]
from types import MappingProxyType
from typing import Any, BinaryIO

import cloudpickle
from cloudpickle import cloudpickle as _cloudpickle

from autotrack._version import __version__
from autotrack.crates.example import answers, made_up
from autotrack.crates.isolation import Isolated, imported
from autotrack.crates.manifest import FILE_NAME, MODEL_FILE, Manifest, PackedFile, PackedObject
from autotrack.crates.replay import as_input
from autotrack.crates.requirements import USUAL, ProjectCode, exact_requirements
from autotrack.crates.sources import source_of
from autotrack.describe.estimator import qualified_name
from autotrack.errors import UncratableError
from autotrack.patching import unwrapped

PROTOCOL = 5
# Below this the digest is made on the spot; above, in a thread beside the writing.
_THREAD_FROM = 4 << 20
# How much may wait to be hashed: what the writing may hold in memory on top of the model.
_WAITING = 16 << 20
_CACHE_INFO = functools._CacheInfo


def pack(
    model: object,
    folder: Path,
    *,
    run_id: str | None = None,
    schema: Mapping[str, Any] = MappingProxyType({}),
    preprocessing: Sequence[str] = (),
    own: ProjectCode = USUAL,
) -> list[PackedFile]:
    """Write `model` as a crate into `folder`, which must exist and be empty.

    The pickle streams to disk: beyond the model itself, memory grows by the largest single array
    and a few megabytes.

    Parameters
    ----------
    model : estimator or Isolated
        A fitted model, or a function that was cut loose.
    folder : Path
        Where to write.
    run_id : str, optional
        The run the model belongs to.
    schema : mapping, optional
        What the training input looked like, as :func:`autotrack.describe.profile.profile` says it.
    preprocessing : sequence of str
        What was applied to the training data outside of the model.
    own : ProjectCode, optional
        What code goes in by value.

    Returns
    -------
    list of PackedFile
        Every file of the crate, the manifest last.

    Raises
    ------
    UncratableError
        If the model cannot be pickled; it names the attribute in the way.
    OSError
        If the folder cannot be written.
    """
    function = model if isinstance(model, Isolated) else None
    with open(folder / MODEL_FILE, "wb", buffering=1 << 16) as file:
        writer = _HashingWriter(file)
        pickler = _CratePickler(writer, own)
        try:
            objects = [
                PackedObject(name, _dump(pickler, writer, part, name))
                for name, part in _objects(function)
            ]
            _dump(pickler, writer, model if function is None else function.function)
        finally:
            digest = writer.finish()
    files = [PackedFile(MODEL_FILE, writer.size, digest)]
    example, outputs = ({}, {}) if function is not None else _example(model, schema)
    imported = frozenset() if function is None else function.modules
    manifest = Manifest(
        kind="estimator" if function is None else "function",
        estimator=qualified_name(model) if function is None else function.name,
        run_id=run_id,
        created=datetime.now(UTC).isoformat(),
        python=platform.python_version(),
        autotrack=__version__,
        requirements=exact_requirements(pickler.modules | imported | _containers(schema), own),
        code=sorted(pickler.by_value),
        schema=dict(schema),
        preprocessing=list(preprocessing),
        objects=objects,
        modules=sorted(imported),
        sources={
            name: source
            for name, thing in sorted(pickler.by_value.items())
            if (source := source_of(thing)) is not None
        },
        example=example,
        outputs=outputs,
        files=files,
    )
    content = manifest.to_bytes()
    (folder / FILE_NAME).write_bytes(content)
    return [*files, PackedFile(FILE_NAME, len(content), hashlib.sha256(content).hexdigest())]


def _objects(function: Isolated | None) -> list[tuple[str, Any]]:
    """What a function was given; first what is no function, since functions may use it."""
    given = {} if function is None else function.objects
    return sorted(given.items(), key=lambda item: callable(item[1]))


def _dump(pickler: _CratePickler, writer: _HashingWriter, part: object, name: str = "") -> int:
    """Append the pickle of `part`; how many bytes that took."""
    before = writer.size
    try:
        pickler.dump(part)
    except OSError:
        raise
    except Exception as error:
        attribute = culprit(part)
        what = f"{name}, a {type(part).__name__}," if name else type(part).__name__
        raise UncratableError(
            f"{what} cannot be pickled: {type(error).__name__}: {error}"
            + (f" (at {attribute})" if attribute else "")
            + ("" if name else "; its run and scores are kept, only the crate is missing"),
            attribute,
        ) from error
    return writer.size - before


def _containers(schema: Mapping[str, Any]) -> set[str]:
    """The library that makes the rows a model takes: no model is of use without it."""
    return {str(schema.get("kind", "builtins")).partition(".")[0]} & {"numpy", "pandas", "polars"}


def _example(
    model: object, schema: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Made-up rows, and what the model says to them."""
    try:
        example = made_up(schema)
        outputs = answers(model, as_input(example, schema)) if example else {}
    except Exception:  # noqa: BLE001 - a crate without an example is a crate
        return {}, {}
    return (example, outputs) if outputs else ({}, {})


class _CratePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles the user's own code by value, and notes every module the load will import.

    `reducer_override` sees every class, function, module and instance the stream will name, since
    only plain containers, numbers and texts are written without asking it.
    """

    def __init__(self, file: io.RawIOBase, own: ProjectCode) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self._own = own
        self.modules: set[str] = set()
        #: The user's own classes and functions, by module and name.
        self.by_value: dict[str, type | types.FunctionType] = {}

    def reducer_override(self, obj: Any) -> Any:
        before = unwrapped(obj)
        if before is not obj and not isinstance(before, types.FunctionType):
            return before.__reduce_ex__(PROTOCOL)
        obj = before
        if isinstance(obj, _ModulePart):
            return _cloudpickle.dynamic_subimport, (obj.module.__name__, obj.content())
        if isinstance(obj, types.ModuleType):
            self.modules.add(obj.__name__)
        elif isinstance(obj, type | types.FunctionType):
            # A function made by exec may come from nowhere: it goes by value as well.
            home = str(getattr(obj, "__module__", None) or "__main__")
            if self._own.holds(home):
                owner = obj.__qualname__.rpartition(".")[0]
                if isinstance(obj, type) or owner == "" or owner.endswith("<locals>"):
                    # Methods go unsaid.
                    self.by_value.setdefault(f"{home}.{obj.__qualname__}", obj)
                return self._reduce_by_value(obj)
            self.modules.add(home)
        elif isinstance(obj, functools._lru_cache_wrapper) and self._own.holds(_module_of(obj)):
            # It names its place and no more: elsewhere it is the same function and a new cache.
            options = obj.cache_parameters()
            made_of = (obj.__wrapped__, options["maxsize"], options["typed"], _CACHE_INFO)
            return type(obj), made_of, vars(obj)
        else:
            self.modules.add(_module_of(obj))
        return super().reducer_override(obj)

    def _reduce_by_value(self, obj: Any) -> Any:
        self.modules.add("cloudpickle")
        if isinstance(obj, type):
            # An enum or a typed tuple has a reduction of its own there.
            reduced = _cloudpickle._class_reduce(obj)
            return _cloudpickle._dynamic_class_reduce(obj) if reduced is NotImplemented else reduced
        reduced = self._dynamic_function_reduce(obj)
        _carry_modules(obj.__code__, reduced[2][1], self._own)
        self.modules.update(name for name in imported(obj.__code__) if not self._own.holds(name))
        return reduced


@dataclass(frozen=True, slots=True)
class _ModulePart:
    """What a function uses of a module of the user's own, which is not there elsewhere."""

    module: types.ModuleType
    names: frozenset[str]
    own: ProjectCode
    within: frozenset[str] = frozenset()

    def content(self) -> dict[str, Any]:
        """The used names with their values."""
        within = self.within | {self.module.__name__}
        used = {name: vars(self.module)[name] for name in self.names & vars(self.module).keys()}
        return {
            name: _ModulePart(value, self.names, self.own, within)
            if _is_project_module(value, self.own)
            else value
            for name, value in sorted(used.items())
            if getattr(value, "__name__", None) not in within  # modules that import each other
        }


def _carry_modules(code: types.CodeType, state: dict[str, Any], own: ProjectCode) -> None:
    """Replace the user's own modules among a function's globals by what it uses of them."""
    names = frozenset(_names(code))
    held = state["__globals__"]
    for name in [name for name, value in held.items() if _is_project_module(value, own)]:
        held[name] = _ModulePart(held[name], names, own)
    submodules = state["_cloudpickle_submodules"]
    submodules[:] = [module for module in submodules if not _is_project_module(module, own)]


def _is_project_module(value: object, own: ProjectCode) -> bool:
    return isinstance(value, types.ModuleType) and own.holds(value.__name__)


def _names(code: types.CodeType) -> set[str]:
    inner = (const for const in code.co_consts if isinstance(const, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _module_of(obj: Any) -> str:
    module = getattr(obj, "__module__", None)
    if isinstance(module, str):
        return module
    # NumPy's ufuncs and other callables written in C do not know where they live.
    name = getattr(obj, "__name__", None) if callable(obj) else None
    return str(whichmodule(obj, name)) if name else type(obj).__module__


class _HashingWriter(io.RawIOBase):
    """Writes through to a file, keeping size and SHA-256 of what went by."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._thread: threading.Thread | None = None
        self._waiting: queue.Queue[bytes | None] = queue.Queue()
        self._room = threading.Condition()
        self._held = 0
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any, /) -> int:
        data = chunk if isinstance(chunk, bytes) else bytes(chunk)
        self._file.write(data)
        self.size += len(data)
        if self._thread is None and self.size < _THREAD_FROM:
            self._hash.update(data)
        else:
            self._hash_beside(data)
        return len(data)

    def _hash_beside(self, data: bytes) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._digest, name="autotrack-sha256")
            self._thread.start()
        with self._room:
            while self._held > _WAITING:
                self._room.wait()
            self._held += len(data)
        self._waiting.put(data)

    def _digest(self) -> None:
        while (data := self._waiting.get()) is not None:
            self._hash.update(data)
            with self._room:
                self._held -= len(data)
                self._room.notify()

    def finish(self) -> str:
        """Wait for the digest and return it."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
        return self._hash.hexdigest()


class _Nowhere(io.RawIOBase):
    def write(self, chunk: Any, /) -> int:
        return len(chunk)


def culprit(model: object, deepest: int = 6) -> str | None:
    """The path of the innermost attribute of `model` that cannot be pickled, or None."""
    path, here = type(model).__name__, model
    for _ in range(deepest):
        for step, part in _parts(here):
            if not _pickles(part):
                path, here = path + step, part
                break
        else:
            break
    return path if here is not model else None


def _parts(value: object) -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [(f"[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [(f"[{index}]", part) for index, part in enumerate(value)]
    return [(f".{name}", part) for name, part in getattr(value, "__dict__", {}).items()]


def _pickles(value: object) -> bool:
    try:
        _CratePickler(_Nowhere(), USUAL).dump(value)
    except Exception:  # noqa: BLE001 - a foreign __reduce__ may do anything
        return False
    return True
