from __future__ import annotations

import numpy as np
import pytest

from ingest.twin.grid import NODE
from ingest.twin.metering import Metering
from records.log import LogRecord
from records.meter import MeterDocument, decode_meter, meter_record
from records.time import DAY, HOUR, MINUTE, parse_time

START = parse_time("2014-11-10T00:00:00Z")
AREA = np.arange(60) % 3
SERIES = tuple(f"load:{k} p_mw" for k in range(60))
LOAD = 50 + 10 * np.sin(np.arange(288) / 288 * 2 * np.pi)[:, None] + np.arange(60)


@pytest.fixture(scope="module")
def documents() -> list[MeterDocument]:
    return list(Metering(SERIES, AREA, seed=5).documents(START, LOAD))


def cells(documents: list[MeterDocument], run: int) -> dict[tuple[str, int], float | None]:
    return {
        (series.meter, start): energy
        for document in documents
        if document.run == run
        for series in document.series
        for start, energy in zip(series.start, series.withdrawn_mwh, strict=True)
    }


def test_every_document_is_valid_and_of_one_area(documents: list[MeterDocument]) -> None:
    for document in documents:
        made = meter_record("gridcast.demo.meter.read.v1", document)
        record = LogRecord(made.topic, made.partition, 0, 0, made.value, made.key, made.headers)
        assert decode_meter(record) == document
        meters = [SERIES.index(series.meter) for series in document.series]
        assert set(AREA[meters].tolist()) == {document.area}
    assert {document.period for document in documents} == {15 * MINUTE, HOUR}


def test_documents_come_after_their_last_period_and_the_consolidated_ones_days_later(
    documents: list[MeterDocument],
) -> None:
    for document in documents:
        end = max(series.start[-1] for series in document.series) + document.period
        wait = document.available_at - end
        assert HOUR // 2 <= wait <= 3 * HOUR or (document.run == 1 and wait >= 2 * DAY)


def test_consolidated_energies_are_those_of_the_truth(documents: list[MeterDocument]) -> None:
    told = cells(documents, run=1)
    hourly = LOAD.reshape(24, 12, 60).mean(axis=1)
    n_compared = 0
    for number, meter in enumerate(SERIES):
        parts = [
            (start, told.get((meter, start))) for start in range(START, START + DAY, 15 * MINUTE)
        ]
        known = [energy for _, energy in parts if energy is not None]
        if len(known) in (24, 96):  # None was withdrawn.
            assert sum(known) == pytest.approx(hourly[:, number].sum(), rel=2e-3)
            n_compared += 1
    assert n_compared > 50


def test_provisional_documents_miss_some_and_estimate_some(documents: list[MeterDocument]) -> None:
    early, late = cells(documents, run=0), cells(documents, run=1)
    assert early.keys() == late.keys()
    missing = [key for key, energy in early.items() if energy is None]
    both = [(early[k], late[k]) for k in early if early[k] is not None and late[k] is not None]
    corrected = [k for k, (a, b) in enumerate(both) if a != b]
    assert 0 < len(missing) < 0.02 * len(early)
    assert 0 < len(corrected) < 0.02 * len(early)


def test_a_withdrawn_reading_is_marked_and_empty(documents: list[MeterDocument]) -> None:
    many = [
        document
        for day in range(5)
        for document in Metering(SERIES, AREA, seed=5).documents(START + day * DAY, LOAD)
    ]
    marked = [
        (series.withdrawn_mwh[row], document.run)
        for document in many
        for series in document.series
        for row, back in enumerate(series.withdrawn_reading or [])
        if back
    ]
    assert marked and set(marked) == {(None, 1)}


def test_a_part_of_a_day_gives_documents_of_that_part() -> None:
    documents = list(Metering(SERIES, AREA, seed=5).documents(START + 13 * HOUR, LOAD[: 11 * 12]))
    starts = [start for d in documents for series in d.series for start in series.start]
    assert min(starts) == START + 13 * HOUR and max(starts) == START + DAY - 15 * MINUTE
    assert NODE * 11 * 12 == 11 * HOUR
