"""One run over the composite network: its settings, what must be there before it, its input."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from console.services.history import keep_history
from console.services.prepare import create_topics
from console.services.run_file import RunFile, write_run
from console.services.scenario import DEMO_START, HISTORY_START, twin_of
from console.settings import Addresses, Settings
from ingest.batch import Batch
from ingest.gateway import Gateway, GatewayReport
from ingest.network_files import read_case, write_case
from ingest.twin.faults import FaultRates
from ingest.twin.twin import Twin, TwinSettings
from records.log import LogWriter
from records.time import HOUR, MINUTE
from storage.historian_writer import HistorianWriter
from tests.system.kafka_proof.composite import composite
from tests.system.kafka_proof.late import HOT_RETENTION

__all__ = ["FAULTS", "GridRun", "environment_of"]

START = DEMO_START + 22 * HOUR
"""Two hours before a local day ends."""

FAULTS = replace(
    FaultRates(),
    late_share=0.02,
    out_of_order_share=0.01,
    duplicate_share=0.01,
    corrected_share=0.01,
    undecodable_share=0.004,
    unknown_point_share=0.006,
)
"""Ten times as many frames go wrong as in the demo."""
_THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class GridRun:
    """A run in a namespace of a Kafka cluster.

    Parameters
    ----------
    directory
        Of the run.
    namespace, kafka, redis
        Where its records and its read model are.
    areas
        Copies of the 118-bus system.
    hours
        Event time that is sent.
    seed
        Of the twin.
    place
        Where workers keep their checkpoints.
    """

    directory: Path
    namespace: str
    kafka: str
    redis: str
    areas: int
    hours: int
    seed: int = 118
    place: str = "files"
    checkpoint_s: float = 2.0
    session_s: float = 6.0

    @property
    def file(self) -> RunFile:
        """What the processes of the run are given."""
        settings = Settings.model_validate(
            {
                "namespace": self.namespace,
                "directory": self.directory,
                "checkpoint": {"every": f"PT{self.checkpoint_s}S", "place": self.place},
                "kafka": {"session_timeout": f"PT{self.session_s}S"},
                "scada": {"hot_retention": f"PT{HOT_RETENTION // MINUTE}M"},
                "addresses": Addresses(
                    kafka_bootstrap_servers=self.kafka, redis_url=SecretStr(self.redis)
                ),
            }
        )
        return RunFile(settings=settings, start=START, days=1, seed=self.seed, speed=None)

    @property
    def path(self) -> Path:
        """The file of the run."""
        return self.directory / "run.json"

    def prepare(self, *, history: bool = True) -> None:
        """Make the network, the topics and ten months of history."""
        run = self.file
        write_case(composite(self.areas), run.directory / "network")
        write_run(run)
        create_topics(run, self.areas)
        with HistorianWriter(run.directory / "historian") as writer:
            if history:
                twin = twin_of(run, read_case(run.directory / "network"))
                keep_history(twin.history(HISTORY_START, run.start), writer, time.time_ns())

    def twin(self) -> Twin:
        """What makes the input."""
        settings = TwinSettings(
            START,
            START + self.hours * HOUR,
            namespace=self.namespace,
            rates=FAULTS,
            seed=self.seed,
        )
        return Twin(read_case(self.directory / "network"), settings)

    def send(
        self,
        stop: threading.Event,
        *,
        batches: Iterable[Batch],
        writer: LogWriter,
        wall_s: float | None = None,
        on_batch: Callable[[GatewayReport], None] | None = None,
    ) -> GatewayReport:
        """Put batches into the raw topics, over about `wall_s` seconds; None: at once."""
        speed = None if wall_s is None else self.hours * 3600 / wall_s
        return Gateway(writer, stop, speed=speed, on_batch=on_batch).run(batches)


def environment_of(run: GridRun) -> Mapping[str, Any]:
    """Environment of the run's processes; one BLAS thread, for sums depend on it by a bit."""
    addresses = {"KAFKA_BOOTSTRAP_SERVERS": run.kafka, "REDIS_URL": run.redis}
    return {**os.environ, **_THREADS, **addresses, "GRIDCAST_DEBUG": "1"}
