"""Half hours, hours and days made again from their parts equal those folded with all in time."""

from __future__ import annotations

import random
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.late import LateParts, decode_late_parts
from records.log import LogRecord, Outgoing, Partition
from records.time import DAY, HOUR, MINUTE, parse_time
from records.topics import topic_name
from records.window import WindowBatch, decode_window, window_record
from stream.fold import Aggregates
from stream.local_clock import LocalClock
from stream.rebuild import RecordedWindows, revised
from stream.rollup import RollupSettings, RollupStage
from stream.whole_rebuild import left_memory, rebuilt_whole
from stream.whole_windows import PART, WholeWindows

QUARTERS, LATE, HALVES, HOURS, DAYS = (
    topic_name("test", f"window.{name}.v1") for name in ("15min", "late", "30min", "60min", "day")
)
KEEP = 2 * HOUR
COLUMNS = list(Aggregates.__slots__)
Numbers = tuple[str, ...]


def quarter(start: int, means: dict[str, float], offset: int, revision: int = 1) -> WindowBatch:
    n = len(means)
    mean = np.array(list(means.values()))
    share = np.where(np.isnan(mean), 1.0, np.arange(1, n + 1) / 7)
    return WindowBatch(
        0, start, PART, offset, np.array(list(means), object), np.full(n, revision, np.int32),
        mean, mean + 0.5, mean - 1, mean + 1, mean / 4, np.full(n, 30, np.int32), share,
        np.zeros(n, np.uint16),
    )  # fmt: skip


class Shelf:
    """What a historian of these batches would answer."""

    def __init__(self) -> None:
        self.batches: list[tuple[WindowBatch, int]] = []

    def put(self, batch: WindowBatch, offset: int = 0) -> None:
        self.batches.append((batch, offset))

    def window(
        self, start: int, length: int, *, before: int = 2**62, past: int = 2**62
    ) -> RecordedWindows:
        rows: dict[str, tuple[int, WindowBatch, int]] = {}
        for batch, offset in self.batches:
            if (batch.start, batch.length) != (start, length):
                continue
            if batch.input_offset >= before or offset > past:
                continue
            for row, name in enumerate(batch.series):
                if batch.revision[row] > rows.get(name, (0,))[0]:
                    rows[name] = (int(batch.revision[row]), batch, row)
        if not rows:
            return RecordedWindows.none()
        columns = {c: np.array([getattr(b, c)[r] for _, b, r in rows.values()]) for c in COLUMNS}
        return RecordedWindows(
            np.array(list(rows), object),
            np.array([revision for revision, _, _ in rows.values()], np.int32),
            Aggregates(**columns),
        )


class Machine:
    """The rollup and whoever makes windows again, over one log of parts."""

    def __init__(self, clock: LocalClock) -> None:
        self.stage = RollupStage("test", clock, RollupSettings(keep=KEEP))
        self.wholes = WholeWindows(clock, KEEP)
        self.state = self.stage.initial([Partition(QUARTERS, 0)])
        self.parts, self.made = Shelf(), Shelf()
        self.asked: list[LateParts] = []
        self._offset = 0

    def take(self, batch: WindowBatch, watermark: int | None) -> None:
        sent = window_record(QUARTERS, batch, watermark, known=batch.end)
        record = LogRecord(QUARTERS, 0, self._offset, 0, sent.value, sent.key, sent.headers)
        self.parts.put(batch, self._offset)
        self._offset += 1
        self.state, outcomes = self.stage.step(self.state, record)
        for outcome in outcomes:
            assert isinstance(outcome, Outgoing)
            if outcome.topic == LATE:
                self.asked.append(decode_late_parts(outcome.value))
            else:
                self.made.put(decode_window(outcome.value))

    def answer(self, late: LateParts) -> list[WindowBatch]:
        found = []
        for span, series in left_memory(late, self.wholes).items():
            parts = {
                start: self.parts.window(start, PART, past=late.parts_offset)
                for start in range(*span, PART)
            }
            length = span[1] - span[0]
            stands = self.made.window(span[0], length, before=late.input_offset)
            batch = revised(rebuilt_whole(span, series, parts, late), stands)
            found += [] if batch is None else [batch]
        return found

    def answer_all(self) -> None:
        asked, self.asked = self.asked, []
        for late in asked:
            for batch in self.answer(late):
                self.made.put(batch)

    def stands(self) -> dict[tuple[str, int, int], Numbers]:
        """Numbers that stand; each revision has one content, and none is left out."""
        seen: dict[tuple[str, int, int], dict[int, Numbers]] = {}
        for batch, _ in self.made.batches:
            for row, name in enumerate(batch.series):
                numbers = tuple(repr(getattr(batch, column)[row]) for column in COLUMNS)
                revisions = seen.setdefault((name, batch.start, batch.length), {})
                assert revisions.setdefault(int(batch.revision[row]), numbers) == numbers
        for revisions in seen.values():
            assert sorted(revisions) == list(range(1, len(revisions) + 1))
        return {key: revisions[max(revisions)] for key, revisions in seen.items()}


ZONES = [
    ("Europe/Paris", "2014-03-29T23:00Z", 23),
    ("Europe/Paris", "2014-10-25T22:00Z", 25),
    ("Australia/Melbourne", "2014-04-05T13:00Z", 25),
    ("Australia/Adelaide", "2014-06-09T14:30Z", 24),
]


