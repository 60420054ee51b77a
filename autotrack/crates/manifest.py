"""The manifest of a crate: what it is, what it needs, and the digests of its files.

Diary of the format:

1. ``model.pkl`` and ``manifest.json``; keys as in :class:`Manifest`, without those of format 2.
2. Functions: ``kind`` says what a crate holds, ``objects`` what a function was given, in the order
   of their pickles in ``model.pkl``, after which comes the function's own; ``modules`` what it
   imports. ``sources`` has the text of the user's own code that is inside.
3. The contract: ``schema`` says of each column what values training had, ``outputs`` what each
   method returned for the rows of ``example``, which were made up from the schema. ``storage`` says
   how the model is stored. Files that MLflow reads lie beside it. Large files have a ``blake3``.
   The files of an MLflow model. ``storage`` says how the model is stored: as ``model.pkl``, or as
   ``model.skops`` without pickle.
4. ``mlflow`` says what MLflow has to know, and its files are made from the manifest when a crate
   leaves the store. They are not among ``files``: whoever made the manifest can make them again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from autotrack.crates.manifest_check import brief, shown, what_is_wrong
from autotrack.errors import CrateFormatError
from autotrack.runtime.dataclass import dataclass
from autotrack.schema import DataSchema

FORMAT = 4
FILE_NAME = "manifest.json"
MODEL_FILE = "model.pkl"
#: The file that holds the model, by how it is stored.
MODEL_FILES = {"pickle": MODEL_FILE, "skops": "model.skops"}


def _plain(value: Any) -> Any:
    if isinstance(value, DataSchema):
        return value.to_json()
    if not hasattr(value, "__slots__"):
        # A number that Python has not, as those of `numpy.longdouble`, which `item` leaves as is.
        return (
            float(value)
            if getattr(getattr(value, "dtype", None), "kind", "") == "f"
            else str(value)
        )
    # As `asdict`, which takes longer than all else here.
    held = ((name, getattr(value, name)) for name in value.__slots__)
    return {name: each for name, each in held if each is not None}


def write(folder: Path, path: str, content: bytes) -> None:
    """Write a file of a crate: a handful goes with every fit, so without the ways of a `Path`."""
    with open(f"{folder}/{path}", "wb") as file:
        file.write(content)


#: A value of a manifest as the text that is stored.
as_json = json.JSONEncoder(default=_plain, check_circular=False).encode


def _as_text(value: Any) -> str:
    # Half of the fields of nearly all crates: to make an encoder of JSON takes longer.
    if not value and type(value) in (list, dict):
        return "[]" if type(value) is list else "{}"
    return as_json(value)


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file of a crate: size in bytes and SHA-256 in hexadecimal, of a large one BLAKE3 too."""

    path: str
    size: int
    sha256: str
    blake3: str | None = None

    @classmethod
    def written(cls, folder: Path, path: str, content: bytes) -> PackedFile:
        """Write `content` as the file `path` of the crate in `folder`."""
        write(folder, path, content)
        return cls.of(path, content)

    @classmethod
    def of(cls, path: str, content: bytes) -> PackedFile:
        """The file `path` with this content."""
        return cls(path, len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class PackedObject:
    """What a function was given: its name, and the bytes it takes beyond those before it."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is written down about a crate.

    Attributes
    ----------
    format : int
        The number of the crate format.
    kind : {"estimator", "function"}
        What it holds.
    estimator : str
        Module and class of the model, or module and name of the function.
    run_id : str or None
        The run that made it.
    created : str
        ISO 8601 time in UTC.
    python : str
        The Python version it was packed with.
    requirements : list of str
        ``name==version`` of each distribution the pickle imports from.
    code : list of str
        Classes and functions of the user's own that are inside the pickle by value.
    schema : DataSchema
        The training input, as :func:`autotrack.describe.data.profile.profile` describes it. Up to
        format 2 of each column no more than name and dtype.
    preprocessing : list of str
        Transformers that were applied to the training data outside of the model: a caller has
        to apply them too.
    objects : list of PackedObject
        What a function was given, in the order of their pickles; empty for an estimator.
    modules : list of str
        Modules that a function imports, or knows under a name.
    sources : dict of str to str
        The text of what `code` names, as far as it could be found. It is for people: what the
        pickle holds is compiled.
    files : list of PackedFile
        Every file but this one.
    example : dict
        Rows made up from the schema, of which none is one of the training data: see
        :mod:`autotrack.crates.verification.example`. Empty where none could be made.
    outputs : dict
        By method: ``dtype`` and ``shape`` of what it returns (None for the number of rows),
        ``labels`` of classes, and ``example``, what it returned for the rows of the example.
    storage : {"pickle", "skops"}
        How the model is stored.
    mlflow : dict
        What MLflow's files say and nothing else here: ``predicts``, ``unused`` columns, and the
        ``skops_types`` that skops asks about, where there are such.
    """

    estimator: str
    run_id: str | None
    created: str
    python: str
    autotrack: str
    requirements: list[str]
    code: list[str]
    schema: DataSchema
    preprocessing: list[str]
    files: list[PackedFile]
    kind: Literal["estimator", "function"] = "estimator"
    objects: list[PackedObject] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    example: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    storage: Literal["pickle", "skops"] = "pickle"
    mlflow: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def to_bytes(self, texts: Mapping[str, str] = MappingProxyType({})) -> bytes:
        """The manifest as the JSON text that is stored: a line a field.

        Parameters
        ----------
        texts : mapping of str to str
            What :func:`as_json` gave for some of the fields.
        """
        # json's own indentation is done in Python and takes longer than pickling a small model.
        lines = [
            f'"{name}": {texts[name] if name in texts else _as_text(getattr(self, name))}'
            for name in self.__slots__
        ]
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes, path: Path, *, packed: bool = False) -> Manifest:
        """Parse `content`, which was read from `path`.

        Parameters
        ----------
        content : bytes
        path : Path
        packed : bool
            Whether our own packer wrote it, so that it is well formed.

        Raises
        ------
        CrateFormatError
            If it is no manifest, says what is of another type than it should be, or its format
            is newer than this version knows.
        """
        try:
            entries: Any = json.loads(content)
            number = entries["format"]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise CrateFormatError(
                f"{path} is not the manifest of a crate ({type(error).__name__}: {error!s:.200}); "
                "take the crate from its run again"
            ) from error
        if type(number) is not int or not 1 <= number <= FORMAT:
            raise CrateFormatError(
                f"{path} has crate format {brief(number)}, and this autotrack reads up to "
                f"{FORMAT}; upgrade autotrack to open it"
            )
        if unknown := entries.keys() - _FIELDS:
            raise CrateFormatError(
                f"{path} does not have the fields of crate format {number} (unknown: "
                f"{', '.join(sorted(map(brief, unknown))[:3])}); take the crate from its run again"
            )
        try:
            # What a format did not know yet has a default.
            files = [PackedFile(**file) for file in entries["files"]]
            objects = [PackedObject(**each) for each in entries.get("objects", ())]
            schema = _schema(entries["schema"], path)
            made = cls(**{**entries, "schema": schema, "files": files, "objects": objects})
        except (KeyError, TypeError) as error:
            raise CrateFormatError(
                f"{path} does not have the fields of crate format {number} ({error!s:.200}); "
                "take the crate from its run again"
            ) from error
        wrong = "" if packed else what_is_wrong(made)
        if wrong:
            raise _not_understood(path, wrong)
        return made

    @property
    def model_file(self) -> str:
        """The file that holds the model."""
        return MODEL_FILES[self.storage]

    def bill(self) -> str:
        """What takes how much, what it needs and what it carries, a line each."""
        total = sum(file.size for file in self.files)
        lines = [f"<Crate {shown(self.estimator)}: {_size(total)}>"]
        lines += [f"  {shown(name):<20} {_size(size):>10}" for name, size in self._sizes()]
        if metadata := sum(file.size for file in self.files if file.path != self.model_file):
            lines.append(f"  {'metadata':<20} {_size(metadata):>10}")
        needs = ", ".join([f"Python {self.python}", *self.requirements])
        facts = {
            "imports": ", ".join(self.modules),
            "run": self.run_id or "-",
            "needs": needs,
            "carries": ", ".join(self.code),
            "apply first": ", ".join(self.preprocessing),
        }
        lines += [f"  {name:<13} {shown(text, 10_000)}" for name, text in facts.items() if text]
        return "\n".join(lines)

    def _sizes(self) -> list[tuple[str, int]]:
        """Of a function first itself, then the largest object; of a model its file."""
        whole = sum(file.size for file in self.files if file.path == self.model_file)
        if self.kind != "function":
            return [(self.model_file, whole)]
        given = [(each.name, each.size) for each in self.objects]
        own = ("function", whole - sum(size for _, size in given))
        return [own, *sorted(given, key=lambda item: -item[1])]


def _schema(facts: object, path: Path) -> DataSchema:
    try:
        return DataSchema.from_json(facts)
    except ValueError as error:
        raise _not_understood(path, f"schema={brief(facts)}") from error


def _not_understood(path: Path, what: str) -> CrateFormatError:
    return CrateFormatError(
        f"{path} says {what}, which cannot be understood; take the crate from its run again"
    )


_FIELDS = frozenset(field.name for field in fields(Manifest))


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
