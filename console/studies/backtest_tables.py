"""Looking up a backtest's rows, and setting them as tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Scores", "best_of", "markdown_table"]

_BEST_FIRST = ("reconciled", "aggregated", "gam_ar", "boosted", "gam", "hong_vanilla")


def best_of(methods: Sequence[str]) -> str:
    """Return the method to tell most of: what would be published, or the nearest to it.

    >>> best_of(["seasonal_naive_7d", "gam", "gam_ar"])
    'gam_ar'
    """
    return next((method for method in _BEST_FIRST if method in methods), methods[0])


class Scores:
    """Rows of a backtest, by what they are about.

    Parameters
    ----------
    rows
        As ``run_backtest`` gives them.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.levels = list(dict.fromkeys(row["level"] for row in rows))
        self.leads = list(dict.fromkeys(row["lead"] for row in rows))
        self.methods = list(dict.fromkeys(row["method"] for row in rows))
        self.series = list(dict.fromkeys(row["series"] for row in rows))
        self._whole: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        self._by_level: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
        self._by_hour: dict[tuple[str, str, str, int], list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            if row["day_type"] is not None:
                continue
            place = (row["level"], row["lead"], row["method"])
            if row["hour"] is None:
                self._by_level[place].append(row)
                self._whole[row["series"], row["lead"], row["method"]] = row
            else:
                self._by_hour[(*place, row["hour"])].append(row)

    @property
    def top(self) -> str | None:
        """The series of the first level, where it is one alone."""
        firsts = {series for series, lead, method in self._whole if self._is_first(series)}
        return firsts.pop() if len(firsts) == 1 else None

    def whole(self, series: str | None, lead: str, method: str) -> Mapping[str, Any]:
        """Return the row of a series over all hours and days."""
        return self._whole[str(series), lead, method]

    def leads_of(self, method: str) -> list[str]:
        """Return the leads at which a method was scored."""
        return [
            lead
            for lead in self.leads
            if any((lv, lead, method) in self._by_level for lv in self.levels)
        ]

    def has_quantiles(self, method: str) -> bool:
        """Whether a method came with quantiles."""
        return any(
            row["below"] is not None
            for (_, _, own), rows in self._by_level.items()
            if own == method
            for row in rows
        )

    def mean(self, level: str, lead: str, method: str, score: str) -> float | None:
        """Return a score's mean over the series of a level; None where there is none."""
        return _mean(self._by_level.get((level, lead, method), []), score)

    def at_hour(self, level: str, lead: str, method: str, hour: int, score: str) -> float | None:
        """Return a score's mean over the series of a level at a local hour."""
        return _mean(self._by_hour.get((level, lead, method, hour), []), score)

    def below(self, level: str, lead: str, method: str) -> list[float] | None:
        """Return the percent of actuals at or below each quantile, mean over a level."""
        told = [
            row["below"]
            for row in self._by_level.get((level, lead, method), [])
            if row["below"] is not None and None not in row["below"]
        ]
        return [sum(column) / len(told) for column in zip(*told, strict=True)] if told else None

    def _is_first(self, series: str) -> bool:
        return any(
            row["level"] == self.levels[0]
            for (own, _, _), row in self._whole.items()
            if own == series
        )


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Set a table; numbers to four figures, a dash for what is not known.

    >>> print(markdown_table(("lead", "mape"), [("PT1H", 1.23456), ("PT24H", None)]))
    | lead | mape |
    |---|---:|
    | PT1H | 1.235 |
    | PT24H | - |
    """
    numeric = [any(isinstance(row[k], int | float) for row in rows) for k in range(len(head))]
    lines = [
        "| " + " | ".join(head) + " |",
        "|" + "|".join("---:" if each else "---" for each in numeric) + "|",
    ]
    lines += ["| " + " | ".join(_told(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _told(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _mean(rows: Sequence[Mapping[str, Any]], score: str) -> float | None:
    found = [row[score] for row in rows if row[score] is not None]
    return sum(found) / len(found) if found else None
