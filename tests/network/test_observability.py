import numpy as np

from network.measurement import Quantity, Telemetry, full_telemetry
from network.measurement_functions import MeasurementFunctions
from network.model import Network
from network.observability import Observability, observability


def _seen(network: Network, used: np.ndarray, telemetry: Telemetry) -> Observability:
    return observability(MeasurementFunctions(network, telemetry), used)


def test_full_telemetry_leaves_nothing_open(ieee14: Network) -> None:
    telemetry = full_telemetry(ieee14)
    seen = _seen(ieee14, np.ones(len(telemetry), dtype=np.bool_), telemetry)
    assert seen.observed.all()
    assert seen.open_directions == 0
    assert not seen.critical.any()
    assert seen.redundancy == 122 / 27


def test_voltages_alone_leave_every_angle_but_one_open(ieee14: Network) -> None:
    telemetry = full_telemetry(ieee14)
    seen = _seen(ieee14, telemetry.quantity == Quantity.V, telemetry)
    assert seen.open_directions == 13
    assert seen.unobserved_ids == tuple(str(bus) for bus in range(2, 15))


def test_a_tree_of_flows_and_one_voltage_is_just_enough_and_all_critical(ieee14: Network) -> None:
    # A spanning tree of the 14 buses: 1-2, 1-5, 2-3, 2-4, 4-7, 4-9, 5-6, 6-11, 6-12, 6-13, 7-8,
    # 9-10, 9-14.
    tree = [0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 15, 16]
    telemetry = full_telemetry(ieee14)
    flows = np.isin(telemetry.quantity, [Quantity.P_FROM, Quantity.Q_FROM])
    voltage = (telemetry.quantity == Quantity.V) & (telemetry.element == 0)
    used = flows & np.isin(telemetry.element, tree) | voltage
    assert used.sum() == 27
    seen = _seen(ieee14, used, telemetry)
    assert seen.observed.all()
    np.testing.assert_array_equal(seen.critical, used)


def test_a_missing_branch_of_the_tree_cuts_off_what_lies_behind(ieee14: Network) -> None:
    tree = [0, 1, 2, 3, 7, 8, 10, 11, 12, 13, 15, 16]
    telemetry = full_telemetry(ieee14)
    flows = np.isin(telemetry.quantity, [Quantity.P_FROM, Quantity.Q_FROM])
    voltage = (telemetry.quantity == Quantity.V) & (telemetry.element == 0)
    seen = _seen(ieee14, flows & np.isin(telemetry.element, tree) | voltage, telemetry)
    assert seen.open_directions == 2
    assert seen.unobserved_ids == ("6", "11", "12", "13")
