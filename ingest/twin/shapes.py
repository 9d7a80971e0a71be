"""What every load of the twin takes, at any time: real shapes, mixed differently for each.

A load's active power is its value in the case times a level, times a mix of Victoria's demand
(which answers to the weather) and two real load profiles, times a small fluctuation. The mix is
drawn by a seed; the fluctuation is simulated (normal, 1 % standard deviation at quarter hours)
and is the only part that is not measured somewhere. Between quarter hours loads are straight
lines, so their hourly means are known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.twin.profiles import local_profiles, read_profiles
from ingest.twin.victoria import TIMEZONE, Victoria, read_victoria
from network.model import Network
from records.time import DAY, HOUR, MINUTE

__all__ = ["KNOT", "LoadShapes"]

KNOT = 15 * MINUTE
_KNOTS_A_DAY = DAY // KNOT
LEVEL = 0.72
"""Mean load over the year, as a share of the case's."""
_FLUCTUATION = 0.01
_FLUCTUATION_STREAM = 1


@dataclass(frozen=True, slots=True, eq=False)
class LoadShapes:
    """The loads of a network over 2014.

    Parameters
    ----------
    p_mw, q_mvar
        Loads of the case, shape (n_load,).
    weather_share
        Share of Victoria's demand in each load's mix, shape (n_load,).
    mix
        Shares of the profiles, shape (n_profiles, n_load); with `weather_share` each column
        sums to 1.
    profiles
        As `read_profiles` returns them.
    victoria
        Demand and temperature.
    seed
        Of the fluctuation.
    """

    p_mw: npt.NDArray[np.float64]
    q_mvar: npt.NDArray[np.float64]
    weather_share: npt.NDArray[np.float64]
    mix: npt.NDArray[np.float64]
    profiles: npt.NDArray[np.float64]
    victoria: Victoria
    seed: int

    @classmethod
    def of(cls, network: Network, seed: int) -> LoadShapes:
        """Draw the mix of every load of `network`."""
        profiles = read_profiles()
        n_profiles, n_load = profiles.shape[2], len(network.loads)
        rng = np.random.default_rng([seed, 0])
        weather_share = rng.uniform(0.45, 0.8, n_load)
        first = rng.uniform(0.5, 1.0, n_load)
        mix = np.zeros((n_profiles, n_load))
        chosen = np.argsort(rng.random((n_profiles, n_load)), axis=0)[:2]
        column = np.arange(n_load)
        mix[chosen[0], column] = (1 - weather_share) * first
        mix[chosen[1], column] = (1 - weather_share) * (1 - first)
        loads = network.loads
        on = loads.in_service.astype(np.float64)
        return cls(
            loads.p_mw * on, loads.q_mvar * on, weather_share, mix, profiles, read_victoria(), seed
        )

    def knots(self, first: int, n_knots: int) -> npt.NDArray[np.float64]:
        """Shape of every load at quarter hours from `first` (ns UTC, a quarter hour).

        Returns
        -------
        Shape (n_knots, n_load); about `LEVEL` in the mean of the year.
        """
        times = first + KNOT * np.arange(n_knots, dtype=np.int64)
        index = pd.DatetimeIndex(times.astype("datetime64[ns]"), tz="UTC")
        local = index.tz_convert(TIMEZONE).tz_localize(None).to_numpy("datetime64[ns]")
        state = self.victoria.demand_at(times) / self.victoria.demand_mw.mean()
        shape = state[:, None] * self.weather_share
        shape += local_profiles(self.profiles, local.astype(np.int64)) @ self.mix
        return np.asarray(LEVEL * shape * (1 + _FLUCTUATION * self._fluctuation(times)))

    def hourly(self, start: int, end: int) -> npt.NDArray[np.float64]:
        """Mean shape of each hour of ``[start, end)`` (ns UTC, hours), (n_hours, n_load)."""
        n_hours = (end - start) // HOUR
        knots = self.knots(start, 4 * n_hours + 1)
        inner = knots[:-1].reshape(n_hours, 4, -1)
        return np.asarray((inner.sum(axis=1) + 0.5 * (knots[4::4] - knots[:-1:4])) / 4)

    def power(
        self, shape: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Active and reactive power (MW, MVAr) of every load for shapes (..., n_load).

        Reactive power follows half of the active power's swing.
        """
        return self.p_mw * shape, self.q_mvar * (0.5 * LEVEL + 0.5 * shape)

    def _fluctuation(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Standard normal for each quarter hour, the same however it is asked for."""
        n_load = len(self.p_mw)
        days, place = np.unique(times // DAY, return_inverse=True)
        drawn = np.stack(
            [
                np.random.default_rng([self.seed, _FLUCTUATION_STREAM, day]).standard_normal(
                    (_KNOTS_A_DAY, n_load)
                )
                for day in days.tolist()
            ]
        )
        return np.asarray(drawn[place, times % DAY // KNOT])
