"""Readings of the true state: noise, and the faults of readings."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.twin.faults import DayFaults, ReadingFault, Run
from ingest.twin.grid import NODE, Grid, NodeStates
from ingest.twin.register import Telemetry
from records.quality import Quality
from records.time import DAY

__all__ = ["Corruption", "Measuring", "Readings"]

_STREAM = 3
_FLAGS = np.array(
    [Quality.INVALID, Quality.OVERFLOW, Quality.BLOCKED, Quality.NOT_TOPICAL, Quality.SUBSTITUTED],
    np.uint16,
)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """The readings of some scans; columns in the order of the telemetry's points.

    Parameters
    ----------
    times
        Scan times, ns UTC, shape (n_scans,).
    true
        True values, shape (n_scans, n_points), in MW, MVAr and kV.
    value, quality
        What was read, and what the source says of it.
    present
        Whether the reading arrived.
    complete
        Whether every reading of the scan arrived, shape (n_scans,).
    """

    times: npt.NDArray[np.int64]
    true: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint16]
    present: npt.NDArray[np.bool_]
    complete: npt.NDArray[np.bool_]


@dataclass(slots=True)
class Corruption:
    """Collects which readings were corrupted, and how; lists of equal-length arrays."""

    time: list[npt.NDArray[np.int64]] = field(default_factory=list)
    point: list[npt.NDArray[np.int64]] = field(default_factory=list)
    fault: list[npt.NDArray[np.int64]] = field(default_factory=list)
    true: list[npt.NDArray[np.float64]] = field(default_factory=list)
    sent: list[npt.NDArray[np.float64]] = field(default_factory=list)


class Measuring:
    """Takes readings block by block, in order of time.

    Noise depends on the block's time and the seed alone; only a stuck value reaches over from
    one block to the next.
    """

    def __init__(self, grid: Grid, telemetry: Telemetry, period: int, seed: int) -> None:
        if NODE % period:
            raise ValueError(f"a scan period of {period} ns does not divide 5 minutes")
        self._grid = grid
        self._telemetry = telemetry
        self._period = period
        self._seed = seed
        self._number = telemetry.number.astype(np.int64)
        self._high = np.array([point.high for point in telemetry.points])
        self._stuck: dict[tuple[int, int], npt.NDArray[np.float64]] = {}

    def block(
        self,
        states: NodeStates,
        start: int,
        faults: DayFaults,
        corruption: Corruption,
        *,
        grid: Grid | None = None,
    ) -> Readings:
        """Read every scan of the five minutes from `start` (ns UTC).

        `grid` is what the states are of, where breakers have moved since the first one.
        """
        times = start + self._period * np.arange(NODE // self._period, dtype=np.int64)
        true = self._true(grid or self._grid, states, times)
        rng = np.random.default_rng([self._seed, _STREAM, start // NODE])
        value = rng.standard_normal(true.shape)
        value *= self._telemetry.sigma
        value += true
        readings = Readings(
            times,
            true,
            value,
            np.zeros(true.shape, np.uint16),
            np.ones(true.shape, np.bool_),
            np.ones(len(times), np.bool_),
        )
        first = start % DAY // self._period
        for number, run in enumerate(faults.runs):
            if run.low >= first + len(times):
                break
            if run.high > first:
                self._run(readings, run, (start // DAY, number), first, corruption)
        self._singles(readings, faults, first, corruption)
        np.all(readings.present, axis=1, out=readings.complete)
        return readings

    def _true(
        self, grid: Grid, states: NodeStates, times: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        v, load = states.at(times)
        powers = grid.powers(v, load)
        kv = np.abs(v) * grid.network.buses.base_kv
        parts = (powers.s_from, powers.s_to, powers.load, powers.generation)
        columns = [kv, *(half for part in parts for half in (part.real, part.imag))]
        closed = np.tile(grid.closed, (len(times), 1))
        columns += [closed, closed]  # at either end
        return np.take(np.concatenate(columns, axis=1), self._telemetry.column, axis=1)

    def _run(
        self, readings: Readings, run: Run, key: tuple[int, int], first: int, corruption: Corruption
    ) -> None:
        rows = slice(max(run.low - first, 0), min(run.high - first, len(readings.times)))
        cells = np.s_[rows, run.points]
        match run.fault:
            case ReadingFault.OUTAGE:
                readings.present[cells] = False
            case ReadingFault.STUCK:
                if key not in self._stuck:
                    self._stuck = {k: v for k, v in self._stuck.items() if k[0] == key[0]}
                    self._stuck[key] = readings.value[rows.start, run.points].copy()
                readings.value[cells] = self._stuck[key]
            case ReadingFault.UNIT_SLIP:
                readings.value[cells] *= 1_000.0
            case ReadingFault.SIGN:
                readings.value[cells] *= -1.0
        n_rows = rows.stop - rows.start
        row = np.repeat(np.arange(rows.start, rows.stop), len(run.points))
        self._note(readings, row, np.tile(run.points, n_rows), run.fault, corruption)

    def _singles(
        self, readings: Readings, faults: DayFaults, first: int, corruption: Corruption
    ) -> None:
        low, high = np.searchsorted(faults.scan, [first, first + len(readings.times)])
        if low == high:
            return
        row, point = faults.scan[low:high] - first, faults.point[low:high]
        fault, size = faults.fault[low:high], faults.size[low:high]
        gap = fault == ReadingFault.GAP
        readings.present[row[gap], point[gap]] = False
        spike = fault == ReadingFault.SPIKE
        sigmas = np.sign(size[spike]) * (20 + 80 * np.abs(size[spike]))
        readings.value[row[spike], point[spike]] += sigmas * self._telemetry.sigma[point[spike]]
        flagged = np.flatnonzero(fault == ReadingFault.FLAGGED)
        if len(flagged):
            flag = _FLAGS[((size[flagged] + 1) / 2 * len(_FLAGS)).astype(np.int64)]
            at = (row[flagged], point[flagged])
            readings.quality[at] |= flag
            told = readings.value[at]
            told = np.where(flag == Quality.INVALID, 0.0, told)
            readings.value[at] = np.where(flag == Quality.OVERFLOW, self._high[at[1]], told)
        for kind in (ReadingFault.GAP, ReadingFault.SPIKE, ReadingFault.FLAGGED):
            chosen = fault == kind
            self._note(readings, row[chosen], point[chosen], kind, corruption)

    def _note(
        self,
        readings: Readings,
        row: npt.NDArray[np.int64],
        point: npt.NDArray[np.int64],
        fault: ReadingFault,
        corruption: Corruption,
    ) -> None:
        if not len(row):
            return
        corruption.time.append(readings.times[row])
        corruption.point.append(self._number[point])
        corruption.fault.append(np.full(len(row), fault.value))
        corruption.true.append(readings.true[row, point])
        arrived = readings.present[row, point]
        corruption.sent.append(np.where(arrived, readings.value[row, point], np.nan))
