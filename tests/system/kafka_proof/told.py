"""What the services of a run logged: how often what happened, and who was given which areas."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from console.services.heartbeat import instance_name

__all__ = ["Told"]

_COUNTED = (
    "no_room_for_checkpoint", "no_room_for_history", "not_in_redis", "redis_filled_from_the_log",
    "log_does_not_answer", "partitions_assigned", "rebuilt",
)  # fmt: skip


class Told:
    """Reads the logs of the services in a directory."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs

    def lines(self) -> list[dict[str, Any]]:
        """What was logged that counts here, in order."""
        told = []
        for path in self._logs.glob("*.log"):
            for line in path.read_text(errors="replace").splitlines():
                if line.startswith("{"):
                    # A kill may have cut it short.
                    with suppress(ValueError):
                        told.append(json.loads(line))
        return sorted(
            (line for line in told if line.get("event") in _COUNTED),
            key=lambda line: str(line["timestamp"]),
        )

    def events(self) -> Counter[str]:
        """How often each was logged."""
        return Counter(line["event"] for line in self.lines())

    def shares(self) -> list[tuple[str, frozenset[str]]]:
        """Area workers and the partitions that each was given, in the order of time."""
        return [
            (line["service"], frozenset(line["positions"]))
            for line in self.lines()
            if line["event"] == "partitions_assigned" and line["stage"] == "area"
        ]

    def dealt_out(self, workers: Collection[int], areas: int) -> bool:
        """Whether these area workers have all areas, each one worker's, as evenly as can be."""
        last = dict(self.shares())
        shares = [last.get(instance_name("area", n), frozenset()) for n in workers]
        sizes = [len(share) for share in shares]
        distinct = len(frozenset().union(*shares))
        return sum(sizes) == distinct == areas and max(sizes) - min(sizes) <= 1
