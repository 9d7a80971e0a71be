"""The raw readings of a point or a meter, and whether there is such a one at all."""

from __future__ import annotations

import difflib
from typing import Any

from console.errors import BadInputError
from console.services.run_file import read_run
from console.services.scenario import read_scenario
from console.settings import Settings
from records.topics import topic_name
from storage.history_reader import HistoryReader
from storage.touched_products import meter_readings, point_readings

__all__ = ["check_known", "raw_readings"]

_KNOWN = """
    SELECT DISTINCT series::VARCHAR AS series FROM windows
    UNION SELECT DISTINCT series::VARCHAR FROM meter_intervals
    UNION SELECT DISTINCT series::VARCHAR FROM meter_reads
"""


def check_known(historian: HistoryReader, name: str) -> None:
    """Refuse a name of which nothing was ever recorded.

    Raises
    ------
    BadInputError
        With names that are like it.
    """
    known = historian.sql(_KNOWN)["series"].to_pylist()
    if name in known:
        return
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)[:4]
    hint = f"it has {', '.join(close)}" if close else "it has none yet"
    raise BadInputError(f"the historian has no point or meter {name!r}; {hint}")


def raw_readings(
    settings: Settings,
    historian: HistoryReader,
    name: str,
    start: int,
    end: int,
    *,
    metered: bool | None = None,
    past: int | None = None,
) -> list[dict[str, Any]]:
    """Count the raw readings of ``[start, end)`` (ns UTC), by topic and partition.

    SCADA readings are kept by number: without the register of the run they cannot be told.
    A meter may bear the name of the point that it measures: `metered` asks for one of them only.
    `past` is the last offset that counts.
    """
    found = []
    if metered is not False:
        topic = topic_name(settings.namespace, "meter.read.v1")
        found += meter_readings(historian, name, topic, start, end, past)
    if metered is not True and (numbers := _numbers(settings, name)):
        found += point_readings(historian, numbers, start, end, past)
    return found


def _numbers(settings: Settings, name: str) -> list[int]:
    path = settings.directory / "run.json"
    if not path.is_file() or not (settings.directory / "network").exists():
        return []
    register = read_scenario(read_run(path)).register
    return sorted({point.number for point in register.points if point.id == name})
