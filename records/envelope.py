"""CloudEvents headers: every record names its type, its source and what it follows."""

from __future__ import annotations

from collections.abc import Mapping

from records.errors import Reason, RecordError

__all__ = ["event_headers", "event_type", "known_at", "watermark_of"]

_TYPE = "ce_type"
_WATERMARK = "gc_watermark"
_FARTHEST = 2**62
_NO_TIME = 2**63
_KNOWN = "gc_known"


def event_headers(
    kind: str,
    source: str,
    *,
    event_id: str,
    content_type: str,
    watermark: int | None = None,
    known: int | None = None,
) -> dict[str, str]:
    """Binary-mode CloudEvents 1.0 headers.

    Parameters
    ----------
    kind
        Event type with its version, such as ``gridcast.scada.frame.v1``.
    source
        Who made it.
    event_id
        Unique within the source, and the same when the same event is sent again.
    content_type
        Media type of the value.
    watermark
        For derived records: event time (ns UTC) up to which the producing partition is
        complete once this record has been read.
    known
        For derived records that must not move the watermark of their partition: event time
        (ns UTC) at which their content is known.
    """
    headers = {
        "ce_specversion": "1.0",
        _TYPE: kind,
        "ce_source": source,
        "ce_id": event_id,
        "content-type": content_type,
    }
    if watermark is not None:
        headers[_WATERMARK] = str(watermark)
    if known is not None:
        headers[_KNOWN] = str(known)
    return headers


def event_type(headers: Mapping[str, str]) -> str:
    """Return the type of a record, or raise `RecordError` where it names none."""
    try:
        return headers[_TYPE]
    except KeyError:
        raise RecordError(Reason.UNKNOWN_TYPE, "header ce_type is missing") from None


def watermark_of(headers: Mapping[str, str]) -> int | None:
    """Return the watermark a derived record carries, if any (ns UTC), or raise `RecordError`."""
    return _time(headers, _WATERMARK)


def known_at(headers: Mapping[str, str]) -> int | None:
    """Return when a derived record's content is known, if it says so (ns UTC).

    That is the watermark it carries, or the time of its own where it must not move that one.
    Raises `RecordError` where it is no number.
    """
    known = _time(headers, _KNOWN)
    return watermark_of(headers) if known is None else known


def _time(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    try:
        found = int(text)
    except ValueError:
        found = _NO_TIME
    if abs(found) > _FARTHEST:
        raise RecordError(Reason.SCHEMA_MISMATCH, f"header {name} is {text[:40]!r}")
    return found
