"""Half hours, hours and local days made again from the quarters of an hour in the historian.

They are the same fold of the same parts that the rollup makes while it still has them. What is made
is a function of the parts up to one offset and of what was rolled up or made again before the
request: done again it is the same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from records.late import LateParts
from records.window import WindowBatch
from stream.fold import Aggregates
from stream.rebuild import RecordedWindows
from stream.whole import nothing_known, whole
from stream.whole_windows import PART, Span, WholeWindows

__all__ = ["left_memory", "rebuilt_whole"]


def left_memory(late: LateParts, wholes: WholeWindows) -> dict[Span, npt.NDArray[np.object_]]:
    """Return the windows that a request is about, and the series of each, in order of ends."""
    found: dict[Span, list[npt.NDArray[np.object_]]] = {}
    for start in np.unique(late.start).tolist():
        names = late.series[late.start == start]
        for span in wholes.of(start):
            if wholes.over(span, late.known):
                found.setdefault(span, []).append(names)
    ordered = sorted(found, key=lambda span: (span[1], -span[0]))
    return {span: np.unique(np.concatenate(found[span])) for span in ordered}


def rebuilt_whole(
    span: Span,
    series: npt.NDArray[np.object_],
    parts: Mapping[int, RecordedWindows],
    late: LateParts,
) -> WindowBatch:
    """Return one window of some series as it is with all parts, at revision 1.

    Parameters
    ----------
    parts
        What is known of its parts, by their start (ns UTC).
    """
    place = {name: row for row, name in enumerate(series)}
    made = []
    for start in range(*span, PART):
        numbers = nothing_known(len(series))
        part = parts.get(start)
        if part is not None:
            rows = np.array([place.get(name, -1) for name in part.series], np.int64)
            wanted = np.flatnonzero(rows >= 0)
            numbers.put(rows[wanted], Aggregates(**part.numbers.columns(wanted)))
        made.append(numbers)
    length = span[1] - span[0]
    return WindowBatch(
        late.area,
        span[0],
        length,
        late.input_offset,
        series=series,
        revision=np.ones(len(series), np.int32),
        **whole(made, len(made), length).columns(slice(None)),
    )
