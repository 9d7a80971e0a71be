"""Reads frames and views back from Kafka as they come, and says how long each view took."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from _cycle_frames import SPREAD_S
from kafka import KafkaConsumer, TopicPartition

from records.time import SECOND
from records.topics import topic_name
from storage.kafka_connection import KafkaConnection

__all__ = ["Watch", "spread_of"]

_MS = 1_000_000
_IN_TIME = int((1 + SPREAD_S + 0.5) * SECOND)
"""A frame that comes later after its scan was held up, and is no part of its cycle."""


@dataclass
class Watch:
    """Every frame that must have a view, and when that could be read.

    A frame must have one unless a newer one of its area came before it.
    """

    connection: KafkaConnection
    namespace: str
    areas: int
    start: int
    period: int
    appended: dict[tuple[int, int], int] = field(default_factory=dict)
    """Append time of each such frame by (area, scan), ns UTC by the broker's clock."""
    shown: dict[tuple[int, int], int] = field(default_factory=dict)
    """When its view could first be read, ns UTC."""
    made: dict[tuple[int, int], int] = field(default_factory=dict)
    """When the broker appended that view, ns UTC."""
    waiting: set[tuple[int, int]] = field(default_factory=set)
    late: int = 0
    repeated: int = 0
    frames: int = 0

    def __post_init__(self) -> None:
        self._frames = topic_name(self.namespace, "scada.frame.v1")
        self._views = topic_name(self.namespace, "scada.view.v1")
        self._consumer = KafkaConsumer(
            **self.connection.options("benchmark"),
            group_id=None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=200,
        )
        self._consumer.assign(
            [
                TopicPartition(topic, area)
                for topic in (self._frames, self._views)
                for area in range(self.areas)
            ]
        )
        self._newest: dict[int, int] = defaultdict(lambda: -1)

    def poll(self, seconds: float) -> None:
        """Take in what comes within some time."""
        fetched = self._consumer.poll(timeout_ms=int(1000 * seconds))
        now = time.time_ns()
        for place, records in fetched.items():
            for record in records:
                name = dict(record.headers)["ce_id"].decode()
                if place.topic == self._frames:
                    self._frame(place.partition, int(name.split("-")[-2]), record.timestamp * _MS)
                else:
                    scan_time = int(name.split("-")[-2])
                    key = place.partition, (scan_time - self.start) // self.period
                    self._view(key, record.timestamp * _MS, now)

    def _frame(self, area: int, scan: int, append_time: int) -> None:
        self.frames += 1
        if scan < self._newest[area]:
            self.late += 1
            return
        self._newest[area] = scan
        self.appended[area, scan] = append_time
        if (area, scan) not in self.shown:
            self.waiting.add((area, scan))

    def _view(self, key: tuple[int, int], append_time: int, now: int) -> None:
        self.repeated += key in self.shown
        self.made.setdefault(key, append_time)
        self.shown.setdefault(key, now)
        self.waiting.discard(key)

    def positions(self) -> dict[int, int]:
        """Next offset of the frames of each area."""
        return {
            n: self._consumer.position(TopicPartition(self._frames, n)) for n in range(self.areas)
        }

    def latencies(self, scans: Iterable[int]) -> dict[str, list[float]]:
        """How long views took, ms.

        Returns
        -------
        frame
            From the append of a frame to when its view could be read, for each that came in time.
        append
            From the append of a frame to that of its view.
        cycle
            From the append of a cycle's last frame to when its last view could be read.
        """
        frames, made, cycles = [], [], []
        for scan in scans:
            due = self.start + scan * self.period + _IN_TIME
            keys = [(area, scan) for area in range(self.areas)]
            keys = [k for k in keys if self.appended.get(k, due + 1) <= due and k in self.shown]
            if keys:
                frames += [(self.shown[k] - self.appended[k]) / _MS for k in keys]
                made += [(self.made[k] - self.appended[k]) / _MS for k in keys]
                last = max(self.appended[k] for k in keys)
                cycles.append((max(self.shown[k] for k in keys) - last) / _MS)
        return {"frame_ms": frames, "append_ms": made, "cycle_ms": cycles}


def spread_of(values: list[float]) -> dict[str, float]:
    """Median, 99 % quantile (smallest value that 99 % do not exceed) and maximum."""
    if not values:
        return {}
    p50, p99 = np.quantile(values, [0.5, 0.99], method="inverted_cdf")
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1), "max": round(max(values), 1)}
