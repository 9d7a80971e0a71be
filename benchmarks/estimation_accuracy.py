"""How right state estimation is, one JSON a run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/estimation_accuracy.py --json out.json
        [--cases case14 case118 case1354pegase] [--draws 200] [--trials 100]
        [--parts noise errors missing model month] [--scans 10000]

True states are AC power flows of pandapower's published cases; scans have noise of V 0.004 pu,
flows 0.8, injections 1 MW or MVAr. `missed` names what did not reach its target.
"""

import argparse
import logging
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from _report import write_report

from network.readers.pandapower_case import published_pandapower_case
from tests.network.simulated.figures import (
    Accuracy,
    accuracy,
    errors_at_once,
    missing_at_random,
    single_errors,
)
from tests.network.simulated.month import SimulatedMonth
from tests.network.simulated.month_run import follow
from tests.network.simulated.planted import Fault, named_first
from tests.network.simulated.scans import SimulatedScans

CASES = ["case14", "case118", "case1354pegase"]
PARTS = ["noise", "errors", "missing", "model", "month"]


def noise(bench: SimulatedScans, draws: int, missed: list[str]) -> dict[str, Any]:
    told: dict[str, Accuracy] = {}
    for draw, greatest in ((bench.full, 0.45), (bench.reduced, 0.5)):
        name = draw.__name__
        one = accuracy(bench, draw, np.random.default_rng(0), draws)
        _hold(missed, f"{name}: flow RMSE", one.flow_rmse_by_sigma <= greatest)
        _hold(missed, f"{name}: J", one.j_per_dof_farthest <= one.j_per_dof_bound)
        _hold(missed, f"{name}: coverage", 93 <= one.coverage_percent <= 97)
        _hold(missed, f"{name}: losses", one.loss_rmse_mw <= 0.1)
        told[name] = one
    _hold(missed, "full: false alarms", told["full"].scans_with_removals == 0)
    return {name: asdict(one) for name, one in told.items()}


def errors(bench: SimulatedScans, draws: int, missed: list[str]) -> dict[str, Any]:
    single = single_errors(bench, bench.measured, np.random.default_rng(1))
    _hold(missed, "single errors", single.missed == 0 and single.with_others == 0)
    ten = errors_at_once(bench, np.random.default_rng(2), draws)
    exact = ten.recall == 1 and ten.false_removals == 0
    few = bench.network.n_bus < 100
    _hold(missed, "ten errors", exact or few or (draws > 0 and ten.exact_percent >= 99))
    if bench.network.n_bus > 1000:
        _hold(missed, "ten errors: recall and false removals", exact)
    return {"single": asdict(single), "ten_at_once": asdict(ten)}


def missing(bench: SimulatedScans, draws: int, missed: list[str]) -> dict[str, Any]:
    told = missing_at_random(bench, np.random.default_rng(3), draws)
    _hold(missed, "missing: silently wrong", told.silently_wrong == 0)
    return asdict(told)


def model(bench: SimulatedScans, trials: int, missed: list[str]) -> dict[str, Any]:
    """Plant one wrong status, tap, sign, scale or swap a scan, and see if it is named first."""
    told = {}
    for fault in Fault:
        one = named_first(bench, fault, np.random.default_rng(4), trials)
        few = bench.network.n_bus < 100
        _hold(missed, f"named first: {fault}", few or one.named_percent >= 95)
        told[fault.value] = asdict(one)
    return told


def month(bench: SimulatedScans, scans: int, missed: list[str]) -> dict[str, Any]:
    """Follow a month of skew, holes, gross errors, unit ramps and switching."""
    told = follow(SimulatedMonth(bench.network, seed=0, scans=scans))
    _hold(missed, "month: valid", told.valid_percent >= 99.5)
    _hold(missed, "month: silently wrong", told.silently_wrong == 0)
    return asdict(told)


def _hold(missed: list[str], what: str, holds: bool) -> None:
    if not holds:
        missed.append(what)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--cases", nargs="+", default=CASES)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--trials", type=int, default=100, help="of each fault of the model")
    parser.add_argument("--scans", type=int, default=10_000, help="of the month")
    arguments = parser.parse_args()
    logging.getLogger("pandapower").setLevel(logging.ERROR)
    figures: dict[str, Any] = {}
    missed: list[str] = []
    for name in arguments.cases:
        bench = SimulatedScans.of(published_pandapower_case(name))
        figures[name] = {"buses": bench.network.n_bus, "measurements": len(bench.telemetry)}
        for part in arguments.parts:
            start, here = time.process_time(), []
            many = {"model": arguments.trials, "month": arguments.scans}
            count = many.get(part, arguments.draws)
            figures[name][part] = globals()[part](bench, count, here)
            missed += [f"{name}: {what}" for what in here]
            spent = time.process_time() - start
            print(f"{name} {part}: {spent:.0f} s of CPU", file=sys.stderr, flush=True)
    write_report(arguments.json, {"cases": figures, "missed": missed})


if __name__ == "__main__":
    main()
