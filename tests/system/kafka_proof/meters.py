"""Meter documents beside the scans: on time, again with a revision, twice, and cut short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from ingest.batch import Batch
from ingest.twin.twin import Twin
from records.log import Outgoing
from records.meter import MeterDocument, MeterSeries, meter_record
from records.time import HOUR, MINUTE
from records.topics import topic_name

__all__ = ["with_meters"]

_EVERY = 30 * MINUTE
_PERIOD = 15 * MINUTE
_METERS = 12


def with_meters(batches: Iterable[Batch], twin: Twin) -> Iterator[Batch]:
    """Add the documents of the past hour to the batches of every half hour.

    The energies are drawn: what counts here is that each version arrives and is counted once.
    """
    for batch in batches:
        if batch.time % _EVERY or batch.time < twin.settings.start + HOUR:
            yield batch
            continue
        records: list[Outgoing] = []
        readings = 0
        for area in range(len(twin.area_names)):
            first = _document(twin, area, batch.time, revision=1)
            second = _document(twin, area, batch.time - _EVERY, revision=2)
            topic = topic_name(twin.settings.namespace, "meter.read.v1")
            good = [meter_record(topic, document) for document in (first, second, second)]
            torn = replace(good[0], value=good[0].value[: len(good[0].value) // 2])
            records += [*good, torn]
            readings += 3 * sum(len(series.start) for series in first.series) + 1
        yield Batch(batch.time, (*records, *batch.records), batch.n_measurements + readings)


def _document(twin: Twin, area: int, until: int, *, revision: int) -> MeterDocument:
    """The hour before `until`, of some loads of an area."""
    rng = np.random.default_rng([twin.settings.seed, area, until // MINUTE, revision])
    loads = np.flatnonzero(twin.load_area == area)[:_METERS]
    starts = [until - HOUR + _PERIOD * quarter for quarter in range(4)]
    series = [
        MeterSeries(twin.load_series[load], starts, rng.uniform(1.0, 20.0, 4).round(6).tolist())
        for load in loads.tolist()
    ]
    return MeterDocument(
        area, "proof", f"{area}-{until}", 1, revision, _PERIOD,
        until + _EVERY * (revision - 1), "MWh", series,
    )  # fmt: skip
