"""Checks of Redis: does it answer, is its forecast current, which services live."""

from __future__ import annotations

import time
from collections.abc import Iterator

from redis import Redis, RedisError

from console.doctor.check import Check, Verdict
from console.redis_access import redis_url
from console.settings import Settings, nanoseconds
from records.time import HOUR
from storage.redis_forecasts import ForecastReader
from storage.redis_state import LiveState

__all__ = ["redis_checks"]

_MOST_SKEW_S = 1.0


def redis_checks(settings: Settings) -> Iterator[Check]:
    """Look at the run's Redis and what it holds."""
    url = redis_url(settings)
    if url is None:
        yield Check("redis", Verdict.WARNING, "none is running for this directory",
                    "`gridcast up` brings its own; set REDIS_URL to use one of yours")  # fmt: skip
        return
    client = Redis.from_url(url, socket_connect_timeout=3)
    try:
        version = client.info("server").get("redis_version", "?")
        seconds, micros = client.time()
        skew = abs(time.time() - (seconds + micros / 1e6))
        yield Check("redis", Verdict.GOOD, f"answers, version {version}")
        if skew > _MOST_SKEW_S:
            yield Check("redis", Verdict.WARNING, f"its clock differs by {skew:.1f} s from ours",
                        "synchronise both machines; ages are wrong by as much")  # fmt: skip
        yield from _forecast(ForecastReader(client, settings.namespace))
        yield from _services(settings, LiveState(client, settings.namespace))
    except RedisError as error:
        yield Check("redis", Verdict.BAD, f"does not answer: {error}",
                    "start it, correct REDIS_URL, or unset it to use gridcast's own")  # fmt: skip
    finally:
        client.close()


def _forecast(reader: ForecastReader) -> Iterator[Check]:
    run = reader.current_run()
    if run is None:
        yield Check("forecast", Verdict.WARNING, "no current run",
                    "the first comes with the first full hour of data")  # fmt: skip
        return
    now = time.time_ns()
    age = f"run {run.run_id}, issued {run.age(now) / HOUR:.1f} h ago"
    if run.outdated(now):
        yield Check("forecast", Verdict.WARNING, f"{age}: nothing of it lies ahead of now",
                    "expected after a demo of long past days")  # fmt: skip
    else:
        yield Check("forecast", Verdict.GOOD, age)


def _services(settings: Settings, live: LiveState) -> Iterator[Check]:
    silent = max(nanoseconds(settings.deadline.warning), 30_000_000_000)
    for name, beat in sorted(live.health().items()):
        age_s = (time.time_ns() - beat.time) / 1e9
        seen = f"{beat.status}, last sign of life {age_s:.0f} s ago" + (
            f": {beat.detail}" if beat.detail else ""
        )
        if age_s * 1e9 > silent:
            remedy = f"see {settings.directory / 'logs' / name}.log; start it again"
            yield Check(f"service {name}", Verdict.WARNING, seen, remedy)
        else:
            good = beat.status == "ok"
            yield Check(f"service {name}", Verdict.GOOD if good else Verdict.WARNING, seen)
