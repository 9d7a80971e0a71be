"""Finding a forecast run by its id: in the historian, else in its topic."""

from __future__ import annotations

from datetime import UTC, datetime

from console.errors import BadInputError
from console.log_access import open_reader
from console.settings import Settings
from records.forecast import FORECAST_TYPE, ForecastLevel, decode_forecast
from records.log import LogReader, LogRecord, Partition
from records.time import SECOND
from records.topics import topic_name
from storage.history_reader import HistoryReader
from storage.recorded_runs import RecordedRun, recorded_run

__all__ = ["find_run"]

_TOPIC = "forecast.v1"
_AT_ONCE = 500


def find_run(
    settings: Settings, historian: HistoryReader | None, run_id: str
) -> tuple[RecordedRun, str]:
    """Return a run, and where it was found: ``historian`` or the topic.

    Raises
    ------
    BadInputError
        When it is nowhere.
    """
    issue_time = _issue_time(run_id)
    found = None if historian is None else recorded_run(historian, run_id, issue_time)
    if found is not None:
        return found, "historian"
    topic = topic_name(settings.namespace, _TOPIC)
    reader = open_reader(settings)
    try:
        levels = _levels(reader, topic, run_id)
    finally:
        reader.close()
    if not levels:
        raise BadInputError(
            f"there is no forecast {run_id}: neither the historian of {settings.directory} nor "
            f"{topic} has it; `gridcast topics read {_TOPIC} --from -20` shows the last ones"
        )
    meta = levels[0].meta
    return (
        RecordedRun(
            run_id,
            issue_time,
            meta.hierarchy_version,
            {name: level.level for level in levels for name in level.series},
            {name: about for level in levels for name, about in level.meta.series.items()},
            meta.lineage,
        ),
        topic,
    )


def _issue_time(run_id: str) -> int:
    compact = run_id.split("-", 1)[0]
    try:
        issued = datetime.strptime(compact, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise BadInputError(
            f"{run_id!r} is not the id of a forecast: it is an issue time and a product, such as "
            "20141110T000000Z-short"
        ) from None
    return int(issued.timestamp()) * SECOND


def _levels(reader: LogReader, topic: str, run_id: str) -> list[ForecastLevel]:
    """Levels of a run in its topic, without those of energies by local day."""
    found: dict[str, ForecastLevel] = {}
    for number in reader.partitions(topic):
        partition = Partition(topic, number)
        offset, end = reader.begin_offset(partition), reader.end_offset(partition)
        while offset < end:
            records = reader.read(partition, offset, _AT_ONCE)
            for record in records:
                offset = record.offset + 1
                if _belongs(record, run_id):
                    level = decode_forecast(record.value)
                    if not level.meta.valid_times:
                        found[level.level] = level
            if not records:
                break
    return list(found.values())


def _belongs(record: LogRecord, run_id: str) -> bool:
    headers = record.headers
    return headers.get("ce_type") == FORECAST_TYPE and headers.get("ce_id", "").startswith(
        f"{run_id}-"
    )
