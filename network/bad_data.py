r"""Finding bad measurements by their normalised residuals.

The residual of measurement i has the variance :math:`\Omega_{ii}`; the largest
:math:`|r_i| / \sqrt{\Omega_{ii}}` points at the bad one when it is above
:math:`\Phi^{-1}(1 - \alpha / 2N)` for N residuals. Taking measurement k out changes the
others by :math:`r - \Omega_{:k} r_k / \Omega_{kk}` and their covariance by a rank-one
term, so several are found one after another without factoring again
(A. Monticelli, "State Estimation in Electric Power Systems", 1999, chapter 8).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from network.arrays import Bools, Floats, Ints
from network.downdate import Downdate

__all__ = ["Suspects", "acquitted", "largest_residuals", "residual_threshold"]

_CRITICAL = 0.01
"""Least part of its variance that a residual must keep for it to be tested."""


@dataclass(frozen=True, slots=True, eq=False)
class Suspects:
    """Measurements found bad in one pass.

    Attributes
    ----------
    rows : (k,) int
        In the order found.
    normalised : (k,) float
    limit : float
        Normalised residual above which a measurement is called bad.
    """

    rows: Ints
    normalised: Floats
    limit: float


def residual_threshold(n_residuals: int, false_alarm: float = 1e-5) -> float:
    """Normalised residual above which one of ``n_residuals`` is called bad.

    Parameters
    ----------
    n_residuals : int
    false_alarm : float
        Chance that any of them exceeds it by noise alone, a scan.

    Examples
    --------
    >>> round(residual_threshold(1000), 3)
    5.731
    """
    return float(-ndtri(false_alarm / (2 * max(n_residuals, 1))))


def largest_residuals(
    residual: Floats,
    weight: Floats,
    gain: Downdate,
    may_test: Bools,
    *,
    false_alarm: float = 1e-5,
    most: int = 50,
) -> Suspects:
    """Find bad measurements among the residuals of a fit.

    Parameters
    ----------
    residual : (m,) float
        Per unit.
    weight : (m,) float
        Weights of the fit; rows of weight 0 are not tested.
    gain : Downdate
        The gain of the fit.
    may_test : (m,) bool
        False for what must not be called bad, such as injections known to be zero.
    false_alarm : float
    most : int
        At most so many in one pass.

    Returns
    -------
    Suspects
    """
    with np.errstate(divide="ignore"):
        own = np.where(weight > 0, 1.0 / weight, 0.0)
    variance = own - gain.estimate_variance()
    open_ = may_test & (weight > 0) & (variance > _CRITICAL * own)
    limit = residual_threshold(int(open_.sum()), false_alarm)
    r = residual.copy()
    rows: list[int] = []
    score: list[float] = []
    found: list[Floats] = []
    while len(rows) < most:
        safe = np.where(open_ & (variance > _CRITICAL * own), variance, np.inf)
        normalised = np.abs(r) / np.sqrt(safe)
        k = int(normalised.argmax()) if len(r) else 0
        if not len(r) or not normalised[k] > limit:
            break
        rows.append(k)
        score.append(float(normalised[k]))
        column = -(gain.factor.jacobian @ gain.columns(np.array([k]))[:, 0])
        column[k] += own[k]
        for earlier, at in zip(found, rows, strict=False):
            column -= earlier * (earlier[k] / earlier[at])
        found.append(column)
        r -= column * (r[k] / column[k])
        variance = variance - column**2 / column[k]
        open_[k] = False
    return Suspects(np.array(rows, dtype=np.int64), np.array(score), limit)


def acquitted(
    residual: Floats, weight: Floats, gain: Downdate, removed: Ints, limit: float
) -> int | None:
    """Find the removed measurement that agrees best with what the others say, if one does.

    Errors that lean on each other can have a good measurement taken out before the bad
    ones; once those are gone it fits again.

    Parameters
    ----------
    residual : (m,) float
        Of the fit without the removed measurements, per unit.
    weight : (m,) float
        Weights before any removal.
    gain : Downdate
        The gain of the fit.
    removed : (k,) int
    limit : float
        Normalised residual below which a measurement is good.

    Returns
    -------
    int or None
        A row.
    """
    if not len(removed):
        return None
    variance = 1.0 / weight[removed] + gain.estimate_variance()[removed]
    normalised = np.abs(residual[removed]) / np.sqrt(variance)
    best = int(normalised.argmin())
    return int(removed[best]) if normalised[best] < limit else None
