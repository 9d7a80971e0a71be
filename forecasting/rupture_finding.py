"""What an offline detector of one series finds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One event of one series.

    Attributes
    ----------
    onset
        Step at which it is estimated to have begun.
    detected
        Last step that had to be known to find it.
    kind
        ``level``, ``trend``, ``profile``, ``variance``, ``frozen``, ``vanished``, ``new`` (all of
        which last) or ``outlier`` (transient).
    statistic, threshold
        The evidence, on the scale of the detector.
    """

    onset: int
    detected: int
    kind: str
    statistic: float
    threshold: float
