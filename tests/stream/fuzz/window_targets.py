"""Windows, as they are rolled up, compared with meters, and forecast from."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from records import window
from records.log import LogRecord
from records.tick import TICK_TYPE, tick_record
from records.time import DAY, HOUR, MINUTE
from records.window import WindowBatch, decode_window, window_record
from tests.stream.fuzz.target import (
    FORECAST,
    METERING,
    ROLLUP,
    SERIES,
    T0,
    Account,
    closed,
    dead_letters,
    initial,
    logged,
    taken_by,
    windows_of,
)
from tests.stream.worlds.plans import NOW


def _window_batch(rng: random.Random) -> WindowBatch:
    return windows_of(T0, 15 * MINUTE, SERIES, [rng.gauss(50, 9) for _ in SERIES])


def window_sound(rng: random.Random) -> LogRecord:
    sent = window_record(ROLLUP.inputs[0], _window_batch(rng), T0 + HOUR)
    return logged(sent, T0 + HOUR)


def window_columns(rng: random.Random) -> tuple[pa.Schema, dict[str, Any], dict[str, Any]]:
    batch = _window_batch(rng)
    schema = window._FORMAT.schema
    metadata = {n: getattr(batch, n) for n in ("area", "start", "length", "input_offset")}
    return schema, {name: getattr(batch, name) for name in schema.names}, metadata


def account_window(record: LogRecord) -> Account:
    state = initial(ROLLUP)
    state, outcomes = ROLLUP.step(state, record)
    if dead_letters(record, outcomes):
        return Account(whole=True)
    batch = decode_window(record.value)
    if len(batch.series):
        rows, chosen = np.unique(state.rows(batch.series), return_index=True)
        told = batch.revision[chosen]
        if batch.start in state.parts:
            held = state.part_revision(batch.start, rows)
            assert (held > 0 if len(rows) < len(batch.series) else held == told).all()
        else:
            # Beyond what can still be corrected once its own watermark is known.
            assert batch.start < state.watermark - DAY
    return Account(whole=False, taken=len(batch.series))


def joined_sound(rng: random.Random) -> LogRecord:
    sent = window_record(METERING.inputs[1], _window_batch(rng), T0 + HOUR)
    return logged(sent, T0 + HOUR)


def account_joined(record: LogRecord) -> Account:
    """Windows as metering compares them and as forecasts take them in."""
    state = initial(METERING)
    state, outcomes = METERING.step(state, record)
    refused = bool(dead_letters(record, outcomes))
    if not refused:
        assert taken_by(state.join, record)
        closed(METERING, state, [tick_record(METERING.inputs[0], 0, T0 + HOUR, "c")], T0 + HOUR)
    forecast = replace(record, topic=FORECAST.inputs[0])
    waiting = initial(FORECAST)
    waiting, outcomes = FORECAST.step(waiting, forecast)
    if not dead_letters(forecast, outcomes):
        assert not refused or record.headers["ce_type"] == TICK_TYPE
        assert taken_by(waiting.join, forecast) or record.headers["ce_type"] == TICK_TYPE
        closed(FORECAST, waiting, [tick_record(FORECAST.inputs[1], 0, NOW, "c")], NOW)
    if refused:
        return Account(whole=True)
    return Account(whole=False, taken=len(decode_window(record.value).series))
