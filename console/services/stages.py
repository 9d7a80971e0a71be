"""The stages of a run by name, made from its settings and its scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from console.historian_access import open_historian
from console.services.history import training_set
from console.services.run_file import RunFile
from console.services.scenario import HISTORY_START, Scenario
from console.settings import nanoseconds
from network.alarm_rules import AlarmRules
from network.limits import RatingKind
from records.log import Partition
from records.time import DAY
from records.topics import topic_name
from storage.historian_classes import CLASSES, HistoryClass
from storage.redis_refill import READ_MODEL_TOPICS
from stream.alarms import AlarmSettings, AlarmStage
from stream.area import AreaSettings, AreaStage
from stream.estimation import EstimationSettings, EstimationStage
from stream.forecast_stage import ForecastStage
from stream.imputation import FillLimits
from stream.meter_check import CheckLimits
from stream.meter_estimates import MeterEstimateStage
from stream.metering import MeteringSettings, MeteringStage
from stream.relay import RelayStage
from stream.rollup import RollupStage
from stream.stage import Stage
from stream.watermark import Disorder
from stream.windows import WindowSettings

__all__ = [
    "STAGES_OF",
    "area_settings",
    "metering_settings",
    "shown_by",
    "slots_of",
    "stage_named",
    "written_by",
]

STAGES_OF: dict[str, tuple[str, ...]] = {
    "processor": ("area", "relay", "metering", "meter_estimates", "rollup"),
    "forecaster": ("estimation", "forecast"),
    "alarms": ("alarms",),
}
"""Stages that share a process over the embedded log; over Kafka each has its own, and no relay.
Alarms never share one: they must not wait for an estimate or a forecast."""

_MARGIN = DAY
"""A request is answered within this: the readings it needs are still kept then."""

_SHOWN_BY: dict[str, tuple[str, ...]] = {
    "estimation": ("network.state.v1",),
    "alarms": ("network.alarm.v1",),
    "forecast": ("monitor.rupture.v1", "forecast.v1"),
    "forecaster": tuple(name for name in READ_MODEL_TOPICS if name != "network.alarm.v1"),
}


def stage_named(name: str, run: RunFile, scenario: Scenario) -> Stage[Any]:
    """Return a stage of the run."""
    space = run.settings.namespace
    if name == "area":
        return AreaStage(space, scenario.register, scenario.clock, area_settings(run))
    if name == "relay":
        return RelayStage(space)
    if name == "metering":
        return MeteringStage(space, metering_settings(run))
    if name == "meter_estimates":
        return MeterEstimateStage(space, scenario.clock)
    if name == "rollup":
        return RollupStage(space, scenario.clock)
    if name == "estimation":
        return EstimationStage(
            space, scenario.network, scenario.register, _estimation_settings(run)
        )
    if name == "alarms":
        return AlarmStage(space, scenario.network, scenario.register, _alarm_settings(run))
    if name == "forecast":
        with open_historian(run.settings) as historian:
            training = training_set(historian, scenario.plan, HISTORY_START, run.start)
        return ForecastStage(space, scenario.plan, training)
    raise ValueError(f"there is no stage {name!r}")


def shown_by(name: str) -> tuple[str, ...]:
    """Topics whose records a process copies to Redis, by its role or its stage.

    >>> shown_by("alarms"), shown_by("area")
    (('network.alarm.v1',), ())
    """
    return _SHOWN_BY.get(name, ())


def slots_of(role: str, run: RunFile, scenario: Scenario) -> Mapping[str, int]:
    """Partitions that a process writes instead of those its stages name.

    Only over the embedded log, where the processor holds the partitions of the areas and the
    first of the dead letters. (The third of these is the rebuild service's.)
    """
    space, areas = run.settings.namespace, len(scenario.register.areas)
    if role == "forecaster":
        return {
            topic_name(space, "dead-letter.v1"): 1,
            topic_name(space, "finding.v1"): areas,
        }
    return {topic_name(space, "dead-letter.v1"): 3} if role == "alarms" else {}


def written_by(role: str, run: RunFile, scenario: Scenario) -> list[Partition]:
    """Partitions of the embedded log that a process fills."""
    space, areas = run.settings.namespace, range(len(scenario.register.areas))
    if role == "processor":
        windows = ("5min", "15min", "30min", "60min", "day", "late")
        by_area = (
            "scada.view.v1",
            *(f"window.{length}.v1" for length in windows),
            "meter.interval.v1",
            "meter.estimate.v1",
            "finding.v1",
        )
        names = [(name, area) for name in by_area for area in areas]
        return [Partition(topic_name(space, n), a) for n, a in (*names, ("dead-letter.v1", 0))]
    single: tuple[str, ...] = ("network.state.v1", "forecast.v1", "monitor.rupture.v1")
    if role == "alarms":
        single = ("network.alarm.v1",)
    own = [Partition(topic_name(space, name), 0) for name in single]
    return own + [Partition(*slot) for slot in slots_of(role, run, scenario).items()]


def metering_settings(run: RunFile) -> MeteringSettings:
    """Settings of the metering stage, and so of intervals that are made again."""
    return MeteringSettings(
        check=CheckLimits(), rebuild_for=_rebuild_for(run, HistoryClass.METER_READS)
    )


def _rebuild_for(run: RunFile, kept_as: HistoryClass) -> int:
    """How late readings may be for their windows to be made again, ns."""
    kept = run.settings.historian.retention.get(kept_as, CLASSES[kept_as].retention)
    return max(nanoseconds(kept) - _MARGIN, 0)


def _estimation_settings(run: RunFile) -> EstimationSettings:
    estimation = run.settings.estimation
    return EstimationSettings(nanoseconds(estimation.cadence), nanoseconds(estimation.stale))


def _alarm_settings(run: RunFile) -> AlarmSettings:
    alarms = run.settings.alarms
    return AlarmSettings(
        cadence=nanoseconds(run.settings.estimation.cadence),
        screen_every=alarms.screen_every,
        rules=AlarmRules(ratings=RatingKind(alarms.ratings)),
        acts=bool(alarms.operator_acts),
    )


def area_settings(run: RunFile) -> AreaSettings:
    """Settings of the area stage, and so of windows that are made again."""
    scada = run.settings.scada
    held_for = nanoseconds(scada.held_for)
    return replace(
        AreaSettings(),
        rebuild_for=_rebuild_for(run, HistoryClass.SCADA),
        disorder=Disorder(
            nanoseconds(scada.allowed_disorder),
            {name: nanoseconds(allowed) for name, allowed in scada.disorder_by_source.items()},
            nanoseconds(scada.source_silence),
        ),
        windows=WindowSettings(hot_retention=nanoseconds(scada.hot_retention)),
        fill=FillLimits(switch_age=held_for),
    )
