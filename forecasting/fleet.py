"""Everything a forecast of many series needs once they are trained: one value, stored as arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.arrays import Artefact, BoolArray, FloatArray, IntArray
from forecasting.calendar import Calendar
from forecasting.gam import GamModel
from forecasting.gam_fitting import TOO_NEW
from forecasting.hierarchy import Hierarchy
from forecasting.link import Link, merged
from forecasting.predictors import Predictors
from forecasting.quantiles import QuantileModel
from forecasting.reconciliation import Reconciler, wls
from forecasting.residuals import ArModel
from forecasting.weather import SmoothingState, blend_stations, smooth
from forecasting.zones import zone_matrices

__all__ = ["Fleet"]


@dataclass(frozen=True)
class Fleet:
    """Trained models of all series.

    Attributes
    ----------
    series
        Ids; arrays of series are in this order.
    calendar
        Local clock and special days.
    station_weights
        Weather stations of each zone, shape (n_zones, n_stations); no rows = no temperature.
    zone
        Weather zone of each series, shape (n_series,).
    gams
        Mid-term models, one a zone, over the series of that zone in order.
    ar
        Short-term model of all series.
    quantiles
        Distribution of the short-term errors.
    error_variance
        Variance of the errors up to 24 h ahead, MW^2, shape (n_series,): weights of
        reconciliation.
    reasons
        Per series: empty, or why the seasonal naive is issued in place of the model.
    trained_until_ns
        End of the last interval of the training window.
    """

    series: tuple[str, ...]
    calendar: Calendar
    station_weights: FloatArray
    zone: IntArray
    gams: tuple[GamModel, ...]
    ar: ArModel
    quantiles: QuantileModel
    error_variance: FloatArray
    reasons: tuple[str, ...]
    trained_until_ns: int

    @property
    def uses_weather(self) -> bool:
        """Whether temperature enters the models."""
        return len(self.station_weights) > 0

    @cached_property
    def members(self) -> tuple[IntArray, ...]:
        """Series of each zone."""
        return tuple(np.flatnonzero(self.zone == z) for z in range(len(self.gams)))

    @cached_property
    def link(self) -> Link:
        """Scale of every series, in their order."""
        return merged(tuple(gam.link for gam in self.gams), self.members)

    @cached_property
    def usable(self) -> BoolArray:
        """Whether the model of each series may be issued, shape (n_series,)."""
        return np.array([not reason for reason in self.reasons], dtype=np.bool_)

    @cached_property
    def new(self) -> BoolArray:
        """Whether each series was too new to learn from, shape (n_series,)."""
        return np.array([reason == TOO_NEW for reason in self.reasons], dtype=np.bool_)

    @property
    def features(self) -> list[str]:
        """What the models are functions of: terms, and lags of their residuals in steps."""
        terms = (term.name for gam in self.gams for term in gam.design.specification.terms)
        return [*dict.fromkeys(terms), *(f"residual lag {lag}" for lag in self.ar.lags)]

    @property
    def digest(self) -> str:
        """Digest of what the models learnt: their version."""
        learnt = hashlib.sha256()
        for gam in self.gams:
            learnt.update(np.ascontiguousarray(gam.coefficients).tobytes())
        learnt.update(np.ascontiguousarray(self.ar.coefficients).tobytes())
        return learnt.hexdigest()[:12]

    def predict_standard(
        self, times: IntArray, stations: FloatArray | None, state: SmoothingState
    ) -> tuple[FloatArray, SmoothingState, Predictors]:
        """Return the mid-term forecast on the standardised link scale.

        Parameters
        ----------
        times
            Starts of consecutive intervals, int64 ns UTC, shape (n_times,).
        stations
            Temperatures, degC, shape (n_times, n_stations); None without weather.
        state
            Weather before the first interval.

        Returns
        -------
        tuple
            Forecast (n_times, n_series), NaN where no temperature was ever known; the weather
            state after the last interval; the calendar columns.
        """
        calendar = self.calendar.predictors(times)
        out = np.full((len(times), len(self.series)), np.nan)
        if not self.uses_weather or stations is None:
            out[:, self.members[0]] = self.gams[0].predict_standard(calendar)
            return out, state, calendar
        zones = blend_stations(stations, self.station_weights)
        weather, after = smooth(zones, self.calendar.n_instants, state)
        designs = zone_matrices([gam.design for gam in self.gams], calendar, weather.columns)
        for gam, members, X in zip(self.gams, self.members, designs, strict=True):
            out[:, members] = gam.standard(X, calendar.instant)
        return out, after, calendar

    def no_weather_yet(self) -> SmoothingState:
        """Return the weather state before the first temperature."""
        return SmoothingState.empty(self.calendar.n_instants, len(self.station_weights))

    def reconciler(self, hierarchy: Hierarchy) -> Reconciler:
        """Return the default reconciler of a hierarchy: WLS by error variance.

        A node without a model counts as known as badly as the worst of the others.
        """
        place = {name: i for i, name in enumerate(self.series)}
        worst = float(self.error_variance.max(initial=1.0))
        variance = [
            self.error_variance[place[node]] if node in place else worst for node in hierarchy.ids
        ]
        return wls(hierarchy, np.maximum(np.array(variance), 1e-12))

    def to_arrays(self) -> Artefact:
        """Return the fleet as plain arrays and facts (no pickle)."""
        arrays = {
            "station_weights": self.station_weights,
            "zone": self.zone,
            "error_variance": self.error_variance,
            "holidays": self.calendar.holidays,
            "vacations": self.calendar.vacations,
        }
        facts = {
            "series": list(self.series),
            "timezone": self.calendar.timezone,
            "step_ns": self.calendar.step_ns,
            "reasons": list(self.reasons),
            "trained_until_ns": self.trained_until_ns,
            "n_gams": len(self.gams),
        }
        out = Artefact(arrays, facts).with_part("ar", self.ar.to_arrays())
        out = out.with_part("quantiles", self.quantiles.to_arrays())
        for z, gam in enumerate(self.gams):
            out = out.with_part(f"gam{z}", gam.to_arrays())
        return out

    @classmethod
    def from_arrays(cls, stored: Artefact) -> Fleet:
        """Return the fleet that ``to_arrays`` wrote."""
        facts, arrays = stored.facts, stored.arrays
        return cls(
            series=tuple(facts["series"]),
            calendar=Calendar(
                facts["timezone"], facts["step_ns"], arrays["holidays"], arrays["vacations"]
            ),
            station_weights=arrays["station_weights"],
            zone=arrays["zone"],
            gams=tuple(
                GamModel.from_arrays(stored.part(f"gam{z}")) for z in range(facts["n_gams"])
            ),
            ar=ArModel.from_arrays(stored.part("ar")),
            quantiles=QuantileModel.from_arrays(stored.part("quantiles")),
            error_variance=arrays["error_variance"],
            reasons=tuple(facts["reasons"]),
            trained_until_ns=facts["trained_until_ns"],
        )
