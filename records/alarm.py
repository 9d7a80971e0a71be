"""Alarms: limits that are not met now, or would not be met if one element were lost.

One alarm is one excursion of one quantity beyond its limit: it is raised once, told again only
when something about it changes, and cleared once. Its records share `Alarm.key` and `raised`;
the one with the greatest `updated` stands, wherever it lies in the topic.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from records.envelope import event_headers
from records.log import Outgoing

__all__ = [
    "ALARM_TYPE",
    "Alarm",
    "AlarmAct",
    "AlarmEvidence",
    "AlarmKey",
    "AlarmKind",
    "AlarmSeverity",
    "LeadTime",
    "OutageOverload",
    "alarm_record",
    "decode_alarm",
]

ALARM_TYPE = "gridcast.network.alarm.v1"

AlarmKey = tuple[str, str, str]
"""Kind, element, end: what can have one active alarm at a time."""


class AlarmKind(StrEnum):
    """Where the value comes from."""

    LOADING = "loading"
    """Branch loading of the estimated state."""
    VOLTAGE = "voltage"
    """Bus voltage of the estimated state."""
    TELEMETRY = "telemetry"
    """A measured value, which waits for no estimate."""
    CONTINGENCY = "contingency"
    """What would be exceeded if the element were lost."""


class AlarmSeverity(StrEnum):
    """How far beyond the limit."""

    MINOR = "minor"
    MAJOR = "major"
    SEVERE = "severe"
    CRITICAL = "critical"


class LeadTime(StrEnum):
    """Who can act in the time there is."""

    AUTOMATIC = "automatic"
    """Less than 5 minutes: only what was set up to act by itself."""
    OPERATIONAL = "operational"
    """Minutes to hours: schedules and topology."""
    MAINTENANCE = "maintenance"
    """Days to weeks: maintenance plans."""
    SEASONAL = "seasonal"
    """Seasons to years: maintenance and contracts."""
    INVESTMENT = "investment"
    """5 years and more."""


class OutageOverload(msgspec.Struct, frozen=True):
    """An element that the outage would overload; `p_mw` at its from end, limit in MVA."""

    element: str
    loading_percent: float
    p_mw: float
    limit_mva: float


class AlarmEvidence(msgspec.Struct, frozen=True):
    """What an alarm rests on.

    Parameters
    ----------
    points
        Point ids behind a telemetry alarm.
    overloads
        For a contingency, the worst overloads after it, worst first.
    n_overloads
        How many there are in all.
    cut_off
        Buses that the outage cuts off.
    note
        For a person.
    """

    points: tuple[str, ...] = ()
    overloads: tuple[OutageOverload, ...] = ()
    n_overloads: int = 0
    cut_off: tuple[str, ...] = ()
    note: str = ""


class AlarmAct(msgspec.Struct, frozen=True):
    """What an operator did about an alarm, and when (ns UTC).

    Parameters
    ----------
    act
        ``"acknowledge"``, ``"shelve"`` or ``"unshelve"``.
    until
        End of a shelving.
    note
        Why, in the operator's words.
    """

    act: str
    time: int
    operator: str
    until: int | None = None
    note: str = ""


class Alarm(msgspec.Struct, frozen=True):
    """One alarm as it stands at `updated`; all times ns UTC.

    Parameters
    ----------
    element, end
        Such as ``"branch:7"`` and ``"from"``; the element lost for a contingency.
    priority
        1 (act first) to 4.
    raised, updated, cleared
        `cleared` is None while it is active.
    since
        When the present severity began; it may last for `permitted` (ns, None: no bound).
    value, limit, unit
        As last told: MVA, A, kV or pu; for a contingency the worst overload after it, in MVA.
    percent
        Value in percent of the limit.
    disputed
        Whether the estimator rejects the value; None where no estimate has judged it.
    overdue
        It has lasted longer than permitted.
    cause
        Element that names the group of alarms that belong together.
    acknowledged, acknowledged_by
        By an operator; None and empty before.
    shelved_until, shelved_by
        Kept from the operator's list until then, and by whom; None and empty otherwise.
    trail
        What operators did about it, the oldest first; the last twenty.
    """

    element: str
    end: str
    kind: AlarmKind
    severity: AlarmSeverity
    priority: int
    lead_time: LeadTime
    raised: int
    updated: int
    since: int
    permitted: int | None
    value: float | None
    limit: float | None
    unit: str
    percent: float | None
    cause: str
    evidence: AlarmEvidence = AlarmEvidence()
    cleared: int | None = None
    disputed: bool | None = None
    overdue: bool = False
    acknowledged: int | None = None
    acknowledged_by: str = ""
    shelved_until: int | None = None
    shelved_by: str = ""
    trail: tuple[AlarmAct, ...] = ()

    @property
    def key(self) -> AlarmKey:
        """What can have one active alarm at a time."""
        return self.kind.value, self.element, self.end

    @property
    def for_operator(self) -> bool:
        """Whether it belongs on the operator's list: active, not shelved, time to act."""
        waiting = self.cleared is None and self.shelved_until is None
        return waiting and self.lead_time is not LeadTime.AUTOMATIC


_DECODER = msgspec.json.Decoder(Alarm)


def alarm_record(topic: str, alarm: Alarm, watermark: int | None = None) -> Outgoing:
    """Encode an alarm, keyed by its element.

    `watermark` (ns UTC) is that of the cut it was settled at; None when it is told at once.
    """
    told = "at-once" if watermark is None else "settled"
    headers = event_headers(
        ALARM_TYPE,
        "alarms",
        event_id="-".join((*alarm.key, str(alarm.raised), str(alarm.updated), told)),
        content_type="application/json",
        watermark=watermark,
    )
    return Outgoing(topic, 0, msgspec.json.encode(alarm), alarm.element.encode(), headers)


def decode_alarm(value: bytes) -> Alarm:
    """Read an alarm back."""
    return _DECODER.decode(value)
