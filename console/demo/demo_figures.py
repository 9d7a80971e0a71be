"""The figures of a demo, read back from Redis and from the topics as any consumer would."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from redis import Redis

from console.demo.day_ahead import HourlyValues, LevelScore, day_ahead_scores
from console.demo.telemetry_scores import FlowScore, ImputationScore, TelemetryScores, flow_error
from console.doctor.coherence import (
    Coherence,
    PublishedLevel,
    coherence_of_run,
    from_redis,
    from_topic_value,
    worst,
)
from console.historian_access import open_historian
from console.services.gateway import SENT_FILE
from console.services.run_file import RunFile
from console.services.scenario import Scenario
from console.whole_partition import whole_partition
from forecasting.hierarchy import Hierarchy
from ingest.twin.truth import TimedTable, read_truth
from records.alarm import AlarmKind, decode_alarm
from records.deadletter import decode_dead_letter
from records.log import LogReader, LogRecord, Partition
from records.state import decode_state
from records.time import DAY, HOUR
from records.topics import topic_name
from records.view import decode_view
from records.window import decode_window
from storage.historian_classes import HistoryClass

__all__ = ["DemoFigures", "LogScan", "read_figures"]

_LEVELS = ("bus", "region", "total")


@dataclass(frozen=True, slots=True)
class DemoFigures:
    """What a demo came to; MAPE by level, in percent."""

    records_in: int
    windows_closed: int
    dead_letters: int
    forecasts_published: int
    n_issues: int
    coherence: Coherence
    coherence_in_redis: Coherence
    flows: FlowScore
    raw_flows: FlowScore
    imputation: ImputationScore
    mape: Mapping[str, LevelScore]
    alarms: Mapping[AlarmKind, int] = field(default_factory=dict)
    """Excursions by kind."""

    def as_json(self, wall_s: float) -> dict[str, object]:
        """Return exactly the fields that outside programs rely on."""
        largest = max(self.coherence.relative, self.coherence_in_redis.relative)
        return {
            "records_in": self.records_in,
            "windows_closed": self.windows_closed,
            "dead_letters": self.dead_letters,
            "forecasts_published": self.forecasts_published,
            "max_incoherence": _number(largest),
            "flow_rmse_over_sigma": _number(self.flows.rmse_over_sigma),
            "raw_flow_rmse_over_sigma": _number(self.raw_flows.rmse_over_sigma),
            "mape": {
                level: {
                    "model": _number(score.model),
                    "seasonal_naive": _number(score.seasonal_naive),
                }
                for level, score in self.mape.items()
            },
            "wall_s": round(wall_s, 3),
        }


@dataclass(frozen=True, slots=True)
class LogScan:
    """Reads whole topics of a namespace."""

    reader: LogReader
    namespace: str

    def records(self, name: str) -> Iterator[LogRecord]:
        """Every record of a catalogue topic, partition after partition."""
        topic = topic_name(self.namespace, name)
        for number in self.reader.partitions(topic):
            yield from whole_partition(self.reader, Partition(topic, number))

    def distinct(self, name: str) -> Iterator[LogRecord]:
        """Every record of a topic once: what a restart repeats has the same event id."""
        told = set()
        for record in self.records(name):
            event = record.headers["ce_id"]
            if event not in told:
                told.add(event)
                yield record

    def windows_closed(self) -> int:
        """Count first revisions, one a series and window, however often they were sent."""
        closed: dict[tuple[int, int], int] = {}
        for record in self.records("window.5min.v1"):
            batch = decode_window(record.value)
            n_first = int((batch.revision == 1).sum())
            if n_first:
                closed[batch.area, batch.start] = n_first
        return sum(closed.values())

    def dead_letters(self) -> int:
        """Count refused measurements, however often they were told."""
        told = {r.key: decode_dead_letter(r.value).count for r in self.records("dead-letter.v1")}
        return sum(told.values())

    def forecasts(self) -> list[PublishedLevel]:
        """Every level of every run, each run once."""
        found = {}
        for record in self.records("forecast.v1"):
            level = from_topic_value(record.value)
            found[level.run_id, level.level] = level
        return list(found.values())

    def alarms(self) -> dict[AlarmKind, int]:
        """Count excursions beyond limits by kind, however often each was told."""
        told = (decode_alarm(record.value) for record in self.records("network.alarm.v1"))
        return Counter(kind for kind, _ in {(a.kind, (a.key, a.raised)) for a in told})

    def score_views(self, scores: TelemetryScores) -> None:
        """Compare the first view of every scan whose truth is known."""
        for record in self.distinct("scada.view.v1"):
            # The scan's time stands in the id, so that only the views wanted are decoded.
            _, _, scan_time, version = record.headers["ce_id"].split("-")
            if version == "1" and scores.wants(int(scan_time)):
                scores.take(decode_view(record.value))


def read_figures(
    run: RunFile, scenario: Scenario, reader: LogReader, client: Redis, *, timezone: str
) -> DemoFigures:
    """Read everything back and score it on the truth that the twin kept aside."""
    scan = LogScan(reader, run.settings.namespace)
    folder = run.directory / "truth"
    flows = read_truth(folder, "flows")
    views = TelemetryScores(scenario.register, flows)
    scan.score_views(views)
    published = scan.forecasts()
    by_run: dict[str, list[PublishedLevel]] = {}
    for level in published:
        by_run.setdefault(level.run_id, []).append(level)
    hierarchy = scenario.plan.hierarchy
    truth = _all_nodes(hierarchy, read_truth(folder, "hourly"))
    scores = day_ahead_scores(
        published, truth, _known_before(run, hierarchy, truth), timezone=timezone
    )
    states = (decode_state(record.value) for record in scan.distinct("network.state.v1"))
    sent = json.loads((run.directory / SENT_FILE).read_text())
    return DemoFigures(
        records_in=int(sent["measurements"]),
        windows_closed=scan.windows_closed(),
        dead_letters=scan.dead_letters(),
        forecasts_published=len({(e.run_id, name) for e in published for name in e.means}),
        n_issues=len(by_run),
        coherence=worst(coherence_of_run(levels) for levels in by_run.values()),
        coherence_in_redis=coherence_of_run(from_redis(client, run.settings.namespace)),
        flows=flow_error(states, scenario.register, flows),
        raw_flows=views.raw_flows(),
        imputation=views.imputation(),
        mape={level: scores[level] for level in _LEVELS if level in scores},
        alarms=scan.alarms(),
    )


def _all_nodes(hierarchy: Hierarchy, leaves: TimedTable) -> HourlyValues:
    """Values of every node from those of the leaves."""
    column = {name: place for place, name in enumerate(leaves.columns)}
    names = [hierarchy.ids[place] for place in hierarchy.leaves]
    nodes = hierarchy.aggregate(leaves.values[:, [column[name] for name in names]].T)
    return HourlyValues(int(leaves.times[0]), dict(zip(hierarchy.ids, nodes, strict=True)))


def _known_before(run: RunFile, hierarchy: Hierarchy, truth: HourlyValues) -> HourlyValues:
    """What the naive repeats: the recorded week before the demo, then the truth itself."""
    start = run.start - 7 * DAY
    names = [hierarchy.ids[place] for place in hierarchy.leaves]
    with open_historian(run.settings) as historian:
        times, values = historian.matrix(
            names, start, run.start, HOUR, as_of=run.start, source=HistoryClass.METER_INTERVALS
        )
    week = _all_nodes(hierarchy, TimedTable(times, tuple(names), values.T))
    joined = {
        name: np.concatenate([week.values[name], truth.over(name, run.start, run.days * 24)])
        for name in hierarchy.ids
    }
    return HourlyValues(start, joined)


def _number(value: float) -> float | None:
    """A number for JSON, which knows no NaN and no infinity."""
    return value if math.isfinite(value) else None
