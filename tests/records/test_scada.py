from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.errors import Reason, RecordError
from records.log import LogRecord, Outgoing
from records.scada import FRAME_LIMITS, ScadaFrame, decode_frame, frame_record


def frame(n_rows: int = 3, area: int = 2) -> ScadaFrame:
    return ScadaFrame(
        area,
        "gateway",
        7,
        1_400_000_000_000_000_000,
        1,
        np.arange(n_rows, dtype=np.uint32),
        np.linspace(0.0, 1.0, n_rows),
        np.zeros(n_rows, np.uint16),
        np.zeros(n_rows, np.int32),
    )


def arrived(sent: Outgoing, value: bytes | None = None) -> LogRecord:
    payload = sent.value if value is None else value
    return LogRecord(sent.topic, sent.partition, 0, 0, payload, sent.key, sent.headers)


def as_json(**fields: object) -> LogRecord:
    body = {
        "area": 2,
        "source": "person",
        "sequence": 1,
        "scan_time": 1_400_000_000_000_000_000,
        "point": [4, 5],
        "value": [1.0, 2.0],
        **fields,
    }
    headers = {"content-type": "application/json"}
    return LogRecord("t", 2, 0, 0, json.dumps(body).encode(), b"2", headers)


def refusal(record: LogRecord) -> Reason:
    with pytest.raises(RecordError) as caught:
        decode_frame(record)
    return caught.value.reason


rows = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(0, 2**16 - 1),
        st.integers(-60_000, 60_000),
    ),
    max_size=40,
)


@given(rows)
def test_a_frame_survives_the_journey_bit_for_bit(
    content: list[tuple[int, float, int, int]],
) -> None:
    point, value, quality, offset = zip(*content, strict=True) if content else ((), (), (), ())
    sent = replace(
        frame(),
        point=np.array(point, np.uint32),
        value=np.array(value, np.float64),
        quality=np.array(quality, np.uint16),
        offset_ms=np.array(offset, np.int32),
    )
    got = decode_frame(arrived(frame_record("t", sent)))
    assert (got.area, got.source, got.sequence, got.scan_time, got.version) == (
        sent.area,
        sent.source,
        sent.sequence,
        sent.scan_time,
        sent.version,
    )
    for name in ("point", "value", "quality", "offset_ms"):
        np.testing.assert_array_equal(getattr(got, name), getattr(sent, name))
        assert getattr(got, name).dtype == getattr(sent, name).dtype


def test_each_measurement_has_its_own_time() -> None:
    sent = replace(frame(2), offset_ms=np.array([0, -1500], np.int32))
    assert (sent.time - sent.scan_time).tolist() == [0, -1_500_000_000]


def test_json_is_accepted_at_the_edge() -> None:
    got = decode_frame(as_json())
    assert got.point.tolist() == [4, 5]
    assert got.quality.tolist() == [0, 0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_never_pass_as_numbers(value: float) -> None:
    sent = replace(frame(3), value=np.array([0.0, value, 1.0]))
    assert refusal(arrived(frame_record("t", sent))) is Reason.NOT_FINITE


def test_json_nan_is_refused() -> None:
    assert refusal(as_json(value=[1.0, float("nan")])) is Reason.UNDECODABLE


def test_a_frame_on_another_areas_partition_is_refused() -> None:
    sent = frame_record("t", frame(area=1))
    moved = LogRecord("t", 2, 0, 0, sent.value, sent.key, sent.headers)
    assert refusal(moved) is Reason.WRONG_PARTITION


def test_too_many_rows_or_bytes_are_refused() -> None:
    assert refusal(arrived(frame_record("t", frame(5_001)))) is Reason.OVERSIZED
    assert refusal(arrived(frame_record("t", frame()), bytes(FRAME_LIMITS.max_bytes + 1))) is (
        Reason.OVERSIZED
    )


def test_columns_of_different_length_are_refused() -> None:
    assert refusal(as_json(value=[1.0])) is Reason.SCHEMA_MISMATCH


def test_a_point_number_below_zero_is_refused() -> None:
    assert refusal(as_json(point=[-1, 5])) is Reason.SCHEMA_MISMATCH


def test_an_unknown_json_field_is_refused() -> None:
    assert refusal(as_json(colour="red")) is Reason.UNDECODABLE


def test_a_measurement_far_from_its_scan_is_refused() -> None:
    assert refusal(as_json(offset_ms=[0, 60_001])) is Reason.TIME_OUT_OF_BOUNDS


def mutated(value: bytes, rng: random.Random) -> bytes:
    data = bytearray(value)
    choice = rng.random()
    if choice < 0.7:
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif choice < 0.85:
        del data[rng.randrange(len(data)) :]
    else:
        place = rng.randrange(len(data) - 8)
        data[place : place + 4] = rng.getrandbits(32).to_bytes(4, "little")
    return bytes(data)


@given(st.integers(0, 2**32))
def test_a_damaged_frame_is_read_or_refused_never_a_crash(seed: int) -> None:
    rng = random.Random(seed)
    for sent in (arrived(frame_record("t", frame(20))), as_json()):
        for _ in range(20):
            record = LogRecord("t", 2, 0, 0, mutated(sent.value, rng), b"", sent.headers)
            try:
                got = decode_frame(record)
            except RecordError as error:
                assert error.detail
            else:
                assert np.isfinite(got.value).all()
