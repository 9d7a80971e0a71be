from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from records.deadletter import dead_letter_record
from records.errors import Reason, RecordError
from records.log import LogRecord, Partition
from records.time import DAY, HOUR, MINUTE
from records.topics import topic_name
from storage.disk_full import is_disk_full
from storage.historian import Historian
from storage.historian_classes import CLASSES, HistoryClass
from storage.historian_manifest import Manifest, read_manifest, write_manifest
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from storage.writer_lock import WriterLockedError
from tests.storage import history_records as made
from tests.storage.history_records import T0, logged

WINDOWS = HistoryClass.WINDOWS
PLACE = Partition(made.WINDOWS, 0)


def commit(writer, offset, *outgoing):
    recorder = Recorder(writer)
    recorder.take([logged(out, offset + i) for i, out in enumerate(outgoing)])
    recorder.flush()


def parquet_files(directory):
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*.parquet"))


def values(directory):
    with Historian(directory) as historian:
        return historian.sql("SELECT value v FROM windows ORDER BY v")["v"].to_pylist()


def test_files_lie_by_class_and_date_in_the_schema_of_the_class(tmp_path):
    with HistorianWriter(tmp_path, durable=True) as writer:
        commit(writer, 0, made.window(T0, [1.0]), made.window(T0 + DAY, [2.0]))
    assert parquet_files(tmp_path) == [
        "windows/2014-11-10/0000000001.parquet",
        "windows/2014-11-11/0000000001.parquet",
    ]
    schema = pq.read_schema(tmp_path / "windows/2014-11-10/0000000001.parquet")
    assert schema.names == CLASSES[WINDOWS].schema.names
    assert str(schema.field("valid_time").type) == "timestamp[ns, tz=UTC]"


def test_positions_survive_and_partitions_not_seen_again_keep_theirs(tmp_path):
    with HistorianWriter(tmp_path) as writer:
        commit(writer, 0, made.window(T0, [1.0]), made.window(T0 + MINUTE, [1.0]))
        commit(writer, 5, made.finding(T0))
    with HistorianWriter(tmp_path) as writer:
        assert writer.positions() == {PLACE: 2, Partition(made.FINDINGS, 0): 6}


def test_what_a_crash_left_behind_never_counts_and_is_removed(tmp_path):
    with HistorianWriter(tmp_path) as writer:
        commit(writer, 0, made.window(T0, [1.0]))
    whole = tmp_path / parquet_files(tmp_path)[0]
    orphan = whole.with_name("0000000002.parquet")
    half = whole.with_name(".0000000002.parquet.tmp")
    orphan.write_bytes(whole.read_bytes())
    half.write_bytes(whole.read_bytes()[:100])
    assert values(tmp_path) == [1.0]
    HistorianWriter(tmp_path).close()
    assert not orphan.exists()
    assert not half.exists()
    assert whole.exists()


def test_a_full_disk_leaves_the_rows_waiting_and_nothing_half_written(tmp_path, full_disk):
    with HistorianWriter(tmp_path) as writer:
        commit(writer, 0, made.window(T0, [1.0]))
        files = parquet_files(tmp_path)
        recorder = Recorder(writer)
        recorder.take([logged(made.window(T0 + HOUR, [2.0]), 1)])
        with full_disk(600), pytest.raises(OSError, match="File too large") as told:
            recorder.flush()
        assert is_disk_full(told.value)
        assert parquet_files(tmp_path) == files
        assert not list(tmp_path.rglob("*.tmp"))
        assert writer.positions() == {PLACE: 1}
        recorder.flush()
        assert writer.positions() == {PLACE: 2}
    assert values(tmp_path) == [1.0, 2.0]


def test_a_manifest_for_which_there_is_no_room_leaves_the_one_before(tmp_path, full_disk):
    write_manifest(tmp_path, Manifest(1), durable=False)
    with full_disk(5), pytest.raises(OSError, match="File too large"):
        write_manifest(tmp_path, Manifest(2), durable=False)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]
    assert read_manifest(tmp_path).sequence == 1


def test_a_full_disk_does_not_keep_the_writer_from_starting(tmp_path, full_disk):
    HistorianWriter(tmp_path).close()
    with full_disk():
        writer = HistorianWriter(tmp_path)
        with pytest.raises(WriterLockedError):
            HistorianWriter(tmp_path)
        writer.close()


def test_one_writer_at_a_time(tmp_path):
    with HistorianWriter(tmp_path), pytest.raises(WriterLockedError, match="historian"):
        HistorianWriter(tmp_path)


