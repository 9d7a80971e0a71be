"""What the historian holds of windows, as those who make them again need it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from storage.historian_classes import HistoryClass
from storage.historian_readings import EVER, last_revisions
from storage.history_reader import HistoryReader
from stream.fold import Aggregates
from stream.rebuild import RecordedWindows

__all__ = ["recorded_windows"]


def recorded_windows(
    historian: HistoryReader,
    kept_as: HistoryClass,
    area: int,
    length: int,
    period: tuple[int, int],
    names: Sequence[str],
    *,
    before: int = EVER,
    past: int = EVER,
) -> dict[tuple[int, int], RecordedWindows]:
    """Return the highest revision of some series over windows, by length and start, ns.

    Parameters
    ----------
    kept_as
        The class that has them.
    area, length
        Of the windows; ns.
    period
        Their starts, ``[first, end)``, ns UTC.
    names
        Series ids.
    before
        Only what was made of raw records before this offset.
    past
        Only what lies in its topic up to this offset.
    """
    rows = last_revisions(historian, kept_as, area, length, period, names, before=before, past=past)
    starts = rows["start"].to_numpy()
    firsts = np.flatnonzero(np.diff(starts, prepend=-1))
    return {
        (length, int(starts[first])): _window(rows.slice(first, past - first))
        for first, past in zip(firsts, np.append(firsts, len(starts))[1:], strict=True)
    }


def _window(rows: pa.Table) -> RecordedWindows:
    mean, q95, minimum, maximum, energy, share = (
        np.asarray(rows[name].to_numpy(), np.float64)
        for name in ("value", "q95", "minimum", "maximum", "energy_mwh", "imputed_share")
    )
    count, quality = rows["count"].to_numpy(), rows["quality"].to_numpy().astype(np.uint16)
    numbers = Aggregates(mean, q95, minimum, maximum, energy, count, share, quality)
    series = np.array(rows["series"].to_pylist(), object)
    return RecordedWindows(series, rows["version"].to_numpy(), numbers)
