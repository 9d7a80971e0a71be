"""Structured logs of the services: JSON lines, or columns for people."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog

from console.settings import LoggingSettings

__all__ = ["RareLines", "configure_logs"]


class _Lossy:
    """A stream that loses what cannot be written: a full disk must not end a service."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


class RareLines(logging.Filter):
    """Lets a line of each kind through once a second, for a library would fill the disk.

    Kafka's clients write hundreds a second while no broker is there.

    Examples
    --------
    >>> rare = RareLines()
    >>> def line(text, at):
    ...     return logging.makeLogRecord({"name": "aiokafka", "msg": text, "created": at})
    >>> [rare.filter(line(text, at)) for text, at in [("a", 0), ("a", 0.9), ("b", 0.9), ("a", 1)]]
    [True, False, True, True]
    """

    _KINDS = 1000

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, int, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        kind = record.name, record.levelno, record.msg
        last = self._last.get(kind)
        if last is not None and record.created - last < 1.0:
            return False
        if len(self._last) >= self._KINDS:
            self._last.clear()
        self._last[kind] = record.created
        return True


def configure_logs(settings: LoggingSettings, service: str) -> None:
    """Send what this process logs to stdout, each line with the name of the service.

    Libraries that use the standard library's logging come out the same way, but for what they
    repeat within a second.
    """
    stream = cast("TextIO", _Lossy(sys.stdout))
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if settings.format == "json"
        else [structlog.dev.ConsoleRenderer(colors=False)]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(RareLines())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    structlog.contextvars.bind_contextvars(service=service)
