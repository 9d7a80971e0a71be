"""Work on disjoint parts of the same arrays, on as many threads as there are processors.

numpy lets go of the interpreter in its loops, so parts that write to places of their own run side
by side; results do not depend on how many there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["in_parts"]

_MOST = 8


def in_parts(n: int, work: Callable[[slice], None], *, at_least: int) -> None:
    """Call ``work`` with slices that cover ``range(n)``, each of at least ``at_least``.

    Examples
    --------
    >>> import numpy as np
    >>> out = np.zeros(5)
    >>> in_parts(5, lambda part: out[part].fill(1.0), at_least=1)
    >>> out.tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    n_parts = max(1, min(_processors(), n // max(at_least, 1)))
    if n_parts == 1:
        work(slice(0, n))
        return
    edges = [n * k // n_parts for k in range(n_parts + 1)]
    parts = [slice(edges[k], edges[k + 1]) for k in range(n_parts)]
    with ThreadPoolExecutor(n_parts) as pool:
        list(pool.map(work, parts))


def _processors() -> int:
    return min(len(os.sched_getaffinity(0)), _MOST)
