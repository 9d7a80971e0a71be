import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.deadletter import dead_letter_record
from records.errors import Reason, RecordError
from records.log import LogRecord, Partition
from records.quality import Quality
from records.state import decode_state
from records.time import DAY, HOUR, MINUTE, format_time
from records.topics import topic_name
from storage.historian import Historian
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from tests.storage import history_records as made
from tests.storage.history_records import T0, logged


@pytest.fixture
def record(tmp_path):
    """Record some records and return the rows of a query."""

    def record(records, query):
        with HistorianWriter(tmp_path / "h") as writer:
            recorder = Recorder(writer)
            recorder.take(records)
            recorder.flush()
        with Historian(tmp_path / "h") as historian:
            return historian.sql(query).to_pylist()

    return record


def iso(moment):
    return format_time(int(moment.value) if hasattr(moment, "value") else moment)


def test_frames_are_kept_as_received_gap_and_spike_and_all(record):
    rows = record(
        [
            logged(made.frame(T0, [1.0, 2.0]), 0),
            logged(made.frame(T0 + 30 * 10**9, [9e9], points=[1], quality=[1]), 1, 88),
        ],
        "SELECT point, epoch_ns(valid_time) t, value, quality, epoch_ns(append_time) a, "
        '"offset" o FROM scada ORDER BY t, point',
    )
    second = T0 + 30 * 10**9
    assert [tuple(row.values()) for row in rows] == [
        (0, T0, 1.0, 0, 77, 0),
        (1, T0, 2.0, 0, 77, 0),
        (1, second, 9e9, 1, 88, 1),
    ]


def test_every_raw_record_is_kept_with_its_place_even_one_that_cannot_be_read(record):
    broken = LogRecord(made.FRAMES, 0, 2, 99, b"junk", b"k", {"ce_type": "gridcast.scada.frame.v1"})
    rows = record(
        [logged(made.frame(T0, [])), logged(made.tick(T0 + 5), 1), broken],
        'SELECT "offset" o, epoch_ns(event_time) t, epoch_ns(append_time) a, key, value, sequence '
        "FROM records ORDER BY o",
    )
    assert [(row["o"], row["t"], row["a"], row["key"]) for row in rows] == [
        (0, T0, 77, b"0"),
        (1, T0 + 5, 77, b"tick"),
        (2, 99, 99, b"k"),
    ]
    assert [row["value"] for row in rows] == [None, b'{"time":%d}' % (T0 + 5), b"junk"]
    assert [row["sequence"] for row in rows] == [1, None, None]


def test_a_json_frame_is_kept_as_it_was_written(record):
    text = json.dumps(
        {"area": 0, "source": "g", "sequence": 4, "scan_time": T0, "point": [7], "value": [1.5]}
    ).encode()
    headers = {"ce_type": "gridcast.scada.frame.v1", "content-type": "application/json"}
    raw = LogRecord(made.FRAMES, 0, 0, 5, text, b"", headers)
    rows = record([raw], "SELECT r.value AS whole, point, s.value FROM records r, scada s")
    assert rows == [{"whole": text, "point": 7, "value": 1.5}]


def test_windows_keep_every_revision_and_when_each_was_known(record):
    rows = record(
        [
            logged(made.window(T0, [10.0, np.nan]), 0),
            logged(made.window(T0, [12.0], revision=2, known=T0 + HOUR), 1, 99),
        ],
        "SELECT series, version, value, q95, energy_mwh, count, "
        "epoch_ns(available_at) k, epoch_ns(recorded_at) r FROM windows ORDER BY series, version",
    )
    at_close = T0 + 5 * MINUTE
    assert [tuple(row.values()) for row in rows] == [
        ("a", 1, 10.0, 11.0, 10.0 / 12, 10, at_close, 77),
        ("a", 2, 12.0, 13.0, 1.0, 10, T0 + HOUR, 99),
        ("b", 1, None, None, None, 10, at_close, 77),
    ]


