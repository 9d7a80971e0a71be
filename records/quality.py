"""Quality of a value, carried bit for bit from the source to the product."""

from __future__ import annotations

from enum import IntFlag

__all__ = ["NOT_BELIEVED", "REPLACED", "Quality"]


class Quality(IntFlag):
    """Sixteen quality bits; zero is good.

    The first five are those of IEC 60870-5-104 (IV, NT, SB, BL, OV), in the order in which
    the standard's quality descriptor is usually read; the next three come with the source;
    the rest are set here.
    """

    GOOD = 0
    INVALID = 1
    NOT_TOPICAL = 2
    SUBSTITUTED = 4
    BLOCKED = 8
    OVERFLOW = 16
    TIME_INVALID = 32
    MANUAL = 64
    TEST = 128
    HELD = 256
    """Replaced by the last good value."""
    TYPICAL = 512
    """Replaced by the typical value of the hour and day type."""
    ESTIMATED = 1024
    DISPUTED = 2048
    """The state estimator rejects the value."""
    SUSPECT = 4096
    """Read but not believed: a finding names the rule."""
    MISSING = 8192
    """No value arrived where one was due; the value is NaN or a replacement."""


NOT_BELIEVED = (
    Quality.INVALID
    | Quality.NOT_TOPICAL
    | Quality.BLOCKED
    | Quality.OVERFLOW
    | Quality.TEST
    | Quality.SUSPECT
    | Quality.MISSING
)
"""Any of these bits keeps a value out of means and estimates."""

REPLACED = Quality.HELD | Quality.TYPICAL | Quality.ESTIMATED
"""Any of these bits marks a value that was not measured."""
