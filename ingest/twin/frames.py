"""Readings as the frames of the area gateways, with what happens to frames on their way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ingest.twin.delivery import Queue, Sent
from ingest.twin.faults import DayFaults, FrameFault
from ingest.twin.measuring import Readings
from ingest.twin.register import Telemetry
from records.scada import ScadaFrame, frame_record
from records.time import DAY, MINUTE

__all__ = ["UNKNOWN_POINT", "FrameNotes", "Gateways"]

UNKNOWN_POINT = np.uint32(4_000_000_000)
"""A point number that no register has."""

_LATEST = 30 * MINUTE
_CORRECTED_WITHIN = 90 * MINUTE
_CORRECTED_POINTS = 12


@dataclass(slots=True)
class FrameNotes:
    """Collects which frames met a fault: scan time, area and `FrameFault`."""

    rows: list[tuple[int, int, int]] = field(default_factory=list)


class Gateways:
    """One gateway an area; each sends its scans in order, unless a fault befalls one.

    A remote terminal has its own offset within the second after the scan's nominal time.
    Values are those of the nominal time.
    """

    def __init__(self, telemetry: Telemetry, topic: str, period: int, seed: int) -> None:
        self._topic = topic
        self._period = period
        self._seed = seed
        self._sigma = telemetry.sigma
        self._edges = telemetry.first.tolist()
        number, station = telemetry.number, telemetry.station
        offset = np.random.default_rng([seed, 4]).integers(0, 800, station.max() + 1)
        areas = list(pairwise(self._edges))
        self._number = [number[low:high] for low, high in areas]
        self._offset = [offset[station[low:high]].astype(np.int32) for low, high in areas]

    def scan(
        self, readings: Readings, row: int, faults: DayFaults, notes: FrameNotes, queue: Queue
    ) -> list[Sent]:
        """Return the frames of one scan that are sent at once, and queue those that come later."""
        now: list[Sent] = []
        time = int(readings.times[row])
        place = time % DAY // self._period
        for area in range(len(self._number)):
            frame = self._frame(readings, row, area)
            fault = int(faults.frame[place, area])
            if fault == FrameFault.NONE:
                now.append(self._sent(frame))
                continue
            notes.rows.append((time, area, fault))
            delay = float(faults.delay[place, area])
            now += self._befall(FrameFault(fault), frame, readings.true[row], delay, queue)
        return now

    def _befall(
        self,
        fault: FrameFault,
        frame: ScadaFrame,
        true: npt.NDArray[np.float64],
        delay: float,
        queue: Queue,
    ) -> list[Sent]:
        whole = self._sent(frame)
        after = frame.scan_time + self._period
        match fault:
            case FrameFault.LATE:
                queue.put(after + int(delay * _LATEST), whole)
                return []
            case FrameFault.OUT_OF_ORDER:
                queue.put(after, whole)
                return []
            case FrameFault.DUPLICATE:
                return [whole, whole]
            case FrameFault.CORRECTED:
                better = self._sent(self._corrected(frame, true))
                queue.put(after + int(delay * _CORRECTED_WITHIN), better)
                return [whole]
            case FrameFault.UNDECODABLE:
                value = whole.record.value
                return [Sent(replace(whole.record, value=value[: len(value) // 2]), 1)]
            case _:
                return [self._sent(_with_unknown(frame))]

    def _frame(self, readings: Readings, row: int, area: int) -> ScadaFrame:
        low, high = self._edges[area], self._edges[area + 1]
        point, offset = self._number[area], self._offset[area]
        value, quality = readings.value[row, low:high], readings.quality[row, low:high]
        if not readings.complete[row]:
            present = readings.present[row, low:high]
            point, offset = point[present], offset[present]
            value, quality = value[present], quality[present]
        time = int(readings.times[row])
        sequence = time // self._period
        return ScadaFrame(area, f"gateway-{area}", sequence, time, 1, point, value, quality, offset)

    def _corrected(self, frame: ScadaFrame, true: npt.NDArray[np.float64]) -> ScadaFrame:
        """A few points of the frame, measured anew."""
        low = self._edges[frame.area]
        n_points = len(self._number[frame.area])
        rng = np.random.default_rng([self._seed, 5, frame.area, frame.sequence])
        chosen = np.sort(rng.choice(n_points, _CORRECTED_POINTS, replace=False))
        noise = rng.standard_normal(_CORRECTED_POINTS) * self._sigma[low + chosen]
        return replace(
            frame,
            version=2,
            point=self._number[frame.area][chosen],
            value=true[low + chosen] + noise,
            quality=np.zeros(_CORRECTED_POINTS, np.uint16),
            offset_ms=self._offset[frame.area][chosen],
        )

    def _sent(self, frame: ScadaFrame) -> Sent:
        return Sent(frame_record(self._topic, frame), len(frame.point))


def _with_unknown(frame: ScadaFrame) -> ScadaFrame:
    return replace(
        frame,
        point=np.append(frame.point, UNKNOWN_POINT),
        value=np.append(frame.value, 0.0),
        quality=np.append(frame.quality, np.uint16(0)),
        offset_ms=np.append(frame.offset_ms, np.int32(0)),
    )
