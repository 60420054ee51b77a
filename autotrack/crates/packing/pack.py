"""A fitted estimator -> a folder that can be loaded and predicts."""

from __future__ import annotations

import hashlib
import platform
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from autotrack._version import __version__
from autotrack.crates.contract.values_only import looks_at_values_only
from autotrack.crates.digests import HashingWriter
from autotrack.crates.manifest import (
    FILE_NAME,
    FORMAT,
    MODEL_FILE,
    MODEL_FILES,
    Manifest,
    PackedFile,
    PackedObject,
)
from autotrack.crates.packing.functions import Isolated
from autotrack.crates.packing.mlflow_facts import for_mlflow
from autotrack.crates.packing.pickler import CratePickler, Nowhere, culprit
from autotrack.crates.packing.prepared import Prepared, prepared
from autotrack.crates.packing.sources import source_of
from autotrack.crates.requirements import USUAL, ProjectCode, exact_requirements
from autotrack.crates.verification.drawing import may_draw
from autotrack.crates.verification.example import answers
from autotrack.crates.verification.replay import as_input
from autotrack.describe.estimator import qualified_name
from autotrack.describe.origins import is_installed
from autotrack.errors import InvalidValueError, UncratableError
from autotrack.runtime.dataclass import dataclass
from autotrack.runtime.patching import unwrapped
from autotrack.schema import DataSchema

Storage = Literal["pickle", "skops"]
_ASKED = frozenset({"predict", "predict_proba", "decision_function", "transform", "score_samples"})
_UNKNOWN = DataSchema()


