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
            Tables with the columns of `VALUES`, every key once.
        """
        both = recorded.append_column("in_recorded", _yes(recorded)).join(
            replayed.append_column("in_replayed", _yes(replayed)),
            keys=_KEY,
            join_type="full outer",
            right_suffix="_replayed",
        )
        was, now = _floats(both["value"]), _floats(both["value_replayed"])
        in_recorded, in_replayed = (_flags(both[name]) for name in ("in_recorded", "in_replayed"))
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
            first = both.filter(different).sort_by(_ORDER).slice(0, self.keep - len(self.kept))
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
            _number(row["value"]),
            _number(row["value_replayed"]),
        )


def _yes(table: pa.Table) -> pa.Array:
    return pa.array(np.ones(len(table), np.bool_))


def _floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Values of a column; null becomes NaN."""
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)


def _flags(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(column.fill_null(False).to_numpy(), np.bool_)


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value


def _number(value: object) -> float | None:
    return value if isinstance(value, float) and np.isfinite(value) else None
