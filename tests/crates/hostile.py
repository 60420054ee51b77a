"""Folders that are no honest crates: made by hand, each of a kind that was or could be tried."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import socket
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class Calls:
    """Unpickling it calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.what = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.what


def trap(path: Path) -> bytes:
    """A pickle that makes a folder at `path`."""
    return pickle.dumps(Calls(os.mkdir, str(path)), 5)


def exchange(folder: Path, content: bytes, name: str = "model.pkl", **changes: object) -> Path:
    """Exchange the model of a crate, with a manifest to match."""
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    files = [{"path": name, "size": len(content), "sha256": digest}]
    return rewrite(folder, files=files, **changes)


def rewrite(folder: Path, **changes: object) -> Path:
    """Change what the manifest says."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    return folder


# -- files that are none --------------------------------------------------------------------------


def _replace(folder: Path, name: str) -> Path:
    path = folder / name
    path.unlink()
    return path


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{os.open(path.parent, os.O_RDONLY)}/{path.name}")


def _sparse(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 42)


#: What may lie in the place of a file.
SPECIAL: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a device that waits": lambda path: path.symlink_to("/dev/tty"),
    "a link to a file outside": lambda path: path.symlink_to("/etc/passwd"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to a process's memory": lambda path: path.symlink_to("/proc/self/mem"),
    "a socket": _socket,
    "a file of terabytes": _sparse,
}


def put(kind: str, folder: Path, name: str) -> None:
    """Put something special in the place of a file."""
    SPECIAL[kind](_replace(folder, name))


# -- manifests of odd types -----------------------------------------------------------------------

#: What may stand where something else should.
ODD: list[Any] = [
    None, True, 0, -1, 1e308, float("nan"), "", "x", "\x1b[31m", "\ud800", [], {}, [[]], [None],
    {"": {}}, ["../../etc"], {"a": 1}, 10**30, "/etc/passwd", ["a==1", "--index-url=x"],
    [{"path": 3}], [{}],
]  # fmt: skip

#: Manifests of which each has to be refused.
MANIFESTS: dict[str, dict[str, Any]] = {
    "a path outside": {"files": [{"path": "../model.pkl", "size": 1, "sha256": "0" * 64}]},
    "an absolute path": {"files": [{"path": "/etc/passwd", "size": 1, "sha256": "0" * 64}]},
    "a path of Windows": {"files": [{"path": "..\\model.pkl", "size": 1, "sha256": "0" * 64}]},
    "a path with a null": {"files": [{"path": "a\0b", "size": 1, "sha256": "0" * 64}]},
    "no digest": {"files": [{"path": "model.pkl", "size": 1, "sha256": "x"}]},
    "a size below zero": {"files": [{"path": "model.pkl", "size": -1, "sha256": "0" * 64}]},
    "a version of Python elsewhere": {"python": "/../../tmp/evil.1"},
    "an option for pip": {"requirements": ["--index-url=http://localhost/simple"]},
    "a requirement without a version": {"requirements": ["numpy"]},
    "a range of versions": {"requirements": ["numpy>=1"]},
    "a requirement from a place": {"requirements": ["numpy @ file:///tmp/evil"]},
    "a requirement in a folder": {"requirements": ["./evil"]},
    "two requirements in one": {"requirements": ["numpy==1 evil==2"]},
    "a requirement in lines": {"requirements": ["numpy==1\n--pre"]},
    "another storage": {"storage": "tape"},
    "another kind": {"kind": "magic"},
    "texts of a gigabyte": {
        "schema": {"kind": "numpy.ndarray", "dtype": "S999999999", "columns": []},
        "example": {"rows": [["a"]]},
    },
    "rows of a gigabyte": {
        "schema": {"kind": "x"},
        "example": {"sparse": [], "shape": [1 << 30, 1]},
    },
}


def bracketed(depth: int) -> bytes:
    """A manifest that is nested."""
    return b'{"format": 3, "schema": ' + b"[" * depth + b"]" * depth + b"}"


def swollen(size: int) -> bytes:
    """A manifest that becomes many times larger when it is parsed."""
    return b'{"format": 3, "schema": [' + b"{}," * (size // 3) + b"{}]}"


_LONG = 20_000_000


def _of_text(text: str) -> bytes:
    return f'{{"format": 3, "files": [], "estimator": "{text}"}}'.encode()


#: Manifests whose texts are larger in memory than in the file, or in a message about them.
WORDY: dict[str, Callable[[], bytes]] = {
    "plain": lambda: _of_text("a" * 2 * _LONG),
    "with one wide letter": lambda: _of_text("a" * _LONG + "\U0001f600"),
    "with one wide letter as an escape": lambda: _of_text("a" * _LONG + "\\ud83d\\ude00"),
    "with one line": lambda: _of_text("a" * _LONG + "\\n"),
    "of UTF-16": lambda: (
        _of_text("\u4141" * (_LONG // 2) + "\\ud83d\\ude00").decode().encode("utf-16")
    ),
    "spelt out as the format": lambda: b'{"format": "' + b"\x7f" * _LONG + b'"}',
    "as the name of a field": lambda: b'{"format": 3, "files": [], "' + b"k" * _LONG + b'": 1}',
    "as a file": lambda: b'{"format": 3, "files": [{"' + b"p" * _LONG + b'": 1}]}',
    "in a list": lambda: b'{"format": 3, "code": [' + b'"aaa",' * 800_000 + b'"a"]}',
    "in a dict": lambda: b'{"format": 3, "sources": {'
    + b",".join(b'"%d":"%d"' % (number, number) for number in range(300_000)) + b"}}",
}  # fmt: skip


# -- skops ----------------------------------------------------------------------------------------


def json_node(value: object) -> dict[str, Any]:
    """A plain value as skops has it."""
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode",
            "content": json.dumps(value), "is_json": True}  # fmt: skip


def node(loader: str, name: str, **content: Any) -> dict[str, Any]:
    """A node of a schema."""
    module, _, cls = name.rpartition(".")
    return {"__class__": cls, "__module__": module, "__loader__": loader, **content}


def listed(items: list[Any], **facts: Any) -> dict[str, Any]:
    """A list of nodes."""
    return node("ListNode", "builtins.list", content=items, **facts)


def mapped(**items: Any) -> dict[str, Any]:
    """A dict of nodes."""
    keys = listed([node("TypeNode", "builtins.str") for _ in items])
    return node("DictNode", "builtins.dict", content=items, key_types=keys)


def array_file(values: Any) -> bytes:
    """An array as NumPy stores it."""
    stream = io.BytesIO()
    np.save(stream, np.asarray(values))
    return stream.getvalue()


def promised(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    """A header that promises more than follows."""
    stream = io.BytesIO()
    facts = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, facts)
    return stream.getvalue()


def skops_file(
    root: dict[str, Any], compression: int = zipfile.ZIP_STORED, **files: bytes
) -> bytes:
    """A file of skops with any schema and any entries."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
        archive.writestr("schema.json", json.dumps({**root, "protocol": 2}))
    return stream.getvalue()


