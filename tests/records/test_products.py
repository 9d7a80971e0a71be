"""Views, windows, states, forecasts, ruptures and dead letters survive the journey."""

from __future__ import annotations

import numpy as np
import pytest

from records.columns import whole_numbers
from records.deadletter import dead_letter_record, decode_dead_letter
from records.envelope import watermark_of
from records.errors import Reason, RecordError
from records.finding import Finding, decode_findings, findings_record
from records.forecast import (
    ForecastLevel,
    SeriesMeta,
    decode_forecast,
    forecast_record,
    level_meta,
    run_id,
)
from records.log import LogRecord
from records.rupture import (
    Evidence,
    RuptureEvent,
    RuptureKind,
    decode_ruptures,
    rupture_record,
)
from records.state import NetworkState, as_floats, decode_state, state_record
from records.tick import decode_tick, tick_record
from records.time import HOUR
from records.view import ScadaView, decode_view, view_record
from records.window import WindowBatch, decode_window, window_record


def test_a_view_keeps_unknown_values_as_nan() -> None:
    sent = ScadaView(
        1,
        30,
        1,
        np.array([4, 5], np.uint32),
        np.array([1.0, np.nan]),
        np.array([0, 8192], np.uint16),
        np.array([0.0, 12.5], np.float32),
    )
    record = view_record("t", sent, watermark=25)
    got = decode_view(record.value)
    np.testing.assert_array_equal(got.value, sent.value)
    np.testing.assert_array_equal(got.age_s, sent.age_s)
    assert (record.partition, watermark_of(record.headers)) == (1, 25)


def test_a_window_batch_keeps_every_column() -> None:
    n_series = 2
    numbers = np.array([1.5, np.nan])
    sent = WindowBatch(
        0,
        0,
        300,
        77,
        np.array(["a", "b"], dtype=object),
        np.array([1, 2], np.int32),
        numbers,
        numbers + 1,
        numbers - 1,
        numbers + 2,
        numbers * 3,
        np.array([10, 0], np.int32),
        np.array([0.0, 1.0]),
        np.zeros(n_series, np.uint16),
    )
    got = decode_window(window_record("t", sent, watermark=300).value)
    assert (got.start, got.end, got.input_offset) == (0, 300, 77)
    for name in ("series", "revision", "mean", "q95", "energy_mwh", "count", "imputed_share"):
        np.testing.assert_array_equal(getattr(got, name), getattr(sent, name))


def test_a_state_keeps_its_columns_as_floats() -> None:
    column = np.array([1.0, np.nan, -2.5]).astype("<f8").tobytes()
    sent = NetworkState(
        5, "case", True, "", 3, 1.02, column, column, b"", b"", b"", b"", {"0": 3.5}, [], 10, 2
    )
    got = decode_state(state_record("t", sent, watermark=5).value)
    assert got == sent
    np.testing.assert_array_equal(as_floats(got.v_pu), [1.0, np.nan, -2.5])


def test_a_forecast_level_comes_back_as_it_was() -> None:
    series = {name: SeriesMeta("total", {"gam": "1"}, "gam_ar", "model", {}) for name in "ab"}
    meta = level_meta(
        run=run_id(HOUR, "short"),
        issue_time=HOUR,
        start=HOUR,
        step=HOUR,
        n_steps=3,
        quantiles=[0.05, 0.95],
        unit="MW",
        hierarchy_version="1",
        series=series,
    )
    sent = ForecastLevel("bus", meta, ("a", "b"), np.arange(18.0).reshape(2, 3, 3))
    got = decode_forecast(forecast_record("t", sent, watermark=HOUR).value)
    assert got.meta == meta
    assert (got.level, got.series) == ("bus", ("a", "b"))
    assert (got.issue_time, got.start, got.step) == (HOUR, HOUR, HOUR)
    np.testing.assert_array_equal(got.values, sent.values)


def test_run_ids_sort_by_issue_time() -> None:
    ids = [run_id(hour * HOUR, "short") for hour in (1, 10, 100, 10_000)]
    assert ids == sorted(ids)


def test_findings_ruptures_and_ticks_come_back_as_they_were() -> None:
    finding = Finding("p", "range", 3, 1e9, "at most 100 MW")
    assert decode_findings(findings_record("t", 0, [finding], "area-0", 3).value) == [finding]
    event = RuptureEvent("s", 1, 2, RuptureKind.LEVEL, Evidence(9.0, 5.0, 1.0, None))
    assert decode_ruptures(rupture_record("t", [event], 2).value) == [event]
    assert decode_tick(tick_record("t", 0, 42, "gateway").value).time == 42
    with pytest.raises(RecordError):
        decode_tick(b"{}")


def test_a_dead_letter_keeps_raw_bytes_origin_and_reason() -> None:
    record = LogRecord("t", 2, 9, 100, b"\xff\x00", b"k", {"ce_type": "x"})
    error = RecordError(Reason.UNDECODABLE, "not Arrow")
    sent = dead_letter_record("dead", record, error, source="area-2", rows=[3, 4])
    letter = decode_dead_letter(sent.value)
    assert (letter.topic, letter.partition, letter.offset) == ("t", 2, 9)
    assert (letter.value, letter.key, letter.headers) == (b"\xff\x00", b"k", {"ce_type": "x"})
    assert (letter.reason, letter.rows, letter.count) == (Reason.UNDECODABLE, [3, 4], 2)
    assert sent.key == dead_letter_record("dead", record, error, source="area-2").key


@pytest.mark.parametrize("start", [None, "60", 1.5, True, 2**70])
def test_metadata_that_are_no_whole_numbers_are_refused(start: object) -> None:
    with pytest.raises(RecordError, match="start"):
        whole_numbers({"start": start}, "start")


def test_a_watermark_that_is_no_number_is_refused() -> None:
    assert watermark_of({"gc_watermark": "7"}) == 7
    assert watermark_of({}) is None
    with pytest.raises(RecordError):
        watermark_of({"gc_watermark": "soon"})
