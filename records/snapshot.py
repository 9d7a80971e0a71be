"""State on disk: trees of plain values and arrays as one msgpack document, never a pickle.

What no longer changes can stand in a tree as a `Part`: it is written once, under a name made
from its bytes, and every later document only names it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["Part", "Tree", "pack", "part_name", "unpack"]


class Part:
    """A subtree that is written once.

    Parameters
    ----------
    name
        Made from the bytes: two parts of one name are the same.
    body
        The packed subtree; empty where only its name is known.
    """

    # No dataclass: msgspec would write its fields without asking us.
    __slots__ = ("body", "name")

    def __init__(self, name: str, body: bytes) -> None:
        self.name = name
        self.body = body

    @classmethod
    def of(cls, tree: Tree) -> Part:
        """Pack a subtree, which itself has no parts.

        >>> Part.of([1, 2]).name == Part.of([1, 2]).name, Part.of([1, 2]).tree()
        (True, [1, 2])
        """
        body = pack(tree)
        return cls(part_name(body), body)

    def tree(self) -> Any:
        """Read the subtree back; its arrays are views of the body and cannot be written to.

        Raises
        ------
        ValueError
            When only the name is known.
        """
        if not self.body:
            raise ValueError(f"part {self.name} is not at hand")
        return _VIEWER.decode(self.body)


Tree: TypeAlias = (
    bool
    | int
    | float
    | str
    | bytes
    | npt.NDArray[Any]
    | Part
    | Sequence["Tree"]
    | Mapping[str, "Tree"]
    | None
)
"""What a state is dumped to; arrays of numbers or booleans of any shape."""

_ARRAY, _NAMED_PART, _WHOLE_PART = 1, 2, 3


def part_name(body: bytes) -> str:
    """Name of a part with these bytes: half of their SHA-256."""
    return hashlib.sha256(body).hexdigest()[:32]


def _encode_array(value: object) -> msgspec.msgpack.Ext:
    if not isinstance(value, np.ndarray) or value.dtype.hasobject:
        raise TypeError(f"a snapshot cannot hold {type(value).__name__}")
    header = msgspec.msgpack.encode((value.dtype.str, list(value.shape)))
    body = np.ascontiguousarray(value).tobytes()
    return msgspec.msgpack.Ext(_ARRAY, len(header).to_bytes(4, "little") + header + body)


def _view_array(code: int, data: memoryview) -> npt.NDArray[Any]:
    if code != _ARRAY:
        raise ValueError(f"unknown extension {code} in a snapshot")
    size = int.from_bytes(data[:4], "little")
    dtype, shape = msgspec.msgpack.decode(data[4 : 4 + size], type=tuple[str, list[int]])
    return np.frombuffer(data[4 + size :], np.dtype(dtype)).reshape(shape)


_VIEWER = msgspec.msgpack.Decoder(ext_hook=_view_array)


def pack(tree: Tree, apart: dict[str, bytes] | None = None) -> bytes:
    """Serialise a tree.

    Parameters
    ----------
    tree
        The tree.
    apart
        Takes the bytes of its parts, by name, of which the document then holds the names only.
        Without it parts are packed in place.

    >>> unpack(pack({"a": np.arange(3), "b": [1, None, "x"]}))
    {'a': array([0, 1, 2]), 'b': [1, None, 'x']}
    >>> parts = {}
    >>> data = pack({"kept": Part.of([1]), "n": 2}, parts)
    >>> unpack(data, parts)["kept"].tree()
    [1]
    """

    def encode(value: object) -> msgspec.msgpack.Ext:
        if not isinstance(value, Part):
            return _encode_array(value)
        if apart is None and not value.body:
            raise ValueError(f"part {value.name} is not at hand")
        if apart is None:
            return msgspec.msgpack.Ext(_WHOLE_PART, value.body)
        apart[value.name] = value.body
        return msgspec.msgpack.Ext(_NAMED_PART, value.name.encode())

    return msgspec.msgpack.Encoder(enc_hook=encode).encode(tree)


def unpack(data: bytes, parts: Mapping[str, bytes] | None = None) -> Any:
    """Read a tree back; arrays outside parts are fresh and writable.

    Parameters
    ----------
    data
        The document.
    parts
        Bytes of the parts it names; those that are left out are known by name only.
    """

    def decode(code: int, body: memoryview) -> npt.NDArray[Any] | Part:
        if code == _WHOLE_PART:
            whole = bytes(body)
            return Part(part_name(whole), whole)
        if code == _NAMED_PART:
            name = bytes(body).decode()
            return Part(name, (parts or {}).get(name, b""))
        return _view_array(code, body).copy()

    return msgspec.msgpack.Decoder(ext_hook=decode).decode(data)
