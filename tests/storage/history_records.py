"""Records as the stages write them, in miniature, for tests of the historian."""

import numpy as np

from records.finding import Finding, findings_record
from records.forecast import ForecastLevel, SeriesMeta, forecast_record, level_meta, run_id
from records.log import LogRecord, Outgoing
from records.meter import MeterDocument, MeterSeries, meter_record
from records.quality import Quality
from records.rupture import Evidence, RuptureEvent, RuptureKind, rupture_record
from records.scada import ScadaFrame, frame_record
from records.state import NetworkState, RegionBalance, Removal, state_record
from records.tick import tick_record
from records.time import DAY, HOUR, MINUTE
from records.topics import topic_name
from records.view import ScadaView, view_record
from records.weather import WeatherQuantity, WeatherRecord, weather_record
from records.window import WindowBatch, window_record

T0 = 16_384 * DAY
"""2014-11-10T00:00Z."""

FRAMES = topic_name("t", "scada.frame.v1")
VIEWS = topic_name("t", "scada.view.v1")
METERS = topic_name("t", "meter.read.v1")
WEATHER = topic_name("t", "weather.v1")
WINDOWS = topic_name("t", "window.5min.v1")
QUARTERS = topic_name("t", "window.15min.v1")
HOURS = topic_name("t", "window.60min.v1")
INTERVALS = topic_name("t", "meter.interval.v1")
STATES = topic_name("t", "network.state.v1")
FORECASTS = topic_name("t", "forecast.v1")
FINDINGS = topic_name("t", "finding.v1")
RUPTURES = topic_name("t", "monitor.rupture.v1")


def logged(outgoing: Outgoing, offset: int = 0, append_time: int = 77) -> LogRecord:
    return LogRecord(
        outgoing.topic,
        outgoing.partition,
        offset,
        append_time,
        outgoing.value,
        outgoing.key,
        outgoing.headers,
    )


def frame(scan_time, values, *, area=0, sequence=1, quality=None, points=None):
    n = len(values)
    return frame_record(
        FRAMES,
        ScadaFrame(
            area,
            f"gateway-{area}",
            sequence,
            scan_time,
            1,
            np.arange(n, dtype=np.uint32) if points is None else np.array(points, np.uint32),
            np.array(values, np.float64),
            np.zeros(n, np.uint16) if quality is None else np.array(quality, np.uint16),
            np.zeros(n, np.int32),
        ),
    )


def view(scan_time, values, *, quality=None, version=1, known=None):
    """A view of points 0, 1, ..., all flagged as held unless said otherwise."""
    n = len(values)
    held = np.full(n, int(Quality.HELD), np.uint16)
    made = ScadaView(
        0, scan_time, version, np.arange(n, dtype=np.uint32), np.array(values, np.float64),
        held if quality is None else np.array(quality, np.uint16), np.zeros(n, np.float32),
    )  # fmt: skip
    return view_record(VIEWS, made, scan_time if known is None else known)


def tick(time):
    return tick_record(FRAMES, 0, time, "gateway-0")


def window(
    start, means, *, revision=1, known=None, length=5 * MINUTE, topic=WINDOWS, area=0,
    imputed_share=0.0,
):  # fmt: skip
    """A batch of series "a", "b", ... with the given means."""
    n = len(means)
    mean = np.array(means, np.float64)
    batch = WindowBatch(
        area, start, length, 0, np.array(list("abcdefgh"[:n]), object),
        np.full(n, revision, np.int32), mean, mean + 1, mean - 2, mean + 2,
        mean * length / HOUR, np.full(n, 10, np.int32), np.full(n, imputed_share),
        np.zeros(n, np.uint16),
    )  # fmt: skip
    return window_record(topic, batch, start + length if known is None else known)


def meters(start, energies, *, run=0, revision=1, available_at=T0, withdrawn=None):
    series = MeterSeries(
        "meter:1", [start + i * HOUR for i in range(len(energies))], energies, None, withdrawn
    )
    return meter_record(
        METERS,
        MeterDocument(0, "mdm", f"d{run}", run, revision, HOUR, available_at, "MWh", [series]),
    )


def weather(valid_times, values, *, issue_time=None, available_at=T0):
    record = WeatherRecord(
        "station:1", WeatherQuantity.TEMPERATURE, issue_time, available_at, valid_times, values
    )
    return weather_record(WEATHER, record, "metoffice")


def state(time, *, known=None, j_per_dof=1.1):
    columns = [np.array([1.0, np.nan]).tobytes() for _ in range(6)]
    return state_record(
        STATES,
        NetworkState(
            time, "case118", True, "", 3, j_per_dof, *columns, {"0": 2.5},
            [Removal("gen:1 p_mw", 9.0, 1.0, 2.0)], 800, 4, time - MINUTE, {"branch:7": False},
            2.5, {"0": RegionBalance(100.0, -20.0, 5.0, 125.0)},
        ),
        time + MINUTE if known is None else known,
    )  # fmt: skip


def forecast(issue_time, means):
    """One series "total" with one quantile, hourly from the issue."""
    mean = np.array(means, np.float64)
    meta = level_meta(
        run=run_id(issue_time, "short"), issue_time=issue_time, start=issue_time, step=HOUR,
        n_steps=len(mean), quantiles=[0.9], unit="MW", hierarchy_version="7",
        series={"total": SeriesMeta(None, {"gam": "3"}, "reconciled", "model", {"imputed": 0.1})},
    )  # fmt: skip
    level = ForecastLevel("total", meta, ("total",), np.stack([mean, mean + 5])[None])
    return forecast_record(FORECASTS, level, issue_time)


def finding(time):
    findings = [Finding("load:1 p_mw", "range", time, 1e6, "0 to 500 MW")]
    return findings_record(FINDINGS, 0, findings, "area-0", time + MINUTE)


def rupture(time):
    event = RuptureEvent(
        "total", time, time + HOUR, RuptureKind.LEVEL, Evidence(9.5, 5.0, 10.0, 20.0)
    )
    return rupture_record(RUPTURES, [event], time)
