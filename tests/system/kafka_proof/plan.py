"""What a proof runs and does to it, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.gateway import GatewayReport
from tests.system.kafka_proof.disturbances import Disturbance, Kind
from tests.system.kafka_proof.products import Compared

__all__ = ["Outcome", "Plan"]

STAGES = ("area", "metering", "meter_estimates", "rollup", "estimation", "alarms", "forecast")


@dataclass(frozen=True)
class Plan:
    """What is run and what happens to it.

    Parameters
    ----------
    areas, hours
        Copies of the 118-bus system, and event time sent.
    wall_s
        Over how long it is sent.
    disturbances
        How often what happens, at moments drawn.
    moments
        What else happens, and when.
    stages
        Which stages run.
    workers
        Workers of the stage `area`; each kill hits one of those that are there.
    place
        Where the workers keep their checkpoints.
    seed
        Of moments and data.
    disk_mb
        Size of the disk that is filled.
    patience_s
        How long the run may take to catch up after the last record was sent.
    """

    areas: int = 6
    hours: int = 3
    wall_s: float = 300.0
    disturbances: Mapping[Kind, int] = field(default_factory=dict)
    moments: tuple[Disturbance, ...] = ()
    stages: tuple[str, ...] = STAGES
    workers: int = 1
    place: str = "files"
    seed: int = 7
    disk_mb: int = 768
    patience_s: float = 240.0

    @property
    def rebuilds(self) -> bool:
        """Whether it is long enough for windows to leave memory, so that they are made again."""
        return "area" in self.stages and self.hours >= 3


@dataclass
class Outcome:
    """What was done and what was compared.

    Parameters
    ----------
    sent
        What was sent, over `sending_s`; everything was there `catching_up_s` later.
    done, skipped
        What happened how often, and what could not be done here and why.
    told
        How often the services logged what.
    shares
        Area workers and how many partitions each was given, in the order of time.
    ended
        Services that ended by themselves, with their codes.
    stopped
        Codes of the services at the end.
    compared
        The table.
    """

    sent: GatewayReport = field(default_factory=lambda: GatewayReport(0, 0, None, False))
    done: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    shares: list[tuple[str, int]] = field(default_factory=list)
    ended: list[tuple[str, int]] = field(default_factory=list)
    stopped: dict[str, int] = field(default_factory=dict)
    compared: list[Compared] = field(default_factory=list)
    sending_s: float = 0.0
    catching_up_s: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether everything was there, and nothing else."""
        return bool(self.compared) and all(line.equal for line in self.compared)
