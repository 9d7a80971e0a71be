"""Whatever reads a historian finds in PostgreSQL what it finds in files, value for value."""

from itertools import count

import numpy as np
import pyarrow as pa
import pytest

from records.forecast import run_id
from records.log import Partition
from records.time import DAY, HOUR, MINUTE
from storage.historian import Historian
from storage.historian_classes import HistoryClass
from storage.historian_derived import state_records, window_records
from storage.historian_log import HistorianLog
from storage.historian_readings import (
    FrameQuery,
    last_revisions,
    meter_documents,
    raw_frames,
    scan_times,
    was_recorded,
)
from storage.historian_writer import HistorianWriter
from storage.postgresql_historian import PostgresqlHistorian
from storage.postgresql_writer import PostgresqlHistorianWriter
from storage.recorded_products import forecast_values, interval_values, model_versions
from storage.recorded_runs import parents_of, recorded_run, recorded_runs, windows_used
from storage.recorder import Recorder
from storage.touched_products import (
    findings_about,
    meter_readings,
    point_readings,
    states_within,
    windows_of,
)
from tests.storage import history_records as made
from tests.storage.history_records import T0, logged
from tests.storage.log_contract import read_all

pytestmark = pytest.mark.broker

FRAMES = Partition(made.FRAMES, 0)
RAW = [
    logged(out, offset, 1000 + offset)
    for offset, out in enumerate(
        made.tick(T0 + i * MINUTE)
        if i % 4 == 3
        else made.frame(
            T0 + i * MINUTE, [float(i), np.pi, 0.5][: i % 4], points=[9, 2, 5][: i % 4], sequence=i
        )
        for i in range(24)
    )
]
RECORDS = [
    *RAW,
    *(
        logged(out, offset)
        for offset, out in enumerate(
            (
                made.window(T0, [1.0, np.nan, 3.0]),
                made.window(T0 + 5 * MINUTE, [4.0, 5.0, 6.0]),
                made.window(T0, [1.5], revision=2, known=T0 + 10 * MINUTE),
                made.window(T0, [1.5], revision=2, known=T0 + 10 * MINUTE),
            )
        )
    ),
    logged(made.window(T0, [2.0], topic=made.QUARTERS, length=15 * MINUTE)),
    logged(made.window(T0, [7.0], topic=made.INTERVALS, length=HOUR)),
    *(logged(made.state(T0 + k * MINUTE), k) for k in range(3)),
    *(logged(made.forecast(T0 + k * HOUR, [1.0, 2.0 + k]), k) for k in range(2)),
    *(logged(made.meters(T0, [3.0, None, 4.5], run=k), k) for k in range(2)),
    logged(made.weather([T0], [20.0])),
    logged(made.finding(T0)),
    logged(made.rupture(T0)),
]
_serial = count()


@pytest.fixture(scope="module")
def both(tmp_path_factory, database):
    """The same records in files and in a server's tables."""
    place, schema = tmp_path_factory.mktemp("historian"), f"readers{next(_serial)}"
    with HistorianWriter(place) as files, PostgresqlHistorianWriter(database, schema) as server:
        for writer in (files, server):
            recorder = Recorder(writer)
            for first in range(0, len(RECORDS), 7):
                recorder.take(RECORDS[first : first + 7])
                recorder.flush()
    with Historian(place) as first, PostgresqlHistorian(database, schema) as second:
        yield first, second


def rows(table: pa.Table) -> list[dict]:
    # Rows whose order is nobody's business are compared in one; NaN equals NaN in text.
    return sorted(table.to_pylist(), key=repr)


def test_raw_records_come_back_byte_for_byte(both):
    for historian in both:
        log = HistorianLog(historian)
        assert read_all(log, FRAMES, 5) == RAW
        assert {made.FRAMES, made.METERS, made.WEATHER} == set(log.topics())
        middle = HistorianLog(historian, start=T0 + 2 * MINUTE, end=T0 + 9 * MINUTE)
        assert read_all(middle, FRAMES) == RAW[2:9]


