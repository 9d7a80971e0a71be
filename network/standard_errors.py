r"""How uncertain an estimated state is.

States have the covariance :math:`G^{-1}`, and a function g of the state the variance
:math:`\nabla g\, G^{-1} \nabla g^\top`.
"""

from dataclasses import dataclass

import numpy as np

from network.arrays import Floats
from network.downdate import Downdate
from network.estimate import StateEstimate
from network.measurement import Quantity, Telemetry
from network.measurement_functions import MeasurementFunctions

__all__ = ["StandardErrors", "standard_errors"]


@dataclass(frozen=True, slots=True, eq=False)
class StandardErrors:
    """Standard errors of a state; NaN where nothing was observed.

    Attributes
    ----------
    v_pu, angle_deg : (n_bus,) float
        0 for the angle of a reference.
    p_from_mw, q_from_mvar, p_to_mw, q_to_mvar : (n_branch,) float
    """

    v_pu: Floats
    angle_deg: Floats
    p_from_mw: Floats
    q_from_mvar: Floats
    p_to_mw: Floats
    q_to_mvar: Floats


def standard_errors(
    functions: MeasurementFunctions, estimate: StateEstimate, gain: Downdate
) -> StandardErrors:
    """Compute the standard errors of an estimate.

    Parameters
    ----------
    functions : MeasurementFunctions
    estimate : StateEstimate
    gain : Downdate
        A gain for the weights of the estimate.
    """
    network = functions.network
    n_bus, n_branch = network.n_bus, network.n_branch
    variance = np.zeros(2 * n_bus)
    variance[functions.unknown] = gain.state_variance()
    error = np.sqrt(variance)
    error[np.tile(~estimate.observed, 2)] = np.nan

    ends = (Quantity.P_FROM, Quantity.Q_FROM, Quantity.P_TO, Quantity.Q_TO)
    rows = 4 * n_branch
    flows = MeasurementFunctions(
        network,
        Telemetry(
            np.repeat([int(quantity) for quantity in ends], n_branch),
            np.tile(np.arange(n_branch), 4),
            np.ones(rows),
            np.zeros(rows, dtype=np.int64),
        ),
    )
    live = np.where(estimate.v == 0, 1.0, estimate.v)
    jacobian = flows.jacobian(flows.evaluate(live))
    error_flow = np.sqrt(gain.row_variance(jacobian)) * network.base_mva
    branches = network.branches
    blind = ~(estimate.observed[branches.from_bus] & estimate.observed[branches.to_bus])
    error_flow[np.tile(blind & branches.in_service, 4)] = np.nan
    p_from, q_from, p_to, q_to = error_flow.reshape(4, n_branch)
    return StandardErrors(error[n_bus:], np.rad2deg(error[:n_bus]), p_from, q_from, p_to, q_to)
