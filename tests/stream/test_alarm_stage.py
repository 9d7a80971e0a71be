"""The alarm stage as a stage: order of partitions, checkpoints, repeats, dead letters."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.alarm import AlarmKind, decode_alarm
from records.log import LogRecord, Outgoing, Partition
from records.operator_act import ActKind, OperatorAct, act_record
from records.snapshot import pack, unpack
from records.state import NetworkState, state_record
from records.time import MINUTE
from records.view import ScadaView, view_record
from tests.stream.alarm_log import (
    ACTS,
    ALARMS,
    DEAD,
    PARTITIONS,
    STATES,
    T0,
    VIEWS,
    Log,
    bytes_of,
    drive,
    quiet,
)


@pytest.fixture
def log() -> Log:
    return Log()


def test_what_cannot_be_placed_goes_to_the_dead_letters(log: Log) -> None:
    stage = quiet(acts=True)
    state = stage.initial([*PARTITIONS, Partition(ACTS, 0)])
    five = bytes_of(np.zeros(5))
    other = NetworkState(
        T0, "five", True, "", 1, 1.0, five, five, five, five, five, five, {}, [], 0, 0
    )
    future = OperatorAct("branch:1", ActKind.ACKNOWLEDGE, T0 + 90 * MINUTE, "ana")
    for record in (
        log.put(state_record(STATES, other, T0), T0),
        log.put(Outgoing(STATES, 0, b"\xc1", b"", {"ce_type": "gridcast.network.state.v1"}), T0),
        log.put(Outgoing(VIEWS, 0, b"x", b"", {"ce_type": "gridcast.scada.view.v1"}), T0),
        log.put(Outgoing(VIEWS, 0, b"x", b"", {"ce_type": "other"}), T0),
        log.put(act_record(ACTS, future), T0),
        log.put(Outgoing(ACTS, 0, b"{}", b"", {"ce_type": "gridcast.operator.act.v1"}), T0),
    ):
        state, (letter,) = stage.step(state, record)
        assert isinstance(letter, Outgoing)
        assert letter.topic == DEAD


@given(
    st.sampled_from([VIEWS, STATES, ACTS]),
    st.sampled_from(["scada.view.v1", "network.state.v1", "operator.act.v1", "tick.v1"]),
    st.binary(max_size=200),
    st.sampled_from(["12", "x", ""]),
)
def test_bytes_of_any_kind_end_as_dead_letters(
    topic: str, kind: str, value: bytes, watermark: str
) -> None:
    stage = quiet(acts=True)
    headers = {"ce_type": f"gridcast.{kind}", "gc_watermark": watermark}
    record = LogRecord(topic, 0, 0, T0, value, b"", headers)
    _, (letter,) = stage.step(stage.initial([*PARTITIONS, Partition(ACTS, 0)]), record)
    assert isinstance(letter, Outgoing)
    assert letter.topic == DEAD


def busy(log: Log) -> list[LogRecord]:
    """Excursions of every kind over four cuts, acts among them."""
    high = {"branch:0 from p_mw": 125.0}
    records = []
    for k in range(5):
        records.append(log.state(k, {1: 1.0 + 0.3 * (k % 2)}, removed=["branch:0 from p_mw"]))
        for at in (30, 90, 250):
            records.append(log.view(0, k * 300 + at, high if (k + at) % 4 else None))
            records.append(log.view(1, k * 300 + at))
    shelve = OperatorAct("branch:0", ActKind.SHELVE, T0 + 6 * MINUTE, "b", until=T0 + 11 * MINUTE)
    return [*records, log.tick(0), log.act(shelve), log.tick(5)]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_it_does_not_matter_which_partition_was_read_first(data: st.DataObject) -> None:
    stage = quiet(screen_every=1, acts=True)
    records = busy(Log())
    straight = drive(stage, records)
    assert {a.kind for a in straight} == {
        AlarmKind.LOADING, AlarmKind.TELEMETRY, AlarmKind.CONTINGENCY,
    }  # fmt: skip
    queues: dict[tuple[str, int], list[LogRecord]] = {}
    for record in records:
        queues.setdefault((record.topic, record.partition), []).append(record)
    mixed = []
    while queues:
        place = data.draw(st.sampled_from(sorted(queues)))
        mixed.append(queues[place].pop(0))
        if not queues[place]:
            del queues[place]
    told = drive(stage, mixed)
    assert Counter(map(repr, told)) == Counter(map(repr, straight))


@pytest.mark.parametrize("cut", [1, 7, 13, 20, 30])
def test_it_goes_on_from_a_checkpoint(cut: int, log: Log) -> None:
    records = busy(log)
    stage = quiet(screen_every=1, acts=True)
    straight = drive(stage, records)
    state = stage.initial([*PARTITIONS, Partition(ACTS, 0)])
    resumed: list[Any] = []
    for index, record in enumerate(records):
        if index == cut:
            state = stage.load(unpack(pack(stage.dump(state))))
        state, outcomes = stage.step(state, record)
        resumed += [decode_alarm(o.value) for o in outcomes if o.topic == ALARMS]  # type: ignore[union-attr]
    assert resumed == straight


def test_a_checkpoint_of_another_network_is_refused() -> None:
    stage = quiet()
    tree: Any = stage.dump(stage.initial(PARTITIONS))
    tree["loading"] = {**tree["loading"], "step": np.zeros(9, np.int64)}
    with pytest.raises(ValueError, match="another network"):
        stage.load(tree)


def test_records_told_again_after_a_restart_change_nothing(log: Log) -> None:
    records = [r for k in range(3) for r in (log.state(k, {1: 1.3}), *log.views(k))]
    again = [
        log.put(Outgoing(r.topic, r.partition, r.value, r.key, r.headers), T0) for r in records
    ]
    new = [log.state(3, {1: 1.3}), *log.views(3)]
    assert len(drive(quiet(), [*records, *again, *new])) == 1


def test_a_first_view_without_points_is_taken_in(log: Log) -> None:
    nothing = np.empty(0)
    empty = ScadaView(
        0, T0, 1, nothing.astype(np.uint32), nothing, nothing.astype(np.uint16),
        nothing.astype(np.float32),
    )  # fmt: skip
    assert drive(quiet(), [log.put(view_record(VIEWS, empty, T0), T0)]) == []
