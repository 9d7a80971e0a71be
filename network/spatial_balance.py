"""What each region consumes: its production less its exports, plus what is embedded in it."""

from dataclasses import dataclass

import numpy as np

from network.arrays import Floats
from network.losses import net_export
from network.model import Network

__all__ = ["SpatialBalance", "spatial_balance"]


@dataclass(frozen=True, slots=True, eq=False)
class SpatialBalance:
    r"""Active power of each region, all MW; NaN where something it rests on is not known.

    With production :math:`G`, net exports :math:`X` and distributed generation :math:`D`,
    consumption is :math:`C = G - X + D`, losses included. Exports cancel, so the regions sum to
    the whole: :math:`\sum C = \sum G + \sum D`.

    Attributes
    ----------
    area : tuple of str
        Names of the regions.
    production_mw : (n_area,) float
        Of metered generators.
    net_export_mw : (n_area,) float
        Positive out of the region, taken at the middle of the branches that lead out.
    distributed_mw : (n_area,) float
        Of generators that are not metered.
    consumption_mw : (n_area,) float
    """

    area: tuple[str, ...]
    production_mw: Floats
    net_export_mw: Floats
    distributed_mw: Floats
    consumption_mw: Floats


def spatial_balance(
    network: Network,
    production_mw: Floats,
    p_from_mw: Floats,
    p_to_mw: Floats,
    distributed_mw: Floats | None = None,
) -> SpatialBalance:
    """Balance every region of a network.

    Parameters
    ----------
    network : Network
    production_mw : (n_bus,) float
        Metered production at each bus, 0 where there is none; NaN where it is not known.
    p_from_mw, p_to_mw : (n_branch,) float
        Flow into each branch at either end; NaN where it is not known.
    distributed_mw : (n_bus,) float, optional
        Estimated generation that is not metered; none when absent.

    Returns
    -------
    SpatialBalance
        In the order of the sorted names of the areas.
    """
    names, at = np.unique(network.buses.area, return_inverse=True)
    embedded = np.zeros(network.n_bus) if distributed_mw is None else distributed_mw
    production, distributed = (
        np.bincount(at, each, len(names)).astype(np.float64) for each in (production_mw, embedded)
    )
    export = net_export(network, p_from_mw, p_to_mw)
    consumption = production - export + distributed
    return SpatialBalance(tuple(names.tolist()), production, export, distributed, consumption)
