"""SCADA frames, their ticks, and meter documents: what is taken in at once."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from records import scada
from records.log import LogRecord
from records.meter import METER_TYPE, MeterDocument, MeterSeries, decode_meter, meter_record
from records.quality import Quality
from records.scada import FRAME_TYPE, ScadaFrame, decode_frame, frame_record
from records.tick import TICK_TYPE, decode_tick, tick_record
from records.time import MINUTE, SECOND, floor_time
from records.topics import topic_name
from records.window import decode_window
from stream.block import Block
from tests.stream.fuzz.target import (
    AREA,
    METERING,
    POINTS,
    T0,
    Account,
    dead_letters,
    initial,
    logged,
)


def _frame(rng: random.Random) -> ScadaFrame:
    n_rows = len(POINTS)
    return ScadaFrame(
        0, "gateway", 1, T0 + 30 * SECOND, rng.choice([1, 2]), POINTS,
        np.array([rng.gauss(50, 20) for _ in range(n_rows)]),
        np.array([rng.choice([0, 0, 0, int(Quality.INVALID), int(Quality.TIME_INVALID)])
                  for _ in range(n_rows)], np.uint16),
        np.array([rng.randrange(-900, 900) for _ in range(n_rows)], np.int32),
    )  # fmt: skip


def frame_sound(rng: random.Random) -> LogRecord:
    return logged(frame_record(AREA.inputs[0], _frame(rng)), T0 + 31 * SECOND)


def frame_columns(rng: random.Random) -> tuple[pa.Schema, dict[str, Any], dict[str, Any]]:
    frame = _frame(rng)
    schema = scada._FORMAT.schema
    metadata = {
        n: getattr(frame, n) for n in ("area", "source", "sequence", "scan_time", "version")
    }
    return schema, {name: getattr(frame, name) for name in schema.names}, metadata


def json_frame_sound(rng: random.Random) -> LogRecord:
    sound = frame_sound(rng)
    _, columns, metadata = frame_columns(rng)
    told = metadata | {name: column.tolist() for name, column in columns.items()}
    headers = {**sound.headers, "content-type": "application/json"}
    return replace(sound, value=msgspec.json.encode(told), headers=headers)


def tick_sound(rng: random.Random) -> LogRecord:
    time = T0 + rng.choice([31, 45, 80]) * SECOND
    return logged(tick_record(AREA.inputs[0], 0, time, "clock"), T0 + 31 * SECOND)


def _readings(state: Any) -> set[tuple[int, int, int, float, int]]:
    found = set()
    for kept in state.windows.readings.values():
        block = Block.joined(kept._all())
        columns = (block.row, block.time, block.version, block.value)
        found |= set(zip(*(column.tolist() for column in columns), strict=True))
    return found


def _noted_late(state: Any, row: int, time: int) -> bool:
    """Whether the window of a reading will be made again from the historian, which has it."""
    noted = state.late.pending.get(floor_time(time, AREA._settings.windows.long))
    return noted is not None and bool(noted[row])


def account_frame(record: LogRecord) -> Account:
    state = initial(AREA)
    first = logged(frame_record(AREA.inputs[0], _frame(random.Random(1))), T0 + 31 * SECOND)
    state, _ = AREA.step(state, replace(first, offset=6))
    before, reached = _readings(state), state.watermark.time
    state, outcomes = AREA.step(state, record)
    letters = dead_letters(record, outcomes)
    if letters and letters[0].rows is None:
        assert _readings(state) == before
        return Account(whole=True)
    if record.headers["ce_type"] == TICK_TYPE:
        assert state.watermark.clock >= decode_tick(record.value).time
        assert state.watermark.time >= reached
        return Account(whole=False, taken=1)
    assert record.headers["ce_type"] == FRAME_TYPE
    frame = decode_frame(record)
    refused = [row for letter in letters for row in letter.rows or ()]
    assert len(set(refused)) == len(refused), "a row is refused once"
    kept = np.setdiff1d(np.arange(len(frame.point)), refused)
    own_time = np.where(frame.quality & int(Quality.TIME_INVALID), frame.scan_time, frame.time)
    rows = np.searchsorted(POINTS, frame.point[kept])
    held = _readings(state)
    for row, time, value in zip(
        rows.tolist(), own_time[kept].tolist(), frame.value[kept].tolist(), strict=True
    ):
        assert (row, time, frame.version, value) in held or _noted_late(state, row, time)
    return Account(whole=False, taken=len(kept), refused=len(refused))


def meter_sound(rng: random.Random) -> LogRecord:
    document = MeterDocument(
        0, "mdm", "d1", rng.randrange(3), rng.randrange(1, 3), 2 * MINUTE, T0 + 300 * SECOND, "MWh",
        [
            MeterSeries(
                f"meter:{k}", [T0, T0 + 2 * MINUTE], [1.5, 2.0],
                rng.choice([None, [0.5, None]]), rng.choice([None, [False, True]]),
            )
            for k in range(3)
        ],
    )  # fmt: skip
    return logged(meter_record(METERING.inputs[0], document), T0 + 301 * SECOND)


def account_meter(record: LogRecord) -> Account:
    state = initial(METERING)
    state, outcomes = METERING.step(state, record)
    letters = dead_letters(record, outcomes)
    intervals = topic_name("test", "meter.interval.v1")
    told = sum(len(decode_window(o.value).series) for o in outcomes if o.topic == intervals)
    if letters:
        assert told == 0
        return Account(whole=True)
    if record.headers["ce_type"] == TICK_TYPE:
        assert state.watermark >= decode_tick(record.value).time
        return Account(whole=False, taken=1)
    if record.headers["ce_type"] != METER_TYPE:
        raise AssertionError(record.headers)
    given = set()
    for series in decode_meter(record).series:
        n_readings = len(series.start)
        taken, injected = series.withdrawn_mwh, series.injected_mwh or [None] * n_readings
        back = series.withdrawn_reading or [False] * n_readings
        given |= {
            (series.meter, start)
            for start, a, b, gone in zip(series.start, taken, injected, back, strict=True)
            if gone or a is not None or b is not None
        }
    assert told == len(given)
    return Account(whole=False, taken=told)