def array_node(name: str = "a.npy", of: str = "numpy.ndarray", **facts: Any) -> dict[str, Any]:
    """An array that lies in a file."""
    return node("NdArrayNode", of, type="numpy", file=name, **facts)


def objects_node(items: list[Any], shape: list[int]) -> dict[str, Any]:
    """An array of objects."""
    sides = node("TupleNode", "builtins.tuple", content=[json_node(side) for side in shape])
    return node("NdArrayNode", "numpy.ndarray", type="json", content=items, shape=sides)


def _laughing(levels: int, width: int) -> dict[str, Any]:
    """Lists that hold one list many times."""
    made = listed([json_node(1)] * width, __id__=1)
    for level in range(2, levels + 1):
        again = node("CachedNode", "builtins.list", __id__=level - 1)
        made = listed([made, *[again] * (width - 1)], __id__=level)
    return made


def _lying_archive() -> bytes:
    """An archive whose only entry says that it is small."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b"[" + b"0," * 50_000_000 + b"0]")
    content = bytearray(stream.getvalue())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")
    return bytes(content)


def _generator(pool: int) -> dict[str, Any]:
    seed = mapped(entropy=json_node(1), spawn_key=json_node([]), pool_size=json_node(pool))
    state = {"bit_generator": mapped(bit_generator=json_node("PCG64")), "seed_seq": seed}
    return node("RandomGeneratorNode", "numpy.random._generator.Generator", content=state)


def _npz(**entries: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def _matrix() -> dict[str, Any]:
    return node("SparseMatrixNode", "scipy.sparse._matrix.spmatrix", type="scipy", file="m.npz")


#: Files of skops that would take gigabytes or for ever, made when they are asked for.
BOMBS: dict[str, Callable[[], bytes]] = {
    "a compressed schema": lambda: skops_file(
        listed([json_node("a" * 200_000_000)]), zipfile.ZIP_DEFLATED
    ),
    "an entry that lies": _lying_archive,
    "an array that promises": lambda: skops_file(array_node(), a_npy=promised((1 << 33,))),
    "an array of no large things": lambda: skops_file(
        array_node(), a_npy=promised((0,), "V2000000000")
    ),
    "zeros by number": lambda: skops_file(
        array_node(of="numpy.void"), a_npy=array_file(2_000_000_000)
    ),
    "lists in lists": lambda: skops_file(_laughing(8, 30)),
    "lists made an array": lambda: skops_file(objects_node([_laughing(4, 60)], [1, 60, 60, 60])),
    "arrays made an array": lambda: skops_file(
        objects_node([array_node(__id__=1)] * 500, [500, 1]),
        a_npy=array_file(np.zeros(10**6, "i1")),
    ),
    "a file that is read often": lambda: skops_file(
        listed([array_node() for _ in range(5000)]), a_npy=array_file(np.zeros(10**6, "i1"))
    ),
    "texts made an array": lambda: skops_file(
        objects_node([json_node([0] * 100_000)] * 50, [50, 1])
    ),
    "a matrix in an archive": lambda: skops_file(
        _matrix(),
        m_npz=_npz(
            format=array_file(b"csr"),
            shape=array_file([1, 1]),
            data=array_file(np.zeros(2 * 10**8, "i1")),
            indices=array_file([0]),
            indptr=array_file([0, 1]),
        ),
    ),
    "a pool of random numbers": lambda: skops_file(_generator(1_000_000_000)),
    "brackets in a text": lambda: skops_file(
        {**json_node(1), "content": "[" + "{}," * 1_500_000 + "{}]"}
    ),
    "many nodes": lambda: skops_file(listed([json_node(1)] * 300_000)),
    "nodes in nodes": lambda: skops_file(_nested(400)),
    "no archive": lambda: zlib.compress(b"x"),
    "an empty file": lambda: b"",
}


def _nested(depth: int) -> dict[str, Any]:
    made = json_node(1)
    for _ in range(depth):
        made = listed([made])
    return made


# -- pickles --------------------------------------------------------------------------------------

PROTO = b"\x80\x05"
#: Pickles that are expensive or wrong to follow; nothing but a word opens them.
PICKLES: dict[str, bytes] = {
    "nothing": b"",
    "no pickle": b"\x00\xff",
    "cut short": PROTO + b"\x8c",
    "pops": PROTO + b"0" * 10,
    "millions of values": PROTO + b"N" * 8_000_000,
    "millions of texts": PROTO + b"\x8c\x02ab\x94" * 2_000_000,
    "a far memo": PROTO + b"Nr\xff\xff\xff\x7f.",
    "a memo from below": PROTO + b"Nq\x00h\x63.",
    "a text of terabytes": PROTO + b"\x8d" + (1 << 62).to_bytes(8, "little"),
    "a frame of terabytes": PROTO + b"\x95" + (1 << 62).to_bytes(8, "little") + b".",
    "lines without an end": b"c" + b"a" * 1_000_000,
    "many lines without an end": b"V" * 500_000,
    "deep": PROTO + b"]" * 500_000 + b"a" * 499_999 + b".",
    "an extension": PROTO + b"\x82\x01.",
    "a thing from elsewhere": b"Pfar\n.",
    "many names": b"".join(b"cm%d\nn\n" % number for number in range(20_000)) + b".",
    "long names": (b"c" + b"m" * 50_000 + b"\n" + b"n" * 50_000 + b"\n") * 50 + b".",
}
