import itertools
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from records.log import OffsetOutOfRangeError, Outgoing, Partition
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter
from storage.log_partition_reader import LogDamagedError
from storage.log_segment import data_path, index_path, segment_bases
from storage.writer_lock import WriterLockedError
from tests.storage.log_contract import LogContract, OpenLog, read_all

PLACE = Partition("t", 0)


class TestEmbeddedLog(LogContract):
    segment_bytes = 64 << 20

    @pytest.fixture
    def log(self, tmp_path):
        writer = EmbeddedLogWriter(tmp_path, segment_bytes=self.segment_bytes)
        serial, readers = itertools.count(), []

        def fresh_topic() -> str:
            topic = f"gridcast.t{next(serial)}.window.5min.v1"
            writer.claim(topic, range(3))
            return topic

        def open_reader() -> EmbeddedLogReader:
            readers.append(EmbeddedLogReader(tmp_path))
            return readers[-1]

        yield OpenLog(writer, open_reader, fresh_topic)
        writer.close()
        for reader in readers:
            reader.close()


class TestEmbeddedLogOfTinySegments(TestEmbeddedLog):
    """Every batch begins a segment."""

    segment_bytes = 1


def write(directory, values, **options):
    with EmbeddedLogWriter(directory, **options) as writer:
        for value in values:
            writer.append([Outgoing("t", 0, value)])
            writer.flush()


def values_in(directory):
    with EmbeddedLogReader(directory) as reader:
        return [record.value for record in read_all(reader, PLACE)]


def numbered(n, start=0):
    return [b"%06d" % i for i in range(start, start + n)]


def incompressible(n, seed=0):
    return [os.urandom(4000) for _ in range(n)]


def test_a_second_writer_is_told_who_holds_the_partition(tmp_path):
    write(tmp_path, [])
    with EmbeddedLogWriter(tmp_path) as first, EmbeddedLogWriter(tmp_path) as second:
        first.claim("t", [0])
        second.claim("t", [1])
        with pytest.raises(WriterLockedError, match=f"already has a writer .process {os.getpid()}"):
            second.append([Outgoing("t", 0, b"")])


def test_a_killed_writer_leaves_the_lock_free_and_its_flushed_records_there(tmp_path):
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from storage.embedded_log import EmbeddedLogWriter\n"
        "from records.log import Outgoing\n"
        "writer = EmbeddedLogWriter(Path(sys.argv[1]))\n"
        "writer.append([Outgoing('t', 0, b'flushed')]); writer.flush()\n"
        "writer.append([Outgoing('t', 0, b'not flushed')])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -9
    write(tmp_path, [b"after"])
    assert values_in(tmp_path) == [b"flushed", b"after"]


@pytest.mark.parametrize("torn", [1, 7, 40, 52, 60])
def test_a_torn_tail_is_never_read_and_the_next_writer_cuts_it_off(tmp_path, torn):
    write(tmp_path, [b"a" * 50, b"b" * 50])
    path = data_path(tmp_path / "t" / "0", 0)
    whole = path.read_bytes()
    size_of_first = len(whole) // 2
    path.write_bytes(whole[: size_of_first + torn])
    with EmbeddedLogReader(tmp_path) as reader:
        assert [r.value for r in reader.read(PLACE, 0, 9)] == [b"a" * 50]
        assert reader.end_offset(PLACE) == 1
        assert not reader.wait_for_data({PLACE: 1}, timeout=0.0)
        write(tmp_path, [b"c"])
        assert [r.value for r in reader.read(PLACE, 1, 9)] == [b"c"]
    assert values_in(tmp_path) == [b"a" * 50, b"c"]


def test_zeros_that_a_power_cut_leaves_are_a_torn_tail(tmp_path):
    write(tmp_path, [b"a", b"b"])
    path = data_path(tmp_path / "t" / "0", 0)
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert values_in(tmp_path) == [b"a", b"b"]
    write(tmp_path, [b"c"])
    assert values_in(tmp_path) == [b"a", b"b", b"c"]


def test_a_last_batch_with_a_wrong_checksum_is_a_torn_tail(tmp_path):
    write(tmp_path, [b"a", b"b"])
    path = data_path(tmp_path / "t" / "0", 0)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with EmbeddedLogReader(tmp_path) as reader:
        assert reader.end_offset(PLACE) == 1
    assert values_in(tmp_path) == [b"a"]


