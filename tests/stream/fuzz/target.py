"""A target of the fuzz, the stages that take its records in, and the account of each mutant."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from records.deadletter import DEAD_LETTER_TYPE, DeadLetter, decode_dead_letter
from records.log import LogRecord, Outgoing, Partition
from records.window import WindowBatch
from stream.join import JoinState
from stream.stage import Stage
from tests.stream.fuzz.mutations import damaged, mutated_arrow, mutated_headers, mutated_json
from tests.stream.worlds.plans import SHORT, forecast_stages, grid_stages, long_stages

AREA, METERING, ESTIMATION, ALARMS = grid_stages()
ROLLUP = next(stage for stage in long_stages() if stage.name == "rollup")
FORECAST = forecast_stages()[-1]
T0 = SHORT.start
POINTS = np.array([p.number for p in AREA._register.points if p.area == 0], np.uint32)
SERIES = [p.id for p in AREA._register.points if p.area == 0]


@dataclass(frozen=True)
class Account:
    """What became of a mutant: rows taken in, and whether it, or how many rows, were refused."""

    whole: bool
    taken: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Target:
    """One kind of record.

    Parameters
    ----------
    name
        For messages.
    sound
        Makes a record that would be taken in.
    columns
        Of a columnar record: its schema, columns and metadata.
    json
        Whether a record that is not columnar is JSON.
    account
        Lets a stage take a record in and tells what became of it.
    """

    name: str
    sound: Callable[[random.Random], LogRecord]
    account: Callable[[LogRecord], Account]
    columns: Callable[[random.Random], tuple[pa.Schema, dict[str, Any], dict[str, Any]]] | None = (
        None
    )
    json: bool = True

    def mutant(self, rng: random.Random) -> LogRecord:
        """Make a record that is spoilt in some way."""
        record = self.sound(rng)
        kind = rng.random()
        if kind < 0.1:
            headers = mutated_headers(record.headers, rng)
            record = replace(record, headers=headers)
            if kind < 0.08:
                return record
        if self.columns is None and self.json and kind < 0.75:
            return replace(record, value=mutated_json(record.value, rng))
        if self.columns is not None and kind < 0.6:
            return replace(record, value=mutated_arrow(*self.columns(rng), rng))
        return replace(record, value=damaged(record.value, rng))


def logged(sent: Outgoing, append_time: int) -> LogRecord:
    """Return a record as the log would hold it."""
    headers = dict(sent.headers)
    return LogRecord(sent.topic, sent.partition, 7, append_time, sent.value, sent.key, headers)


def initial(stage: Stage[Any], partitions: int = 1) -> Any:
    single = ("operator.act.v1", "network.state.v1", "weather.v1")
    return stage.initial(
        [
            Partition(topic, number)
            for topic in stage.inputs
            for number in range(1 if topic.endswith(single) else partitions)
        ]
    )


def dead_letters(record: LogRecord, outcomes: list[Any]) -> list[DeadLetter]:
    """Return the dead letters; each must bear the very record and where it came from."""
    letters = [
        decode_dead_letter(outcome.value)
        for outcome in outcomes
        if isinstance(outcome, Outgoing) and outcome.headers["ce_type"] == DEAD_LETTER_TYPE
    ]
    for letter in letters:
        assert letter.value == record.value
        assert letter.headers == dict(record.headers)
        assert (letter.topic, letter.partition, letter.offset) == (
            record.topic, record.partition, record.offset,
        )  # fmt: skip
    whole = [letter for letter in letters if letter.rows is None]
    assert len(whole) <= 1
    assert not whole or len(letters) == 1, "a record is refused whole or by rows"
    return letters


def taken_by(state: JoinState, record: LogRecord) -> bool:
    entry = state.inputs[Partition(record.topic, record.partition)]
    parts = [entry.pending, *(part for _, part in entry.frozen)]
    return any(share.value == record.value for part in parts for share in part)


def closed(stage: Stage[Any], state: Any, closing: Any, append_time: int) -> None:
    """Complete cuts, so that what waited is looked at."""
    for sent in closing:
        state, _ = stage.step(state, logged(sent, append_time))


def windows_of(start: int, length: int, series: list[str], means: list[float]) -> WindowBatch:
    n_series = len(series)
    mean = np.array(means, np.float64)
    return WindowBatch(
        0, start, length, 3, np.array(series, dtype=object), np.ones(n_series, np.int32),
        mean, mean, mean, mean, mean, np.ones(n_series, np.int32), np.zeros(n_series),
        np.zeros(n_series, np.uint16),
    )  # fmt: skip
