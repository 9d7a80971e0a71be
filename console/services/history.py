"""Hourly history in the historian: put there before a run, and read as what to train on."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.twin.history import History
from records.time import DAY, HOUR
from records.weather import WeatherQuantity
from storage.historian_classes import CLASSES, HistoryClass
from storage.history_reader import HistoryReader
from storage.recorder import HistoryWriter
from stream.forecast_plan import ForecastPlan, TrainingSet

__all__ = ["keep_history", "training_set"]

_BEFORE_THE_LOG = -1


def keep_history(history: History, writer: HistoryWriter, recorded_at: int) -> int:
    """Commit loads, losses and balances as metered intervals, temperatures as observations.

    Returns
    -------
    int
        How many values were kept; gaps are left out.
    """
    values = np.concatenate([history.load_mw, history.losses_mw, history.balance_mw], axis=1)
    names = np.array([*history.series, *history.loss_series, *history.balance_series], object)
    tables: dict[tuple[HistoryClass, str], pa.Table] = {}
    kept = 0
    day = history.times // DAY
    for number in np.unique(day).tolist():
        rows = day == number
        label = datetime.fromtimestamp(number * 86_400, UTC).date().isoformat()
        intervals = _intervals(history.times[rows], names, values[rows], recorded_at)
        weather = _weather(
            history.times[rows], history.station, history.temperature_degc[rows], recorded_at
        )
        tables[HistoryClass.METER_INTERVALS, label] = intervals
        tables[HistoryClass.WEATHER, label] = weather
        kept += intervals.num_rows + weather.num_rows
    writer.commit(tables, {})
    return kept


def training_set(historian: HistoryReader, plan: ForecastPlan, start: int, end: int) -> TrainingSet:
    """Read what was known at `end` of the steps in ``[start, end)`` (ns UTC)."""
    _, loads = historian.matrix(
        plan.leaves, start, end, plan.step, as_of=end, source=HistoryClass.METER_INTERVALS
    )
    metered = None
    if plan.balances:
        meters = tuple(plan.balances.values())
        _, known = historian.matrix(
            meters, start, end, plan.step, as_of=end, source=HistoryClass.METER_INTERVALS
        )
        metered = np.ascontiguousarray(known.T)
    n_steps = loads.shape[1]
    temperatures = np.full((n_steps, len(plan.stations)), np.nan)
    # Forecasts of the same hours may have been recorded since: they are no observations.
    observed = historian.sql_within(
        HistoryClass.WEATHER,
        start,
        end,
        """
        SELECT series, start, value
        FROM (
          SELECT series::VARCHAR AS series, epoch_ns(valid_time) AS start, value,
            row_number() OVER (PARTITION BY series, valid_time
              ORDER BY version DESC, available_at DESC, "offset" DESC) AS nth
          FROM weather
          WHERE epoch_ns(valid_time) >= $1 AND epoch_ns(valid_time) < $2
            AND epoch_ns(available_at) <= $2 AND issue_time IS NULL AND quantity = $3
        ) AS observed
        WHERE nth = 1
        ORDER BY series, start
        """,
        [start, end, WeatherQuantity.TEMPERATURE.value],
    )
    column = {name: place for place, name in enumerate(plan.stations)}
    place = np.array([column.get(name, -1) for name in observed["series"].to_pylist()], np.int64)
    used = place >= 0
    step = (observed["start"].to_numpy()[used] - start) // plan.step
    temperatures[step, place[used]] = observed["value"].to_numpy()[used]
    return TrainingSet(start, np.ascontiguousarray(loads.T), temperatures, metered)


def _intervals(
    times: npt.NDArray[np.int64],
    names: npt.NDArray[np.object_],
    values: npt.NDArray[np.float64],
    recorded_at: int,
) -> pa.Table:
    hour, series = np.nonzero(np.isfinite(values))
    n_rows = len(hour)
    value, start = values[hour, series], times[hour]
    return _table(
        HistoryClass.METER_INTERVALS,
        n_rows,
        {
            "series": names[series],
            "valid_time": start,
            "available_at": start + HOUR,
            "recorded_at": recorded_at,
            "version": 1,
            "length_ns": HOUR,
            "value": value,
            "q95": np.nan,
            "minimum": np.nan,
            "maximum": np.nan,
            "energy_mwh": value,
            "count": 1,
            "imputed_share": 0.0,
            "quality": 0,
            "partition": _BEFORE_THE_LOG,
            "offset": _BEFORE_THE_LOG,
            "input_offset": _BEFORE_THE_LOG,
        },
    )


def _weather(
    times: npt.NDArray[np.int64],
    station: str,
    values: npt.NDArray[np.float64],
    recorded_at: int,
) -> pa.Table:
    known = np.isfinite(values)
    return _table(
        HistoryClass.WEATHER,
        int(known.sum()),
        {
            "series": station,
            "quantity": WeatherQuantity.TEMPERATURE.value,
            "valid_time": times[known],
            "available_at": times[known] + HOUR,
            "recorded_at": recorded_at,
            "version": 1,
            "issue_time": None,
            "value": values[known],
            "partition": _BEFORE_THE_LOG,
            "offset": _BEFORE_THE_LOG,
        },
    )


def _table(kept_as: HistoryClass, n_rows: int, columns: dict[str, object]) -> pa.Table:
    """Columns as the class has them; what is not an array is the same in every row."""
    arrays = []
    schema = CLASSES[kept_as].schema
    for field in schema:
        given = columns[field.name]
        same = not isinstance(given, np.ndarray)
        value_type = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        array = pa.array([given] * n_rows if same else given, _storable(value_type))
        arrays.append(array.cast(value_type).cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _storable(kind: pa.DataType) -> pa.DataType:
    """Times are given as numbers."""
    return pa.int64() if pa.types.is_timestamp(kind) else kind
