"""Points of which nothing is out of the ordinary in a window, all of their readings at once.

Most readings are credible, within noise of the one before, and not the very same: then no rule
of `stream.sequence` looks at them twice, and they need not be judged one after the other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stream.readings import Cells
from stream.roster import RosterTable
from stream.sequence import Memory

__all__ = ["take_quiet"]


def take_quiet(
    memory: Memory, table: RosterTable, cells: Cells, credible: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Take in the readings of the quiet points: they are all believed.

    Parameters
    ----------
    memory
        What is remembered of the points; that of the quiet ones is what `stream.sequence.judge`
        would have made it, one reading after the other.
    table
        The register in force.
    cells
        The points' readings, one column a point, all later than the last one seen.
    credible
        Whether source and range leave a reading believable, shape (n_times, n_points).

    Returns
    -------
    numpy.ndarray
        Which points are quiet, shape (n_points,).
    """
    present, value = cells.present, cells.value
    before = _before(memory.value, cells)
    odd = ~credible | (np.abs(value - before[:-1]) > table.slack) | (value == before[:-1])
    odd &= present
    # The rules know the last reading and the last believed one: here they must be the same.
    quiet: npt.NDArray[np.bool_] = memory.value == memory.same_value
    quiet |= np.isnan(memory.same_value)
    quiet &= ~odd.any(axis=0)
    rows = np.flatnonzero(quiet & present.any(axis=0))
    if not len(rows):
        return quiet
    last = len(present) - 1 - np.argmax(present[::-1, rows], axis=0)
    time = cells.time[last, rows]
    memory.value[rows] = memory.same_value[rows] = before[-1, rows]
    memory.time[rows] = memory.seen[rows] = memory.same_since[rows] = time
    if table.any_by_exception:
        memory.trusted[rows] = True
    return quiet


def _before(first: npt.NDArray[np.float64], cells: Cells) -> npt.NDArray[np.float64]:
    """Value of the reading before each cell, and after them all, shape (n_times + 1, n_points)."""
    before = np.concatenate([first[None], cells.value])
    if not cells.all_present:
        for k, there in enumerate(cells.present):
            np.copyto(before[k + 1], before[k], where=~there)
    return before
