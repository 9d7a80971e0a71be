"""What a run of the network twin is about: its network, its points, its clock, its forecasts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from console.code_version import code_version
from console.errors import BadInputError
from console.services.run_file import RunFile
from console.settings import Settings, nanoseconds
from forecasting.calendar import Calendar
from forecasting.holidays import country_holidays
from ingest.network_files import read_case, write_case
from ingest.twin.register import telemetry_of
from ingest.twin.twin import Twin, TwinSettings
from ingest.twin.victoria import TIMEZONE
from ingest.twin.weather import STATION
from network.model import Network
from network.published.ieee118 import with_published_data
from network.topology import BreakerEvent, Element
from records.points import PointRegister
from records.time import DAY, MINUTE, from_datetime, parse_time
from stream.forecast_plan import ForecastPlan
from stream.local_clock import LocalClock
from stream.network_plan import network_plan

__all__ = [
    "DEMO_START",
    "HISTORY_START",
    "MOST_DAYS",
    "Scenario",
    "make_network",
    "read_scenario",
    "twin_of",
    "with_twin",
]

HISTORY_START = parse_time("2014-01-01T00:00Z")
"""The shipped year begins a few hours before; whole UTC hours from here on."""
DEMO_START = parse_time("2014-11-10T00:00+11:00")
"""Midnight in Melbourne on a Monday, with ten months before it and seven weeks after."""
MOST_DAYS = 45
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What every process of a run agrees on.

    Parameters
    ----------
    network
        The grid.
    register
        What its telemetry measures.
    plan
        What is forecast.
    clock
        Local hours and day types, for typical values.
    """

    network: Network
    register: PointRegister
    plan: ForecastPlan
    clock: LocalClock


def with_twin(settings: Settings) -> Settings:
    """Settings of a run whose input is the twin: its gateway ticks what operators write."""
    if settings.alarms.operator_acts is not None:
        return settings
    alarms = settings.alarms.model_copy(update={"operator_acts": True})
    return settings.model_copy(update={"alarms": alarms})


def make_network(run: RunFile) -> Network:
    """Take the published network from the installed package and keep a copy with the run."""
    network = with_published_data(read_case("pandapower:case118"))
    write_case(network, run.directory / "network")
    return network


def read_scenario(run: RunFile) -> Scenario:
    """Read the run's own copy of the network and derive the rest from it."""
    network = read_case(run.directory / "network")
    names = np.unique(network.buses.area)
    areas, twin = np.searchsorted(names, network.buses.area), run.settings.twin
    breaker_status = twin.breaker_status or bool(twin.switchings)
    register = telemetry_of(network, areas, breaker_status=breaker_status).register
    holidays = country_holidays("AU-VIC", 2014, 2015)
    forecast = run.settings.forecast
    plan = network_plan(
        register,
        Calendar(TIMEZONE, nanoseconds(forecast.step), holidays),
        [STATION],
        horizon=nanoseconds(forecast.horizon),
        cadence=nanoseconds(forecast.cadence),
        mid_term=forecast.mid_term,
        residual=forecast.residual,
    )
    acts = bool(run.settings.alarms.operator_acts)
    plan = replace(plan, code=code_version(), operator_acts=acts)
    clock = LocalClock(ZoneInfo(TIMEZONE), [_EPOCH + timedelta(days=int(d)) for d in holidays])
    return Scenario(network, register, plan, clock)


def twin_of(run: RunFile, network: Network) -> Twin:
    """Return the twin that makes the run's input.

    Raises
    ------
    BadInputError
        When a branch cannot be switched as the settings say.
    """
    scada, made = run.settings.scada, run.settings.twin
    # Alarms wait for what operators do with every estimate.
    tick_period = min(nanoseconds(run.settings.estimation.cadence), 5 * MINUTE)
    switchings = tuple(
        BreakerEvent(from_datetime(each.at), Element("branch", each.branch), "", each.closed)
        for each in made.switchings
    )
    try:
        return Twin(
            network,
            TwinSettings(
                run.start,
                run.start + run.days * DAY,
                namespace=run.settings.namespace,
                scan_period=nanoseconds(scada.scan_period),
                tick_period=tick_period,
                seed=run.seed,
                operator_acts=bool(run.settings.alarms.operator_acts),
                switchings=switchings,
                breaker_status=made.breaker_status,
            ),
        )
    except ValueError as error:
        raise BadInputError(f"the settings of the twin: {error}") from None
