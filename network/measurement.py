"""What is measured on the network, and how well.

A :class:`Telemetry` is the fixed list of measurements of a topology: what, where, with
which standard deviation. A scan is then one vector of values in the same order, NaN where
a value is missing.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.model import Network

__all__ = ["Origin", "Quantity", "Telemetry", "full_telemetry", "zero_injection_buses"]


class Quantity(IntEnum):
    """What is measured. Flows are positive into the branch, injections into the network."""

    V = 0
    P_FROM = 1
    P_TO = 2
    P_INJECTION = 3
    Q_FROM = 4
    Q_TO = 5
    Q_INJECTION = 6


class Origin(IntEnum):
    """Where a value comes from."""

    MEASURED = 0
    PSEUDO = 1
    ZERO_INJECTION = 2


@dataclass(frozen=True, slots=True, eq=False)
class Telemetry:
    """A list of measurements.

    Attributes
    ----------
    quantity : (m,) int
        :class:`Quantity`.
    element : (m,) int
        Row of the branch for flows, of the bus for voltages and injections.
    sigma : (m,) float
        Standard deviation: per unit for V, MW or MVAr for the rest.
    origin : (m,) int
        :class:`Origin`.
    """

    quantity: Ints
    element: Ints
    sigma: Floats
    origin: Ints

    def __len__(self) -> int:
        return len(self.quantity)

    def per_unit(self, base_mva: float) -> Floats:
        """Factors ``(m,)`` from a measurement's own unit to per unit."""
        return np.where(self.quantity == Quantity.V, 1.0, 1.0 / base_mva)

    def where(self, kept: Bools) -> "Telemetry":
        """Return the measurements marked in ``kept``, ``(m,)``."""
        columns = ("quantity", "element", "sigma", "origin")
        return replace(self, **{name: getattr(self, name)[kept] for name in columns})


def zero_injection_buses(network: Network) -> Bools:
    """Mark the buses ``(n_bus,)`` at which nothing but branches and shunts is connected."""
    bare = np.ones(network.n_bus, dtype=np.bool_)
    bare[network.generators.bus] = False
    bare[network.loads.bus] = False
    return bare


def full_telemetry(
    network: Network,
    *,
    sigma_v_pu: float = 0.004,
    sigma_flow: float = 0.8,
    sigma_injection: float = 1.0,
    sigma_zero: float = 0.01,
) -> Telemetry:
    """Measure everything: V at every bus, P and Q at both ends and of every injection.

    Parameters
    ----------
    network : Network
        Branches out of service are not measured.
    sigma_v_pu : float
        Of voltages, per unit.
    sigma_flow, sigma_injection : float
        MW and MVAr.
    sigma_zero : float
        MW and MVAr, of injections known to be zero.

    Returns
    -------
    Telemetry
        In the order of :class:`Quantity`, then of the tables.
    """
    buses = np.arange(network.n_bus)
    closed = np.flatnonzero(network.branches.in_service)
    zero = zero_injection_buses(network)
    parts = []
    for quantity in Quantity:
        at_bus = quantity in (Quantity.V, Quantity.P_INJECTION, Quantity.Q_INJECTION)
        element = buses if at_bus else closed
        sigma = np.full(len(element), sigma_flow)
        origin = np.full(len(element), int(Origin.MEASURED))
        if quantity == Quantity.V:
            sigma[:] = sigma_v_pu
        elif at_bus:
            sigma = np.where(zero, sigma_zero, sigma_injection)
            origin = np.where(zero, int(Origin.ZERO_INJECTION), origin)
        parts.append((np.full(len(element), int(quantity)), element, sigma, origin))
    quantity_, element_, sigma_, origin_ = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Telemetry(quantity_, element_, sigma_, origin_)
