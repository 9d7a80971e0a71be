import io

import numpy as np
import pytest
import scipy.io

from network.errors import BadCase
from network.model import BusKind, Network
from network.readers.matpower import network_from_mat, network_from_matpower_text

PAIR = """
function mpc = pair  % two buses
mpc.baseMVA = 100;
mpc.bus = [ 7, 3, 0, 0, 0, 0, 1, 1, 0, 110, 1, 1.1, 0.9
            5, 1, 50, 10, 0, 0, 2, 1, 0, 110, 1, 1.1, 0.9 ];
mpc.gen = [7 0 0 0 0 1.01 100 1 100 0];
mpc.branch = [7 5 0.01 0.1 0.02 0 0 0 0 0 1];
"""


def test_ids_are_bus_numbers_and_branch_rows(three_buses: Network) -> None:
    assert three_buses.name == "three"
    assert three_buses.buses.id.tolist() == ["10", "20", "30"]
    assert three_buses.branches.id.tolist() == ["0", "1", "2", "3"]
    assert three_buses.loads.id.tolist() == ["20", "30"]
    assert three_buses.buses.area.tolist() == ["1", "1", "2"]


def test_a_branch_out_of_service_keeps_its_row(three_buses: Network) -> None:
    assert three_buses.branches.in_service.tolist() == [True, True, True, False]


def test_a_rating_of_zero_means_none(three_buses: Network) -> None:
    np.testing.assert_array_equal(three_buses.branches.rate_mva, [100, 80, np.nan, 50])


def test_commas_and_rows_without_semicolon_are_read() -> None:
    network = network_from_matpower_text(PAIR)
    assert network.buses.id.tolist() == ["7", "5"]
    assert network.branches.from_bus.tolist() == [0]
    assert network.buses.v_set_pu.tolist() == [1.01, 1.0]


def test_a_pv_bus_whose_unit_is_out_becomes_pq() -> None:
    text = PAIR.replace("7, 3, 0", "7, 2, 0").replace("100 1 100 0", "100 0 100 0")
    assert network_from_matpower_text(text).buses.kind[0] == BusKind.PQ


def test_the_mat_file_gives_the_same_network(ieee14: Network) -> None:
    branches = ieee14.branches
    bus = np.zeros((14, 13))
    bus[:, 0] = np.arange(1, 15)
    bus[:, 1] = ieee14.buses.kind
    bus[:, 6:8] = 1
    branch = np.zeros((20, 11))
    branch[:, 0], branch[:, 1] = branches.from_bus + 1, branches.to_bus + 1
    branch[:, 3], branch[:, 10] = branches.x_pu, 1
    gen = np.zeros((1, 10))
    gen[0, [0, 5, 7]] = 1
    file = io.BytesIO()
    scipy.io.savemat(
        file, {"mpc": {"version": "2", "baseMVA": 100.0, "bus": bus, "gen": gen, "branch": branch}}
    )
    network = network_from_mat(file.getvalue())
    np.testing.assert_array_equal(network.branches.x_pu, branches.x_pu)
    np.testing.assert_array_equal(network.branches.to_bus, branches.to_bus)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (PAIR.replace("mpc.baseMVA = 100;", ""), "baseMVA"),
        (PAIR.replace("mpc.gen", "mpc.other"), "no matrix 'gen'"),
        (PAIR.replace("[7 5 0.01", "[7 9 0.01"), r"column 2: buses \[9\] do not exist"),
        (PAIR.replace("[7 5 0.01", "[7 x 0.01"), "matrix 'branch', row 1"),
        (PAIR.replace("0 0 0 0 0 1];", "0 0];"), "it needs 11 columns"),
        ("mpc.baseMVA = 100; mpc.bus = [];", "matrix 'bus' has no row"),
    ],
)
def test_a_broken_case_says_what_and_where(broken: str, message: str) -> None:
    with pytest.raises(BadCase, match=message):
        network_from_matpower_text(broken)


def test_bytes_that_are_no_matlab_file_are_refused() -> None:
    with pytest.raises(BadCase, match="not a MATLAB file"):
        network_from_mat(b"neither this nor that" * 20)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mpc": 3.0}, "'mpc' is not a struct"),
        ({"mpc": {"bus": 1.0}}, "baseMVA, gen, branch not found"),
        ({"mpc": {"baseMVA": 1, "bus": "x", "gen": 1, "branch": 1}}, "no case of numbers"),
    ],
)
def test_a_matlab_file_of_something_else_is_refused(
    fields: dict[str, object], message: str
) -> None:
    file = io.BytesIO()
    scipy.io.savemat(file, fields)
    with pytest.raises(BadCase, match=message):
        network_from_mat(file.getvalue())


def test_an_empty_matlab_file_is_refused() -> None:
    with pytest.raises(BadCase, match="not a MATLAB file"):
        network_from_mat(b"")


@pytest.mark.parametrize(
    "statement",
    [
        "mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);",
        "mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;",
        "branch(1, 11) = 0;",
        "mpc.gen = scaled(mpc.gen);",
    ],
)
def test_a_case_that_computes_is_refused_rather_than_read_in_the_wrong_units(
    statement: str,
) -> None:
    with pytest.raises(BadCase, match="is not run: save the case"):
        network_from_matpower_text(f"{PAIR}\n{statement}\n")


def test_a_comparison_and_a_comment_change_nothing() -> None:
    text = f"{PAIR}\n% mpc.branch(1, 3) = 0;\nok = mpc.branch(1, 3) == 0.01;\n"
    assert network_from_matpower_text(text).branches.r_pu.tolist() == [0.01]


def test_a_row_may_go_on_in_the_next_line() -> None:
    broken = PAIR.replace("[7 5 0.01", "[7 5 ...  % the first line\n  0.01")
    assert network_from_matpower_text(broken).branches.r_pu.tolist() == [0.01]
