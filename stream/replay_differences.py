"""Where a replay differs from what was recorded: two tables of values, matched by their keys."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["MEAN", "VALUES", "Difference", "ProductDifferences"]

MEAN = -1.0
"""In the column `quantile`: the value is the mean."""

VALUES = pa.schema(
    [
        ("series", pa.string()),
        ("length", pa.int64()),
        ("valid_time", pa.int64()),
        ("issue_time", pa.int64()),
        ("revision", pa.int32()),
        ("quantile", pa.float64()),
        ("value", pa.float64()),
    ]
)
"""One row a value. All columns but `value` are its key: length of the interval, ns, its start and
the issue it belongs to, ns UTC (0 for what is measured), and the quantile's level or `MEAN`."""

_KEY = [name for name in VALUES.names if name != "value"]
_MOST_KEYS = 2**31
"""Numbers of keys are counted up to this: times one more column's they are within 64 bits."""
_ORDER = [
    (name, "ascending")
    for name in ("issue_time", "valid_time", "series", "length", "revision", "quantile")
]


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not the same; None where there is none, or its value is not known.

    Parameters
    ----------
    product
        What it is of: windows, meter intervals, forecasts.
    series
        Series id.
    valid_time
        Start of its interval, ns UTC.
    issue_time
        Issue of a forecast, ns UTC; None for what is measured.
    revision
        Its revision.
    quantile
        Level of the quantile; None for the mean.
    recorded, replayed
        The values, in the series' unit.
    """

    product: str
    series: str
    valid_time: int
    issue_time: int | None
    revision: int
    quantile: float | None
    recorded: float | None
    replayed: float | None


@dataclass(slots=True)
class ProductDifferences:
    """Counts the differences of one product, period by period, and keeps the first ones.

    Values are the same where they differ by no more than `tolerance` times the greater of 1 and
    their magnitude, or where both are NaN. With a tolerance of 0 they must be equal.

    Parameters
    ----------
    product
        Its name in what is reported.
    tolerance
        See above.
    keep
        How many differences are kept, the earliest ones.

    Attributes
    ----------
    compared
        Values on either side.
    different
        How many of them are not the same, those of one side alone included.
    only_recorded, only_replayed
        How many are on one side alone.
    largest
        Largest absolute difference of two values that are both known, also within the tolerance.
    kept
        The first differences.
    """

    product: str
    tolerance: float = 0.0
    keep: int = 1000
    compared: int = 0
    different: int = 0
    only_recorded: int = 0
    only_replayed: int = 0
    largest: float = 0.0
    kept: list[Difference] = field(default_factory=list)

    def take(self, recorded: pa.Table, replayed: pa.Table) -> None:
        """Compare one period.

        Parameters
        ----------
        recorded, replayed
            Tables with the columns of `VALUES`; of rows with the same key the last one counts.
        """
        both = pa.concat_tables([recorded.select(VALUES.names), replayed.select(VALUES.names)])
        at_recorded, at_replayed = _matched(both, len(recorded))
        in_recorded, in_replayed = at_recorded >= 0, at_replayed >= 0
        value = _floats(both["value"])
        was = np.where(in_recorded, value[at_recorded], np.nan)
        now = np.where(in_replayed, value[at_replayed], np.nan)
        known = np.isfinite(was) & np.isfinite(now)
        gap = np.zeros(len(was))
        gap[known] = np.abs(was[known] - now[known])
        scale = np.ones(len(was))
        scale[known] = np.maximum(1.0, np.maximum(np.abs(was[known]), np.abs(now[known])))
        same = (gap <= self.tolerance * scale) & (np.isfinite(was) == np.isfinite(now))
        different = ~(same & in_recorded & in_replayed)
        self.compared += len(was)
        self.different += int(different.sum())
        self.only_recorded += int((~in_replayed).sum())
        self.only_replayed += int((~in_recorded).sum())
        self.largest = max(self.largest, float(gap.max(initial=0.0)))
        if different.any() and len(self.kept) < self.keep:
            rows = np.where(in_recorded, at_recorded, at_replayed)[different]
            found = both.select(_KEY).take(rows)
            found = found.append_column("recorded", pa.array(was[different]))
            found = found.append_column("replayed", pa.array(now[different]))
            first = found.sort_by(_ORDER).slice(0, self.keep - len(self.kept))
            self.kept += [self._difference(row) for row in first.to_pylist()]

    def _difference(self, row: dict[str, object]) -> Difference:
        issue_time, quantile = row["issue_time"], row["quantile"]
        return Difference(
            self.product,
            str(row["series"]),
            _whole(row["valid_time"]),
            _whole(issue_time) or None,
            _whole(row["revision"]),
            None if quantile == MEAN else _number(quantile),
            _number(row["recorded"]),
            _number(row["replayed"]),
        )


def _matched(
    both: pa.Table, n_recorded: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each key stands last among the rows recorded and among those after them.

    Two arrays of shape (n_keys,), -1 where one side does not have the key.
    """
    key = _keys(both)
    replayed = np.arange(len(key)) >= n_recorded
    order = np.lexsort((replayed, key))
    key, replayed = key[order], replayed[order]
    new = np.diff(key, prepend=-1) != 0
    last = np.ones(len(key), np.bool_)
    last[:-1] = new[1:] | (replayed[1:] != replayed[:-1])
    place = np.cumsum(new) - 1
    found = np.full((2, int(new.sum())), -1)
    found[replayed[last].astype(np.int64), place[last]] = order[last]
    return found[0], found[1]


def _keys(table: pa.Table) -> npt.NDArray[np.int64]:
    """One number for each row, the same where and only where the keys are."""
    key, n_keys = np.zeros(len(table), np.int64), 1
    for name in _KEY:
        column = table[name].combine_chunks().dictionary_encode()
        key = key * len(column.dictionary) + column.indices.to_numpy()
        n_keys *= max(len(column.dictionary), 1)
        if n_keys > _MOST_KEYS:
            known, key = np.unique(key, return_inverse=True)
            n_keys = len(known)
    return key


def _floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Values of a column; null becomes NaN."""
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def _number(value: object) -> float | None:
    return value if isinstance(value, float) and np.isfinite(value) else None
