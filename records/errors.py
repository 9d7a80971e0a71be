"""Why a record could not be read or placed."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Reason", "RecordError"]


class Reason(StrEnum):
    """Reasons a record is dead-lettered rather than processed."""

    UNDECODABLE = "undecodable"
    OVERSIZED = "oversized"
    SCHEMA_MISMATCH = "schema_mismatch"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_POINT = "unknown_point"
    NOT_FINITE = "not_finite"
    TIME_OUT_OF_BOUNDS = "time_out_of_bounds"
    CONTRADICTORY = "contradictory_duplicates"
    WRONG_PARTITION = "wrong_partition"


class RecordError(ValueError):
    """A record that cannot be read or placed; it goes to the dead letters whole.

    Attributes
    ----------
    reason : Reason
        The machine-readable cause.
    detail : str
        What was seen, for a person.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
