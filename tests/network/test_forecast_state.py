"""States that forecasts lead to."""

from dataclasses import replace

import numpy as np
import pytest

from network.errors import NotConverged
from network.forecast_state import NodalForecast, forecast_state
from network.model import BusKind, Network
from network.power_flow import PowerFlow


def _forecast(network: Network, **given: object) -> NodalForecast:
    nothing = {
        "consumption_mw": np.full(network.n_bus, np.nan),
        "power_factor": np.full(network.n_bus, np.nan),
        "unit_mw": np.full(len(network.generators), np.nan),
    }
    return NodalForecast(**(nothing | given))  # type: ignore[arg-type]


def _net(network: Network, v: np.ndarray) -> np.ndarray:
    return PowerFlow(network).solution(v0=v).s_bus_mva


def test_nothing_forecast_is_the_case(ieee14: Network) -> None:
    state = forecast_state(ieee14, _forecast(ieee14))
    np.testing.assert_allclose(state.v, PowerFlow(ieee14).solve(), atol=1e-8)
    assert state.moved_mw == 0 and state.left_mw == 0 and state.unfed == ()


def test_reactive_power_follows_by_the_power_factor(ieee14: Network) -> None:
    consumption, factor = np.full(14, np.nan), np.full(14, np.nan)
    # Bus 9 has 29.5 MW and 16.6 MVAr in the case; bus 7 nothing; bus 14 is given its factor.
    consumption[[8, 6, 13]] = 59.0, 10.0, 20.0
    factor[13] = 0.8
    state = forecast_state(
        ieee14, _forecast(ieee14, consumption_mw=consumption, power_factor=factor)
    )
    s = _net(state.network, state.v)
    assert s[8] == pytest.approx(-59.0 - 33.2j, abs=1e-5)
    assert s[13] == pytest.approx(-20.0 - 15.0j, abs=1e-5)
    loads = ieee14.loads
    of_all = loads.q_mvar.sum() / loads.p_mw.sum()
    assert s[6] == pytest.approx(-10.0 - 10.0j * of_all, abs=1e-5)


def test_the_net_position_leaves_by_the_slack_and_units_make_up_for_it(ieee14: Network) -> None:
    # The slack unit is scheduled 100 MW where the case has 232.4; the unit at bus 2 gives 40.
    units = ieee14.generators
    wide = replace(units, p_max_mw=np.full(5, 900.0))
    network = replace(ieee14, generators=wide)
    schedule = np.full(5, np.nan)
    schedule[0] = 100.0
    state = forecast_state(network, _forecast(network, unit_mw=schedule, net_position_mw=30.0))
    s = _net(state.network, state.v)
    # What the slack bus injects is its schedule less the export.
    assert s[0].real == pytest.approx(100.0 - 30.0, abs=0.1)
    losses = s.real.sum()
    assert s[1].real + 21.7 == pytest.approx(40.0 + state.moved_mw, abs=1e-6)
    assert state.moved_mw == pytest.approx(259.0 + losses - 70.0 - 40.0, abs=0.2)
    assert abs(state.left_mw) < 0.1


def test_what_units_cannot_make_up_for_is_left_with_the_slack(ieee14: Network) -> None:
    units = ieee14.generators
    narrow = replace(units, p_max_mw=np.array([900.0, 60.0, 0.0, 0.0, 0.0]))
    network = replace(ieee14, generators=narrow)
    schedule = np.full(5, np.nan)
    schedule[0] = 100.0
    state = forecast_state(network, _forecast(network, unit_mw=schedule, net_position_mw=0.0))
    assert state.moved_mw == pytest.approx(20.0)
    s = _net(state.network, state.v)
    assert state.left_mw == pytest.approx(s[0].real - 100.0, abs=1e-6)
    assert state.left_mw > 90


def test_planned_outages_are_out_and_free_the_voltage_they_held(ieee14: Network) -> None:
    outs = {"branches_out": np.array([0]), "units_out": np.array([2])}
    state = forecast_state(ieee14, _forecast(ieee14, **outs))
    assert not state.network.branches.in_service[0]
    assert state.network.buses.kind[2] == BusKind.PQ
    assert abs(state.v[2]) < 1.0
    assert state.network.generators.in_service.tolist() == [True, True, False, True, True]


def test_consumption_that_planned_outages_cut_off_is_told(ieee14: Network) -> None:
    # Bus 14 hangs on branches 16 and 19.
    state = forecast_state(ieee14, _forecast(ieee14, branches_out=np.array([16, 19])))
    assert state.unfed == ("14",) and state.v[13] == 0


def test_consumption_that_no_voltage_can_carry_has_no_state(three_buses: Network) -> None:
    consumption = np.array([np.nan, 900.0, np.nan])
    with pytest.raises(NotConverged):
        forecast_state(three_buses, _forecast(three_buses, consumption_mw=consumption))
