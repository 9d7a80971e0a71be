"""Ruptures and outliers, published with their evidence."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from records.envelope import event_headers
from records.log import Outgoing

__all__ = [
    "RUPTURE_TYPE",
    "Evidence",
    "RuptureEvent",
    "RuptureKind",
    "RuptureStatus",
    "decode_ruptures",
    "rupture_record",
]

RUPTURE_TYPE = "gridcast.monitor.rupture.v1"


class RuptureKind(StrEnum):
    """What happened; an outlier is transient, all others last."""

    LEVEL = "level"
    TREND = "trend"
    PROFILE = "profile"
    VARIANCE = "variance"
    FROZEN = "frozen"
    VANISHED = "vanished"
    NEW = "new"
    OUTLIER = "outlier"
    CONTRADICTED = "contradicted"
    """The balance of what is metered shows the readings to be false."""


class RuptureStatus(StrEnum):
    """Whether the model of a series may be used: as it is, unless simplified.

    Of a quarantined series the readings are not believed.
    """

    NORMAL = "normal"
    SUSPECT = "suspect"
    SIMPLIFIED = "simplified"
    RECOVERING = "recovering"
    QUARANTINED = "quarantined"


class Evidence(msgspec.Struct, frozen=True):
    """The statistic that passed its threshold, and the level before and after."""

    statistic: float
    threshold: float
    before: float | None
    after: float | None


class RuptureEvent(msgspec.Struct, frozen=True):
    """One event of one series; `time` is the estimated onset, `detected_at` when known.

    An event that changed the state of the series says into which, and then also what else did:
    a training, or quiet, is an event with the kind and the onset of the rupture it is about.
    """

    series: str
    time: int
    detected_at: int
    kind: RuptureKind
    evidence: Evidence
    status: RuptureStatus | None = None


_DECODER = msgspec.json.Decoder(list[RuptureEvent])


def rupture_record(topic: str, events: list[RuptureEvent], watermark: int) -> Outgoing:
    """Encode the events detected together, keyed by the first series."""
    first = events[0]
    headers = event_headers(
        RUPTURE_TYPE,
        "rupture-monitor",
        event_id=f"{first.series}-{first.kind}-{first.detected_at}",
        content_type="application/json",
        watermark=watermark,
    )
    return Outgoing(topic, 0, msgspec.json.encode(events), first.series.encode(), headers)


def decode_ruptures(value: bytes) -> list[RuptureEvent]:
    """Read the events of one record."""
    return _DECODER.decode(value)
