import json
from datetime import timedelta

import numpy as np
import pytest

from records.forecast import ForecastLevel, ForecastRun, SeriesMeta, level_meta, run_id
from records.time import DAY, HOUR, format_time
from storage.redis_forecasts import ForecastPublisher, ForecastReader

ISSUE = 16_384 * DAY


def a_run(issue_time=ISSUE, scale=1.0, product="short"):
    """Two loads and their total over three hours, mean and two quantiles."""
    name = run_id(issue_time, product)
    mean = scale * np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    spread = np.array([0.0, -1.0, 1.0])[:, None]
    bottom = mean[:, None, :] + spread
    total = mean.sum(axis=0)[None, None, :] + 2 * spread
    levels = []
    for level, ids, values, parent in (
        ("bus", ("load:1 p_mw", "load:2 p_mw"), bottom, "total"),
        ("total", ("total",), total, None),
    ):
        meta = level_meta(
            run=name,
            issue_time=issue_time,
            start=issue_time,
            step=HOUR,
            n_steps=3,
            quantiles=[0.1, 0.9],
            unit="MW",
            hierarchy_version="1",
            series={
                i: SeriesMeta(parent, {"gam": "3"}, "reconciled", "model", {"imputed": 0.0})
                for i in ids
            },
        )
        levels.append(ForecastLevel(level, meta, ids, values))
    return ForecastRun(name, issue_time, tuple(levels))


@pytest.fixture
def publisher(client, namespace):
    return ForecastPublisher(client, namespace)


@pytest.fixture
def reader(client, namespace):
    return ForecastReader(client, namespace)


def test_keys_and_bytes_are_those_of_the_contract(publisher, client, namespace):
    publisher.publish(a_run())
    key = f"gc:{{{namespace}}}:forecast:run:20141110T000000Z-short:bus"
    assert client.type(key) == b"hash"
    assert sorted(client.hkeys(key)) == [b"_meta", b"load:1 p_mw", b"load:2 p_mw"]
    blob = client.hget(key, "load:2 p_mw")
    np.testing.assert_array_equal(
        np.frombuffer(blob, "<f8").reshape(3, 3), [[10, 20, 30], [9, 19, 29], [11, 21, 31]]
    )
    meta = json.loads(client.hget(key, "_meta"))
    assert meta == {
        "run_id": "20141110T000000Z-short",
        "issue_time": "2014-11-10T00:00:00Z",
        "start": "2014-11-10T00:00:00Z",
        "step": "PT1H",
        "n_steps": 3,
        "quantiles": [0.1, 0.9],
        "unit": "MW",
        "hierarchy_version": "1",
        "series": {
            f"load:{i} p_mw": {
                "parent": "total",
                "model_versions": {"gam": "3"},
                "method": "reconciled",
                "reason": "model",
                "quality": {"imputed": 0.0},
            }
            for i in (1, 2)
        },
    }
    assert client.get(f"gc:{{{namespace}}}:forecast:current") == b"20141110T000000Z-short"
    ((_, event),) = client.xrange(f"gc:{{{namespace}}}:events")
    assert event == {
        b"type": b"gridcast.forecast.v1",
        b"run_id": b"20141110T000000Z-short",
        b"issue_time": b"2014-11-10T00:00:00Z",
    }


def test_a_run_is_read_back_as_published(publisher, reader):
    run = a_run()
    assert publisher.publish(run)
    summary = reader.current_run()
    assert summary.levels == ["bus", "total"]
    for level in run.levels:
        read = reader.read_level(summary.run_id, level.level)
        assert (read.meta, read.series) == (level.meta, level.series)
        np.testing.assert_array_equal(read.values, level.values)
    meta, values = reader.read_series(summary.run_id, "bus", "load:1 p_mw")
    assert meta == run.levels[0].meta
    np.testing.assert_array_equal(values, run.levels[0].values[0])
    assert reader.level_of(summary, "load:2 p_mw") == "bus"


def test_what_is_not_there_is_none(publisher, reader):
    assert reader.current_run() is None
    publisher.publish(a_run())
    summary = reader.current_run()
    assert reader.read_level(summary.run_id, "region") is None
    assert reader.read_series(summary.run_id, "bus", "load:9 p_mw") is None
    assert reader.level_of(summary, "load:9 p_mw") is None
    assert reader.run("20141110T000000Z-other") is None


def test_the_pointer_only_moves_forward(publisher, reader):
    later, earlier = a_run(ISSUE + HOUR), a_run(ISSUE)
    assert publisher.publish(later)
    assert not publisher.publish(earlier)
    assert reader.current_run().run_id == later.run_id
    assert reader.run(earlier.run_id) is not None


def test_publishing_again_changes_nothing_and_announces_nothing(publisher, reader, client):
    events = f"gc:{{{publisher.namespace}}}:events"
    hints = client.pubsub()
    hints.subscribe(events)
    for _ in range(3):
        assert publisher.publish(a_run())
    assert client.xlen(events) == 1
    messages = [hints.get_message(timeout=5), hints.get_message(timeout=5)]
    assert [m["type"] for m in messages] == ["subscribe", "message"]
    assert messages[1]["data"] == b"20141110T000000Z-short"
    assert hints.get_message(timeout=0) is None
    hints.close()


def test_publishing_again_replaces_a_level_whole(publisher, reader, client):
    publisher.publish(a_run())
    key = f"gc:{{{publisher.namespace}}}:forecast:run:20141110T000000Z-short:bus"
    client.hset(key, "load:99 p_mw", b"left over")
    publisher.publish(a_run())
    assert sorted(client.hkeys(key)) == [b"_meta", b"load:1 p_mw", b"load:2 p_mw"]


def test_runs_expire_and_the_pointer_then_leads_to_nothing(client, namespace, reader):
    ForecastPublisher(client, namespace, timedelta(hours=1)).publish(a_run())
    keys = client.keys(f"gc:{{{namespace}}}:forecast:run:*")
    assert len(keys) == 3
    assert all(3_500_000 < client.pttl(key) <= 3_600_000 for key in keys)
    client.delete(*keys)
    assert reader.current_run() is None


def test_staleness_follows_from_the_runs_own_times(publisher, reader):
    publisher.publish(a_run())
    summary = reader.current_run()
    assert summary.end == format_time(ISSUE + 3 * HOUR)
    assert summary.age(ISSUE + HOUR) == HOUR
    assert not summary.outdated(ISSUE + 3 * HOUR - 1)
    assert summary.outdated(ISSUE + 3 * HOUR)


def test_sums_still_agree_after_the_journey(publisher, reader):
    publisher.publish(a_run(scale=np.pi))
    run = reader.current_run().run_id
    bottom = reader.read_level(run, "bus").values[:, 0]
    total = reader.read_level(run, "total").values[0, 0]
    np.testing.assert_allclose(bottom.sum(axis=0), total, rtol=1e-15)
