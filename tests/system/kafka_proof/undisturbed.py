"""The same stages over the same raw records, in one process that nothing happens to.

    python -m tests.system.kafka_proof.undisturbed RUN_FILE HISTORIAN [STAGE ...]

Raw topics are read from Kafka as they stand there. What the stages put out stays in memory, goes
to the Redis of the environment and to the historian given, and is written to
HISTORIAN/products.msgpack, records of each topic in order.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
from redis import Redis

from console.log_access import open_reader
from console.services.rebuild_service import RebuildService, rebuilder_of
from console.services.recorder_service import take_available
from console.services.run_file import read_run
from console.services.scenario import read_scenario
from console.services.service_outlet import ServiceOutlet
from console.services.stages import stage_named
from records.log import Partition
from records.topics import CATALOGUE, Partitioning, topic_name
from storage.checkpoint_store import CheckpointStore
from storage.filing import RECORDED_TOPICS
from storage.historian import Historian
from storage.historian_writer import HistorianWriter
from storage.memory_log import MemoryLog
from storage.recorder import Recorder
from stream.replay_log import ReplayLog
from stream.runner import RunnerOptions, run_stages
from tests.system.kafka_proof.products import DERIVED, Kept


def main(run_file: str, historian: str, *names: str) -> None:
    run = read_run(Path(run_file))
    space = run.settings.namespace
    scenario = read_scenario(run)
    areas = range(len(scenario.register.areas))
    raw = [t for t in CATALOGUE.values() if t.raw]
    own = MemoryLog()
    for topic in CATALOGUE.values():
        if not topic.raw:
            count = areas if topic.partitioning is Partitioning.AREA else range(1)
            own.claim(topic_name(space, topic.name), count)
    kafka = open_reader(run.settings)
    places = [
        Partition(name, number)
        for name in (topic_name(space, topic.name) for topic in raw)
        for number in kafka.partitions(name)
    ]
    log = ReplayLog(kafka, space, own, space, places)
    place = Path(historian)
    outlet = ServiceOutlet(own, Redis.from_url(os.environ["REDIS_URL"]), space, "undisturbed")
    checkpoints = CheckpointStore(place / "checkpoints")
    topics = [topic_name(space, name) for name in RECORDED_TOPICS]
    kept_history = Historian(place)
    rebuilds = RebuildService(
        lambda: rebuilder_of(run, kept_history), kept_history, log, own, checkpoints, space
    )
    with HistorianWriter(place) as writer:
        recorder = Recorder(writer)
        stages = [stage_named(name, run, scenario) for name in names]
        while True:
            run_stages(stages, log, outlet, checkpoints, options=RunnerOptions(until_end=True))
            while take_available(recorder, log, topics)[0]:
                pass
            recorder.flush()
            # What is made again stands behind all else, and may change what is made of it.
            if not rebuilds.turn():
                break
    kept_history.close()
    kept = {
        name: [
            Kept(number, record.key, record.value, dict(record.headers))
            for number in own.partitions(topic_name(space, name))
            for record in own.read(Partition(topic_name(space, name), number), 0, 1 << 40)
        ]
        for name in DERIVED
    }
    (place / "products.msgpack").write_bytes(msgspec.msgpack.encode(kept))
    log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
