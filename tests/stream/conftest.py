from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any

import numpy as np
import pytest

from records.log import LogRecord, Outgoing, Partition
from records.points import ElementKind, Point, PointRegister, Quantity
from records.scada import ScadaFrame, frame_record
from records.tick import tick_record
from records.time import SECOND, parse_time
from records.topics import topic_name
from records.window import WindowBatch, decode_window
from stream.area import AreaSettings, AreaStage
from stream.local_clock import LocalClock

T0 = parse_time("2014-11-10T00:00:00Z")
FRAMES = topic_name("test", "scada.frame.v1")
WINDOWS = topic_name("test", "window.5min.v1")

Rows = Sequence[tuple[int, float]]


class Feed:
    """Numbers records of one partition as a log would."""

    def __init__(self, topic: str = FRAMES, partition: int = 0) -> None:
        self.topic, self.partition, self.offset = topic, partition, 0

    def put(self, outgoing: Outgoing, append_time: int) -> LogRecord:
        record = LogRecord(
            self.topic,
            self.partition,
            self.offset,
            append_time,
            outgoing.value,
            outgoing.key,
            outgoing.headers,
        )
        self.offset += 1
        return record

    def frame(
        self,
        at_s: float,
        rows: Rows,
        *,
        version: int = 1,
        quality: Sequence[int] | None = None,
        offset_ms: Sequence[int] | None = None,
        append_s: float | None = None,
        source: str = "gateway",
    ) -> LogRecord:
        n_rows = len(rows)
        frame = ScadaFrame(
            self.partition,
            source,
            self.offset,
            T0 + int(at_s * SECOND),
            version,
            np.array([number for number, _ in rows], np.uint32),
            np.array([value for _, value in rows], np.float64),
            np.array(quality if quality is not None else [0] * n_rows, np.uint16),
            np.array(offset_ms if offset_ms is not None else [0] * n_rows, np.int32),
        )
        appended = at_s if append_s is None else append_s
        return self.put(frame_record(self.topic, frame), T0 + int(appended * SECOND))

    def tick(self, at_s: float) -> LogRecord:
        time_ns = T0 + int(at_s * SECOND)
        return self.put(tick_record(self.topic, self.partition, time_ns, "gateway"), time_ns)


@pytest.fixture
def feed() -> Feed:
    return Feed()


def _point(number: int, **changes: Any) -> Point:
    given: dict[str, Any] = {
        "id": f"load:{number} p_mw",
        "number": number,
        "area": 0,
        "kind": ElementKind.LOAD,
        "element": str(number),
        "quantity": Quantity.ACTIVE,
        "sigma": 0.0,
        "low": -1000.0,
        "high": 1000.0,
    }
    return Point(**given | changes)


@pytest.fixture
def point() -> Callable[..., Point]:
    return _point


@pytest.fixture
def area_stage() -> Callable[..., AreaStage]:
    def build(points: Sequence[Point], settings: AreaSettings | None = None) -> AreaStage:
        return AreaStage("test", PointRegister(points), LocalClock(UTC), settings)

    return build


@pytest.fixture
def run() -> Callable[..., list[Outgoing]]:
    def drive(stage: Any, records: Sequence[LogRecord], partition: int = 0) -> list[Outgoing]:
        state = stage.initial([Partition(topic, partition) for topic in stage.inputs])
        outcomes: list[Outgoing] = []
        for record in records:
            state, more = stage.step(state, record)
            outcomes.extend(more)
        return outcomes

    return drive


def _windows(outcomes: Sequence[Outgoing]) -> list[WindowBatch]:
    return [decode_window(o.value) for o in outcomes if o.topic == WINDOWS]


@pytest.fixture
def windows() -> Callable[..., list[WindowBatch]]:
    return _windows


@pytest.fixture
def final() -> Callable[..., dict[tuple[str, int], tuple[Any, ...]]]:
    """What finally stands of each series and window: its highest revision."""

    def last(outcomes: Sequence[Outgoing]) -> dict[tuple[str, int], tuple[Any, ...]]:
        stands: dict[tuple[str, int], tuple[Any, ...]] = {}
        for batch in _windows(outcomes):
            for row, series in enumerate(batch.series):
                numbers = (
                    batch.mean[row],
                    batch.q95[row],
                    batch.minimum[row],
                    batch.maximum[row],
                    batch.energy_mwh[row],
                    batch.count[row],
                    batch.imputed_share[row],
                    batch.quality[row],
                )
                stands[series, batch.start] = tuple(repr(number) for number in numbers)
        return stands

    return last
