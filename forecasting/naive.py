"""The floor and the fallback: the load of the same interval a week before."""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray

__all__ = ["WEEK", "seasonal_naive"]

WEEK = 7


def seasonal_naive(history: FloatArray, n_instants: int, n_steps: int) -> FloatArray:
    """Return the last known load of the same instant and weekday for the next intervals.

    Each step looks one week back, then two and so on up to four; where none of these is known
    (gap, short history) it looks back day by day; where nothing is known at all it is NaN.

    Parameters
    ----------
    history
        Loads up to the issue, oldest first, shape (n, n_series); NaN = missing. Rows are one
        interval apart.
    n_instants
        Intervals of a day.
    n_steps
        Intervals to forecast, the first following the last of the history; beyond a week the
        last week repeats.

    Returns
    -------
    FloatArray
        Shape (n_steps, n_series).

    Examples
    --------
    >>> week = np.arange(14.0)[:, None]
    >>> seasonal_naive(week, 1, 8)[:, 0].tolist()
    [7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 7.0]
    """
    n = len(history)
    out = np.full((n_steps, history.shape[1]), np.nan)
    target = n + np.arange(n_steps)
    week = WEEK * n_instants
    first_week = (np.arange(n_steps) // week + 1) * week
    first_day = (np.arange(n_steps) // n_instants + 1) * n_instants
    backs = [first_week + k * week for k in range(4)] + [
        first_day + k * n_instants for k in range(7)
    ]
    for back in backs:
        if np.isfinite(out).all():
            break
        source = target - back
        reachable = source >= 0
        candidate = (
            np.where(reachable[:, None], history[np.where(reachable, source, 0)], np.nan)
            if n
            else out
        )
        out = np.where(np.isfinite(out), out, candidate)
    return out
