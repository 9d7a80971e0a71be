"""What a historian answers, wherever it is kept: in files beside the run, or on a server.

Queries are written once, in the SQL that DuckDB and PostgreSQL have in common, and two functions
that both get here: ``epoch_ns(time)``, ns UTC of a time, and ``numbers(text)``, the floats of a
JSON array. Parameters are ``$1``, ``$2``, ...; a list is unpacked with ``SELECT unnest($1::T[])``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from records.log import Partition
from storage.historian_classes import HistoryClass

__all__ = ["HistoryReader"]


class HistoryReader(Protocol):
    """Questions to a historian; `storage.historian.Historian` says what each one means."""

    @property
    def as_received(self) -> str:
        """``ORDER BY`` by which rows of ``scada`` come as received; empty where they do so."""
        ...

    def next_offsets(self) -> dict[Partition, int]:
        """Next offset to be recorded, by partition."""
        ...

    def dates(self, kept_as: HistoryClass, start: int, end: int) -> list[str]:
        """Dates (``YYYY-MM-DD``, UTC) under which rows of ``[start, end)`` are kept, in order.

        A class goes by its own column for that; dates without such rows may be among them.
        """
        ...

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Run a query over all classes, by their names, every version of every value."""
        ...

    def sql_within(
        self, kept_as: HistoryClass, start: int, end: int, query: str, parameters: Sequence[Any]
    ) -> pa.Table:
        """Run a query over one class, of which only rows in ``[start, end)`` are wanted."""
        ...

    def as_of(
        self,
        kept_as: HistoryClass,
        start: int,
        end: int,
        *,
        series: Sequence[str] | None = None,
        as_of: int | None = None,
    ) -> pa.Table:
        """Rows with valid times in ``[start, end)``, each as best known at `as_of`."""
        ...

    def matrix(
        self,
        series: Sequence[str],
        start: int,
        end: int,
        step: int,
        *,
        as_of: int | None = None,
        source: HistoryClass = HistoryClass.WINDOWS,
        least_share: float = 0.5,
        most_imputed: float = 1.0,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Interval means of several series on one time axis."""
        ...

    def scada(self, start: int, end: int, *, points: Sequence[int] | None = None) -> pa.Table:
        """Measurements as received with times in ``[start, end)``, by point and time."""
        ...

    def measurements(
        self, partition: Partition, offsets: tuple[int, int], times: tuple[int, int]
    ) -> pa.Table:
        """Measurements of the raw records ``[first, past)``, in the order they were received."""
        ...

    def close(self) -> None:
        """Let go of files or connections."""
        ...
