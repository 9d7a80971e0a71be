"""What a replay made beside what was recorded: pieces of both, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from records.time import DAY, HOUR, parse_time
from storage.historian_classes import HistoryClass
from storage.history_reader import HistoryReader
from storage.recorded_products import forecast_values, interval_values
from stream.replay_differences import ProductDifferences

__all__ = ["compared_forecasts", "compared_windows"]

_AT_ONCE = 6 * HOUR
"""Forecasts are many: issues of this long are compared at a time."""


def compared_windows(
    was: HistoryReader, now: HistoryReader, first: int, last: int
) -> Iterator[ProductDifferences]:
    """Compare windows, a piece of the period at a time."""
    both = was, now
    for name, kept_as in (
        ("window", HistoryClass.WINDOWS),
        ("long window", HistoryClass.LONG_WINDOWS),
        ("meter interval", HistoryClass.METER_INTERVALS),
    ):
        found = ProductDifferences(name)
        for since, until in _pieces(both, kept_as, first, last, DAY):
            found.take(*(interval_values(h, kept_as, since, until, last) for h in both))
        yield found


def compared_forecasts(
    was: HistoryReader, now: HistoryReader, first: int, last: int, horizon: int, tolerance: float
) -> ProductDifferences:
    """Compare forecasts, a piece of the period at a time."""
    both = was, now
    found = ProductDifferences("forecast", tolerance)
    issued = first, last + 1
    for since, until in _pieces(both, HistoryClass.FORECASTS, *issued, _AT_ONCE, horizon):
        found.take(*(forecast_values(h, since, until, horizon) for h in both))
    return found


def _pieces(
    historians: Sequence[HistoryReader],
    kept_as: HistoryClass,
    first: int,
    end: int,
    length: int,
    horizon: int = 0,
) -> Iterator[tuple[int, int]]:
    """Pieces of ``[first, end)`` on the dates of which anything is kept, in order.

    `horizon` is how far the times of what is kept lie beyond its date, at most.
    """
    valid = first - DAY, end + horizon + DAY
    dates = {date for h in historians for date in h.dates(kept_as, *valid)}
    for date in sorted(dates):
        day = parse_time(f"{date}T00:00Z")
        since, until = max(first, day), min(end, day + DAY)
        for piece in range(since, until, length):
            yield piece, min(piece + length, until)
