"""Metered energies as interval batches: mean power, and whether anything is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from records.quality import Quality
from records.time import HOUR
from records.window import WindowBatch

__all__ = ["interval_batch"]


def interval_batch(
    area: int,
    start: int,
    period: int,
    input_offset: int,
    series: npt.NDArray[np.object_],
    net_mwh: npt.NDArray[np.float64],
    revision: npt.NDArray[np.int32],
) -> WindowBatch:
    """Return the batch of one period.

    Parameters
    ----------
    area
        Area number.
    start, period
        The period, ns UTC and ns; a period of 0 for a batch without series.
    input_offset
        Of the document or tick it is made of.
    series
        Series ids, shape (n_series,).
    net_mwh
        Withdrawal less injection, NaN where it was withdrawn, shape (n_series,).
    revision
        Revision of each, shape (n_series,).
    """
    known = np.isfinite(net_mwh)
    unknown = np.full(len(series), np.nan)
    return WindowBatch(
        area,
        start,
        period,
        input_offset,
        series=series,
        revision=revision,
        mean=net_mwh * (HOUR / period) if period else net_mwh,
        q95=unknown,
        minimum=unknown,
        maximum=unknown,
        energy_mwh=net_mwh,
        count=known.astype(np.int32),
        imputed_share=np.where(known, 0.0, 1.0),
        quality=np.where(known, 0, int(Quality.MISSING)).astype(np.uint16),
    )
