"""What a service delivers: the log first, a copy in Redis, and a sign of life."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr
from redis import Redis

from console.redis_access import open_redis
from console.services.retention import Retention
from console.services.service_outlet import ServiceOutlet, SlottedWriter
from console.settings import Addresses, Settings
from records.alarm import Alarm, AlarmKind, AlarmSeverity, LeadTime, alarm_record
from records.log import Outgoing, Partition
from records.rupture import Evidence, RuptureEvent, RuptureKind, rupture_record
from records.time import DAY, HOUR
from storage.embedded_log import EmbeddedLogReader, EmbeddedLogWriter
from storage.memory_log import MemoryLog
from storage.redis_refill import ReadModelRefill
from storage.redis_server import RedisServer
from storage.redis_state import LiveState
from tests.system.kafka_proof.servers import ForgetfulRedis

RUPTURES = "gridcast.t.monitor.rupture.v1"
EVENT = RuptureEvent("total", HOUR, 2 * HOUR, RuptureKind.LEVEL, Evidence(9.0, 5.0, None, None))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def client(server: str) -> Iterator[Redis]:
    client = Redis.from_url(server)
    client.flushall()
    yield client
    client.close()


def test_a_rupture_reaches_the_log_and_redis(client: Redis) -> None:
    log = MemoryLog()
    outlet = ServiceOutlet(log, client, "t", "forecaster")
    outlet.deliver([rupture_record(RUPTURES, [EVENT], 3 * HOUR)])
    outlet.flush()
    assert log.end_offset(Partition(RUPTURES, 0)) == 1
    assert LiveState(client, "t").ruptures() == {"total": EVENT}
    assert outlet.event_time == 3 * HOUR


def test_an_alarm_reaches_redis(client: Redis) -> None:
    alarm = Alarm(
        "branch:1", "", AlarmKind.LOADING, AlarmSeverity.MINOR, 4, LeadTime.OPERATIONAL, HOUR, HOUR,
        HOUR, None, 103.0, 100.0, "MVA", 103.0, "branch:1",
    )  # fmt: skip
    outlet = ServiceOutlet(MemoryLog(), client, "t", "forecaster")
    outlet.deliver([alarm_record("gridcast.t.network.alarm.v1", alarm, HOUR)])
    assert LiveState(client, "t").alarms() == [alarm]


def test_a_flood_of_alarms_waits_for_redis_once_and_is_all_there_after_a_flush(
    client: Redis,
) -> None:
    flood = [
        Alarm(
            f"branch:{number}", "", AlarmKind.LOADING, AlarmSeverity.MINOR, 4, LeadTime.OPERATIONAL,
            HOUR, HOUR, HOUR, None, 103.0, 100.0, "MVA", 103.0, "branch:1",
        )
        for number in range(1200)
    ]  # fmt: skip
    outlet = ServiceOutlet(MemoryLog(), client, "t", "alarms")
    before = client.info("commandstats").get("cmdstat_exec", {"calls": 0})["calls"]
    for alarm in flood:
        outlet.deliver([alarm_record("gridcast.t.network.alarm.v1", alarm, HOUR)])
    outlet.flush()
    assert {alarm.element for alarm in LiveState(client, "t").alarms()} == {
        alarm.element for alarm in flood
    }
    assert client.info("commandstats")["cmdstat_exec"]["calls"] - before < 100


def test_the_service_leaves_a_sign_of_life_with_its_event_time(client: Redis) -> None:
    outlet = ServiceOutlet(MemoryLog(), client, "t", "forecaster")
    outlet.deliver([rupture_record(RUPTURES, [EVENT], 3 * HOUR)])
    beat = LiveState(client, "t").health()["forecaster"]
    assert (beat.status, beat.event_time) == ("ok", 3 * HOUR)


def test_the_log_goes_on_when_redis_does_not_answer() -> None:
    gone = Redis.from_url("redis://127.0.0.1:1/0")
    log = MemoryLog()
    outlet = ServiceOutlet(log, gone, "t", "forecaster")
    outlet.deliver([rupture_record(RUPTURES, [EVENT], HOUR)])
    outlet.flush()
    assert log.end_offset(Partition(RUPTURES, 0)) == 1


def test_what_a_redis_missed_while_it_was_gone_it_is_given_when_it_is_back(tmp_path: Path) -> None:
    seconds = itertools.count(0.0, 2.0)
    log = MemoryLog()
    with ForgetfulRedis(tmp_path) as server:
        client = open_redis(Settings(addresses=Addresses(redis_url=SecretStr(server.url))))
        refill = ReadModelRefill(log, client, "t", clock=lambda: next(seconds))
        outlet = ServiceOutlet(log, client, "t", "forecaster", refill)
        outlet.deliver([rupture_record(RUPTURES, [EVENT], HOUR)])
        outlet.flush()
        server.kill()
        later = msgspec.structs.replace(EVENT, detected_at=3 * HOUR)
        outlet.deliver([rupture_record(RUPTURES, [later], 4 * HOUR)])
        outlet.flush()
        server.start()
        assert LiveState(client, "t").ruptures() == {}
        outlet.flush()
        assert LiveState(client, "t").ruptures() == {"total": later}
        client.close()


def test_a_slot_moves_the_records_of_its_topic_only() -> None:
    log = MemoryLog()
    writer = SlottedWriter(log, {"dead": 1})
    writer.append([Outgoing("dead", 0, b"x"), Outgoing("other", 0, b"y")])
    writer.flush()
    assert log.partitions("dead") == [1]
    assert log.partitions("other") == [0]


def test_retention_deletes_whole_segments_that_are_old_enough(tmp_path: Path) -> None:
    views = "gridcast.t.scada.view.v1"
    now = 100 * DAY
    with EmbeddedLogWriter(tmp_path, segment_bytes=1, clock=lambda: now) as writer:
        retention = Retention(writer, [Partition(views, 0)], clock=lambda: now)
        for _ in range(3):
            writer.append([Outgoing(views, 0, b"old")])
            writer.flush()
        now += 5 * HOUR
        assert retention.apply() == 0
        writer.append([Outgoing(views, 0, b"young")])
        writer.flush()
        now += 2 * HOUR
        gone = retention.apply()
        assert gone > 0
    with EmbeddedLogReader(tmp_path) as reader:
        assert gone <= reader.begin_offset(Partition(views, 0)) <= 3


def test_retention_leaves_other_logs_alone() -> None:
    assert Retention(MemoryLog(), [Partition("gridcast.t.scada.view.v1", 0)]).apply() == 0
