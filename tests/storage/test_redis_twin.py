"""The twin of Redis that crash worlds run on ends up with what a real server has."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.alarm import Alarm, AlarmKind, AlarmSeverity, LeadTime
from records.forecast import ForecastLevel, ForecastRun, SeriesMeta, level_meta, run_id
from records.rupture import Evidence, RuptureEvent, RuptureKind
from records.state import NetworkState
from records.time import HOUR
from storage.redis_forecasts import ForecastPublisher
from storage.redis_state import Heartbeat, LiveState
from tests.storage.redis_twin import RedisTwin

_serial = itertools.count()
NOW = 1_415_577_600_000_000_000


def _run(hour: int, scale: float) -> ForecastRun:
    issued = NOW + hour * HOUR
    name = run_id(issued, "short")
    meta = level_meta(
        run=name, issue_time=issued, start=issued, step=HOUR, n_steps=2, quantiles=[0.5],
        unit="MW", hierarchy_version="1", series={"total": SeriesMeta(None, {}, "m", "", {})},
    )  # fmt: skip
    level = ForecastLevel("total", meta, ("total",), np.full((1, 2, 2), scale))
    return ForecastRun(name, issued, (level,))


def _alarm(time: int, percent: float) -> Alarm:
    return Alarm(
        f"branch:{time % 2}", "", AlarmKind.LOADING, AlarmSeverity.MINOR, 4, LeadTime.OPERATIONAL,
        NOW, time, NOW, None, percent, 100.0, "MVA", percent, "branch:1",
    )  # fmt: skip


def _write(client: Any, namespace: str, kind: int, time: int, chance: float) -> None:
    live = LiveState(client, namespace)
    nothing = b""
    if kind == 0:
        flows = (nothing,) * 6
        live.put_state(NetworkState(time, "four", True, "", 1, chance, *flows, {}, [], 1, 0))
    elif kind == 1:
        live.put_alarms([_alarm(time, chance)])
    elif kind == 2:
        evidence = Evidence(chance, 5.0, None, None)
        live.put_ruptures([RuptureEvent("total", time - 9, time, RuptureKind.LEVEL, evidence)])
    elif kind == 3:
        live.beat(Heartbeat("worker", time, None))
    else:
        ForecastPublisher(client, namespace, timedelta(hours=1)).publish(_run(time % 5, chance))


def _contents(client: Any, namespace: str) -> dict[str, Any]:
    """Everything a server holds, as `RedisTwin.contents` tells it."""
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"stream": lambda key: [tuple(fields.values()) for _, fields in client.xrange(key)],
    }
    keys = client.keys(f"gc:{{{namespace}}}:*")
    return {key.decode(): read[client.type(key)](key) for key in keys}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from([0, 1, 2, 7, 10**9]), st.floats(0, 200)),
        max_size=25,
    )
)
def test_the_twin_ends_up_with_what_a_real_server_has(
    client: Any, writes: list[tuple[int, int, float]]
) -> None:
    namespace, twin = f"twin{next(_serial)}", RedisTwin()
    for kind, later, chance in writes:
        for place in (client, twin):
            _write(place, namespace, kind, NOW + later, chance)
    assert twin.contents(without=":nothing") == _contents(client, namespace)


def test_a_twin_that_breaks_the_rule_counts_how_often_it_went_back() -> None:
    twin = RedisTwin(keeps_younger=False)
    for time in (NOW, NOW + 2, NOW, NOW + 4):
        LiveState(twin, "t").put_alarms([_alarm(time, 103.0)])  # type: ignore[arg-type]
    assert twin.went_back == 1
    (kept,) = twin.hashes["gc:{t}:alarms"].values()
    assert msgspec.json.decode(kept, type=Alarm).updated == NOW + 4
