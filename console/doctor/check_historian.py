"""Checks of the historian: can it be read, and has the recorder kept up with the log."""

from __future__ import annotations

from collections.abc import Iterator

from console.doctor.check import Check, Verdict
from console.historian_access import (
    historian_kept,
    historian_schema,
    historian_url,
    open_historian,
)
from console.settings import Settings
from storage.historian_manifest import HistorianDamagedError
from storage.postgresql_connection import HistorianAddressError, HistorianUnavailableError

__all__ = ["historian_checks"]


def historian_checks(settings: Settings) -> Iterator[Check]:
    """Look at the run's historian."""
    if not historian_kept(settings):
        return
    on_server = historian_url(settings) is not None
    where = f"schema {historian_schema(settings)} on the server" if on_server else "files"
    try:
        with open_historian(settings) as historian:
            positions = historian.next_offsets()
    except (HistorianAddressError, HistorianDamagedError, HistorianUnavailableError) as error:
        said, _, remedy = str(error).rpartition("; ")
        yield Check("historian", Verdict.BAD, said, remedy)
        return
    records = sum(positions.values())
    seen = f"{where}: {records} records of {len(positions)} partitions"
    yield Check("historian", Verdict.GOOD, seen)