def test_readings_of_points_come_back_as_frames_in_the_order_of_the_log(both):
    query = FrameQuery(FRAMES, 18, T0 + 3 * MINUTE, T0 + 15 * MINUTE)
    found = [list(raw_frames(h, query, np.array([5, 9], np.uint32))) for h in both]
    assert len(found[0]) == len(found[1]) > 5
    for (first, first_time), (second, second_time) in zip(*found, strict=True):
        assert (first.scan_time, first.version, first_time) == (
            second.scan_time, second.version, second_time,
        )  # fmt: skip
        for name in ("point", "value", "quality", "offset_ms"):
            one, other = getattr(first, name), getattr(second, name)
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
    assert scan_times(both[0], query) == scan_times(both[1], query) != []


def test_documents_and_revisions_are_the_same(both):
    documents = [
        list(meter_documents(h, 0, ["meter:1"], (T0, T0 + 2 * HOUR), past=5)) for h in both
    ]
    assert documents[0] == documents[1]
    assert len(documents[0]) == 2
    for kept_as, length in (
        (HistoryClass.WINDOWS, 5 * MINUTE),
        (HistoryClass.LONG_WINDOWS, 15 * MINUTE),
        (HistoryClass.METER_INTERVALS, HOUR),
    ):
        found = [
            rows(last_revisions(h, kept_as, 0, length, (T0, T0 + HOUR), ["a", "c"], before=1))
            for h in both
        ]
        assert repr(found[0]) == repr(found[1])
        assert found[0]
    for offset, length, there in ((0, 5 * MINUTE, True), (3, 5 * MINUTE, False), (0, HOUR, False)):
        kept = [was_recorded(h, HistoryClass.WINDOWS, 0, T0, length, offset) for h in both]
        assert kept == [there, there]


def test_windows_and_states_come_back_as_the_same_records(both):
    for read in (
        lambda h: list(window_records(h, made.WINDOWS, T0, T0 + HOUR)),
        lambda h: list(
            window_records(
                h, made.QUARTERS, T0, T0 + HOUR,
                kept_as=HistoryClass.LONG_WINDOWS, length=15 * MINUTE,
            )
        ),
        lambda h: list(state_records(h, made.STATES, T0, T0 + HOUR)),
    ):  # fmt: skip
        first, second = (read(h) for h in both)
        assert first == second != []


def test_products_to_compare_are_the_same(both):
    for kept_as in (
        HistoryClass.WINDOWS, HistoryClass.LONG_WINDOWS, HistoryClass.METER_INTERVALS,
    ):  # fmt: skip
        first, second = (rows(interval_values(h, kept_as, T0, T0 + DAY, T0 + DAY)) for h in both)
        assert repr(first) == repr(second)
        assert first
    first, second = (forecast_values(h, T0, T0 + DAY, 2 * HOUR) for h in both)
    assert rows(first) == rows(second)
    # Two issues of two hours, each with a mean and one quantile.
    assert sorted(first["quantile"].to_pylist()) == [-1.0] * 4 + [0.9] * 4
    assert [model_versions(h, T0, T0 + DAY) for h in both] == [frozenset({"3"})] * 2


def test_where_the_recorder_stands_and_the_dates_kept_are_the_same(both):
    offsets = [h.next_offsets() for h in both]
    assert offsets[0] == offsets[1]
    assert offsets[0][FRAMES] == len(RAW)
    for kept_as in HistoryClass:
        first, second = (h.dates(kept_as, T0 - DAY, T0 + DAY) for h in both)
        assert first == second
    assert both[1].dates(HistoryClass.SCADA, T0, T0 + DAY) == ["2014-11-10"]


def test_lineage_is_the_same(both):
    for read in (
        lambda h: windows_of(h, HistoryClass.WINDOWS, "a", T0, T0 + HOUR),
        lambda h: point_readings(h, [2, 9], T0, T0 + HOUR),
        lambda h: meter_readings(h, "meter:1", made.METERS, T0, T0 + HOUR),
        lambda h: states_within(h, T0, T0 + HOUR),
        lambda h: findings_about(h, ["total", "load:1 p_mw"], T0 - HOUR, T0 + HOUR),
        lambda h: windows_used(h, HistoryClass.WINDOWS, ["a"], (T0, T0 + HOUR), 2**62, "topic"),
        lambda h: recorded_run(h, run_id(T0, "short"), T0),
    ):
        first, second = (read(h) for h in both)
        assert repr(first) == repr(second)
        assert first
    assert [recorded_runs(h, T0, T0 + DAY) for h in both] == [[], []]
    assert [parents_of(h, "none", T0) for h in both] == [{}, {}]
