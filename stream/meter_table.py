"""What stands of all meters that count alike, as one table: periods down, meters across."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream.local_clock import LocalClock
from stream.meter_gaps import MeterSeries
from stream.meter_versions import MeterVersions

__all__ = ["MeterTable"]


@dataclass(frozen=True, slots=True)
class MeterTable:
    """Standing readings of an area over consecutive periods.

    Parameters
    ----------
    first, period
        Start of the first period, ns UTC, and length of each, ns.
    net_mwh, revision
        Shape (n_periods, n_meters); NaN and 0 where nothing was ever said.
    slot
        Hour and day type of each period, shape (n_periods,).
    """

    first: int
    period: int
    net_mwh: npt.NDArray[np.float64]
    revision: npt.NDArray[np.int32]
    slot: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls, versions: MeterVersions, clock: LocalClock, period: int, first: int, until: int
    ) -> MeterTable:
        """Read the periods of ``[first, until)``, ns UTC."""
        starts = range(first, until, period)
        net = np.full((len(starts), len(versions.meters)), np.nan)
        revision = np.zeros(net.shape, np.int32)
        for row, start in enumerate(starts):
            kept = versions.standing(start, period)
            if kept is not None:
                net[row], revision[row] = kept.net_mwh, kept.revision
        slot = np.array([clock.slot(start) for start in starts], np.int64)
        return cls(first, period, net, revision, slot)

    def meter(self, name: str, place: int, since: int, until: int) -> MeterSeries:
        """Return the series of one meter over the periods of ``[since, until)``, ns UTC."""
        a, b = (max(0, -(-(edge - self.first) // self.period)) for edge in (since, until))
        begin = self.first + a * self.period
        net, revision = self.net_mwh[a:b, place], self.revision[a:b, place]
        return MeterSeries(name, begin, self.period, net, revision, self.slot[a:b])
