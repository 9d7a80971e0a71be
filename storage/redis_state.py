"""What is going on now, in Redis: the latest network state, alarms, heartbeats, ruptures.

Four hashes of JSON (keys in `storage.redis_keys`): ``state`` holds a `StateSummary` a network,
``health`` a `Heartbeat` a service, ``rupture`` the last `RuptureEvent` a series, ``alarms`` the
last `Alarm` of each quantity, cleared or not.
Nothing older ever replaces something younger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import msgspec
import redis

from records.alarm import Alarm
from records.rupture import RuptureEvent
from records.state import NetworkState, RegionBalance, Removal
from storage.redis_keys import alarms_key, health_key, rupture_key, state_key

__all__ = ["Heartbeat", "LiveState", "StateSummary"]


class StateSummary(msgspec.Struct, frozen=True):
    """A network state without its columns; `time` in ns UTC, losses in MW by area."""

    time: int
    network: str
    valid: bool
    reason: str
    iterations: int
    j_per_dof: float
    losses_mw: dict[str, float]
    removed: list[Removal]
    n_measured: int
    n_pseudo: int
    topology_since: int = 0
    switched: dict[str, bool] = {}
    total_losses_mw: float | None = None
    regions: dict[str, RegionBalance] = {}


class Heartbeat(msgspec.Struct, frozen=True):
    """A sign of life.

    `time` is the service's own clock and `event_time` how far it has come in the data (both
    ns UTC, `event_time` None before the first record); `detail` is for a person.
    """

    service: str
    time: int
    event_time: int | None
    status: str = "ok"
    detail: str = ""


# KEYS: hash. ARGV: field, its time, JSON. Keeps the younger one by the field "time" or
# "detected_at". Times are compared as decimal strings: Lua's numbers cannot hold them.
_KEEP_YOUNGER = """
local old = redis.call('HGET', KEYS[1], ARGV[1])
if old then
  local time = string.match(old, '"' .. ARGV[4] .. '":(%d+)')
  if time and (#time > #ARGV[2] or (#time == #ARGV[2] and time > ARGV[2])) then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""
_S = TypeVar("_S")


@dataclass(frozen=True, slots=True)
class LiveState:
    """Writes and reads it.

    Parameters
    ----------
    client
        A connection whose answers are bytes.
    namespace
        Such as ``"demo"``.
    """

    client: redis.Redis
    namespace: str

    def put_state(self, state: NetworkState) -> None:
        """Make `state` the latest one, unless a younger one is there."""
        summary = StateSummary(
            **{name: getattr(state, name) for name in StateSummary.__struct_fields__}
        )
        key = state_key(self.namespace)
        self._keep_younger(key, [(state.network, state.time, summary)], "time")

    def states(self) -> dict[str, StateSummary]:
        """Return the latest state of every network."""
        return self._read(state_key(self.namespace), StateSummary)

    def beat(self, heartbeat: Heartbeat) -> None:
        """Leave a sign of life."""
        key = health_key(self.namespace)
        self._keep_younger(key, [(heartbeat.service, heartbeat.time, heartbeat)], "time")

    def health(self) -> dict[str, Heartbeat]:
        """Return the last heartbeat of every service."""
        return self._read(health_key(self.namespace), Heartbeat)

    def put_ruptures(self, events: Iterable[RuptureEvent]) -> None:
        """Make each event the last one of its series, unless a younger one is there."""
        rows = [(event.series, event.detected_at, event) for event in events]
        self._keep_younger(rupture_key(self.namespace), rows, "detected_at")

    def ruptures(self) -> dict[str, RuptureEvent]:
        """Return the last event of every series that had one."""
        return self._read(rupture_key(self.namespace), RuptureEvent)

    def put_alarms(self, alarms: Iterable[Alarm]) -> None:
        """Make each alarm the last one of its quantity, unless a younger one is there."""
        rows = [
            (" ".join(part for part in alarm.key if part), alarm.updated, alarm) for alarm in alarms
        ]
        self._keep_younger(alarms_key(self.namespace), rows, "updated")

    def alarms(self) -> list[Alarm]:
        """Return the active alarms: what comes first by priority, then the oldest."""
        known = self._read(alarms_key(self.namespace), Alarm).values()
        active = [alarm for alarm in known if alarm.cleared is None]
        return sorted(active, key=lambda alarm: (alarm.priority, alarm.raised, alarm.key))

    def _keep_younger(
        self, key: str, rows: Sequence[tuple[str, int, msgspec.Struct]], time_field: str
    ) -> None:
        with self.client.pipeline(transaction=True) as pipe:
            for field, time, struct in rows:
                pipe.eval(
                    _KEEP_YOUNGER, 1, key, field, time, msgspec.json.encode(struct), time_field
                )
            pipe.execute()

    def _read(self, key: str, kind: type[_S]) -> dict[str, _S]:
        fields = cast("dict[bytes, bytes]", self.client.hgetall(key))
        return {
            name.decode(): msgspec.json.decode(text, type=kind)
            for name, text in sorted(fields.items())
        }
