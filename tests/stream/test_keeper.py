from collections.abc import Collection, Iterable, Mapping, Sequence

import pytest

from records.log import LogRecord, Outgoing, Partition
from storage.checkpoint_record import Checkpoint
from storage.checkpoint_store import CheckpointStore
from stream.keeper import CheckpointMismatchError, LogHoleError, StageKeeper
from stream.stage import Outcome, Scope

A0, A1, B0 = Partition("a", 0), Partition("a", 1), Partition("b", 0)


class Listing:
    """Its state is the list of values taken in; each is passed on with the count so far."""

    name = "listing"
    inputs = ("a", "b")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def initial(self, partitions: Sequence[Partition]) -> list[str]:
        return []

    def step(self, state: list[str], record: LogRecord) -> tuple[list[str], list[Outcome]]:
        state.append(record.value.decode())
        return state, [Outgoing("out", record.partition, f"{len(state)}".encode())]

    def dump(self, state: list[str]) -> list[str]:
        return list(state)

    def load(self, tree: list[str]) -> list[str]:
        return list(tree)


class Journal:
    """Outlet and checkpoints in one, so that the order between them can be seen."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.kept: dict[str, bytes] = {}

    def deliver(self, outcomes: Sequence[Outcome]) -> None:
        self.entries += [f"out {each.value.decode()}" for each in outcomes]

    def flush(self) -> None:
        self.entries.append("flush")

    def save(
        self, name: str, data: bytes, parts: Collection[str], new: Mapping[str, bytes]
    ) -> None:
        self.entries.append(f"save {name}")
        self.kept[name] = data

    def load_all(self, names: Iterable[str]) -> Mapping[str, Checkpoint]:
        return {name: Checkpoint(self.kept[name]) for name in names if name in self.kept}


def record(partition: Partition, offset: int, value: bytes = b"v") -> LogRecord:
    return LogRecord(partition.topic, partition.number, offset, 0, value)


def keeper(journal: Journal, scope: Scope = Scope.PARTITION, begin: int = 0) -> StageKeeper:
    return StageKeeper(Listing(scope), journal, journal, lambda partition: begin)


def test_outcomes_are_flushed_before_the_checkpoint_is_saved():
    journal = Journal()
    kept = keeper(journal)
    kept.take_over([A0])
    kept.offer(record(A0, 0))
    assert kept.checkpoint() == {A0: 1}
    assert journal.entries == ["out 1", "flush", "save listing.0"]


def test_a_successor_goes_on_where_the_checkpoint_was_taken():
    journal = Journal()
    first = keeper(journal)
    first.take_over([A0, B0])
    first.offer(record(A0, 0))
    first.checkpoint()
    first.offer(record(A0, 1))
    first.offer(record(B0, 0))

    second = keeper(journal)
    assert second.take_over([A0, B0]) == {A0: 1, B0: 0}
    second.offer(record(A0, 1))
    assert journal.entries[-1] == "out 2"


def test_a_stage_without_a_checkpoint_starts_at_the_begin_of_the_log():
    assert keeper(Journal(), begin=7).take_over([A0]) == {A0: 7}


def test_what_was_taken_in_already_is_passed_over():
    journal = Journal()
    kept = keeper(journal)
    kept.take_over([A0])
    assert kept.offer(record(A0, 0))
    assert not kept.offer(record(A0, 0))
    assert not kept.offer(record(A1, 0))
    assert journal.entries == ["out 1"]


def test_a_hole_is_refused_and_leaves_the_state_as_it_was():
    kept = keeper(Journal())
    kept.take_over([A0])
    with pytest.raises(LogHoleError, match="a/0: offset 3 came where 0 was due"):
        kept.offer(record(A0, 3))
    assert kept.positions == {A0: 0}


def test_partitions_of_one_number_share_a_state_and_others_do_not():
    journal = Journal()
    kept = keeper(journal)
    kept.take_over([A0, A1, B0])
    for place in (A0, A1, B0):
        kept.offer(record(place, 0))
    assert journal.entries == ["out 1", "out 1", "out 2"]
    kept.checkpoint()
    assert sorted(journal.kept) == ["listing.0", "listing.1"]


def test_a_stage_over_all_has_one_state():
    journal = Journal()
    kept = keeper(journal, Scope.ALL)
    kept.take_over([A0, A1])
    kept.offer(record(A0, 0))
    kept.offer(record(A1, 0))
    kept.checkpoint()
    assert journal.entries == ["out 1", "out 2", "flush", "save listing"]


def test_only_what_changed_is_saved():
    journal = Journal()
    kept = keeper(journal)
    kept.take_over([A0, A1])
    kept.offer(record(A1, 0))
    kept.checkpoint()
    kept.checkpoint()
    assert [entry for entry in journal.entries if "save" in entry] == ["save listing.1"]


def test_a_checkpoint_of_other_partitions_is_refused():
    journal = Journal()
    first = keeper(journal, Scope.ALL)
    first.take_over([A0])
    first.offer(record(A0, 0))
    first.checkpoint()
    with pytest.raises(CheckpointMismatchError, match="new are a/1, gone are none"):
        keeper(journal, Scope.ALL).take_over([A0, A1])


def test_after_letting_go_nothing_is_taken_in():
    kept = keeper(Journal())
    kept.take_over([A0])
    kept.let_go()
    assert not kept.offer(record(A0, 0))
    assert kept.checkpoint() == {}


def test_files_keep_checkpoints_too(tmp_path):
    def over_files() -> StageKeeper:
        store = CheckpointStore(tmp_path)
        return StageKeeper(Listing(Scope.PARTITION), Journal(), store, lambda partition: 0)

    first = over_files()
    first.take_over([A0])
    first.offer(record(A0, 0))
    first.checkpoint()
    assert over_files().take_over([A0]) == {A0: 1}


def test_a_draft_is_of_the_moment_however_late_it_is_saved():
    journal = Journal()
    kept = keeper(journal)
    kept.take_over([A0])
    kept.offer(record(A0, 0))
    (draft,) = [kept.draft(unit) for unit in kept.changed]
    kept.offer(record(A0, 1))
    assert kept.save([draft]) == {A0: 1}
    assert journal.entries == ["out 1", "out 2", "flush", "save listing.0"]
    assert kept.changed == [0]
    assert keeper(journal).take_over([A0]) == {A0: 1}


def test_an_older_draft_never_replaces_a_younger_checkpoint():
    journal = Journal()
    kept = keeper(journal)
    kept.take_over([A0])
    kept.offer(record(A0, 0))
    draft = kept.draft(0)
    kept.offer(record(A0, 1))
    kept.checkpoint()
    kept.save([draft])
    assert keeper(journal).take_over([A0]) == {A0: 2}
