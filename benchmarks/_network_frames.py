"""The 1354-bus network of the benchmark of estimates, and the process that scans it.

    python benchmarks/_network_frames.py RUN_FILE CYCLES SWITCH

Stands for one gateway an area. Every period each of them sends its scan 1 to 3 s after its time,
1 % of the rows absent, and ticks follow. Loads swing by 2 % over ten minutes; at the scan SWITCH a
loaded branch opens for the rest. A line on the output says that scanning begins, and one that it
ended.
"""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import breadth_first_order

from console.log_access import open_writer
from console.services.run_file import RunFile, read_run
from console.services.scenario import read_scenario
from console.settings import nanoseconds
from ingest.batch import ticks
from ingest.network_files import read_case, write_case
from network.admittance import admittance
from network.bridges import find_bridges
from network.model import Network
from network.power_flow import PowerFlow
from network.switching import switched
from network.topology import Element
from records.log import Outgoing
from records.points import ElementKind, Point, PointRegister, Quantity
from records.scada import ScadaFrame, frame_record
from records.time import SECOND
from records.topics import topic_name

__all__ = ["ABSENT", "AREAS", "SPREAD_S", "Grid", "Scans", "write_grid"]

AREAS = 8
SPREAD_S = 2.0
ABSENT = 0.01
_SWING, _SWING_S = 0.02, 600.0
_MARGIN, _LEAST_MVA = 1.5, 100.0
_CANDIDATES = 40


def write_grid(run: RunFile) -> None:
    """Give a run the published network in areas of neighbours, with ratings above its flows."""
    network = read_case("pandapower:case1354pegase")
    branches = network.branches
    ends = (branches.from_bus, branches.to_bus)
    graph = sp.csr_array((np.ones(len(ends[0])), ends), shape=(network.n_bus,) * 2)
    order = breadth_first_order(graph, 0, directed=False, return_predecessors=False)
    area = np.zeros(network.n_bus, np.int64)
    area[order] = np.arange(len(order)) * AREAS // len(order)
    s_from, s_to, _ = _powers(network, PowerFlow(network).solve())
    rate = np.maximum(_MARGIN * np.maximum(np.abs(s_from), np.abs(s_to)), _LEAST_MVA)
    told = replace(
        network,
        buses=replace(network.buses, area=np.array([f"{number:02d}" for number in area])),
        branches=replace(branches, rate_mva=rate),
    )
    write_case(told, run.directory / "network")


