"""Coherent quantiles: joint sample paths of all nodes, reconciled one by one.

The marginal distribution of every node and step is that of its own quantiles; what hangs together
over nodes and steps comes from the order of past forecast errors (an empirical copula: Schefzik,
Thorarinsdottir and Gneiting, Statistical Science 28(4), 2013). A projection applied to samples of
the joint base forecast gives samples of the reconciled one (Panagiotelis, Gamakumara,
Athanasopoulos and Hyndman, European Journal of Operational Research 306(2), 2023), and their
quantiles are coherent in the only way quantiles can be: they are those of paths that add up.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from forecasting.arrays import FloatArray, IntArray
from forecasting.reconciliation import Reconciler

__all__ = ["error_ranks", "path_quantiles", "reconciled_paths", "sample_paths"]


def error_ranks(errors: FloatArray) -> IntArray:
    """Return the order of past errors at every node and step, the template of what hangs together.

    Parameters
    ----------
    errors
        Actual minus forecast of past origins, shape (n_paths, n_steps, n_nodes); an origin with a
        gap is left out, and so is any past of which less than two are whole.

    Returns
    -------
    IntArray
        Ranks from 0, shape (n_whole, n_steps, n_nodes); in each column every rank once.

    Examples
    --------
    >>> error_ranks(np.array([[[0.3]], [[-1.0]], [[0.1]]])).ravel().tolist()
    [2, 0, 1]
    """
    whole = np.isfinite(errors).all(axis=(1, 2))
    order = np.argsort(errors[whole], axis=0, kind="stable")
    return np.asarray(np.argsort(order, axis=0, kind="stable"), dtype=np.int64)


def sample_paths(ranks: IntArray, quantiles: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Return paths of every node with the given marginals, ordered as past errors were.

    At each node and step the paths take the quantiles at (k + 1/2) / n_paths, each once.

    Parameters
    ----------
    ranks
        From ``error_ranks``, shape (n_paths, n_steps, n_nodes).
    quantiles
        MW, shape (n_nodes, n_quantiles, n_steps), not decreasing.
    probabilities
        Shape (n_quantiles,), increasing.

    Returns
    -------
    FloatArray
        MW, shape (n_nodes, n_paths, n_steps).
    """
    n_paths = len(ranks)
    levels = (np.arange(n_paths) + 0.5) / n_paths
    ordered = _at(levels, quantiles, probabilities)
    place = ranks.transpose(2, 0, 1)
    return np.take_along_axis(ordered, place, axis=1)


def reconciled_paths(paths: FloatArray, reconciler: Reconciler) -> FloatArray:
    """Return the paths moved onto the sums that hold, same shape (n_nodes, n_paths, n_steps)."""
    n_nodes, n_paths, n_steps = paths.shape
    return reconciler.apply(paths.reshape(n_nodes, -1)).reshape(n_nodes, n_paths, n_steps)


def path_quantiles(paths: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Return quantiles of paths, MW, shape (n_nodes, n_quantiles, n_steps).

    The inverse of ``sample_paths`` where it can be: path k of n in order stands at (k + 1/2) / n.
    """
    n_paths = paths.shape[1]
    levels = (np.arange(n_paths) + 0.5) / n_paths
    return _at(probabilities, np.sort(paths, axis=1), levels)


def _at(wanted: FloatArray, quantiles: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Return quantiles at other probabilities, along axis 1.

    Between two given ones they lie on a straight line over the normal quantile, and so beyond
    the outermost: a normal distribution stays what it is.
    """
    known, asked = ndtri(probabilities), ndtri(wanted)
    if len(known) == 1:
        return np.repeat(quantiles, len(asked), axis=1)
    right = np.clip(np.searchsorted(known, asked), 1, len(known) - 1)
    share = (asked - known[right - 1]) / (known[right] - known[right - 1])
    share = share[None, :, None]
    return np.asarray(quantiles[:, right - 1] * (1.0 - share) + quantiles[:, right] * share)