def pack(
    model: object,
    folder: Path,
    *,
    run_id: str | None = None,
    schema: DataSchema = _UNKNOWN,
    preprocessing: Sequence[str] = (),
    own: ProjectCode = USUAL,
    storage: Storage = "pickle",
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
    schema : DataSchema, optional
        What the training input looked like.
    preprocessing : sequence of str
        What was applied to the training data outside of the model.
    own : ProjectCode, optional
        What code goes in by value.
    storage : {"pickle", "skops"}
        How to store it.

    Returns
    -------
    list of PackedFile
        Every file of the crate, the manifest last.

    Raises
    ------
    UncratableError
        If the model cannot be stored so; it names what is in the way.
    OSError
        If the folder cannot be written.
    """
    function = model if isinstance(model, Isolated) else None
    held = _stored(model, folder, storage, own)
    outputs: dict[str, dict[str, Any]] = {}
    example: dict[str, Any] = {}
    texts: dict[str, str] = {}
    if function is None:
        made = prepared(schema)
        example, texts = made.example, made.texts
        if own.asked or (held.is_installed and not _has_own_methods(model)):
            draws = any(map(may_draw, held.kinds)) if held.kinds else True
            outputs = _answers(model, made, draws)
            if not outputs:
                example, texts = {}, {"schema": texts["schema"]}
    modules = [] if function is None else sorted(function.modules)
    manifest = Manifest(
        kind="estimator" if function is None else "function",
        estimator=qualified_name(model) if function is None else function.name,
        run_id=run_id,
        schema=schema,
        preprocessing=list(preprocessing),
        modules=modules,
        example=example,
        outputs=outputs,
        mlflow=for_mlflow(model, held.asked),
        **held.facts(_containers(schema).union(modules), own),
    )
    return _finish(folder, manifest, texts)


def repack(
    model: object, folder: Path, manifest: Manifest, storage: Storage
) -> tuple[list[PackedFile], Manifest]:
    """Write the model that `manifest` describes into `folder` in another way.

    Returns and raises what :func:`pack` does; what is returned has the new manifest too.
    """
    held = _stored(model, folder, storage, USUAL)
    besides = _containers(manifest.schema).union(manifest.modules)
    told = for_mlflow(model, held.asked)
    changed = replace(manifest, format=FORMAT, mlflow=told, **held.facts(besides, USUAL))
    return _finish(folder, changed), changed


def runs_own_code(model: object) -> bool:
    """Whether code that is of no installed package runs when `model` is asked something.

    All that it holds is looked at, as if it were packed; what cannot be packed may be anybody's.
    """
    pickler = CratePickler(Nowhere(), USUAL)
    try:
        pickler.dump(model)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything
        return True
    return not pickler.is_installed or _has_own_methods(model)


def _has_own_methods(model: object) -> bool:
    """Whether somebody put a function of their own in the place of a method of an installed class.

    No pickle says so.
    """
    for owner in type(model).__mro__:
        for name in _ASKED & owner.__dict__.keys():
            method: Any = unwrapped(owner.__dict__[name])
            function = getattr(method, "fn", method)
            if isinstance(function, types.FunctionType) and not is_installed(
                function.__globals__.get("__name__")
            ):
                return True
    return False


def vouched(files: Iterable[PackedFile]) -> list[str]:
    """The digests of the model and the manifest among the files of a crate."""
    return [file.sha256 for file in files if file.path in (*MODEL_FILES.values(), FILE_NAME)]


def _finish(
    folder: Path, manifest: Manifest, texts: Mapping[str, str] = types.MappingProxyType({})
) -> list[PackedFile]:
    """Write what goes with the file of the model; MLflow's files come when it leaves the store."""
    return [*manifest.files, PackedFile.written(folder, FILE_NAME, manifest.to_bytes(texts))]


@dataclass(frozen=True, slots=True)
class _Held:
    """The file of a model, and what is in it."""

    storage: Storage
    file: PackedFile
    #: What loading imports.
    modules: set[str]
    #: Whether all code that it runs is that of installed packages, as far as its pickle says.
    is_installed: bool
    #: The user's own code, by name.
    by_value: dict[str, type | types.FunctionType] = field(default_factory=dict)
    #: The classes of what is in it, and the functions; empty where that is not known.
    kinds: frozenset[type | types.FunctionType] = frozenset()
    objects: list[PackedObject] = field(default_factory=list)
    #: What skops asks about.
    asked: list[str] = field(default_factory=list)

    def facts(self, besides: Iterable[str], own: ProjectCode) -> dict[str, Any]:
        """What a manifest says of how the model is stored, which needs modules `besides`."""
        return {
            "storage": self.storage,
            "created": datetime.now(UTC).isoformat(),
            "python": platform.python_version(),
            "autotrack": __version__,
            "requirements": exact_requirements(self.modules.union(besides), own),
            "code": sorted(self.by_value),
            "objects": self.objects,
            "sources": {
                name: source
                for name, thing in sorted(self.by_value.items())
                if (source := source_of(thing)) is not None
            },
            "files": [self.file],
        }


def storage_named(wanted: object) -> Storage:
    """The way of storing a model that a user names.

    Raises
    ------
    InvalidValueError
        If there is none of this name.
    """
    if wanted == "pickle":
        return "pickle"
    if wanted == "skops":
        return "skops"
    raise InvalidValueError(f"format is 'pickle' or 'skops', not {wanted!r:.80}")


def _stored(model: object, folder: Path, storage: Storage, own: ProjectCode) -> _Held:
    return (_skopsed if storage == "skops" else _pickled)(model, folder, own)


def _skopsed(model: object, folder: Path, own: ProjectCode) -> _Held:
    if isinstance(model, Isolated):
        raise UncratableError(
            f"skops stores no functions, and {model.name} is one; use format='pickle'", model.name
        )
    from autotrack.crates.formats.skops import dump_skops

    path = folder / MODEL_FILES["skops"]
    modules, asked = dump_skops(model, path, own)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    packed = PackedFile(path.name, path.stat().st_size, digest)
    return _Held("skops", packed, modules, all(map(is_installed, modules)), asked=asked)


def _pickled(model: object, folder: Path, own: ProjectCode) -> _Held:
    function = model if isinstance(model, Isolated) else None
    with open(f"{folder}/{MODEL_FILE}", "wb", buffering=1 << 16) as file:
        writer = HashingWriter(file)
        pickler = CratePickler(writer, own)
        try:
            objects = [
                PackedObject(name, _dump(pickler, writer, part, name))
                for name, part in _objects(function)
            ]
            _dump(pickler, writer, model if function is None else function.function)
        finally:
            digests = writer.finish()
    packed = PackedFile(MODEL_FILE, writer.size, *digests)
    return _Held(
        "pickle",
        packed,
        pickler.modules,
        pickler.is_installed,
        pickler.by_value,
        frozenset(pickler.kinds),
        objects,
    )


def _objects(function: Isolated | None) -> list[tuple[str, Any]]:
    """What a function was given; first what is no function, since functions may use it."""
    given = {} if function is None else function.objects
    return sorted(given.items(), key=lambda item: callable(item[1]))


def _dump(pickler: CratePickler, writer: HashingWriter, part: object, name: str = "") -> int:
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


def _containers(schema: DataSchema) -> set[str]:
    """The library that makes the rows a model takes: no model is of use without it."""
    return {schema.kind.partition(".")[0]} & {"numpy", "pandas", "polars"}


def _answers(model: object, made: Prepared, draws: bool) -> dict[str, dict[str, Any]]:
    """What the model says to made-up rows; empty where it says nothing."""
    if not made.example:
        return {}
    try:
        return answers(model, _data(model, made), draws=draws)
    except Exception:  # noqa: BLE001 - a crate without an example is a crate
        return {}


def _data(model: object, made: Prepared) -> Any:
    """The rows of an example as `model` takes them in the least time."""
    schema, example = made.schema, made.example
    if "columns" not in example:  # then no more than this is looked at
        return as_input(example, DataSchema(schema.kind, dtype=schema.dtype).to_json())
    if made.values is not None and looks_at_values_only(model):
        return made.values.copy(order="K")
    return as_input(example, schema.to_json())
