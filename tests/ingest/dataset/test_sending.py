from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.dataset import read_dataset
from ingest.dataset.sending import dataset_batches
from records.envelope import event_type
from records.log import LogRecord, Outgoing
from records.meter import METER_TYPE, MeterDocument, decode_meter
from records.tick import TICK_TYPE, decode_tick
from records.time import DAY, HOUR, parse_time
from records.weather import WEATHER_TYPE, WeatherRecord, decode_weather

T0 = parse_time("2014-01-01T00:00:00Z")
Write = Callable[..., Path]


def read_back(record: Outgoing) -> LogRecord:
    return LogRecord(record.topic, record.partition, 0, 0, record.value, record.key, record.headers)


def sent(folder: Path, **options: object) -> list[tuple[int, list[object]]]:
    """What each moment sends, decoded; ticks as their time."""
    batches = dataset_batches(
        read_dataset(folder), "replay", start=T0, end=T0 + 3 * HOUR, **options
    )  # type: ignore[arg-type]
    decoders = {
        METER_TYPE: lambda r: decode_meter(read_back(r)),
        WEATHER_TYPE: lambda r: decode_weather(read_back(r)),
        TICK_TYPE: lambda r: decode_tick(r.value).time,
    }
    return [
        (batch.time, [decoders[event_type(r.headers)](r) for r in batch.records])
        for batch in batches
    ]


def test_readings_are_sent_when_their_interval_is_over_and_a_tick_follows(write: Write) -> None:
    first, second, third = sent(write())
    assert [first[0], second[0], third[0]] == [T0 + k * HOUR for k in (1, 2, 3)]
    document = first[1][-3]
    assert isinstance(document, MeterDocument)
    assert (document.available_at, document.period) == (T0 + HOUR, HOUR)
    assert {s.meter: s.withdrawn_mwh for s in document.series} == {"north": [1.0], "south": [7.0]}
    assert first[1][-2:] == [T0 + HOUR, T0 + HOUR]  # meter and weather partitions
    assert third[1] == [T0 + 3 * HOUR, T0 + 3 * HOUR]


def test_a_missing_reading_is_not_sent(write: Write) -> None:
    document = sent(write())[1][1][-3]
    assert isinstance(document, MeterDocument)
    assert [s.meter for s in document.series] == ["north"]


def test_with_a_day_there_is_one_document_a_day_and_area(write: Write) -> None:
    batches = list(
        dataset_batches(
            read_dataset(write()), "replay", start=T0, end=T0 + DAY, every=DAY, areas={"south": 1}
        )
    )
    documents = [
        decode_meter(read_back(r))
        for r in batches[0].records
        if event_type(r.headers) == METER_TYPE
    ]
    assert [(d.area, d.available_at) for d in documents] == [(0, T0 + DAY), (1, T0 + DAY)]
    assert documents[0].series[0].start == [T0, T0 + HOUR]
    assert batches[0].n_measurements == 3 + 3 + 1  # readings, weather values and one missing


def test_a_correction_comes_later_as_a_higher_run_and_an_empty_one_withdraws(write: Write) -> None:
    load = (
        "series,valid_time,value,unit,version,available_at\n"
        "north,2014-01-01T00:00:00Z,4,MW,1,\n"
        "north,2014-01-01T00:00:00Z,5,MW,2,2014-01-01T02:00:00Z\n"
        "south,2014-01-01T00:00:00Z,1,MW,1,\n"
        "south,2014-01-01T00:00:00Z,,MW,2,2014-01-01T02:00:00Z\n"
    )
    _, second, _ = sent(write(load=load))
    document = next(d for d in second[1] if isinstance(d, MeterDocument))
    assert document.run == 1
    by_meter = {s.meter: (s.withdrawn_mwh, s.withdrawn_reading) for s in document.series}
    assert by_meter == {"north": ([5.0], [False]), "south": ([None], [True])}


def test_a_negative_load_is_an_injected_energy(write: Write) -> None:
    load = "series,valid_time,value,unit\nnorth,2014-01-01T00:00:00Z,-4,MW\n"
    load += "south,2014-01-01T00:00:00Z,1,MW\n"
    document = next(d for d in sent(write(load=load))[0][1] if isinstance(d, MeterDocument))
    north = document.series[0]
    assert (north.withdrawn_mwh, north.injected_mwh) == ([0.0], [4.0])


def test_weather_is_sent_as_observed_and_as_issued(write: Write) -> None:
    weather = (
        "station,valid_time,quantity,value,issue_time\n"
        "lille,2014-01-01T00:00:00Z,temperature_degc,4,\n"
        "rouen,2014-01-01T00:00:00Z,temperature_degc,6,\n"
        "lille,2014-01-01T05:00:00Z,temperature_degc,1,2013-12-31T12:00:00Z\n"
        "lille,2014-01-01T05:00:00Z,temperature_degc,2,2013-12-31T18:00:00Z\n"
        "lille,2014-01-01T05:00:00Z,temperature_degc,3,2014-01-01T01:30:00Z\n"
    )
    told = [
        (moment - T0, record.issue_time, record.value)
        for moment, records in sent(write(weather=weather))
        for record in records
        if isinstance(record, WeatherRecord)
    ]
    assert told == [
        (HOUR, T0 - 6 * HOUR, [2.0]),  # the newest of before the start
        (HOUR, None, [4.0]),
        (HOUR, None, [6.0]),
        (2 * HOUR, T0 + 3 * HOUR // 2, [3.0]),
    ]


@pytest.mark.parametrize("every", [HOUR, 2 * HOUR])
def test_every_reading_is_sent_once_whatever_the_moments(write: Write, every: int) -> None:
    documents = [
        d
        for _, records in sent(write(), every=every)
        for d in records
        if isinstance(d, MeterDocument)
    ]
    cells = [(s.meter, t) for d in documents for s in d.series for t in s.start]
    assert sorted(cells) == [("north", T0), ("north", T0 + HOUR), ("south", T0)]
