"""What is fuzzed: for each kind of record a sound one, its mutants, and a strict account of each.

A mutant is dead-lettered whole, or what it holds is in the state of whoever takes it, but for the
rows that are dead-lettered apart. Nothing else may become of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from records import scada, view, window
from records.alarm import AlarmKind
from records.deadletter import DEAD_LETTER_TYPE, DeadLetter, decode_dead_letter
from records.log import LogRecord, Outgoing, Partition
from records.meter import METER_TYPE, MeterDocument, MeterSeries, decode_meter, meter_record
from records.operator_act import ActKind, OperatorAct, act_record
from records.quality import Quality
from records.scada import FRAME_TYPE, ScadaFrame, decode_frame, frame_record
from records.state import NetworkState, state_record
from records.tick import TICK_TYPE, decode_tick, tick_record
from records.time import DAY, HOUR, MINUTE, SECOND, floor_time
from records.topics import topic_name
from records.view import ScadaView, view_record
from records.weather import WeatherQuantity, WeatherRecord, weather_record
from records.window import WindowBatch, decode_window, window_record
from stream.block import Block
from stream.join import JoinState
from stream.stage import Stage
from tests.stream.four_buses import NETWORK
from tests.stream.fuzz.mutations import damaged, mutated_arrow, mutated_headers, mutated_json
from tests.stream.worlds.plans import NOW, SHORT, forecast_stages, grid_stages, long_stages

__all__ = ["TARGETS", "Account", "Target"]

AREA, METERING, ESTIMATION, ALARMS = grid_stages()
ROLLUP = next(stage for stage in long_stages() if stage.name == "rollup")
FORECAST = forecast_stages()[-1]
T0 = SHORT.start
_POINTS = np.array([p.number for p in AREA._register.points if p.area == 0], np.uint32)
_SERIES = [p.id for p in AREA._register.points if p.area == 0]


@dataclass(frozen=True)
class Account:
    """What became of a mutant: rows taken in, and whether it, or how many rows, were refused."""

    whole: bool
    taken: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Target:
    """One kind of record.

    Parameters
    ----------
    name
        For messages.
    sound
        Makes a record that would be taken in.
    columns
        Of a columnar record: its schema, columns and metadata.
    json
        Whether a record that is not columnar is JSON.
    account
        Lets a stage take a record in and tells what became of it.
    """

    name: str
    sound: Callable[[random.Random], LogRecord]
    account: Callable[[LogRecord], Account]
    columns: Callable[[random.Random], tuple[pa.Schema, dict[str, Any], dict[str, Any]]] | None = (
        None
    )
    json: bool = True

    def mutant(self, rng: random.Random) -> LogRecord:
        """Make a record that is spoilt in some way."""
        record = self.sound(rng)
        kind = rng.random()
        if kind < 0.1:
            headers = mutated_headers(record.headers, rng)
            record = replace(record, headers=headers)
            if kind < 0.08:
                return record
        if self.columns is None and self.json and kind < 0.75:
            return replace(record, value=mutated_json(record.value, rng))
        if self.columns is not None and kind < 0.6:
            return replace(record, value=mutated_arrow(*self.columns(rng), rng))
        return replace(record, value=damaged(record.value, rng))


def logged(sent: Outgoing, append_time: int) -> LogRecord:
    """Return a record as the log would hold it."""
    headers = dict(sent.headers)
    return LogRecord(sent.topic, sent.partition, 7, append_time, sent.value, sent.key, headers)


def _initial(stage: Stage[Any], partitions: int = 1) -> Any:
    single = ("operator.act.v1", "network.state.v1", "weather.v1")
    return stage.initial(
        [
            Partition(topic, number)
            for topic in stage.inputs
            for number in range(1 if topic.endswith(single) else partitions)
        ]
    )


def _letters(record: LogRecord, outcomes: list[Any]) -> list[DeadLetter]:
    """Return the dead letters; each must bear the very record and where it came from."""
    letters = [
        decode_dead_letter(outcome.value)
        for outcome in outcomes
        if isinstance(outcome, Outgoing) and outcome.headers["ce_type"] == DEAD_LETTER_TYPE
    ]
    for letter in letters:
        assert letter.value == record.value
        assert letter.headers == dict(record.headers)
        assert (letter.topic, letter.partition, letter.offset) == (
            record.topic, record.partition, record.offset,
        )  # fmt: skip
    whole = [letter for letter in letters if letter.rows is None]
    assert len(whole) <= 1
    assert not whole or len(letters) == 1, "a record is refused whole or by rows"
    return letters


# SCADA frames, Arrow and JSON, and their ticks


def _frame(rng: random.Random) -> ScadaFrame:
    n_rows = len(_POINTS)
    return ScadaFrame(
        0, "gateway", 1, T0 + 30 * SECOND, rng.choice([1, 2]), _POINTS,
        np.array([rng.gauss(50, 20) for _ in range(n_rows)]),
        np.array([rng.choice([0, 0, 0, int(Quality.INVALID), int(Quality.TIME_INVALID)])
                  for _ in range(n_rows)], np.uint16),
        np.array([rng.randrange(-900, 900) for _ in range(n_rows)], np.int32),
    )  # fmt: skip


def _frame_sound(rng: random.Random) -> LogRecord:
    return logged(frame_record(AREA.inputs[0], _frame(rng)), T0 + 31 * SECOND)


def _frame_columns(rng: random.Random) -> tuple[pa.Schema, dict[str, Any], dict[str, Any]]:
    frame = _frame(rng)
    schema = scada._FORMAT.schema
    metadata = {
        n: getattr(frame, n) for n in ("area", "source", "sequence", "scan_time", "version")
    }
    return schema, {name: getattr(frame, name) for name in schema.names}, metadata


def _json_frame_sound(rng: random.Random) -> LogRecord:
    sound = _frame_sound(rng)
    _, columns, metadata = _frame_columns(rng)
    told = metadata | {name: column.tolist() for name, column in columns.items()}
    headers = {**sound.headers, "content-type": "application/json"}
    return replace(sound, value=msgspec.json.encode(told), headers=headers)


def _tick_sound(rng: random.Random) -> LogRecord:
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


def _account_frame(record: LogRecord) -> Account:
    state = _initial(AREA)
    first = logged(frame_record(AREA.inputs[0], _frame(random.Random(1))), T0 + 31 * SECOND)
    state, _ = AREA.step(state, replace(first, offset=6))
    before, reached = _readings(state), state.watermark.time
    state, outcomes = AREA.step(state, record)
    letters = _letters(record, outcomes)
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
    rows = np.searchsorted(_POINTS, frame.point[kept])
    held = _readings(state)
    for row, time, value in zip(
        rows.tolist(), own_time[kept].tolist(), frame.value[kept].tolist(), strict=True
    ):
        assert (row, time, frame.version, value) in held or _noted_late(state, row, time)
    return Account(whole=False, taken=len(kept), refused=len(refused))


# meter documents


def _meter_sound(rng: random.Random) -> LogRecord:
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


def _account_meter(record: LogRecord) -> Account:
    state = _initial(METERING)
    state, outcomes = METERING.step(state, record)
    letters = _letters(record, outcomes)
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


# what is joined: weather, acts, views, states


def _taken_by(state: JoinState, record: LogRecord) -> bool:
    entry = state.inputs[Partition(record.topic, record.partition)]
    parts = [entry.pending, *(part for _, part in entry.frozen)]
    return any(share.value == record.value for part in parts for share in part)


def _weather_sound(rng: random.Random) -> LogRecord:
    issued = NOW if rng.random() < 0.7 else None
    times = [NOW + k * HOUR for k in range(-3, 12)]
    told = WeatherRecord(
        "s", WeatherQuantity.TEMPERATURE, issued, NOW, times, [12.5, None, *range(13)]
    )
    return logged(weather_record(FORECAST.inputs[1], told, "met"), NOW + 60 * SECOND)


def _account_weather(record: LogRecord) -> Account:
    state = _initial(FORECAST)
    state, outcomes = FORECAST.step(state, record)
    if _letters(record, outcomes):
        return Account(whole=True)
    tick = record.headers["ce_type"] == TICK_TYPE
    assert tick or _taken_by(state.join, record)
    empty = _windows_of(NOW, HOUR, [], [])
    closing = (
        window_record(FORECAST.inputs[0], empty, NOW + HOUR),
        tick_record(record.topic, 0, NOW + HOUR, "clock"),
        window_record(FORECAST.inputs[0], empty, NOW + 2 * HOUR),
        tick_record(record.topic, 0, NOW + 2 * HOUR, "clock"),
    )
    _closed(FORECAST, state, closing, NOW + 2 * HOUR)
    return Account(whole=False, taken=1)


def _act_sound(rng: random.Random) -> LogRecord:
    kind = rng.choice(list(ActKind))
    until = T0 + 600 * SECOND if kind is ActKind.SHELVE else None
    what = rng.choice([None, AlarmKind.LOADING])
    act = OperatorAct("branch:1", kind, T0 + 20 * SECOND, "operator", what, until, "why")
    return logged(act_record(ALARMS.inputs[2], act), T0 + 30 * SECOND)


def _view(area: int, at: int, n_points: int = 0) -> ScadaView:
    return ScadaView(
        area, at, 1, _POINTS[:n_points], np.full(n_points, 50.0), np.zeros(n_points, np.uint16),
        np.zeros(n_points, np.float32),
    )  # fmt: skip


def _view_sound(rng: random.Random) -> LogRecord:
    sent = view_record(ALARMS.inputs[0], _view(0, T0 + 30 * SECOND, len(_POINTS)), T0)
    return logged(sent, T0 + 31 * SECOND)


def _view_columns(rng: random.Random) -> tuple[pa.Schema, dict[str, Any], dict[str, Any]]:
    shown = _view(0, T0 + 30 * SECOND, len(_POINTS))
    schema = view._FORMAT.schema
    metadata = {n: getattr(shown, n) for n in ("area", "scan_time", "version")}
    return schema, {name: getattr(shown, name) for name in schema.names}, metadata


def _state(at: int) -> NetworkState:
    buses, branches = np.ones(NETWORK.n_bus).tobytes(), np.ones(NETWORK.n_branch).tobytes()
    return NetworkState(
        at, "four", True, "", 3, 1.0, buses, buses, branches, branches, branches, branches, {}, [],
        10, 0,
    )  # fmt: skip


def _account_act(record: LogRecord) -> Account:
    state = _initial(ALARMS, 2)
    state, outcomes = ALARMS.step(state, record)
    if _letters(record, outcomes):
        return Account(whole=True)
    assert record.headers["ce_type"] == TICK_TYPE or _taken_by(state.join, record)
    _closed_cut(ALARMS, state)
    return Account(whole=False, taken=1)


def _account_view(record: LogRecord) -> Account:
    taken = 0
    for stage in (ESTIMATION, ALARMS):
        state = _initial(stage, 2)
        state, outcomes = stage.step(state, record)
        if not _letters(record, outcomes):
            taken += 1
            _closed_cut(stage, state)
    assert taken in (0, 2), "one stage reads what the other refuses"
    return Account(whole=not taken, taken=taken)


def _closed_cut(stage: Stage[Any], state: Any) -> None:
    views, states, acts = ALARMS.inputs
    closing = [
        sent
        for at in (T0 + 60 * SECOND, T0 + 120 * SECOND)
        for sent in (
            view_record(views, _view(0, at), at),
            view_record(views, _view(1, at), at),
            state_record(states, _state(at), at),
            tick_record(acts, 0, at, "clock"),
        )
        if sent.topic in stage.inputs
    ]
    _closed(stage, state, closing, T0 + 120 * SECOND)


def _closed(stage: Stage[Any], state: Any, closing: Any, append_time: int) -> None:
    """Complete cuts, so that what waited is looked at."""
    for sent in closing:
        state, _ = stage.step(state, logged(sent, append_time))


# windows


def _windows_of(start: int, length: int, series: list[str], means: list[float]) -> WindowBatch:
    n_series = len(series)
    mean = np.array(means, np.float64)
    return WindowBatch(
        0, start, length, 3, np.array(series, dtype=object), np.ones(n_series, np.int32),
        mean, mean, mean, mean, mean, np.ones(n_series, np.int32), np.zeros(n_series),
        np.zeros(n_series, np.uint16),
    )  # fmt: skip


def _window_batch(rng: random.Random) -> WindowBatch:
    return _windows_of(T0, 15 * MINUTE, _SERIES, [rng.gauss(50, 9) for _ in _SERIES])


def _window_sound(rng: random.Random) -> LogRecord:
    sent = window_record(ROLLUP.inputs[0], _window_batch(rng), T0 + HOUR)
    return logged(sent, T0 + HOUR)


def _window_columns(rng: random.Random) -> tuple[pa.Schema, dict[str, Any], dict[str, Any]]:
    batch = _window_batch(rng)
    schema = window._FORMAT.schema
    metadata = {n: getattr(batch, n) for n in ("area", "start", "length", "input_offset")}
    return schema, {name: getattr(batch, name) for name in schema.names}, metadata


def _account_window(record: LogRecord) -> Account:
    state = _initial(ROLLUP)
    state, outcomes = ROLLUP.step(state, record)
    if _letters(record, outcomes):
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


def _joined_sound(rng: random.Random) -> LogRecord:
    sent = window_record(METERING.inputs[1], _window_batch(rng), T0 + HOUR)
    return logged(sent, T0 + HOUR)


def _account_joined(record: LogRecord) -> Account:
    """Windows as metering compares them and as forecasts take them in."""
    state = _initial(METERING)
    state, outcomes = METERING.step(state, record)
    refused = bool(_letters(record, outcomes))
    if not refused:
        assert _taken_by(state.join, record)
        _closed(METERING, state, [tick_record(METERING.inputs[0], 0, T0 + HOUR, "c")], T0 + HOUR)
    forecast = replace(record, topic=FORECAST.inputs[0])
    waiting = _initial(FORECAST)
    waiting, outcomes = FORECAST.step(waiting, forecast)
    if not _letters(forecast, outcomes):
        assert not refused or record.headers["ce_type"] == TICK_TYPE
        assert _taken_by(waiting.join, forecast) or record.headers["ce_type"] == TICK_TYPE
        _closed(FORECAST, waiting, [tick_record(FORECAST.inputs[1], 0, NOW, "c")], NOW)
    if refused:
        return Account(whole=True)
    return Account(whole=False, taken=len(decode_window(record.value).series))


def _state_sound(rng: random.Random) -> LogRecord:
    return logged(state_record(ALARMS.inputs[1], _state(T0 + 30 * SECOND), T0), T0 + 31 * SECOND)


def _account_state(record: LogRecord) -> Account:
    state = _initial(ALARMS, 2)
    state, outcomes = ALARMS.step(state, record)
    if _letters(record, outcomes):
        return Account(whole=True)
    assert _taken_by(state.join, record)
    _closed_cut(ALARMS, state)
    return Account(whole=False, taken=1)


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target("frame", _frame_sound, _account_frame, _frame_columns),
        Target("JSON frame", _json_frame_sound, _account_frame),
        Target("tick", _tick_sound, _account_frame),
        Target("meter document", _meter_sound, _account_meter),
        Target("weather", _weather_sound, _account_weather),
        Target("operator act", _act_sound, _account_act),
        Target("view", _view_sound, _account_view, _view_columns),
        Target("window", _window_sound, _account_window, _window_columns),
        Target("joined window", _joined_sound, _account_joined, _window_columns),
        Target("state", _state_sound, _account_state, json=False),
    )
}
