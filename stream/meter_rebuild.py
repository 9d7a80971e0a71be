"""Metered intervals made again from meter documents, long after they left memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from records.errors import RecordError
from records.late import LateReadings
from records.meter import MeterDocument
from records.window import WindowBatch
from stream.meter_intervals import interval_batch
from stream.meter_versions import MeterVersions
from stream.watermark import TimeBounds

__all__ = ["rebuilt_intervals"]


def rebuilt_intervals(
    late: LateReadings,
    documents: Iterable[tuple[MeterDocument, int]],
    points: Mapping[str, str],
    bounds: TimeBounds,
) -> Iterator[WindowBatch]:
    """Yield the periods asked for as they are with all documents, at revision 1.

    Parameters
    ----------
    late
        Which periods of which meters.
    documents
        The documents that hold them, whole, in the order of the log, each with its append
        time, ns UTC.
    points, bounds
        As of the stage that made the intervals first.
    """
    versions = MeterVersions()
    for document, append_time in documents:
        try:
            bounds.check(document.available_at, append_time)
            versions.take(document)
        except RecordError:
            continue
    place = {meter: row for row, meter in enumerate(versions.meters)}
    for start in np.unique(late.start).tolist():
        standing = versions.standing(start, late.length)
        if standing is None:
            continue
        named = late.series[late.start == start]
        rows = np.array([place[meter] for meter in named if meter in place], np.int64)
        rows = rows[standing.revision[rows] > 0]
        if len(rows):
            names = [versions.meters[row] for row in rows.tolist()]
            yield interval_batch(
                late.area,
                start,
                late.length,
                late.input_offset,
                np.array([points.get(name, name) for name in names], object),
                standing.net_mwh[rows],
                np.ones(len(rows), np.int32),
            )
