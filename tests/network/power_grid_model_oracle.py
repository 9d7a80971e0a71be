"""The same network and scan in power-grid-model, an independent estimator."""

import time

import numpy as np
from power_grid_model import (
    CalculationMethod,
    LoadGenType,
    MeasuredTerminalType,
    PowerGridModel,
    initialize_array,
)

from network.admittance import admittance
from network.measurement import Quantity, Telemetry, zero_injection_buses
from network.model import BusKind, Network

_UNITS = 10_000_000


def estimate(network: Network, telemetry: Telemetry, value: np.ndarray) -> np.ndarray:
    """Newton-Raphson estimate of power-grid-model: voltages (n_bus,), angle 0 at the slack.

    Takes full telemetry: every P row must have its Q row, values NaN in pairs.
    """
    out = _solve(PowerGridModel(_input(network, telemetry, value)), 1e-8)
    return out["node"]["u_pu"] * np.exp(1j * out["node"]["u_angle"])


def seconds(network: Network, telemetry: Telemetry, scans: list[np.ndarray]) -> float:
    """Median time of an estimate in a model that is built already."""
    times = []
    for value in scans:
        model = PowerGridModel(_input(network, telemetry, value))
        _solve(model, 1e-5)
        start = time.perf_counter()
        _solve(model, 1e-5)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def _solve(model: PowerGridModel, tolerance: float) -> dict[str, np.ndarray]:
    return model.calculate_state_estimation(
        calculation_method=CalculationMethod.newton_raphson,
        error_tolerance=tolerance,
        max_iterations=50,
    )


def _input(network: Network, telemetry: Telemetry, value: np.ndarray) -> dict[str, np.ndarray]:
    n, m = network.n_bus, network.n_branch
    base = network.base_mva * 1e6
    y = admittance(network)
    volts = network.buses.base_kv * 1e3
    node = initialize_array("input", "node", n)
    node["id"], node["u_rated"] = np.arange(n), volts

    # The pi circuit again, as ratio, shift, series and total shunt admittance.
    ratio = np.sqrt(np.abs(y.tt / y.ff))
    shift = np.angle(y.ft / y.tf) / 2
    series = -y.ft * np.conj(ratio * np.exp(1j * shift))
    shunt = 2 * (y.tt - series)
    z_base = volts[network.branches.to_bus] ** 2 / base
    branch = initialize_array("input", "generic_branch", m)
    branch["id"] = n + np.arange(m)
    branch["from_node"], branch["to_node"] = network.branches.from_bus, network.branches.to_bus
    branch["from_status"] = branch["to_status"] = network.branches.in_service
    branch["r1"], branch["x1"] = (1 / series).real * z_base, (1 / series).imag * z_base
    branch["g1"], branch["b1"] = shunt.real / z_base, shunt.imag / z_base
    branch["k"], branch["theta"] = ratio, shift

    own = (network.buses.gs_mw + 1j * network.buses.bs_mvar) * 1e6 / volts**2
    at = np.flatnonzero(own)
    shunts = initialize_array("input", "shunt", len(at))
    shunts["id"], shunts["node"], shunts["status"] = 100_000 + np.arange(len(at)), at, 1
    shunts["g1"], shunts["b1"] = own[at].real, own[at].imag

    slack = int(np.flatnonzero(network.buses.kind == BusKind.SLACK)[0])
    source = initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"], source["sk"] = 200_000, slack, 1, 1e20
    source["u_ref"], source["u_ref_angle"] = network.buses.v_set_pu[slack], 0.0
    units = np.flatnonzero(~zero_injection_buses(network) & (np.arange(n) != slack))
    generator = initialize_array("input", "sym_gen", len(units))
    generator["id"], generator["node"] = _UNITS + np.arange(len(units)), units
    generator["status"], generator["type"] = 1, LoadGenType.const_power
    generator["p_specified"] = generator["q_specified"] = 0.0

    measured = np.isfinite(value)
    v_rows = np.flatnonzero(measured & (telemetry.quantity == Quantity.V))
    voltage = initialize_array("input", "sym_voltage_sensor", len(v_rows))
    voltage["id"] = 300_000 + np.arange(len(v_rows))
    voltage["measured_object"] = telemetry.element[v_rows]
    voltage["u_measured"] = value[v_rows] * volts[telemetry.element[v_rows]]
    voltage["u_sigma"] = telemetry.sigma[v_rows] * volts[telemetry.element[v_rows]]

    unit_of = np.full(n, -1)
    unit_of[units] = generator["id"]
    unit_of[slack] = 200_000
    rows, other, objects, terminals = [], [], [], []
    for p, q, terminal in (
        (Quantity.P_FROM, Quantity.Q_FROM, MeasuredTerminalType.branch_from),
        (Quantity.P_TO, Quantity.Q_TO, MeasuredTerminalType.branch_to),
        (Quantity.P_INJECTION, Quantity.Q_INJECTION, MeasuredTerminalType.generator),
    ):
        p_rows = np.flatnonzero(measured & (telemetry.quantity == p))
        q_rows = np.flatnonzero(measured & (telemetry.quantity == q))
        element = telemetry.element[p_rows]
        assert np.array_equal(element, telemetry.element[q_rows])
        target = unit_of[element] if p == Quantity.P_INJECTION else n + element
        kept = target >= 0
        rows.append(p_rows[kept])
        other.append(q_rows[kept])
        objects.append(target[kept])
        at_source = target[kept] == 200_000
        terminals.append(np.where(at_source, MeasuredTerminalType.source, terminal))
    p_rows, q_rows = np.concatenate(rows), np.concatenate(other)
    power = initialize_array("input", "sym_power_sensor", len(p_rows))
    power["id"] = 400_000 + np.arange(len(p_rows))
    power["measured_object"] = np.concatenate(objects)
    power["measured_terminal_type"] = np.concatenate(terminals)
    power["p_measured"], power["q_measured"] = value[p_rows] * 1e6, value[q_rows] * 1e6
    power["p_sigma"], power["q_sigma"] = (
        telemetry.sigma[p_rows] * 1e6,
        telemetry.sigma[q_rows] * 1e6,
    )
    power["power_sigma"] = np.hypot(power["p_sigma"], power["q_sigma"])
    return {
        "node": node,
        "generic_branch": branch,
        "shunt": shunts,
        "source": source,
        "sym_gen": generator,
        "sym_voltage_sensor": voltage,
        "sym_power_sensor": power,
    }
