"""A writer whose connection is cut around a commit puts everything in once; and who may what."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from records.log import Partition
from storage.historian_classes import HistoryClass
from storage.postgresql_connection import HistorianUnavailableError, PostgresqlConnection
from storage.postgresql_historian import PostgresqlHistorian
from storage.postgresql_writer import HistorianMovedError, PostgresqlHistorianWriter
from storage.recorder import Recorder
from storage.writer_lock import WriterLockedError
from tests.storage import history_records as made
from tests.storage.historian_contract import all_logged
from tests.storage.history_records import T0
from tests.storage.postgresql_server import PASSWORD, PostgresqlServer

pytestmark = pytest.mark.broker


class Cable:
    """Between a client and a server on loopback; it can break at a commit."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.breaks: str | None = None
        """``before`` the next commit gets through, or ``after`` it was made; None while whole."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._port))
        answers = threading.Thread(target=self._answers, args=(server, client), daemon=True)
        answers.start()
        try:
            while data := client.recv(1 << 16):
                broken = self.breaks if b"COMMIT" in data else None
                if broken is not None:
                    self.breaks = None
                if broken == "before":
                    break
                if broken == "after":
                    # The answer is read by nobody: first let the server make the commit.
                    client.shutdown(socket.SHUT_WR)
                    server.sendall(data)
                    server.shutdown(socket.SHUT_WR)
                    answers.join()
                    break
                server.sendall(data)
        except OSError:
            pass
        finally:
            hang_up(client, server)

    @staticmethod
    def _answers(server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(1 << 16):
                try:
                    client.sendall(data)
                except OSError:
                    continue
        except OSError:
            pass
        finally:
            hang_up(client, server)


def hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


def flushed_again(recorder: Recorder) -> None:
    """As the service does: a session that was cut off holds the lock until its server knows."""
    for _ in range(200):
        try:
            recorder.flush()
            return
        except WriterLockedError:
            threading.Event().wait(0.1)
    pytest.fail("the lock of a session that is gone was held on to")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with PostgresqlServer() as server:
        owner = PostgresqlConnection(server.url, '"public"')
        with owner.transaction() as cursor:
            cursor.execute(f"ALTER ROLE gridcast PASSWORD '{PASSWORD}'")
            for role in ("services", "people"):
                cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        owner.close()
        yield server


def n_windows(server: PostgresqlServer, schema: str) -> int:
    with PostgresqlHistorian(server.url, schema) as historian:
        return historian.sql("SELECT count(*) AS n FROM windows")["n"][0].as_py()


@pytest.mark.parametrize("breaks", ["before", "after"])
def test_what_a_broken_connection_left_open_is_in_once(server, breaks) -> None:
    schema = f"cut_{breaks}"
    cable = Cable(server.port)
    through = server.address("gridcast").replace(f":{server.port}/", f":{cable.port}/")
    records = all_logged(*(made.window(T0 + i, [1.0, 2.0]) for i in range(3)))
    with PostgresqlHistorianWriter(through, schema) as writer:
        recorder = Recorder(writer)
        recorder.take(records[:2])
        cable.breaks = breaks
        with pytest.raises(HistorianUnavailableError):
            recorder.flush()
        assert n_windows(server, schema) == (4 if breaks == "after" else 0)
        flushed_again(recorder)
        assert n_windows(server, schema) == 4
        recorder.take(records[2:])
        recorder.flush()
        assert writer.positions() == {Partition(made.WINDOWS, 0): 3}
    assert n_windows(server, schema) == 6
    cable.close()


def test_two_writers_that_took_turns_unawares_are_told(server) -> None:
    records = all_logged(*(made.window(T0 + i, [1.0]) for i in range(3)))
    with PostgresqlHistorianWriter(server.url, "turns") as first:
        recorder = Recorder(first)
        first.close()
        with PostgresqlHistorianWriter(server.url, "turns") as second:
            other = Recorder(second)
            other.take(records[:1])
            other.flush()
        recorder.take(records[:2])
        with pytest.raises(HistorianMovedError, match="written by another recorder"):
            recorder.flush()
    assert n_windows(server, "turns") == 1


def test_a_role_that_may_only_write_rows_records_and_one_that_may_read_reads(server) -> None:
    with PostgresqlHistorianWriter(server.url, "granted") as owner:
        assert owner.made
        owner.grant("services", write=True)
        owner.grant("people", write=False)
    with PostgresqlHistorianWriter(server.address("services"), "granted") as writer:
        assert not writer.made
        recorder = Recorder(writer)
        recorder.take(all_logged(made.window(T0, [1.0])))
        recorder.flush()
        assert writer.tidy(T0, {}, recorded_now=0) == (0, 0)
    with PostgresqlHistorian(server.address("people"), "granted") as historian:
        assert historian.as_of(HistoryClass.WINDOWS, 0, 2**62).num_rows == 1
    with pytest.raises(HistorianUnavailableError, match='see "Rights" in docs'):
        PostgresqlHistorianWriter(server.address("services"), "not_granted")


def test_tables_of_an_older_version_get_what_they_lack_and_keep_what_they_have(server) -> None:
    with PostgresqlHistorianWriter(server.url, "older") as writer:
        recorder = Recorder(writer)
        recorder.take(all_logged(made.window(T0, [1.0])))
        recorder.flush()
    owner = PostgresqlConnection(server.url, '"older"')
    with owner.transaction() as cursor:
        cursor.execute("ALTER TABLE windows DROP COLUMN input_offset")
        cursor.execute("DROP INDEX weather_valid_time")
        cursor.execute("DROP TABLE runs")
    owner.close()
    with PostgresqlHistorianWriter(server.url, "older") as writer:
        assert writer.made
    with PostgresqlHistorian(server.url, "older") as historian:
        (row,) = historian.as_of(HistoryClass.WINDOWS, 0, 2**62).to_pylist()
        assert (row["value"], row["input_offset"]) == (1.0, None)
        assert historian.sql("SELECT count(*) AS n FROM runs")["n"].to_pylist() == [0]