@pytest.mark.parametrize("byte", [10, 60])
def test_damage_in_front_of_other_segments_is_an_error_that_names_the_place(tmp_path, byte):
    write(tmp_path, [b"a", b"b", b"c"], segment_bytes=1)
    path = data_path(tmp_path / "t" / "0", 1)
    data = bytearray(path.read_bytes())
    data[byte] ^= 1
    path.write_bytes(bytes(data) + b"more")
    with EmbeddedLogReader(tmp_path) as reader:
        assert reader.end_offset(PLACE) == 3
        assert [r.value for r in reader.read(PLACE, 0, 1)] == [b"a"]
        with pytest.raises(LogDamagedError, match=r"0001\.log.*byte 0 \(offset 1\)"):
            reader.read(PLACE, 1, 1)
        assert [r.value for r in reader.read(PLACE, 2, 1)] == [b"c"]


def test_a_writer_goes_on_after_the_last_offset(tmp_path):
    write(tmp_path, numbered(5))
    write(tmp_path, numbered(5, 5))
    assert values_in(tmp_path) == numbered(10)


def test_segments_are_named_by_their_first_offset(tmp_path):
    write(tmp_path, incompressible(4), segment_bytes=6000)
    assert segment_bases(tmp_path / "t" / "0") == [0, 2]


@pytest.mark.parametrize("spoil", ["delete", "garbage", "cut"])
def test_reads_do_not_depend_on_the_index(tmp_path, spoil):
    values = incompressible(40)
    write(tmp_path, values)
    path = index_path(tmp_path / "t" / "0", 0)
    index = path.read_bytes()
    assert len(index) == 16 * 4
    if spoil == "delete":
        path.unlink()
    else:
        path.write_bytes(os.urandom(160) if spoil == "garbage" else index[:21])
    with EmbeddedLogReader(tmp_path) as reader:
        assert reader.end_offset(PLACE) == 40
        assert reader.read(PLACE, 33, 1)[0].value == values[33]
    write(tmp_path, [])
    with EmbeddedLogReader(tmp_path) as reader:
        assert reader.read(PLACE, 12, 1)[0].value == values[12]


def test_a_new_writer_makes_the_last_index_anew(tmp_path):
    write(tmp_path, incompressible(40))
    path = index_path(tmp_path / "t" / "0", 0)
    index = path.read_bytes()
    path.unlink()
    with EmbeddedLogWriter(tmp_path) as writer:
        writer.claim("t", [0])
    assert path.read_bytes() == index


def test_deleting_takes_whole_segments_and_never_the_last(tmp_path):
    with (
        EmbeddedLogWriter(tmp_path, segment_bytes=1) as writer,
        EmbeddedLogReader(tmp_path) as reader,
    ):
        for value in numbered(6):
            writer.append([Outgoing("t", 0, value)])
            writer.flush()
        assert reader.read(PLACE, 0, 1)[0].value == b"000000"
        assert writer.delete_before(PLACE, 4) == 4
        assert reader.begin_offset(PLACE) == 4
        with pytest.raises(OffsetOutOfRangeError, match="start again from 4"):
            reader.read(PLACE, 1, 1)
        assert [r.value for r in reader.read(PLACE, 4, 9)] == numbered(2, 4)
        assert writer.delete_before(PLACE, 99) == 1
        assert (reader.begin_offset(PLACE), reader.end_offset(PLACE)) == (5, 6)


def test_deleting_by_time_keeps_what_is_young(tmp_path):
    times = itertools.count(100, 10)
    with EmbeddedLogWriter(tmp_path, segment_bytes=1, clock=lambda: next(times)) as writer:
        for value in numbered(5):
            writer.append([Outgoing("t", 0, value)])
            writer.flush()
        assert writer.delete_older(PLACE, 125) == 2
        with EmbeddedLogReader(tmp_path) as reader:
            assert [r.append_time for r in read_all(reader, PLACE)] == [120, 130, 140]


def test_a_reader_overtaken_by_retention_at_a_segment_end_is_told(tmp_path):
    with (
        EmbeddedLogWriter(tmp_path, segment_bytes=1) as writer,
        EmbeddedLogReader(tmp_path) as reader,
    ):
        for value in numbered(4):
            writer.append([Outgoing("t", 0, value)])
            writer.flush()
        assert len(reader.read(PLACE, 0, 2)) == 2
        writer.delete_before(PLACE, 3)
        with pytest.raises(OffsetOutOfRangeError):
            reader.read(PLACE, 2, 1)


