"""`gridcast estimate`: files in, files out, and what it says of files it cannot use."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.network_files import read_case
from network.estimator import Estimator
from network.measurement import full_telemetry

GOLDEN = Path(__file__).parents[2] / "golden" / "ieee14.m"
FILES = ("--out", "state.parquet", "--flows", "flows.parquet", "--json", "s.json")

Columns = dict[str, list[Any]]


def estimate(gridcast: Any, scan: Any, *more: str, case: str = str(GOLDEN)) -> Any:
    pq.write_table(scan if isinstance(scan, pa.Table) else scan.table(), "scan.parquet")
    return gridcast("estimate", "--network", case, "--scan", "scan.parquet", *FILES, *more)


def summary() -> dict[str, Any]:
    return json.loads(Path("s.json").read_text())


@pytest.fixture
def scan14(scan_of: Any) -> Any:
    return scan_of(read_case(GOLDEN))


def test_a_scan_gives_the_state_with_its_errors(gridcast: Any, scan14: Any) -> None:
    ended = estimate(gridcast, scan14)
    assert ended.code == 0, ended.err
    state = pd.read_parquet("state.parquet")
    assert list(state.columns) == [
        *("bus_id", "v_pu", "angle_deg", "v_se_pu", "angle_se_deg", "observed", "island"),
    ]
    assert state["bus_id"].tolist() == [str(bus) for bus in range(1, 15)]
    assert np.all(np.abs(state["v_pu"] - np.abs(scan14.v)) < 5 * state["v_se_pu"])
    off = state["angle_deg"] - np.angle(scan14.v, deg=True)
    assert np.all(np.abs(off)[1:] < 5 * state["angle_se_deg"][1:])
    # Bus 1 is the slack, at 0 degrees in the case.
    assert abs(state["angle_deg"][0]) < 1e-9 and state["angle_se_deg"][0] == 0
    assert state["observed"].all() and set(state["island"]) == {0}


def test_flows_are_those_of_every_branch_with_errors(gridcast: Any, scan14: Any) -> None:
    estimate(gridcast, scan14)
    flows = pd.read_parquet("flows.parquet")
    ends = ("p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar")
    assert list(flows.columns) == ["branch_id", *ends, *(f"{end}_se" for end in ends)]
    assert flows["branch_id"].tolist() == [str(row) for row in range(20)]
    # 156.88 MW leave bus 1 towards bus 2 in the published solution.
    assert abs(flows["p_from_mw"][0] - 156.88) < 5 * flows["p_from_mw_se"][0]
    assert flows["p_from_mw_se"].between(0, 0.8).all()


def test_the_summary_has_what_the_contract_says(gridcast: Any, scan14: Any) -> None:
    estimate(gridcast, scan14)
    told = summary()
    contract = {"converged", "iterations", "j_per_dof", "removed", "unobservable_buses", "seconds"}
    assert contract <= told.keys()
    assert told["converged"] is True and told["plausible"] is True
    # 122 rows and 27 unknowns; four standard deviations of a chi-square of 95 by 95.
    assert abs(told["j_per_dof"] - 1) < 4 * np.sqrt(2 / 95)
    assert told["removed"] == [] and told["unobservable_buses"] == []
    assert told["seconds"] > 0


def test_j_is_by_rows_used_less_states(gridcast: Any, scan14: Any) -> None:
    estimate(gridcast, scan14)
    state = pd.read_parquet("state.parquet")
    v = state["v_pu"].to_numpy() * np.exp(1j * np.deg2rad(state["angle_deg"].to_numpy()))
    told = Estimator(scan14.network, full_telemetry(scan14.network)).predict(v)
    z, sigma = (np.array(scan14.columns[name]) for name in ("value", "sigma"))
    j = np.sum(((z - told) / sigma) ** 2)
    assert summary()["j_per_dof"] == pytest.approx(j / (122 - (2 * 14 - 1)), rel=1e-6)


def test_a_gross_error_is_removed_and_named(gridcast: Any, scan14: Any) -> None:
    row = scan14.row("branch", "3", "to", "p_mw")
    scan14.columns["value"][row] += 25.0
    ended = estimate(gridcast, scan14, "--explain")
    assert ended.code == 0
    told = summary()
    assert told["removed"] == [{"kind": "branch", "id": "3", "end": "to", "quantity": "p_mw"}]
    assert told["hypotheses"][0]["kind"] == "measurements"
    assert "taken out as bad" in ended.out
    state = pd.read_parquet("state.parquet")
    assert np.all(np.abs(state["v_pu"] - np.abs(scan14.v)) < 5 * state["v_se_pu"])


def test_what_the_scan_does_not_determine_is_named(gridcast: Any, scan14: Any) -> None:
    # Bus 8 hangs on branch 13 alone; the injection at bus 7 would tell its flow.
    for row, (kind, name) in enumerate(
        zip(scan14.columns["kind"], scan14.columns["id"], strict=True)
    ):
        injection = scan14.columns["quantity"][row] != "v_pu"
        if (kind, name) in {("branch", "13"), ("bus", "8")} or (
            (kind, name) == ("bus", "7") and injection
        ):
            scan14.columns["quality"][row] = "missing"
            scan14.columns["value"][row] = float("nan")
    ended = estimate(gridcast, scan14)
    assert ended.code == 0
    assert summary()["unobservable_buses"] == ["8"]
    state = pd.read_parquet("state.parquet").set_index("bus_id")
    assert not state.loc["8", "observed"] and np.isnan(state.loc["8", "v_se_pu"])
    rest = state.drop("8")
    assert rest["observed"].all()
    truth = np.delete(np.abs(scan14.v), 7)
    assert np.all(np.abs(rest["v_pu"] - truth) < 5 * rest["v_se_pu"])


def test_nothing_observable_ends_with_3_and_a_summary_alone(gridcast: Any, scan14: Any) -> None:
    # Voltages alone: fourteen magnitudes, and no angle between any two.
    quality = ["good" if what == "v_pu" else "missing" for what in scan14.columns["quantity"]]
    scan14.columns["quality"] = quality
    ended = estimate(gridcast, scan14)
    assert ended.code == 3
    assert "no state" in ended.err and "pseudo" in ended.err
    told = summary()
    assert told["converged"] is False and told["j_per_dof"] is None
    assert len(told["unobservable_buses"]) == 14
    assert sorted(path.name for path in Path().iterdir()) == ["s.json", "scan.parquet"]


def test_pseudo_and_zero_rows_have_the_contracts_sigmas(gridcast: Any, scan14: Any) -> None:
    injections = [scan14.row("bus", str(bus), "", "p_mw") for bus in (4, 7)]
    for row, quality in zip(injections, ("pseudo", "zero_injection"), strict=True):
        scan14.columns["quality"][row] = quality
        # A pseudo value off by a few MW does little harm at 20 % or 5 MW; what stands in the
        # row of a zero injection is not read.
        scan14.columns["value"][row] = -44.0 if quality == "pseudo" else float("nan")
        scan14.columns["sigma"][row] = float("nan")
    assert estimate(gridcast, scan14).code == 0
    assert summary()["removed"] == []
    assert summary()["j_per_dof"] < 1.5


def test_csv_gives_what_parquet_gives(gridcast: Any, scan14: Any) -> None:
    scan14.columns["sigma"][3] = float("nan")
    estimate(gridcast, scan14)
    by_parquet = pd.read_parquet("state.parquet")
    scan14.table().to_pandas().to_csv("scan.csv", index=False)
    call = ("estimate", "--network", str(GOLDEN), "--scan", "scan.csv")
    assert gridcast(*call, *FILES).code == 0
    pd.testing.assert_frame_equal(pd.read_parquet("state.parquet"), by_parquet)
    scan14.columns["value"][3] = float("nan")
    scan14.table().to_pandas().to_csv("scan.csv", index=False)
    ended = gridcast(*call, *FILES)
    assert ended.code == 2 and "scan.csv, line 5" in ended.err


def test_a_scan_that_does_not_fit_is_called_implausible(gridcast: Any, scan14: Any) -> None:
    # All values 0 fit a network without voltage, which no live one is.
    scan14.columns["value"] = [0.0] * 122
    ended = estimate(gridcast, scan14)
    assert ended.code == 3 or "do not rely" in ended.err
    assert summary()["plausible"] is False


def _spoil(name: str, row: int, entry: Any) -> Callable[[Columns], None]:
    def spoil(columns: Columns) -> None:
        columns[name][row] = entry

    return spoil


SPOILT = {
    "unit": (_spoil("quantity", 20, "p_kw"), ("row 21", "'p_kw'", "p_mw")),
    "kind": (_spoil("kind", 0, "line"), ("row 1", "'line'")),
    "end": (_spoil("end", 14, "begin"), ("row 15", "'begin'", "from or to")),
    "id": (_spoil("id", 3, "99"), ("row 4", "id '99'", "buses 1, 2, 3 to 14")),
    "value": (_spoil("value", 5, float("nan")), ("row 6", "value is empty", "missing")),
    "infinite": (_spoil("value", 5, float("inf")), ("row 6", "not finite")),
    "sigma": (_spoil("sigma", 7, -1.0), ("row 8", "sigma is -1", "above 0")),
    "quality": (_spoil("quality", 9, "fine"), ("row 10", "'fine'", "zero_injection")),
    "time": (_spoil("time", 2, None), ("row 3", "time is empty")),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_bad_row_is_told_with_its_place_and_a_remedy(
    gridcast: Any, scan14: Any, what: str
) -> None:
    spoil, words = SPOILT[what]
    spoil(scan14.columns)
    ended = estimate(gridcast, scan14)
    assert ended.code == 2
    assert "scan.parquet, row" in ended.err
    for word in words:
        assert word in ended.err
    assert [path.name for path in Path().iterdir()] == ["scan.parquet"]


def test_rows_marked_missing_may_hold_anything(gridcast: Any, scan14: Any) -> None:
    for name, entry in (("id", "99"), ("quantity", "p_kw"), ("value", None), ("sigma", -1.0)):
        scan14.columns[name][20] = entry
    scan14.columns["quality"][20] = "missing"
    assert estimate(gridcast, scan14).code == 0


def test_times_without_a_zone_are_refused(gridcast: Any, scan14: Any) -> None:
    table = scan14.table()
    naive = table["time"].cast(pa.timestamp("ns"))
    ended = estimate(gridcast, table.set_column(7, "time", naive))
    assert ended.code == 2
    assert "without a zone" in ended.err


def test_two_scans_in_a_file_are_refused(gridcast: Any, scan14: Any) -> None:
    one = scan14.table()
    scan14.columns["time"] = [time.replace(minute=1) for time in scan14.columns["time"]]
    ended = estimate(gridcast, pa.concat_tables([one, scan14.table()]))
    assert ended.code == 2
    assert "row 123" in ended.err and "one scan" in ended.err


def test_a_missing_column_an_empty_file_and_no_file_are_refused(gridcast: Any, scan14: Any) -> None:
    ended = estimate(gridcast, scan14.table().drop_columns(["sigma"]))
    assert ended.code == 2 and "column 'sigma' is missing" in ended.err
    ended = estimate(gridcast, scan14.table().slice(0, 0))
    assert ended.code == 2 and "no row" in ended.err
    Path("scan.parquet").write_bytes(b"")
    again = ("estimate", "--network", str(GOLDEN), "--scan")
    ended = gridcast(*again, "scan.parquet", *FILES)
    assert ended.code == 2 and "empty" in ended.err
    ended = gridcast(*again, "absent.parquet", *FILES)
    assert ended.code == 2 and "no such file" in ended.err
    assert not Path("s.json").exists()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("case.m", "hello", "baseMVA"),
        ("case.mat", "", "MATLAB"),
        ("case.toml", "a = ", "TOML"),
        ("case.xyz", "", "no reader"),
        ("noslack.m", GOLDEN.read_text().replace("\t1\t3\t", "\t1\t2\t"), "no bus is the slack"),
    ],
)
def test_a_case_that_cannot_be_used_is_refused(
    gridcast: Any, scan14: Any, name: str, content: str, told: str
) -> None:
    Path(name).write_text(content)
    ended = estimate(gridcast, scan14, case=name)
    assert ended.code == 2
    assert name in ended.err and told in ended.err


def test_targets_that_meet_another_file_are_refused(gridcast: Any, scan14: Any) -> None:
    ended = estimate(gridcast, scan14, "--out", "scan.parquet")
    assert ended.code == 2 and "--out scan.parquet: is an input as well" in ended.err
    ended = estimate(gridcast, scan14, "--flows", "state.parquet")
    assert ended.code == 2 and "--flows state.parquet: is --out as well" in ended.err


def test_the_ids_of_pandapower_are_its_indices(gridcast: Any, scan_of: Any) -> None:
    if importlib.util.find_spec("pandapower") is None:
        pytest.skip("needs pandapower, the 'demo' extra")
    scan = scan_of(read_case("pandapower:case118"))
    scan.columns["value"][scan.row("branch", "trafo:3", "from", "q_mvar")] += 30.0
    ended = estimate(gridcast, scan, case="pandapower:case118")
    assert ended.code == 0, ended.err
    state, flows = pd.read_parquet("state.parquet"), pd.read_parquet("flows.parquet")
    assert state["bus_id"].tolist() == [str(index) for index in range(118)]
    assert {"line:0", "line:172", "trafo:0", "trafo:12"} <= set(flows["branch_id"])
    assert summary()["removed"] == [
        {"kind": "branch", "id": "trafo:3", "end": "from", "quantity": "q_mvar"}
    ]
    assert np.all(np.abs(state["v_pu"] - np.abs(scan.v)) < 5 * state["v_se_pu"])
    slack = 68  # bus 69, at 30 degrees in the case
    assert abs(state["angle_deg"][slack] - 30.0) < 1e-9


def test_buses_fused_by_a_switch_are_measured_and_told_by_either_name(
    gridcast: Any, scan_of: Any
) -> None:
    pandapower = pytest.importorskip("pandapower", reason="needs pandapower, the 'demo' extra")
    net = pandapower.create_empty_network()
    for _ in range(3):
        pandapower.create_bus(net, 110.0)
    pandapower.create_ext_grid(net, 0, va_degree=10.0)
    pandapower.create_line(net, 0, 1, length_km=10.0, std_type="149-AL1/24-ST1A 110.0")
    pandapower.create_load(net, 2, p_mw=20.0, q_mvar=5.0)
    pandapower.create_switch(net, 1, 2, et="b", closed=True)
    pandapower.to_json(net, "net.json")
    scan = scan_of(read_case("net.json"), noise=0.0)
    scan.columns["id"][scan.row("bus", "1", "", "p_mw")] = "2"
    ended = estimate(gridcast, scan, case="net.json")
    assert ended.code == 0, ended.err
    state = pd.read_parquet("state.parquet").set_index("bus_id")
    assert state.index.tolist() == ["0", "1", "2"]
    assert state.loc["1"].tolist() == state.loc["2"].tolist()
    assert summary()["converged"]
