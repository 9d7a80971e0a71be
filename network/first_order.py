r"""States that only second-order effects determine.

Without active power an angle shows in reactive power alone, through the cosine: as much for
one sign of it as for the other, so a scan has two states that fit. What is known to first
order stays known when all voltages are made equal, where sines vanish; so the variance of a
state there, against that where the network is, tells how much of it is mere second order.
"""

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.gain import GainFactor
from network.gain_pattern import GainPattern
from network.measurement import Quantity
from network.measurement_functions import MeasurementFunctions

__all__ = ["FirstOrder"]

_MUCH_LESS = 1.5
"""Growth of a standard error from the state of the network to equal voltages. With P measured
it hardly grows at all; for two states to fit, it has to double."""
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

    def lacking(self, weight: Floats, variance: Floats) -> Bools:
        """Mark the states ``(n_state,)`` that are determined to second order only.

        Parameters
        ----------
        weight : (m,) float
        variance : (n_state,) float
            Where the network is, with these weights.
        """
        functions = self._functions
        equal = np.ones(functions.n_bus, np.complex128)
        jacobian = functions.jacobian(functions.evaluate(equal))
        held = np.full(functions.n_state, _PRECISION)
        factor = GainFactor(jacobian, weight, self._pattern, held)
        return factor.state_variance > _MUCH_LESS**2 * variance


def _greatest(place: Ints, weight: Floats, count: int) -> Floats:
    greatest = np.zeros(count)
    np.maximum.at(greatest, place, weight)
    return greatest
