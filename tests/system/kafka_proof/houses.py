"""Meters of houses, a day every half hour: with gaps between two readings of their registers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ingest.batch import Batch
from ingest.twin.twin import Twin
from records.meter import MeterDocument, MeterSeries, RegisterReading, meter_record
from records.time import DAY, HOUR, MINUTE
from records.topics import topic_name

__all__ = ["with_houses"]

_EVERY = 30 * MINUTE
_PERIOD = 15 * MINUTE
_PERIODS = DAY // _PERIOD
_HOUSES = 4
_GAPS = {1: slice(30, 38), 2: slice(0, 6)}
_MENDED = (4, 1)
"""With the document of that day, what was missing on the other is delivered after all."""


def with_houses(batches: Iterable[Batch], twin: Twin, first_day: int) -> Iterator[Batch]:
    """Add a document of the next local day to the batch of every half hour.

    The meters are days ahead of the scans, so that days with gaps become due within the run.
    `first_day` is the start of a local day, ns UTC.
    """
    day = 0
    for batch in batches:
        if batch.time % _EVERY or batch.time <= twin.settings.start:
            yield batch
            continue
        topic = topic_name(twin.settings.namespace, "meter.read.v1")
        documents = []
        for area in range(len(twin.area_names)):
            known = first_day + (day + 1) * DAY + 6 * HOUR
            documents.append(_document(twin, area, first_day, day, known))
            if day == _MENDED[0]:
                documents.append(_document(twin, area, first_day, _MENDED[1], known, revision=2))
        day += 1
        records = [meter_record(topic, document) for document in documents]
        count = sum(len(series.start) for document in documents for series in document.series)
        yield Batch(batch.time, (*batch.records, *records), batch.n_measurements + count)


def _document(
    twin: Twin, area: int, first_day: int, day: int, known: int, *, revision: int = 1
) -> MeterDocument:
    start = first_day + day * DAY
    starts = [start + _PERIOD * n for n in range(_PERIODS)]
    series, registers = [], []
    for house in range(_HOUSES):
        rng = np.random.default_rng([twin.settings.seed, area, house])
        every = rng.uniform(0.0001, 0.001, (day + 1, _PERIODS)).round(6)
        energies: list[float | None] = every[day].tolist()
        if day in _GAPS and revision == 1:
            energies[_GAPS[day]] = [None] * len(energies[_GAPS[day]])
        name = f"house:{area}.{house}"
        series.append(MeterSeries(name, starts, energies))
        counted = [round(float(every[:n].sum()), 6) for n in (day, day + 1)]
        registers.append(RegisterReading(name, [start, start + DAY], counted))
    return MeterDocument(
        area, "proof", f"houses-{area}-{day}", 1, revision, _PERIOD, known, "MWh", series,
        registers,
    )  # fmt: skip
