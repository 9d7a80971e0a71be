"""Weather by station on the forecast grid: what was observed, and the newest forecast issued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from records.snapshot import Tree
from records.weather import WeatherQuantity, WeatherRecord

__all__ = ["WeatherBook"]


@dataclass(slots=True)
class _Vintage:
    issue_time: int
    start: int
    values: npt.NDArray[np.float64]


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
        self._n_steps = len(observed)
        self._observed = observed.astype(np.float64, copy=True)
        self._vintages: dict[int, _Vintage] = {}

    def take(self, record: WeatherRecord) -> bool:
        """Take a record in; False where its station or quantity is not used here."""
        column = self._place.get(record.station)
        if column is None or record.quantity is not WeatherQuantity.TEMPERATURE:
            return False
        times = np.array(record.valid_time, np.int64)
        values = np.array([np.nan if v is None else v for v in record.value])
        index, means = self._on_grid(times, values)
        if record.issue_time is None:
            self._observe(column, index, means)
        elif len(index):
            before = self._vintages.get(column)
            if before is None or record.issue_time >= before.issue_time:
                dense = np.full(index[-1] - index[0] + 1, np.nan)
                dense[index - index[0]] = means
                start = self.start + int(index[0]) * self.step
                self._vintages[column] = _Vintage(record.issue_time, start, dense)
        return True

    def path(self, now: int, until: int) -> npt.NDArray[np.float64]:
        """Temperatures from the grid's start to `until`, shape (n_steps, n_stations).

        Observations stand up to `now`; from there, and in their gaps, the newest forecast
        issued does. NaN where neither is known.
        """
        n_now = (now - self.start) // self.step
        n_steps = (until - self.start) // self.step
        out = np.full((n_steps, len(self.stations)), np.nan)
        known = min(n_now, self._n_steps)
        out[:known] = self._observed[:known]
        for column, vintage in self._vintages.items():
            first = (vintage.start - self.start) // self.step
            low, high = max(first, 0), min(first + len(vintage.values), n_steps)
            if low < high:
                part = out[low:high, column]
                told = vintage.values[low - first : high - first]
                np.copyto(part, told, where=~np.isfinite(part))
        return out

    def vintages(self) -> dict[str, int]:
        """Issue time (ns UTC) of the newest forecast of each station."""
        return {self.stations[c]: v.issue_time for c, v in sorted(self._vintages.items())}

    def _observe(
        self, column: int, index: npt.NDArray[np.int64], means: npt.NDArray[np.float64]
    ) -> None:
        inside = index >= 0
        index, means = index[inside], means[inside]
        if not len(index):
            return
        wanted = int(index[-1]) + 1
        if wanted > len(self._observed):
            more = np.full((max(wanted, 2 * len(self._observed)), len(self.stations)), np.nan)
            more[: self._n_steps] = self._observed[: self._n_steps]
            self._observed = more
        self._n_steps = max(self._n_steps, wanted)
        self._observed[index, column] = means

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
            "observed": self._observed[: self._n_steps],
            "vintages": [
                [column, v.issue_time, v.start, v.values] for column, v in self._vintages.items()
            ],
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> WeatherBook:
        """State from its tree."""
        book = cls(tree["stations"], tree["start"], tree["step"], tree["observed"])
        book._vintages = {
            column: _Vintage(issued, start, values)
            for column, issued, start, values in tree["vintages"]
        }
        return book
