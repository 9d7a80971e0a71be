"""Where the command line reads alarms, and leaves what operators do about them."""

from __future__ import annotations

from collections.abc import Sequence

from redis import RedisError

from console.errors import UnavailableError
from console.log_access import open_reader
from console.redis_access import open_redis
from console.settings import Settings
from console.topics.operator_acts import OperatorActs
from console.whole_partition import whole_partition
from records.alarm import ALARM_TYPE, Alarm, AlarmKey, AlarmKind, decode_alarm
from records.log import Partition
from records.operator_act import ActKind, OperatorAct
from records.topics import topic_name
from storage.redis_state import LiveState

__all__ = ["AlarmDesk"]


class AlarmDesk:
    """The alarms of a run and the topic of what operators do; a context manager.

    Times are those of the run's data: an act happens at the last tick of its topic, or when the
    last of the alarms was told, whichever is later.

    Parameters
    ----------
    settings
        Of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader = open_reader(settings)
        space = settings.namespace
        self._alarms = Partition(topic_name(space, "network.alarm.v1"), 0)
        self._acts = OperatorActs(settings, self._reader)
        self._known: list[Alarm] | None = None

    def __enter__(self) -> AlarmDesk:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def active(self) -> list[Alarm]:
        """Active alarms: what comes first by priority, then the oldest.

        From Redis, or from the topic where there is none.
        """
        if self._known is None:
            try:
                client = open_redis(self._settings)
                try:
                    self._known = LiveState(client, self._settings.namespace).alarms()
                finally:
                    client.close()
            except (UnavailableError, RedisError):
                self._known = self._told()
        return self._known

    def now(self) -> int:
        """Event time of an act now, ns UTC.

        Raises
        ------
        BadInputError
            When nothing takes acts in: their topic has no ticks.
        """
        return max([self._acts.now(), *(alarm.updated for alarm in self.active())])

    def send(
        self,
        act: ActKind,
        elements: Sequence[str],
        *,
        by: str,
        kind: AlarmKind | None = None,
        until: int | None = None,
        note: str = "",
    ) -> int:
        """Leave an act on each element in the topic, and return its time (ns UTC).

        Raises
        ------
        BadInputError
            When nobody stands for it, or it would be refused.
        """
        now = self.now()
        self._acts.leave(
            lambda operator: [
                OperatorAct(element, act, now, operator, kind, until, note) for element in elements
            ],
            by,
        )
        return now

    def _told(self) -> list[Alarm]:
        """Active alarms as the topic has them."""
        last: dict[AlarmKey, Alarm] = {}
        if 0 not in self._reader.partitions(self._alarms.topic):
            return []
        for record in whole_partition(self._reader, self._alarms):
            if record.headers.get("ce_type") == ALARM_TYPE:
                alarm = decode_alarm(record.value)
                if alarm.key not in last or last[alarm.key].updated <= alarm.updated:
                    last[alarm.key] = alarm
        active = [alarm for alarm in last.values() if alarm.cleared is None]
        return sorted(active, key=lambda alarm: (alarm.priority, alarm.raised, alarm.key))
