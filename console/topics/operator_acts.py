"""Where the command line leaves what operators do."""

from __future__ import annotations

from collections.abc import Callable

from console.errors import BadInputError
from console.log_access import open_writer
from console.settings import Settings
from records.errors import RecordError
from records.log import LogReader, Partition
from records.operator_act import OperatorAct, act_record, decode_act
from records.time import format_time
from records.topics import topic_name
from storage.embedded_log import EmbeddedLogWriter
from stream.replay_log import last_tick_time

__all__ = ["OperatorActs"]


class OperatorActs:
    """The topic of what operators do.

    Times are those of the run's data: an act happens at the last tick of the topic, or later.

    Parameters
    ----------
    settings
        Of the run.
    reader
        Its log; closing it stays with the caller.
    """

    def __init__(self, settings: Settings, reader: LogReader) -> None:
        self._settings = settings
        self._reader = reader
        self._place = Partition(topic_name(settings.namespace, "operator.act.v1"), 0)

    def now(self) -> int:
        """Event time that the topic has come to, ns UTC.

        Raises
        ------
        BadInputError
            When nothing takes acts in: their topic has no ticks.
        """
        tick = None
        if 0 in self._reader.partitions(self._place.topic):
            tick = last_tick_time(self._reader, self._place)
        if tick is None:
            raise BadInputError(
                f"{self._place.topic} has no ticks, so no run takes in what operators do: set "
                "alarms.operator_acts and let a gateway tick it, or name the run with --directory "
                "and --namespace"
            )
        return tick

    def leave(self, made: Callable[[str], list[OperatorAct]], by: str) -> None:
        """Leave acts in the topic.

        Parameters
        ----------
        made
            Makes them, of whoever stands for them.
        by
            Who that is.

        Raises
        ------
        BadInputError
            When nobody stands for them, or one would be refused.
        """
        if not by.strip():
            raise BadInputError("--by: say who stands for it")
        records = [act_record(self._place.topic, act) for act in made(by.strip())]
        for record in records:
            try:
                decode_act(record.value)
            except RecordError as error:
                now = format_time(self.now())
                raise BadInputError(f"{error}; it is {now} in this run") from None
        writer = open_writer(self._settings)
        try:
            if isinstance(writer, EmbeddedLogWriter):
                writer.share(self._place.topic, [self._place.number])
            writer.append(records)
            writer.flush()
        finally:
            writer.close()
