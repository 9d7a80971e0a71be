"""Addresses and messages of the historian's server: plain, and without a password in them."""

import socket

import pytest

from storage.postgresql_connection import (
    HistorianAddressError,
    HistorianUnavailableError,
    PostgresqlConnection,
)
from storage.postgresql_historian import PostgresqlHistorian
from tests.storage.postgresql_server import PASSWORD, PostgresqlServer


@pytest.mark.parametrize(
    "url",
    [
        "mysql://grid:secret@db/history",
        "secret@db/history",
        "postgresql://grid:sec/ret@db:5432/history",
        "postgresql://grid:sec#ret@db/history",
        "postgresql://grid:secret%zz@db/history",
        "postgresql://grid:secret@db:port/history",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated(url):
    with pytest.raises(HistorianAddressError, match="HISTORIAN_URL cannot be used") as refused:
        PostgresqlConnection(url, '"s"')
    for part in ("secret", "ret@", "sec/"):
        assert part not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/history",
        "postgres://grid:secret@db:5432,db2:5433/history?target_session_attrs=read-write",
        "postgresql://grid:p%40ss@[::1]:5432/history",
        "postgresql:///history?host=/run/postgresql",
    ],
)
def test_addresses_as_libpq_has_them_are_taken(url):
    assert "secret" not in PostgresqlConnection(url, '"s"').where


def test_a_server_that_does_not_answer_is_told_with_where_and_what_to_do():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        historian = PostgresqlHistorian(
            f"postgresql://grid:sec%2Fret@127.0.0.1:{port}/history", "gridcast_demo"
        )
        with pytest.raises(HistorianUnavailableError) as told:
            historian.next_offsets()
    said = str(told.value)
    assert f"the historian at 127.0.0.1:{port}/history: " in said
    assert "refused" in said
    assert "check that the server runs and that HISTORIAN_URL is right" in said
    assert "sec" not in said


@pytest.mark.broker
class TestOfARealServer:
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls):
        with PostgresqlServer() as server:
            admin = PostgresqlConnection(server.url, '"public"')
            with admin.transaction() as cursor:
                cursor.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
            admin.close()
            yield server

    def test_a_wrong_password_is_told_and_no_password_named(self, server):
        historian = PostgresqlHistorian(server.address("reader", "wrong/secret"), "nothing")
        with pytest.raises(HistorianUnavailableError, match="password authentication failed") as e:
            historian.sql("SELECT 1")
        assert "secret" not in str(e.value)

    def test_a_schema_that_is_not_there_is_told_with_the_command_that_makes_it(self, server):
        with (
            PostgresqlHistorian(server.address("reader"), "nothing") as historian,
            pytest.raises(HistorianUnavailableError, match="gridcast historian prepare"),
        ):
            historian.next_offsets()

    def test_a_reader_writes_nothing_even_where_its_role_might(self, server):
        with (
            PostgresqlHistorian(server.url, "nothing") as historian,
            pytest.raises(HistorianUnavailableError, match="read-only transaction"),
        ):
            historian.sql("CREATE TABLE public.t (a INTEGER)")

    def test_a_connection_that_was_lost_is_opened_again(self):
        with PostgresqlServer() as server, PostgresqlHistorian(server.url, "s") as historian:
            assert historian.sql("SELECT 1 AS one")["one"].to_pylist() == [1]
            server.stop()
            with pytest.raises(HistorianUnavailableError, match="check that the server runs"):
                historian.sql("SELECT 1 AS one")
            server.start()
            assert historian.sql("SELECT 1 AS one")["one"].to_pylist() == [1]