def test_small_files_are_merged_sorted_and_readers_keep_the_old_ones_a_while(tmp_path):
    with HistorianWriter(tmp_path) as writer, Historian(tmp_path) as historian:
        for offset, i in enumerate((3, 1, 2, 0)):
            commit(writer, offset, made.window(T0 + i * 5 * MINUTE, [float(i), float(-i)]))
        commit(writer, 20, made.window(T0 + DAY, [9.0]))
        before = parquet_files(tmp_path)
        rows = historian.as_of(WINDOWS, 0, 2**62)
        assert writer.compact() == 4
        assert len(historian.manifest().files) == 2
        assert set(before) < set(parquet_files(tmp_path))
        assert historian.as_of(WINDOWS, 0, 2**62).equals(rows)
        assert writer.compact() == 0
        assert len(parquet_files(tmp_path)) == 2
        assert historian.as_of(WINDOWS, 0, 2**62).equals(rows)
        merged = pq.read_table(tmp_path / historian.manifest().files[-1].path)
        assert merged["series"].to_pylist() == ["a"] * 4 + ["b"] * 4
        assert merged["value"].to_pylist()[:4] == [0.0, 1.0, 2.0, 3.0]


def test_merges_stay_below_the_size_asked_for(tmp_path):
    with HistorianWriter(tmp_path) as writer:
        for i in range(6):
            commit(writer, i, made.window(T0 + i * 5 * MINUTE, [1.0]))
        size = (tmp_path / parquet_files(tmp_path)[0]).stat().st_size
        assert writer.compact(target_bytes=3 * size + 50, least=2) == 6
        assert len(Historian(tmp_path).manifest().files) == 2


def test_a_merge_keeps_the_order_of_measurements_within_a_frame(tmp_path):
    with HistorianWriter(tmp_path) as writer, Historian(tmp_path) as historian:
        for i in range(4):
            commit(writer, i, made.frame(T0, [5.0, 1.0, 3.0], points=[2, 0, 1], sequence=i))
        place, everything = Partition(made.FRAMES, 0), (0, 2**62)
        before = historian.measurements(place, (1, 3), everything)["point"].to_pylist()
        writer.compact()
        after = historian.measurements(place, (1, 3), everything)["point"].to_pylist()
        assert before == after == [2, 0, 1, 2, 0, 1]


def test_retention_drops_what_is_past_its_class_limit_and_only_that(tmp_path):
    with HistorianWriter(tmp_path) as writer:
        for i in range(4):
            commit(
                writer,
                i,
                made.window(T0 + i * DAY, [float(i)]),
            )
        commit(writer, 9, made.finding(T0))
        limits = {WINDOWS: timedelta(days=2)}
        assert writer.delete_old(T0 + 2 * DAY, limits) == 0
        assert writer.delete_old(T0 + 3 * DAY + HOUR, limits) == 2
        assert values(tmp_path) == [2.0, 3.0]
        assert writer.positions()[PLACE] == 4
        assert writer.delete_old(T0 + 3 * DAY) == 0
    assert len(parquet_files(tmp_path)) == 3


def test_tidying_merges_and_drops_and_deletes_a_round_later(tmp_path):
    with HistorianWriter(tmp_path) as writer:
        for i in range(4):
            commit(writer, i, made.window(T0 + i * 5 * MINUTE, [float(i)]))
        commit(writer, 8, made.window(T0 - 3 * DAY, [9.0]))
        limits = {WINDOWS: timedelta(days=2)}
        assert writer.tidy(None, limits, recorded_now=0) == (0, 4)
        assert len(parquet_files(tmp_path)) == 6
        assert writer.tidy(T0, limits, recorded_now=0) == (1, 0)
        assert len(parquet_files(tmp_path)) == 2
        assert writer.tidy(T0, limits, recorded_now=0) == (0, 0)
        assert len(parquet_files(tmp_path)) == 1
    assert values(tmp_path) == [0.0, 1.0, 2.0, 3.0]


def test_dead_letters_are_kept_by_the_clock_of_the_log_not_by_that_of_the_data(tmp_path):
    bad = LogRecord(made.FRAMES, 0, 1, 5, b"junk")
    letter = dead_letter_record(
        topic_name("t", "dead-letter.v1"), bad, RecordError(Reason.UNDECODABLE, "x"), source="a"
    )
    letters = HistoryClass.DEAD_LETTERS
    with HistorianWriter(tmp_path) as writer:
        recorder = Recorder(writer)
        recorder.take([logged(letter, 0, append_time=T0)])
        recorder.flush()
        limits = {letters: timedelta(days=2)}
        assert writer.delete_old(T0 + 900 * DAY, limits, recorded_now=T0 + 2 * DAY) == 0
        assert writer.delete_old(T0, limits, recorded_now=T0 + 2 * DAY + 1) == 1


def test_files_written_before_a_column_was_added_are_read_and_merged(tmp_path):
    with HistorianWriter(tmp_path) as writer, Historian(tmp_path) as historian:
        for i in range(4):
            commit(writer, i, made.window(T0 + i * 5 * MINUTE, [float(i)]))
        for old in parquet_files(tmp_path)[:3]:
            table = pq.read_table(tmp_path / old).drop_columns(["input_offset"])
            pq.write_table(table, tmp_path / old)
        query = "SELECT input_offset o FROM windows ORDER BY valid_time"
        assert historian.sql(query)["o"].to_pylist() == [None, None, None, 0]
        assert writer.compact() == 4
        assert historian.sql(query)["o"].to_pylist() == [None, None, None, 0]
        assert values(tmp_path) == [0.0, 1.0, 2.0, 3.0]
