"""Forecast runs as they are published: one record a level, one blob a series in Redis.

The mean is row 0; quantiles follow in ascending order. Only means add up over the levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from records.envelope import event_headers
from records.lineage import RunLineage
from records.log import Outgoing
from records.time import format_duration, format_time, parse_duration, parse_time

__all__ = [
    "FORECAST_TYPE",
    "ForecastLevel",
    "ForecastRun",
    "RunMeta",
    "SeriesMeta",
    "decode_forecast",
    "forecast_record",
    "level_meta",
    "run_id",
]

FORECAST_TYPE = "gridcast.forecast.v1"


class SeriesMeta(msgspec.Struct, frozen=True):
    """Where one series' numbers come from."""

    parent: str | None
    model_versions: dict[str, str]
    method: str
    reason: str
    quality: dict[str, float]


class RunMeta(msgspec.Struct, frozen=True):
    """What the numbers of one level mean; the `_meta` field of the Redis hash."""

    run_id: str
    issue_time: str
    start: str
    step: str
    n_steps: int
    quantiles: list[float]
    unit: str
    hierarchy_version: str
    series: dict[str, SeriesMeta]
    valid_times: list[str] | None = None
    """Interval starts; given where steps differ in length (local days)."""
    lineage: RunLineage | None = None
    """Where the numbers come from; not known of runs that say nothing of it."""


class _Payload(msgspec.Struct, frozen=True):
    level: str
    meta: RunMeta
    values: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class ForecastLevel:
    """One level of one run.

    Parameters
    ----------
    level
        Name of the level.
    meta
        What the numbers mean.
    series
        Series ids, length n_series, the order of `values`.
    values
        Shape (n_series, 1 + n_quantiles, n_steps): the mean, then the quantiles.
    """

    level: str
    meta: RunMeta
    series: tuple[str, ...]
    values: npt.NDArray[np.float64]

    def blob(self, row: int) -> bytes:
        """Return one series as little-endian float64 in C order."""
        return np.ascontiguousarray(self.values[row], dtype="<f8").tobytes()

    @property
    def issue_time(self) -> int:
        """When the run was issued, ns UTC."""
        return parse_time(self.meta.issue_time)

    @property
    def start(self) -> int:
        """Start of the first interval, ns UTC."""
        return parse_time(self.meta.start)

    @property
    def step(self) -> int:
        """Length of a step, ns."""
        return parse_duration(self.meta.step)


def run_id(issue_time: int, product: str) -> str:
    """Name of a run, sortable by issue time.

    >>> run_id(0, "short")
    '19700101T000000Z-short'
    """
    compact = format_time(issue_time).replace("-", "").replace(":", "")
    return f"{compact}-{product}"


def level_meta(
    *,
    run: str,
    issue_time: int,
    start: int,
    step: int,
    n_steps: int,
    quantiles: Sequence[float],
    unit: str,
    hierarchy_version: str,
    series: dict[str, SeriesMeta],
    valid_times: Sequence[int] | None = None,
    lineage: RunLineage | None = None,
) -> RunMeta:
    """Build the meta data of a level from times in ns."""
    return RunMeta(
        run,
        format_time(issue_time),
        format_time(start),
        format_duration(step),
        n_steps,
        [float(q) for q in quantiles],
        unit,
        hierarchy_version,
        series,
        None if valid_times is None else [format_time(t) for t in valid_times],
        lineage,
    )


_DECODER = msgspec.msgpack.Decoder(_Payload)


def forecast_record(topic: str, forecast: ForecastLevel, watermark: int) -> Outgoing:
    """Encode one level of a run, keyed by the level."""
    values = {name: forecast.blob(row) for row, name in enumerate(forecast.series)}
    headers = event_headers(
        FORECAST_TYPE,
        "forecaster",
        event_id=f"{forecast.meta.run_id}-{forecast.level}",
        content_type="application/msgpack",
        watermark=watermark,
    )
    payload = msgspec.msgpack.encode(_Payload(forecast.level, forecast.meta, values))
    return Outgoing(topic, 0, payload, forecast.level.encode(), headers)


def decode_forecast(value: bytes) -> ForecastLevel:
    """Read one level of a run back."""
    payload = _DECODER.decode(value)
    shape = (1 + len(payload.meta.quantiles), payload.meta.n_steps)
    rows = [np.frombuffer(blob, "<f8").reshape(shape) for blob in payload.values.values()]
    values = np.stack(rows) if rows else np.empty((0, *shape))
    return ForecastLevel(payload.level, payload.meta, tuple(payload.values), values)


@dataclass(frozen=True, slots=True)
class ForecastRun:
    """All levels of one issue, published together or not at all."""

    run_id: str
    issue_time: int
    levels: tuple[ForecastLevel, ...]
