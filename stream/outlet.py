"""Where outcomes go: records to the log, forecast runs to their topic and to other sinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from records.forecast import forecast_record
from records.log import LogWriter, Outgoing
from records.topics import topic_name
from stream.stage import Issued, Outcome

__all__ = ["LogOutlet"]


class LogOutlet:
    """Appends outcomes to a log, in order.

    Parameters
    ----------
    writer
        The log; this process must be the writer of the partitions its stages produce.
    namespace
        Namespace of the forecast topic.
    on_issued
        Called with every forecast run after its records were appended, such as to publish it
        to the read model. It may be called again with the same run after a restart.
    """

    def __init__(
        self,
        writer: LogWriter,
        namespace: str,
        on_issued: Callable[[Issued], None] | None = None,
    ) -> None:
        self._writer = writer
        self._forecasts = topic_name(namespace, "forecast.v1")
        self._on_issued = on_issued

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        """Hand outcomes over, in order."""
        if all(isinstance(outcome, Outgoing) for outcome in outcomes):
            self._writer.append(o for o in outcomes if isinstance(o, Outgoing))
            return
        for outcome in outcomes:
            if isinstance(outcome, Outgoing):
                self._writer.append([outcome])
            else:
                self._issue(outcome)

    def flush(self) -> None:
        """Return once everything delivered is kept by the log."""
        self._writer.flush()

    def _issue(self, issued: Issued) -> None:
        run = issued.run
        self._writer.append(
            forecast_record(self._forecasts, level, run.issue_time) for level in run.levels
        )
        if self._on_issued is not None:
            self._on_issued(issued)
