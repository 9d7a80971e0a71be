"""Decisions on estimates, and requests for windows that left memory."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from console.services.rebuild_service import RebuildService
from records import late
from records.deadletter import decode_dead_letter
from records.late import LateParts, LateReadings, late_parts_record, late_record
from records.log import LogRecord, Outgoing, Partition
from records.meter_approval import APPROVAL_TYPE, Decision, MeterApproval, approval_record
from records.tick import TICK_TYPE
from records.time import HOUR, MINUTE
from records.topics import topic_name
from records.window import window_record
from storage.checkpoint_record import Checkpoint
from storage.historian import Historian
from storage.historian_writer import HistorianWriter
from storage.memory_log import MemoryLog
from stream.local_clock import LocalClock
from stream.meter_estimates import MeterEstimateStage
from stream.rebuilder import Rebuilder
from tests.stream.four_buses import REGISTER
from tests.stream.fuzz.target import (
    AREA,
    METERING,
    SERIES,
    T0,
    Account,
    Target,
    dead_letters,
    initial,
    logged,
    windows_of,
)

__all__ = ["REQUESTS"]

_CLOCK = LocalClock(UTC)
_ESTIMATES = MeterEstimateStage("test", _CLOCK)
_LATE = topic_name("test", "window.late.v1")
_DEAD = topic_name("test", "dead-letter.v1")
_RAW = tuple(topic_name("test", name) for name in ("scada.frame.v1", "meter.read.v1"))
_MADE = tuple(
    topic_name("test", name)
    for name in (
        *(f"window.{length}.v1" for length in ("5min", "15min", "30min", "60min", "day")),
        "meter.interval.v1",
    )
)
_LONG = AREA._settings.windows.long
_QUARTER = 15 * MINUTE
_N_RAW = 20


def approval_sound(rng: random.Random) -> LogRecord:
    starts = [T0 + k * HOUR for k in range(rng.randint(1, 3))]
    decided = MeterApproval(
        0, "meter:1", starts, [1] * len(starts), rng.choice(list(Decision)), "anna", T0, "seen"
    )
    return logged(approval_record(METERING.inputs[0], decided), T0)


def account_approval(record: LogRecord) -> Account:
    """Metering tells what cannot be read; the estimates tell of each decision what came of it."""
    _, outcomes = METERING.step(initial(METERING), record)
    refused = bool(dead_letters(record, outcomes))
    _, told = _ESTIMATES.step(initial(_ESTIMATES), record)
    if record.headers.get("ce_type") == APPROVAL_TYPE:
        # Nothing was estimated, so a decision is void, and that is told.
        assert refused != bool(told), "one stage reads what the other refuses"
    else:
        assert refused or record.headers["ce_type"] == TICK_TYPE
    return Account(whole=refused, taken=not refused)


def readings_sound(rng: random.Random) -> LogRecord:
    return logged(late_record(_LATE, _readings(rng, metered=False), T0 + HOUR), T0 + HOUR)


def metered_sound(rng: random.Random) -> LogRecord:
    return logged(late_record(_LATE, _readings(rng, metered=True), T0 + HOUR), T0 + HOUR)


def parts_sound(rng: random.Random) -> LogRecord:
    return logged(late_parts_record(_LATE, _parts(rng)), T0 + HOUR)


def _readings(rng: random.Random, *, metered: bool) -> LateReadings:
    length = _QUARTER if metered else _LONG
    return LateReadings(0, 3, T0 + HOUR, length, metered, *_rows(rng, length))


def _parts(rng: random.Random) -> LateParts:
    return LateParts(0, 3, 5, T0 + 100 * HOUR, *_rows(rng, _QUARTER))


def _rows(rng: random.Random, length: int) -> tuple[Any, Any]:
    first = T0 // length * length
    starts = sorted(first - length * rng.randrange(8) for _ in SERIES)
    return np.array(starts, np.int64), np.array(SERIES, object)


def _columns(
    made: Callable[[random.Random], LateReadings | LateParts],
) -> Callable[[random.Random], tuple[pa.Schema, dict[str, Any], dict[str, Any]]]:
    def columns(rng: random.Random) -> tuple[pa.Schema, dict[str, Any], dict[str, Any]]:
        told = made(rng)
        metadata = {
            name: int(getattr(told, name))
            for name in ("area", "input_offset", "parts_offset", "known", "length", "metered")
            if hasattr(told, name)
        }
        return late._FORMAT.schema, {"start": told.start, "series": told.series}, metadata

    return columns


class _Unkept:
    """Checkpoints of a service that is asked once."""

    def save(self, name: str, data: bytes, parts: object, new: object) -> None: ...

    def load_all(self, names: object) -> Mapping[str, Checkpoint]:
        return {}


@cache
def _rebuilder() -> tuple[Historian, Rebuilder]:
    """A historian that has taken everything in, and kept nothing, and what makes windows of it."""
    kept = Path(tempfile.mkdtemp(prefix="gridcast-fuzz-"))
    with HistorianWriter(kept) as writer:
        writer.commit({}, {Partition(topic, 0): 1_000 for topic in (*_RAW, *_MADE)})
    historian = Historian(kept)
    return historian, Rebuilder(historian, "test", REGISTER, _CLOCK, AREA._settings)


def account_request(record: LogRecord) -> Account:
    """Answered, or dead-lettered whole: never waited for, for the log has all there will be."""
    historian, rebuilder = _rebuilder()
    log = MemoryLog(clock=lambda: T0 + HOUR)
    log.append(Outgoing(topic, 0, b"raw", None, {}) for topic in _RAW for _ in range(_N_RAW))
    for topic in _MADE:
        closed = windows_of(T0, MINUTE, [], [])
        for made_of in range(_N_RAW + 1):
            log.append([window_record(topic, replace(closed, input_offset=made_of), T0)])
    log.append([Outgoing(_LATE, 0, record.value, record.key, dict(record.headers))])
    log.flush()
    service = RebuildService(lambda: rebuilder, historian, log, log, _Unkept(), "test")
    assert service.turn() == 1, "neither answered nor refused"
    letters = log.read(Partition(_DEAD, 0), 0, 10)
    if letters:
        (letter,) = (decode_dead_letter(each.value) for each in letters)
        assert (letter.topic, letter.value) == (_LATE, record.value)
    return Account(whole=bool(letters), taken=not letters)


REQUESTS = (
    Target("meter approval", approval_sound, account_approval),
    Target(
        "late readings", readings_sound, account_request,
        _columns(lambda rng: _readings(rng, metered=False)),
    ),
    Target(
        "late meters", metered_sound, account_request,
        _columns(lambda rng: _readings(rng, metered=True)),
    ),
    Target("late parts", parts_sound, account_request, _columns(_parts)),
)  # fmt: skip
