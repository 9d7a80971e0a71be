"""What is fuzzed: for each kind of record a sound one, its mutants, and a strict account of each.

A mutant is dead-lettered whole, or what it holds is in the state of whoever takes it, but for the
rows that are dead-lettered apart. Nothing else may become of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.stream.fuzz.joined_targets import (
    account_act,
    account_state,
    account_view,
    account_weather,
    act_sound,
    state_sound,
    view_columns,
    view_sound,
    weather_sound,
)
from tests.stream.fuzz.raw_targets import (
    account_frame,
    account_meter,
    frame_columns,
    frame_sound,
    json_frame_sound,
    meter_sound,
    tick_sound,
)
from tests.stream.fuzz.recorded_targets import RECORDED
from tests.stream.fuzz.request_targets import REQUESTS
from tests.stream.fuzz.target import Target
from tests.stream.fuzz.window_targets import (
    account_joined,
    account_window,
    joined_sound,
    window_columns,
    window_sound,
)

__all__ = ["TARGETS"]

TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target("frame", frame_sound, account_frame, frame_columns),
        Target("JSON frame", json_frame_sound, account_frame),
        Target("tick", tick_sound, account_frame),
        Target("meter document", meter_sound, account_meter),
        Target("weather", weather_sound, account_weather),
        Target("operator act", act_sound, account_act),
        Target("view", view_sound, account_view, view_columns),
        Target("window", window_sound, account_window, window_columns),
        Target("joined window", joined_sound, account_joined, window_columns),
        Target("state", state_sound, account_state, json=False),
        *RECORDED,
        *REQUESTS,
    )
}
