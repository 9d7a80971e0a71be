"""`gridcast contingency`: outages ranked, split networks listed, nothing shown as 0 %."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ingest.network_files import read_case, write_case
from network.model import Network
from network.power_flow import PowerFlow
from network.published.ieee118 import with_published_data

GOLDEN = Path(__file__).parents[2] / "golden" / "ieee14.m"
FILES = ("--out", "out.parquet", "--json", "s.json")


def summary() -> dict[str, Any]:
    return json.loads(Path("s.json").read_text())


def without(network: Network, branch: int, v: np.ndarray) -> np.ndarray:
    status = np.arange(network.n_branch) != branch
    return PowerFlow(network.with_branch_status(status)).solution(v0=v).s_from_mva


@pytest.fixture
def rated14(gridcast: Any) -> Network:
    """The 14-bus case with a rating of 80 MVA but for the first branch, in case14.m."""
    lines = GOLDEN.read_text().splitlines()
    first = next(row for row, line in enumerate(lines) if line.startswith("mpc.branch")) + 1
    for row in range(first + 1, first + 20):
        words = lines[row].strip().split("\t")
        words[5] = "80"
        lines[row] = "\t".join(words)
    Path("case14.m").write_text("\n".join(lines))
    return read_case("case14.m")


def study(gridcast: Any, scan: Any, *more: str, case: str = "case14.m") -> Any:
    pq.write_table(scan.table(), "scan.parquet")
    source = ("--network", case, "--scan", "scan.parquet")
    return gridcast("contingency", *source, *FILES, *more)


def test_overloads_are_ranked_and_confirmed_by_ac(
    gridcast: Any, scan_of: Any, rated14: Network
) -> None:
    scan = scan_of(rated14, noise=0.0)
    ended = study(gridcast, scan)
    assert ended.code == 0, ended.err
    out = pd.read_parquet("out.parquet")
    assert list(out.columns) == [
        *("contingency_id", "kind", "result", "element_id", "p_from_mw", "loading_percent"),
        *("limit_mva", "method", "rank", "current_a", "limit_a"),
    ]
    assert out["rank"].tolist() == list(range(1, len(out) + 1))
    over = out[out["element_id"].notna()]
    assert over["loading_percent"].is_monotonic_decreasing
    assert (over["loading_percent"] >= 100).all() and (over["limit_mva"] == 80).all()
    by_branch = over[(over["kind"] == "branch") & (over["method"] == "ac")]
    assert len(by_branch) > 0
    for row in by_branch.itertuples():
        s = without(rated14, int(row.contingency_id.removeprefix("branch:")), scan.v)
        assert row.p_from_mw == pytest.approx(s.real[int(row.element_id)], abs=0.05)
        assert row.loading_percent >= 100 * abs(s[int(row.element_id)]) / 80 - 0.1


def test_outages_that_split_are_listed_and_unrated_branches_told_once(
    gridcast: Any, scan_of: Any, rated14: Network
) -> None:
    ended = study(gridcast, scan_of(rated14))
    told, out = summary(), pd.read_parquet("out.parquet")
    # Bus 8 hangs on branch 13 (7-8) alone.
    assert told["islanding"] == [{"id": "branch:13", "buses": ["8"]}]
    split = out[out["result"] == "islands"]
    assert split["contingency_id"].tolist() == ["branch:13"]
    assert split["loading_percent"].isna().all()
    assert told["unrated"] == ["0"]
    assert "0" not in set(out["element_id"])
    assert [f["ids"] for f in told["findings"] if "rating" in f["message"]] == [["0"]]
    assert ended.out.count("no rating") == 1
    # 20 branches, the generator at bus 2 and the condensers at 3, 6 and 8; the slack takes up
    # what is missing.
    assert told["contingencies"] == 24
    assert told["overloads"] == out["element_id"].notna().sum()
    assert told["seconds"] > 0


def test_a_state_gives_what_its_scan_gives(gridcast: Any, scan_of: Any, rated14: Network) -> None:
    study(gridcast, scan_of(rated14))
    by_scan = pd.read_parquet("out.parquet")
    source = ("--network", "case14.m", "--scan", "scan.parquet", "--out", "state.parquet")
    assert gridcast("estimate", *source).code == 0
    source = ("--network", "case14.m", "--state", "state.parquet")
    assert gridcast("contingency", *source, *FILES).code == 0
    pd.testing.assert_frame_equal(pd.read_parquet("out.parquet"), by_scan)


def test_a_lost_generator_is_taken_up_by_the_slack(
    gridcast: Any, scan_of: Any, rated14: Network
) -> None:
    scan = scan_of(rated14, noise=0.0)
    study(gridcast, scan, "--all-flows", "all.parquet", "--ac", "0")
    flows = pd.read_parquet("all.parquet")
    lost = flows[flows["contingency_id"] == "gen:1"].set_index("branch_id")["p_from_mw"]
    solution = PowerFlow(rated14).solution()
    # The 40 MW of the unit at bus 2 come over branches 0 and 1, the two that leave bus 1, and
    # what they lose on the way. Without its only unit bus 2 has its load alone: 21.7 MW.
    assert (lost["0"] + lost["1"]) - solution.s_from_mva.real[:2].sum() > 40.0
    injection = solution.s_bus_mva.copy()
    injection[1] = -21.7 - 12.7j
    kind = rated14.buses.kind.copy()
    kind[1] = 1
    alone = replace(rated14, buses=replace(rated14.buses, kind=kind))
    exact = PowerFlow(alone).solution(injection.real, injection.imag, v0=solution.v).s_from_mva
    np.testing.assert_allclose(lost, exact.real[lost.index.astype(int)], atol=2.5)
    assert set(flows["method"]) == set(pd.read_parquet("out.parquet")["method"]) == {"dc"}


def test_every_flow_is_near_that_of_an_ac_solution(gridcast: Any, scan_of: Any) -> None:
    if importlib.util.find_spec("pandapower") is None:
        pytest.skip("needs pandapower, the 'demo' extra")
    network = with_published_data(read_case("pandapower:case118"))
    write_case(network, "case118.toml")
    scan = scan_of(network)
    few = ("--all-flows", "all.parquet", "--ac", "20")
    ended = study(gridcast, scan, *few, case="case118.toml")
    assert ended.code == 0, ended.err
    flows = pd.read_parquet("all.parquet").set_index(["contingency_id", "branch_id"])
    before = PowerFlow(network).solution().s_from_mva.real
    off = []
    for row in range(0, 170, 17):
        name = f"branch:{network.branches.id[row]}"
        exact = without(network, row, scan.v).real
        moved = np.flatnonzero(np.abs(exact - before) > 5)
        told = flows.loc[name, "p_from_mw"][network.branches.id[moved]].to_numpy()
        off.append(np.abs(told - exact[moved]))
    assert np.quantile(np.concatenate(off), 0.95) < 4
    assert len(summary()["islanding"]) == 9
    assert summary()["solved_in_ac"] == 20
    out = pd.read_parquet("out.parquet")
    assert {"gen", "branch"} == set(out["kind"])


def test_a_scan_without_a_state_ends_with_3(gridcast: Any, scan_of: Any, rated14: Network) -> None:
    scan = scan_of(rated14)
    scan.columns["quality"] = ["good", *["missing"] * 121]
    ended = study(gridcast, scan)
    assert ended.code == 3
    assert not Path("out.parquet").exists()


def test_bad_states_are_refused(gridcast: Any, scan_of: Any, rated14: Network) -> None:
    call = ("contingency", "--network", "case14.m", *FILES)
    ended = gridcast(*call)
    assert ended.code == 2 and "one of --state STATE or --scan SCAN or --forecast" in ended.err
    state = pd.DataFrame({"bus_id": [str(n) for n in range(1, 15)], "v_pu": 1.0, "angle_deg": 0.0})
    for spoilt, told in (
        (state.iloc[:12], "no row for 2 buses: 13, 14"),
        (state.replace({"bus_id": {"3": "x"}}), "row 3: the case has no bus 'x'"),
        (state.assign(v_pu=0.0), "row 1: bus 1: v_pu 0"),
        (state.drop(columns="v_pu"), "column 'v_pu' is missing"),
    ):
        spoilt.to_parquet("state.parquet")
        ended = gridcast(*call, "--state", "state.parquet")
        assert ended.code == 2
        assert told in ended.err
    assert not Path("out.parquet").exists() and not Path("s.json").exists()


def test_all_outages_are_solved_and_voltages_told_in_a_table(
    gridcast: Any, scan_of: Any, rated14: Network
) -> None:
    scan = scan_of(rated14, noise=0.0)
    ended = study(gridcast, scan, "--voltages", "v.parquet", "--v-min", "1.0", "--v-max", "1.08")
    assert ended.code == 0, ended.err
    assert set(pd.read_parquet("out.parquet")["method"][:-1]) == {"ac"}
    told, voltages = summary(), pd.read_parquet("v.parquet")
    assert told["solved_in_ac"] == 23 and told["voltages"] == len(voltages)
    assert voltages.columns.tolist() == [
        *("contingency_id", "kind", "bus_id", "v_pu", "v_before_pu", "limit_pu", "method", "rank")
    ]
    expected = set()
    for row in range(20):
        if row == 13:
            continue
        status = np.arange(20) != row
        v = np.abs(PowerFlow(rated14.with_branch_status(status)).solve(v0=scan.v))
        beyond = np.flatnonzero((v < 1.0) | (v > 1.08))
        expected |= {(f"branch:{row}", rated14.buses.id[bus]) for bus in beyond}
    mine = voltages[voltages["kind"] == "branch"]
    assert set(zip(mine["contingency_id"], mine["bus_id"], strict=True)) == expected
    np.testing.assert_allclose(voltages["v_before_pu"][voltages["bus_id"] == "8"], 1.09)
    before = next(f for f in told["findings"] if "before any outage" in f["message"])
    assert before["component"] == "bus" and "8" in before["ids"]


def test_the_worst_are_confirmed_by_another_program_where_it_is_installed(
    gridcast: Any, scan_of: Any, rated14: Network
) -> None:
    scan = scan_of(rated14)
    ended = study(gridcast, scan, "--confirm", "5")
    if importlib.util.find_spec("lightsim2grid") is None:
        assert summary()["confirmed"] is None
        return
    told = summary()["confirmed"]
    assert told["by"].startswith("lightsim2grid ") and told["disagree"] == []
    assert len(told["outages"]) == 5 and told["loading_percent"] < 0.01
    assert "solved the 5 worst as well" in ended.out
    study(gridcast, scan, "--confirm", "0")
    assert summary()["confirmed"] is None


def test_currents_are_told_and_can_be_what_ratings_limit(
    gridcast: Any, scan_of: Any, rated14: Network
) -> None:
    scan = scan_of(rated14, noise=0.0)
    study(gridcast, scan)
    by_power = pd.read_parquet("out.parquet").dropna(subset="loading_percent")
    assert study(gridcast, scan, "--ratings", "a").code == 0
    by_current = pd.read_parquet("out.parquet").dropna(subset="loading_percent")
    for table in (by_power, by_current):
        np.testing.assert_allclose(table["limit_a"], 80e3 / np.sqrt(3))
    loading = 100 * by_current["current_a"] / by_current["limit_a"]
    np.testing.assert_allclose(by_current["loading_percent"], loading)
    # All voltages are above 1 pu, so a current is below its apparent power.
    assert 0 < len(by_current) < len(by_power)


LIST = """
[[outage]]
id = "both from 1"
branches = ["1", 2]

