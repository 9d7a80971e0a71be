"""What a person decided about estimates of metered energy: approve or reject."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from records.envelope import event_headers
from records.errors import Reason, RecordError
from records.log import LogRecord, Outgoing
from records.time import is_time

__all__ = ["APPROVAL_TYPE", "Decision", "MeterApproval", "approval_record", "decode_approval"]

APPROVAL_TYPE = "gridcast.meter.approval.v1"
_MAX_BYTES = 1 << 20
_MAX_PERIODS = 10_000
_LONGEST_NAME = 200


class Decision(StrEnum):
    """What was decided."""

    APPROVE = "approve"
    REJECT = "reject"


class MeterApproval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One decision on estimates of one meter; times in ns UTC.

    Parameters
    ----------
    area, meter
        Whose estimates.
    start, revision
        Start of each period, and the revision of its estimate that was looked at: of another
        one nothing is said.
    decision
        What was decided.
    by
        Who decided.
    at
        When.
    reason
        Why, for an auditor.
    """

    area: int
    meter: str
    start: list[int]
    revision: list[int]
    decision: Decision
    by: str
    at: int
    reason: str = ""


_DECODER = msgspec.json.Decoder(MeterApproval)


def approval_record(topic: str, approval: MeterApproval) -> Outgoing:
    """Encode a decision as a record of its area's partition."""
    headers = event_headers(
        APPROVAL_TYPE,
        approval.by,
        event_id=f"{approval.decision}-{approval.meter}-{approval.start[0]}-{approval.at}",
        content_type="application/json",
    )
    value = msgspec.json.encode(approval)
    return Outgoing(topic, approval.area, value, str(approval.area).encode(), headers)


def decode_approval(record: LogRecord) -> MeterApproval:
    """Read a decision, or raise `RecordError`."""
    if len(record.value) > _MAX_BYTES:
        raise RecordError(Reason.OVERSIZED, f"{len(record.value)} bytes, at most {_MAX_BYTES}")
    try:
        approval = _DECODER.decode(record.value)
    except msgspec.ValidationError as error:
        raise RecordError(Reason.SCHEMA_MISMATCH, str(error)[:200]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(Reason.UNDECODABLE, str(error)[:200]) from error
    if approval.area != record.partition:
        raise RecordError(
            Reason.WRONG_PARTITION, f"area {approval.area} on partition {record.partition}"
        )
    if not len(approval.start) == len(approval.revision) > 0:
        raise RecordError(Reason.SCHEMA_MISMATCH, "a decision names periods and their revisions")
    if len(approval.start) > _MAX_PERIODS:
        raise RecordError(Reason.OVERSIZED, f"more than {_MAX_PERIODS} periods")
    if not all(map(is_time, [approval.at, *approval.start])):
        raise RecordError(Reason.TIME_OUT_OF_BOUNDS, "a time before 1970 or after 2116")
    if not all(1 <= revision < 2**31 for revision in approval.revision):
        raise RecordError(Reason.SCHEMA_MISMATCH, "a revision is below 1, or no revision")
    if not 0 < len(approval.by.strip()) <= _LONGEST_NAME:
        raise RecordError(Reason.SCHEMA_MISMATCH, "nobody stands for the decision")
    return approval
