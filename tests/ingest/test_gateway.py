from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ingest.batch import Batch
from ingest.gateway import Gateway, GatewayReport
from records.log import Outgoing, Partition
from records.time import SECOND
from storage.memory_log import MemoryLog

PLACE = Partition("t", 0)


class SteppedClock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.seconds += seconds


def batches(n: int) -> list[Batch]:
    """One record a second of event time, from second 50 on."""
    return [
        Batch((50 + k) * SECOND, (Outgoing("t", 0, str(k).encode()),), n_measurements=3)
        for k in range(n)
    ]


def values(log: MemoryLog) -> list[bytes]:
    return [record.value for record in log.read(PLACE, 0, 100)]


def test_everything_is_sent_in_order_and_flushed() -> None:
    log = MemoryLog()
    report = Gateway(log, threading.Event(), clock=SteppedClock()).run(batches(3))
    assert values(log) == [b"0", b"1", b"2"]
    assert report == GatewayReport(3, 9, 52 * SECOND, finished=True)


def test_speed_ties_event_time_to_real_time() -> None:
    clock = SteppedClock()
    Gateway(MemoryLog(), threading.Event(), speed=4.0, clock=clock).run(batches(9))
    assert clock.seconds == 100.0 + 8 / 4


def test_a_first_batch_that_was_long_in_the_making_is_not_made_up_for() -> None:
    clock = SteppedClock()

    def slow() -> Iterator[Batch]:
        clock.wait(30.0)
        yield from batches(9)

    Gateway(MemoryLog(), threading.Event(), speed=4.0, clock=clock).run(slow())
    assert clock.seconds == 130.0 + 8 / 4


def test_a_speed_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Gateway(MemoryLog(), threading.Event(), speed=0.0)


def test_it_never_runs_ahead_of_what_is_allowed_and_readers_see_all_before_it_waits() -> None:
    log = MemoryLog()
    allowed = iter([51, 51, 53])
    seen: list[list[bytes]] = []

    def may_advance_to() -> int:
        seen.append(values(log) if log.partitions("t") else [])
        return next(allowed) * SECOND

    gateway = Gateway(log, threading.Event(), may_advance_to=may_advance_to, clock=SteppedClock())
    assert gateway.run(batches(4)).finished
    assert values(log) == [b"0", b"1", b"2", b"3"]
    # Asked before second 50, and twice before second 52, the second time after a wait.
    assert len(seen) == 3 and seen[2] == [b"0", b"1"]


def test_stopping_ends_it_between_two_batches_and_keeps_what_was_sent() -> None:
    log, stop = MemoryLog(), threading.Event()

    def stop_at_second(report: GatewayReport) -> None:
        if report.records == 2:
            stop.set()

    report = Gateway(log, stop, on_batch=stop_at_second, clock=SteppedClock()).run(batches(5))
    assert (report.records, report.finished) == (2, False)
    assert values(log) == [b"0", b"1"]


def test_stopping_ends_a_wait_for_readers() -> None:
    stop = threading.Event()

    def never() -> int:
        stop.set()
        return 0

    report = Gateway(MemoryLog(), stop, may_advance_to=never).run(batches(2))
    assert report == GatewayReport(0, 0, None, finished=False)
