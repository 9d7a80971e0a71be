r"""Which states the measurements determine, and which measurements carry a state alone.

The rows of the Jacobian are scaled to unit length and every state gets a prior of tiny
precision :math:`\epsilon`. The share of the prior in a state, :math:`\epsilon Z_{ii}` with
:math:`Z = (H^\top H + \epsilon I)^{-1}`, is 0 where measurements determine it; where they
do not, the shares add up to the number of directions left open. This is the numerical
method of A. Monticelli, F. F. Wu ("Network observability: theory", 1985) with the zero
pivots found through the inverse rather than during elimination.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from network.arrays import Bools, Floats, Ints, Sparse
from network.gain import GainFactor
from network.gain_pattern import GainPattern
from network.measurement_functions import MeasurementFunctions

__all__ = ["Observability", "observability"]

_PRIOR = 1e-8
_SHARE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Observability:
    """What a set of measurements determines.

    Attributes
    ----------
    observed : (n_bus,) bool
        Buses whose angle and magnitude are both determined.
    unobserved_ids : tuple of str
        The others, by name.
    open_directions : int
        How many more measurements would be needed at least.
    critical : (m,) bool
        Measurements without which something would not be determined: their errors
        cannot be found.
    redundancy : float
        Measurements in use by states.
    """

    observed: Bools
    unobserved_ids: tuple[str, ...]
    open_directions: int
    critical: Bools
    redundancy: float


def observability(
    functions: MeasurementFunctions, used: Bools, pattern: GainPattern | None = None
) -> Observability:
    """Analyse the measurements in use.

    Parameters
    ----------
    functions : MeasurementFunctions
    used : (m,) bool
    pattern : GainPattern, optional
        Of the Jacobian of ``functions``.

    Returns
    -------
    Observability
    """
    network = functions.network
    n_bus = network.n_bus
    # Off the flat start, where some derivatives vanish by symmetry.
    ripple = 0.02 * np.sin(1.0 + np.arange(n_bus))
    jacobian = functions.jacobian(functions.evaluate((1 + 0.3 * ripple) * np.exp(1j * ripple)))
    factor = _scaled(jacobian, used, pattern)
    share = _PRIOR * factor.state_variance
    open_entry = np.zeros(2 * n_bus, dtype=np.bool_)
    open_entry[functions.unknown] = share > _SHARE
    observed = ~(open_entry[:n_bus] | open_entry[n_bus:]) & (functions.island >= 0)
    left: Floats = 1.0 - factor.estimate_variance
    return Observability(
        observed=observed,
        unobserved_ids=tuple(network.buses.id[~observed].tolist()),
        open_directions=int(np.rint(share.sum())),
        critical=used & (left < 1e-4),
        redundancy=float(used.sum()) / max(functions.n_state, 1),
    )


def _scaled(jacobian: Sparse, used: Bools, pattern: GainPattern | None) -> GainFactor:
    length = np.sqrt(np.bincount(_rows(jacobian), jacobian.data**2, jacobian.shape[0]))
    length[length == 0] = 1.0
    data = jacobian.data / length[_rows(jacobian)]
    unit = sp.csr_array((data, jacobian.indices, jacobian.indptr), shape=jacobian.shape)
    prior = np.full(jacobian.shape[1], _PRIOR)
    return GainFactor(unit, used.astype(np.float64), pattern, prior)


def _rows(jacobian: Sparse) -> Ints:
    return np.repeat(np.arange(jacobian.shape[0]), np.diff(jacobian.indptr))
