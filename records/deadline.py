"""Late forecasts: warnings, alarms and clearances of a product's deadline."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from records.envelope import event_headers
from records.log import Outgoing

__all__ = ["DEADLINE_TYPE", "DeadlineEvent", "Severity", "deadline_record", "decode_deadline"]

DEADLINE_TYPE = "gridcast.monitor.deadline.v1"


class Severity(StrEnum):
    """How bad it is; a clearance ends what a warning or an alarm began."""

    WARNING = "warning"
    ALARM = "alarm"
    CLEARANCE = "clearance"


class DeadlineEvent(msgspec.Struct, frozen=True):
    """One change of a product's punctuality.

    `issue_time` is the forecast concerned (event time), None when no input at all is the
    trouble; `due_from` the wall time its inputs were complete; `at` the wall time of this
    event; all ns UTC. `reason` is for a person.
    """

    product: str
    severity: Severity
    issue_time: int | None
    due_from: int
    at: int
    reason: str


_DECODER = msgspec.json.Decoder(DeadlineEvent)


def deadline_record(topic: str, event: DeadlineEvent, source: str) -> Outgoing:
    """Encode an event, keyed by its product."""
    headers = event_headers(
        DEADLINE_TYPE,
        source,
        event_id=f"{event.product}-{event.severity}-{event.at}",
        content_type="application/json",
    )
    return Outgoing(topic, 0, msgspec.json.encode(event), event.product.encode(), headers)


def decode_deadline(value: bytes) -> DeadlineEvent:
    """Read an event back."""
    return _DECODER.decode(value)
