r"""Angles from active power alone: a start for Newton's method where a flat one leads astray.

Solves :math:`B \theta = P - P_\varphi` with susceptances :math:`1 / (x a)` and the powers
:math:`P_\varphi` that phase shifts make (A. J. Wood, B. F. Wollenberg, "Power Generation,
Operation and Control", chapter 4).
"""

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from network.arrays import Complexes, Floats
from network.islands import fed_buses
from network.model import BusKind, Network

__all__ = ["dc_start"]


def dc_start(network: Network, p_mw: Floats | None = None) -> Complexes:
    """Voltages of linear angles, at the magnitudes of the case where it holds them and else 1.

    Parameters
    ----------
    network : Network
    p_mw : (n_bus,) float, optional
        Net injection; the case's own when absent.

    Returns
    -------
    (n_bus,) complex
        Per unit; at the angle of the first slack bus where no slack bus feeds.

    Examples
    --------
    A line of 0.1 pu that carries half a per unit:

    >>> from network.readers.matpower import network_from_matpower_text
    >>> network = network_from_matpower_text('''
    ... mpc.baseMVA = 100;
    ... mpc.bus = [1 3 0 0 0 0 1 1 0 110 1 1.1 0.9; 2 1 50 0 0 0 1 1 0 110 1 1.1 0.9];
    ... mpc.gen = [1 0 0 0 0 1 100 1 100 0];
    ... mpc.branch = [1 2 0 0.1 0 0 0 0 0 0 1];''')
    >>> print(round(float(np.angle(dc_start(network)[1])), 6))
    -0.05
    """
    buses, branches = network.buses, network.branches
    p = (network.injection_mva().real if p_mw is None else p_mw) - buses.gs_mw
    slack = buses.kind == BusKind.SLACK
    case_angle = np.deg2rad(buses.angle_set_deg)
    angle = np.full(network.n_bus, case_angle[slack][0])
    angle[slack] = case_angle[slack]
    f, t = branches.from_bus, branches.to_bus
    fed = fed_buses(network)
    on = branches.in_service & fed[f] & fed[t]
    stiff = np.where(on, 1.0 / (np.where(on, branches.x_pu, 1.0) * branches.tap), 0.0)
    shifted = stiff * np.deg2rad(branches.shift_deg)
    rows = np.arange(network.n_branch)
    incidence = sp.csr_array(
        (np.r_[np.ones(len(f)), -np.ones(len(f))], (np.r_[rows, rows], np.r_[f, t])),
        shape=(network.n_branch, network.n_bus),
    )
    matrix = (incidence.T @ sp.diags_array(stiff) @ incidence).tocsc()
    free = np.flatnonzero(fed & ~slack)
    wanted = p / network.base_mva + incidence.T @ shifted
    known = matrix[:, slack] @ angle[slack]
    angle[free] = sla.spsolve(matrix[free][:, free], (wanted - known)[free])
    held = slack | (buses.kind == BusKind.PV)
    start: Complexes = np.where(held, buses.v_set_pu, 1.0) * np.exp(1j * angle)
    return start
