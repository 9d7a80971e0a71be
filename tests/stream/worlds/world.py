"""Worlds in which everything goes wrong, by a seed, and the same worlds undisturbed.

Real stages under real keepers, the real outlet of the services, the real recorder: over a log, a
checkpoint store, a historian and a Redis that survive a crash. Every write to any of them is an
effect, and a crash may come before any. Partitions move between two workers, who do not always
hear of it in time; in files, checkpoints are torn by power cuts. What must not change is told by
`tests.stream.worlds.verdict`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from records.log import Partition
from stream.keeper import unit_of
from stream.stage import Stage
from tests.stream.worlds.disk import Crash, Disk
from tests.stream.worlds.plans import Plan
from tests.stream.worlds.processes import (
    Follower,
    Process,
    RecorderProcess,
    Worker,
    partitions_of,
)
from tests.stream.worlds.raw_logs import RawLogs

__all__ = ["World"]

CHANCES = (0.004, 0.009, 0.02)
N_WORKERS = 2


class World:
    """Processes that are started again whenever they crash, until everything is done.

    Parameters
    ----------
    plan
        What runs.
    raw_logs
        What comes in.
    seed
        Decides what happens; None for an undisturbed world.
    """

    worker_type: type[Worker] = Worker
    zombies = True
    follower_type: type[Follower] = Follower

    def __init__(self, plan: Plan, raw_logs: RawLogs, seed: int | None) -> None:
        self.plan = plan
        self.calm = seed is None
        rng = random.Random(seed)
        chance = 0.0 if self.calm else rng.choice(CHANCES)
        self.disk = self.new_disk(
            {place: list(kept) for place, kept in raw_logs.items()}, rng, chance
        )
        self._stages = plan.stages()
        self._afresh = rng.random() < 0.25
        self._worker_of: dict[tuple[str, int], int] = {}
        for stage in self._stages:
            for unit in units_of(stage, plan.areas):
                self._worker_of[stage.name, unit] = 0 if self.calm else rng.randrange(N_WORKERS)
        self._running: dict[str, Process] = {}
        self.moves = 0

    def run(self) -> Disk:
        """Run until nothing is left to do, and return what survived."""
        starts: dict[str, Callable[[], Process]] = {
            "follower": lambda: self.follower_type(self.disk),
            "recorder": self.recorder,
        }
        for number in range(1 if self.calm else N_WORKERS):
            starts[f"worker {number}"] = lambda number=number: self._worker(number)  # type: ignore[misc]
        names = sorted(starts, reverse=True)
        while True:
            busy, records = 0, self.disk.records()
            if not self.calm:
                self.disk.rng.shuffle(names)
                busy += self._move()
            for name in names:
                busy += self._guarded(name, starts[name])
            if not busy and records == self.disk.records() and self._settled():
                return self.disk

    def new_disk(self, log: RawLogs, rng: random.Random, chance: float) -> Disk:
        """Return what survives crashes."""
        return Disk(log, rng, chance)

    def recorder(self) -> Process:
        """Start the recorder."""
        return RecorderProcess(self.disk, self.disk.historian)

    def _worker(self, number: int) -> Worker:
        stages = self.plan.stages() if self._afresh else self._stages
        units = {stage.name: self._units(stage, number) for stage in stages}
        return self.worker_type(self.disk, stages, units, self.plan.areas)

    def _units(self, stage: Stage[Any], number: int) -> set[int]:
        return {
            u for (name, u), at in self._worker_of.items() if (name, at) == (stage.name, number)
        }

    def _guarded(self, name: str, start: Callable[[], Process]) -> int:
        try:
            if name not in self._running:
                self._running[name] = start()
            return self._running[name].turn()
        except Crash:
            self._lost(name)
            return 1

    def _lost(self, name: str) -> None:
        """One process is gone, or the whole machine."""
        self._running.pop(name, None)
        if self.disk.rng.random() < 0.2:
            self._running.clear()
            self.disk.cut_power()

    def _move(self) -> int:
        """Give a unit to another worker, now and then."""
        rng = self.disk.rng
        if rng.random() > 0.15 or self.moves > 12:
            return 0
        self.moves += 1
        stage = rng.choice(self._stages)
        unit = rng.choice(units_of(stage, self.plan.areas))
        self._worker_of[stage.name, unit] = 1 - self._worker_of[stage.name, unit]
        for number in range(N_WORKERS):
            worker = self._running.get(f"worker {number}")
            if isinstance(worker, Worker):
                try:
                    worker.reassign(stage.name, self._units(stage, number), zombies=self.zombies)
                except Crash:
                    self._lost(f"worker {number}")
        return 1

    def _settled(self) -> bool:
        """Bring everything to where it survives; False where that made more to do."""
        before = self.disk.records(), self.disk.crashes
        for name, process in list(self._running.items()):
            try:
                process.settle()
            except Crash:
                self._lost(name)
                break
        return before == (self.disk.records(), self.disk.crashes)


def units_of(stage: Stage[Any], n_areas: int) -> list[int]:
    """Units of state of a stage."""
    places: list[Partition] = partitions_of(stage, n_areas)
    return sorted({unit_of(stage.scope, place) for place in places})
