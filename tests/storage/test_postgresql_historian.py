from datetime import timedelta
from itertools import count

import pytest

from records.log import Partition
from records.time import DAY
from storage.historian_classes import HistoryClass
from storage.postgresql_historian import PostgresqlHistorian
from storage.postgresql_writer import PostgresqlHistorianWriter
from storage.recorder import Recorder
from storage.writer_lock import WriterLockedError
from tests.storage import history_records as made
from tests.storage.historian_contract import HistorianContract, all_logged
from tests.storage.history_records import T0

pytestmark = pytest.mark.broker


_serial = count()


@pytest.fixture
def history(database):
    opened = []

    def history(records) -> PostgresqlHistorian:
        schema = f"t{next(_serial)}"
        with PostgresqlHistorianWriter(database, schema) as writer:
            recorder = Recorder(writer)
            recorder.take(records)
            recorder.flush()
        opened.append(PostgresqlHistorian(database, schema))
        return opened[-1]

    yield history
    for historian in opened:
        historian.close()


@pytest.fixture
def retained(database):
    opened = []

    def retained(records, now, limits) -> PostgresqlHistorian:
        schema = f"t{next(_serial)}"
        with PostgresqlHistorianWriter(database, schema) as writer:
            recorder = Recorder(writer)
            recorder.take(records)
            recorder.flush()
            writer.delete_old(now, limits)
        opened.append(PostgresqlHistorian(database, schema))
        return opened[-1]

    yield retained
    for historian in opened:
        historian.close()


class TestPostgresqlHistorian(HistorianContract):
    pass


def test_every_class_can_be_kept(history):
    historian = history(
        all_logged(
            made.frame(T0, [1.0, 2.0]),
            made.tick(T0),
            made.view(T0, [1.0]),
            made.meters(T0, [3.0, None]),
            made.weather([T0], [20.0]),
            made.window(T0, [1.0]),
            made.window(T0, [1.0], topic=made.QUARTERS),
            made.window(T0, [1.0], topic=made.INTERVALS),
            made.state(T0),
            made.forecast(T0, [1.0, 2.0]),
            made.finding(T0),
            made.rupture(T0),
        )
    )
    counts = {
        name: historian.sql(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py()
        for name in HistoryClass
    }
    assert counts == {
        "records": 4, "scada": 2, "validated": 1, "meter_reads": 2, "weather": 1, "windows": 1,
        "long_windows": 1, "meter_intervals": 1, "meter_estimates": 0, "states": 1,
        "forecasts": 2, "runs": 0, "events": 2,
        "dead_letters": 0,
    }  # fmt: skip
    (state,) = historian.as_of(HistoryClass.STATES, 0, 2**62).to_pylist()
    assert state["v_pu"] == [1.0, None]


def test_rows_and_positions_change_together_or_not_at_all(database):
    schema = f"t{next(_serial)}"
    with PostgresqlHistorianWriter(database, schema) as writer:
        recorder = Recorder(writer)
        recorder.take(all_logged(made.window(T0, [1.0])))
        recorder.flush()
        table = PostgresqlHistorian(database, schema)
        rows = table.as_of(HistoryClass.WINDOWS, 0, 2**62)
        with pytest.raises(Exception, match="does not exist"):
            writer.commit(
                {
                    (HistoryClass.WINDOWS, ""): rows,
                    (HistoryClass.WEATHER, ""): rows.select(["q95"]),
                },
                {Partition(made.WINDOWS, 0): 9},
            )
        assert writer.positions() == {Partition(made.WINDOWS, 0): 1}
        assert table.sql("SELECT count(*) AS n FROM windows")["n"][0].as_py() == 1
        table.close()


def test_one_writer_a_schema(database):
    schema = f"t{next(_serial)}"
    with (
        PostgresqlHistorianWriter(database, schema),
        pytest.raises(WriterLockedError, match="already has a writer"),
    ):
        PostgresqlHistorianWriter(database, schema)
    PostgresqlHistorianWriter(database, schema).close()


def test_retention_deletes_past_the_limit_and_only_past_it(database):
    schema = f"t{next(_serial)}"
    with PostgresqlHistorianWriter(database, schema) as writer:
        recorder = Recorder(writer)
        recorder.take(all_logged(*(made.window(T0 + i * DAY, [1.0]) for i in range(4))))
        recorder.flush()
        limits = {HistoryClass.WINDOWS: timedelta(days=2)}
        assert writer.delete_old(T0 + 3 * DAY, limits) == 1
        assert writer.delete_old(T0 + 3 * DAY, limits) == 0


def test_a_schema_name_that_is_not_plain_is_refused(database):
    with pytest.raises(ValueError, match="cannot name a schema"):
        PostgresqlHistorian(database, 'x"; DROP')
