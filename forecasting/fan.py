"""The published quantiles of all nodes: the bulk of the numbers of an issue, made in the cache."""

from __future__ import annotations

import numpy as np

from forecasting.arrays import FloatArray, IntArray
from forecasting.fleet import Fleet
from forecasting.threads import in_parts

__all__ = ["fan"]

_CHUNK = 64  # nodes whose quantiles fit in the cache together


def fan(
    fleet: Fleet,
    place: IntArray,
    instant: IntArray,
    log_scale: FloatArray,
    base: FloatArray,
    reconciled: FloatArray,
) -> FloatArray:
    """Return quantiles around the reconciled forecast, MW, (n_nodes, n_quantiles, n_steps).

    Those of each series' own distribution around its base forecast, moved by what reconciliation
    moved it. A step without a base forecast that its scale can hold has no spread.

    Parameters
    ----------
    place
        Place of each node among the series, -1 without a model, shape (n_nodes,).
    instant
        Instant of day of each step, shape (n_steps,).
    log_scale
        Correction of the widths, shape (n_bands, n_series).
    base, reconciled
        MW, shape (n_nodes, n_steps).
    """
    model, link = fleet.quantiles, fleet.link
    width = model.scale(instant, log_scale) * link.spread
    band = model.band[np.minimum(np.arange(len(instant)), len(model.spread) - 1)]
    steps_of = np.bincount(band)  # bands come in order
    out = np.empty((len(place), len(model.probabilities), len(instant)))

    def of_nodes(part: slice) -> None:
        own, around, quantiles = place[part], base[part], out[part]
        logarithmic = link.logarithmic[own]
        shape = np.ascontiguousarray(model.shape[:, :, own].transpose(2, 1, 0))
        reach = np.ascontiguousarray(width[:, own].T)[:, None, :]
        np.multiply(np.repeat(shape[:, :, : len(steps_of)], steps_of, axis=2), reach, out=quantiles)
        # On the logarithmic scale a distance is a factor: exp(log(base) + offset).
        if logarithmic.all():
            np.exp(quantiles, out=quantiles)
            quantiles *= around[:, None, :]
            quantiles += (reconciled[part] - around)[:, None, :]
        else:
            grown = around[logarithmic, None] * (np.exp(quantiles[logarithmic]) - 1.0)
            quantiles[logarithmic] = grown
            quantiles += reconciled[part][:, None, :]
        good = np.isfinite(around) & (own >= 0)[:, None]
        good &= ~logarithmic[:, None] | (around > 0)
        if not good.all():
            np.copyto(quantiles, reconciled[part][:, None, :], where=~good[:, None, :])

    def of_chunks(chunks: slice) -> None:
        for k in range(chunks.start, chunks.stop):
            of_nodes(slice(k * _CHUNK, (k + 1) * _CHUNK))

    in_parts(-(-len(place) // _CHUNK), of_chunks, at_least=8)
    return out