[[outage]]
id = "busbar 9"
buses = ["9"]

[[outage]]
id = "unit and line"
generators = ["1"]
branches = ["4"]

[[outage]]
id = "all to 14"
branches = ["16", "19"]

[[outage]]
id = "slack"
buses = ["1"]
"""


def test_listed_outages_are_studied_with_the_rest(
    gridcast: Any, scan_of: Any, rated14: Network
) -> None:
    Path("list.toml").write_text(LIST)
    scan = scan_of(rated14, noise=0.0)
    ended = study(gridcast, scan, "--list", "list.toml", "--all-flows", "all.parquet")
    assert ended.code == 0, ended.err
    told, flows = summary(), pd.read_parquet("all.parquet")
    # Five more than the 24, but for the one that takes the slack bus.
    assert told["contingencies"] == 28
    assert {"id": "all to 14", "buses": ["14"]} in told["islanding"]
    # Without bus 9 nothing feeds buses 10 and 14 but 11 and 13, so nothing is cut off.
    busbar = flows[flows["contingency_id"] == "busbar 9"].set_index("branch_id")["p_from_mw"]
    assert busbar["16"] == 0 and busbar["15"] == 0
    assert busbar["19"] == pytest.approx(14.9, abs=1.0)
    assert next(f for f in told["findings"] if "slack" in f["message"])["ids"] == ["gen:0", "slack"]
    kinds = pd.read_parquet("out.parquet").set_index("contingency_id")["kind"]
    assert set(kinds.loc["unit and line"]) == {"listed"} and kinds["all to 14"] == "listed"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "list.toml: there is no [[outage]]; write [[outage]], id ="),
        ("[[outage]", "list.toml: it is not TOML"),
        ("[[outages]]\nid = 'a'", "unknown key 'outages' at the top"),
        ("outage = [3]", "[[outage]] 1: it is not a table"),
        ("[[outage]]\nbranches = ['1']", "[[outage]] 1: id is None; give it an id of its own"),
        ("[[outage]]\nid = 'a'", "[[outage]] 1: it loses nothing; name branches, generators or"),
        ("[[outage]]\nid = 'a'\nbranch = ['1']", "unknown key 'branch'; known are id, branches"),
        ("[[outage]]\nid = 'a'\nbranches = '1'", "branches is '1'; write a list of ids"),
        ("[[outage]]\nid = 'a'\nbuses = ['x']", "the case has no buses x; use ids of the case"),
        ("[[outage]]\nid = 'gen:1'\nbuses = ['2']", "id 'gen:1' could be one of the case"),
        (
            "[[outage]]\nid = 'a'\nbuses = ['2']\n[[outage]]\nid = 'a'\nbuses = ['3']",
            "[[outage]] 2: id 'a' is that of entry 1",
        ),
    ],
)
def test_a_bad_list_is_refused(
    gridcast: Any, scan_of: Any, rated14: Network, text: str, told: str
) -> None:
    Path("list.toml").write_text(text)
    ended = study(gridcast, scan_of(rated14), "--list", "list.toml")
    assert ended.code == 2
    assert told in ended.err
    assert not Path("out.parquet").exists() and not Path("s.json").exists()


def test_a_list_that_is_not_there_and_an_empty_band_are_refused(
    gridcast: Any, scan_of: Any, rated14: Network
) -> None:
    scan = scan_of(rated14)
    for more, told in (
        (("--list", "none.toml"), "none.toml: there is no such file"),
        (("--v-min", "1.1"), "--v-min 1.1 is not below --v-max 1.06"),
        (("--voltages", "out.parquet"), "--voltages out.parquet: is --out as well"),
    ):
        ended = study(gridcast, scan, *more)
        assert ended.code == 2 and told in ended.err
        assert not Path("out.parquet").exists()


ISSUED = "2024-01-09T12:00:00Z"


def forecast_rows(growth: float, valid: str = "2024-01-10T17:00:00Z") -> list[tuple[Any, ...]]:
    """Consumption of every bus of the 14-bus case, times a growth."""
    loads = read_case("case14.m").loads
    return [
        ("bus", str(name), "p_mw", growth * p, valid, ISSUED)
        for name, p in zip(loads.id, loads.p_mw, strict=True)
    ]


def expect(gridcast: Any, rows: list[tuple[Any, ...]], *more: str) -> Any:
    columns = ("kind", "id", "quantity", "value", "valid_time", "issue_time")
    pd.DataFrame(rows, columns=columns).to_csv("forecast.csv", index=False)
    source = ("--network", "case14.m", "--forecast", "forecast.csv")
    return gridcast("contingency", *source, *FILES, *more)


def test_the_peak_of_a_forecast_gives_warnings_with_the_time_to_act(
    gridcast: Any, rated14: Network
) -> None:
    valid = "2024-01-10T18:00:00Z"
    rows = forecast_rows(0.5) + forecast_rows(1.2, valid)
    rows += [("gen", "1", "p_mw", 60.0, valid, ISSUED), ("branch", "7", "outage", 1, valid, ISSUED)]
    rows.append(("bus", "4", "power_factor", 0.9, valid, ISSUED))
    rows.append(("net_position", "", "p_mw", -250.0, valid, ISSUED))
    rows.append(("gen", "0", "p_mw", 0.0, valid, ISSUED))
    ended = expect(gridcast, rows)
    assert ended.code == 0, ended.err
    told = summary()
    about = told["forecast"]
    assert about["valid_time"] == valid and about["issue_time"] == ISSUED
    assert about["lead"] == "PT30H" and about["times"] == 2 and about["unfed"] == []
    assert about["consumption_mw"] == pytest.approx(1.2 * 259.0)
    # 310.8 MW and some 5 % of losses, 250 from outside and 60 from the unit at bus 2.
    assert about["moved_mw"] == pytest.approx(0.8 + 15.5, abs=5)
    assert abs(about["left_mw"]) < 0.1
    warnings = told["warnings"]
    assert {w["lead_time"] for w in warnings} == {"maintenance"}
    after = [w for w in warnings if w["kind"] == "loading" and w["outage"]]
    out = pd.read_parquet("out.parquet").set_index(["contingency_id", "element_id"])
    for warning in after:
        row = out.loc[(warning["outage"], warning["element"])]
        assert warning["value"] == pytest.approx(row["loading_percent"])
    assert len(after) > 0 and "branch:7" not in set(out.index.get_level_values(0))
    assert f"forecast for {valid}, PT30H ahead: {len(warnings)} warnings" in ended.out


def test_a_forecast_that_no_state_holds_ends_with_3(gridcast: Any, rated14: Network) -> None:
    ended = expect(gridcast, forecast_rows(9.0))
    assert ended.code == 3 and "no state holds what is forecast for 2024-01-10T17:00" in ended.err
    assert not Path("out.parquet").exists() and not Path("s.json").exists()


def test_bad_forecasts_are_refused(gridcast: Any, rated14: Network) -> None:
    good = forecast_rows(1.0)
    kind, name, quantity, value, valid, issued = good[0]
    for row, told in (
        (("bus", "99", quantity, value, valid, issued), "line 13: the case has no bus '99'"),
        (("load", name, quantity, value, valid, issued), "kind 'load', quantity 'p_mw': nothing"),
        (("branch", "1", "p_mw", value, valid, issued), "kind 'branch', quantity 'p_mw': nothing"),
        (("gen", "1", "outage", 2, valid, issued), "gen 1 outage: value is 2"),
        (("bus", "4", "power_factor", 1.2, valid, issued), "bus 4 power_factor: value is 1.2"),
        (("bus", "1", quantity, "", valid, issued), "bus 1 p_mw: value is empty"),
        ((kind, name, quantity, value, valid, issued), f"bus {name} p_mw stands twice"),
        ((kind, "1", quantity, value, valid, "2024-01-09T13:00:00Z"), "more than one issue_time"),
        ((kind, "1", quantity, value, "2024-01-01T00:00:00Z", issued), "valid_time lies before"),
    ):
        ended = expect(gridcast, [*good, row])
        assert ended.code == 2, told
        assert told in ended.err
    ended = expect(gridcast, [("gen", "1", "p_mw", 1.0, valid, issued)])
    assert ended.code == 2 and "no bus has p_mw" in ended.err
    assert not Path("out.parquet").exists() and not Path("s.json").exists()
