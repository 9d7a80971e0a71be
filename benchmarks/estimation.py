"""Speed and accuracy of state estimation and N-1, one JSON a run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/estimation.py --json out.json [--cases case118 ...]

True states are AC power flows of pandapower's published cases, scans are drawn with
sigma V 0.004 pu, flows 0.8 MW/MVAr, injections 1 MW/MVAr. Medians over the scans.
power-grid-model (Newton-Raphson, a model that is built already) and pandapower estimate the
same scans where they are installed; their voltages are compared with ours.
"""

import argparse
import importlib.util
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _report import write_report

from network.arrays import Floats
from network.contingency import branch_outages
from network.estimator import Estimator
from network.measurement import Origin, Quantity, Telemetry, full_telemetry
from network.model import Network
from network.power_flow import PowerFlow
from network.readers.pandapower_case import published_pandapower_case


def median_ms(function: Callable[[], Any], repeats: int) -> float:
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1e3)


def peers(
    name: str, network: Network, telemetry: Telemetry, scans: list[Floats], ours: Floats
) -> dict[str, Any]:
    """The same scans by power-grid-model and pandapower, where they are installed."""
    figures: dict[str, Any] = {}
    if importlib.util.find_spec("power_grid_model") is not None:
        from tests.network import power_grid_model_oracle

        seconds = power_grid_model_oracle.seconds(network, telemetry, scans)
        theirs = np.abs(power_grid_model_oracle.estimate(network, telemetry, scans[0]))
        figures["power_grid_model_ms"] = seconds * 1e3
        figures["power_grid_model_apart_pu"] = float(np.abs(theirs - ours).max())
    if importlib.util.find_spec("pandapower") is not None:
        from tests.network import pandapower_oracle

        v, seconds = pandapower_oracle.estimate(name, network, telemetry, scans[0], telemetry.sigma)
        figures["pandapower_ms"] = seconds * 1e3
        figures["pandapower_apart_pu"] = float(np.abs(np.abs(v) - ours).max())
    return figures


def run(name: str, repeats: int) -> dict[str, Any]:
    network = published_pandapower_case(name)
    flow = PowerFlow(network)
    solved = flow.solution()
    injection = network.injection_mva()
    telemetry = full_telemetry(network)
    noise = np.where(telemetry.origin == Origin.MEASURED, telemetry.sigma, 0.0)
    start = time.perf_counter()
    estimator = Estimator(network, telemetry, at=solved.v)
    estimator.estimate(estimator.predict(solved.v), v0=solved.v)
    prepared = time.perf_counter() - start
    truth, rng = estimator.predict(solved.v), np.random.default_rng(1)
    scans = [truth + noise * rng.standard_normal(len(noise)) for _ in range(repeats)]
    times, errors, j, iterations, v0 = [], [], [], [], solved.v
    flows = np.isin(telemetry.quantity, [Quantity.P_FROM, Quantity.P_TO])
    for scan in scans:
        start = time.perf_counter()
        estimate = estimator.estimate(scan, v0=v0)
        times.append(time.perf_counter() - start)
        v0 = estimate.v
        errors.append(((estimate.estimated - truth)[flows] / telemetry.sigma[flows]) ** 2)
        j.append(estimate.j_per_dof)
        iterations.append(estimate.iterations)
    start = time.perf_counter()
    cold = estimator.estimate(scans[0])
    cold_s = time.perf_counter() - start
    figures: dict[str, Any] = {
        "buses": network.n_bus,
        "branches": network.n_branch,
        "measurements": len(telemetry),
        "power_flow_warm_ms": median_ms(
            lambda: flow.solve(injection.real * 1.01, injection.imag * 1.01, v0=solved.v),
            min(repeats, 20),
        ),
        "new_topology_s": prepared,
        "warm_scan_ms": float(np.median(times) * 1e3),
        "warm_scan_p95_ms": float(np.quantile(times, 0.95) * 1e3),
        "iterations": float(np.median(iterations)),
        "flow_rmse_over_sigma": float(np.sqrt(np.mean(errors))),
        "j_per_dof": float(np.mean(j)),
        "cold_start_s": cold_s,
        "cold_start_plausible": cold.plausible,
    }
    start = time.perf_counter()
    outages = branch_outages(network, solved.v)
    figures["n_minus_1_s"] = time.perf_counter() - start
    figures["islanding_outages"] = len(outages.islanding)
    first = np.abs(estimator.estimate(scans[0], v0=solved.v, remove_bad=False).v)
    figures |= peers(name, network, telemetry, scans[:5], first)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--cases", nargs="+", default=["case118", "case1354pegase"])
    parser.add_argument("--scans", type=int, default=50)
    arguments = parser.parse_args()
    figures = {
        "cases": {name: run(name, arguments.scans) for name in arguments.cases},
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    write_report(arguments.json, figures)


if __name__ == "__main__":
    main()
