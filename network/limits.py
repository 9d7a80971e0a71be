"""Which limits the present state does not meet."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from network.arrays import Complexes, Floats, Ints
from network.model import Network

__all__ = [
    "LimitCheck",
    "RatingKind",
    "branch_loading_percent",
    "check_limits",
    "end_currents_a",
]


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


class RatingKind(StrEnum):
    """What the rating of a branch limits."""

    POWER = "mva"
    """Its apparent power."""
    CURRENT = "a"
    """The current that the rating makes at base voltage: what heats a conductor."""


def branch_loading_percent(
    network: Network, s_from_mva: Complexes, s_to_mva: Complexes, v: Complexes | None = None
) -> Floats:
    r"""Loading of every branch by the worse of its ends.

    Parameters
    ----------
    network : Network
    s_from_mva, s_to_mva : (n_branch,) or (n_branch, k) complex
    v : (n_bus,) or (n_bus, k) complex, optional
        With voltages the loading is that of the current, :math:`|S| / |v|` by the rating;
        without, that of the apparent power.

    Returns
    -------
    float array as the flows
        Percent of the rating; NaN without one, 0 out of service.
    """
    branches = network.branches
    from_end, to_end = np.abs(s_from_mva), np.abs(s_to_mva)
    if v is not None:
        magnitude = np.abs(v)
        magnitude[magnitude == 0] = 1.0
        from_end = from_end / magnitude[branches.from_bus]
        to_end = to_end / magnitude[branches.to_bus]
    rate = np.where(branches.rate_mva > 0, branches.rate_mva, np.nan)
    percent = (np.maximum(from_end, to_end).T * (100.0 / rate)).T
    percent[~branches.in_service] = 0.0
    return percent


def end_currents_a(
    network: Network, branch: Ints, s_from_mva: Complexes, s_to_mva: Complexes, v: Floats
) -> tuple[Floats, Floats]:
    r"""Current at the more loaded end of some branches, and what their rating allows there.

    Parameters
    ----------
    network : Network
    branch : (m,) int
        Rows of the branches.
    s_from_mva, s_to_mva : (m,) complex
        Their flows.
    v : (m, 2) float
        Voltage magnitude at their from and to ends, per unit.

    Returns
    -------
    current_a, limit_a : (m,) float
        :math:`|S| / (\sqrt 3 |v| V_{base})`, and the rating at base voltage; NaN without one.
    """
    branches, here = network.branches, np.arange(len(branch))
    ends = np.stack([branches.from_bus[branch], branches.to_bus[branch]], axis=1)
    power = np.stack([np.abs(s_from_mva), np.abs(s_to_mva)], axis=1)
    per_unit = power / np.where(v > 0, v, 1.0)
    end = np.argmax(per_unit, axis=1)
    base = np.sqrt(3.0) * network.buses.base_kv[ends[here, end]] / 1e3
    rate = np.where(branches.rate_mva > 0, branches.rate_mva, np.nan)[branch]
    return per_unit[here, end] / base, rate / base


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
