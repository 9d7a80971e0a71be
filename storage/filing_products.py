"""Rows of what was derived: windows, states, forecasts, events, dead letters.

`available_at` is event time: the watermark that the record carries, or the issue time.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from records.deadletter import decode_dead_letter
from records.finding import FINDING_TYPE, decode_findings
from records.forecast import ForecastLevel, decode_forecast
from records.lineage import RunLineage
from records.log import LogRecord
from records.meter_estimate import decode_estimate
from records.rupture import RUPTURE_TYPE, decode_ruptures
from records.state import as_floats, decode_state
from records.time import parse_time
from records.view import decode_view
from records.window import decode_window
from storage.filing_raw import Filed
from storage.historian_classes import HistoryClass

__all__ = [
    "dead_letter_rows",
    "estimate_rows",
    "finding_rows",
    "forecast_rows",
    "rupture_rows",
    "state_rows",
    "view_rows",
    "window_rows",
]

_METERED = ".meter.interval.v1"
_LONG = (".window.15min.v1", ".window.30min.v1", ".window.60min.v1", ".window.day.v1")


def view_rows(record: LogRecord, available_at: int) -> list[Filed]:
    """Rows of the values of a view that were flagged or replaced.

    All others were believed as they were received, and are in the class of measurements.
    """
    view = decode_view(record.value)
    told = np.flatnonzero(view.quality)
    columns = {
        "point": view.point[told],
        "valid_time": view.scan_time,
        "available_at": available_at,
        "recorded_at": record.append_time,
        "version": view.version,
        "value": view.value[told],
        "quality": view.quality[told],
        "age_s": view.age_s[told].astype(np.float64),
        "partition": record.partition,
        "offset": record.offset,
    }
    return [Filed(HistoryClass.VALIDATED, len(told), columns)]


def window_rows(record: LogRecord, available_at: int) -> list[Filed]:
    """Rows of a window batch, every revision a row of its own."""
    batch = decode_window(record.value)
    kept_as = HistoryClass.WINDOWS
    if record.topic.endswith(_METERED):
        kept_as = HistoryClass.METER_INTERVALS
    elif record.topic.endswith(_LONG):
        kept_as = HistoryClass.LONG_WINDOWS
    columns = {
        "series": batch.series,
        "valid_time": batch.start,
        "available_at": available_at,
        "recorded_at": record.append_time,
        "version": batch.revision,
        "length_ns": batch.length,
        "value": batch.mean,
        "q95": batch.q95,
        "minimum": batch.minimum,
        "maximum": batch.maximum,
        "energy_mwh": batch.energy_mwh,
        "count": batch.count,
        "imputed_share": batch.imputed_share,
        "quality": batch.quality,
        "partition": record.partition,
        "offset": record.offset,
        "input_offset": batch.input_offset,
    }
    return [Filed(kept_as, len(batch.series), columns)]


def estimate_rows(record: LogRecord, available_at: int) -> list[Filed]:
    """Rows of estimates of metered energy, or of their reversal: one a period."""
    estimate = decode_estimate(record.value)
    columns = {
        "series": estimate.series,
        "valid_time": np.array(estimate.start, np.int64),
        "available_at": available_at,
        "recorded_at": record.append_time,
        "version": np.array(estimate.revision, np.int32),
        "meter": estimate.meter,
        "length_ns": estimate.period,
        "energy_mwh": np.array(estimate.energy_mwh, np.float64),
        "method": estimate.method.value,
        "reason": estimate.reason,
        "approved_by": estimate.approved_by,
        "inputs": msgspec.json.encode(estimate.inputs).decode(),
        "partition": record.partition,
        "offset": record.offset,
        "status": estimate.status.value,
        "decided_at": estimate.decided_at,
    }
    return [Filed(HistoryClass.METER_ESTIMATES, len(estimate.start), columns)]


def state_rows(record: LogRecord, available_at: int) -> list[Filed]:
    """The row of a network state."""
    state = decode_state(record.value)
    columns = {
        "series": state.network,
        "valid_time": state.time,
        "available_at": available_at,
        "recorded_at": record.append_time,
        "version": 1,
        "valid": bool(state.valid),
        "reason": state.reason,
        "iterations": state.iterations,
        "j_per_dof": state.j_per_dof,
        "v_pu": [as_floats(state.v_pu)],
        "angle_deg": [as_floats(state.angle_deg)],
        "p_from_mw": [as_floats(state.p_from_mw)],
        "q_from_mvar": [as_floats(state.q_from_mvar)],
        "p_to_mw": [as_floats(state.p_to_mw)],
        "q_to_mvar": [as_floats(state.q_to_mvar)],
        "losses_mw": msgspec.json.encode(state.losses_mw).decode(),
        "removed": msgspec.json.encode(state.removed).decode(),
        "n_measured": state.n_measured,
        "n_pseudo": state.n_pseudo,
        "topology_since": state.topology_since,
        "switched": msgspec.json.encode(state.switched).decode(),
        "total_losses_mw": np.array([state.total_losses_mw], np.float64),
        "regions": msgspec.json.encode(state.regions).decode(),
        "partition": record.partition,
        "offset": record.offset,
    }
    return [Filed(HistoryClass.STATES, 1, columns)]


def forecast_rows(record: LogRecord) -> list[Filed]:
    """Rows of one level of a run: a row a series and interval, as issued, and one of the run."""
    forecast = decode_forecast(record.value)
    meta = forecast.meta
    start, length = _intervals(forecast)
    probabilities = msgspec.json.encode(meta.quantiles).decode()
    filed = []
    for row, name in enumerate(forecast.series):
        about = meta.series[name]
        columns = {
            "series": name,
            "level": forecast.level,
            "valid_time": start,
            "available_at": forecast.issue_time,
            "recorded_at": record.append_time,
            "version": 1,
            "lead_ns": start + length - forecast.issue_time,
            "length_ns": length,
            "value": forecast.values[row, 0],
            "quantiles": forecast.values[row, 1:].T,
            "probabilities": probabilities,
            "unit": meta.unit,
            "method": about.method,
            "reason": about.reason,
            "model_versions": msgspec.json.encode(about.model_versions).decode(),
            "quality": msgspec.json.encode(about.quality).decode(),
            "hierarchy_version": meta.hierarchy_version,
            "run_id": meta.run_id,
            "partition": record.partition,
            "offset": record.offset,
        }
        filed.append(Filed(HistoryClass.FORECASTS, len(start), columns))
    if meta.lineage is not None and not meta.valid_times:
        filed.append(_run_row(record, forecast, meta.lineage))
    return filed


def _run_row(record: LogRecord, forecast: ForecastLevel, lineage: RunLineage) -> Filed:
    """The row of one level of a run; energies by local day say the same once more."""
    meta = forecast.meta
    parents = {name: about.parent for name, about in meta.series.items()}
    columns = {
        "run_id": meta.run_id,
        "level": forecast.level,
        "valid_time": forecast.issue_time,
        "available_at": forecast.issue_time,
        "recorded_at": record.append_time,
        "version": 1,
        "hierarchy_version": meta.hierarchy_version,
        "parents": msgspec.json.encode(parents).decode(),
        "lineage": msgspec.json.encode(lineage).decode(),
        "partition": record.partition,
        "offset": record.offset,
    }
    return Filed(HistoryClass.RUNS, 1, columns)


def finding_rows(record: LogRecord, available_at: int) -> list[Filed]:
    """Rows of findings; `name` is the rule and `value` what was observed."""
    findings = decode_findings(record.value)
    columns = {
        "series": [finding.point for finding in findings],
        "type": FINDING_TYPE,
        "name": [finding.rule for finding in findings],
        "valid_time": np.array([finding.time for finding in findings], np.int64),
        "available_at": available_at,
        "recorded_at": record.append_time,
        "version": 1,
        "value": np.array([finding.observed for finding in findings], np.float64),
        "detail": [finding.expected for finding in findings],
        "partition": record.partition,
        "offset": record.offset,
    }
    return [Filed(HistoryClass.EVENTS, len(findings), columns)]


def rupture_rows(record: LogRecord) -> list[Filed]:
    """Rows of ruptures; `name` is the kind, `value` the statistic, `detail` the evidence."""
    events = decode_ruptures(record.value)
    columns = {
        "series": [event.series for event in events],
        "type": RUPTURE_TYPE,
        "name": [event.kind.value for event in events],
        "valid_time": np.array([event.time for event in events], np.int64),
        "available_at": np.array([event.detected_at for event in events], np.int64),
        "recorded_at": record.append_time,
        "version": 1,
        "value": np.array([event.evidence.statistic for event in events], np.float64),
        "detail": [msgspec.json.encode(event.evidence).decode() for event in events],
        "partition": record.partition,
        "offset": record.offset,
    }
    return [Filed(HistoryClass.EVENTS, len(events), columns)]


def dead_letter_rows(record: LogRecord) -> list[Filed]:
    """The row of a dead letter, with its raw bytes and origin."""
    letter = decode_dead_letter(record.value)
    columns = {
        "recorded_at": record.append_time,
        "origin_topic": letter.topic,
        "origin_partition": letter.partition,
        "origin_offset": letter.offset,
        "origin_append_time": letter.append_time,
        "reason": letter.reason.value,
        "detail": letter.detail,
        "count": letter.count,
        "rows": [np.array(letter.rows or [], np.int64)],
        "key": letter.key,
        "headers": msgspec.json.encode(letter.headers).decode(),
        "value": letter.value,
        "partition": record.partition,
        "offset": record.offset,
    }
    return [Filed(HistoryClass.DEAD_LETTERS, 1, columns)]


def _intervals(
    forecast: ForecastLevel,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Start and length of each interval, ns, shape (n_steps,)."""
    if forecast.meta.valid_times:
        start = np.array([parse_time(text) for text in forecast.meta.valid_times], np.int64)
    else:
        start = forecast.start + forecast.step * np.arange(forecast.meta.n_steps, dtype=np.int64)
    return start, np.diff(start, append=start[-1:] + forecast.step)
