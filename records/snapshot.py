"""State on disk: trees of plain values and arrays as one msgpack document, never a pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["Tree", "pack", "unpack"]

Tree: TypeAlias = (
    bool
    | int
    | float
    | str
    | bytes
    | npt.NDArray[Any]
    | Sequence["Tree"]
    | Mapping[str, "Tree"]
    | None
)
"""What a state is dumped to; arrays of numbers or booleans of any shape."""

_ARRAY = 1


def _encode(value: object) -> msgspec.msgpack.Ext:
    if not isinstance(value, np.ndarray) or value.dtype.hasobject:
        raise TypeError(f"a snapshot cannot hold {type(value).__name__}")
    header = msgspec.msgpack.encode((value.dtype.str, list(value.shape)))
    body = np.ascontiguousarray(value).tobytes()
    return msgspec.msgpack.Ext(_ARRAY, len(header).to_bytes(4, "little") + header + body)


def _decode(code: int, data: memoryview) -> npt.NDArray[Any]:
    if code != _ARRAY:
        raise ValueError(f"unknown extension {code} in a snapshot")
    size = int.from_bytes(data[:4], "little")
    dtype, shape = msgspec.msgpack.decode(data[4 : 4 + size], type=tuple[str, list[int]])
    return np.frombuffer(data[4 + size :], np.dtype(dtype)).reshape(shape).copy()


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_encode)
_DECODER = msgspec.msgpack.Decoder(ext_hook=_decode)


def pack(tree: Tree) -> bytes:
    """Serialise a tree.

    >>> unpack(pack({"a": np.arange(3), "b": [1, None, "x"]}))
    {'a': array([0, 1, 2]), 'b': [1, None, 'x']}
    """
    return _ENCODER.encode(tree)


def unpack(data: bytes) -> Any:
    """Read a tree back; arrays are fresh and writable."""
    return _DECODER.decode(data)
