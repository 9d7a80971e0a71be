"""What operators do: acknowledge and shelve alarms, release series from quarantine."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from records.alarm import AlarmKind
from records.envelope import event_headers
from records.errors import Reason, RecordError
from records.log import Outgoing
from records.time import DAY, is_time

__all__ = ["ACT_TYPE", "LONGEST_SHELF", "ActKind", "OperatorAct", "act_record", "decode_act"]

ACT_TYPE = "gridcast.operator.act.v1"
_MAX_BYTES = 64 << 10
LONGEST_SHELF = 30 * DAY
"""Nothing is shelved for longer at once."""


class ActKind(StrEnum):
    """What was done."""

    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    RELEASE = "release"
    """Believe the readings of a series again; `element` is its id."""


class OperatorAct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One act on the alarms of one element; times in ns UTC.

    Parameters
    ----------
    element
        Such as ``"branch:7"``.
    act
        What was done.
    time
        When. An acknowledgement holds for alarms raised until then.
    operator
        Who.
    kind
        Only alarms of this kind; of every kind when None.
    until
        End of the shelving, at most 30 days on; nothing is shelved without end.
    note
        Why, for a person.
    """

    element: str
    act: ActKind
    time: int
    operator: str
    kind: AlarmKind | None = None
    until: int | None = None
    note: str = ""


_DECODER = msgspec.json.Decoder(OperatorAct)


def act_record(topic: str, act: OperatorAct) -> Outgoing:
    """Encode an act, keyed by its element."""
    headers = event_headers(
        ACT_TYPE,
        act.operator,
        event_id=f"{act.element}-{act.act}-{act.time}",
        content_type="application/json",
    )
    return Outgoing(topic, 0, msgspec.json.encode(act), act.element.encode(), headers)


def decode_act(value: bytes) -> OperatorAct:
    """Read an act, or raise `RecordError`."""
    if len(value) > _MAX_BYTES:
        raise RecordError(Reason.OVERSIZED, f"{len(value)} bytes, at most {_MAX_BYTES}")
    try:
        act = _DECODER.decode(value)
    except msgspec.ValidationError as error:
        raise RecordError(Reason.SCHEMA_MISMATCH, str(error)[:200]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(Reason.UNDECODABLE, str(error)[:200]) from error
    if not is_time(act.time):
        raise RecordError(Reason.TIME_OUT_OF_BOUNDS, f"time is {act.time}"[:200])
    shelved = act.act is ActKind.SHELVE
    if shelved != (act.until is not None):
        raise RecordError(Reason.SCHEMA_MISMATCH, "until belongs to shelve, and to nothing else")
    if act.until is not None and not act.time < act.until <= act.time + LONGEST_SHELF:
        raise RecordError(Reason.SCHEMA_MISMATCH, "until must be within 30 days after time")
    return act
