"""What changes between two issues: the recent past, carried forward reading by reading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, FloatArray
from forecasting.fleet import Fleet
from forecasting.weather import SmoothingState

__all__ = ["RECALL_DAYS", "LiveState"]

RECALL_DAYS = 28
"""Days of load kept for the seasonal naive."""


@dataclass(frozen=True, slots=True)
class LiveState:
    """The past as the models of one fleet need it; belongs to that fleet's version only.

    Attributes
    ----------
    end_ns
        End of the last interval taken in, int64 ns UTC: the next one starts here.
    weather
        Temperature smoothing up to there.
    residuals
        Last mid-term residuals on the standardised link scale, gaps filled, shape
        (memory, n_series).
    loads
        Last loads, MW, up to ``RECALL_DAYS``, shape (n, n_series); NaN = missing.
    """

    end_ns: int
    weather: SmoothingState
    residuals: FloatArray
    loads: FloatArray

    @classmethod
    def before(cls, fleet: Fleet, start_ns: int) -> LiveState:
        """Return the state that knows nothing yet, ready for the interval at ``start_ns``."""
        empty = np.empty((0, len(fleet.series)))
        return cls(start_ns, fleet.no_weather_yet(), fleet.ar.empty_history(), empty)

    def advanced(self, fleet: Fleet, load: FloatArray, stations: FloatArray | None) -> LiveState:
        """Return the state after the next intervals.

        Parameters
        ----------
        load
            MW, shape (n_new, n_series), the first row starting at ``end_ns``; NaN = missing.
        stations
            Temperatures of the same intervals, degC, shape (n_new, n_stations).
        """
        step = fleet.calendar.step_ns
        times = self.end_ns + step * np.arange(len(load), dtype=np.int64)
        mid_term, weather, calendar = fleet.predict_standard(times, stations, self.weather)
        fresh = fleet.link.forward(load) - mid_term
        keep = RECALL_DAYS * fleet.calendar.n_instants
        loads = np.concatenate([self.loads, load])[-keep:]
        residuals = fleet.ar.advanced(self.residuals, fresh, calendar.instant)
        return LiveState(self.end_ns + step * len(load), weather, residuals, loads)

    def to_arrays(self) -> Artefact:
        """Return the state as plain arrays and facts."""
        arrays = {"residuals": self.residuals, "loads": self.loads}
        out = Artefact(arrays, {"end_ns": self.end_ns})
        return out.with_part("weather", self.weather.to_arrays())

    @classmethod
    def from_arrays(cls, stored: Artefact) -> LiveState:
        """Return the state that ``to_arrays`` wrote."""
        weather = SmoothingState.from_arrays(stored.part("weather"))
        arrays = stored.arrays
        return cls(stored.facts["end_ns"], weather, arrays["residuals"], arrays["loads"])
