"""Warnings from forecast states, with who can still act."""

from dataclasses import replace

import numpy as np
import pytest

from network.advance_warnings import AdvanceWarning, WarningKind, advance_warnings
from network.forecast_state import NodalForecast, forecast_state
from network.model import Network
from network.outage_limits import StudyLimits
from network.outage_study import study_outages
from records.alarm import AlarmSeverity, LeadTime
from records.time import DAY, HOUR, MINUTE


def _warnings(
    network: Network, growth: float, lead: int = 18 * HOUR, **limits: float
) -> tuple[AdvanceWarning, ...]:
    consumption = np.bincount(network.loads.bus, network.loads.p_mw, network.n_bus) * growth
    nothing = np.full(len(network.generators), np.nan)
    forecast = NodalForecast(consumption, np.full(network.n_bus, np.nan), nothing)
    state = forecast_state(network, forecast)
    held = StudyLimits(**limits)
    study = study_outages(state.network, state.v, limits=held)
    return advance_warnings(study, state.v, held, lead)


@pytest.fixture
def rated14(ieee14: Network) -> Network:
    """IEEE 14, rated so that it is secure with its own loads: 1.3 times what any outage makes."""
    study = study_outages(
        replace(ieee14, branches=replace(ieee14.branches, rate_mva=np.full(20, 1e-3))),
        forecast_state(ieee14, _nothing(ieee14)).v,
    )
    over = study.overloads
    worst = np.zeros(20)
    np.maximum.at(worst, over.element, over.loading_percent * 1e-5)
    return replace(ieee14, branches=replace(ieee14.branches, rate_mva=1.3 * worst))


def _nothing(network: Network) -> NodalForecast:
    unknown = np.full(network.n_bus, np.nan)
    return NodalForecast(unknown, unknown, np.full(len(network.generators), np.nan))


BAND = {"v_min_pu": 0.90, "v_max_pu": 1.12}


def test_a_secure_forecast_gives_no_warning(rated14: Network) -> None:
    assert _warnings(rated14, 1.0, **BAND) == ()


def test_a_peak_that_would_overload_after_an_outage_warns_with_its_lead(rated14: Network) -> None:
    warnings = _warnings(rated14, 1.2, **BAND)
    after = [w for w in warnings if w.outage]
    # Without branch 0 all that the slack sends goes over branch 1.
    assert len(after) == 3 and {w.outage for w in after} == {"branch:0"}
    assert {w.kind for w in warnings} == {WarningKind.LOADING}
    assert all(w.value >= 100 == w.limit and w.lead == 18 * HOUR for w in warnings)
    assert {w.lead_time for w in warnings} == {LeadTime.OPERATIONAL}


def test_the_lead_says_who_can_act(rated14: Network) -> None:
    for lead, expected in (
        (4 * MINUTE, LeadTime.AUTOMATIC),
        (3 * DAY, LeadTime.MAINTENANCE),
        (200 * DAY, LeadTime.SEASONAL),
    ):
        assert {w.lead_time for w in _warnings(rated14, 1.2, lead, **BAND)} == {expected}


def test_what_is_beyond_without_any_outage_is_told_once(rated14: Network) -> None:
    rates = rated14.branches.rate_mva.copy()
    rates[0] = 100.0
    network = replace(rated14, branches=replace(rated14.branches, rate_mva=rates))
    warnings = _warnings(network, 1.0, **BAND)
    before = [w for w in warnings if not w.outage]
    # 156.9 MW flow from bus 1 to bus 2: past the 150 % of the ladder of lines.
    assert [w.element for w in before] == ["0"]
    assert before[0].value == pytest.approx(158, abs=2)
    assert before[0].severity is AlarmSeverity.CRITICAL and warnings[0] == before[0]
    # An outage is told only where it makes that worse by 10 points.
    again = [w for w in warnings if w.outage and w.element == "0"]
    assert again and all(w.value >= before[0].value + 10 for w in again)


def test_voltages_that_an_outage_moves_out_of_the_band_are_told(ieee14: Network) -> None:
    warnings = _warnings(ieee14, 1.0, v_min_pu=1.0, v_max_pu=1.12)
    assert warnings and all(w.kind is WarningKind.VOLTAGE and w.outage for w in warnings)
    assert all(w.value < w.limit == 1.0 for w in warnings)
    ranks = [list(AlarmSeverity).index(w.severity) for w in warnings]
    assert ranks == sorted(ranks, reverse=True)


def test_an_outage_without_a_solution_comes_first(three_buses: Network) -> None:
    warnings = _warnings(three_buses, 8.0, v_min_pu=0.5, v_max_pu=1.5)
    lost = [w.outage for w in warnings if w.kind is WarningKind.NO_SOLUTION]
    assert "branch:0" in lost
    assert warnings[0].severity is AlarmSeverity.CRITICAL
