"""Which outcomes an origin may learn from: a band of leads teaches once it is all in the past."""

from __future__ import annotations

import numpy as np

from forecasting.arrays import IntArray

__all__ = ["lessons"]


def lessons(origins: IntArray, band: IntArray, delay: int = 0) -> list[list[tuple[int, IntArray]]]:
    """Return, for each origin, the (earlier origin, its bands) whose outcomes became known.

    Parameters
    ----------
    origins
        First row of each horizon, increasing, shape (n_origins,).
    band
        Band of each lead, increasing, shape (n_steps,).
    delay
        Rows from the end of an interval until its value is known.

    Examples
    --------
    >>> [[(i, b.tolist()) for i, b in now] for now in lessons(np.array([0, 2, 4]),
    ...     np.array([0, 0, 1, 1]))]
    [[], [(0, [0])], [(0, [1]), (1, [0])]]
    """
    n_bands = int(band[-1]) + 1
    over = np.searchsorted(band, np.arange(n_bands), side="right")
    # The first origin at or after the end of each band of each origin.
    known_at = np.searchsorted(origins, origins[:, None] + over + delay)
    out: list[list[tuple[int, IntArray]]] = [[] for _ in origins]
    for source, places in enumerate(known_at):
        for place in np.unique(places[places < len(origins)]):
            out[place].append((source, np.flatnonzero(places == place)))
    return out