def test_metered_intervals_and_meter_readings_are_classes_of_their_own(record):
    rows = record(
        [
            logged(made.window(T0, [10.0], topic=made.INTERVALS, length=HOUR)),
            logged(made.meters(T0, [3.0, None], run=1, revision=2, available_at=T0 + DAY)),
        ],
        "SELECT m.*, i.value AS mean FROM meter_reads m, meter_intervals i ORDER BY m.valid_time",
    )
    assert [row["withdrawn_mwh"] for row in rows] == [3.0, None]
    first = rows[0]
    assert (first["series"], first["run"], first["version"], first["document"]) == (
        "meter:1", 1, 2, "d1",
    )  # fmt: skip
    assert (first["injected_mwh"], first["withdrawn_reading"], first["mean"]) == (None, False, 10.0)


def test_weather_is_kept_as_issued(record):
    rows = record(
        [
            logged(made.weather([T0, T0 + HOUR], [20.0, None])),
            logged(made.weather([T0 + HOUR], [21.0], issue_time=T0), 1),
        ],
        "SELECT quantity, value, epoch_ns(issue_time) i FROM weather ORDER BY valid_time, i",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("temperature_degc", 20.0, None),
        ("temperature_degc", 21.0, T0),
        ("temperature_degc", None, None),
    ]


def test_states_keep_their_columns(record):
    (row,) = record([logged(made.state(T0))], "SELECT * FROM states")
    assert row["v_pu"] == [1.0, None]
    assert json.loads(row["losses_mw"]) == {"0": 2.5}
    assert json.loads(row["removed"])[0]["point"] == "gen:1 p_mw"
    assert (row["series"], row["valid"], row["n_pseudo"]) == ("case118", True, 4)


def test_forecasts_keep_issue_lead_quantiles_and_provenance(record):
    rows = record(
        [logged(made.forecast(T0, [100.0, 110.0]))],
        "SELECT value, quantiles, probabilities, lead_ns, epoch_ns(available_at) k, run_id, "
        "method, reason, model_versions, hierarchy_version, unit FROM forecasts "
        "ORDER BY valid_time",
    )
    assert [(row["value"], row["quantiles"], row["lead_ns"]) for row in rows] == [
        (100.0, [105.0], HOUR),
        (110.0, [115.0], 2 * HOUR),
    ]
    assert rows[0]["k"] == T0
    assert rows[0]["run_id"] == "20141110T000000Z-short"
    assert (rows[0]["probabilities"], rows[0]["model_versions"]) == ("[0.9]", '{"gam":"3"}')
    assert (rows[0]["method"], rows[0]["unit"]) == ("reconciled", "MW")


def test_findings_and_ruptures_are_events(record):
    rows = record(
        [logged(made.finding(T0)), logged(made.rupture(T0))],
        "SELECT series, name, value, detail FROM events ORDER BY series",
    )
    assert [tuple(row.values())[:3] for row in rows] == [
        ("load:1 p_mw", "range", 1e6),
        ("total", "level", 9.5),
    ]
    assert json.loads(rows[1]["detail"])["threshold"] == 5.0


def test_dead_letters_keep_their_raw_bytes_and_origin(record):
    bad = LogRecord(made.FRAMES, 2, 41, 5, b"junk", b"k", {"h": "v"})
    letter = dead_letter_record(
        topic_name("t", "dead-letter.v1"), bad, RecordError(Reason.UNDECODABLE, "not Arrow"),
        source="area-2", rows=[3, 4],
    )  # fmt: skip
    (row,) = record([logged(letter)], "SELECT * FROM dead_letters")
    assert (row["origin_topic"], row["origin_partition"], row["origin_offset"]) == (
        made.FRAMES, 2, 41,
    )  # fmt: skip
    assert (row["value"], row["reason"], row["detail"]) == (b"junk", "undecodable", "not Arrow")
    assert (row["rows"], row["count"]) == ([3, 4], 2)


