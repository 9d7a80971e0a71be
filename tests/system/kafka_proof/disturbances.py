"""What happens to a run, and when: drawn by a seed before it begins."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Disturbance", "Kind", "schedule"]


class Kind(StrEnum):
    """What is done."""

    KILL_WORKER = "area worker killed with -9"
    STOP_BROKER = "broker stopped and started"
    KILL_BROKER = "broker killed with -9 and started"
    KILL_REDIS = "Redis killed and started empty"
    FILL_DISK = "disk filled and emptied"
    ADD_WORKER = "further area worker"
    LOSE_WORKER = "area worker killed with -9 for good"
    KILL_REBUILD = "rebuild service killed with -9"


@dataclass(frozen=True, order=True)
class Disturbance:
    """One of them, and when it is due as a share of the run."""

    at: float
    kind: Kind


def schedule(counts: Mapping[Kind, int], seed: int) -> list[Disturbance]:
    """Draw moments for as many of each kind, in the order of time.

    Kills of workers fall anywhere between a twentieth and the end of the run. The rest share the
    middle of it in slots of their own, so that each is survived before the next; which slot is
    whose, and when within it, is drawn too.
    """
    rng = random.Random(seed)
    drawn = [
        Disturbance(rng.uniform(0.05, 0.98), Kind.KILL_WORKER)
        for _ in range(counts.get(Kind.KILL_WORKER, 0))
    ]
    others = [
        kind for kind in Kind if kind is not Kind.KILL_WORKER for _ in range(counts.get(kind, 0))
    ]
    rng.shuffle(others)
    width = 0.8 / max(1, len(others))
    for slot, kind in enumerate(others):
        drawn.append(Disturbance(0.1 + width * (slot + rng.uniform(0.0, 0.6)), kind))
    return sorted(drawn)
