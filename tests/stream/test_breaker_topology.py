"""Breakers that telemetry shows to move, and the states that follow, on four buses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from network.estimator import Estimator
from network.measurement import full_telemetry
from network.model import Breakers, Network
from network.power_flow import PowerFlow
from network.switching import switched
from network.topology import Element
from records.finding import decode_findings
from records.log import LogRecord, Outgoing, Partition
from records.points import ElementKind, Point, PointRegister, Quantity
from records.quality import Quality
from records.snapshot import pack, unpack
from records.state import NetworkState, as_floats, decode_state
from records.time import MINUTE, SECOND, parse_time
from records.topics import topic_name
from records.view import ScadaView, view_record
from stream.estimation import EstimationStage
from stream.telemetry_map import TelemetryMap
from tests.stream.four_buses import NETWORK, REGISTER

T0 = parse_time("2014-11-10T00:00:00Z")
VIEWS, STATES, FINDINGS = (
    topic_name("test", name) for name in ("scada.view.v1", "network.state.v1", "finding.v1")
)
LINE, LAST = "branch:0 from closed", "branch:3 closed"
COUPLER = "breaker:k closed"
STATUS = [
    Point(LINE, 900, 0, ElementKind.BRANCH, "0", Quantity.STATUS, 0.0, "from", 1.0, 0.0, 1.0),
    Point(LAST, 10_900, 1, ElementKind.BRANCH, "3", Quantity.STATUS, 0.0, "", 1.0, 0.0, 1.0),
]
Changes = Sequence[tuple[Element, bool]]
OPEN: Changes = [(Element("branch", "0"), False)]


def truth(changes: Changes = (), network: Network = NETWORK) -> dict[str, float]:
    """What every point reads as the breakers stand."""
    told = switched(network, changes)
    mapped = TelemetryMap(told.network, REGISTER.points)
    v = PowerFlow(told.network).solve()
    read = Estimator(told.network, mapped.telemetry).predict(v)
    values = {point.id: 0.0 for point in REGISTER.points}
    values |= dict(zip(mapped.names, read.tolist(), strict=True))
    for row, name in enumerate(network.buses.id.tolist()):
        values[f"bus:{name} v_kv"] = float(abs(v[told.bus[row]]) * 110)
    for load, mw in (("2", 60.0), ("3", 60.0), ("4", 30.0)):
        values |= {f"{load} p_mw": mw, f"{load} q_mvar": 0.0}
    for part in ("p_mw", "q_mvar"):
        values[f"0 {part}"] = values[f"branch:0 from {part}"] + values[f"branch:1 from {part}"]
    return values | {LINE: 1.0, LAST: 1.0, COUPLER: 1.0}


class Views:
    """Makes views of both areas, numbered as a log would."""

    def __init__(self, register: PointRegister) -> None:
        self._register = register
        self._next = [0, 0]

    def __call__(
        self,
        at_s: float,
        values: Mapping[str, float],
        *,
        quality: Mapping[str, Quality] | None = None,
        age_s: Mapping[str, float] | None = None,
    ) -> list[LogRecord]:
        return [self._view(area, at_s, values, quality or {}, age_s or {}) for area in (0, 1)]

    def _view(
        self, area: int, at_s: float, values: Mapping[str, float],
        quality: Mapping[str, Quality], age_s: Mapping[str, float],
    ) -> LogRecord:  # fmt: skip
        points = self._register.at(area, T0).points
        time = T0 + int(at_s * SECOND)
        shown = ScadaView(
            area, time, 1,
            np.array([p.number for p in points], np.uint32),
            np.array([values[p.id] for p in points]),
            np.array([int(quality.get(p.id, Quality.GOOD)) for p in points], np.uint16),
            np.array([age_s.get(p.id, 0.0) for p in points], np.float32),
            self._next[area],
        )  # fmt: skip
        sent = view_record(VIEWS, shown, time)
        self._next[area] += 1
        offset = self._next[area]
        return LogRecord(VIEWS, area, offset, time, sent.value, sent.key, sent.headers)


REGISTERED = PointRegister([*REGISTER.points, *STATUS])


@pytest.fixture
def view() -> Views:
    return Views(REGISTERED)


def stage(network: Network = NETWORK, register: PointRegister = REGISTERED) -> EstimationStage:
    return EstimationStage("test", network, register)


def drive(stage: EstimationStage, records: Sequence[LogRecord]) -> list[Outgoing]:
    state = stage.initial([Partition(VIEWS, 0), Partition(VIEWS, 1)])
    outcomes: list[Any] = []
    for record in records:
        state, more = stage.step(state, record)
        outcomes += more
    return outcomes


def states(outcomes: Sequence[Outgoing]) -> list[NetworkState]:
    return [decode_state(o.value) for o in outcomes if o.topic == STATES]


def minutes(state: NetworkState) -> tuple[float, float]:
    return (state.time - T0) / MINUTE, (state.topology_since - T0) / MINUTE


def test_a_branch_that_opens_changes_the_next_estimate(view: Views) -> None:
    closed, opened = truth(), truth(OPEN) | {LINE: 0.0}
    records = [*view(0, closed), *view(290, closed), *view(300, opened), *view(600, opened)]
    before, after, last = states(drive(stage(), records))
    assert (before.switched, before.topology_since) == ({}, 0)
    assert after.switched == {"branch:0": False} and minutes(after) == (5, 5)
    assert minutes(last) == (10, 5)
    # All 150 MW go over 1-3 now, and nothing over 1-2.
    np.testing.assert_allclose(as_floats(before.p_from_mw), [70, 80, -10, 30], atol=0.2)
    np.testing.assert_allclose(as_floats(after.p_from_mw), [0, 150, 60, 30], atol=0.01)
    assert after.valid and not after.removed and after.j_per_dof < 0.01


def test_without_its_status_the_same_scan_does_not_fit(view: Views) -> None:
    (state,) = states(drive(stage(), view(0, truth(OPEN))))
    assert not state.valid or state.removed or state.j_per_dof > 2


def test_a_branch_that_closes_again_is_back(view: Views) -> None:
    opened = truth(OPEN) | {LINE: 0.0}
    records = [*view(0, opened), *view(300, truth())]
    first, second = states(drive(stage(), records))
    assert first.switched == {"branch:0": False}
    assert second.switched == {} and minutes(second) == (5, 5)
    np.testing.assert_allclose(as_floats(second.p_from_mw), [70, 80, -10, 30], atol=0.2)


def test_the_event_is_dated_by_its_measurement(view: Views) -> None:
    opened = truth(OPEN) | {LINE: 0.0}
    records = [*view(280, truth()), *view(299, opened, age_s={LINE: 9.0}), *view(300, opened)]
    *_, state = states(drive(stage(), records))
    assert state.topology_since == T0 + 290 * SECOND


@pytest.mark.parametrize(
    ("value", "quality"),
    [
        (0.5, Quality.GOOD),
        (0.0, Quality.INVALID),
        (0.0, Quality.HELD),
        (0.0, Quality.TYPICAL | Quality.MISSING),
        (0.0, Quality.SUSPECT),
        (np.nan, Quality.GOOD),
    ],
)
def test_a_status_that_says_nothing_changes_nothing(
    view: Views, value: float, quality: Quality
) -> None:
    told = view(0, truth() | {LINE: value}, quality={LINE: quality})
    (state,) = states(drive(stage(), told))
    assert state.switched == {} and state.valid


def test_views_that_are_written_again_change_nothing(view: Views) -> None:
    opened = truth(OPEN) | {LINE: 0.0}
    first, second, third = view(0, truth()), view(300, opened), view(600, opened)
    once = states(drive(stage(), [*first, *second, *third]))
    again = states(drive(stage(), [*first, *second, *first, *second, *third, *first]))
    assert again == once


def test_a_corrected_status_of_the_same_scan_stands(view: Views) -> None:
    wrong, right = view(290, truth() | {LINE: 0.0}), view(290, truth())
    (state,) = states(drive(stage(), [*wrong, *right, *view(300, truth())]))[-1:]
    assert state.switched == {} and state.valid
    # Known only after an estimate had used the wrong one.
    wrong, later = view(300, truth() | {LINE: 0.0}), view(300, truth())
    *_, state = states(drive(stage(), [*view(0, truth()), *wrong, *later, *view(600, truth())]))
    assert state.switched == {}


def test_what_is_cut_off_is_not_known_and_the_rest_is_estimated(view: Views) -> None:
    cut: Changes = [(Element("branch", "3"), False)]
    values = truth(cut) | {LAST: 0.0, "4 p_mw": 0.0}
    (state,) = states(drive(stage(), view(0, values)))
    assert state.valid and state.switched == {"branch:3": False}
    assert np.isnan(as_floats(state.v_pu)).tolist() == [False, False, False, True]
    np.testing.assert_allclose(as_floats(state.p_from_mw), [60, 60, 0, 0], atol=0.05)


def test_a_coupler_splits_a_bus_and_joins_it_again(view: Views) -> None:
    # Bus 3 and a fifth bus, "s", are two sections; line 3-4 hangs on the second.
    buses = NETWORK.buses
    more = {
        name: np.append(getattr(buses, name), getattr(buses, name)[2])
        for name in buses.__slots__
        if name != "id"
    }
    names = np.append(buses.id, "s")
    sections = replace(
        NETWORK,
        buses=replace(buses, **more, id=names),
        branches=replace(NETWORK.branches, from_bus=np.array([0, 0, 2, 4])),
        breakers=Breakers(np.array(["k"]), np.array([2]), np.array([4]), np.array([True])),
    )
    status = Point(COUPLER, 901, 0, ElementKind.BREAKER, "k", Quantity.STATUS, 0.0)
    register = PointRegister([*REGISTERED.points, status])
    views = Views(register)
    joined = truth((), sections)
    apart = truth([(Element("breaker", "k"), False)], sections) | {COUPLER: 0.0, "4 p_mw": 0.0}
    records = [*views(0, joined), *views(300, apart), *views(600, joined)]
    first, second, third = states(drive(stage(sections, register), records))
    assert (first.switched, second.switched) == ({}, {"breaker:k": False})
    v = as_floats(first.v_pu)
    assert v[2] == v[4] and np.isfinite(v).all() and first.valid
    # Apart nothing feeds the second section.
    assert np.isnan(as_floats(second.v_pu)).tolist() == [False, False, False, True, True]
    assert second.valid and third.switched == {}
    np.testing.assert_allclose(as_floats(third.v_pu), v, atol=1e-6)


def test_power_over_an_open_branch_is_told_once(view: Views) -> None:
    values = truth() | {LINE: 0.0}
    outcomes = drive(stage(), [*view(0, values), *view(300, values)])
    found = [f for o in outcomes if o.topic == FINDINGS for f in decode_findings(o.value)]
    loaded = [f for f in found if f.rule == "loaded_though_open"]
    assert sorted(f.point for f in loaded) == ["branch:0 from p_mw", "branch:0 to p_mw"]
    assert "branch:0 is open" in loaded[0].expected


def test_it_goes_on_from_a_checkpoint_with_its_topology(view: Views) -> None:
    opened = truth(OPEN) | {LINE: 0.0}
    records = [*view(0, truth()), *view(300, opened), *view(600, opened), *view(900, truth())]
    whole = drive(stage(), records)
    for cut in range(len(records)):
        first = stage()
        state = first.initial([Partition(VIEWS, 0), Partition(VIEWS, 1)])
        outcomes: list[Any] = []
        for record in records[:cut]:
            state, more = first.step(state, record)
            outcomes += more
        then = stage()
        state = then.load(unpack(pack(first.dump(state))))
        for record in records[cut:]:
            state, more = then.step(state, record)
            outcomes += more
        assert outcomes == whole


def test_a_checkpoint_from_before_topologies_is_taken_up() -> None:
    made = stage()
    tree = dict(made.dump(made.initial([Partition(VIEWS, 0), Partition(VIEWS, 1)])))  # type: ignore[call-overload]
    del tree["topology"]
    assert made.load(tree).topology.events == ()


def test_full_telemetry_knows_nothing_of_breakers() -> None:
    assert len(TelemetryMap(NETWORK, REGISTERED.points).names) == len(full_telemetry(NETWORK))
