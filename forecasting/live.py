"""What changes between two issues: the recent past, carried forward reading by reading."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting.arrays import Artefact, FloatArray, IntArray
from forecasting.fleet import Fleet
from forecasting.live_widths import LiveWidths
from forecasting.recent import Recent
from forecasting.weather import SmoothingState

__all__ = ["RECALL_DAYS", "LiveState", "recent_loads"]

RECALL_DAYS = 28
"""Days of load kept for the seasonal naive and for points that are new."""


@dataclass(frozen=True, slots=True)
class LiveState:
    """The past as the models of one fleet need it; belongs to that fleet's version only.

    Attributes
    ----------
    end_ns
        End of the last interval taken in, int64 ns UTC: the next one starts here.
    weather
        Temperature smoothing up to there.
    past_residuals
        Last mid-term residuals on the standardised link scale, gaps filled.
    past_loads
        Last loads, MW, of four weeks; NaN = missing.
    widths
        Of the quantiles, as recent forecasts taught.
    """

    end_ns: int
    weather: SmoothingState
    past_residuals: Recent
    past_loads: Recent
    widths: LiveWidths

    @property
    def residuals(self) -> FloatArray:
        """Last mid-term residuals, shape (memory, n_series)."""
        return self.past_residuals.rows

    @property
    def loads(self) -> FloatArray:
        """Last loads, MW, shape (n, n_series)."""
        return self.past_loads.rows

    @classmethod
    def before(cls, fleet: Fleet, start_ns: int) -> LiveState:
        """Return the state that knows nothing yet, ready for the interval at ``start_ns``."""
        empty = recent_loads(np.empty((0, len(fleet.series))), fleet.calendar.n_instants)
        residuals, widths = fleet.ar.empty_history(), LiveWidths.starting(fleet.quantiles)
        return cls(start_ns, fleet.no_weather_yet(), residuals, empty, widths)

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
        mid_term, weather, _ = fleet.predict_standard(times, stations, self.weather)
        fresh = fleet.link.forward(load) - mid_term
        loads = self.past_loads.appended(load)
        residuals, widths = self._taught(fleet, fresh, times)
        return LiveState(self.end_ns + step * len(load), weather, residuals, loads, widths)

    def corrected(self, fleet: Fleet, loads: FloatArray) -> LiveState:
        """Return the state with other loads in place of those that it keeps.

        Parameters
        ----------
        loads
            MW, shape of `loads`; NaN = missing. Residuals of what is missing now are zero. The
            widths stay.
        """
        n = min(len(self.residuals), len(loads))
        shift = fleet.link.forward(loads) - fleet.link.forward(self.loads)
        gone = np.isnan(loads) & np.isfinite(self.loads)
        residuals = np.array(self.residuals)
        moved = residuals[-n:] + np.where(np.isfinite(shift[-n:]), shift[-n:], 0.0)
        residuals[-n:] = np.where(gone[-n:], 0.0, moved)
        return replace(
            self,
            past_residuals=Recent.of(residuals, self.past_residuals.keep),
            past_loads=Recent.of(loads, self.past_loads.keep),
        )

    def _taught(
        self, fleet: Fleet, fresh: FloatArray, times: IntArray
    ) -> tuple[Recent, LiveWidths]:
        """Return residuals and widths after new residuals, cut where a trial begins."""
        calendar, model = fleet.calendar, fleet.quantiles
        told = np.where(fleet.usable, fresh, np.nan)
        residuals, widths, start = self.past_residuals, self.widths, 0
        while start < len(fresh):
            if not widths.room(calendar):
                ahead = times[start] + calendar.step_ns * np.arange(len(model.spread))
                widths = widths.begun(fleet.ar, residuals.rows, calendar.instant(ahead))
            part = slice(start, start + widths.room(calendar))
            instant = calendar.instant(times[part])
            widths = widths.after(model, told[part], instant)
            residuals = fleet.ar.advanced(residuals, fresh[part], instant)
            start = part.stop
        return residuals, widths

    def to_arrays(self) -> Artefact:
        """Return the state as plain arrays and facts."""
        arrays = {"residuals": self.residuals, "loads": self.loads}
        out = Artefact(arrays, {"end_ns": self.end_ns, "keep_loads": self.past_loads.keep})
        out = out.with_part("weather", self.weather.to_arrays())
        return out.with_part("widths", self.widths.to_arrays())

    @classmethod
    def from_arrays(cls, stored: Artefact) -> LiveState:
        """Return the state that ``to_arrays`` wrote."""
        weather = SmoothingState.from_arrays(stored.part("weather"))
        widths = LiveWidths.from_arrays(stored.part("widths"))
        residuals, loads = stored.arrays["residuals"], stored.arrays["loads"]
        return cls(
            stored.facts["end_ns"],
            weather,
            Recent.of(residuals, len(residuals)),
            Recent.of(loads, stored.facts["keep_loads"]),
            widths,
        )


def recent_loads(loads: FloatArray, n_instants: int) -> Recent:
    """Return what a state keeps of loads, MW, shape (n, n_series)."""
    return Recent.of(loads, RECALL_DAYS * n_instants)
