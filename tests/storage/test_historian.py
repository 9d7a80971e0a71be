import duckdb
import pytest

from records.time import HOUR, MINUTE
from storage.historian import Historian
from storage.historian_classes import CLASSES, HistoryClass
from storage.historian_manifest import HistorianDamagedError
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from tests.storage import history_records as made
from tests.storage.historian_contract import HistorianContract, all_logged
from tests.storage.history_records import T0, logged


@pytest.fixture
def history(tmp_path_factory):
    opened = []

    def history(records) -> Historian:
        directory = tmp_path_factory.mktemp("historian")
        with HistorianWriter(directory) as writer:
            recorder = Recorder(writer)
            recorder.take(records)
            recorder.flush()
        opened.append(Historian(directory, threads=1))
        return opened[-1]

    yield history
    for historian in opened:
        historian.close()


@pytest.fixture
def retained(tmp_path_factory):
    opened = []

    def retained(records, now, limits) -> Historian:
        directory = tmp_path_factory.mktemp("historian")
        with HistorianWriter(directory) as writer:
            recorder = Recorder(writer)
            recorder.take(records)
            recorder.flush()
            writer.delete_old(now, limits)
        opened.append(Historian(directory, threads=1))
        return opened[-1]

    yield retained
    for historian in opened:
        historian.close()


class TestEmbeddedHistorian(HistorianContract):
    pass


def test_sql_sees_one_view_a_class_even_where_nothing_is_kept(history):
    historian = history(all_logged(made.window(T0, [10.0])))
    query = "SELECT " + ", ".join(f"(SELECT count(*) FROM {name}) {name}" for name in CLASSES)
    (row,) = historian.sql(query).to_pylist()
    assert {name for name, count in row.items() if count} == {"windows"}


def test_a_wrong_query_is_an_error_at_once(history):
    with pytest.raises(duckdb.Error, match="nowhere"):
        history([]).sql("SELECT * FROM nowhere")


def test_a_path_with_a_quote_is_read(tmp_path):
    directory = tmp_path / "operator's own"
    with HistorianWriter(directory) as writer, Historian(directory) as historian:
        recorder = Recorder(writer)
        recorder.take(all_logged(made.window(T0, [10.0])))
        recorder.flush()
        assert historian.as_of(HistoryClass.WINDOWS, T0, T0 + HOUR).num_rows == 1


def test_a_reader_sees_commits_as_they_come_and_nothing_between(tmp_path):
    with HistorianWriter(tmp_path) as writer, Historian(tmp_path) as historian:
        recorder = Recorder(writer)
        for i in range(3):
            recorder.take([logged(made.window(T0 + i * 5 * MINUTE, [1.0]), i)])
            assert historian.as_of(HistoryClass.WINDOWS, T0, T0 + HOUR).num_rows == i
            recorder.flush()
            assert historian.as_of(HistoryClass.WINDOWS, T0, T0 + HOUR).num_rows == i + 1


def test_a_file_that_is_gone_without_a_merge_is_an_error(history):
    historian = history(all_logged(made.window(T0, [10.0])))
    (entry,) = historian.manifest().files
    (historian._directory / entry.path).unlink()
    with pytest.raises(duckdb.IOException, match=entry.path):
        historian.sql("SELECT * FROM windows")


def test_a_reader_overtaken_by_a_merge_reads_the_merged_files(tmp_path):
    class Overtaken(Historian):
        stale = None

        def manifest(self):
            stale, self.stale = self.stale, None
            return stale or super().manifest()

    with HistorianWriter(tmp_path) as writer, Overtaken(tmp_path) as historian:
        recorder = Recorder(writer)
        for i in range(4):
            recorder.take([logged(made.window(T0 + i * 5 * MINUTE, [1.0]), i)])
            recorder.flush()
        stale = historian.manifest()
        writer.compact()
        writer.compact()  # deletes what the first one merged away
        historian.stale = stale
        assert historian.as_of(HistoryClass.WINDOWS, T0, T0 + HOUR).num_rows == 4


def test_a_damaged_manifest_is_named(tmp_path):
    (tmp_path / "manifest.json").write_text('{"sequence":')
    with pytest.raises(HistorianDamagedError, match=r"manifest\.json cannot be read"):
        HistorianWriter(tmp_path)
    (tmp_path / "manifest.json").unlink()
    HistorianWriter(tmp_path).close()
