r"""How far the measurements contradict the model of one branch.

Whatever is wrong with the model of a branch shows as a discrepancy u of its four flows, which
the measurements at its ends and of the injections there all share: :math:`z = h(x) + S u + e`.
With :math:`\Omega` the covariance of the residuals r of a fit without u, J would lose
:math:`a^\top M^+ a` for :math:`a = S^\top W r` and :math:`M = S^\top W \Omega W S`
(K. A. Clements, P. W. Davis, "Detection and identification of topology errors", 1988).
"""

from dataclasses import dataclass

import numpy as np

from network.admittance import admittance
from network.arrays import Complexes, Floats, Ints
from network.downdate import Downdate
from network.estimate import StateEstimate
from network.measurement import Quantity, Telemetry
from network.model import Network

__all__ = ["Discrepancies", "Discrepancy"]


@dataclass(frozen=True, slots=True, eq=False)
class Discrepancy:
    """What the residuals say of the flows of one branch: P and Q from, P and Q to.

    Attributes
    ----------
    pull : (4,) float
        The vector a.
    information : (4, 4) float
        The matrix M.
    """

    pull: Floats
    information: Floats

    @property
    def worth(self) -> float:
        """What J would lose if the flows of the branch were free of its model."""
        return float(self.pull @ np.linalg.pinv(self.information, rcond=1e-8) @ self.pull)

    def along(self, change: Complexes) -> tuple[float, float]:
        """What J would lose for a multiple of one change of flows, and that multiple.

        Parameters
        ----------
        change : (2,) complex
            Of the flows into the branch at the from and the to end, per unit.
        """
        u = np.array([change[0].real, change[0].imag, change[1].real, change[1].imag])
        information = float(u @ self.information @ u)
        if not information > 0:
            return 0.0, 0.0
        pull = float(u @ self.pull)
        return pull**2 / information, pull / information


class Discrepancies:
    """The discrepancies of a fit.

    Parameters
    ----------
    network : Network
    telemetry : Telemetry
    estimate : StateEstimate
        Without removals.
    gain : Downdate
        The gain of its weights.
    """

    def __init__(
        self, network: Network, telemetry: Telemetry, estimate: StateEstimate, gain: Downdate
    ) -> None:
        self._branches = network.branches
        self._base_mva = network.base_mva
        self._estimate = estimate
        self._gain = gain
        known = np.isfinite(estimate.residual)
        per_unit = telemetry.per_unit(network.base_mva)
        self._residual = np.where(known, estimate.residual, 0.0) * per_unit
        self._rows: dict[tuple[int, int], list[int]] = {}
        places = zip(telemetry.quantity.tolist(), telemetry.element.tolist(), strict=True)
        for row, place in enumerate(places):
            if estimate.weight[row] > 0:
                self._rows.setdefault(place, []).append(row)

    def striking(self, most: int, least: float) -> Ints:
        """Rows of the largest normalised residuals, at most so many and at least so large."""
        weight = self._estimate.weight
        with np.errstate(divide="ignore"):
            own = np.where(weight > 0, 1.0 / weight, np.inf)
        left = np.maximum(own - self._gain.estimate_variance(), 0.01 * own)
        normalised = np.abs(self._residual) / np.sqrt(left)
        rows = np.argsort(-normalised)[:most]
        return rows[normalised[rows] > least]

    def of(self, branch: int) -> Discrepancy:
        """Return the discrepancy of a branch, in service or not."""
        f, t = int(self._branches.from_bus[branch]), int(self._branches.to_bus[branch])
        shared = (
            ((Quantity.P_FROM, branch), (Quantity.P_INJECTION, f)),
            ((Quantity.Q_FROM, branch), (Quantity.Q_INJECTION, f)),
            ((Quantity.P_TO, branch), (Quantity.P_INJECTION, t)),
            ((Quantity.Q_TO, branch), (Quantity.Q_INJECTION, t)),
        )
        columns = [[row for place in two for row in self._rows.get(place, ())] for two in shared]
        rows = np.array(sorted({row for column in columns for row in column}), dtype=np.int64)
        if not len(rows):
            return Discrepancy(np.zeros(4), np.zeros((4, 4)))
        weight = self._estimate.weight[rows]
        pull = np.array([np.isin(rows, column) for column in columns], np.float64) * weight
        gain = self._gain
        covariance = np.diag(1.0 / weight) - gain.factor.jacobian[rows] @ gain.columns(rows)
        return Discrepancy(pull @ self._residual[rows], pull @ covariance @ pull.T)

    def by_tap(self, network: Network, branch: int) -> Complexes:
        r"""Change of the flows of a branch with its ratio a, ``(2,)`` per unit.

        The admittance of the from end goes with :math:`a^{-2}`, those between the ends with
        :math:`a^{-1}`.
        """
        y = admittance(network)
        v, a = self._estimate.v, float(network.branches.tap[branch])
        f, t = int(network.branches.from_bus[branch]), int(network.branches.to_bus[branch])
        at_from = v[f] * np.conj(-(2 * y.ff[branch] * v[f] + y.ft[branch] * v[t]) / a)
        at_to = v[t] * np.conj(-y.tf[branch] * v[f] / a)
        return np.array([at_from, at_to])