def test_many_records_become_visible_before_a_flush_only_as_whole_batches(tmp_path):
    with (
        EmbeddedLogWriter(tmp_path, batch_bytes=30) as writer,
        EmbeddedLogReader(tmp_path) as reader,
    ):
        writer.append([Outgoing("t", 0, value) for value in numbered(7)])
        assert [r.value for r in reader.read(PLACE, 0, 99)] == numbered(5)
        writer.flush()
        assert [r.value for r in reader.read(PLACE, 5, 99)] == numbered(2, 5)


def test_a_full_disk_is_a_clear_error_and_nothing_is_lost_when_room_is_made(tmp_path):
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from storage.embedded_log import EmbeddedLogWriter\n"
        "from storage.log_partition_writer import LogWriteError\n"
        "from records.log import Outgoing\n"
        "import os; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "writer = EmbeddedLogWriter(Path(sys.argv[1]))\n"
        "writer.append([Outgoing('t', 0, os.urandom(900))]); writer.flush()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))\n"
        "writer.append([Outgoing('t', 0, os.urandom(900))])\n"
        "try: writer.flush()\n"
        "except LogWriteError as error: print(error)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
        "writer.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert "keeps its 1 records waiting: make room" in done.stdout
    assert [len(value) for value in values_in(tmp_path)] == [900, 900]


def test_following_over_many_segments_keeps_few_files_open(tmp_path):
    with (
        EmbeddedLogWriter(tmp_path, segment_bytes=1) as writer,
        EmbeddedLogReader(tmp_path) as reader,
    ):
        for offset, value in enumerate(numbered(20)):
            writer.append([Outgoing("t", 0, value)])
            writer.flush()
            assert reader.end_offset(PLACE) == offset + 1
            assert [r.value for r in reader.read(PLACE, offset, 9)] == [value]
            writer.delete_before(PLACE, offset)
        opened = [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
        # Other tests in this process may have logs of their own open.
        ours = [path for path in opened if path.startswith(f"{tmp_path.resolve()}/")]
        assert 1 <= sum(path.endswith((".log", ".log (deleted)")) for path in ours) <= 3


def test_waiting_ends_when_data_are_there_and_when_time_is_up(tmp_path):
    with EmbeddedLogWriter(tmp_path) as writer, EmbeddedLogReader(tmp_path) as reader:
        assert not reader.wait_for_data({PLACE: 0}, timeout=0.0)
        writer.append([Outgoing("t", 0, b"a")])
        writer.flush()
        assert reader.wait_for_data({Partition("t", 1): 0, PLACE: 0}, timeout=60)
        assert len(reader.read(PLACE, 0, 9)) == 1
        assert not reader.wait_for_data({PLACE: 1}, timeout=0.0)


def test_names_that_leave_the_directory_are_refused(tmp_path):
    with EmbeddedLogWriter(tmp_path) as writer, pytest.raises(ValueError, match="file names"):
        writer.append([Outgoing("../elsewhere", 0, b"")])


def test_durable_flushes_and_topics_can_be_listed(tmp_path):
    write(tmp_path, numbered(3), durable=True, segment_bytes=1)
    with EmbeddedLogReader(tmp_path) as reader:
        assert reader.topics() == ["t"]
        assert reader.partitions("t") == [0]
    assert values_in(tmp_path) == numbered(3)


def test_two_writers_take_turns_at_a_shared_partition(tmp_path):
    with EmbeddedLogWriter(tmp_path) as first, EmbeddedLogWriter(tmp_path) as second:
        for writer in (first, second):
            writer.share("t", [0])
        for turn, value in enumerate(numbered(6)):
            writer = (first, second)[turn % 2]
            writer.append([Outgoing("t", 0, value)])
            writer.flush()
    assert values_in(tmp_path) == numbered(6)


def test_a_shared_partition_is_awaited_while_another_writes(tmp_path):
    with EmbeddedLogWriter(tmp_path) as first, EmbeddedLogWriter(tmp_path) as second:
        first.share("t", [0])
        second.share("t", [0])
        first.append([Outgoing("t", 0, b"a")])
        waiting = Thread(target=second.append, args=([Outgoing("t", 0, b"b")],))
        waiting.start()
        first.flush()
        waiting.join()
    assert values_in(tmp_path) == [b"a", b"b"]
