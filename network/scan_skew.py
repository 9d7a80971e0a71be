r"""The points of one scan are not of one moment: older ones are less certain.

A value of age a in a network that changes by :math:`\dot z` a second may be off by
:math:`a\,\dot z` besides its noise, so :math:`\sigma'^2 = \sigma^2 + (a\,\dot z)^2`. The rate
comes from two estimates and not from the values themselves, where one gross error would
excuse itself.
"""

import numpy as np

from network.arrays import Floats
from network.estimate import StateEstimate

__all__ = ["rate_of_change", "skewed_sigma"]


def rate_of_change(before: StateEstimate, after: StateEstimate, seconds: float) -> Floats:
    """How fast each measured quantity changed between two estimates, ``(m,)`` unit by second.

    Parameters
    ----------
    before, after : StateEstimate
        Of the same telemetry and topology; across a switching nothing can be told.
    seconds : float
        Between the two, more than 0.
    """
    return np.abs(after.estimated - before.estimated) / seconds


def skewed_sigma(sigma: Floats, age_s: Floats, rate: Floats) -> Floats:
    """Widen standard deviations by what may have changed since values were taken.

    Parameters
    ----------
    sigma : (m,) float
    age_s : (m,) float
        Time from each value to the moment of the estimate.
    rate : (m,) float
        As :func:`rate_of_change` tells.

    Returns
    -------
    (m,) float

    Examples
    --------
    A flow that rises by 6 MW a minute, as it was 8 s ago:

    >>> skewed_sigma(np.array([0.6]), np.array([8.0]), np.array([0.1])).round(3).tolist()
    [1.0]
    """
    return np.hypot(sigma, age_s * rate)
