"""Validation of readings: the rules, written down once, and those that one reading alone decides.

A reading that is read but not believed is flagged `SUSPECT` and kept; its source bits stay bit
for bit. What cannot be placed is refused with a `Reason`. Rules that look at the point's past
stand in `stream.sequence`; they are applied in event time, so the order of arrival does not
matter to what is finally believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt

from records.finding import Finding
from records.quality import NOT_BELIEVED, Quality
from records.time import MINUTE

__all__ = ["RULES", "Effect", "Rule", "RuleDoc", "RuleLimits", "describe", "row_rules"]

_BAD_SOURCE = np.uint16(NOT_BELIEVED)
_SUSPECT = np.uint16(Quality.SUSPECT)


class Rule(IntFlag):
    """The rules that flag a reading."""

    SOURCE = 1
    RANGE = 2
    RATE = 4
    FROZEN = 8
    UNIT_SLIP = 16
    SIGN = 32


class Effect:
    """What becomes of a reading that breaks a rule."""

    FLAGGED = "flagged SUSPECT and kept"
    KEPT = "kept with its source bits, not believed"
    DROPPED = "dropped"
    REFUSED = "refused to the dead letters"
    REBUILT = "kept, and the window made again from the historian"


@dataclass(frozen=True, slots=True)
class RuleDoc:
    """One line of the rule table: what breaks the rule and what follows."""

    name: str
    breaks: str
    effect: str


RULES: tuple[RuleDoc, ...] = (
    RuleDoc("source", "the source says invalid, not topical, blocked, overflow or test",
            Effect.KEPT),
    RuleDoc("range", "the scaled value is outside the register's low to high", Effect.FLAGGED),
    RuleDoc("rate", "the value is further from the last believed one than max_rate times the "
            "time since plus six sigma; the third such reading in a row that agree with each "
            "other is believed, for then the level itself has moved", Effect.FLAGGED),
    RuleDoc("frozen", "a cyclic point with noise repeats one non-zero value for longer than "
            "frozen_after; telemetry by exception may", Effect.FLAGGED),
    RuleDoc("unit_slip", "the value is 1,000 times or a thousandth of the last believed one, "
            "within a factor slip_tolerance", Effect.FLAGGED),
    RuleDoc("sign", "the value is the last believed one with its sign turned, beyond noise "
            "(only where check_sign is set)", Effect.FLAGGED),
    RuleDoc("future", "the time is more than 60 s ahead of the log's clock, or before the "
            "earliest time", Effect.REFUSED),
    RuleDoc("unknown_point", "the register has no entry for the number at the reading's time",
            Effect.REFUSED),
    RuleDoc("duplicate", "a frame repeats a point, time and value", Effect.DROPPED),
    RuleDoc("contradictory_duplicates", "a frame gives a point two values for one time",
            Effect.REFUSED),
    RuleDoc("late", "the reading's window has left memory",
            Effect.REBUILT),
    RuleDoc("too_late", "the reading is older than what the historian keeps", Effect.REFUSED),
)  # fmt: skip
"""Every rule; docs and tests read this table."""


@dataclass(frozen=True, slots=True)
class RuleLimits:
    """Limits that are the same for all points; the others are in the register.

    Parameters
    ----------
    frozen_after
        How long an identical value is believed, ns.
    reference_age
        A last believed value older than this judges nothing, ns.
    slip_tolerance
        A unit slip is a ratio within this factor of 1,000 or 1/1,000.
    agreeing
        So many consecutive readings off the last level, agreeing with each other, are a new
        level.
    check_sign
        Whether a turned sign is looked for.
    """

    frozen_after: int = 15 * MINUTE
    reference_age: int = 15 * MINUTE
    slip_tolerance: float = 1.5
    agreeing: int = 3
    check_sign: bool = False


def row_rules(
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.uint16],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Apply the rules that need nothing but the reading; all arrays of shape (n_rows,).

    Returns
    -------
    quality
        Source bits, with SUSPECT where the value is out of range.
    broken
        `Rule` bits.

    >>> one = np.ones(3)
    >>> row_rules(np.array([1.0, 9.0, 1.0]), np.array([0, 0, 1], np.uint16), 0 * one, 5 * one)
    (array([   0, 4096,    1], dtype=uint16), array([0, 2, 1], dtype=uint16))
    """
    broken = np.zeros(len(value), np.uint16)
    if np.count_nonzero(quality):
        broken[(quality & _BAD_SOURCE) != 0] = Rule.SOURCE
    outside = (value < low) | (value > high)
    if np.count_nonzero(outside):
        broken[outside] |= np.uint16(Rule.RANGE)
        quality = np.where(outside, quality | _SUSPECT, quality)
    return quality, broken


_EXPECTED = {
    Rule.SOURCE: "a value that its source believes",
    Rule.RANGE: "{low:g} to {high:g}",
    Rule.RATE: "{last:g} and at most {rate:g} per second of change",
    Rule.FROZEN: "a value that moves within {frozen:.0f} s",
    Rule.UNIT_SLIP: "about {last:g}; 1,000 times off, a unit slip",
    Rule.SIGN: "about {last:g}; the sign is turned",
}


def describe(
    point: str,
    broken: Rule,
    time_ns: int,
    observed: float,
    **limits: float,
) -> list[Finding]:
    """Write one finding for each rule in `broken`; `limits` fill the expectation in."""
    return [
        Finding(
            point, (rule.name or "").lower(), time_ns, observed, _EXPECTED[rule].format(**limits)
        )
        for rule in broken
    ]
