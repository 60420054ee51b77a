"""How large a model that skops stored would become, told from its file before skops reads it.

skops knows which types are harmless, and makes whatever sizes a file asks for: arrays whose headers
promise more than follows, archives in archives, lists that hold a list a thousand times. A file
that nobody answers for is read by skops only if none of this can take more than is bounded here.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from typing import Any

from autotrack.crates.folder import size_parsed
from autotrack.errors import UntrustedCrateError
from autotrack.runtime.dataclass import dataclass

#: What loading takes at most beyond the size of the file.
_MOST = 60 << 20
#: The content of a file is in memory three times: as it was read, as skops hands it on, as arrays.
LARGEST = _MOST // 2
#: How much of an archive is kept: names, sizes and places.
_MOST_ENTRIES = 5_000
# What a node takes in memory (bytes): those that list the types they trust, and others.
_NODE, _LISTING_NODE = 1_500, 6_000
_LISTING = frozenset({"FunctionNode", "ObjectNode"})
# A value in an array of objects.
_VALUE = 48
#: Of how many nodes all the ways through a file consist at most.
_MOST_WAYS = 100_000
#: What does not make arrays of what it holds.
_KEEPS_AS_IS = frozenset(
    {"DictNode", "DefaultDictNode", "ListNode", "TupleNode", "SetNode", "ObjectNode", "JsonNode",
     "TypeNode", "FunctionNode", "BytesNode", "BytearrayNode", "SparseMatrixNode", "CachedNode",
     "SliceNode"}
)  # fmt: skip
_DEEPEST = 250
_LONGEST_HEADER = 1 << 16
#: Makes as many zeros as its argument says.
_NOT_MADE = frozenset({"void", "bytes_"})
_POOL = "4"


def _refused(why: str) -> UntrustedCrateError:
    return UntrustedCrateError(
        f"the model is not opened without your word for all of it ({why}); if you know where it "
        "comes from, pass trust=True, or its SHA-256",
        [],
    )


def check_limits(content: bytes, taken: int = 0) -> None:
    """See that a file of skops stays small when it is loaded, where so much is `taken` already.

    Raises
    ------
    UntrustedCrateError
        If it does not.
    Exception
        If it is none, of whatever kind.
    """
    if content.count(b"PK\x01\x02") > _MOST_ENTRIES:
        raise _refused("its archive has too many entries")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise _refused("its archive is compressed")
        if any(entry.file_size != entry.compress_size for entry in entries.values()):
            raise _refused("sizes in its archive are wrong")
        if sum(entry.file_size for entry in archive.infolist()) > len(content):
            raise _refused("entries of its archive overlap")
        schema = archive.read("schema.json")
        taken += size_parsed(schema)
        _hold(taken)
        nodes = _Nodes(archive, entries, taken)
        nodes.follow(json.loads(schema), 0)
        if nodes.ambiguous & nodes.certain:
            raise _refused("its random numbers have an odd seed")


def _hold(taken: int) -> None:
    if taken > _MOST:
        raise _refused("it would take more memory than what is opened from anybody")


@dataclass(frozen=True, slots=True)
class _Reach:
    """What is reached by way of a node, each as often as there are ways: nodes, and values."""

    nodes: int
    values: int


class _Nodes:
    """Follows the nodes of a schema as skops does: one that was seen is not made again."""

    def __init__(
        self, archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], taken: int
    ) -> None:
        self._archive, self._entries, self._taken = archive, entries, taken
        self._reached: dict[int, _Reach] = {}
        self._content: dict[object, Any] = {}
        #: Numbers of things that are different ones, and of those that must not be.
        self.ambiguous: set[object] = set()
        self.certain: set[object] = set()

    def follow(self, node: Any, depth: int) -> _Reach:
        """See what a node would take; what is reached by way of it."""
        if depth > _DEEPEST:
            raise _refused("it is nested too deep")
        if not isinstance(node, dict) or "__loader__" not in node:
            return self._below(node, depth)
        number = node.get("__id__")
        if number is not None and type(number) is not int:
            raise _refused("it numbers things by what is not a number")
        known = self._reached.get(number) if number else None
        if known is not None and (
            node["__loader__"] == "CachedNode" or node == self._content[number]
        ):
            return known
        if number and known is None:
            # Itself inside of itself is not reached again.
            self._reached[number], self._content[number] = _Reach(1, 1), node
        values = self._weigh(node)
        below = self._below(node, depth)
        reach = _Reach(below.nodes + 1, below.values + values)
        if reach.nodes > _MOST_WAYS:
            raise _refused("its parts hold each other too often")
        if node["__loader__"] not in _KEEPS_AS_IS and node.get("type") != "numpy":
            # NumPy may make an array of all the lists and arrays in it.
            self._take(_VALUE * below.values)
        if known is not None:
            # skops makes one of them, and takes it for both: which is not known here.
            self.ambiguous.add(number)
            if reach.nodes > known.nodes or reach.values > known.values:
                raise _refused("two things have the same number")
            return known
        if number:
            self._reached[number] = reach
        return reach

    def _below(self, node: Any, depth: int) -> _Reach:
        nodes = values = 0
        for each in node.values() if isinstance(node, dict) else node:
            if isinstance(each, dict | list):
                below = self.follow(each, depth + 1)
                nodes, values = nodes + below.nodes, values + below.values
        return _Reach(nodes, values)

    def _take(self, memory: int) -> None:
        self._taken += memory
        _hold(self._taken)

    def _weigh(self, node: Mapping[str, Any]) -> int:
        """Count what a node takes; how many values it holds itself."""
        loader = node["__loader__"]
        self._take(_LISTING_NODE if loader in _LISTING else _NODE)
        if loader == "RandomGeneratorNode":
            seed = node["content"]["seed_seq"]
            pool = seed["content"]["pool_size"]
            self.certain.update((node.get("__id__"), seed.get("__id__"), pool.get("__id__")))
            if pool["__loader__"] != "JsonNode" or pool["content"] != _POOL:
                raise _refused("its random numbers have an odd seed")
        if loader == "NdArrayNode" and node["__class__"] in _NOT_MADE:
            raise _refused("it holds raw values")
        if loader == "JsonNode":
            text = node["content"]
            self._take(232 * text.count("{") + 72 * text.count("[") + 64 * text.count(","))
            return 1 + int(text.count(","))
        if "file" in node:
            return 1 + self._weigh_file(loader, node["file"])
        return 1

    def _weigh_file(self, loader: str, name: str) -> int:
        size = self._entries[name].file_size
        # As skops hands it on, and as what becomes of it.
        self._take(11 * size if loader == "BytearrayNode" else 2 * size)
        if loader == "NdArrayNode":
            with self._archive.open(name) as file:
                _check_array(file.read(_LONGEST_HEADER), size)
        elif loader == "SparseMatrixNode":
            size = self._weigh_archive(self._archive.read(name))
        elif loader not in ("BytesNode", "BytearrayNode"):
            raise _refused("it reads a file as what there is not")
        return size

    def _weigh_archive(self, content: bytes) -> int:
        with zipfile.ZipFile(io.BytesIO(content)) as inner:
            for entry in inner.infolist():
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise _refused("an archive in it is packed in an unusual way")
                self._take(2 * entry.file_size)
                with inner.open(entry) as file:
                    _check_array(file.read(_LONGEST_HEADER), entry.file_size)
            return sum(entry.file_size for entry in inner.infolist())


def _check_array(start: bytes, size: int) -> None:
    """See that an array takes no more than its file, of which this is the beginning."""
    from numpy.lib import format as npy

    stream = io.BytesIO(start)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    version = npy.read_magic(stream)
    if version not in read:
        raise _refused("an array in it has an unknown header")
    shape, _, dtype = read[version](stream)
    if any(side < 0 for side in shape) or dtype.hasobject:
        raise _refused("an array in it has an odd header")
    # Of no values NumPy takes as much as of one.
    if max(math.prod(shape), 1) * max(dtype.itemsize, 1) > size:
        raise _refused("an array in it is said to be larger than its file")
