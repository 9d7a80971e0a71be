"""Public holidays of a country or one of its parts, computed by the ``holidays`` package."""

from __future__ import annotations

import datetime as dt

import holidays as published
import numpy as np

from forecasting.arrays import IntArray

__all__ = ["country_holidays"]


def country_holidays(country: str, first_year: int, last_year: int) -> IntArray:
    """Return the public holidays of a country as days since 1970-01-01, sorted.

    Parameters
    ----------
    country
        ISO 3166 code, optionally with a subdivision: ``"FR"``, ``"AU-VIC"``.
    first_year, last_year
        Both included.

    Raises
    ------
    ValueError
        If the country or subdivision is not known.

    Examples
    --------
    >>> days = country_holidays("FR", 2024, 2024)
    >>> str(days[0].astype("datetime64[D]"))
    '2024-01-01'
    """
    code, _, part = country.partition("-")
    try:
        table = published.country_holidays(
            code, subdiv=part or None, years=range(first_year, last_year + 1)
        )
    except NotImplementedError as error:
        msg = f"no holiday calendar for {country!r}; give the dates in a file (date,name) instead"
        raise ValueError(msg) from error
    epoch = dt.date(1970, 1, 1)
    return np.array(sorted((day - epoch).days for day in table), dtype=np.int64)
