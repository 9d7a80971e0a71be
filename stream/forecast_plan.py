"""What the forecaster is asked to do, and what it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from records.time import DAY

__all__ = ["ForecastPlan", "TrainingSet"]

_RAW_OF = {"window.5min.v1": "scada.frame.v1", "meter.interval.v1": "meter.read.v1"}


@dataclass(frozen=True, slots=True)
class ForecastPlan:
    """One product: which series, how often, how far.

    Parameters
    ----------
    product
        Name of the product, part of every run id.
    hierarchy
        Nodes; its leaves are the series that are measured.
    calendar
        Local clock, step and special days.
    n_steps
        Steps of every issue.
    cadence
        Event time between two issues, ns; issue times are its multiples.
    fine_step
        Length of the finest window taken in, ns; divides the step.
    source
        Catalogue name of the topic that carries the series: ``window.5min.v1`` (SCADA) or
        ``meter.interval.v1`` (metering). One product reads one of them.
    stations
        Weather stations, in the order of every station axis.
    weights
        Weight of each station for each node, shape (n_nodes, n_stations).
    losses
        Leaf that holds the losses of each area of the network state, by area name; empty where
        no network is estimated.
    refit_every
        Event time between two trainings, ns; None trains once.
    mid_term, residual
        Who fits: the batched solver, or ``pygam`` and ``statsmodels`` for small fleets.
    settle
        How long corrections of the past still change the residuals that a forecast starts
        from, ns.
    switch_on_rupture
        Whether a series whose level ruptured is issued by the shallow-history model until its
        model has been trained on what came since.
    estimates
        Whether estimates of what meters are missing are read too: they stand where nothing was
        measured, and teach no model.
    approved_only
        Of the estimates only those that a person approved, as long as no other revision follows.
    balances
        Id of a metered series (MW) by the node whose sum it measures: a source that it shows to be
        false is quarantined. Empty: no source is ever called false.
    balanced
        Series of `balances` that is the consumption of each area of the network state, by area
        name; the others are of the same source as the leaves.
    operator_acts
        Whether releases from quarantine are read; their topic must carry ticks.
    code
        The programs that run it, version and commit; every forecast tells it.
    """

    product: str
    hierarchy: Hierarchy
    calendar: Calendar
    n_steps: int
    cadence: int
    fine_step: int
    source: str
    stations: tuple[str, ...] = ()
    weights: npt.NDArray[np.float64] | None = None
    losses: Mapping[str, str] = field(default_factory=dict)
    refit_every: int | None = None
    mid_term: str = "batched"
    residual: str = "batched"
    settle: int = DAY
    quality_steps: int = 24
    switch_on_rupture: bool = False
    estimates: bool = False
    approved_only: bool = False
    balances: Mapping[str, str] = field(default_factory=dict)
    balanced: Mapping[str, str] = field(default_factory=dict)
    operator_acts: bool = False
    code: str = ""

    def __post_init__(self) -> None:
        if self.cadence % self.calendar.step_ns:
            raise ValueError("the cadence of issues must be a multiple of the step")

    @property
    def step(self) -> int:
        """Length of a forecast step, ns."""
        return self.calendar.step_ns

    @property
    def raw(self) -> str:
        """Catalogue name of the raw topic that the series follow from."""
        return _RAW_OF[self.source]

    @property
    def leaves(self) -> tuple[str, ...]:
        """Ids of the measured series."""
        return tuple(self.hierarchy.ids[place] for place in self.hierarchy.leaves)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The past before the first record.

    Parameters
    ----------
    start
        Start of the first step, ns UTC.
    loads
        Step means of the leaves, MW, shape (n_steps, n_leaves), NaN = missing.
    temperatures
        Step means of the stations, degC, shape (n_steps, n_stations), NaN = missing.
    metered
        Step means of the balances' meters, MW, shape (n_steps, n_balances), NaN = missing; None
        where nothing is known of them: they say nothing then.
    """

    start: int
    loads: npt.NDArray[np.float64]
    temperatures: npt.NDArray[np.float64]
    metered: npt.NDArray[np.float64] | None = None
