"""No record brings a number that is no time, whatever else it is."""

from dataclasses import replace

import msgspec
import pytest

from records.envelope import watermark_of
from records.errors import RecordError
from records.log import LogRecord
from records.meter import decode_meter
from records.operator_act import decode_act
from records.scada import decode_frame
from records.state import decode_state
from records.tick import decode_tick
from records.weather import decode_weather

NO_TIMES = [-1, 2**62, 2**63, 10**30]
JSON = {"content-type": "application/json"}


def record(value: object) -> LogRecord:
    return LogRecord("t", 0, 0, 0, msgspec.json.encode(value), b"", JSON)


@pytest.mark.parametrize("number", NO_TIMES)
def test_a_number_that_is_no_time_is_refused(number: int) -> None:
    meter = {
        "area": 0, "source": "m", "document": "d", "run": 0, "revision": 1, "period": 60,
        "available_at": 0, "unit": "MWh",
        "series": [{"meter": "m", "start": [0], "withdrawn_mwh": [1.0]}],
    }  # fmt: skip
    weather = {
        "station": "s", "quantity": "temperature_degc", "issue_time": 0, "available_at": 0,
        "valid_time": [0], "value": [1.0],
    }  # fmt: skip
    series = {"meter": "m", "start": [number], "withdrawn_mwh": [1.0]}
    act = {"element": "b", "act": "acknowledge", "time": number, "operator": "o"}
    decode_meter(record(meter))
    decode_weather(record(weather))
    refused = [
        lambda: decode_tick(msgspec.json.encode({"time": number})),
        lambda: decode_meter(record({**meter, "available_at": number})),
        lambda: decode_meter(record({**meter, "series": [series]})),
        lambda: decode_weather(record({**weather, "issue_time": number})),
        lambda: decode_weather(record({**weather, "available_at": number})),
        lambda: decode_weather(record({**weather, "valid_time": [number]})),
        lambda: decode_act(msgspec.json.encode(act)),
    ]
    for decode in refused:
        with pytest.raises(RecordError):
            decode()


@pytest.mark.parametrize("sequence", [2**63, -(2**63) - 1, 10**30])
def test_a_sequence_that_no_column_holds_is_refused(sequence: int) -> None:
    frame = {
        "area": 0, "source": "g", "sequence": 1, "scan_time": 1, "point": [1], "value": [1.0],
    }  # fmt: skip
    decode_frame(record(frame))
    with pytest.raises(RecordError, match="sequence is"):
        decode_frame(record({**frame, "sequence": sequence}))


@pytest.mark.parametrize("text", ["", "x", "1e9", str(2**62 + 1), "1" * 40, "1" * 5_000])
def test_a_watermark_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(RecordError, match="gc_watermark"):
        watermark_of({"gc_watermark": text})


def test_a_long_tick_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(RecordError, match="at most 1024"):
        decode_tick(b'{"time": 1' + b" " * 2_000 + b"}")


def test_a_state_that_cannot_be_read_is_a_record_error() -> None:
    with pytest.raises(RecordError):
        decode_state(replace(record({}), value=b"\xdc").value)
