"""What was recorded in the months before: hourly means with metering noise and gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.twin.grid import Grid
from ingest.twin.victoria import STEP
from records.time import HOUR

__all__ = ["History", "history_of"]

_STREAM = 8
_ACCURACY = 0.002
_GAPS_A_SERIES_YEAR = 10.0
_LONGEST_GAP = 12


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Hourly history of a network's series.

    Parameters
    ----------
    times
        Starts of the hours, ns UTC, shape (n_hours,).
    series
        Names of the loads' active powers, such as ``"load:12 p_mw"``.
    load_mw
        Mean loads, NaN in gaps, shape (n_hours, n_load).
    loss_series
        Names of the losses, ``"losses:0"`` on, by area number.
    losses_mw
        Mean losses by area, shape (n_hours, n_areas).
    balance_series
        Names of what the areas take in all, ``"balance:0"`` on, by area number.
    balance_mw
        Mean of their production less their exports, shape (n_hours, n_areas).
    station
        The weather station.
    temperature_degc
        Mean temperature of each hour, shape (n_hours,).
    """

    times: npt.NDArray[np.int64]
    series: tuple[str, ...]
    load_mw: npt.NDArray[np.float64]
    loss_series: tuple[str, ...]
    losses_mw: npt.NDArray[np.float64]
    balance_series: tuple[str, ...]
    balance_mw: npt.NDArray[np.float64]
    station: str
    temperature_degc: npt.NDArray[np.float64]


def history_of(
    grid: Grid, series: tuple[str, ...], station: str, start: int, end: int, seed: int
) -> History:
    """History over ``[start, end)`` (ns UTC, whole hours), from the shapes of the twin.

    Losses come from one power flow an hour, at the hour's mean loads (see `Grid.solve_hourly`).
    """
    load, losses = grid.solve_hourly(start, end)
    areas = range(len(grid.area_names))
    whole = np.stack([load[:, grid.load_area == area].sum(axis=1) for area in areas], axis=1)
    rng = np.random.default_rng([seed, _STREAM])
    load = load * (1 + _ACCURACY * rng.standard_normal(load.shape))
    n_hours, n_load = load.shape
    for column in range(n_load):
        for _ in range(int(rng.poisson(_GAPS_A_SERIES_YEAR * n_hours / 8760))):
            first = int(rng.integers(0, n_hours))
            load[first : first + int(rng.integers(1, _LONGEST_GAP)), column] = np.nan
    victoria = grid.shapes.victoria
    times = start + HOUR * np.arange(n_hours, dtype=np.int64)
    halves = [
        np.interp(times + shift, victoria.times, victoria.temperature_degc) for shift in (0, STEP)
    ]
    return History(
        times,
        series,
        load,
        tuple(f"losses:{area}" for area in areas),
        losses,
        tuple(f"balance:{area}" for area in areas),
        whole + losses,
        station,
        (halves[0] + halves[1]) / 2,
    )
