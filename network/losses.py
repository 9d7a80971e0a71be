r"""Losses: from the estimated state, and from the two ends of a branch as measured.

The estimate gives the loss :math:`r|i|^2` plus iron losses; two measured ends give
:math:`P_{from} + P_{to}`, which is no more certain than both sensors together. Where the two
disagree by more than noise, a sensor or the model of the branch is wrong.
"""

from dataclasses import dataclass

import numpy as np

from network.arrays import Bools, Floats, Ints
from network.estimate import StateEstimate
from network.measurement import Quantity, Telemetry
from network.model import Network

__all__ = ["AreaBalance", "TwoEndLoss", "area_balance", "net_export", "two_end_losses"]


@dataclass(frozen=True, slots=True, eq=False)
class TwoEndLoss:
    """Losses of branches by the difference of their measured ends.

    Attributes
    ----------
    measured_mw : (n_branch,) float
        NaN where an end is not measured or not believed.
    estimated_mw : (n_branch,) float
        From the state.
    sigma_mw : (n_branch,) float
        Of the measured difference.
    agrees : (n_branch,) bool
        False where both are known and differ by more than the limit given.
    """

    measured_mw: Floats
    estimated_mw: Floats
    sigma_mw: Floats
    agrees: Bools


def two_end_losses(
    network: Network,
    telemetry: Telemetry,
    value: Floats,
    estimate: StateEstimate,
    sigmas: float = 4,
) -> TwoEndLoss:
    """Compare the losses of a scan with those of its estimate.

    Parameters
    ----------
    network : Network
    telemetry : Telemetry
    value : (m,) float
        The scan.
    estimate : StateEstimate
    sigmas : float
        Difference, in its own standard deviations, that counts as disagreement.

    Returns
    -------
    TwoEndLoss
    """
    n = network.n_branch
    total, variance = np.zeros(n), np.zeros(n)
    for quantity in (Quantity.P_FROM, Quantity.P_TO):
        rows = np.flatnonzero(telemetry.quantity == quantity)
        end, spread = np.full(n, np.nan), np.full(n, np.nan)
        end[telemetry.element[rows]] = value[rows]
        spread[telemetry.element[rows]] = telemetry.sigma[rows]
        total, variance = total + end, variance + spread**2
    sigma = np.sqrt(variance)
    apart = np.abs(total - estimate.loss_mw)
    return TwoEndLoss(total, estimate.loss_mw, sigma, ~(apart > sigmas * sigma))


@dataclass(frozen=True, slots=True, eq=False)
class AreaBalance:
    """Active power of each area, all MW.

    Attributes
    ----------
    area : tuple of str
    loss_mw : (n_area,) float
        Of the branches inside, and half of those that lead out.
    net_injection_mw : (n_area,) float
        Generation less load of its buses.
    net_export_mw : (n_area,) float
        Flow out over the branches that lead out, taken at their middle.
    shunt_mw : (n_area,) float
        Consumed by shunts.
    """

    area: tuple[str, ...]
    loss_mw: Floats
    net_injection_mw: Floats
    net_export_mw: Floats
    shunt_mw: Floats


def area_balance(network: Network, estimate: StateEstimate) -> AreaBalance:
    """Balance every area: injection = losses + export + shunts.

    Parameters
    ----------
    network : Network
    estimate : StateEstimate

    Returns
    -------
    AreaBalance
        Losses sum to those of the network, and exports to zero.
    """
    names, at = np.unique(network.buses.area, return_inverse=True)
    n = len(names)
    f, t = at[network.branches.from_bus], at[network.branches.to_bus]
    half = estimate.loss_mw / 2

    def summed(where: Ints, what: Floats) -> Floats:
        return np.bincount(where, what, n).astype(np.float64)

    loss = summed(f, half) + summed(t, half)
    export = net_export(network, estimate.s_from_mva.real, estimate.s_to_mva.real)
    shunt = summed(at, network.buses.gs_mw * np.abs(estimate.v) ** 2)
    injection = summed(at, estimate.s_bus_mva.real)
    return AreaBalance(tuple(names.tolist()), loss, injection, export, shunt)


def net_export(network: Network, p_from_mw: Floats, p_to_mw: Floats) -> Floats:
    """Flow out of each area over the branches that lead out, taken at their middle.

    Parameters
    ----------
    network : Network
    p_from_mw, p_to_mw : (n_branch,) float
        Into each branch at either end.

    Returns
    -------
    (n_area,) float
        MW, in the order of the sorted names of the areas; they sum to zero.
    """
    names, at = np.unique(network.buses.area, return_inverse=True)
    f, t = at[network.branches.from_bus], at[network.branches.to_bus]
    middle = np.where(f == t, 0.0, (p_from_mw - p_to_mw) / 2)
    out, back = (np.bincount(where, middle, len(names)) for where in (f, t))
    return np.asarray(out - back, np.float64)
