"""The ledger of a fuzz: every mutant sent, and what became of it."""

from __future__ import annotations

import logging
import random
import resource
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import structlog

from records.log import LogRecord, Partition
from records.view import VIEW_TYPE
from storage.historian_classes import HistoryClass
from storage.recorder import Recorder
from tests.stream.fuzz.target import Account
from tests.stream.fuzz.targets import TARGETS

__all__ = ["Ledger", "fuzzed", "portion_of", "quiet"]


@dataclass
class Ledger:
    """Mutants of one kind, by what became of them.

    Parameters
    ----------
    sent, accepted, dead_lettered
        Records; one is dead-lettered when it is refused whole.
    rows_taken, rows_refused
        Of the records accepted.
    problems
        Mutants that raised or could not be accounted for, as a person repeats them.
    slowest_s
        Longest time that one took.
    """

    sent: int = 0
    accepted: int = 0
    dead_lettered: int = 0
    rows_taken: int = 0
    rows_refused: int = 0
    problems: list[str] = field(default_factory=list)
    slowest_s: float = 0.0

    @property
    def balanced(self) -> bool:
        """Whether every mutant is accounted for."""
        return not self.problems and self.accepted + self.dead_lettered == self.sent

    def add(self, other: Ledger) -> None:
        """Add the entries of another ledger."""
        self.sent += other.sent
        self.accepted += other.accepted
        self.dead_lettered += other.dead_lettered
        self.rows_taken += other.rows_taken
        self.rows_refused += other.rows_refused
        self.problems += other.problems
        self.slowest_s = max(self.slowest_s, other.slowest_s)

    def enter(self, account: Account) -> None:
        """Note what became of a mutant."""
        self.dead_lettered += account.whole
        self.accepted += not account.whole
        self.rows_taken += account.taken
        self.rows_refused += account.refused


class _Rows:
    """A historian that counts."""

    def __init__(self) -> None:
        self.n_rows = 0

    def positions(self) -> dict[Partition, int]:
        return {}

    def commit(
        self,
        tables: Mapping[tuple[HistoryClass, str], pa.Table],
        positions: Mapping[Partition, int],
    ) -> None:
        self.n_rows += sum(table.num_rows for table in tables.values())


def fuzzed(name: str, seeds: range) -> Ledger:
    """Send the mutants of these seeds to a target, and to the recorder, and keep the ledger."""
    target, ledger = TARGETS[name], Ledger()
    for seed in seeds:
        record = target.mutant(random.Random(f"{name} {seed}"))
        ledger.sent += 1
        began = time.process_time()
        try:
            account = target.account(record)
            ledger.enter(account)
            n_rows = _recorded(record)
            # Views are not kept, nor are batches without a row.
            kept = n_rows or record.headers.get("ce_type") == VIEW_TYPE
            assert kept or not (account.whole or account.taken), "not in the historian"
        except Exception as error:
            ledger.problems.append(f"{name} {seed}: {error!r}"[:400])
        ledger.slowest_s = max(ledger.slowest_s, time.process_time() - began)
    return ledger


def _recorded(record: LogRecord) -> int:
    """Return in how many rows the recorder keeps it; whatever it is, it goes on."""
    rows = _Rows()
    recorder = Recorder(rows)
    recorder.take([record])
    recorder.flush()
    return rows.n_rows


def portion_of(portion: tuple[str, range]) -> tuple[str, Ledger, float]:
    """Return a target's name, its ledger, and the most memory this process has had, MiB."""
    name, seeds = portion
    ledger = fuzzed(name, seeds)
    return name, ledger, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def quiet() -> None:
    """Say nothing of numbers at the edge of what a float holds: that is what this is about."""
    warnings.simplefilter("ignore", RuntimeWarning)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
