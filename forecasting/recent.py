"""The last rows of a growing table, extended without copying what came before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import FloatArray

__all__ = ["Recent"]


@dataclass(slots=True)
class _Buffer:
    """Rows that several versions share, and how many of them are taken."""

    rows: FloatArray
    taken: int


@dataclass(frozen=True, slots=True)
class Recent:
    """The last rows of a table, at most ``keep``; appending makes another and leaves this one.

    Versions share one buffer with room to spare: the newest is extended in place, which costs the
    new rows only, and an older one, or one without room, moves to a buffer of its own.

    Attributes
    ----------
    keep
        Most rows remembered.

    Examples
    --------
    >>> one = Recent.of(np.array([[1.0], [2.0]]), keep=2)
    >>> two = one.appended(np.array([[3.0]]))
    >>> one.rows[:, 0].tolist(), two.rows[:, 0].tolist()
    ([1.0, 2.0], [2.0, 3.0])
    """

    keep: int
    _buffer: _Buffer
    _start: int
    _stop: int

    @classmethod
    def of(cls, rows: FloatArray, keep: int) -> Recent:
        """Return the last of some rows, shape (n, n_columns)."""
        kept = np.asarray(rows[max(0, len(rows) - keep) :], dtype=np.float64)
        return cls(keep, _Buffer(kept, len(kept)), 0, len(kept))

    @property
    def rows(self) -> FloatArray:
        """Oldest first, shape (n, n_columns), read-only."""
        view = self._buffer.rows[self._start : self._stop]
        view.flags.writeable = False
        return view

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._stop - self._start

    def appended(self, rows: FloatArray) -> Recent:
        """Return the history after further rows, shape (n_new, n_columns)."""
        rows = rows[max(0, len(rows) - self.keep) :]
        buffer, end = self._buffer, self._stop + len(rows)
        if buffer.taken != self._stop or end > len(buffer.rows):
            return self._moved(rows)
        buffer.rows[self._stop : end] = rows
        buffer.taken = end
        return Recent(self.keep, buffer, max(self._start, end - self.keep), end)

    def _moved(self, rows: FloatArray) -> Recent:
        kept = self.rows[max(0, len(self) + len(rows) - self.keep) :]
        end = len(kept) + len(rows)
        room = np.empty((self.keep + max(self.keep // 4, 1), rows.shape[1]))
        room[: len(kept)] = kept
        room[len(kept) : end] = rows
        return Recent(self.keep, _Buffer(room, end), 0, end)
