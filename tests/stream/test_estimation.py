"""State estimation from the areas' views: the IEEE 14-bus case in two areas."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from ingest.twin.register import telemetry_of
from network.estimator import Estimator
from network.model import Network
from network.power_flow import PowerFlow
from network.readers.matpower import network_from_matpower_text
from records.finding import decode_findings
from records.log import LogRecord, Outgoing, Partition
from records.points import PointRegister
from records.quality import Quality
from records.snapshot import pack, unpack
from records.state import NetworkState, as_floats, decode_state
from records.time import MINUTE, SECOND, parse_time
from records.topics import topic_name
from records.view import ScadaView, view_record
from stream.estimation import EstimationStage
from stream.region_balance import RegionBalances
from stream.telemetry_map import PSEUDO_LEAST, TelemetryMap

T0 = parse_time("2014-11-10T00:00:00Z")
VIEWS = topic_name("test", "scada.view.v1")
GOLDEN = Path(__file__).parents[1] / "golden"
Values = dict[str, float]


@pytest.fixture(scope="module")
def network() -> Network:
    case = network_from_matpower_text((GOLDEN / "ieee14.m").read_text())
    area = np.where(np.arange(case.n_bus) < 7, "a", "b")
    return replace(
        case,
        buses=replace(case.buses, area=area),
        loads=replace(case.loads, id=np.char.add("load:", case.loads.id.astype(str))),
        generators=replace(case.generators, id=np.char.add("gen:", case.generators.id.astype(str))),
    )


@pytest.fixture(scope="module")
def register(network: Network) -> PointRegister:
    return telemetry_of(network, (network.buses.area == "b").astype(np.int64)).register


@pytest.fixture(scope="module")
def truth(network: Network, register: PointRegister) -> Values:
    """What every point would read at the solved case."""
    mapped = TelemetryMap(network, register.points)
    v = PowerFlow(network).solve()
    read = Estimator(network, mapped.telemetry).predict(v)
    values: Values = {}
    for name, value in zip(mapped.names, read.tolist(), strict=True):
        values[name] = value
    loads = network.loads
    for k, load in enumerate(loads.id.tolist()):
        values[f"{load} p_mw"] = float(loads.p_mw[k])
        values[f"{load} q_mvar"] = float(loads.q_mvar[k])
    for quantity in ("p_mw", "q_mvar"):
        for unit, bus in zip(network.generators.id.tolist(), network.generators.bus, strict=True):
            own, total = f"{unit} {quantity}", 0.0
            for load, at in zip(loads.id.tolist(), loads.bus, strict=True):
                if at == bus:
                    total = values[f"{load} {quantity}"]
                    values[own] = values[f"{load} {quantity} + {own}"] + total
    for row, name in enumerate(network.buses.id.tolist()):
        values[f"bus:{name} v_kv"] = float(abs(v[row]) * network.buses.base_kv[row])
    return values


@pytest.fixture
def view(register: PointRegister) -> Callable[..., LogRecord]:
    offsets = [itertools.count(), itertools.count()]

    def make(
        area: int,
        at_s: float,
        values: Values,
        quality: dict[str, Quality] | None = None,
        input_offset: int = 0,
    ) -> LogRecord:
        table = register.at(area, T0)
        read: npt.NDArray[np.float64] = np.array([values[p.id] for p in table.points])
        bits = [int((quality or {}).get(p.id, Quality.GOOD)) for p in table.points]
        time = T0 + int(at_s * SECOND)
        n_points = len(table.points)
        shown = ScadaView(
            area,
            time,
            1,
            table.number,
            read,
            np.array(bits, np.uint16),
            np.zeros(n_points, np.float32),
            input_offset,
        )
        sent = view_record(VIEWS, shown, time - 20 * SECOND)
        return LogRecord(VIEWS, area, next(offsets[area]), time, sent.value, sent.key, sent.headers)

    return make


def drive(stage: EstimationStage, records: Sequence[LogRecord]) -> list[Any]:
    state = stage.initial([Partition(VIEWS, 0), Partition(VIEWS, 1)])
    outcomes: list[Any] = []
    for record in records:
        state, more = stage.step(state, record)
        outcomes += more
    return outcomes


def states(outcomes: Sequence[Outgoing]) -> list[NetworkState]:
    name = topic_name("test", "network.state.v1")
    return [decode_state(o.value) for o in outcomes if o.topic == name]


def scans(view: Any, truth: Values, seconds: Sequence[int], **given: Any) -> list[LogRecord]:
    return [view(area, at, truth, **given) for at in seconds for area in (0, 1)]


def test_exact_views_give_the_exact_state_and_its_losses(
    network: Network, register: PointRegister, truth: Values, view: Any
) -> None:
    outcomes = drive(EstimationStage("test", network, register), scans(view, truth, [290, 330]))
    (state,) = states(outcomes)
    v = PowerFlow(network).solve()
    assert state.time == T0 + 5 * MINUTE
    assert (state.valid, state.reason, state.removed) == (True, "", [])
    np.testing.assert_allclose(as_floats(state.v_pu), np.abs(v), atol=1e-6)
    total = truth["branch:0 from p_mw"] + truth["branch:0 to p_mw"]
    assert as_floats(state.p_from_mw)[0] + as_floats(state.p_to_mw)[0] == pytest.approx(total)
    assert set(state.losses_mw) == {"0", "1"}
    generated = sum(truth[f"{unit} p_mw"] for unit in network.generators.id.tolist())
    loaded = float(network.loads.p_mw.sum())
    assert sum(state.losses_mw.values()) == pytest.approx(generated - loaded, abs=1e-3)


def test_the_last_view_at_or_before_the_time_is_estimated(
    network: Network, register: PointRegister, truth: Values, view: Any
) -> None:
    later = {name: value * 1.001 for name, value in truth.items()}
    records = [*scans(view, truth, [300]), *scans(view, later, [310, 330])]
    (state,) = states(drive(EstimationStage("test", network, register), records))
    assert state.j_per_dof < 1e-6


def test_views_that_a_killed_worker_wrote_again_stand_where_they_stood(
    network: Network, register: PointRegister, truth: Values, view: Any
) -> None:
    missing = {point.id: Quality.MISSING | Quality.HELD for point in register.points}
    silent = view(0, 290, truth, missing, 7)
    heard = view(0, 290, truth, None, 8)
    after = [view(1, 290, truth), view(1, 330, truth), view(0, 330, truth, None, 9)]
    stage = EstimationStage("test", network, register)
    (calm,) = states(drive(stage, [silent, heard, *after]))
    again = [replace(silent, offset=12), replace(after[-1], offset=13)]
    (disturbed,) = states(drive(stage, [silent, heard, *again, *after[:-1]]))
    assert calm.n_measured > calm.n_pseudo
    assert disturbed == calm


def test_a_missing_area_leaves_a_state_from_pseudo_measurements(
    network: Network, register: PointRegister, truth: Values, view: Any
) -> None:
    held = {point.id: Quality.MISSING | Quality.HELD for point in register.points}
    records = [
        view(0, 300, truth),
        view(1, 300, truth, quality=held),
        view(0, 330, truth),
        view(1, 330, truth),
    ]
    (state,) = states(drive(EstimationStage("test", network, register), records))
    assert state.valid
    assert state.n_pseudo > 0
    assert not np.isnan(as_floats(state.v_pu)).any()


def test_a_gross_error_is_named_once(
    network: Network, register: PointRegister, truth: Values, view: Any
) -> None:
    wrong = truth | {"branch:0 from p_mw": truth["branch:0 from p_mw"] + 40.0}
    records = scans(view, wrong, [300, 330, 600, 630])
    outcomes = drive(EstimationStage("test", network, register), records)
    told = states(outcomes)
    assert [[removal.point for removal in state.removed] for state in told] == [
        ["branch:0 from p_mw"]
    ] * 2
    name = topic_name("test", "finding.v1")
    found = [f for o in outcomes if o.topic == name for f in decode_findings(o.value)]
    assert [(f.point, f.rule) for f in found] == [("branch:0 from p_mw", "disputed")]


def test_a_state_that_cannot_be_made_is_told_with_its_reason(
    network: Network, register: PointRegister, truth: Values, view: Any
) -> None:
    nothing = dict.fromkeys(truth, float("nan"))
    (state,) = states(
        drive(EstimationStage("test", network, register), scans(view, nothing, [300, 330]))
    )
    assert not state.valid
    assert state.reason
    assert np.isnan(as_floats(state.v_pu)).all()
    assert state.losses_mw == {}


def test_a_replaced_injection_is_a_pseudo_measurement_with_a_wide_sigma(
    network: Network, register: PointRegister, truth: Values
) -> None:
    mapped = TelemetryMap(network, register.points)
    value = np.array([truth[point.id] for point in register.points])
    load = str(network.loads.id[0])
    replaced = np.array([point.id == f"{load} p_mw" for point in register.points])
    row = next(k for k, name in enumerate(mapped.names) if f"{load} p_mw" in name)
    before = mapped.scan(value, np.zeros(len(value), np.bool_))
    after = mapped.scan(value, replaced)
    assert after.value[row] == before.value[row]
    assert before.sigma[row] < 2.0
    assert after.sigma[row] >= PSEUDO_LEAST
    assert (before.n_pseudo, after.n_pseudo) == (0, 1)


def test_a_replaced_flow_is_not_measured_at_all(
    network: Network, register: PointRegister, truth: Values
) -> None:
    mapped = TelemetryMap(network, register.points)
    value = np.array([truth[point.id] for point in register.points])
    replaced = np.array([point.id == "branch:0 from p_mw" for point in register.points])
    scan = mapped.scan(value, replaced)
    assert np.isnan(scan.value[mapped.names.index("branch:0 from p_mw")])


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_it_goes_on_from_a_checkpoint_and_areas_may_interleave(
    cut: int, network: Network, register: PointRegister, truth: Values, view: Any
) -> None:
    records = scans(view, truth, [270, 300, 330, 600, 630])
    stage = EstimationStage("test", network, register)
    straight = drive(stage, records)
    state = stage.initial([Partition(VIEWS, 0), Partition(VIEWS, 1)])
    resumed: list[Any] = []
    apart = [r for r in records if r.partition == 1] + [r for r in records if r.partition == 0]
    for index, record in enumerate(apart):
        if index == cut:
            state = stage.load(unpack(pack(stage.dump(state))))
        state, more = stage.step(state, record)
        resumed += more
    assert resumed == straight


def test_regions_and_total_losses_are_told_with_the_state(
    network: Network, register: PointRegister, truth: Values, view: Any
) -> None:
    (state,) = states(
        drive(EstimationStage("test", network, register), scans(view, truth, [290, 330]))
    )
    assert state.total_losses_mw == pytest.approx(sum(state.losses_mw.values()))
    units = network.generators.id.tolist()
    generated = sum(truth[f"{unit} p_mw"] for unit in units)
    regions = state.regions
    assert set(regions) == {"0", "1"}
    for region in regions.values():
        assert region.distributed_mw == 0
        assert region.consumption_mw == pytest.approx(region.production_mw - region.net_export_mw)
    # The slack and most generation are in the first area, which feeds the second.
    assert regions["0"].net_export_mw == pytest.approx(-regions["1"].net_export_mw)
    assert regions["1"].net_export_mw < 0 < regions["1"].consumption_mw
    whole = sum(region.consumption_mw for region in regions.values())
    assert whole == pytest.approx(generated, abs=1e-3)
    withdrawn = sum(truth[f"{load} p_mw"] for load in network.loads.id.tolist())
    assert whole - withdrawn == pytest.approx(state.total_losses_mw, abs=1e-3)


def test_a_generator_without_a_meter_is_distributed_generation(
    network: Network, register: PointRegister, truth: Values, view: Any
) -> None:
    # The unit at bus 2, where a load is metered.
    bus = int(network.generators.bus[1])
    unit = network.generators.id[1]
    (place,) = np.flatnonzero(network.loads.bus == bus)
    assert f"{network.loads.id[place]} p_mw" in truth
    fewer = PointRegister(point for point in register.points if point.element != unit)
    (state,) = states(
        drive(EstimationStage("test", network, fewer), scans(view, truth, [290, 330]))
    )
    region = state.regions["0"]
    assert region.distributed_mw == pytest.approx(truth[f"{unit} p_mw"], abs=0.01)
    others = [u for u, b in zip(network.generators.id, network.generators.bus, strict=True)
              if b < 7 and u != unit]  # fmt: skip
    metered = sum(truth[f"{other} p_mw"] for other in others)
    assert region.production_mw == pytest.approx(metered, abs=0.01)


def test_a_region_with_an_unobserved_generator_or_tie_is_left_out(
    network: Network, register: PointRegister, truth: Values
) -> None:
    balances = RegionBalances(network, register.points)
    value = np.array([truth[point.id] for point in register.points])
    injection, flow = np.zeros(network.n_bus), np.zeros(network.n_branch)
    assert set(balances.of(value, injection, flow, flow)) == {"0", "1"}
    dark = injection.copy()
    dark[network.generators.bus[1]] = np.nan
    assert set(balances.of(value, dark, flow, flow)) == {"1"}
    ends = network.buses.area[[network.branches.from_bus, network.branches.to_bus]]
    tie = flow.copy()
    tie[np.flatnonzero(ends[0] != ends[1])[0]] = np.nan
    assert balances.of(value, injection, tie, tie) == {}
