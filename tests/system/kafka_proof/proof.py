"""One proof: a paced run that is disturbed, the same undisturbed, and whether they are equal."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import msgspec
from redis import Redis

from console.log_access import open_reader, open_writer
from console.services.local_kafka import LocalKafka
from console.services.scenario import DEMO_START
from ingest.batch import Batch
from ingest.gateway import GatewayReport
from tests.system.kafka_proof.disturbances import Disturbance, Kind, schedule
from tests.system.kafka_proof.grid_run import GridRun, environment_of
from tests.system.kafka_proof.houses import with_houses
from tests.system.kafka_proof.late import with_late_scans
from tests.system.kafka_proof.meters import with_meters
from tests.system.kafka_proof.plan import Outcome, Plan
from tests.system.kafka_proof.products import (
    Compared,
    Kept,
    Products,
    compare_historians,
    compare_redis,
)
from tests.system.kafka_proof.sent import RememberingWriter, compare_raw
from tests.system.kafka_proof.servers import ForgetfulRedis, SmallDisk
from tests.system.kafka_proof.services import Services
from tests.system.kafka_proof.told import Told

__all__ = ["prove"]

_ROOT = Path(__file__).resolve().parents[3]
_OUTAGE_S = 2.0
_FULL_S = 40.0


class _Proof:
    def __init__(self, plan: Plan, directory: Path, tell: Callable[[str], None]) -> None:
        self.plan, self.directory, self.tell = plan, directory, tell
        self.outcome = Outcome()
        self.kafka = LocalKafka(directory / "kafka")
        self.redis = ForgetfulRedis(directory / "redis")
        self.other_redis = ForgetfulRedis(directory / "redis-undisturbed")
        self.told = Told(directory / "logs")
        self.disk = SmallDisk(directory / "run", plan.disk_mb)
        # Children get a signal when the thread that started them ends, so the broker is started
        # and stopped by one that lasts.
        self.breaker = ThreadPoolExecutor(1)
        self.stop = threading.Event()
        self.workers = list(range(plan.workers))
        self.next_worker = plan.workers
        self.rng = random.Random(plan.seed)

    def run(self) -> Outcome:
        try:
            self.breaker.submit(self.kafka.start).result()
            with self.redis, self.other_redis:
                self._run_with_servers()
        finally:
            self.stop.set()
            self.breaker.submit(self.kafka.stop).result()
            self.breaker.shutdown()
            self.disk.close()
        return self.outcome

    def _run_with_servers(self) -> None:
        plan, outcome = self.plan, self.outcome
        self.grid = GridRun(
            self.disk.directory,
            "proof",
            self.kafka.bootstrap_servers,
            self.redis.url,
            plan.areas,
            plan.hours,
            place=plan.place,
        )
        self.tell(f"preparing {plan.areas} areas")
        self.grid.prepare(history="forecast" in plan.stages)
        self.services = Services(self.grid.path, environment_of(self.grid), self.directory / "logs")
        try:
            rebuild = ("rebuild",) if plan.rebuilds else ()
            for role in ("recorder", "watcher", *rebuild, *plan.stages):
                self.services.start(role)
            for instance in range(1, plan.workers):
                self.services.start("area", instance)
            # Made ahead, so that the pace is that of sending.
            twin = self.grid.twin()
            scans = with_houses(with_meters(twin.batches(), twin), twin, DEMO_START)
            batches = list(with_late_scans(scans, twin) if plan.rebuilds else scans)
            sent = RememberingWriter(open_writer(self.grid.file.settings))
            self._wait_for_workers()
            self._send(batches, sent)
            expected = self._undisturbed()
            self._catch_up(expected)
            outcome.stopped = self.services.stop()
        finally:
            self.services.stop(5.0)
        outcome.ended = self.services.ended
        self._compare(expected, sent)

    def _wait_for_workers(self) -> None:
        """Wait until every stage has its partitions: a run begins with all at work."""
        end = time.monotonic() + self.plan.patience_s
        while self.told.events()["partitions_assigned"] < len(self.plan.stages) or not (
            self._dealt_out()
        ):
            assert time.monotonic() < end, self.services.tail()
            self.services.look()
            self.stop.wait(0.2)

    def _dealt_out(self) -> bool:
        return "area" not in self.plan.stages or self.told.dealt_out(self.workers, self.plan.areas)

    def _send(self, batches: list[Batch], writer: RememberingWriter) -> None:
        """Send over the time planned, and disturb meanwhile.

        Once a worker has joined or was lost, nothing but kills happens before the areas are dealt
        out to those that are there: kills hit whatever is going on.
        """
        plan, outcome = self.plan, self.outcome
        moments = sorted([*schedule(plan.disturbances, plan.seed), *plan.moments])
        last: list[GatewayReport] = [outcome.sent]
        failure: list[BaseException] = []

        def send() -> None:
            try:
                last[0] = self.grid.send(
                    self.stop,
                    batches=batches,
                    writer=writer,
                    wall_s=plan.wall_s,
                    on_batch=lambda report: last.__setitem__(0, report),
                )
                writer.close()
            except BaseException as error:
                failure.append(error)

        sender = threading.Thread(target=send, daemon=True)
        began = told = time.monotonic()
        sender.start()
        running: list[Future[None]] = []
        unsettled = False
        while sender.is_alive() or moments or unsettled or any(not one.done() for one in running):
            now = time.monotonic()
            assert now - began < plan.wall_s + plan.patience_s, self.services.tail()
            unsettled = unsettled and not self._dealt_out()
            for due in [each for each in moments if now - began >= each.at * plan.wall_s]:
                if not unsettled or due.kind is Kind.KILL_WORKER:
                    moments.remove(due)
                    unsettled |= due.kind in (Kind.ADD_WORKER, Kind.LOSE_WORKER)
                    running += self._disturb(due)
            self.services.look()
            if now - told >= 10.0:
                told = now
                self.tell(
                    f"{now - began:5.0f} s: {last[0].measurements:,} measurements sent, "
                    + (", ".join(f"{n} x {what}" for what, n in outcome.done.items()) or "calm")
                )
            self.stop.wait(0.05)
        if failure:
            raise failure[0]
        for each in running:
            each.result()
        outcome.sent = last[0]
        outcome.sending_s = time.monotonic() - began

    def _disturb(self, what: Disturbance) -> list[Future[None]]:
        kind = what.kind
        if kind is Kind.KILL_REBUILD:
            self.services.kill("rebuild")
            self.services.start("rebuild")
            self.outcome.done[kind.value] += 1
            return []
        if kind in (Kind.KILL_WORKER, Kind.ADD_WORKER, Kind.LOSE_WORKER):
            if kind is Kind.ADD_WORKER:
                self.workers.append(self.next_worker)
                self.services.start("area", self.next_worker)
                self.next_worker += 1
            else:
                chosen = self.rng.choice(self.workers)
                self.services.kill("area", chosen)
                if kind is Kind.KILL_WORKER:
                    self.services.start("area", chosen)
                else:
                    self.workers.remove(chosen)
            self.outcome.done[kind.value] += 1
            return []
        if kind is Kind.FILL_DISK and self.disk.refused:
            self.outcome.skipped[kind.value] = self.disk.refused
            self.tell(f"skipped: {kind.value}: {self.disk.refused}")
            return []
        return [self.breaker.submit(self._break, kind)]

    def _break(self, kind: Kind) -> None:
        self.tell(kind.value)
        if kind is Kind.STOP_BROKER:
            self.kafka.stop()
            self.stop.wait(_OUTAGE_S)
            self.kafka.start()
        elif kind is Kind.KILL_BROKER:
            self.kafka.kill()
            self.stop.wait(_OUTAGE_S)
            self.kafka.start()
        elif kind is Kind.KILL_REDIS:
            self.redis.kill()
            self.stop.wait(_OUTAGE_S)
            self.redis.start()
        else:
            self._fill_disk()
        self.outcome.done[kind.value] += 1

    def _fill_disk(self) -> None:
        """Fill the disk until a worker and the recorder have said so, then make room."""
        before = self.told.events()
        wanted = ["no_room_for_history"]
        wanted += ["no_room_for_checkpoint"] if self.plan.place == "files" else []
        taken = self.disk.fill()
        self.tell(f"{taken / 1e6:.0f} MB written, no room left")
        end = time.monotonic() + _FULL_S
        while time.monotonic() < end:
            now = self.told.events()
            if all(now[event] > before[event] for event in wanted):
                break
            self.stop.wait(0.2)
        self.disk.make_room()

    def _undisturbed(self) -> dict[str, list[Kept]]:
        """Run the stages over the same raw records, in a process that nothing happens to."""
        self.tell("running the same without disturbances")
        place = self.directory / "undisturbed"
        place.mkdir()
        command = [sys.executable, "-m", "tests.system.kafka_proof.undisturbed"]
        subprocess.run(
            [*command, str(self.grid.path), str(place), *self.plan.stages],
            env={**environment_of(self.grid), "REDIS_URL": self.other_redis.url},
            cwd=_ROOT,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return msgspec.msgpack.decode(
            (place / "products.msgpack").read_bytes(), type=dict[str, list[Kept]]
        )

    def _catch_up(self, expected: Mapping[str, list[Kept]]) -> None:
        """Wait until everything expected is there, or for as long as patience lasts."""
        self.products = Products(self.grid.file)
        began = told = time.monotonic()
        while time.monotonic() - began < self.plan.patience_s:
            self.services.look()
            self.products.read(expected)
            lacking = self.products.lacking(expected)
            if not lacking and all(line.equal for line in self._redis()):
                break
            if time.monotonic() - told >= 10.0:
                told = time.monotonic()
                self.tell(f"still to come: {lacking or 'in Redis'}")
            self.products.wait(0.5)
        else:
            self.tell(self.services.tail())
        self.outcome.catching_up_s = time.monotonic() - began

    def _redis(self) -> list[Compared]:
        one, other = Redis.from_url(self.other_redis.url), Redis.from_url(self.redis.url)
        try:
            return compare_redis(one, other, self.grid.namespace)
        finally:
            one.close()
            other.close()

    def _compare(self, expected: Mapping[str, list[Kept]], sent: RememberingWriter) -> None:
        self.tell("comparing")
        outcome = self.outcome
        outcome.told = self.told.events()
        outcome.shares = [(worker, len(share)) for worker, share in self.told.shares()]
        reader = open_reader(self.grid.file.settings)
        self.products.read(expected)
        outcome.compared = [
            compare_raw(sent, reader),
            *self.products.compared(expected),
            *self._redis(),
            *compare_historians(
                self.directory / "undisturbed",
                self.disk.directory / "historian",
                self.grid.namespace,
            ),
        ]
        reader.close()
        self.products.close()


def prove(plan: Plan, directory: Path, tell: Callable[[str], None]) -> Outcome:
    """Run a plan in a directory, and return what was done and what was compared."""
    return _Proof(plan, directory, tell).run()
