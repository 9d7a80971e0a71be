r"""Admittance matrices of the network.

With the ideal transformer of ratio :math:`t = a e^{j\varphi}` at the from end,

.. math::

    Y_{ff} = (y_s + y_{sh,f}) / a^2, \quad Y_{ft} = -y_s / \bar t, \quad
    Y_{tf} = -y_s / t, \quad Y_{tt} = y_s + y_{sh,t}

(R. D. Zimmerman, C. E. Murillo-Sanchez, MATPOWER User's Manual, section 3).
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from network.arrays import Complexes, Sparse
from network.model import BusKind, Network

__all__ = ["Admittance", "admittance"]


@dataclass(frozen=True, slots=True, eq=False)
class Admittance:
    """Admittances in per unit; rows of branches out of service are zero.

    Attributes
    ----------
    bus : (n_bus, n_bus) csr_array of complex
        Currents injected at the buses are ``bus @ v``; holds the shunts.
    from_end, to_end : (n_branch, n_bus) csr_array of complex
        Currents into the branch at either end are ``from_end @ v``, ``to_end @ v``.
    ff, ft, tf, tt : (n_branch,) complex
        The entries of the two.
    """

    bus: Sparse
    from_end: Sparse
    to_end: Sparse
    ff: Complexes
    ft: Complexes
    tf: Complexes
    tt: Complexes


def admittance(network: Network) -> Admittance:
    """Build the admittance matrices of a network."""
    buses, branches = network.buses, network.branches
    n_bus, n_branch = network.n_bus, network.n_branch
    out = buses.kind == BusKind.OUT
    f, t = branches.from_bus, branches.to_bus
    on = branches.in_service & ~out[f] & ~out[t]
    with np.errstate(divide="ignore", invalid="ignore"):
        series = 1.0 / (branches.r_pu + 1j * branches.x_pu)
    tap = branches.tap * np.exp(1j * np.deg2rad(branches.shift_deg))
    end_f = branches.g_from_pu + 1j * branches.b_from_pu
    end_t = branches.g_to_pu + 1j * branches.b_to_pu
    ff = np.where(on, (series + end_f) / np.abs(tap) ** 2, 0)
    ft = np.where(on, -series / np.conj(tap), 0)
    tf = np.where(on, -series / tap, 0)
    tt = np.where(on, series + end_t, 0)

    rows = np.arange(n_branch)
    both = (np.r_[rows, rows], np.r_[f, t])
    from_end = sp.csr_array((np.r_[ff, ft], both), shape=(n_branch, n_bus))
    to_end = sp.csr_array((np.r_[tf, tt], both), shape=(n_branch, n_bus))
    shunt = (buses.gs_mw + 1j * buses.bs_mvar) / network.base_mva
    here = np.arange(n_bus)
    entries = (np.r_[f, f, t, t, here], np.r_[f, t, f, t, here])
    bus = sp.csr_array((np.r_[ff, ft, tf, tt, shunt], entries), shape=(n_bus, n_bus))
    return Admittance(bus, from_end, to_end, ff, ft, tf, tt)
