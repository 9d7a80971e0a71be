"""Forecast runs in Redis: published whole or not at all, and a pointer that never goes back.

A run is one hash a level (a float64 blob a series and ``_meta``), written in one transaction
with the pointer, the event and the hint.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt
import redis

from records.forecast import FORECAST_TYPE, ForecastLevel, ForecastRun, RunMeta
from records.time import format_time, parse_time
from storage.redis_keys import current_key, events_key, level_key, run_key

__all__ = ["ForecastPublisher", "ForecastReader", "RunSummary"]

_META = b"_meta"
_EVENTS_KEPT = 10_000

# KEYS: run, pointer, events. ARGV: summary, expiry ms, run id, issue time, type, events kept.
# Strings are compared byte by byte: Lua's own comparison follows the server's locale.
_PUBLISH = """
local function later(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return #a > #b
end
local fresh = not redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local current = redis.call('GET', KEYS[2])
if not current or later(ARGV[3], current) then
  redis.call('SET', KEYS[2], ARGV[3])
  current = ARGV[3]
end
if fresh then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*',
    'type', ARGV[5], 'run_id', ARGV[3], 'issue_time', ARGV[4])
  redis.call('PUBLISH', KEYS[3], ARGV[3])
end
return current
"""


class RunSummary(msgspec.Struct, frozen=True):
    """What a run is, by its own times.

    `issue_time` and `end` (end of the last interval) are RFC 3339 UTC; `levels` in the order
    of publication.
    """

    run_id: str
    issue_time: str
    end: str
    levels: list[str]

    def age(self, now: int) -> int:
        """Time since issue at `now` (ns UTC), ns."""
        return now - parse_time(self.issue_time)

    def outdated(self, now: int) -> bool:
        """Whether nothing of the run lies ahead of `now` (ns UTC)."""
        return now >= parse_time(self.end)


@dataclass(frozen=True, slots=True)
class ForecastPublisher:
    """Writes runs; publishing one again changes nothing.

    Parameters
    ----------
    client
        A connection whose answers are bytes.
    namespace
        Such as ``"demo"``.
    expiry
        How long a run is kept, counted from its last publication.
    """

    client: redis.Redis
    namespace: str
    expiry: timedelta = timedelta(days=2)

    def publish(self, run: ForecastRun) -> bool:
        """Write a run in one transaction and return whether it is the current one now.

        A run older than the current one can still be read by its id.
        """
        expiry_ms = int(self.expiry.total_seconds() * 1000)
        summary = RunSummary(
            run.run_id,
            format_time(run.issue_time),
            format_time(max((_end(level) for level in run.levels), default=run.issue_time)),
            [level.level for level in run.levels],
        )
        with self.client.pipeline(transaction=True) as pipe:
            for level in run.levels:
                key = level_key(self.namespace, run.run_id, level.level)
                fields: dict[Any, Any] = {
                    name: level.blob(row) for row, name in enumerate(level.series)
                }
                fields[_META] = _meta_json(level.meta)
                pipe.delete(key)
                pipe.hset(key, mapping=fields)
                pipe.pexpire(key, expiry_ms)
            pipe.eval(
                _PUBLISH,
                3,
                run_key(self.namespace, run.run_id),
                current_key(self.namespace),
                events_key(self.namespace),
                msgspec.json.encode(summary),
                expiry_ms,
                run.run_id,
                summary.issue_time,
                FORECAST_TYPE,
                _EVENTS_KEPT,
            )
            current = pipe.execute()[-1]
        return bool(current == run.run_id.encode())


@dataclass(frozen=True, slots=True)
class ForecastReader:
    """Reads runs back.

    Parameters
    ----------
    client
        A connection whose answers are bytes.
    namespace
        Such as ``"demo"``.
    """

    client: redis.Redis
    namespace: str

    def current_run(self) -> RunSummary | None:
        """Return the current run, or None when there is none or it has expired."""
        run_id = cast("bytes | None", self.client.get(current_key(self.namespace)))
        return None if run_id is None else self.run(run_id.decode())

    def run(self, run_id: str) -> RunSummary | None:
        """Return a run by its id, or None when there is none or it has expired."""
        text = cast("bytes | None", self.client.get(run_key(self.namespace, run_id)))
        return None if text is None else msgspec.json.decode(text, type=RunSummary)

    def read_level(self, run_id: str, level: str) -> ForecastLevel | None:
        """Return one level of a run, or None where there is none."""
        key = level_key(self.namespace, run_id, level)
        fields = cast("dict[bytes, bytes]", self.client.hgetall(key))
        if not fields:
            return None
        meta = msgspec.json.decode(fields[_META], type=RunMeta)
        values = [_from_blob(meta, fields[name.encode()]) for name in meta.series]
        empty = np.empty((0, 1 + len(meta.quantiles), meta.n_steps))
        return ForecastLevel(level, meta, tuple(meta.series), np.stack(values) if values else empty)

    def read_series(
        self, run_id: str, level: str, series: str
    ) -> tuple[RunMeta, npt.NDArray[np.float64]] | None:
        """Return one series of a run with its level's meta data, or None where there is none.

        Values have the shape (1 + n_quantiles, n_steps): the mean, then the quantiles.
        """
        key = level_key(self.namespace, run_id, level)
        text, blob = cast("list[bytes | None]", self.client.hmget(key, [_META, series.encode()]))
        if text is None or blob is None:
            return None
        meta = msgspec.json.decode(text, type=RunMeta)
        return meta, _from_blob(meta, blob)

    def level_of(self, run: RunSummary, series: str) -> str | None:
        """Return the level of a run that holds `series`, or None."""
        with self.client.pipeline(transaction=False) as pipe:
            for level in run.levels:
                pipe.hexists(level_key(self.namespace, run.run_id, level), series)
            found = pipe.execute()
        return next((lv for lv, there in zip(run.levels, found, strict=True) if there), None)


def _from_blob(meta: RunMeta, blob: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(blob, "<f8").reshape(1 + len(meta.quantiles), meta.n_steps)


def _meta_json(meta: RunMeta) -> bytes:
    fields = msgspec.to_builtins(meta)
    if meta.valid_times is None:
        del fields["valid_times"]
    del fields["lineage"]  # in the topic and the historian; readers of forecasts need none
    return msgspec.json.encode(fields)


def _end(level: ForecastLevel) -> int:
    if level.meta.valid_times:
        return parse_time(level.meta.valid_times[-1]) + level.step
    return level.start + level.step * level.meta.n_steps
