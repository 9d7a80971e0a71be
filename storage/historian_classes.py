"""What the historian keeps, class by class: columns, how long, and how they are stored.

Every class but ``records`` and ``scada`` follows one pattern: ``valid_time`` (start of what it
is about), ``available_at`` (when it could be known), ``recorded_at`` (when the log took it)
and ``version`` (the highest one known counts). All keep where they came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import pyarrow as pa

__all__ = ["CLASSES", "HistoryClass", "Kept"]


class HistoryClass(StrEnum):
    """Names of the classes, and of their directories and SQL views."""

    RECORDS = "records"
    """Raw records, one row each: what a replay reads."""
    SCADA = "scada"
    """Measurements of raw frames as received: unfilled, uncorrected."""
    VALIDATED = "validated"
    """What validation and imputation made of the scans, where it is not the reading as received."""
    METER_READS = "meter_reads"
    WEATHER = "weather"
    WINDOWS = "windows"
    """Windows of 5 minutes."""
    LONG_WINDOWS = "long_windows"
    """Windows of 15 minutes up to local days; `length_ns` tells them apart."""
    METER_INTERVALS = "meter_intervals"
    METER_ESTIMATES = "meter_estimates"
    """Estimates of metered energy and their reversals, every revision with what it rests on."""
    STATES = "states"
    FORECASTS = "forecasts"
    RUNS = "runs"
    """Forecast runs: where their numbers come from, and what is part of what."""
    EVENTS = "events"
    """Findings and ruptures."""
    DEAD_LETTERS = "dead_letters"


@dataclass(frozen=True, slots=True)
class Kept:
    """How one class is kept.

    Parameters
    ----------
    schema
        Columns of its files.
    by_time
        Column whose UTC date chooses the directory.
    order
        Columns that compaction sorts by, so that queries read little.
    retention
        Kept at least this long after its date.
    key
        Columns that tell values apart, and not versions of one value.
    rank
        Which version of a value counts, before the last known and the last recorded.
    """

    schema: pa.Schema
    by_time: str
    order: tuple[str, ...]
    retention: timedelta
    key: tuple[str, ...] = ("series", "valid_time")
    rank: str = "version DESC"

    @property
    def bounded_by(self) -> str:
        """Column whose times retention goes by."""
        return "valid_time" if "valid_time" in self.schema.names else self.by_time

    @property
    def by_valid_time(self) -> bool:
        """Whether retention goes by times of the data, not by when they were recorded."""
        return self.bounded_by != "recorded_at"

    @property
    def versioned(self) -> bool:
        """Whether values have versions, known from some time on."""
        return "available_at" in self.schema.names


_TIME = pa.timestamp("ns", "UTC")
_TEXT = pa.dictionary(pa.int32(), pa.string())
_FLOATS = pa.list_(pa.float64())

_ORIGIN = [("partition", pa.int32()), ("offset", pa.int64())]
_KNOWN = [
    ("valid_time", _TIME),
    ("available_at", _TIME),
    ("recorded_at", _TIME),
    ("version", pa.int32()),
]
_WINDOW = pa.schema(
    [
        ("series", _TEXT),
        *_KNOWN,
        ("length_ns", pa.int64()),
        ("value", pa.float64()),
        ("q95", pa.float64()),
        ("minimum", pa.float64()),
        ("maximum", pa.float64()),
        ("energy_mwh", pa.float64()),
        ("count", pa.int32()),
        ("imputed_share", pa.float64()),
        ("quality", pa.uint16()),
        *_ORIGIN,
        # Of the raw record that closed or corrected the window; null in files before 0.2.
        ("input_offset", pa.int64()),
    ]
)
_YEARS = timedelta(days=3 * 366)

CLASSES: dict[HistoryClass, Kept] = {
    HistoryClass.RECORDS: Kept(
        pa.schema(
            [
                ("topic", _TEXT),
                *_ORIGIN,
                ("append_time", _TIME),
                ("event_time", _TIME),
                ("key", pa.binary()),
                ("headers", pa.string()),
                # Null where the class scada holds the rows, and these the rest, of a frame.
                ("value", pa.binary()),
                ("source", _TEXT),
                ("sequence", pa.int64()),
                ("scan_time", pa.int64()),
                ("version", pa.int64()),
            ]
        ),
        "event_time",
        ("topic", "partition", "offset"),
        timedelta(days=92),
    ),
    HistoryClass.SCADA: Kept(
        pa.schema(
            [
                ("point", pa.uint32()),
                ("valid_time", _TIME),
                ("value", pa.float64()),
                ("quality", pa.uint16()),
                ("offset_ms", pa.int32()),
                ("version", pa.int32()),
                ("append_time", _TIME),
                ("topic", _TEXT),
                *_ORIGIN,
            ]
        ),
        "valid_time",
        ("topic", "partition", "offset"),
        timedelta(days=92),
    ),
    HistoryClass.VALIDATED: Kept(
        pa.schema(
            [
                ("point", pa.uint32()),
                *_KNOWN,
                ("value", pa.float64()),
                ("quality", pa.uint16()),
                ("age_s", pa.float64()),
                *_ORIGIN,
            ]
        ),
        "valid_time",
        ("point", "valid_time", "version"),
        timedelta(days=92),
        key=("point", "valid_time"),
    ),
    HistoryClass.METER_READS: Kept(
        pa.schema(
            [
                ("series", _TEXT),
                *_KNOWN,
                ("run", pa.int32()),
                ("document", _TEXT),
                ("length_ns", pa.int64()),
                ("withdrawn_mwh", pa.float64()),
                ("injected_mwh", pa.float64()),
                ("withdrawn_reading", pa.bool_()),
                *_ORIGIN,
            ]
        ),
        "valid_time",
        ("series", "valid_time", "available_at"),
        _YEARS,
        # As in the stream: a null says nothing, and later knowledge counts before revisions.
        rank="(withdrawn_mwh IS NULL AND injected_mwh IS NULL AND NOT withdrawn_reading), "
        "run DESC, available_at DESC, version DESC",
    ),
    HistoryClass.WEATHER: Kept(
        pa.schema(
            [
                ("series", _TEXT),
                ("quantity", _TEXT),
                *_KNOWN,
                ("issue_time", _TIME),
                ("value", pa.float64()),
                *_ORIGIN,
            ]
        ),
        "valid_time",
        ("series", "quantity", "valid_time", "available_at"),
        _YEARS,
        key=("series", "quantity", "valid_time"),
    ),
    HistoryClass.WINDOWS: Kept(_WINDOW, "valid_time", ("series", "valid_time", "version"), _YEARS),
    HistoryClass.LONG_WINDOWS: Kept(
        _WINDOW,
        "valid_time",
        ("series", "valid_time", "version"),
        _YEARS,
        key=("series", "length_ns", "valid_time"),
    ),
    HistoryClass.METER_INTERVALS: Kept(
        _WINDOW, "valid_time", ("series", "valid_time", "version"), _YEARS
    ),
    HistoryClass.METER_ESTIMATES: Kept(
        pa.schema(
            [
                ("series", _TEXT),
                *_KNOWN,
                ("meter", _TEXT),
                ("length_ns", pa.int64()),
                # Null where the estimate was taken back.
                ("energy_mwh", pa.float64()),
                ("method", _TEXT),
                ("reason", _TEXT),
                ("approved_by", _TEXT),
                ("inputs", pa.string()),
                *_ORIGIN,
                # Null in files from before people could decide.
                ("status", _TEXT),
                ("decided_at", _TIME),
            ]
        ),
        "valid_time",
        ("series", "valid_time", "version"),
        _YEARS,
        key=("meter", "valid_time", "length_ns"),
    ),
    HistoryClass.STATES: Kept(
        pa.schema(
            [
                ("series", _TEXT),
                *_KNOWN,
                ("valid", pa.bool_()),
                ("reason", pa.string()),
                ("iterations", pa.int32()),
                ("j_per_dof", pa.float64()),
                ("v_pu", _FLOATS),
                ("angle_deg", _FLOATS),
                ("p_from_mw", _FLOATS),
                ("q_from_mvar", _FLOATS),
                ("p_to_mw", _FLOATS),
                ("q_to_mvar", _FLOATS),
                ("losses_mw", pa.string()),
                ("removed", pa.string()),
                ("n_measured", pa.int32()),
                ("n_pseudo", pa.int32()),
                *_ORIGIN,
                ("topology_since", _TIME),
                ("switched", pa.string()),
                ("total_losses_mw", pa.float64()),
                ("regions", pa.string()),
            ]
        ),
        "valid_time",
        ("series", "valid_time", "version"),
        _YEARS,
    ),
    HistoryClass.FORECASTS: Kept(
        pa.schema(
            [
                ("series", _TEXT),
                ("level", _TEXT),
                *_KNOWN,
                ("lead_ns", pa.int64()),
                ("length_ns", pa.int64()),
                ("value", pa.float64()),
                ("quantiles", _FLOATS),
                ("probabilities", _TEXT),
                ("unit", _TEXT),
                ("method", _TEXT),
                ("reason", _TEXT),
                ("model_versions", _TEXT),
                ("quality", _TEXT),
                ("hierarchy_version", _TEXT),
                ("run_id", _TEXT),
                *_ORIGIN,
            ]
        ),
        "available_at",
        ("series", "valid_time", "available_at"),
        _YEARS,
    ),
    HistoryClass.RUNS: Kept(
        pa.schema(
            [
                ("run_id", _TEXT),
                ("level", _TEXT),
                *_KNOWN,
                ("hierarchy_version", _TEXT),
                # JSON: parent by series of the level, and `records.lineage.RunLineage`.
                ("parents", _TEXT),
                ("lineage", _TEXT),
                *_ORIGIN,
            ]
        ),
        "valid_time",
        ("run_id", "level"),
        _YEARS,
        key=("run_id", "level"),
    ),
    HistoryClass.EVENTS: Kept(
        pa.schema(
            [
                ("series", _TEXT),
                ("type", _TEXT),
                ("name", _TEXT),
                *_KNOWN,
                ("value", pa.float64()),
                ("detail", pa.string()),
                *_ORIGIN,
            ]
        ),
        "valid_time",
        ("series", "valid_time"),
        _YEARS,
        key=("series", "type", "name", "valid_time", "partition", "offset"),
    ),
    HistoryClass.DEAD_LETTERS: Kept(
        pa.schema(
            [
                ("recorded_at", _TIME),
                ("origin_topic", _TEXT),
                ("origin_partition", pa.int32()),
                ("origin_offset", pa.int64()),
                ("origin_append_time", _TIME),
                ("reason", _TEXT),
                ("detail", pa.string()),
                ("count", pa.int64()),
                ("rows", pa.list_(pa.int64())),
                ("key", pa.binary()),
                ("headers", pa.string()),
                ("value", pa.binary()),
                *_ORIGIN,
            ]
        ),
        "recorded_at",
        ("recorded_at", "offset"),
        timedelta(days=366),
    ),
}
"""Every class and how it is kept."""
