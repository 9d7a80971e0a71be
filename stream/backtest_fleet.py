"""The models of a backtest, fitted on what a protocol lets them know."""

from __future__ import annotations

import numpy as np

from forecasting.arrays import IntArray
from forecasting.backtest import mid_term_backtest
from forecasting.lead_backtest import FleetBacktest, fleet_backtest
from forecasting.specification import default_specification
from forecasting.training import History
from stream.backtest_inputs import BacktestInputs
from stream.backtest_protocol import MONTHLY, Protocol

__all__ = ["fleet_of"]


def fleet_of(inputs: BacktestInputs, protocol: Protocol, n_steps: int) -> FleetBacktest:
    """Fit the models of all nodes: once before the test, and anew as the protocol says.

    Parameters
    ----------
    n_steps
        Longest horizon that is issued.
    """
    known, calendar = inputs.known, inputs.calendar
    days = inputs.n_train / calendar.n_instants
    with_weather = bool(inputs.stations)
    history = History(
        known.tree.ids,
        known.times,
        known.final,
        inputs.observed if with_weather else None,
        inputs.weights if with_weather else None,
    )
    periods: IntArray | None = None
    if protocol.refit != MONTHLY:
        periods = np.asarray((known.times - protocol.test_start) // int(protocol.refit))
    zones = mid_term_backtest(
        calendar,
        history,
        default_specification(days, temperature=with_weather),
        inputs.n_train,
        periods=periods,
        known_at=None if known.delay_steps == 0 else lambda row: known.as_of(int(known.times[row])),
    )
    stations = None
    if with_weather and inputs.weights is not None:
        stations = (inputs.observed, np.unique(inputs.weights.round(9), axis=0))
    return fleet_backtest(
        calendar, known, zones, stations, inputs.n_train, n_steps, np.array(protocol.quantiles)
    )
