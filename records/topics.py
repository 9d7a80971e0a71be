"""The topic catalogue: name, key, partitions, retention, compaction and event types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from records.time import DAY, HOUR

__all__ = ["CATALOGUE", "Partitioning", "Topic", "topic_name"]


class Partitioning(StrEnum):
    """How many partitions a topic has."""

    AREA = "area"
    """One partition an area; the partition number is the area number."""
    SINGLE = "single"


@dataclass(frozen=True, slots=True)
class Topic:
    """One line of the catalogue.

    Parameters
    ----------
    name
        Without the ``gridcast.NAMESPACE.`` prefix, with its version.
    key
        What the record key holds.
    raw
        Raw input: the broker stamps its own append time, and values are kept as received.
    compacted
        Only the last record of each key is kept beyond `retention_ns`.
    types
        CloudEvents types that may appear.
    """

    name: str
    key: str
    partitioning: Partitioning
    retention_ns: int
    raw: bool
    compacted: bool
    types: tuple[str, ...]
    about: str


_TICK = "gridcast.tick.v1"
_AREA, _SINGLE = Partitioning.AREA, Partitioning.SINGLE

CATALOGUE: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            "scada.frame.v1", "area", _AREA, 2 * DAY, True, False,
            ("gridcast.scada.frame.v1", _TICK), "SCADA scans, one record a scan of one area",
        ),
        Topic(
            "meter.read.v1", "area", _AREA, 7 * DAY, True, False,
            ("gridcast.meter.read.v1", "gridcast.meter.approval.v1", _TICK),
            "Meter documents, versioned, and decisions of people on estimates",
        ),
        Topic(
            "weather.v1", "station", _SINGLE, 30 * DAY, True, False,
            ("gridcast.weather.v1", _TICK), "Weather observations and forecasts as issued",
        ),
        Topic(
            "schedule.v1", "element", _SINGLE, 30 * DAY, True, False,
            ("gridcast.schedule.v1", _TICK), "Schedules of units, factories and topology",
        ),
        Topic(
            "operator.act.v1", "element", _SINGLE, 30 * DAY, True, False,
            ("gridcast.operator.act.v1", _TICK), "What operators did: shedding, curtailment",
        ),
        Topic(
            "scada.view.v1", "area", _AREA, 6 * HOUR, False, False,
            ("gridcast.scada.view.v1",), "Validated and imputed scans, flagged",
        ),
        Topic(
            "window.5min.v1", "area", _AREA, 14 * DAY, False, False,
            ("gridcast.window.v1",), "Closed windows and their revisions",
        ),
        Topic(
            "window.15min.v1", "area", _AREA, 30 * DAY, False, False,
            ("gridcast.window.v1",), "Windows of 15 minutes, with their 95 % quantile",
        ),
        Topic(
            "window.30min.v1", "area", _AREA, 30 * DAY, False, False,
            ("gridcast.window.v1",), "Windows of 30 minutes, from those of 15",
        ),
        Topic(
            "window.60min.v1", "area", _AREA, 30 * DAY, False, False,
            ("gridcast.window.v1",), "Windows of an hour, from those of 15 minutes",
        ),
        Topic(
            "window.day.v1", "area", _AREA, 90 * DAY, False, False,
            ("gridcast.window.v1",), "Local days of 23, 24 or 25 hours, from 15 minutes",
        ),
        Topic(
            "window.late.v1", "area", _AREA, 14 * DAY, False, False,
            ("gridcast.window.late.v1", "gridcast.window.late.parts.v1"),
            "Windows to be made again: readings came too late",
        ),
        Topic(
            "window.rebuilt.v1", "area", _AREA, 2 * DAY, False, False,
            ("gridcast.window.v1",), "Windows made again, on their way (embedded log only)",
        ),
        Topic(
            "meter.interval.v1", "area", _AREA, 30 * DAY, False, False,
            ("gridcast.window.v1",), "Metered intervals as mean power, and their revisions",
        ),
        Topic(
            "meter.estimate.v1", "meter", _AREA, 90 * DAY, False, False,
            ("gridcast.meter.estimate.v1", _TICK), "Estimates of metered energy, and reversals",
        ),
        Topic(
            "finding.v1", "area", _AREA, 14 * DAY, False, False,
            ("gridcast.finding.v1",), "What validation and checks found",
        ),
        Topic(
            "network.state.v1", "network", _SINGLE, 14 * DAY, False, False,
            ("gridcast.network.state.v1",), "Estimated states",
        ),
        Topic(
            "network.alarm.v1", "element", _SINGLE, 90 * DAY, False, False,
            ("gridcast.network.alarm.v1",), "Limit alarms",
        ),
        Topic(
            "forecast.v1", "level", _SINGLE, 30 * DAY, False, False,
            ("gridcast.forecast.v1",), "Published forecasts, one record a level and issue",
        ),
        Topic(
            "monitor.rupture.v1", "series", _SINGLE, 90 * DAY, False, False,
            ("gridcast.monitor.rupture.v1",), "Ruptures and outliers, with their evidence",
        ),
        Topic(
            "monitor.deadline.v1", "product", _SINGLE, 90 * DAY, False, False,
            ("gridcast.monitor.deadline.v1",), "Late forecasts: warnings, alarms, clearances",
        ),
        Topic(
            "dead-letter.v1", "origin", _SINGLE, 90 * DAY, False, False,
            ("gridcast.dead-letter.v1",), "What could not be read or placed",
        ),
    )
}  # fmt: skip
"""Every topic by its name without prefix."""


def topic_name(namespace: str, name: str) -> str:
    """Full name of a catalogue topic in a namespace.

    >>> topic_name("demo", "scada.frame.v1")
    'gridcast.demo.scada.frame.v1'
    """
    return f"gridcast.{namespace}.{CATALOGUE[name].name}"
