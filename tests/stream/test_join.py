from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from records.log import Partition
from records.snapshot import pack, unpack
from stream.join import Cut, CutJoin, JoinState, Share

A, B = Partition("t", 0), Partition("t", 1)

Event = tuple[bytes, int | None]


def drive(events: dict[Partition, list[Event]], order: list[Partition]) -> list[Cut]:
    """Feed each partition's events in its own order, interleaved as `order` says."""
    join = CutJoin(10)
    state: JoinState = join.initial(list(events))
    place = dict.fromkeys(events, 0)
    cuts: list[Cut] = []
    for partition in order:
        offset = place[partition]
        place[partition] += 1
        value, watermark = events[partition][offset]
        cuts += join.take(state, partition, Share("x", value, offset), watermark)
    return cuts


def values(cut: Cut, partition: Partition) -> list[bytes]:
    return [share.value for share in cut.shares[partition]]


def test_a_cut_waits_for_the_slowest_partition() -> None:
    events: dict[Partition, list[Event]] = {A: [(b"a0", 0), (b"a1", 10)], B: [(b"b0", 0)]}
    assert [cut.time for cut in drive(events, [A, A])] == []
    assert [cut.time for cut in drive(events, [A, A, B])] == [0]


def test_a_cut_holds_records_up_to_the_first_that_reaches_it() -> None:
    events: dict[Partition, list[Event]] = {
        A: [(b"a0", 0), (b"a1", 5), (b"a2", 12), (b"a3", 19), (b"a4", 20)],
        B: [(b"b0", 0), (b"b1", 25)],
    }
    cuts = drive(events, [A, A, A, A, A, B, B])
    assert [cut.time for cut in cuts] == [0, 10, 20]
    assert [values(cut, A) for cut in cuts] == [[b"a0"], [b"a1", b"a2"], [b"a3", b"a4"]]
    assert [values(cut, B) for cut in cuts] == [[b"b0"], [b"b1"], []]


def test_the_first_cut_is_where_the_latest_partition_starts() -> None:
    events: dict[Partition, list[Event]] = {
        A: [(b"a0", 0), (b"a1", 10), (b"a2", 40)],
        B: [(b"b0", 30)],
    }
    cuts = drive(events, [A, A, A, B])
    assert [cut.time for cut in cuts] == [30]
    assert values(cuts[0], A) == [b"a0", b"a1", b"a2"]


histories = st.lists(st.tuples(st.integers(0, 25), st.booleans()), min_size=1, max_size=12).map(
    lambda rises: _history(rises)
)


def _history(rises: list[tuple[int, bool]]) -> list[Event]:
    watermark, events = 0, []
    for number, (rise, silent) in enumerate(rises):
        watermark += rise
        events.append((str(number).encode(), None if silent else watermark))
    return events


@given(histories, histories, st.randoms(use_true_random=False))
def test_the_join_does_not_depend_on_how_partitions_interleave(
    first: list[Event], second: list[Event], random: Any
) -> None:
    events = {A: first, B: second}
    order = [A] * len(first) + [B] * len(second)
    reference = drive(events, order)
    random.shuffle(order)
    assert drive(events, order) == reference


@given(histories, histories, st.integers(0, 24))
def test_a_state_restored_from_its_dump_goes_on_as_if_nothing_happened(
    first: list[Event], second: list[Event], stop: int
) -> None:
    events = {A: first, B: second}
    order = [A] * len(first) + [B] * len(second)
    join = CutJoin(10)
    state = join.initial([A, B])
    place = {A: 0, B: 0}
    cuts: list[Cut] = []
    for number, partition in enumerate(order):
        if number == stop:
            state = join.load(unpack(pack(join.dump(state))))
        offset = place[partition]
        place[partition] += 1
        value, watermark = events[partition][offset]
        cuts += join.take(state, partition, Share("x", value, offset), watermark)
    assert cuts == drive(events, order)
