"""Weather by station on the forecast grid: what was observed, and the newest forecast issued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from records.snapshot import Tree
from records.weather import WeatherQuantity, WeatherRecord

__all__ = ["WeatherBook"]


class WeatherBook:
    """Temperatures of several stations.

    Parameters
    ----------
    stations
        Station names, in the order of the columns.
    start
        Start of the grid, ns UTC.
    step
        Length of a step, ns.
    observed
        Temperatures already observed, shape (n_steps, n_stations), degC, NaN = missing.
    """

    def __init__(
        self,
        stations: Sequence[str],
        start: int,
        step: int,
        observed: npt.NDArray[np.float64],
    ) -> None:
        self.stations = tuple(stations)
        self.start = start
        self.step = step
        self._place = {name: column for column, name in enumerate(self.stations)}
        self._observed = observed.astype(np.float64, copy=True)
        self._told = np.full_like(self._observed, np.nan)
        self._issued: dict[int, int] = {}

    def take(self, record: WeatherRecord) -> bool:
        """Take a record in; False where its station or quantity is not used here."""
        column = self._place.get(record.station)
        if column is None or record.quantity is not WeatherQuantity.TEMPERATURE:
            return False
        times = np.array(record.valid_time, np.int64)
        values = np.array([np.nan if v is None else v for v in record.value])
        if record.issue_time is None:
            self.observe(record.station, times, values)
        elif record.issue_time >= self._issued.get(column, record.issue_time):
            self._put(column, times, values, told=True)
            self._issued[column] = record.issue_time
        return True

    def observe(
        self, station: str, times: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> None:
        """Take observations in, by interval start (ns UTC); NaN = missing."""
        self._put(self._place[station], times, values, told=False)

    def path(self, now: int, since: int, until: int) -> npt.NDArray[np.float64]:
        """Temperatures of ``[since, until)``, shape (n_steps, n_stations).

        Observations stand up to `now`; from there, and in their gaps, the newest forecast
        issued does; what it does not reach, an older one. NaN where nothing is known.
        """
        n_now, begin, end = ((time - self.start) // self.step for time in (now, since, until))
        self._open(end)
        observed = self._observed[begin:end].copy()
        observed[max(n_now - begin, 0) :] = np.nan
        return np.where(np.isfinite(observed), observed, self._told[begin:end])

    def vintages(self) -> dict[str, int]:
        """Issue time (ns UTC) of the newest forecast of each station."""
        return {self.stations[c]: issued for c, issued in sorted(self._issued.items())}

    def _put(
        self,
        column: int,
        times: npt.NDArray[np.int64],
        values: npt.NDArray[np.float64],
        *,
        told: bool,
    ) -> None:
        index, means = self._on_grid(times, values)
        index, means = index[index >= 0], means[index >= 0]
        if len(index):
            self._open(int(index[-1]) + 1)
            (self._told if told else self._observed)[index, column] = means

    def _open(self, n_steps: int) -> None:
        """Make room for so many steps, missing until something comes."""
        if n_steps > len(self._observed):
            room = (
                max(n_steps, len(self._observed) + 1000) - len(self._observed),
                len(self.stations),
            )
            self._observed = np.concatenate([self._observed, np.full(room, np.nan)])
            self._told = np.concatenate([self._told, np.full(room, np.nan)])

    def _on_grid(
        self, times: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Mean of the values in each step; a coarser source is drawn as straight lines."""
        known = np.isfinite(values)
        times, values = times[known], values[known]
        if not len(times):
            return np.empty(0, np.int64), np.empty(0)
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        spacing = int(np.median(np.diff(times))) if len(times) > 1 else self.step
        if spacing > self.step:
            fine = np.arange(times[0], times[-1] + 1, self.step)
            values, times = np.interp(fine, times, values), fine
        index, place = np.unique((times - self.start) // self.step, return_inverse=True)
        return index, np.bincount(place, values) / np.bincount(place)

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "stations": list(self.stations),
            "start": self.start,
            "step": self.step,
            "observed": self._observed,
            "told": self._told,
            "issued": [[column, issued] for column, issued in self._issued.items()],
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> WeatherBook:
        """State from its tree."""
        book = cls(tree["stations"], tree["start"], tree["step"], tree["observed"])
        book._told = tree["told"]
        book._issued = dict(tree["issued"])
        return book