def test_a_derived_record_that_cannot_be_read_is_kept_whole(record):
    odd = LogRecord(made.WINDOWS, 0, 0, 5, b"?", b"", {"ce_type": "gridcast.window.v1"})
    other = LogRecord(made.WINDOWS, 0, 1, 5, b"!", b"", {})
    rows = record([odd, other], 'SELECT value FROM records ORDER BY "offset"')
    assert [row["value"] for row in rows] == [b"?", b"!"]


def test_a_record_with_a_number_that_no_column_holds_is_kept_whole(record):
    sound = logged(made.state(T0))
    told = msgspec.structs.replace(decode_state(sound.value), iterations=2**40)
    rows = record(
        [
            replace(sound, value=msgspec.msgpack.encode(told)),
            logged(made.finding(10**30)),
            logged(made.finding(T0), 1),
        ],
        'SELECT topic, "offset" o FROM records ORDER BY topic',
    )
    assert [tuple(row.values()) for row in rows] == [(made.FINDINGS, 0), (made.STATES, 0)]


def test_flushing_nothing_writes_nothing(tmp_path):
    with HistorianWriter(tmp_path) as writer:
        Recorder(writer).flush()
    assert not (tmp_path / "manifest.json").exists()


def test_many_rows_are_committed_without_a_flush(tmp_path):
    with HistorianWriter(tmp_path) as writer:
        recorder = Recorder(writer, max_rows=4)
        recorder.take([logged(made.frame(T0, [1.0]), 0)])
        assert recorder.waiting_rows == 2
        recorder.take([logged(made.frame(T0, [1.0]), 1)])
        assert recorder.waiting_rows == 0
        assert writer.positions() == {Partition(made.FRAMES, 0): 2}


STREAM = [
    logged(out, offset)
    for offset, out in enumerate(
        made.frame(T0 + i * HOUR, [float(i)], sequence=i) if i % 3 else made.tick(T0 + i * HOUR)
        for i in range(40)
    )
]


@settings(max_examples=25, deadline=None)
@given(
    script=st.lists(
        st.tuples(st.sampled_from(["take", "flush", "crash", "again"]), st.integers(1, 9)),
        max_size=25,
    )
)
def test_whatever_crashes_each_record_is_kept_exactly_once(tmp_path_factory, script):
    directory = tmp_path_factory.mktemp("h")
    place = Partition(made.FRAMES, 0)
    writer = HistorianWriter(directory)
    recorder = Recorder(writer)
    for action, size in [*script, ("take", 40), ("flush", 0)]:
        if action == "flush":
            recorder.flush()
        elif action == "crash":
            writer.close()
            writer = HistorianWriter(directory)
            recorder = Recorder(writer)
        else:
            offset = recorder.positions.get(place, 0)
            if action == "again":  # the reader went back too far
                offset = max(0, offset - 3)
            recorder.take(STREAM[offset : offset + size])
    writer.close()
    with Historian(directory) as historian:
        kept = historian.sql('SELECT "offset" o FROM records ORDER BY o')["o"].to_pylist()
        measured = historian.sql("SELECT value v FROM scada ORDER BY v")["v"].to_pylist()
    assert kept == list(range(40))
    assert measured == [float(i) for i in range(40) if i % 3]


def test_of_a_view_only_what_was_flagged_or_replaced_is_kept_beside_the_scans(record):
    spike, gap = int(Quality.SUSPECT), int(Quality.HELD)
    sent = [
        logged(made.frame(T0, [10.0, 9_999.0]), 0),
        logged(made.view(T0, [10.0, 11.0, 12.0], quality=[0, spike, gap], known=T0 + 7), 0),
    ]
    told = record(
        sent,
        "SELECT point, value, quality, epoch_ns(available_at) AS known FROM validated "
        "ORDER BY point",
    )
    assert [tuple(row.values()) for row in told] == [
        (1, 11.0, spike, T0 + 7),
        (2, 12.0, gap, T0 + 7),
    ]
    raw = record([], "SELECT point, value, quality FROM scada ORDER BY point")
    assert [tuple(row.values()) for row in raw] == [(0, 10.0, 0), (1, 9_999.0, 0)]
