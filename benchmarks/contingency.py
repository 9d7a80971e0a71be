"""N-1: speed, accuracy of linear flows, and whether anything that AC finds is missed.

    OPENBLAS_NUM_THREADS=1 python benchmarks/contingency.py --json out.json [--cases case118 ...]

States are AC power flows of pandapower's published cases (case118 with the published ratings).
The reference is a full AC N-1: lightsim2grid for branches where it is installed, a power flow of
its own for each unit and for what is left. Times are medians, ours and lightsim2grid's in turn.
"""

import argparse
import importlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _report import write_report

from network.admittance import admittance
from network.contingency import branch_outages, generator_outages
from network.dc_start import dc_start
from network.islands import islands
from network.lightsim2grid_outages import (
    lightsim2grid_model,
    lightsim2grid_version,
    solved_by_lightsim2grid,
)
from network.model import Network
from network.outage_factors import OutageFactors
from network.outage_limits import StudyLimits, find_excursions, find_overloads
from network.outage_power_flow import OutagePowerFlow
from network.outage_study import OutageStudy, study_outages
from network.outages import Outage, OutageKind
from network.outages_of_network import linear_flows
from network.power_flow import PowerFlow
from network.published.ieee118 import with_published_data
from network.readers.pandapower_case import published_pandapower_case

MOVED_MW = 5.0


def case(name: str) -> Network:
    network = published_pandapower_case(name)
    return with_published_data(network) if name == "case118" else network


def speed(network: Network, v: np.ndarray, repeats: int) -> dict[str, Any]:
    """Time linear and AC studies beside lightsim2grid's."""
    runs: dict[str, Callable[[], Any]] = {
        "linear_branches": lambda: branch_outages(network, v),
        "linear_units": lambda: generator_outages(network, v),
        "ac_study": lambda: study_outages(network, v),
    }
    if lightsim2grid_version():
        one = OutagePowerFlow(network, v)
        model, _ = lightsim2grid_model(network, one.s_bus_mva, np.abs(v))
        start = np.where(v == 0, 1.0, v)
        runs["lightsim2grid_linear_branches"] = lambda: theirs(model, start, linear=True)
        runs["lightsim2grid_ac_branches"] = lambda: theirs(model, start, linear=False)
    wall: dict[str, list[float]] = {name: [] for name in runs}
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            if "ac_" in name and turn > 2:
                continue
            before, began = time.process_time(), time.perf_counter()
            run()
            wall[name].append(time.perf_counter() - began)
            cpu[name].append(time.process_time() - before)
    # The first run of each warms caches.
    return {
        f"{name}{what}": float(np.median(each[name][1:]))
        for name in runs
        for what, each in (("_s", wall), ("_cpu_s", cpu))
    }


def theirs(model: Any, v: np.ndarray, *, linear: bool) -> None:
    module = importlib.import_module("lightsim2grid.contingencyAnalysis")
    analysis = module.ContingencyAnalysisCPP(model)
    analysis.add_all_n1()
    if linear:
        kinds = importlib.import_module("lightsim2grid.algorithm").AlgorithmType
        analysis.change_algorithm(kinds.DC_KLU)
    analysis.compute(v, 20, 1e-6)
    analysis.compute_power_flows()


