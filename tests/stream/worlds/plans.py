"""What runs in a world, and what comes in.

Another stage is another line in one of the lists of stages: its outputs are compared, recorded
and followed like all others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from network.model import Network
from records.log import Partition
from records.meter import MeterDocument, MeterSeries, meter_record
from records.points import ElementKind, Point, PointRegister, Quantity
from records.snapshot import pack, unpack
from records.time import HOUR, MINUTE, SECOND, parse_time
from records.topics import topic_name
from records.weather import WeatherQuantity, WeatherRecord, weather_record
from stream.alarms import AlarmSettings, AlarmStage
from stream.area import AreaSettings, AreaStage
from stream.estimation import EstimationSettings, EstimationStage
from stream.fold import FoldLimits
from stream.forecast_plan import ForecastPlan, TrainingSet
from stream.forecast_stage import ForecastStage, ForecastState
from stream.local_clock import LocalClock
from stream.meter_check import CheckLimits
from stream.meter_estimates import EstimateSettings, MeterEstimateStage
from stream.metering import MeteringSettings, MeteringStage
from stream.rollup import RollupStage
from stream.stage import Stage
from stream.validation import RuleLimits
from stream.watermark import Disorder
from stream.windows import WindowSettings
from tests.stream.four_buses import AREA_OF, NETWORK, REGISTER, truth
from tests.stream.worlds.raw_logs import (
    METERS,
    Era,
    RawLogs,
    Sent,
    appended,
    grid_logs,
    mangled,
    ticks,
)

__all__ = ["FORECAST", "GRID", "PICTURE", "ROLLUP", "Plan", "plan_of"]


@dataclass(frozen=True)
class Plan:
    """What a world is made of.

    Parameters
    ----------
    name
        For messages.
    areas
        How many areas there are.
    stages
        Makes the stages afresh, as a process does when it starts; producers first.
    raw_logs
        Makes the raw logs of a seed.
    """

    name: str
    areas: int
    stages: Callable[[], Sequence[Stage[Any]]]
    raw_logs: Callable[[int], RawLogs]


CLOCK = LocalClock(UTC)
WINDOW = MINUTE
SHORT = Era(parse_time("2014-11-10T00:00:00Z"), 210)
LONG = Era(parse_time("2014-11-10T23:15:00Z"), 210, 15 * SECOND)
"""Long enough for quarters of an hour, and for a day to end."""
_TWO_AREAS: Network = replace(
    NETWORK, buses=replace(NETWORK.buses, area=np.array(["a", "b"])[AREA_OF])
)


def _register() -> PointRegister:
    """The telemetry of the four buses, with one point in each area that speaks by exception.

    Two breakers are telemetered besides: of a line in the triangle, and of the one to bus 4.
    """
    points = [
        replace(point, deadband=1.0 if point.number % 10_000 == 11 else 0.0, max_rate=0.5)
        for point in REGISTER.points
    ]
    branch, status = ElementKind.BRANCH, Quantity.STATUS
    return PointRegister(
        [
            *points,
            Point("branch:0 from closed", 900, 0, branch, "0", status, 0.0, "from", 1.0, 0.0, 1.0),
            Point("branch:3 closed", 10_900, 1, branch, "3", status, 0.0, "", 1.0, 0.0, 1.0),
        ]
    )


_REGISTER = _register()


def _area(length: int, long: int, unit: int) -> AreaSettings:
    return AreaSettings(
        disorder=Disorder(10 * unit, silence=20 * unit),
        silence=30 * unit,
        windows=WindowSettings(
            length=length,
            long=long,
            hot_retention=240 * unit,
            fold=FoldLimits(
                reach=25 * unit,
                carry=90 * unit,
                rules=RuleLimits(frozen_after=40 * unit, reference_age=120 * unit),
            ),
        ),
    )


def _metering(window: int, unit: int) -> MeteringSettings:
    return MeteringSettings(
        points={f"meter:{bus}": f"{bus} p_mw" for bus in (2, 3, 4)},
        keep=480 * unit,
        beat=window,
        check=CheckLimits(window=window, imputed_share=0.9, keep=360 * unit),
    )


_ESTIMATION = EstimationSettings(cadence=WINDOW)
_ALARMS = AlarmSettings(cadence=WINDOW, screen_every=5, acts=True)


def picture_stages() -> list[Stage[Any]]:
    """What runs by area."""
    return [
        AreaStage("test", _REGISTER, CLOCK, _area(WINDOW, 3 * WINDOW, SECOND)),
        MeteringStage("test", _metering(WINDOW, SECOND)),
    ]


def long_stages() -> list[Stage[Any]]:
    """What runs by area, at lengths from which longer windows are rolled up."""
    return [
        AreaStage("test", _REGISTER, CLOCK, _area(5 * MINUTE, 15 * MINUTE, LONG.unit)),
        MeteringStage("test", _metering(5 * MINUTE, LONG.unit)),
        RollupStage("test", CLOCK),
        MeterEstimateStage("test", CLOCK, EstimateSettings(wait=0, consolidated_after=1)),
    ]


def grid_stages() -> list[Stage[Any]]:
    """What runs by area, and what joins the areas."""
    return [
        *picture_stages(),
        EstimationStage("test", _TWO_AREAS, _REGISTER, _ESTIMATION),
        AlarmStage("test", _TWO_AREAS, _REGISTER, _ALARMS),
    ]


@cache
def _readings() -> list[dict[int, tuple[float, float]]]:
    values = truth()
    for load, power in (("2", 60.0), ("3", 60.0), ("4", 30.0)):
        values |= {f"{load} p_mw": power, f"{load} q_mvar": 0.0}
    for part in ("p_mw", "q_mvar"):
        values |= {"branch:0 from closed": 1.0, "branch:3 closed": 1.0}
        values[f"0 {part}"] = values[f"branch:0 from {part}"] + values[f"branch:1 from {part}"]
    return [
        {p.number: (values[p.id], p.sigma) for p in _REGISTER.points if p.area == area}
        for area in (0, 1)
    ]


def short_raw_logs(seed: int) -> RawLogs:
    """Logs of minutes."""
    return grid_logs(seed, SHORT, _readings())


def long_raw_logs(seed: int) -> RawLogs:
    """Logs of hours."""
    return grid_logs(seed, LONG, _readings())


PICTURE = Plan("picture", 2, picture_stages, short_raw_logs)
ROLLUP = Plan("rollup", 2, long_stages, long_raw_logs)
GRID = Plan("grid", 2, grid_stages, short_raw_logs)

N_PAST = 100 * 24
N_HOURS = 10
BEGIN = parse_time("2024-01-01T00:00:00Z")
NOW = BEGIN + N_PAST * HOUR
WEATHER = topic_name("test", "weather.v1")


def _load_mw(hours: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """A daily shape in two zones, shape (n_hours, 2)."""
    shape = 1.0 + 0.3 * np.sin(2 * np.pi * (hours % 24) / 24) - 0.01 * _degrees(hours)
    noise = np.random.default_rng(5).standard_normal((4_000, 2))[hours] * 0.01
    return np.stack([100.0 * shape, 50.0 * shape], axis=1) * np.exp(noise)


def _degrees(hours: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    days = np.random.default_rng(6).standard_normal(2_000)[hours // 24]
    return np.asarray(5.0 * np.sin(2 * np.pi * hours / 24) + 4.0 * days)


class TrainedStage(ForecastStage):
    """Trains once for all worlds: the first state is a constant."""

    def initial(self, partitions: Sequence[Partition]) -> ForecastState:
        """State after training."""
        return self.load(unpack(_trained(tuple(partitions))))


@cache
def _trained(partitions: tuple[Partition, ...]) -> bytes:
    stage = ForecastStage("test", _forecast_plan(), _training())
    return pack(stage.dump(stage.initial(partitions)))


@cache
def _forecast_plan() -> ForecastPlan:
    return ForecastPlan(
        product="short",
        hierarchy=Hierarchy(
            ("total", "north", "south"),
            ("total", "zone", "zone"),
            (None, "total", "total"),
            version="7",
        ),
        calendar=Calendar("UTC", HOUR),
        n_steps=30,
        cadence=HOUR,
        fine_step=HOUR,
        source="meter.interval.v1",
        stations=("s",),
        weights=np.ones((3, 1)),
    )


@cache
def _training() -> TrainingSet:
    past = np.arange(N_PAST)
    return TrainingSet(BEGIN, _load_mw(past), _degrees(past)[:, None])


def forecast_stages() -> list[Stage[Any]]:
    """From meter documents and weather to forecasts."""
    return [
        MeteringStage("test", MeteringSettings(beat=HOUR)),
        TrainedStage("test", _forecast_plan(), _training()),
    ]


def forecast_raw_logs(seed: int) -> RawLogs:
    """Hourly documents and weather as issued, late, corrected, withdrawn and mangled."""
    rng = random.Random(seed)
    hours = np.arange(N_PAST, N_PAST + N_HOURS)
    meters: list[Sent] = []
    for hour, loads in zip(range(N_HOURS), _load_mw(hours), strict=True):
        for run in (0, 1) if rng.random() < 0.3 else (0,):
            known = 3600 * (hour + 1 + 2 * run) + rng.randrange(1, 600)
            factor = rng.choice([1.0, 0.5, 2.0]) if run == 0 and rng.random() < 0.2 else 1.0
            series = [
                MeterSeries(name, [NOW + hour * HOUR], [load * factor], withdrawn_reading=[gone])
                for name, load in zip(("north", "south"), loads.tolist(), strict=True)
                for gone in [rng.random() < 0.05]
            ]
            document = MeterDocument(
                0, "mdm", f"d{hour}", run, 1, HOUR, NOW + known * SECOND, "MWh", series
            )
            sent = meter_record(METERS, document)
            sent = mangled(rng, sent) if rng.random() < 0.05 else sent
            delay = rng.uniform(0, 7200) if rng.random() < 0.15 else 0
            meters.append((known + delay, sent))
            if rng.random() < 0.1:
                meters.append((known + delay + 60, sent))
    weather: list[Sent] = []
    for hour in range(0, N_HOURS, rng.choice([1, 3])):
        issued = NOW + hour * HOUR
        told = WeatherRecord(
            "s", WeatherQuantity.TEMPERATURE, issued, issued,
            [issued + i * HOUR for i in range(36)],
            (_degrees(N_PAST + hour + np.arange(36)) + rng.gauss(0, 1)).tolist(),
        )  # fmt: skip
        sent = weather_record(WEATHER, told, "met")
        sent = mangled(rng, sent) if rng.random() < 0.05 else sent
        weather.append((3600 * hour + rng.uniform(0, 5000), sent))
        if rng.random() < 0.1:
            weather.append((3600 * hour + 5000, sent))
    logs, era = {}, Era(NOW, 3600 * N_HOURS)
    for topic, sent in ((METERS, meters), (WEATHER, weather)):
        sent += ticks(topic, 0, era, every=1800, more=7200)
        logs[Partition(topic, 0)] = appended(topic, 0, era, sent)
    return logs


FORECAST = Plan("forecast", 1, forecast_stages, forecast_raw_logs)


_TURNS = (PICTURE, GRID, ROLLUP, GRID, FORECAST)


def plan_of(seed: int) -> Plan:
    """Return the plan of a world; every five seeds have all of them."""
    return _TURNS[seed % len(_TURNS)]
