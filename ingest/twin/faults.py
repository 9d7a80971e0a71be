"""What goes wrong with telemetry over a day: drawn once a day, by a seed.

Faults of readings run over some scans and some points; faults of frames hit one scan of one
area. Rates are per day or per reading, so they hold for any scan period.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from ingest.twin.register import Telemetry
from records.points import Quantity
from records.time import DAY

__all__ = ["DayFaults", "FaultRates", "FrameFault", "ReadingFault", "Run", "draw_faults"]

_STREAM = 2


class ReadingFault(IntEnum):
    """What happened to a reading."""

    GAP = 1
    """A single reading did not arrive."""
    OUTAGE = 2
    """A remote terminal was silent."""
    STUCK = 3
    """The same value again and again."""
    SPIKE = 4
    """One value far off."""
    UNIT_SLIP = 5
    """A thousand times too large."""
    SIGN = 6
    """The sign was turned."""
    FLAGGED = 7
    """The source itself says that the value is not good."""


class FrameFault(IntEnum):
    """What happened to a frame."""

    NONE = 0
    LATE = 1
    """Delivered up to half an hour late."""
    OUT_OF_ORDER = 2
    """Delivered after the next one."""
    DUPLICATE = 3
    """Sent twice."""
    CORRECTED = 4
    """Some values are sent again later as version 2."""
    UNDECODABLE = 5
    """Cut short on its way."""
    UNKNOWN_POINT = 6
    """Holds a point that the register does not know."""


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often what goes wrong; counts a day, or shares of readings or frames."""

    gap_share: float = 4e-4
    outages: float = 24.0
    stuck: float = 12.0
    spike_share: float = 1e-5
    unit_slips: float = 4.0
    turned_signs: float = 4.0
    flagged_share: float = 2e-5
    late_share: float = 2e-3
    out_of_order_share: float = 2e-3
    duplicate_share: float = 2e-3
    corrected_share: float = 5e-4
    undecodable_share: float = 2e-4
    unknown_point_share: float = 5e-4

    @classmethod
    def none(cls) -> FaultRates:
        """Nothing goes wrong."""
        return cls(*(0.0 for _ in range(13)))


@dataclass(frozen=True, slots=True)
class Run:
    """One fault of some points over scans ``[low, high)`` of the day."""

    fault: ReadingFault
    points: npt.NDArray[np.int64]
    low: int
    high: int


@dataclass(frozen=True, slots=True, eq=False)
class DayFaults:
    """The faults of one UTC day.

    Parameters
    ----------
    runs
        Faults that last, by their first scan.
    scan, point, fault, size
        Faults of single readings, by scan, each of shape (n_singles,); `size` is between -1
        and 1 and says how bad.
    frame
        `FrameFault` of each frame, shape (n_scans, n_areas).
    delay
        Between 0 and 1, how late what comes late comes, shape (n_scans, n_areas).
    """

    runs: tuple[Run, ...]
    scan: npt.NDArray[np.int64]
    point: npt.NDArray[np.int64]
    fault: npt.NDArray[np.int64]
    size: npt.NDArray[np.float64]
    frame: npt.NDArray[np.int8]
    delay: npt.NDArray[np.float64]


def draw_faults(
    telemetry: Telemetry, rates: FaultRates, day: int, period: int, seed: int
) -> DayFaults:
    """Draw the faults of a day.

    Parameters
    ----------
    day
        Days since 1970, UTC.
    period
        Scan period, ns.
    """
    rng = np.random.default_rng([seed, _STREAM, day])
    n_scans, n_points = DAY // period, len(telemetry.points)
    runs = _runs(rng, telemetry, rates, n_scans, period)
    kinds = (
        (ReadingFault.GAP, rates.gap_share),
        (ReadingFault.SPIKE, rates.spike_share),
        (ReadingFault.FLAGGED, rates.flagged_share),
    )
    count = [int(rng.poisson(share * n_scans * n_points)) for _, share in kinds]
    scan = rng.integers(0, n_scans, sum(count))
    order = np.argsort(scan, kind="stable")
    fault = np.repeat([kind.value for kind, _ in kinds], count)[order]
    shares = {
        FrameFault.LATE: rates.late_share,
        FrameFault.OUT_OF_ORDER: rates.out_of_order_share,
        FrameFault.DUPLICATE: rates.duplicate_share,
        FrameFault.CORRECTED: rates.corrected_share,
        FrameFault.UNDECODABLE: rates.undecodable_share,
        FrameFault.UNKNOWN_POINT: rates.unknown_point_share,
    }
    shape = (n_scans, len(telemetry.first) - 1)
    edges = np.cumsum(list(shares.values()))
    drawn = np.searchsorted(edges, rng.random(shape), side="right")
    codes = np.array([*(kind.value for kind in shares), FrameFault.NONE.value], np.int8)
    return DayFaults(
        runs,
        scan[order],
        rng.integers(0, n_points, len(scan)),
        fault,
        rng.uniform(-1, 1, len(scan)),
        codes[drawn],
        rng.random(shape),
    )


def _runs(
    rng: np.random.Generator, telemetry: Telemetry, rates: FaultRates, n_scans: int, period: int
) -> tuple[Run, ...]:
    every = np.arange(len(telemetry.points))
    active = np.array([p.quantity is Quantity.ACTIVE for p in telemetry.points])
    voltage = np.array([p.quantity is Quantity.VOLTAGE for p in telemetry.points])
    plan = (
        (ReadingFault.STUCK, rates.stuck, every, 20, 60),
        (ReadingFault.UNIT_SLIP, rates.unit_slips, every[~voltage], 5, 15),
        (ReadingFault.SIGN, rates.turned_signs, every[active], 10, 30),
    )
    runs: list[Run] = []

    def draw(
        fault: ReadingFault, points: npt.NDArray[np.int64], shortest: int, longest: int
    ) -> None:
        low = int(rng.integers(0, n_scans))
        minutes = rng.uniform(shortest, longest)
        length = max(1, int(minutes * 60e9 / period))
        runs.append(Run(fault, points, low, min(low + length, n_scans)))

    for fault, rate, candidates, shortest, longest in plan:
        for _ in range(int(rng.poisson(rate))):
            draw(fault, rng.choice(candidates, 1), shortest, longest)
    stations = np.unique(telemetry.station)
    for _ in range(int(rng.poisson(rates.outages))):
        station = rng.choice(stations)
        draw(ReadingFault.OUTAGE, np.flatnonzero(telemetry.station == station), 2, 12)
    return tuple(sorted(runs, key=lambda run: run.low))