def reference(
    network: Network, v: np.ndarray, outages: tuple[Outage, ...]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield places of outages and their AC voltages, found by other ways than the study's."""
    one = OutagePowerFlow(network, v)
    branches = [i for i, outage in enumerate(outages) if outage.kind is OutageKind.BRANCH]
    alone = [i for i, outage in enumerate(outages) if outage.kind is not OutageKind.BRANCH]
    for start in range(0, len(branches), 256):
        block = np.array(branches[start : start + 256])
        if lightsim2grid_version() is None:
            alone += block.tolist()
            continue
        after, solved = solved_by_lightsim2grid(one, v, [outages[i] for i in block])
        alone += block[~solved].tolist()
        yield block[solved], after[:, solved]
    for place in alone:
        solution = one.after(outages[place])
        if solution is not None:
            yield np.array([place]), solution.v[:, None]


def accuracy(network: Network, v: np.ndarray) -> dict[str, Any]:
    """Hold linear flows and the confirmed list to a full AC N-1."""
    limits, one, factors = StudyLimits(), OutagePowerFlow(network, v), OutageFactors(network, v)
    start = time.process_time()
    study = study_outages(network, v, limits=limits)
    study_cpu = time.process_time() - start
    y, branches = admittance(network), network.branches
    off: dict[str, list[np.ndarray]] = {"branch": [np.zeros(0)], "gen": [np.zeros(0)]}
    wanted: dict[str, set[tuple[int, int]]] = {"overloads": set(), "voltages": set()}
    n_solved = 0
    for which, after in reference(network, v, study.outages):
        n_solved += len(which)
        outages = [study.outages[i] for i in which]
        s_from = after[branches.from_bus] * np.conj(y.from_end @ after) * network.base_mva
        s_to = after[branches.to_bus] * np.conj(y.to_end @ after) * network.base_mva
        flows, lost = linear_flows(factors, outages, one.unit_mw)
        s_from[lost] = s_to[lost] = 0
        moved = np.abs(s_from.real - factors.p_from_mw[:, None]) > MOVED_MW
        moved[lost] = False
        off[str(outages[0].kind)].append(np.abs(flows - s_from.real)[moved])
        over = find_overloads(network, limits, which, s_from, s_to, after)
        beyond = find_excursions(limits, which, after, v)
        wanted["overloads"] |= pairs(over.outage, over.element)
        wanted["voltages"] |= pairs(beyond.outage, beyond.bus)
    ac = study.overloads.is_ac
    found = {
        "overloads": pairs(study.overloads.outage[ac], study.overloads.element[ac]),
        "voltages": pairs(study.excursions.outage, study.excursions.bus),
    }
    return {
        "outages": study.n_outages,
        "study_cpu_s": study_cpu,
        "ac_solved": int(study.in_ac.sum()),
        "ac_solved_by_reference": n_solved,
        "not_converged": [study.outages[i].name for i in np.flatnonzero(study.not_converged)],
        "reference": lightsim2grid_version() or "power flows",
        "linear_error_p95_mw": {
            kind: float(np.quantile(np.concatenate(each), 0.95))
            for kind, each in off.items()
            if sum(map(len, each))
        },
        **{
            f"{what}_{figure}": number
            for what in wanted
            for figure, number in (
                ("of_reference", len(wanted[what])),
                ("missed", len(wanted[what] - found[what])),
                ("found_beyond", len(found[what] - wanted[what])),
            )
        },
        **islanding(network, study),
    }


def pairs(outage: np.ndarray, element: np.ndarray) -> set[tuple[int, int]]:
    return set(zip(outage.tolist(), element.tolist(), strict=True))


def islanding(network: Network, study: OutageStudy) -> dict[str, int]:
    """Count outages that split the network by counting islands after each."""
    before = islands(network).max()
    told = {each.contingency for each in study.islanding}
    splits = set()
    for row in np.flatnonzero(network.branches.in_service).tolist():
        without = np.arange(network.n_branch) == row
        if islands(network, without=without).max() > before:
            splits.add(f"branch:{network.branches.id[row]}")
    return {"islanding": len(splits), "islanding_not_listed": len(splits - told)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--cases", nargs="+", default=["case118", "case1354pegase", "case2848rte"])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--only", choices=["speed", "accuracy"])
    arguments = parser.parse_args()
    logging.getLogger("pandapower").setLevel(logging.ERROR)
    figures: dict[str, Any] = {"lightsim2grid": lightsim2grid_version(), "cases": {}}
    for name in arguments.cases:
        network = case(name)
        v = PowerFlow(network).solve(v0=dc_start(network))
        told = {"buses": network.n_bus, "branches": network.n_branch}
        if arguments.only != "accuracy":
            told |= speed(network, v, arguments.repeats)
        if arguments.only != "speed":
            told |= accuracy(network, v)
        figures["cases"][name] = told
    write_report(arguments.json, figures)


if __name__ == "__main__":
    main()
