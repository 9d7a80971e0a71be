"""Quarters of an hour as the rollup reads them, and what it makes of them; means in MW."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np

from records.log import LogRecord, Outgoing, Partition
from records.time import MINUTE, parse_time
from records.topics import topic_name
from records.window import WindowBatch, decode_window, window_record
from stream.local_clock import LocalClock
from stream.rollup import RollupStage

QUARTERS = topic_name("test", "window.15min.v1")
HALVES = topic_name("test", "window.30min.v1")
HOURS = topic_name("test", "window.60min.v1")
DAYS = topic_name("test", "window.day.v1")
LATE = topic_name("test", "window.late.v1")
QUARTER = 15 * MINUTE
T0 = parse_time("2014-11-10T00:00Z")
CLOCK = LocalClock(ZoneInfo("UTC"))


def quarter(start: int, means: dict[str, float], *, revision: int = 1) -> WindowBatch:
    """A quarter of an hour of some series; extremes are 1 MW from the mean."""
    n = len(means)
    mean = np.array(list(means.values()))
    return WindowBatch(
        0, start, QUARTER, 7, np.array(list(means), object), np.full(n, revision, np.int32),
        mean, mean + 0.5, mean - 1, mean + 1, mean / 4, np.full(n, 30, np.int32), np.zeros(n),
        np.zeros(n, np.uint16),
    )  # fmt: skip


class Log:
    """Batches as the area's partition holds them; the watermark never goes back."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.watermark = 0

    def put(self, batch: WindowBatch | Outgoing, watermark: int | None = None) -> LogRecord:
        if isinstance(batch, WindowBatch):
            self.watermark = max(self.watermark, batch.end if watermark is None else watermark)
            sent = window_record(QUARTERS, batch, self.watermark)
        else:
            sent = batch
        record = LogRecord(QUARTERS, 0, len(self.records), 0, sent.value, sent.key, sent.headers)
        self.records.append(record)
        return record


def again(batch: WindowBatch) -> Outgoing:
    """A quarter of an hour made again from the historian."""
    return window_record(QUARTERS, batch, None, known=batch.end)


def drive(stage: RollupStage, records: Sequence[LogRecord]) -> list[Outgoing]:
    state = stage.initial([Partition(QUARTERS, 0)])
    outcomes: list[Outgoing] = []
    for record in records:
        state, more = stage.step(state, record)
        outcomes.extend(o for o in more if isinstance(o, Outgoing))
    return outcomes


def made(outcomes: Sequence[Outgoing], topic: str) -> list[WindowBatch]:
    return [decode_window(o.value) for o in outcomes if o.topic == topic]


def stands(outcomes: Sequence[Outgoing]) -> dict[tuple[str, str, int], tuple[str, ...]]:
    """Numbers that finally stand of each topic, series and window."""
    last = {}
    for outcome in outcomes:
        if outcome.topic not in (HALVES, HOURS, DAYS):
            continue
        batch = decode_window(outcome.value)
        numbers = (batch.mean, batch.minimum, batch.maximum, batch.energy_mwh, batch.count,
                   batch.imputed_share, batch.quality)  # fmt: skip
        for row, series in enumerate(batch.series):
            last[outcome.topic, series, batch.start] = tuple(repr(c[row]) for c in numbers)
    return last
