r"""States that only second-order effects determine.

Without active power an angle shows in reactive power alone, through a cosine and through
losses, which are quadratic: two states fit, and they may lie far apart. With lossless branches
and all voltages equal the derivatives that mislead vanish and those that determine remain: of
active power by angles, of reactive power by magnitudes. What is open there is open.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np

from network.arrays import Bools, Floats, Ints, Sparse
from network.gain import GainFactor
from network.gain_pattern import GainPattern
from network.measurement import Quantity
from network.measurement_functions import MeasurementFunctions
from network.model import Network

__all__ = ["FirstOrder"]

_COMPARABLE = 0.25
_PRECISION = 25.0
_P_FLOWS = (int(Quantity.P_FROM), int(Quantity.P_TO))
_Q_FLOWS = (int(Quantity.Q_FROM), int(Quantity.Q_TO))


class FirstOrder:
    """What a telemetry says of the state to first order.

    Parameters
    ----------
    functions : MeasurementFunctions
    pattern : GainPattern
        Of its Jacobian.
    """

    def __init__(self, functions: MeasurementFunctions, pattern: GainPattern) -> None:
        self._functions = functions
        self._pattern = pattern
        quantity, element = functions.telemetry.quantity, functions.telemetry.element
        branches = functions.network.branches
        self._p_rows = np.flatnonzero(np.isin(quantity, _P_FLOWS))
        self._p_branch = element[self._p_rows]
        self._q_rows = np.flatnonzero(np.isin(quantity, _Q_FLOWS))
        self._q_branch = element[self._q_rows]
        self._p_bus_rows = np.flatnonzero(quantity == Quantity.P_INJECTION)
        self._p_bus = element[self._p_bus_rows]
        self._q_bus_rows = np.flatnonzero(quantity == Quantity.Q_INJECTION)
        self._q_bus = element[self._q_bus_rows]
        self._from, self._to = branches.from_bus, branches.to_bus
        self._in_service = branches.in_service

    def may_be_lacking(self, weight: Floats) -> bool:
        """Whether some branch has reactive power about it without active power.

        Parameters
        ----------
        weight : (m,) float
            Inverse variances, per unit; 0 where nothing was measured.
        """
        n_bus, n_branch = self._functions.n_bus, len(self._from)
        p = _greatest(self._p_branch, weight[self._p_rows], n_branch)
        q = _greatest(self._q_branch, weight[self._q_rows], n_branch)
        p_bus = _greatest(self._p_bus, weight[self._p_bus_rows], n_bus)
        q_bus = _greatest(self._q_bus, weight[self._q_bus_rows], n_bus)
        alone = np.where(p_bus < _COMPARABLE * q_bus, q_bus, 0.0)
        about = np.maximum(q, np.maximum(alone[self._from], alone[self._to]))
        return bool(np.any(self._in_service & (p < _COMPARABLE * about)))

    def open(self, weight: Floats, weak: float) -> Bools:
        """Mark the states ``(n_state,)`` that are not determined to first order.

        Parameters
        ----------
        weight : (m,) float
        weak : float
            Standard error, radian or per unit, above which a state is not determined.
        """
        held = np.full(self._functions.n_state, _PRECISION)
        factor = GainFactor(self._jacobian, weight, self._pattern, held)
        return ~(factor.state_variance <= weak**2)

    @cached_property
    def _jacobian(self) -> Sparse:
        network = _lossless(self._functions.network)
        functions = MeasurementFunctions(network, self._functions.telemetry)
        return functions.jacobian(functions.evaluate(np.ones(network.n_bus, np.complex128)))


def _lossless(network: Network) -> Network:
    """Return the network with reactances in place of impedances, and no shunts or shifts."""
    branches, buses = network.branches, network.buses
    no_bus, none = np.zeros(network.n_bus), np.zeros(network.n_branch)
    reactance = np.hypot(branches.r_pu, branches.x_pu)
    return replace(
        network,
        buses=replace(buses, gs_mw=no_bus, bs_mvar=no_bus),
        branches=replace(
            branches,
            r_pu=none,
            x_pu=reactance,
            g_from_pu=none,
            b_from_pu=none,
            g_to_pu=none,
            b_to_pu=none,
            shift_deg=none,
        ),
    )


def _greatest(place: Ints, weight: Floats, count: int) -> Floats:
    greatest = np.zeros(count)
    np.maximum.at(greatest, place, weight)
    return greatest
