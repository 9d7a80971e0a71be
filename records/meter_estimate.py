"""Estimates of metered energy that is still missing, with all that an auditor asks for.

An estimate never replaces a reading: it stands until one comes, and is then reversed. Records of a
meter and period are ordered by revision; the highest one counts.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from records.envelope import event_headers
from records.errors import Reason, RecordError
from records.log import Outgoing

__all__ = [
    "ESTIMATE_TYPE",
    "EstimateInputs",
    "EstimateMethod",
    "EstimateStatus",
    "MeterEstimate",
    "RegisterUsed",
    "decode_estimate",
    "estimate_record",
]

ESTIMATE_TYPE = "gridcast.meter.estimate.v1"
_MAX_BYTES = 8 << 20


class EstimateMethod(StrEnum):
    """How the energies were found."""

    REGISTER_PROFILE = "register_profile"
    """The difference of two register readings, spread by the meter's own typical profile."""
    REGISTER_EVEN = "register_even"
    """The difference of two register readings, spread evenly: no profile is known yet."""
    TYPICAL_SCALED = "typical_scaled"
    """The meter's own typical profile, at the level of the days before the gap."""
    REVERSED = "reversed"
    """Taken back: energies are null."""


class EstimateStatus(StrEnum):
    """What people made of an estimate."""

    PROPOSED = "proposed"
    """Made by the rule; nobody has decided yet."""
    APPROVED = "approved"
    REJECTED = "rejected"
    """By a person; energies are null."""
    TAKEN_BACK = "taken_back"
    """By the rule, for a reading came or it no longer follows; energies are null."""


class RegisterUsed(msgspec.Struct, frozen=True):
    """A register reading that an estimate rests on: instant (ns UTC), net MWh, its version."""

    at: int
    net_mwh: float
    document: str
    run: int
    revision: int


class EstimateInputs(msgspec.Struct, frozen=True):
    """What an estimate was made from.

    Parameters
    ----------
    registers
        The register readings before and after the gap; empty for the typical profile.
    measured_mwh
        Energy measured between them, or measured before the gap to scale the profile, MWh.
    measured_periods
        Number of those periods.
    profile_from, profile_until
        The readings that the profile was learnt from, ns UTC; equal where there is none.
    profile_periods
        Their number.
    versions
        Digest of the versions of all these readings.
    scale
        What the profile was multiplied by; null where it was not.
    """

    registers: list[RegisterUsed]
    measured_mwh: float
    measured_periods: int
    profile_from: int
    profile_until: int
    profile_periods: int
    versions: str
    scale: float | None


class MeterEstimate(msgspec.Struct, frozen=True):
    """Estimates of one meter that were made together, one entry a period.

    Parameters
    ----------
    area, meter, series
        Whose energy; `series` is the point that the meter measures.
    period
        Length of every period, ns.
    start, energy_mwh, revision
        Start of each period (ns UTC), its net energy (withdrawal less injection, MWh; null where
        taken back) and revision, from 1.
    method, inputs
        How, and from what.
    reason
        Why now, for a person.
    approved_by
        The rule that stands for it, with its version, or the person who decided.
    known_at
        Event time at which it was made, ns UTC.
    status
        What was decided about it.
    decided_at
        When a person decided, ns UTC; null where none did.
    """

    area: int
    meter: str
    series: str
    period: int
    start: list[int]
    energy_mwh: list[float | None]
    revision: list[int]
    method: EstimateMethod
    inputs: EstimateInputs
    reason: str
    approved_by: str
    known_at: int
    status: EstimateStatus = EstimateStatus.PROPOSED
    decided_at: int | None = None

    def if_approved(self) -> MeterEstimate:
        """Return it with energies only where a person approved them."""
        if self.status is EstimateStatus.APPROVED:
            return self
        return msgspec.structs.replace(self, energy_mwh=[None] * len(self.energy_mwh))


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(MeterEstimate)


def estimate_record(topic: str, estimate: MeterEstimate) -> Outgoing:
    """Encode estimates as a record of their area's partition; the key is the meter."""
    first, top = estimate.start[0], max(estimate.revision)
    headers = event_headers(
        ESTIMATE_TYPE,
        "meter_estimates",
        event_id=f"estimate-{estimate.area}-{estimate.meter}-{first}-{top}-{estimate.method}",
        content_type="application/json",
        watermark=estimate.known_at,
    )
    value = _ENCODER.encode(estimate)
    return Outgoing(topic, estimate.area, value, estimate.meter.encode(), headers)


def decode_estimate(value: bytes) -> MeterEstimate:
    """Read estimates back, or raise `RecordError`."""
    if len(value) > _MAX_BYTES:
        raise RecordError(Reason.OVERSIZED, f"{len(value)} bytes, at most {_MAX_BYTES}")
    try:
        estimate = _DECODER.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(Reason.UNDECODABLE, str(error)[:200]) from error
    if not len(estimate.start) == len(estimate.energy_mwh) == len(estimate.revision) > 0:
        raise RecordError(Reason.SCHEMA_MISMATCH, f"{estimate.meter}: columns differ in length")
    return estimate
