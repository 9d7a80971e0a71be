"""Findings: bad data are values, not exceptions."""

from __future__ import annotations

import msgspec

from records.envelope import event_headers
from records.log import Outgoing

__all__ = ["FINDING_TYPE", "Finding", "decode_findings", "findings_record"]

FINDING_TYPE = "gridcast.finding.v1"


class Finding(msgspec.Struct, frozen=True):
    """A point, the rule it broke, and what was observed.

    `time` is the valid time (ns UTC); `observed` is in the point's unit, `expected` what the
    rule would have allowed, as text for a person.
    """

    point: str
    rule: str
    time: int
    observed: float | None
    expected: str


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(list[Finding])


def findings_record(
    topic: str, partition: int, findings: list[Finding], source: str, watermark: int
) -> Outgoing:
    """One record of findings that were made together."""
    event_id = f"{source}-{findings[0].rule}-{findings[0].point}-{findings[0].time}"
    headers = event_headers(
        FINDING_TYPE,
        source,
        event_id=event_id,
        content_type="application/json",
        watermark=watermark,
    )
    return Outgoing(topic, partition, _ENCODER.encode(findings), str(partition).encode(), headers)


def decode_findings(value: bytes) -> list[Finding]:
    """Read back the findings of one record."""
    return _DECODER.decode(value)
