"""Meter documents that reach back beyond what is kept: the periods to be made again."""

from __future__ import annotations

import msgspec
import numpy as np

from records.late import LateReadings
from records.meter import MeterDocument, MeterSeries
from stream.meter_versions import MeterVersions

__all__ = ["late_periods", "without_late"]


def late_periods(
    document: MeterDocument, oldest: int, input_offset: int, known: int
) -> LateReadings | None:
    """Return the periods of a document that start before `oldest` (ns UTC), None without any.

    Raises
    ------
    RecordError
        When the document gives a meter two values for one period.
    """
    rows = [
        (start, series.meter)
        for series in document.series
        for start in series.start
        if start < oldest
    ]
    if not rows:
        return None
    # Whoever makes them again passes such a document over: it is refused here, whole.
    MeterVersions().take(document)
    rows = sorted(set(rows))
    return LateReadings(
        document.area,
        input_offset,
        known,
        document.period,
        True,
        np.array([start for start, _ in rows], np.int64),
        np.array([meter for _, meter in rows], object),
    )


def without_late(document: MeterDocument, oldest: int) -> MeterDocument:
    """Leave out the periods that start before `oldest` (ns UTC)."""
    return msgspec.structs.replace(
        document, series=[_without_late(series, oldest) for series in document.series]
    )


def _without_late(series: MeterSeries, oldest: int) -> MeterSeries:
    kept = [row for row, start in enumerate(series.start) if start >= oldest]
    injected, withdrawn = series.injected_mwh, series.withdrawn_reading
    return msgspec.structs.replace(
        series,
        start=[series.start[row] for row in kept],
        withdrawn_mwh=[series.withdrawn_mwh[row] for row in kept],
        injected_mwh=None if injected is None else [injected[row] for row in kept],
        withdrawn_reading=None if withdrawn is None else [withdrawn[row] for row in kept],
    )
