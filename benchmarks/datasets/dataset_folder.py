"""Writing tables of a data set as a gridcast dataset folder."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

UTC_NS = pa.timestamp("ns", tz="UTC")


def write_load(folder: Path, load: pd.DataFrame, unit: str) -> None:
    """Write columns of series over UTC interval starts as ``load.parquet``."""
    table = _long(load, "series").append_column(
        "unit", pa.array([unit] * load.size).dictionary_encode()
    )
    pq.write_table(table, folder / "load.parquet")


def write_temperature(folder: Path, degc: pd.DataFrame) -> None:
    """Write columns of stations over UTC interval starts as ``weather.parquet``."""
    quantity = pa.array(["temperature_degc"] * degc.size).dictionary_encode()
    table = _long(degc, "station").append_column("quantity", quantity)
    pq.write_table(table, folder / "weather.parquet")


def write_hierarchy(
    folder: Path,
    *,
    timezone: str,
    step: str,
    total: str,
    level: str,
    stations: Mapping[str, Mapping[str, float]],
) -> None:
    """Write a total and its children, each child with its stations by weight."""
    lines = [
        'version = "1"',
        f'timezone = "{timezone}"',
        f'step = "{step}"',
        'holidays = "holidays.csv"',
        f'\n[[node]]\nid = "{total}"\nlevel = "total"',
    ]
    for child, weights in stations.items():
        told = ", ".join(f'"{name}" = {weight!r}' for name, weight in weights.items())
        lines.append(
            f'\n[[node]]\nid = "{child}"\nlevel = "{level}"\nparent = "{total}"\n'
            f"stations = {{ {told} }}"
        )
    (folder / "hierarchy.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_holidays(folder: Path, days: Sequence[tuple[str, str]]) -> None:
    """Write (date, name) pairs as ``holidays.csv``."""
    with (folder / "holidays.csv").open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["date", "name"])
        writer.writerows(days)


def _long(wide: pd.DataFrame, kind: str) -> pa.Table:
    """Columns one after the other; NaN becomes null, which is how a missing value is written."""
    stacked = wide.astype("float64").melt(ignore_index=False, var_name=kind, value_name="value")
    return pa.table(
        {
            kind: pa.array(stacked[kind].to_numpy(object)).dictionary_encode(),
            "valid_time": pa.array(stacked.index).cast(UTC_NS),
            "value": pa.array(stacked["value"].to_numpy(), from_pandas=True),
        }
    )