def _powers(network: Network, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Into branches at either end, and injected at buses, MVA."""
    y, base = admittance(network), network.base_mva
    f, t = network.branches.from_bus, network.branches.to_bus
    s_from = v[f] * np.conj(y.from_end @ v) * base
    s_to = v[t] * np.conj(y.to_end @ v) * base
    return s_from, s_to, v * np.conj(y.bus @ v) * base


@dataclass(frozen=True)
class Grid:
    """A run's network, and the branch that opens: its loss overloads another one.

    Attributes
    ----------
    row, overloaded
        Rows of the two branches.
    """

    network: Network
    row: int
    overloaded: int

    @classmethod
    def of(cls, network: Network) -> "Grid":
        """Choose the branch among those with the greatest flows."""
        s_from, _, _ = _powers(network, PowerFlow(network).solve())
        bridges = set(find_bridges(network).branch.tolist())
        flows = np.where(network.branches.in_service, np.abs(s_from), 0)
        loaded = [row for row in np.argsort(-flows).tolist() if row not in bridges]
        for row in loaded[:_CANDIDATES]:
            told = cls(network, row, -1).opened()
            after = _powers(told, PowerFlow(told).solve(*_injections(network, 1.0)))
            loading = np.maximum(np.abs(after[0]), np.abs(after[1])) / network.branches.rate_mva
            if 1.1 < loading.max() < 1.6:
                return cls(network, row, int(loading.argmax()))
        raise SystemExit("no branch whose loss overloads another was found")

    def opened(self) -> Network:
        """The network without the branch."""
        name = str(self.network.branches.id[self.row])
        return switched(self.network, [(Element("branch", name), False)]).network


def _injections(network: Network, scale: float) -> tuple[np.ndarray, np.ndarray]:
    net = network.injection_mva() * scale
    return net.real.copy(), net.imag.copy()


class Scans:
    """Frames of every scan.

    Parameters
    ----------
    run
        The run; scans begin at its start.
    switch
        Scan at which the branch opens.
    """

    def __init__(self, run: RunFile, switch: int) -> None:
        scenario = read_scenario(run)
        self.grid = Grid.of(scenario.network)
        self.register: PointRegister = scenario.register
        self._switch = switch
        self._rng = np.random.default_rng(run.seed)
        self._topic = topic_name(run.settings.namespace, "scada.frame.v1")
        self._start, self._period = run.start, nanoseconds(run.settings.scada.scan_period)
        self._states = [
            (network, [PowerFlow(network).solve(*_injections(network, 1 + way * _SWING))
                       for way in (-1, 1)])
            for network in (scenario.network, self.grid.opened())
        ]  # fmt: skip
        self._areas = []
        for area in self.register.areas:
            points = self.register.of_area(area)
            number = np.array([point.number for point in points], np.uint32)
            sigma = np.array([point.sigma for point in points])
            self._areas.append((area, number, sigma, _columns(scenario.network, points)))

    def truth(self, scan: int) -> np.ndarray:
        """True values by column: kV, flows, loads, units, status; shape (n_columns,)."""
        network, (low, high) = self._states[scan >= self._switch]
        share = 0.5 + 0.5 * np.sin(2 * np.pi * scan * self._period / SECOND / _SWING_S)
        v = low * (1 - share) + high * share
        s_from, s_to, s_bus = _powers(network, v)
        load, unit = _divided(network, s_bus)
        powers = [half for each in (s_from, s_to, load, unit) for half in (each.real, each.imag)]
        closed = network.branches.in_service.astype(float)
        return np.concatenate([np.abs(v) * network.buses.base_kv, *powers, closed, closed])

    def cycle(self, scan: int) -> list[tuple[int, Outgoing]]:
        """Frames of one scan, each with when it is sent (ns UTC)."""
        rng, true = self._rng, self.truth(scan)
        time_ns = self._start + scan * self._period
        frames = []
        for area, number, sigma, column in self._areas:
            kept = np.flatnonzero(rng.random(len(number)) >= ABSENT)
            value = true[column] + sigma * rng.standard_normal(len(number))
            frame = ScadaFrame(
                area, f"gateway-{area}", scan, time_ns, 1, number[kept], value[kept],
                np.zeros(len(kept), np.uint16), rng.integers(0, 800, len(kept)).astype(np.int32),
            )  # fmt: skip
            delay = int(rng.uniform(1, 1 + SPREAD_S) * SECOND)
            frames.append((time_ns + delay, frame_record(self._topic, frame)))
        return sorted(frames, key=lambda entry: entry[0])


def _divided(network: Network, s_bus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Net injections as loads and units: loads as in the case where units take up the rest."""
    loads, units = network.loads, network.generators
    at_loads = np.bincount(loads.bus, loads.in_service, network.n_bus)
    at_units = np.bincount(units.bus, units.in_service, network.n_bus)
    case = np.where(loads.in_service, loads.p_mw + 1j * loads.q_mvar, 0)
    alone = at_units[loads.bus] == 0
    shared = -s_bus[loads.bus] / np.maximum(at_loads[loads.bus], 1)
    load = np.where(alone & loads.in_service, shared, case)
    taken = np.zeros(network.n_bus, complex)
    np.add.at(taken, loads.bus, load)
    rest = (s_bus + taken)[units.bus] / np.maximum(at_units[units.bus], 1)
    return load, np.where(units.in_service, rest, 0)


def _columns(network: Network, points: tuple[Point, ...]) -> np.ndarray:
    """Where the value of each point stands in the truth."""
    n_bus, n_branch = network.n_bus, network.n_branch
    n_load, n_unit = len(network.loads), len(network.generators)
    places = {
        ElementKind.BUS: {name: k for k, name in enumerate(network.buses.id.tolist())},
        ElementKind.BRANCH: {name: k for k, name in enumerate(network.branches.id.tolist())},
        ElementKind.LOAD: {name: k for k, name in enumerate(network.loads.id.tolist())},
        ElementKind.GENERATOR: {name: k for k, name in enumerate(network.generators.id.tolist())},
    }
    first_load = n_bus + 4 * n_branch
    first_unit = first_load + 2 * n_load
    first_status = first_unit + 2 * n_unit
    columns = []
    for point in points:
        row, reactive = places[point.kind][point.element], point.quantity is Quantity.REACTIVE
        if point.kind is ElementKind.BUS:
            columns.append(row)
        elif point.kind is ElementKind.LOAD:
            columns.append(first_load + reactive * n_load + row)
        elif point.kind is ElementKind.GENERATOR:
            columns.append(first_unit + reactive * n_unit + row)
        elif point.quantity is Quantity.STATUS:
            columns.append(first_status + (point.end == "to") * n_branch + row)
        else:
            part = 2 * (point.end == "to") + reactive
            columns.append(n_bus + part * n_branch + row)
    return np.array(columns, np.int64)


def _scan(run: RunFile, cycles: int, switch: int) -> None:
    scans, writer = Scans(run, switch), open_writer(run.settings)
    period = nanoseconds(run.settings.scada.scan_period)
    places = [
        *((topic_name(run.settings.namespace, "scada.frame.v1"), area) for area in range(AREAS)),
        (topic_name(run.settings.namespace, "operator.act.v1"), 0),
    ]
    print("scanning", flush=True)
    for scan in range(cycles):
        time_ns = run.start + scan * period
        # Made in the quiet seconds before it.
        _wait(time_ns - 2 * SECOND)
        frames = scans.cycle(scan)
        for due, frame in frames:
            _wait(due)
            writer.append([frame])
        _wait(time_ns + int((1.2 + SPREAD_S) * SECOND))
        writer.append(ticks(places, time_ns, "gateway"))
        writer.flush()
    writer.close()
    print("ended", flush=True)


def _wait(until_ns: int) -> None:
    time.sleep(max(0.0, (until_ns - time.time_ns()) / SECOND))


if __name__ == "__main__":
    _scan(read_run(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]))
