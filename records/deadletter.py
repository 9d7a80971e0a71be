"""Dead letters: what could not be read or placed, with its raw bytes, origin and reason."""

from __future__ import annotations

import msgspec

from records.envelope import event_headers
from records.errors import Reason, RecordError
from records.log import LogRecord, Outgoing

__all__ = ["DEAD_LETTER_TYPE", "DeadLetter", "dead_letter_record", "decode_dead_letter"]

DEAD_LETTER_TYPE = "gridcast.dead-letter.v1"


class DeadLetter(msgspec.Struct, frozen=True):
    """A refused record, or some rows of it.

    `rows` are the refused row numbers of a columnar record, or None when the whole record
    was refused; `count` is how many measurements that is (1 where they could not be counted).
    """

    topic: str
    partition: int
    offset: int
    append_time: int
    reason: Reason
    detail: str
    value: bytes
    headers: dict[str, str]
    key: bytes = b""
    rows: list[int] | None = None
    count: int = 1


_DECODER = msgspec.msgpack.Decoder(DeadLetter)


def dead_letter_record(
    topic: str,
    record: LogRecord,
    error: RecordError,
    *,
    source: str,
    rows: list[int] | None = None,
) -> Outgoing:
    """Build the dead letter of `record`, keyed by its origin so that repeats are the same."""
    origin = f"{record.topic}/{record.partition}/{record.offset}/{error.reason.value}"
    letter = DeadLetter(
        record.topic,
        record.partition,
        record.offset,
        record.append_time,
        error.reason,
        error.detail,
        record.value,
        dict(record.headers),
        record.key,
        rows,
        len(rows) if rows is not None else 1,
    )
    headers = event_headers(
        DEAD_LETTER_TYPE, source, event_id=origin, content_type="application/msgpack"
    )
    return Outgoing(topic, 0, msgspec.msgpack.encode(letter), origin.encode(), headers)


def decode_dead_letter(value: bytes) -> DeadLetter:
    """Read back a dead letter."""
    return _DECODER.decode(value)
