"""What a manifest says, held against the types and forms that the packer gives it.

A manifest may come from anybody. What it says is shown, compared, made into arrays, looked up as
files and given to pip: so each part has to be what it should be, and of a size that such a thing
has.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from autotrack.runtime.patterns import pattern

if TYPE_CHECKING:
    from autotrack.crates.manifest import Manifest
    from autotrack.schema import DataSchema

#: A distribution in one version, and nothing else that pip would take.
_REQUIREMENT = pattern(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_PYTHON = pattern(r"3\.[0-9]{1,3}\.[0-9]{1,3}[A-Za-z0-9.+-]{0,20}")
_HEX = pattern(r"[0-9a-f]{64}")
_MOST_FILES = 1000
_MOST_ROWS = 1000
_PART_MARKS = frozenset("\0\\:")


def what_is_wrong(manifest: Manifest) -> str:
    """What of a manifest is not as the packer writes it; empty if all is."""
    for name, is_right in _CHECKS.items():
        if not is_right(getattr(manifest, name)):
            return f"{name}={brief(getattr(manifest, name))}"
    paths = [file.path for file in manifest.files]
    if len(set(paths)) < len(paths):
        return "that a file is there twice"
    if manifest.example and not _fits(manifest.example, manifest.schema):
        return "of its example what does not go with its schema"
    return ""


def shown(text: object, most: int = 300) -> str:
    """A text that may come from anybody, in one line and without control characters."""
    line = str(text)[:most]
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in line)


class _Brief(reprlib.Repr):
    """Shows the beginning of a value, of which the whole may be large or nested deep."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxdict, self.maxstring = 3, 4, 4, 60

    def repr_instance(self, x: object, level: int) -> str:
        """A file or an object of the manifest, by its path or name."""
        name = getattr(x, "path", getattr(x, "name", None))
        if name is None:
            return super().repr_instance(x, level)
        return f"<{type(x).__name__} {self.repr1(name, level - 1)}>"


def brief(value: object) -> str:
    """The beginning of a value of a manifest, in one line."""
    return shown(_BRIEF.repr(value), 100)


_BRIEF = _Brief()


def is_requirement(text: object) -> bool:
    """Whether a text is ``name==version``."""
    return isinstance(text, str) and _REQUIREMENT.fullmatch(text) is not None


def is_inside(path: object) -> bool:
    """Whether a path stays inside the folder that it is relative to."""
    if not isinstance(path, str) or not path or _PART_MARKS & set(path):
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_files(value: list[Any]) -> bool:
    return len(value) <= _MOST_FILES and all(
        is_inside(file.path)
        and _is_count(file.size)
        and _is_digest(file.sha256)
        and (file.blake3 is None or _is_digest(file.blake3))
        for file in value
    )


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _is_objects(value: list[Any]) -> bool:
    return all(_is_text(each.name) and _is_count(each.size) for each in value)


def _is_outputs(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_output, value.values()))


def _is_output(output: object) -> bool:
    return (
        isinstance(output, dict)
        and isinstance(output.get("dtype", ""), str)
        and isinstance(output.get("shape", []), list)
        and all(each is None or _is_count(each) for each in output.get("shape", []))
        and isinstance(output.get("labels", []), list)
        and isinstance(output.get("example", []), list)
    )


def _is_for_mlflow(value: object) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("predicts", False), bool)
        and _is_texts(value.get("unused", []))
        and _is_texts(value.get("skops_types", []))
    )


def _fits(example: Mapping[str, Any], schema: DataSchema) -> bool:
    """Whether rows can be made of an example without anything growing large."""
    if not schema.is_small:
        return False
    if "sparse" in example:
        shape, cells = example.get("shape"), example["sparse"]
        return (
            isinstance(shape, list)
            and len(shape) == 2
            and all(map(_is_count, shape))
            and shape[0] <= _MOST_ROWS
            and isinstance(cells, list)
            and all(isinstance(cell, list) and len(cell) == 3 for cell in cells)
        )
    if "columns" in example:
        held = example["columns"]
        return isinstance(held, dict) and all(isinstance(values, list) for values in held.values())
    return isinstance(example.get("rows"), list)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "estimator": _is_text,
    "run_id": lambda value: value is None or _is_text(value),
    "created": _is_text,
    "python": lambda value: _is_text(value) and _PYTHON.fullmatch(value) is not None,
    "autotrack": _is_text,
    "requirements": lambda value: isinstance(value, list) and all(map(is_requirement, value)),
    "code": _is_texts,
    "preprocessing": _is_texts,
    "files": _is_files,
    "kind": lambda value: value in ("estimator", "function"),
    "objects": _is_objects,
    "modules": _is_texts,
    "sources": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
    "example": lambda value: isinstance(value, dict),
    "outputs": _is_outputs,
    "storage": lambda value: value in ("pickle", "skops"),
    "mlflow": _is_for_mlflow,
}
