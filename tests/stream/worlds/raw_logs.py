"""Raw logs in which everything goes wrong, by a seed: what happened to be appended, and when.

Sources are late, silent, out of order and heard twice; they correct themselves, contradict
themselves, run ahead of the clock, and send what cannot be read.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import msgspec
import numpy as np

from records.alarm import AlarmKind
from records.log import LogRecord, Outgoing, Partition
from records.meter import MeterDocument, MeterSeries, meter_record
from records.meter_approval import Decision, MeterApproval, approval_record
from records.operator_act import ActKind, OperatorAct, act_record
from records.quality import Quality
from records.scada import ScadaFrame, frame_record
from records.tick import tick_record
from records.time import SECOND
from records.topics import topic_name

__all__ = ["Era", "RawLogs", "Sent", "appended", "grid_logs", "mangled", "ticks"]

RawLogs: TypeAlias = dict[Partition, list[LogRecord]]
Sent: TypeAlias = tuple[float, Outgoing]
"""When a record reached the log, in units after the start of the era, and the record."""

FRAMES, METERS, ACTS = (
    topic_name("test", name) for name in ("scada.frame.v1", "meter.read.v1", "operator.act.v1")
)
UNKNOWN_POINT = 9_999


@dataclass(frozen=True)
class Era:
    """When the sources speak.

    Parameters
    ----------
    start
        ns UTC.
    length
        How long the sources go on, in units; the ticks go on longer and close everything.
    unit
        Unit of all times in the logs, ns: longer ones stretch the same trouble.
    """

    start: int
    length: int
    unit: int = SECOND

    def at(self, units: float) -> int:
        """Return a time in ns UTC."""
        return self.start + int(units * self.unit)


def grid_logs(seed: int, era: Era, readings: Sequence[dict[int, tuple[float, float]]]) -> RawLogs:
    """Frames, meter documents and decisions of each area, acts of operators, and their ticks.

    Parameters
    ----------
    era
        When.
    readings
        Of each area: true value and sigma by point number.
    """
    rng = random.Random(seed)
    logs: RawLogs = {}
    for area, truth in enumerate(readings):
        sent = [*_frames(rng, era, area, truth), *ticks(FRAMES, area, era)]
        logs[Partition(FRAMES, area)] = appended(FRAMES, area, era, sent)
        decided = _decisions(random.Random(f"{seed} {area}"), era, area)
        sent = [*_documents(rng, era, area), *decided, *ticks(METERS, area, era)]
        logs[Partition(METERS, area)] = appended(METERS, area, era, sent)
    sent = [*_acts(rng, era), *ticks(ACTS, 0, era)]
    logs[Partition(ACTS, 0)] = appended(ACTS, 0, era, sent)
    return logs


def appended(topic: str, partition: int, era: Era, sent: Iterable[Sent]) -> list[LogRecord]:
    """Number records in the order in which they reached the log."""
    ordered = sorted(sent, key=lambda entry: entry[0])
    return [
        LogRecord(topic, partition, offset, era.at(at), out.value, out.key, out.headers)
        for offset, (at, out) in enumerate(ordered)
    ]


def ticks(
    topic: str, partition: int, era: Era, *, every: int = 20, more: int = 300
) -> Iterator[Sent]:
    """The clock of a partition, which goes on after its sources have ended."""
    for at in range(0, era.length + more, every):
        yield at + 0.5, tick_record(topic, partition, era.at(at), "clock")


def mangled(rng: random.Random, sent: Outgoing) -> Outgoing:
    """Spoil a record so that it cannot be read, or belongs elsewhere."""
    kind = rng.randrange(5)
    if kind == 0:
        return replace(sent, value=sent.value[: len(sent.value) // 2])
    if kind == 1:
        return replace(sent, value=rng.randbytes(60))
    if kind == 2:
        return replace(sent, headers={**sent.headers, "ce_type": "gridcast.unheard.of.v1"})
    if kind == 3:
        return replace(sent, headers={})
    return replace(sent, value=b"[" * 50_000)


def _frames(
    rng: random.Random, era: Era, area: int, truth: dict[int, tuple[float, float]]
) -> Iterator[Sent]:
    sequence = 0
    silent = (0, 0)
    if rng.random() < 0.4:
        begin = rng.randrange(era.length // 2)
        silent = (begin, begin + rng.randrange(40, 140))
    overload, opened = rng.randrange(era.length), rng.randrange(2 * era.length)
    for at in range(0, era.length, 10):
        if silent[0] <= at < silent[1]:
            continue
        factor = 1.7 if overload <= at < overload + 60 else 1.0
        rows = _rows(rng, truth, factor)
        if opened <= at < opened + 70:  # breakers, the points without noise
            rows = [(n, value if truth.get(n, (0, 1))[1] else 0.0, q) for n, value, q in rows]
        for version in (1, 2) if rng.random() < 0.12 else (1,):
            sequence += 1
            ahead = 90 if rng.random() < 0.02 else 0
            frame = ScadaFrame(
                1 - area if rng.random() < 0.01 else area,
                f"gateway-{area}",
                sequence,
                era.at(at + ahead),
                version,
                np.array([number for number, _, _ in rows], np.uint32),
                np.array([value + version - 1 for _, value, _ in rows]),
                np.array([bits for _, _, bits in rows], np.uint16),
                np.array([rng.randrange(-900, 900) for _ in rows], np.int32),
            )
            delay = rng.expovariate(1 / 4) if rng.random() < 0.85 else rng.uniform(10, 400)
            sent = _as_json(frame) if rng.random() < 0.1 else frame_record(FRAMES, frame)
            sent = replace(sent, partition=area)
            arrival = at + delay + 20 * (version - 1)
            if rng.random() < 0.04:
                sent = mangled(rng, sent)
            yield arrival, sent
            if rng.random() < 0.06:
                yield arrival + rng.uniform(0, 90), sent


def _rows(
    rng: random.Random, truth: dict[int, tuple[float, float]], factor: float
) -> list[tuple[int, float, int]]:
    rows = [
        (number, factor * value + rng.gauss(0, sigma), 0)
        for number, (value, sigma) in truth.items()
        if rng.random() < 0.9
    ]
    for place, (number, value, _) in enumerate(rows):
        chance = rng.random()
        if chance < 0.01:
            rows[place] = number, rng.choice([5e4, -5e4, value + 60, 0.0]), 0
        elif chance < 0.02:
            rows[place] = number, value, int(Quality.INVALID)
        elif chance < 0.025:
            rows[place] = number, float("nan"), 0
    if rng.random() < 0.05:
        rows.append((UNKNOWN_POINT, 1.0, 0))
    if rows and rng.random() < 0.05:
        number, value, _ = rows[0]
        rows.append((number, value + rng.choice([0.0, 1.0]), 0))
    return rows


def _as_json(frame: ScadaFrame) -> Outgoing:
    told = {
        "area": frame.area,
        "source": frame.source,
        "sequence": frame.sequence,
        "scan_time": frame.scan_time,
        "version": frame.version,
        "point": frame.point.tolist(),
        "value": frame.value.tolist(),
        "quality": frame.quality.tolist(),
        "offset_ms": frame.offset_ms.tolist(),
    }
    sent = frame_record(FRAMES, frame)
    headers = {**sent.headers, "content-type": "application/json"}
    return replace(sent, value=msgspec.json.encode(told), headers=headers)


_METERS_OF = (("meter:2",), ("meter:3", "meter:4"))


def _documents(rng: random.Random, era: Era, area: int) -> Iterator[Sent]:
    """Documents of two windows in successive settlement runs and revisions."""
    meters = _METERS_OF[area]
    for at in range(0, era.length, 120):
        for run in (0, 1, 2):
            for revision in (1, 2) if rng.random() < 0.3 else (1,):
                known = at + 120 + int(rng.uniform(0, 60) + 80 * run + 10 * revision)
                series = [_series(rng, meter, era.at(at)) for meter in meters]
                if rng.random() < 0.05:
                    # A document that contradicts itself.
                    series.append(_series(rng, meters[0], era.at(at)))
                document = MeterDocument(
                    area, "mdm", f"d{at}", run, revision, 120 * era.unit, era.at(known),
                    "kWh" if rng.random() < 0.03 else "MWh", series,
                )  # fmt: skip
                sent = meter_record(METERS, document)
                if rng.random() < 0.05:
                    sent = mangled(rng, sent)
                # A later run may be there before an earlier one.
                arrival = known + (rng.uniform(0, 200) if rng.random() < 0.2 else 0)
                yield arrival, sent
                if rng.random() < 0.2:
                    yield arrival + 5, sent


def _series(rng: random.Random, meter: str, start: int) -> MeterSeries:
    withdrawn = rng.random() < 0.1
    energy = None if withdrawn else rng.choice([50.0, 60.0]) / 30
    return MeterSeries(meter, [start], [energy], withdrawn_reading=[withdrawn])


def _decisions(rng: random.Random, era: Era, area: int) -> Iterator[Sent]:
    """What people decided about estimates of what is missing: some of them of others than stand."""
    for _ in range(rng.randrange(5)):
        at = rng.uniform(era.length - 30, era.length + 250)
        approval = MeterApproval(
            area, rng.choice(_METERS_OF[area]), [era.at(rng.randrange(0, era.length, 120))],
            [rng.choice([1, 1, 2])], rng.choice(list(Decision)), "anna", era.at(at),
        )  # fmt: skip
        sent = approval_record(METERS, approval)
        if rng.random() < 0.1:
            sent = mangled(rng, sent)
        yield at, sent
        if rng.random() < 0.3:
            yield at + 7, sent


def _acts(rng: random.Random, era: Era) -> Iterator[Sent]:
    for _ in range(rng.randrange(6)):
        at = rng.uniform(30, era.length)
        time = era.at(at)
        kind = rng.choice(list(ActKind))
        act = OperatorAct(
            f"branch:{rng.randrange(4)}",
            kind,
            time,
            "operator",
            rng.choice([None, AlarmKind.TELEMETRY, AlarmKind.LOADING]),
            era.at(at + 90) if kind is ActKind.SHELVE else None,
        )
        sent = act_record(ACTS, act)
        if rng.random() < 0.1:
            sent = mangled(rng, sent)
        yield at + rng.uniform(0, 60), sent
        if rng.random() < 0.2:
            yield at + 61, sent
