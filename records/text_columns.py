"""Columns of texts that come again and again, such as the ids of an area's series.

Making an Arrow array of Python strings, or strings of an Arrow array, costs more than all the
numbers beside it. The last few columns are remembered whole and found by their content.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["read_texts", "text_bytes"]

_REMEMBERED = 128
_LONGEST = 5_000
"""Longer columns are rare, and many of them would hold too much memory."""


def text_bytes(texts: Sequence[str] | npt.NDArray[np.object_]) -> tuple[bytes, bytes]:
    r"""Where each text begins, as int32, with the end of the last one; and the texts, in UTF-8.

    >>> text_bytes(["a", "bc"])
    (b'\x00\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00', b'abc')
    """
    if len(texts) > _LONGEST:
        return _made_bytes(tuple(texts))
    return _bytes(tuple(texts))


def read_texts(n_rows: int, begins: bytes, data: bytes) -> npt.NDArray[Any] | None:
    """Texts from their bytes, read-only, shape (n_rows,); None where Arrow would not have them.

    >>> read_texts(2, *text_bytes(["a", "bc"])).tolist()
    ['a', 'bc']
    """
    return _texts(n_rows, begins, data) if n_rows <= _LONGEST else _made_texts(n_rows, begins, data)


def _made_bytes(texts: tuple[str, ...]) -> tuple[bytes, bytes]:
    _, begins, data = pa.array(texts, type=pa.string()).buffers()
    size = 4 * (len(texts) + 1)
    begin = bytes(size) if begins is None else begins.to_pybytes()[:size]
    end = int.from_bytes(begin[-4:], "little")
    return begin, b"" if data is None else data.to_pybytes()[:end]


def _made_texts(n_rows: int, begins: bytes, data: bytes) -> npt.NDArray[Any] | None:
    buffers = [None, pa.py_buffer(begins), pa.py_buffer(data)]
    try:
        column = pa.Array.from_buffers(pa.string(), n_rows, buffers)
        column.validate(full=True)
    except pa.ArrowInvalid:
        return None
    texts = np.asarray(column.to_numpy(zero_copy_only=False))
    texts.flags.writeable = False
    return texts


_bytes = lru_cache(maxsize=_REMEMBERED)(_made_bytes)
_texts = lru_cache(maxsize=_REMEMBERED)(_made_texts)
