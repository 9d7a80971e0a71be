from __future__ import annotations

from typing import Any

import msgspec
import pytest

from records.errors import Reason, RecordError
from records.log import LogRecord, Outgoing
from records.meter import MeterDocument, MeterSeries, decode_meter, meter_record
from records.time import HOUR
from records.weather import WeatherQuantity, WeatherRecord, decode_weather, weather_record


def document(**changes: Any) -> MeterDocument:
    series = MeterSeries("m1", [0, HOUR], [1.5, None], [0.0, 0.0])
    sent = MeterDocument(0, "metering", "doc-1", 0, 1, HOUR, 2 * HOUR, "MWh", [series])
    return msgspec.structs.replace(sent, **changes)


def arrived(sent: Outgoing) -> LogRecord:
    return LogRecord(sent.topic, sent.partition, 0, 0, sent.value, sent.key, sent.headers)


def refusal(sent: MeterDocument) -> Reason:
    with pytest.raises(RecordError) as caught:
        decode_meter(arrived(meter_record("t", sent)))
    return caught.value.reason


def test_a_document_comes_back_as_it_was() -> None:
    assert decode_meter(arrived(meter_record("t", document()))) == document()


def test_a_power_reading_submitted_as_energy_is_refused() -> None:
    assert refusal(document(unit="MW")) is Reason.SCHEMA_MISMATCH


def test_a_negative_energy_is_refused() -> None:
    series = [MeterSeries("m1", [0], [-1.0])]
    assert refusal(document(series=series)) is Reason.SCHEMA_MISMATCH


def test_columns_of_different_length_are_refused() -> None:
    assert refusal(document(series=[MeterSeries("m1", [0], [1.0, 2.0])])) is Reason.SCHEMA_MISMATCH


def test_a_document_without_length_of_period_is_refused() -> None:
    assert refusal(document(period=0)) is Reason.SCHEMA_MISMATCH


def test_what_is_not_json_is_undecodable() -> None:
    with pytest.raises(RecordError) as caught:
        decode_meter(LogRecord("t", 0, 0, 0, b"\x00{"))
    assert caught.value.reason is Reason.UNDECODABLE


def test_weather_comes_back_as_it_was_and_keeps_its_issue_time() -> None:
    sent = WeatherRecord("s", WeatherQuantity.TEMPERATURE, HOUR, HOUR, [HOUR], [12.5])
    assert decode_weather(arrived(weather_record("t", sent, "service"))) == sent


def test_weather_of_an_unknown_quantity_is_refused() -> None:
    raw = (
        b'{"station":"s","quantity":"rain","issue_time":null,"available_at":0,'
        b'"valid_time":[],"value":[]}'
    )
    with pytest.raises(RecordError) as caught:
        decode_weather(LogRecord("t", 0, 0, 0, raw))
    assert caught.value.reason is Reason.SCHEMA_MISMATCH


def test_bytes_that_are_no_text_are_undecodable() -> None:
    damaged = b"\xb1" + meter_record("t", document()).value[1:]
    for decode in (decode_meter, decode_weather):
        with pytest.raises(RecordError) as caught:
            decode(LogRecord("t", 0, 0, 0, damaged))
        assert caught.value.reason is Reason.UNDECODABLE
