"""What is needed to make a window again: raw readings of its series, and what stands of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.log import Partition
from records.meter import MeterDocument, MeterSeries
from records.scada import ScadaFrame
from records.time import DAY, MINUTE
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader

__all__ = [
    "EVER",
    "REACH",
    "FrameQuery",
    "last_revisions",
    "meter_documents",
    "raw_frames",
    "scan_times",
    "was_recorded",
]

_FRAMES = """
    SELECT "offset", point, value, quality, offset_ms, version,
      epoch_ns(valid_time) AS time, epoch_ns(append_time) AS appended
    FROM scada
    WHERE topic = $1 AND "partition" = $2 AND "offset" <= $3
      AND epoch_ns(valid_time) >= $4 AND epoch_ns(valid_time) < $5
      AND point IN (SELECT unnest($6::BIGINT[]))
    {as_received}
"""
_SCANS = """
    SELECT DISTINCT scan_time FROM records
    WHERE topic = $1 AND "partition" = $2 AND "offset" <= $3
      AND scan_time >= $4 AND scan_time < $5
    ORDER BY scan_time
"""
EVER = 2**62
"""An offset after every other."""
REACH = 62 * DAY
"""How far from the periods asked for a meter document is looked at, ns: two months."""
_DOCUMENTS = """
    SELECT "offset", series::VARCHAR AS meter, epoch_ns(valid_time) AS start,
      epoch_ns(available_at) AS known, epoch_ns(recorded_at) AS appended, version AS revision, run,
      document::VARCHAR AS document, length_ns AS length, withdrawn_mwh, injected_mwh,
      withdrawn_reading
    FROM meter_reads
    WHERE "partition" = $1 AND "offset" <= $2 AND "offset" IN (
      SELECT "offset" FROM meter_reads
      WHERE "partition" = $1 AND "offset" <= $2
        AND epoch_ns(valid_time) >= $3 AND epoch_ns(valid_time) < $4
        AND series IN (SELECT unnest($5::VARCHAR[])))
    ORDER BY "offset", meter, start
"""
_REVISIONS = """
    SELECT series, start, version, value, q95, minimum, maximum, energy_mwh, count,
      imputed_share, quality
    FROM (
      SELECT series::VARCHAR AS series, epoch_ns(valid_time) AS start, version, value, q95,
        minimum, maximum, energy_mwh, count, imputed_share, quality, row_number() OVER (
          PARTITION BY series, valid_time ORDER BY version DESC, "offset" DESC) AS nth
      FROM {name}
      WHERE "partition" = $1 AND length_ns = $2
        AND epoch_ns(valid_time) >= $3 AND epoch_ns(valid_time) < $4
        AND coalesce(input_offset, -1) < $5 AND "offset" <= $6
        AND series IN (SELECT unnest($7::VARCHAR[]))
    ) AS kept
    WHERE nth = 1
    ORDER BY start, series
