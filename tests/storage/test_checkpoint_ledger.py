"""What counts of the records of checkpoints, whoever wrote them and whatever compaction left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

from records.snapshot import part_name
from storage.checkpoint_ledger import CheckpointLedger
from storage.checkpoint_record import Checkpoint, CheckpointDamagedError

WRITERS = count(1)


class Topic:
    """A compacted topic in memory."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []

    def compact(self) -> None:
        last = {key: at for at, (key, _) in enumerate(self.records)}
        kept = [self.records[at] for at in sorted(last.values())]
        self.records = [(key, body) for key, body in kept if body]


class Worker:
    """Loads and saves one checkpoint."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.ledger = CheckpointLedger(lambda: f"w{next(WRITERS)}")
        self.held: set[str] = set()

    def load(self) -> Checkpoint | None:
        found = self.ledger.loaded(self.topic.records, ["area.0"], "topic").get("area.0")
        self.held = set(found.parts) if found else set()
        return found

    def save(self, data: bytes, bodies: Sequence[bytes]) -> None:
        parts = {part_name(body): body for body in bodies}
        new = {name: body for name, body in parts.items() if name not in self.held}
        self.topic.records += self.ledger.records("area.0", data, parts.keys(), new)
        self.topic.records += [(key, b"") for key in self.ledger.saved("area.0", parts.keys())]
        self.held = set(parts)


@pytest.fixture
def topic() -> Topic:
    return Topic()


def found(topic: Topic) -> tuple[bytes, list[bytes]] | None:
    kept = Worker(topic).load()
    return None if kept is None else (kept.data, sorted(kept.parts.values()))


@pytest.mark.parametrize("compacted", [False, True])
def test_the_checkpoint_of_a_zombie_whose_parts_are_erased_gives_way_to_its_successors(
    topic: Topic, compacted: bool
) -> None:
    zombie = Worker(topic)
    zombie.save(b"begun", [b"early"])
    successor = Worker(topic)
    successor.load()
    for number in range(3):
        successor.save(b"young", [b"later", b"%d" % number])
    zombie.save(b"old", [b"early", b"of the zombie"])
    if compacted:
        topic.compact()
    assert found(topic) == (b"young", [b"2", b"later"])


def test_nothing_that_a_zombie_erases_is_its_successors(topic: Topic) -> None:
    zombie = Worker(topic)
    zombie.save(b"begun", [b"shared"])
    successor = Worker(topic)
    successor.load()
    successor.save(b"young", [b"shared"])
    for data in (b"x", b"y", b"z"):
        zombie.save(data, [data])
    topic.compact()
    # The zombie's is whole, so it counts: an older state with its own offsets does no harm.
    assert found(topic) == (b"z", [b"z"])
    topic.records = [(key, body) for key, body in topic.records if body != b"z"]
    assert found(topic) == (b"young", [b"shared"])


def test_the_first_checkpoint_after_a_load_is_whole_and_what_was_found_goes(topic: Topic) -> None:
    first = Worker(topic)
    first.save(b"one", [b"a", b"b"])
    second = Worker(topic)
    second.load()
    second.save(b"two", [b"b", b"c"])
    topic.compact()
    assert len({key.partition("@")[2].partition("/")[0] for key, _ in topic.records}) == 1
    assert sorted(body for key, body in topic.records if "/" in key) == [b"b", b"c"]
    assert found(topic) == (b"two", [b"b", b"c"])
    assert CheckpointLedger.names(topic.records) == ["area.0"]


def test_a_part_found_that_was_let_go_and_comes_back_is_written_again(topic: Topic) -> None:
    Worker(topic).save(b"one", [b"a"])
    second = Worker(topic)
    second.load()
    second.save(b"two", [])
    second.save(b"three", [b"a"])
    topic.compact()
    assert found(topic) == (b"three", [b"a"])


def test_where_nothing_whole_is_left_it_says_what_to_do(topic: Topic) -> None:
    worker = Worker(topic)
    worker.save(b"one", [b"a"])
    topic.records = [(key, body) for key, body in topic.records if "/" not in key]
    with pytest.raises(CheckpointDamagedError, match=r"is missing.*use a new namespace, or delete"):
        Worker(topic).load()


def test_a_name_whose_records_are_all_erased_was_never_kept(topic: Topic) -> None:
    Worker(topic).save(b"one", [b"a"])
    topic.records += [(key, b"") for key, _ in topic.records]
    assert found(topic) is None
    assert CheckpointLedger.names(topic.records) == []
