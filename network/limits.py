"""Which limits the present state does not meet."""

from dataclasses import dataclass

import numpy as np

from network.arrays import Complexes, Floats, Ints
from network.model import Network

__all__ = ["LimitCheck", "branch_loading_percent", "check_limits"]


@dataclass(frozen=True, slots=True, eq=False)
class LimitCheck:
    """Limits that are exceeded, the worst first.

    Attributes
    ----------
    overloaded : (k,) int
        Rows of the branches.
    loading_percent : (k,) float
    low_voltage, high_voltage : int arrays
        Rows of the buses outside the band.
    unrated : (n,) int
        Branches in service whose loading cannot be told.
    """

    overloaded: Ints
    loading_percent: Floats
    low_voltage: Ints
    high_voltage: Ints
    unrated: Ints


def branch_loading_percent(network: Network, s_from_mva: Complexes, s_to_mva: Complexes) -> Floats:
    """Loading of every branch by the greater apparent power of its ends.

    Parameters
    ----------
    network : Network
    s_from_mva, s_to_mva : (n_branch,) complex

    Returns
    -------
    (n_branch,) float
        Percent of the rating; NaN without one, 0 out of service.
    """
    power = np.maximum(np.abs(s_from_mva), np.abs(s_to_mva))
    rate = np.where(network.branches.rate_mva > 0, network.branches.rate_mva, np.nan)
    return np.where(network.branches.in_service, 100.0 * power / rate, 0.0)


def check_limits(
    network: Network,
    v: Complexes,
    s_from_mva: Complexes,
    s_to_mva: Complexes,
    *,
    at_least_percent: float = 100.0,
    v_min_pu: float = 0.94,
    v_max_pu: float = 1.06,
) -> LimitCheck:
    """Check loadings and voltages of a state.

    Parameters
    ----------
    network : Network
    v : (n_bus,) complex
        Per unit; buses at 0 are dead and not checked.
    s_from_mva, s_to_mva : (n_branch,) complex
    at_least_percent : float
        Loading from which a branch is reported.
    v_min_pu, v_max_pu : float
        The band of voltage magnitudes.

    Returns
    -------
    LimitCheck
    """
    loading = branch_loading_percent(network, s_from_mva, s_to_mva)
    over = np.flatnonzero(loading >= at_least_percent)
    over = over[np.argsort(-loading[over], kind="stable")]
    magnitude = np.abs(v)
    low = np.flatnonzero((magnitude > 0) & (magnitude < v_min_pu))
    high = np.flatnonzero(magnitude > v_max_pu)
    return LimitCheck(
        overloaded=over,
        loading_percent=loading[over],
        low_voltage=low[np.argsort(magnitude[low], kind="stable")],
        high_voltage=high[np.argsort(-magnitude[high], kind="stable")],
        unrated=np.flatnonzero(np.isnan(loading)),
    )
