"""AC states after outages as lightsim2grid has them: a program that is not ours.

lightsim2grid is an extra of gridcast and is imported when first needed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from network.arrays import Bools, Complexes
from network.islands import fed_buses
from network.model import BusKind, Network
from network.outage_power_flow import OutagePowerFlow
from network.outages import Outage, lost_branches

__all__ = ["lightsim2grid_model", "lightsim2grid_version", "solved_by_lightsim2grid"]

_STEPS, _TOLERANCE = 20, 1e-8


def lightsim2grid_version() -> str | None:
    """Return the version that is installed; None without one."""
    if importlib.util.find_spec("lightsim2grid") is None:
        return None
    return importlib.metadata.version("lightsim2grid")


def solved_by_lightsim2grid(
    one: OutagePowerFlow, v: Complexes, outages: Sequence[Outage]
) -> tuple[Complexes, Bools]:
    """Solve outages that cut nothing off in a network with one slack bus.

    Parameters
    ----------
    one : OutagePowerFlow
        Of the network in the state.
    v : (n_bus,) complex
        The state.
    outages : sequence of k Outage

    Returns
    -------
    v : (n_bus, k) complex
        Voltages after each, per unit; 0 at buses that are dead.
    solved : (k,) bool
    """
    after = np.zeros((one.network.n_bus, len(outages)), dtype=np.complex128)
    solved = np.zeros(len(outages), dtype=np.bool_)
    only_branches = [i for i, outage in enumerate(outages) if not (outage.units or outage.buses)]
    if only_branches:
        of_branches = [outages[i] for i in only_branches]
        after[:, only_branches], solved[only_branches] = _contingencies(one, v, of_branches)
    for place in sorted(set(range(len(outages))) - set(only_branches)):
        network, injection = one.changed(outages[place])
        model, _ = lightsim2grid_model(network, injection, np.abs(v))
        found = model.ac_pf(_start(network, v), _STEPS, _TOLERANCE)
        if len(found):
            after[:, place], solved[place] = found, True
    # Its angles are from 0 at the slack bus.
    slack = np.flatnonzero(one.network.buses.kind == BusKind.SLACK)[0]
    turn = np.exp(1j * (np.angle(v[slack]) - np.angle(after[slack])))
    after *= turn
    after[~one.fed] = 0
    for place, outage in enumerate(outages):
        after[list(outage.buses), place] = 0
    return after, solved


def _contingencies(
    one: OutagePowerFlow, v: Complexes, outages: Sequence[Outage]
) -> tuple[Complexes, Bools]:
    network = one.network
    model, number = lightsim2grid_model(network, one.s_bus_mva, np.abs(v))
    module = importlib.import_module("lightsim2grid.contingencyAnalysis")
    analysis = module.ContingencyAnalysisCPP(model)
    keys = [tuple(sorted(number[lost_branches(network, outage)].tolist())) for outage in outages]
    for key in keys:
        analysis.add_nk(list(key))
    analysis.compute(_start(network, v), _STEPS, _TOLERANCE)
    # They are computed in an order of its own.
    row_of = {tuple(sorted(lost)): row for row, lost in enumerate(analysis.my_defaults())}
    rows = [row_of[key] for key in keys]
    voltages: Complexes = np.asarray(analysis.get_voltages())[rows].T
    solved: Bools = np.asarray(analysis.converged_mask(), np.bool_)[rows]
    return voltages, solved


def _start(network: Network, v: Complexes) -> Complexes:
    return np.where((network.buses.kind == BusKind.OUT) | (v == 0), 1.0, v)


def lightsim2grid_model(
    network: Network, injection_mva: Complexes, magnitude: Any
) -> tuple[Any, np.typing.NDArray[np.int64]]:
    """Make its model of a network.

    Parameters
    ----------
    network : Network
        With one slack bus.
    injection_mva : (n_bus,) complex
        Net injections.
    magnitude : (n_bus,) float
        Voltages held at slack and PV buses, per unit.

    Returns
    -------
    model : lightsim2grid.network.LSGrid
    number : (n_branch,) int
        Its numbers of our branches: it has lines before transformers.
    """
    branches, base = network.branches, network.base_mva
    live = fed_buses(network)
    kind = np.where(live, network.buses.kind, int(BusKind.OUT))
    turned = np.deg2rad(branches.shift_deg)
    case: dict[str, Any] = {
        "baseMVA": base,
        "bus": {
            str(i + 1): {"bus_i": i, "bus_type": int(kind[i]), "base_kv": kv}
            for i, kv in enumerate(network.buses.base_kv.tolist())
        },
        "branch": {
            str(i + 1): {
                "f_bus": int(branches.from_bus[i]),
                "t_bus": int(branches.to_bus[i]),
                "br_r": float(branches.r_pu[i]),
                "br_x": float(branches.x_pu[i]),
                "g_fr": float(branches.g_from_pu[i]),
                "b_fr": float(branches.b_from_pu[i]),
                "g_to": float(branches.g_to_pu[i]),
                "b_to": float(branches.b_to_pu[i]),
                "tap": float(branches.tap[i]),
                "shift": float(turned[i]),
                "br_status": int(branches.in_service[i]),
            }
            for i in range(network.n_branch)
        },
    }
    held = np.isin(kind, [BusKind.PV, BusKind.SLACK])
    # Powers in MW here, shunts per unit: as its reader of MATPOWER cases hands them on.
    case["gen"] = {
        str(i + 1): {
            "gen_bus": i,
            "pg": float(injection_mva[i].real),
            "qg": 0.0,
            "vg": float(magnitude[i]),
            "qmin": -1e6,
            "qmax": 1e6,
            "gen_status": 1,
        }
        for i in np.flatnonzero(held).tolist()
    }
    case["load"] = {
        str(i + 1): {
            "load_bus": i,
            "pd": -float(injection_mva[i].real),
            "qd": -float(injection_mva[i].imag),
            "status": 1,
        }
        for i in np.flatnonzero((kind == BusKind.PQ) & (injection_mva != 0)).tolist()
    }
    shunts = (network.buses.gs_mw + 1j * network.buses.bs_mvar) / base
    case["shunt"] = {
        str(i + 1): {
            "shunt_bus": i,
            "gs": float(shunts[i].real),
            "bs": float(shunts[i].imag),
            "status": 1,
        }
        for i in np.flatnonzero((shunts != 0) & live).tolist()
    }
    module = importlib.import_module("lightsim2grid.network")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = module.init_from_powermodels(case)
    transformer = (branches.tap != 1.0) | (branches.shift_deg != 0.0)
    number = np.where(
        transformer,
        np.cumsum(transformer) - 1 + int((~transformer).sum()),
        np.cumsum(~transformer) - 1,
    )
    return model, number.astype(np.int64)
