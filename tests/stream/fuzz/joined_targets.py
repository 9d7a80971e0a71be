"""What waits in a join: weather, acts of operators, views and states."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa

from records import view
from records.alarm import AlarmKind
from records.log import LogRecord
from records.operator_act import ActKind, OperatorAct, act_record
from records.state import NetworkState, state_record
from records.tick import TICK_TYPE, tick_record
from records.time import HOUR, SECOND
from records.view import ScadaView, view_record
from records.weather import WeatherQuantity, WeatherRecord, weather_record
from records.window import window_record
from stream.stage import Stage
from tests.stream.four_buses import NETWORK
from tests.stream.fuzz.target import (
    ALARMS,
    ESTIMATION,
    FORECAST,
    POINTS,
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


def weather_sound(rng: random.Random) -> LogRecord:
    issued = NOW if rng.random() < 0.7 else None
    times = [NOW + k * HOUR for k in range(-3, 12)]
    told = WeatherRecord(
        "s", WeatherQuantity.TEMPERATURE, issued, NOW, times, [12.5, None, *range(13)]
    )
    return logged(weather_record(FORECAST.inputs[1], told, "met"), NOW + 60 * SECOND)


def account_weather(record: LogRecord) -> Account:
    state = initial(FORECAST)
    state, outcomes = FORECAST.step(state, record)
    if dead_letters(record, outcomes):
        return Account(whole=True)
    tick = record.headers["ce_type"] == TICK_TYPE
    assert tick or taken_by(state.join, record)
    empty = windows_of(NOW, HOUR, [], [])
    closing = (
        window_record(FORECAST.inputs[0], empty, NOW + HOUR),
        tick_record(record.topic, 0, NOW + HOUR, "clock"),
        window_record(FORECAST.inputs[0], empty, NOW + 2 * HOUR),
        tick_record(record.topic, 0, NOW + 2 * HOUR, "clock"),
    )
    closed(FORECAST, state, closing, NOW + 2 * HOUR)
    return Account(whole=False, taken=1)


def act_sound(rng: random.Random) -> LogRecord:
    kind = rng.choice(list(ActKind))
    until = T0 + 600 * SECOND if kind is ActKind.SHELVE else None
    what = rng.choice([None, AlarmKind.LOADING])
    act = OperatorAct("branch:1", kind, T0 + 20 * SECOND, "operator", what, until, "why")
    return logged(act_record(ALARMS.inputs[2], act), T0 + 30 * SECOND)


def _view(area: int, at: int, n_points: int = 0) -> ScadaView:
    return ScadaView(
        area, at, 1, POINTS[:n_points], np.full(n_points, 50.0), np.zeros(n_points, np.uint16),
        np.zeros(n_points, np.float32),
    )  # fmt: skip


def view_sound(rng: random.Random) -> LogRecord:
    sent = view_record(ALARMS.inputs[0], _view(0, T0 + 30 * SECOND, len(POINTS)), T0)
    return logged(sent, T0 + 31 * SECOND)


def view_columns(rng: random.Random) -> tuple[pa.Schema, dict[str, Any], dict[str, Any]]:
    shown = _view(0, T0 + 30 * SECOND, len(POINTS))
    schema = view._FORMAT.schema
    metadata = {n: getattr(shown, n) for n in ("area", "scan_time", "version")}
    return schema, {name: getattr(shown, name) for name in schema.names}, metadata


def _state(at: int) -> NetworkState:
    buses, branches = np.ones(NETWORK.n_bus).tobytes(), np.ones(NETWORK.n_branch).tobytes()
    return NetworkState(
        at, "four", True, "", 3, 1.0, buses, buses, branches, branches, branches, branches, {}, [],
        10, 0,
    )  # fmt: skip


def account_act(record: LogRecord) -> Account:
    state = initial(ALARMS, 2)
    state, outcomes = ALARMS.step(state, record)
    if dead_letters(record, outcomes):
        return Account(whole=True)
    assert record.headers["ce_type"] == TICK_TYPE or taken_by(state.join, record)
    closed_cut(ALARMS, state)
    return Account(whole=False, taken=1)


def account_view(record: LogRecord) -> Account:
    taken = 0
    for stage in (ESTIMATION, ALARMS):
        state = initial(stage, 2)
        state, outcomes = stage.step(state, record)
        if not dead_letters(record, outcomes):
            taken += 1
            closed_cut(stage, state)
    assert taken in (0, 2), "one stage reads what the other refuses"
    return Account(whole=not taken, taken=taken)


def closed_cut(stage: Stage[Any], state: Any) -> None:
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
    closed(stage, state, closing, T0 + 120 * SECOND)


def state_sound(rng: random.Random) -> LogRecord:
    return logged(state_record(ALARMS.inputs[1], _state(T0 + 30 * SECOND), T0), T0 + 31 * SECOND)


def account_state(record: LogRecord) -> Account:
    state = initial(ALARMS, 2)
    state, outcomes = ALARMS.step(state, record)
    if dead_letters(record, outcomes):
        return Account(whole=True)
    assert taken_by(state.join, record)
    closed_cut(ALARMS, state)
    return Account(whole=False, taken=1)
