"""The truth behind the telemetry, kept aside in files that no stage reads.

One file a UTC day in each of four folders:

``hourly``
    ``valid_time`` and, in MW, the mean of every load (``load:12 p_mw``) and of the losses of
    every area (``losses:0``).
``flows``
    ``time`` (every five minutes) and, in MW at that moment, the active power into every branch
    at both ends (``branch:7 from p_mw``).
``readings``
    Corrupted readings: ``scan_time``, ``point`` (number), ``fault``, ``true``, ``sent`` (raw;
    null where nothing arrived).
``frames``
    Frames that met a fault: ``scan_time``, ``area``, ``fault``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.twin.faults import FrameFault, ReadingFault
from ingest.twin.frames import FrameNotes
from ingest.twin.measuring import Corruption

__all__ = ["TimedTable", "read_truth", "write_corruption", "write_truth"]

_UTC = pa.timestamp("ns", tz="UTC")


@dataclass(frozen=True, slots=True, eq=False)
class TimedTable:
    """Columns over times.

    Parameters
    ----------
    times
        ns UTC, shape (n_times,).
    columns
        Names, length n_columns.
    values
        Shape (n_times, n_columns), MW.
    """

    times: npt.NDArray[np.int64]
    columns: tuple[str, ...]
    values: npt.NDArray[np.float64]


def write_truth(folder: Path, kind: str, day: str, table: TimedTable) -> None:
    """Write one day of ``hourly`` or ``flows``."""
    label = "valid_time" if kind == "hourly" else "time"
    columns: dict[str, pa.Array] = {label: pa.array(table.times).cast(_UTC)}
    for number, name in enumerate(table.columns):
        columns[name] = pa.array(np.ascontiguousarray(table.values[:, number]))
    _write(folder / kind, day, pa.table(columns))


def read_truth(folder: Path, kind: str) -> TimedTable:
    """Read every day of ``hourly`` or ``flows``, in order of time.

    Raises
    ------
    FileNotFoundError
        When there is none.
    """
    files = sorted((folder / kind).glob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"{folder / kind}: no truth has been written")
    table = pa.concat_tables([pq.read_table(file) for file in files]).combine_chunks()
    times = table.column(0).cast(pa.int64()).to_numpy()
    names = tuple(table.column_names[1:])
    values = np.column_stack([table.column(name).to_numpy() for name in names])
    return TimedTable(times, names, values)


def write_corruption(folder: Path, day: str, corruption: Corruption, notes: FrameNotes) -> None:
    """Write one day of ``readings`` and ``frames``."""
    fault = _joined(corruption.fault, np.int64)
    readings = {
        "scan_time": pa.array(_joined(corruption.time, np.int64)).cast(_UTC),
        "point": pa.array(_joined(corruption.point, np.int64)),
        "fault": _named(fault, {kind.value: kind.name.lower() for kind in ReadingFault}),
        "true": pa.array(_joined(corruption.true, np.float64)),
        "sent": pa.array(_joined(corruption.sent, np.float64), from_pandas=True),
    }
    _write(folder / "readings", day, pa.table(readings))
    rows = np.array(notes.rows, np.int64).reshape(-1, 3)
    frames = {
        "scan_time": pa.array(rows[:, 0]).cast(_UTC),
        "area": pa.array(rows[:, 1]),
        "fault": _named(rows[:, 2], {kind.value: kind.name.lower() for kind in FrameFault}),
    }
    _write(folder / "frames", day, pa.table(frames))


def _named(code: npt.NDArray[np.int64], names: Mapping[int, str]) -> pa.Array:
    return pa.array([names[value] for value in code.tolist()], pa.string()).dictionary_encode()


def _joined(parts: Sequence[npt.NDArray[Any]], dtype: type) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def _write(folder: Path, day: str, table: pa.Table) -> None:
    """Write by renaming, so that a reader never sees half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{day}.part"
    pq.write_table(table, part, compression="zstd")
    os.replace(part, folder / f"{day}.parquet")  # noqa: PTH105
