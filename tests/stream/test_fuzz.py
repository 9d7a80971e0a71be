"""Damaged records: nothing raises, and every frame is either taken in or dead-lettered."""

import dataclasses
import random
from collections.abc import Callable
from typing import Any

import pytest

from records.log import LogRecord, Partition
from records.meter import MeterDocument, MeterSeries, meter_record
from records.time import HOUR, parse_time
from records.topics import topic_name
from stream.metering import MeteringStage
from stream.windows import WindowSettings

T0 = parse_time("2014-11-10T00:00:00Z")
DEAD, VIEWS = topic_name("test", "dead-letter.v1"), topic_name("test", "scada.view.v1")
N_MUTANTS = 1500


def damaged(value: bytes, rng: random.Random) -> bytes:
    data = bytearray(value)
    kind = rng.random()
    if kind < 0.7:
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind < 0.85:
        data = data[: rng.randrange(len(data))]
    else:
        at = rng.randrange(max(len(data) - 8, 1))
        data[at : at + 4] = rng.getrandbits(32).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize("seed", range(2))
def test_every_damaged_frame_is_accounted_for(
    seed: int, feed: Any, point: Callable[..., Any], area_stage: Callable[..., Any]
) -> None:
    rng = random.Random(seed)
    stage = area_stage([point(number) for number in range(1, 21)])
    state = stage.initial([Partition(stage.inputs[0], 0)])
    told = silent = 0
    for k in range(N_MUTANTS):
        good = feed.frame(30 * k, [(number, 10.0 + number) for number in range(1, 21)])
        state, outcomes = stage.step(
            state, dataclasses.replace(good, value=damaged(good.value, rng))
        )
        if any(outcome.topic in (DEAD, VIEWS) for outcome in outcomes):
            told += 1
        else:
            silent += 1
    # A frame whose damaged scan time lies before the last view goes to its window, not to a view.
    assert told > 0.9 * N_MUTANTS
    assert told + silent == N_MUTANTS
    assert len(state.windows.readings) <= WindowSettings().hot_retention // (HOUR // 12) + 3


def test_damaged_meter_documents_never_raise() -> None:
    rng = random.Random(7)
    stage = MeteringStage("test")
    state = stage.initial([Partition(stage.inputs[0], 0)])
    letters = 0
    for k in range(N_MUTANTS):
        series = MeterSeries(f"m{k % 7}", [T0 + k * HOUR], [1.5], [0.5])
        document = MeterDocument(
            0, "mdm", f"d{k}", 0, 1, HOUR, T0 + (k + 1) * HOUR, "MWh", [series]
        )
        sent = meter_record(stage.inputs[0], document)
        record = LogRecord(
            stage.inputs[0],
            0,
            k,
            T0 + (k + 1) * HOUR,
            damaged(sent.value, rng),
            sent.key,
            sent.headers,
        )
        state, outcomes = stage.step(state, record)
        letters += any(getattr(outcome, "topic", "") == DEAD for outcome in outcomes)
    assert 0.5 * N_MUTANTS < letters < N_MUTANTS