@pytest.mark.parametrize(("zone", "begin", "hours"), ZONES)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_windows_made_again_equal_those_folded_with_all_parts_in_time(
    zone: str, begin: str, hours: int, seed: int
) -> None:
    rng = random.Random(seed)
    clock, first = LocalClock(ZoneInfo(zone)), parse_time(begin)
    assert clock.day(first) == (first, first + hours * HOUR)
    n_parts = 4 * hours
    late = set(rng.sample(range(n_parts), rng.randrange(1, 12)))
    gone = set(rng.sample(range(n_parts), 5))
    means = [
        {"a": rng.gauss(50, 9), "b": rng.choice([-0.0, float("nan"), rng.gauss(9, 1)]), "c": 1.0}
        for _ in range(n_parts)
    ]
    # Parts after the day, until it has left memory, and more while windows are made again.
    after = range(n_parts, n_parts + 40)
    machine, calm = Machine(clock), Machine(clock)
    for k in range(-3, n_parts):
        told = means[k] if k >= 0 else {"a": 1.0, "b": 2.0}
        if k >= 0:
            told = {name: mean for name, mean in told.items() if name != "c" or k not in gone}
        batch = quarter(first + k * PART, told, 10 * k + 100)
        calm.take(batch, batch.end)
        if k in late:
            # Closed in time, for want of anything better with what is not known, or not at all.
            batch = replace(batch, **_unknown(batch)) if rng.random() < 0.7 else _without(batch)
        machine.take(batch, batch.end)
    corrections = [(k, 2 if rng.random() < 0.5 else 1) for k in late]
    for k in after:
        batch = quarter(first + k * PART, {"a": 3.0, "b": 4.0}, 10 * k + 100)
        calm.take(batch, batch.end)
        machine.take(batch, batch.end)
        if k > n_parts + 10 and rng.random() < 0.5:
            for _ in range(rng.randrange(1, 4)):
                if corrections:
                    which, times = corrections.pop()
                    for revision in range(2, times + 2):
                        right = revision == times + 1
                        some = {
                            name: mean if right else 7.5
                            for name, mean in means[which].items()
                            if name != "c" or which not in gone
                        }
                        again = quarter(first + which * PART, some, 10 * k + 95, revision)
                        machine.take(again, None)
        for waiting in machine.asked:
            # Given twice, as after a crash, the answer is the same.
            once, twice = machine.answer(waiting), machine.answer(waiting)
            assert [repr(batch) for batch in once] == [repr(batch) for batch in twice]
        if rng.random() < 0.6:
            repeated = list(machine.asked)
            machine.answer_all()
            if rng.random() < 0.3:
                machine.asked = repeated
    for k, _ in corrections:
        some = {n: m for n, m in means[k].items() if n != "c" or k not in gone}
        machine.take(quarter(first + k * PART, some, 10 * after[-1] + 95, 2), None)
    last = quarter(first + (after[-1] + 1) * PART, {"a": 3.0, "b": 4.0}, 10 * after[-1] + 110)
    for one in (machine, calm):
        one.take(last, last.end)
    machine.answer_all()
    assert calm.asked == []
    assert machine.stands() == calm.stands()


def _unknown(batch: WindowBatch) -> dict[str, np.ndarray]:
    nan = np.full(len(batch.series), np.nan)
    return {
        **dict.fromkeys(("mean", "q95", "minimum", "maximum", "energy_mwh"), nan),
        "count": np.zeros(len(nan), np.int32),
        "imputed_share": np.ones(len(nan)),
        "quality": np.full(len(nan), 1 << 15, np.uint16),
    }


def _without(batch: WindowBatch) -> WindowBatch:
    columns = {name: getattr(batch, name)[:0] for name in ("series", "revision", *COLUMNS)}
    return replace(batch, **columns)


def test_a_request_names_what_has_left_memory_by_then_in_order_of_ends() -> None:
    day = parse_time("2014-11-10T00:00Z")
    wholes = WholeWindows(LocalClock(ZoneInfo("UTC")), KEEP)
    start = np.array([day + 90 * MINUTE, day + 105 * MINUTE, day + DAY], np.int64)
    late = LateParts(0, 9, 5, day + DAY + KEEP, start, np.array(["a", "b", "a"], object))
    found = left_memory(late, wholes)
    assert list(found) == [
        (day + 90 * MINUTE, day + 2 * HOUR),
        (day + HOUR, day + 2 * HOUR),
        (day, day + DAY),
    ]
    assert [names.tolist() for names in found.values()] == [["a", "b"]] * 3
    assert left_memory(replace(late, known=day + DAY + KEEP - 1), wholes) == {}


def test_a_part_that_is_not_there_is_replaced_in_full() -> None:
    day = parse_time("2014-11-10T00:00Z")
    late = LateParts(0, 9, 5, day, np.array([day], np.int64), np.array(["a"], object))
    shelf = Shelf()
    shelf.put(quarter(day, {"a": 8.0, "x": 1.0}, 3))
    shelf.put(quarter(day + PART, {"x": 1.0}, 4))
    parts: dict[int, RecordedWindows] = {
        start: shelf.window(start, PART) for start in (day, day + PART)
    }
    hour = rebuilt_whole((day, day + HOUR), np.array(["a"], object), parts, late)
    assert (hour.mean[0], hour.energy_mwh[0], hour.count[0]) == (8.0, 8.0, 30)
    assert hour.imputed_share[0] == pytest.approx((1 / 7 + 3) / 4)
    assert (hour.start, hour.length, hour.input_offset) == (day, HOUR, 9)
