"""One seed, its world and the undisturbed one, and what differs between them."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import structlog

from tests.stream.worlds.files import FilesWorld
from tests.stream.worlds.plans import Plan, plan_of
from tests.stream.worlds.raw_logs import RawLogs
from tests.stream.worlds.verdict import Outcome, differences, outcome_of
from tests.stream.worlds.world import World

__all__ = ["SHARING", "Judged", "judged", "kind_of", "quiet", "undisturbed"]

SHARING = 4
"""So many worlds in a row share their raw logs, which are run undisturbed once."""


@dataclass(frozen=True)
class Judged:
    """What became of a world: crashes by effect, differences, moves of units, checkpoints torn."""

    seed: int
    plan: str
    crashes: Counter[str]
    differences: list[str]
    moves: int
    torn: int


def kind_of(seed: int) -> type[World]:
    """Return the kind of a seed's world: one in 25 keeps its things in real files."""
    return FilesWorld if seed % 25 == 8 else World


@lru_cache(maxsize=1)
def undisturbed(logs: int) -> tuple[Plan, RawLogs, Outcome]:
    """Return what runs on the raw logs of this number, these logs, and what they end with."""
    plan = plan_of(logs)
    raw_logs = plan.raw_logs(logs)
    return plan, raw_logs, outcome_of(World(plan, raw_logs, None).run())


def judged(seed: int, kind: type[World] | None = None) -> Judged:
    """Run a world and compare it with the undisturbed one; an exception is a difference too."""
    plan, raw_logs, calm = undisturbed(seed // SHARING)
    world = (kind or kind_of(seed))(plan, raw_logs, seed)
    try:
        found = differences(world.run(), calm)
    except Exception as error:
        found = [f"it stopped: {error!r}"[:500]]
    return Judged(seed, plan.name, world.disk.crashed, found, world.moves, world.disk.n_torn)


def quiet() -> None:
    """Say nothing of torn checkpoints and the like: that is what worlds are about."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