"""


@dataclass(frozen=True, slots=True)
class FrameQuery:
    """Which raw records are wanted.

    Parameters
    ----------
    place
        The raw partition.
    past
        Offset of the last raw record that counts.
    start, end
        Times of the readings, ns UTC.
    """

    place: Partition
    past: int
    start: int
    end: int


def raw_frames(
    historian: HistoryReader, query: FrameQuery, points: npt.NDArray[np.uint32]
) -> Iterator[tuple[ScadaFrame, int]]:
    """Yield the readings of some points frame by frame, each with its append time (ns UTC).

    They come in the order of the log, with the times their source gave them. A reading whose
    clock its source did not trust may belong to the time of its scan, up to a minute away; so
    frames reach a minute beyond the period on both sides.
    """
    start, end = query.start - MINUTE, query.end + MINUTE
    rows = historian.sql_within(
        HistoryClass.SCADA,
        start,
        end,
        _FRAMES.format(as_received=historian.as_received),
        [query.place.topic, query.place.number, query.past, start, end, points.tolist()],
    )
    # Files keep the order in which rows were received; records may be out of order after a merge.
    order = np.argsort(rows["offset"].to_numpy(), kind="stable")
    offset, point, value, quality, offset_ms, version, time, appended = (
        rows[name].to_numpy()[order] for name in rows.column_names
    )
    firsts = np.flatnonzero(np.diff(offset, prepend=-1))
    for first, past in zip(firsts, np.append(firsts, len(offset))[1:], strict=True):
        inside = slice(first, past)
        scan_time = int(time[first]) - int(offset_ms[first]) * 1_000_000
        yield (
            ScadaFrame(
                query.place.number,
                "",
                0,
                scan_time,
                int(version[first]),
                point[inside].astype(np.uint32, copy=False),
                value[inside],
                quality[inside].astype(np.uint16, copy=False),
                offset_ms[inside],
            ),
            int(appended[first]),
        )


def scan_times(historian: HistoryReader, query: FrameQuery) -> list[int]:
    """Times of the scans that came, whatever was in them, ns UTC, ascending."""
    rows = historian.sql_within(
        HistoryClass.RECORDS,
        query.start,
        query.end,
        _SCANS,
        [query.place.topic, query.place.number, query.past, query.start, query.end],
    )
    found: list[int] = rows["scan_time"].to_pylist()
    return found


def meter_documents(
    historian: HistoryReader, area: int, meters: Sequence[str], period: tuple[int, int], past: int
) -> Iterator[tuple[MeterDocument, int]]:
    """Yield the documents with readings of some meters and periods, whole, in order of the log.

    Parameters
    ----------
    area
        Area number.
    meters
        Meter ids.
    period
        Starts of the periods, ``[first, end)``, ns UTC. Of a document what lies more than
        `REACH` beside them is left out.
    past
        Offset of the last document that counts.

    Yields
    ------
    Each document with its append time, ns UTC.
    """
    rows = historian.sql_within(
        HistoryClass.METER_READS,
        period[0] - REACH,
        period[1] + REACH,
        _DOCUMENTS,
        [area, past, *period, list(meters)],
    )
    for _, group in groupby(rows.to_pylist(), key=itemgetter("offset")):
        whole = list(group)
        series = []
        for meter, readings in groupby(whole, key=itemgetter("meter")):
            kept = list(readings)
            series.append(
                MeterSeries(
                    meter,
                    [row["start"] for row in kept],
                    [row["withdrawn_mwh"] for row in kept],
                    [row["injected_mwh"] for row in kept],
                    [row["withdrawn_reading"] for row in kept],
                )
            )
        first = whole[0]
        document = MeterDocument(
            area,
            "",
            first["document"],
            first["run"],
            first["revision"],
            first["length"],
            first["known"],
            "MWh",
            series,
        )
        yield document, first["appended"]


def last_revisions(
    historian: HistoryReader,
    kept_as: HistoryClass,
    area: int,
    length: int,
    period: tuple[int, int],
    series: Sequence[str],
    *,
    before: int = EVER,
    past: int = EVER,
) -> pa.Table:
    """Highest revision of some series over windows or metered intervals.

    Parameters
    ----------
    kept_as
        ``windows``, ``long_windows`` or ``meter_intervals``.
    area, length
        Of the windows; ns.
    period
        Starts of the windows, ``[first, end)``, ns UTC.
    series
        Series ids.
    before
        Only what was made of input records before this offset.
    past
        Only what lies in its topic up to this offset.

    Returns
    -------
    pyarrow.Table
        Columns series, start (ns UTC), version and the numbers, by start and series.
    """
    return historian.sql_within(
        kept_as,
        *period,
        _REVISIONS.format(name=kept_as.value),
        [area, length, *period, before, past, list(series)],
    )


def was_recorded(
    historian: HistoryReader,
    kept_as: HistoryClass,
    area: int,
    start: int,
    length: int,
    input_offset: int,
) -> bool:
    """Whether an area's window from `start` on (ns UTC), made of one input record, is kept."""
    rows = historian.sql_within(
        kept_as,
        start,
        start + 1,
        f'SELECT 1 FROM {kept_as.value} WHERE "partition" = $1 AND epoch_ns(valid_time) = $2 '
        "AND length_ns = $3 AND input_offset = $4 LIMIT 1",
        [area, start, length, input_offset],
    )
    return bool(rows.num_rows)
