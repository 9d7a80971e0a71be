"""The keeper of a stage: its states from one checkpoint to the next, whatever shell feeds it.

A checkpoint is a state and the offsets it has taken in, saved as one. Outcomes are flushed
before it is saved, and an input is acknowledged only after it; so a restart goes back to the
checkpoint and does the work again, and sinks that ignore what they have make that harmless.

A draft is what a checkpoint will be. It may be saved while its state goes on, for what the state
does after it is no part of it; so a shell need not stand still for as long as its disk or its
broker takes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import structlog

from records.log import LogRecord, Partition
from records.snapshot import pack, unpack
from storage.checkpoint_record import Checkpoint
from stream.stage import Outcome, Scope, Stage

__all__ = [
    "CheckpointMismatchError",
    "Checkpoints",
    "Draft",
    "LogHoleError",
    "Outlet",
    "StageKeeper",
    "unit_of",
]

S = TypeVar("S")

_logger = structlog.get_logger(__name__)

_ALL = -1


class Outlet(Protocol):
    """Where outcomes go: topics, the read model, or a list in tests."""

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        """Hand outcomes over, in order."""
        ...

    def flush(self) -> None:
        """Return once everything delivered is kept by others."""
        ...


class Checkpoints(Protocol):
    """Where checkpoints are kept, by name."""

    def save(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> None:
        """Keep `data` under `name`, whole or not at all.

        `parts` names all parts that belong to it, `new` has those that the checkpoint before
        did not name; there may be some among them that are kept already.
        """
        ...

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        """Return what was kept last under each of these names, with its parts."""
        ...


class LogHoleError(RuntimeError):
    """Records between the state and what came next were not delivered; nothing was taken in."""

    def __init__(self, record: LogRecord, expected: int) -> None:
        super().__init__(
            f"{record.topic}/{record.partition}: offset {record.offset} came where {expected} was "
            "due; restart to read again from the checkpoint, and if the log no longer holds "
            f"offset {expected}, delete the checkpoint to start from what it holds"
        )


class CheckpointMismatchError(RuntimeError):
    """A checkpoint is of other partitions than those this process has."""

    def __init__(self, name: str, has: set[Partition], wanted: set[Partition]) -> None:
        def listed(partitions: set[Partition]) -> str:
            return ", ".join(f"{p.topic}/{p.number}" for p in sorted(partitions)) or "none"

        super().__init__(
            f"checkpoint {name!r} cannot be continued: new are {listed(wanted - has)}, "
            f"gone are {listed(has - wanted)}; run under a new namespace, or delete the "
            "checkpoint to start again from what the log holds"
        )


def unit_of(scope: Scope, partition: Partition) -> int:
    """Which state takes a partition's records: one a partition number, or one for all.

    >>> unit_of(Scope.PARTITION, Partition("t", 3)), unit_of(Scope.ALL, Partition("t", 3))
    (3, -1)
    """
    return partition.number if scope is Scope.PARTITION else _ALL


@dataclass(slots=True)
class _Held(Generic[S]):
    """A state, how many records it took in here, and what its last checkpoint covers."""

    state: S
    parts: frozenset[str] = frozenset()
    taken: int = 0
    saved: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """The checkpoint of one state as it stood after some record, not saved yet."""

    held: _Held[Any]
    name: str
    taken: int
    data: bytes
    parts: Mapping[str, bytes]
    offsets: Mapping[Partition, int]


class StageKeeper(Generic[S]):
    """Holds the states of a stage for the partitions this process has.

    Parameters
    ----------
    stage
        What is run.
    outlet
        Where its outcomes go.
    checkpoints
        Where its checkpoints are.
    begin_offset
        Smallest offset of a partition that can still be read; where a stage without a
        checkpoint starts.
    """

    def __init__(
        self,
        stage: Stage[S],
        outlet: Outlet,
        checkpoints: Checkpoints,
        begin_offset: Callable[[Partition], int],
    ) -> None:
        self.stage = stage
        self._outlet = outlet
        self._checkpoints = checkpoints
        self._begin_offset = begin_offset
        self._held: dict[int, _Held[S]] = {}
        self._next: dict[Partition, int] = {}
        self._saving = Lock()
        self.written = 0
        """Bytes that checkpoints took so far."""

    @property
    def changed(self) -> Sequence[int]:
        """States that have taken something in since their last checkpoint."""
        return [unit for unit, held in self._held.items() if held.taken > held.saved]

    @property
    def positions(self) -> Mapping[Partition, int]:
        """Next offset due, by partition."""
        return dict(self._next)

    def take_over(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """Load the states of these partitions, and return the offsets to read from.

        What was held before is let go without a checkpoint.

        Raises
        ------
        CheckpointMismatchError
            When a checkpoint is of other partitions (areas were added, inputs changed).
        """
        self._held.clear()
        self._next.clear()
        units: dict[int, list[Partition]] = {}
        for partition in sorted(partitions):
            units.setdefault(unit_of(self.stage.scope, partition), []).append(partition)
        found = self._checkpoints.load_all([self._name(unit) for unit in units])
        for unit, members in units.items():
            name = self._name(unit)
            kept = found.get(name)
            if kept is None:
                self._held[unit] = _Held(self.stage.initial(members))
                self._next |= {partition: self._begin_offset(partition) for partition in members}
                continue
            if kept.problem:
                _logger.warning("checkpoint_damaged", name=name, problem=kept.problem)
            tree = unpack(kept.data, kept.parts)
            offsets = {Partition(topic, number): at for topic, number, at in tree["offsets"]}
            if offsets.keys() != set(members):
                raise CheckpointMismatchError(name, set(offsets), set(members))
            self._held[unit] = _Held(self.stage.load(tree["state"]), frozenset(kept.parts))
            self._next |= offsets
        return self.positions

    def offer(self, record: LogRecord) -> bool:
        """Step the stage with a record that is due; return whether it was.

        A record that the state has taken in already, or of a partition held elsewhere, is
        passed over.

        Raises
        ------
        LogHoleError
            When records before it were left out.
        """
        partition = Partition(record.topic, record.partition)
        due = self._next.get(partition)
        if due is None or record.offset < due:
            return False
        if record.offset > due:
            raise LogHoleError(record, due)
        held = self._held[unit_of(self.stage.scope, partition)]
        held.state, outcomes = self.stage.step(held.state, record)
        if outcomes:
            self._outlet.deliver(outcomes)
        self._next[partition] = due + 1
        held.taken += 1
        return True

    def checkpoint(self) -> Mapping[Partition, int]:
        """Flush the outcomes, save what changed, and return the offsets that may be committed."""
        self.save([self.draft(unit) for unit in self.changed])
        return self.positions

    def draft(self, unit: int) -> Draft:
        """Draft the checkpoint of a state as it stands.

        Everything that it emitted so far has been delivered, and `save` flushes that.
        """
        held = self._held[unit]
        offsets = {
            partition: offset
            for partition, offset in self._next.items()
            if unit_of(self.stage.scope, partition) == unit
        }
        places = [(partition.topic, partition.number, at) for partition, at in offsets.items()]
        parts: dict[str, bytes] = {}
        data = pack({"offsets": places, "state": self.stage.dump(held.state)}, parts)
        return Draft(held, self._name(unit), held.taken, data, parts, offsets)

    def save(self, drafts: Sequence[Draft]) -> Mapping[Partition, int]:
        """Flush the outcomes, save drafts, and return the offsets that may be committed.

        It may run in another thread while the states go on.
        """
        with self._saving:
            self._outlet.flush()
            for draft in drafts:
                held = draft.held
                if draft.taken > held.saved:
                    new = {name: draft.parts[name] for name in draft.parts.keys() - held.parts}
                    self._checkpoints.save(draft.name, draft.data, draft.parts.keys(), new)
                    self.written += len(draft.data) + sum(map(len, new.values()))
                    held.saved, held.parts = draft.taken, frozenset(draft.parts)
        return {place: at for draft in drafts for place, at in draft.offsets.items()}

    def let_go(self) -> None:
        """Forget all states; what was not checkpointed is done again by whoever takes over."""
        self._held.clear()
        self._next.clear()

    def _name(self, unit: int) -> str:
        return self.stage.name if unit == _ALL else f"{self.stage.name}.{unit}"
