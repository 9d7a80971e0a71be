"""One seed, its world and its undisturbed twin, and what differs between them."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass

import structlog

from tests.stream.worlds.files import FilesWorld
from tests.stream.worlds.plans import plan_of
from tests.stream.worlds.verdict import differences
from tests.stream.worlds.world import World

__all__ = ["Judged", "judged", "kind_of", "quiet"]


@dataclass(frozen=True)
class Judged:
    """What became of a world: how often it crashed before which effects, what differs."""

    seed: int
    plan: str
    crashes: Counter[str]
    differences: list[str]


def kind_of(seed: int) -> type[World]:
    """Return the kind of a seed's world: one in fifty keeps its things in real files."""
    return FilesWorld if seed % 50 == 8 else World


def judged(seed: int, kind: type[World] | None = None) -> Judged:
    """Run a world and its undisturbed twin; an exception is a difference too."""
    plan = plan_of(seed)
    raw_logs = plan.raw_logs(seed)
    calm = World(plan, raw_logs, None).run()
    world = (kind or kind_of(seed))(plan, raw_logs, seed)
    try:
        found = differences(world.run(), calm)
    except Exception as error:
        found = [f"it stopped: {error!r}"[:500]]
    return Judged(seed, plan.name, world.disk.crashed, found)


def quiet() -> None:
    """Say nothing of torn checkpoints and the like: that is what worlds are about."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
