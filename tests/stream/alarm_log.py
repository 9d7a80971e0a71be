"""What an alarm stage is driven with: views, states, acts and ticks of four buses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from records.alarm import Alarm, AlarmKind, decode_alarm
from records.log import LogRecord, Outgoing, Partition
from records.operator_act import OperatorAct, act_record
from records.quality import Quality
from records.state import NetworkState, Removal, state_record
from records.tick import tick_record
from records.time import MINUTE, SECOND, parse_time
from records.topics import topic_name
from records.view import ScadaView, view_record
from stream.alarms import AlarmSettings, AlarmStage
from tests.stream.four_buses import FLOWS, NETWORK, REGISTER, V, truth

__all__ = [
    "ACTS",
    "ALARMS",
    "DEAD",
    "PARTITIONS",
    "STATES",
    "T0",
    "VIEWS",
    "Log",
    "drive",
    "minutes",
    "of_kind",
    "quiet",
]

T0 = parse_time("2014-11-10T00:00:00Z")
VIEWS, STATES, ACTS, ALARMS, DEAD = (
    topic_name("test", name)
    for name in (
        "scada.view.v1", "network.state.v1", "operator.act.v1", "network.alarm.v1",
        "dead-letter.v1",
    )
)  # fmt: skip
PARTITIONS = [Partition(VIEWS, 0), Partition(VIEWS, 1), Partition(STATES, 0)]


def bytes_of(values: np.ndarray[Any, Any]) -> bytes:
    return np.ascontiguousarray(values, np.float64).tobytes()


class Log:
    """Numbers records as a log would."""

    def __init__(self) -> None:
        self._offsets: Counter[tuple[str, int]] = Counter()

    def put(self, sent: Outgoing, append_time: int) -> LogRecord:
        place = sent.topic, sent.partition
        self._offsets[place] += 1
        return LogRecord(
            *place, self._offsets[place] - 1, append_time, sent.value, sent.key, sent.headers
        )

    def view(
        self, area: int, at_s: float, changed: Mapping[str, float] | None = None,
        quality: Mapping[str, Quality] | None = None,
    ) -> LogRecord:  # fmt: skip
        points = REGISTER.at(area, T0).points
        values = truth() | dict(changed or {})
        time = T0 + int(at_s * SECOND)
        shown = ScadaView(
            area, time, 1,
            np.array([p.number for p in points], np.uint32),
            np.array([values.get(p.id, 0.0) for p in points]),
            np.array([int((quality or {}).get(p.id, 0)) for p in points], np.uint16),
            np.zeros(len(points), np.float32),
        )  # fmt: skip
        return self.put(view_record(VIEWS, shown, time - 20 * SECOND), time)

    def state(
        self, cut: int, scale: Mapping[int, float] | None = None, *, v_pu: Mapping[int, float]
        | None = None, removed: Sequence[str] = (), valid: bool = True,
    ) -> LogRecord:  # fmt: skip
        """The state at the given cut, flows of some branches scaled."""
        factor = np.ones(NETWORK.n_branch)
        for row, value in (scale or {}).items():
            factor[row] = value
        magnitude = np.abs(V)
        for row, value in (v_pu or {}).items():
            magnitude[row] = value
        s_from, s_to = FLOWS.s_from_mva * factor, FLOWS.s_to_mva * factor
        time = T0 + cut * 5 * MINUTE
        told = NetworkState(
            time, "four", valid, "", 3, 1.0, bytes_of(magnitude),
            bytes_of(np.rad2deg(np.angle(V))), bytes_of(s_from.real), bytes_of(s_from.imag),
            bytes_of(s_to.real), bytes_of(s_to.imag), {},
            [Removal(point, 9.0, 1.0, 0.0) for point in removed], 10, 0,
        )  # fmt: skip
        return self.put(state_record(STATES, told, time), time)

    def views(self, cut: int) -> list[LogRecord]:
        """The views that complete a cut."""
        return [self.view(area, cut * 300 + 30) for area in (0, 1)]

    def act(self, act: OperatorAct) -> LogRecord:
        return self.put(act_record(ACTS, act), act.time)

    def tick(self, cut: int) -> LogRecord:
        time = T0 + cut * 5 * MINUTE
        return self.put(tick_record(ACTS, 0, time, "gateway"), time)


def quiet(**changes: Any) -> AlarmStage:
    """A stage that screens no outages, unless told to."""
    given = {"screen_every": 10**6} | changes
    return AlarmStage("test", NETWORK, REGISTER, AlarmSettings(**given))


def drive(stage: AlarmStage, records: Sequence[LogRecord]) -> list[Alarm]:
    acts = [Partition(topic, 0) for topic in stage.inputs if topic == ACTS]
    state = stage.initial([*PARTITIONS, *acts])
    told = []
    for record in records:
        state, outcomes = stage.step(state, record)
        told += [decode_alarm(o.value) for o in outcomes if o.topic == ALARMS]  # type: ignore[union-attr]
    return told


def of_kind(alarms: Sequence[Alarm], kind: AlarmKind) -> list[Alarm]:
    return [alarm for alarm in alarms if alarm.kind is kind]


def minutes(time: int | None) -> float | None:
    return None if time is None else (time - T0) / MINUTE
