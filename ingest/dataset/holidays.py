"""Holidays of a dataset: by country code, or from a file of dates."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np
import numpy.typing as npt

from forecasting.holidays import country_holidays
from ingest.dataset.errors import Problems
from ingest.dataset.hierarchy import HierarchySpec
from ingest.dataset.hierarchy_file import HIERARCHY_FILE

__all__ = ["read_holidays"]

_EPOCH = dt.date(1970, 1, 1)
_REMEDY = "write a header date,name and lines such as 2014-01-01,New Year's Day"


def read_holidays(
    folder: Path, hierarchy: HierarchySpec, years: tuple[int, int], problems: Problems
) -> npt.NDArray[np.int64]:
    """Return the holidays as days since 1970-01-01, sorted; empty when none are named.

    `years` are the first and last calendar year to cover for a country; a file is taken as
    it is. Both may be given: the days of either are holidays.
    """
    days: set[int] = set()
    if hierarchy.country is not None:
        try:
            days.update(country_holidays(hierarchy.country, *years).tolist())
        except ValueError as error:
            problems.add(
                HIERARCHY_FILE,
                None,
                f"country {hierarchy.country!r} has no holiday calendar ({error})",
                'write a code such as "FR" or "AU-VIC", or holidays = "FILE.csv" (date,name)',
            )
    if hierarchy.holidays_file is not None:
        days.update(_dates(folder, hierarchy.holidays_file, problems))
    return np.array(sorted(days), dtype=np.int64)


def _dates(folder: Path, name: str, problems: Problems) -> list[int]:
    path = folder / name
    if Path(name).name != name or not path.is_file():
        problems.add(name, None, "the holidays file is not in the folder", f"put it into {folder}")
        return []
    days: list[int] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if rows.fieldnames is None or "date" not in rows.fieldnames:
                problems.add(name, 1, "column 'date' is missing", _REMEDY, unit="line")
                return []
            for row in rows:
                text = (row["date"] or "").strip()
                try:
                    days.append((dt.date.fromisoformat(text) - _EPOCH).days)
                except ValueError:
                    what = f"{text!r} is not a date"
                    problems.add(name, rows.line_num, what, _REMEDY, unit="line")
    except (UnicodeDecodeError, csv.Error) as error:
        problems.add(name, None, f"it is not UTF-8 text: {error}", "save it as UTF-8")
    return days
