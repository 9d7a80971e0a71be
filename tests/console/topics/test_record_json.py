"""Every record type as JSON that any program can read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from console.topics.record_json import as_json_line, as_tree
from records.alarm import Alarm, AlarmKind, AlarmSeverity, LeadTime, alarm_record
from records.deadletter import dead_letter_record
from records.deadline import DeadlineEvent, Severity, deadline_record
from records.errors import Reason, RecordError
from records.finding import Finding, findings_record
from records.forecast import ForecastLevel, SeriesMeta, forecast_record, level_meta
from records.late import LateParts, LateReadings, late_parts_record, late_record
from records.log import LogRecord, Outgoing
from records.meter import MeterDocument, MeterSeries, meter_record
from records.meter_approval import Decision, MeterApproval, approval_record
from records.meter_estimate import (
    EstimateInputs,
    EstimateMethod,
    MeterEstimate,
    estimate_record,
)
from records.operator_act import ActKind, OperatorAct, act_record
from records.rupture import Evidence, RuptureEvent, RuptureKind, rupture_record
from records.scada import ScadaFrame, frame_record
from records.state import NetworkState, RegionBalance, state_record
from records.tick import tick_record
from records.time import HOUR, parse_time
from records.topics import CATALOGUE
from records.view import ScadaView, view_record
from records.weather import WeatherQuantity, WeatherRecord, weather_record
from records.window import WindowBatch, window_record

NOON = parse_time("2014-11-10T12:00:00Z")


def appended(outgoing: Outgoing, offset: int = 3) -> LogRecord:
    return LogRecord(
        outgoing.topic,
        outgoing.partition,
        offset,
        NOON,
        outgoing.value,
        outgoing.key,
        dict(outgoing.headers),
    )


def floats(*values: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array(values, np.float64)


FRAME = ScadaFrame(
    0, "gw", 1, NOON, 1, np.array([7], np.uint32), floats(1.5), np.zeros(1, np.uint16),
    np.zeros(1, np.int32),
)  # fmt: skip
ESTIMATE = MeterEstimate(
    0, "m", "m", HOUR, [NOON], [1.5], [1], EstimateMethod.TYPICAL_SCALED,
    EstimateInputs([], 0.0, 0, NOON, NOON, 0, "", 1.0), "missing", "rule:test/1", NOON,
)  # fmt: skip
APPROVAL = MeterApproval(0, "m", [NOON], [1], Decision.APPROVE, "Anna", NOON, "seen")
VIEW = ScadaView(
    0, NOON, 1, np.array([7], np.uint32), floats(np.nan), np.array([8192], np.uint16),
    np.zeros(1, np.float32),
)  # fmt: skip
WINDOW = WindowBatch(
    0, NOON, HOUR, 9, np.array(["load:1 p_mw"], object), np.ones(1, np.int32), floats(2.0),
    floats(3.0), floats(1.0), floats(3.0), floats(2.0), np.ones(1, np.int32), floats(0.0),
    np.zeros(1, np.uint16),
)  # fmt: skip
STATE = NetworkState(
    NOON, "case", True, "", 3, 1.1, *(floats(1.0, np.nan).tobytes() for _ in range(6)),
    {"0": 1.0}, [], 10, 1, NOON, {"branch:7": False}, 1.0,
    {"0": RegionBalance(100.0, -20.0, 5.0, 125.0)},
)  # fmt: skip
FORECAST = ForecastLevel(
    "total",
    level_meta(
        run="R1", issue_time=NOON, start=NOON, step=HOUR, n_steps=2, quantiles=[0.5], unit="MW",
        hierarchy_version="1", series={"total": SeriesMeta(None, {"gam": "1"}, "gam", "", {})},
    ),
    ("total",),
    np.array([[[1.0, 2.0], [1.5, 2.5]]]),
)  # fmt: skip
RUPTURE = RuptureEvent("total", NOON, NOON, RuptureKind.LEVEL, Evidence(9.0, 5.0, 1.0, None))
METER = MeterDocument(0, "s", "d", 0, 1, HOUR, NOON, "MWh", [MeterSeries("m", [NOON], [None])])
WEATHER = WeatherRecord("st", WeatherQuantity.TEMPERATURE, None, NOON, [NOON], [20.0])
ALARM = Alarm(
    "branch:1", "", AlarmKind.LOADING, AlarmSeverity.MINOR, 4, LeadTime.OPERATIONAL, NOON, NOON,
    NOON, HOUR, 103.0, 100.0, "MVA", 103.0, "branch:1",
)  # fmt: skip
ACT = OperatorAct("branch:1", ActKind.SHELVE, NOON, "ana", until=NOON + HOUR)
TOO_LATE = LateReadings(
    0, 7, NOON, HOUR, False, np.array([NOON], np.int64), np.array(["a"], object)
)
LATE_PARTS = LateParts(0, 7, 3, NOON, TOO_LATE.start, TOO_LATE.series)
LATE = DeadlineEvent("short", Severity.ALARM, NOON, NOON, NOON, "late")

EXAMPLES: dict[str, tuple[Outgoing, dict[str, Any]]] = {
    "gridcast.tick.v1": (tick_record("t", 0, NOON, "gw"), {"time": "2014-11-10T12:00:00Z"}),
    "gridcast.scada.frame.v1": (
        frame_record("t", FRAME),
        {"scan_time": "2014-11-10T12:00:00Z", "point": [7], "value": [1.5]},
    ),
    "gridcast.meter.read.v1": (
        meter_record("t", METER),
        {"period": "PT1H", "available_at": "2014-11-10T12:00:00Z", "unit": "MWh"},
    ),
    "gridcast.weather.v1": (
        weather_record("t", WEATHER, "gw"),
        {"valid_time": ["2014-11-10T12:00:00Z"], "issue_time": None, "value": [20.0]},
    ),
    "gridcast.scada.view.v1": (view_record("t", VIEW, NOON), {"value": [None]}),
    "gridcast.window.v1": (
        window_record("t", WINDOW, NOON),
        {"start": "2014-11-10T12:00:00Z", "length": "PT1H", "series": ["load:1 p_mw"]},
    ),
    "gridcast.window.late.v1": (
        late_record("t", TOO_LATE, NOON),
        {"known": "2014-11-10T12:00:00Z", "start": ["2014-11-10T12:00:00Z"], "series": ["a"]},
    ),
    "gridcast.window.late.parts.v1": (
        late_parts_record("t", LATE_PARTS),
        {"known": "2014-11-10T12:00:00Z", "start": ["2014-11-10T12:00:00Z"], "series": ["a"]},
    ),
    "gridcast.meter.approval.v1": (
        approval_record("t", APPROVAL),
        {"decision": "approve", "by": "Anna", "at": "2014-11-10T12:00:00Z", "revision": [1]},
    ),
    "gridcast.meter.estimate.v1": (
        estimate_record("t", ESTIMATE),
        {"period": "PT1H", "start": ["2014-11-10T12:00:00Z"], "known_at": "2014-11-10T12:00:00Z"},
    ),
    "gridcast.finding.v1": (
        findings_record("t", 0, [Finding("p", "range", NOON, 1.0, "below 0")], "area-0", NOON),
        {},
    ),
    "gridcast.network.state.v1": (
        state_record("t", STATE, NOON),
        {
            "v_pu": [1.0, None],
            "topology_since": "2014-11-10T12:00:00Z",
            "switched": {"branch:7": False},
            "regions": {
                "0": {
                    "production_mw": 100.0,
                    "net_export_mw": -20.0,
                    "distributed_mw": 5.0,
                    "consumption_mw": 125.0,
                }
            },
        },
    ),
    "gridcast.network.alarm.v1": (
        alarm_record("t", ALARM, NOON),
        {"raised": "2014-11-10T12:00:00Z", "permitted": "PT1H", "cleared": None},
    ),
    "gridcast.operator.act.v1": (act_record("t", ACT), {"until": "2014-11-10T13:00:00Z"}),
    "gridcast.forecast.v1": (forecast_record("t", FORECAST, NOON), {"level": "total"}),
    "gridcast.monitor.rupture.v1": (rupture_record("t", [RUPTURE], NOON), {}),
    "gridcast.monitor.deadline.v1": (
        deadline_record("t", LATE, "watcher"),
        {"severity": "alarm", "issue_time": "2014-11-10T12:00:00Z"},
    ),
    "gridcast.dead-letter.v1": (
        dead_letter_record(
            "t", appended(tick_record("t", 0, 1, "x")), RecordError(Reason.UNDECODABLE, "x"),
            source="s",
        ),
        {"reason": "undecodable", "offset": 3},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", EXAMPLES)
def test_each_type_is_read_into_strict_json(kind: str) -> None:
    outgoing, expected = EXAMPLES[kind]
    tree = json.loads(as_json_line(appended(outgoing)), parse_constant=pytest.fail)
    assert "error" not in tree
    assert tree["type"] == kind
    assert tree["append_time"] == "2014-11-10T12:00:00Z"
    content = tree["data"]
    assert {key: content[key] for key in expected} == expected


def test_every_type_of_the_catalogue_is_shown_or_not_produced_yet() -> None:
    not_yet = {"gridcast.schedule.v1"}
    named = {kind for topic in CATALOGUE.values() for kind in topic.types}
    assert named - not_yet <= set(EXAMPLES)


def test_a_forecast_carries_its_numbers_with_each_series() -> None:
    series = as_tree(appended(EXAMPLES["gridcast.forecast.v1"][0]))["data"]["series"]["total"]
    assert series["mean"] == [1.0, 2.0]
    assert series["quantile_values"] == [[1.5, 2.5]]
    assert series["method"] == "gam"


def test_what_cannot_be_read_is_shown_as_bytes_with_the_reason() -> None:
    record = LogRecord("t", 0, 0, NOON, b"\x00\x01", b"", {"ce_type": "gridcast.tick.v1"})
    tree = as_tree(record)
    assert "undecodable" in tree["error"]
    assert tree["bytes"] == "AAE="
    assert "data" not in tree


def test_a_record_of_an_unknown_type_is_shown_too() -> None:
    assert "ce_type is missing" in as_tree(LogRecord("t", 0, 0, NOON, b""))["error"]
    strange = LogRecord("t", 0, 0, NOON, b"", b"", {"ce_type": "other.v1"})
    assert "other.v1" in as_tree(strange)["error"]
