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

__all__ = ["text_array", "texts_of"]

_REMEMBERED = 128
_LONGEST = 5_000
"""Longer columns are rare, and many of them would hold too much memory."""


def text_array(texts: Sequence[str] | npt.NDArray[np.object_]) -> pa.Array:
    """Arrow array of a column of texts.

    >>> text_array(["a", "b"]).to_pylist()
    ['a', 'b']
    """
    if len(texts) > _LONGEST:
        return pa.array(texts, type=pa.string())
    return _array(tuple(texts))


def texts_of(column: pa.Array) -> npt.NDArray[Any]:
    """Return the texts of a column that begins its buffers, read-only, shape (n_rows,).

    >>> texts_of(pa.array(["a", "b"])).tolist()
    ['a', 'b']
    """
    _, offsets, data = column.buffers()
    if len(column) > _LONGEST or column.offset or column.null_count or offsets is None:
        return np.asarray(column.to_numpy(zero_copy_only=False))
    return _texts(len(column), offsets.to_pybytes(), b"" if data is None else data.to_pybytes())


@lru_cache(maxsize=_REMEMBERED)
def _array(texts: tuple[str, ...]) -> pa.Array:
    return pa.array(texts, type=pa.string())


@lru_cache(maxsize=_REMEMBERED)
def _texts(n_rows: int, offsets: bytes, data: bytes) -> npt.NDArray[Any]:
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    texts = pa.Array.from_buffers(pa.string(), n_rows, buffers).to_numpy(zero_copy_only=False)
    texts.flags.writeable = False
    return np.asarray(texts)
