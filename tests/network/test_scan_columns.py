import numpy as np

from network.measurement import Origin, Quantity
from network.model import Network
from network.scan_columns import NamedScan, read_scan_columns


def _scan(network: Network, *rows: tuple) -> NamedScan:
    kind, ids, end, quantity, value, sigma, quality = zip(*rows, strict=True)
    numbers = np.array(value, float), np.array(sigma, float)
    return read_scan_columns(network, kind, ids, end, quantity, *numbers, quality)


def test_rows_are_placed_by_name_end_and_quantity(three_buses: Network) -> None:
    scan = _scan(
        three_buses,
        ("bus", "20", "", "v_pu", 0.98, 0.002, "good"),
        ("branch", "2", "to", "q_mvar", 3.0, 0.5, "suspect"),
        ("bus", "30", "", "p_mw", 29.0, 2.0, "pseudo"),
    )
    assert scan.telemetry.quantity.tolist() == [Quantity.V, Quantity.Q_TO, Quantity.P_INJECTION]
    assert scan.telemetry.element.tolist() == [1, 2, 2]
    assert scan.telemetry.origin.tolist() == [Origin.MEASURED, Origin.MEASURED, Origin.PSEUDO]
    assert scan.telemetry.sigma.tolist() == [0.002, 0.5, 2.0]
    assert scan.findings == ()


def test_absent_sigmas_have_the_default_of_their_quality(three_buses: Network) -> None:
    nan = float("nan")
    scan = _scan(
        three_buses,
        ("bus", "20", "", "v_pu", 0.98, nan, "good"),
        ("branch", "0", "from", "p_mw", 30, nan, "good"),
        ("bus", "20", "", "p_mw", -60, nan, "good"),
        ("bus", "20", "", "p_mw", -60, nan, "pseudo"),
        ("bus", "20", "", "q_mvar", -2, nan, "pseudo"),
        ("bus", "10", "", "p_mw", 7, nan, "zero_injection"),
    )
    assert scan.telemetry.sigma.tolist() == [0.004, 0.8, 1.0, 12.0, 5.0, 0.01]
    assert scan.value[-1] == 0.0


def test_missing_rows_are_left_out_without_a_word(three_buses: Network) -> None:
    scan = _scan(three_buses, ("bus", "99", "", "v_pu", float("nan"), 1, "missing"))
    assert len(scan.telemetry) == 0
    assert scan.findings == ()


def test_rows_that_cannot_be_placed_are_named(three_buses: Network) -> None:
    scan = _scan(
        three_buses,
        ("bus", "99", "", "v_pu", 1, 0.01, "good"),
        ("branch", "0", "", "p_mw", 1, 1, "good"),
        ("bus", "10", "", "p_mw", float("nan"), 1, "good"),
        ("bus", "20", "", "p_mw", 1, -1, "good"),
        ("bus", "30", "", "p_mw", 1, 1, "fine"),
        ("bus", "30", "", "q_mvar", 1, 1, "good"),
    )
    found = {(f.component, f.field, f.ids) for f in scan.findings}
    assert found == {
        ("bus", "id", ("99",)),
        ("branch", "quantity", ("0",)),
        ("bus", "value", ("10",)),
        ("bus", "sigma", ("20",)),
        ("bus", "quality", ("30",)),
    }
    assert scan.row.tolist() == [5]
    refused = {each.column: each.row.tolist() for each in scan.refused}
    assert refused == {"id": [0], "quantity": [1], "value": [2], "sigma": [3], "quality": [4]}


def test_only_injections_are_known_to_be_zero(three_buses: Network) -> None:
    scan = _scan(three_buses, ("bus", "10", "", "v_pu", 1.0, 0.01, "zero_injection"))
    assert len(scan.telemetry) == 0
    assert scan.refused[0].column == "quality"
