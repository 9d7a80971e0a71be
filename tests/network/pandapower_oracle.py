"""The same scan in pandapower's state estimation, an independent estimator."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from network.measurement import Quantity, Telemetry
from network.model import Network

_BUS = {
    Quantity.V: ("v", 1.0),
    # At a bus pandapower counts what is withdrawn.
    Quantity.P_INJECTION: ("p", -1.0),
    Quantity.Q_INJECTION: ("q", -1.0),
}
_BRANCH = {
    Quantity.P_FROM: ("p", "from"),
    Quantity.P_TO: ("p", "to"),
    Quantity.Q_FROM: ("q", "from"),
    Quantity.Q_TO: ("q", "to"),
}
_DROPPED = "in1d"
_SIDE = {"line": {"from": "from", "to": "to"}, "trafo": {"from": "hv", "to": "lv"}}


def estimate(
    name: str, network: Network, telemetry: Telemetry, value: np.ndarray, sigma: np.ndarray
) -> tuple[np.ndarray, float]:
    """Estimate a scan of a published case: voltages (n_bus,), and the seconds that it took.

    The angle of the slack bus is 0. Rows of branches are those of the case as gridcast reads it.
    """
    import pandapower.networks
    from pandapower.estimation import estimate as theirs

    logging.getLogger("pandapower").setLevel(logging.ERROR)
    net = getattr(pandapower.networks, name)()
    _measure(net, network, telemetry, value, sigma)
    with _names_that_numpy_dropped():
        start = time.perf_counter()
        result: Any = theirs(
            net, init="flat", tolerance=1e-8, maximum_iterations=50, zero_injection=None
        )
        seconds = time.perf_counter() - start
    assert result is True or result["success"]
    at = [int(bus) for bus in network.buses.id.tolist()]
    told = net.res_bus_est.loc[at]
    angle = np.deg2rad(told.va_degree.to_numpy())
    slack = int(np.flatnonzero(network.buses.kind == 3)[0])
    return told.vm_pu.to_numpy() * np.exp(1j * (angle - angle[slack])), seconds


@contextmanager
def _names_that_numpy_dropped() -> Iterator[None]:
    """Give numpy back the old name of ``isin``, which pandapower 3.3 still calls."""
    if hasattr(np, _DROPPED):
        yield
        return
    setattr(np, _DROPPED, np.isin)
    try:
        yield
    finally:
        delattr(np, _DROPPED)


def _measure(
    net: Any, network: Network, telemetry: Telemetry, value: np.ndarray, sigma: np.ndarray
) -> None:
    import pandas as pd

    rows = []
    for row in np.flatnonzero(np.isfinite(value)).tolist():
        quantity, element = Quantity(telemetry.quantity[row]), int(telemetry.element[row])
        if quantity in _BUS:
            kind, sign = _BUS[quantity]
            rows.append((kind, "bus", int(network.buses.id[element]), sign, None, row))
        else:
            kind, end = _BRANCH[quantity]
            table, _, index = str(network.branches.id[element]).partition(":")
            rows.append((kind, table, int(index), 1.0, _SIDE[table][end], row))
    at = np.array([row[-1] for row in rows])
    sign = np.array([row[3] for row in rows])
    table = pd.DataFrame(
        {
            "name": None,
            "measurement_type": [row[0] for row in rows],
            "element_type": [row[1] for row in rows],
            "element": np.array([row[2] for row in rows], np.uint32),
            "value": value[at] * sign,
            "std_dev": sigma[at],
            "side": [row[4] for row in rows],
        }
    )
    net.measurement = table.astype(
        {name: kind for name, kind in net.measurement.dtypes.items() if name in table}
    )
