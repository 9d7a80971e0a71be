"""Meters of the twin's loads: the energies of the same truth, late and sometimes corrected.

Some meters count quarter hours, the others hours. A provisional document of the quarter-hour
meters follows every six hours, one of the hourly meters every day; two days later a
consolidated document brings every reading, fills what was missing and corrects what had been
estimated. All of it is simulated but the energies.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ingest.twin.grid import NODE
from records.meter import MeterDocument, MeterSeries
from records.time import DAY, HOUR, MINUTE, format_time

__all__ = ["METERS_OF_QUARTERS", "Metering"]

METERS_OF_QUARTERS = 0.6
"""Share of the meters that count quarter hours."""

_STREAM = 6
_ACCURACY = 0.002
_MISSING = 0.005
_ESTIMATED = 0.003
_WITHDRAWN = 0.0003
_PROVISIONAL_BLOCK = 6 * HOUR
_CONSOLIDATED_AFTER = 2 * DAY + 8 * HOUR


class Metering:
    """The meters, one a load.

    Parameters
    ----------
    series
        Names of the meters, length n_load.
    area
        Area of each, shape (n_load,).
    seed
        Of errors, gaps and delays.
    """

    def __init__(self, series: tuple[str, ...], area: npt.NDArray[np.int64], seed: int) -> None:
        self._series = series
        self._area = area
        self._seed = seed
        rng = np.random.default_rng([seed, _STREAM])
        self._period = np.where(rng.random(len(series)) < METERS_OF_QUARTERS, 15, 60) * MINUTE

    def documents(self, start: int, load_mw: npt.NDArray[np.float64]) -> Iterator[MeterDocument]:
        """Yield the documents about a stretch of one UTC day, in no particular order.

        Parameters
        ----------
        start
            Start of the stretch, ns UTC, a whole hour.
        load_mw
            True mean load of each `NODE` interval, shape (n_intervals, n_load).
        """
        rng = np.random.default_rng([self._seed, _STREAM, start // DAY])
        for period in (15 * MINUTE, 60 * MINUTE):
            meters = np.flatnonzero(self._period == period)
            n_periods = len(load_mw) * NODE // period
            mean = load_mw[: n_periods * period // NODE, meters]
            mean = mean.reshape(n_periods, period // NODE, len(meters)).mean(axis=1)
            energy = mean * (period / HOUR)
            energy *= 1 + _ACCURACY * rng.standard_normal(energy.shape)
            times = start + period * np.arange(n_periods, dtype=np.int64)
            yield from self._provisional(rng, meters, period, times, energy)
            yield from self._consolidated(rng, meters, period, times, energy)

    def _provisional(
        self,
        rng: np.random.Generator,
        meters: npt.NDArray[np.int64],
        period: int,
        times: npt.NDArray[np.int64],
        energy: npt.NDArray[np.float64],
    ) -> Iterator[MeterDocument]:
        told = np.where(rng.random(energy.shape) < _MISSING, np.nan, energy)
        estimated = rng.random(energy.shape) < _ESTIMATED
        told = np.where(estimated, told * rng.uniform(0.85, 1.15, energy.shape), told)
        length = _PROVISIONAL_BLOCK if period < HOUR else DAY
        for block in np.unique(times // length).tolist():
            rows = np.flatnonzero(times // length == block)
            for area in np.unique(self._area[meters]).tolist():
                end = int(times[rows[-1]]) + period
                after = end + int(rng.uniform(0.5, 3.0) * HOUR)
                columns = np.flatnonzero(self._area[meters] == area)
                part = told[np.ix_(rows, columns)]
                none = np.zeros(part.shape, bool)
                yield self._document(
                    area, period, 0, after, times[rows], meters[columns], part, none
                )

    def _consolidated(
        self,
        rng: np.random.Generator,
        meters: npt.NDArray[np.int64],
        period: int,
        times: npt.NDArray[np.int64],
        energy: npt.NDArray[np.float64],
    ) -> Iterator[MeterDocument]:
        if not len(times):
            return
        withdrawn = rng.random(energy.shape) < _WITHDRAWN
        told = np.where(withdrawn, np.nan, energy)
        end = int(times[-1]) // DAY * DAY + DAY
        for area in np.unique(self._area[meters]).tolist():
            after = end + _CONSOLIDATED_AFTER + int(rng.uniform(0.0, 2.0) * HOUR)
            columns = np.flatnonzero(self._area[meters] == area)
            part, back = told[:, columns], withdrawn[:, columns]
            yield self._document(area, period, 1, after, times, meters[columns], part, back)

    def _document(
        self,
        area: int,
        period: int,
        run: int,
        available_at: int,
        times: npt.NDArray[np.int64],
        meters: npt.NDArray[np.int64],
        energy: npt.NDArray[np.float64],
        withdrawn: npt.NDArray[np.bool_],
    ) -> MeterDocument:
        start = times.tolist()
        series = []
        for column, meter in enumerate(meters.tolist()):
            values: list[float | None] = np.round(energy[:, column], 6).tolist()
            for row in np.flatnonzero(np.isnan(energy[:, column])).tolist():
                values[row] = None
            back = withdrawn[:, column].tolist() if withdrawn[:, column].any() else None
            series.append(MeterSeries(self._series[meter], start, values, None, back))
        return MeterDocument(
            area=area,
            source=f"meters-{area}",
            document=f"area{area}-{period // MINUTE}min-{format_time(start[0])}",
            run=run,
            revision=1,
            period=period,
            available_at=available_at,
            unit="MWh",
            series=series,
        )
