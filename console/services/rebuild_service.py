"""The rebuild service: windows that have left memory, made again out of the historian.

It answers one request of an area after the other. A request is answered once the historian holds
all that the windows are made of, up to the request, and all windows made before; it is done with
once it holds the answer too. So the answer is the same whenever, and however often, it is given.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import structlog

from console.historian_access import history_reader
from console.log_access import kafka_connection, open_reader, open_writer
from console.redis_access import open_redis
from console.services.heartbeat import Pulse
from console.services.retention import Retention
from console.services.run_file import RunFile
from console.services.service_outlet import SlottedWriter
from console.services.stage_checkpoints import checkpoints_of
from records.deadletter import dead_letter_record
from records.envelope import watermark_of
from records.errors import Reason, RecordError
from records.late import LateParts, LateReadings, decode_request
from records.log import (
    LogReader,
    LogRecord,
    LogUnavailableError,
    LogWriter,
    Outgoing,
    Partition,
)
from records.snapshot import pack, unpack
from records.topics import topic_name
from records.window import decode_window
from storage.historian_classes import HistoryClass
from storage.historian_readings import was_recorded
from storage.history_reader import HistoryReader
from storage.postgresql_connection import HistorianUnavailableError
from stream.keeper import Checkpoints
from stream.rebuilder import Rebuilder
from stream.relay import RelayedWriter
from stream.whole_windows import WHOLE_NAMES

__all__ = ["RebuildService", "rebuild", "rebuilder_of"]

_logger = structlog.get_logger(__name__)

_NAME = "rebuild"
_IDLE_S = 0.5
_AGAIN_S = 2.0
_DEAD_LETTER_SLOT = 2
"""Partition of the embedded log's dead letters that is this process's own."""


def rebuild(run: RunFile, stop: threading.Event) -> None:
    """Answer requests until asked to stop."""
    settings = run.settings
    space = settings.namespace
    connection = kafka_connection(settings)
    reader, client, log = open_reader(settings), open_redis(settings), open_writer(settings)
    relayed = topic_name(space, "window.rebuilt.v1")
    retention = Retention(log, [Partition(relayed, area) for area in reader.partitions(relayed)])
    writer = log
    if connection is None:
        slots = {topic_name(space, "dead-letter.v1"): _DEAD_LETTER_SLOT}
        writer = RelayedWriter(SlottedWriter(log, slots), space)
    pulse = Pulse(client, space, _NAME)
    historian = history_reader(settings)

    service = RebuildService(
        lambda: rebuilder_of(run, historian),
        historian,
        reader,
        writer,
        checkpoints_of(run, connection),
        space,
    )
    try:
        while not stop.is_set():
            answered = 0
            try:
                answered = service.turn()
            except LogUnavailableError as error:
                _logger.warning("log_does_not_answer", error=str(error))
            except HistorianUnavailableError as error:
                # The requests wait in their topic.
                _logger.warning("historian_does_not_answer", error=str(error))
                pulse.beat(service.event_time, status="error", detail=str(error))
                stop.wait(_AGAIN_S)
                continue
            retention.apply_now_and_then()
            pulse.beat(service.event_time, detail=f"{service.waiting} requests waiting")
            if not answered:
                stop.wait(_IDLE_S)
    finally:
        historian.close()
        writer.close()
        reader.close()
        client.close()


def rebuilder_of(run: RunFile, historian: HistoryReader) -> Rebuilder:
    """What makes the windows of a run again, out of a historian of it."""
    # Mostly nothing comes late: what this takes is read when something does.
    from console.services.scenario import read_scenario
    from console.services.stages import area_settings, metering_settings

    scenario, space = read_scenario(run), run.settings.namespace
    settings = area_settings(run), metering_settings(run)
    return Rebuilder(historian, space, scenario.register, scenario.clock, *settings)


@dataclass(slots=True)
class _Answer:
    """The last batch of an answer in one topic: with it the historian holds all of it there."""

    topic: str
    area: int
    start: int
    length: int
    input_offset: int


class RebuildService:
    """Answers the requests of all areas, a turn at a time.

    Parameters
    ----------
    rebuilder
        Called once, for what makes the windows.
    historian
        The same that it reads.
    reader
        The log.
    writer
        Where windows go.
    checkpoints
        Where it is kept which requests are done with.
    namespace
        Of the topics.
    """

    def __init__(
        self,
        rebuilder: Callable[[], Rebuilder],
        historian: HistoryReader,
        reader: LogReader,
        writer: LogWriter,
        checkpoints: Checkpoints,
        namespace: str,
    ) -> None:
        self._rebuilder = cache(rebuilder)
        self._historian = historian
        self._reader = reader
        self._writer = writer
        self._checkpoints = checkpoints
        self._late = topic_name(namespace, "window.late.v1")
        frames, meters, windows, long, intervals = (
            topic_name(namespace, name)
            for name in (
                "scada.frame.v1",
                "meter.read.v1",
                "window.5min.v1",
                "window.15min.v1",
                "meter.interval.v1",
            )
        )
        wholes = tuple(topic_name(namespace, name) for name in WHOLE_NAMES)
        self._made_of = {False: (frames, (windows, long)), True: (meters, (intervals,))}
        """What windows, and metered intervals, are made of, and where those made before are."""
        self._rolled_up = long, wholes
        """The same of half hours, hours and days."""
        self._dead = topic_name(namespace, "dead-letter.v1")
        self._kept_as = {
            windows: HistoryClass.WINDOWS,
            **dict.fromkeys((long, *wholes), HistoryClass.LONG_WINDOWS),
            intervals: HistoryClass.METER_INTERVALS,
        }
        self._next: dict[int, int] = {}
        self._answers: dict[int, list[_Answer]] = {}
        self.event_time: int | None = None
        """Event time of the last request answered, ns UTC."""
        self.waiting = 0
        """Requests not done with."""

    def turn(self) -> int:
        """Answer what can be answered now; return how many requests that was."""
        answered, self.waiting = 0, 0
        for area in self._reader.partitions(self._late):
            place = Partition(self._late, area)
            if area not in self._next:
                self._next[area] = self._begin(place)
            if not self._settled(place):
                self.waiting += 1
                continue
            for record in self._reader.read(place, self._next[area], 1):
                if self._answer(record):
                    answered += 1
                else:
                    self.waiting += 1
        return answered

    def _begin(self, place: Partition) -> int:
        name = f"{_NAME}.{place.number}"
        kept = self._checkpoints.load_all([name]).get(name)
        begin = self._reader.begin_offset(place)
        if kept is None:
            return begin
        ((_, _, offset),) = unpack(kept.data)["offsets"]
        return max(int(offset), begin)

    def _settled(self, place: Partition) -> bool:
        """Whether the answer given last, if any, is recorded."""
        for answer in self._answers.get(place.number, ()):
            kept_as = self._kept_as[answer.topic]
            if not was_recorded(
                self._historian,
                kept_as,
                answer.area,
                answer.start,
                answer.length,
                answer.input_offset,
            ):
                return False
        if self._answers.pop(place.number, None):
            self._done(place)
        return True

    def _done(self, place: Partition) -> None:
        self._next[place.number] += 1
        tree = {"offsets": [(place.topic, place.number, self._next[place.number])], "state": None}
        self._checkpoints.save(f"{_NAME}.{place.number}", pack(tree), (), {})

    def _answer(self, record: LogRecord) -> bool:
        """Answer a request; False while the historian lacks what it takes."""
        place = Partition(record.topic, record.partition)
        try:
            late = decode_request(record.headers, record.value, record.partition)
            self._check_made_of(late)
            if not self._is_recorded(late):
                return False
            made = self._rebuilder().rebuild(late)
        except RecordError as error:
            self._writer.append([dead_letter_record(self._dead, record, error, source=_NAME)])
            self._writer.flush()
            self._done(place)
            return True
        self._writer.append(made)
        self._writer.flush()
        self.event_time = max(self.event_time or 0, late.known)
        _logger.info("rebuilt", area=late.area, windows=len(set(late.start.tolist())),
                     revised=len(made))  # fmt: skip
        if made:
            self._answers[place.number] = _answers_of(made)
        else:
            self._done(place)
        return True

    def _check_made_of(self, late: LateReadings | LateParts) -> None:
        """Refuse what tells of records that the log never had: it would be waited for forever."""
        for source, past in (self._source(late), (self._raw_of(late), late.input_offset)):
            end = self._reader.end_offset(Partition(source, late.area))
            if past >= end:
                raise RecordError(
                    Reason.SCHEMA_MISMATCH,
                    f"made of offset {past} of {source}, which ends at {end}",
                )

    def _raw_of(self, late: LateReadings | LateParts) -> str:
        """Topic of the raw records behind the answer."""
        return self._made_of[isinstance(late, LateReadings) and late.metered][0]

    def _source(self, late: LateReadings | LateParts) -> tuple[str, int]:
        """Topic of what the answer is made of, and the offset of the last of it."""
        if isinstance(late, LateParts):
            return self._rolled_up[0], late.parts_offset
        return self._raw_of(late), late.input_offset

    def _is_recorded(self, late: LateReadings | LateParts) -> bool:
        """Whether the historian holds all that the answer is made of."""
        reached = self._historian.next_offsets()
        source, past = self._source(late)
        made_before = (
            self._rolled_up if isinstance(late, LateParts) else self._made_of[late.metered]
        )[1]
        if reached.get(Partition(source, late.area), 0) <= past:
            return False
        for topic in made_before:
            place = Partition(topic, late.area)
            first = first_made_of(self._reader, place, late.input_offset)
            if first is None or reached.get(place, 0) <= first:
                return False
        return True


def first_made_of(reader: LogReader, place: Partition, input_offset: int) -> int | None:
    """Where windows made of input records from `input_offset` on begin, None while nowhere.

    Those made of earlier ones lie before, each of them at least once. Windows that were made
    again lie anywhere and are passed over.
    """
    low, high = reader.begin_offset(place), reader.end_offset(place)
    found = None
    while low < high:
        middle = (low + high) // 2
        offset, made_of = middle, None
        while offset < high and made_of is None:
            records = reader.read(place, offset, 1)
            if not records:
                return None
            made_of = _made_of(records[0])
            offset += made_of is None
        if made_of is not None and made_of < input_offset:
            low = offset + 1
        else:
            found = found if made_of is None else offset
            high = middle
    return found


def _made_of(record: LogRecord) -> int | None:
    """Input offset of a window batch, None for one that was made again or cannot be read."""
    try:
        if watermark_of(record.headers) is None:
            return None
        return decode_window(record.value).input_offset
    except RecordError:
        return None


def _answers_of(made: Sequence[Outgoing]) -> list[_Answer]:
    found = []
    for topic, last in {outgoing.topic: outgoing for outgoing in made}.items():
        batch = decode_window(last.value)
        found.append(_Answer(topic, batch.area, batch.start, batch.length, batch.input_offset))
    return found
