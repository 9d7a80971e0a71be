"""What is in force at a time depends on the set of breaker events alone."""

from hypothesis import given
from hypothesis import strategies as st

from network.topology import CASE, BreakerEvent, Element, Topology, TopologyVersion, case_status

LINE, OTHER, COUPLER = (
    Element("branch", "7"), Element("branch", "8"), Element("breaker", "c"),
)  # fmt: skip
STATUS = {LINE: True, OTHER: False, COUPLER: True}
ENDS = {LINE: ["from", "to"], OTHER: ["from", "to"], COUPLER: [""]}


@st.composite
def events(draw: st.DrawFn) -> BreakerEvent:
    element = draw(st.sampled_from([LINE, OTHER, COUPLER]))
    end = draw(st.sampled_from(ENDS[element]))
    time, version = draw(st.integers(1, 12)), draw(st.integers(0, 2))
    return BreakerEvent(time, element, end, draw(st.booleans()), version)


def opened(time: int, element: Element = LINE, end: str = "from", version: int = 0) -> BreakerEvent:
    return BreakerEvent(time, element, end, False, version)


def closed(time: int, element: Element = LINE, end: str = "from", version: int = 0) -> BreakerEvent:
    return BreakerEvent(time, element, end, True, version)


def test_an_event_starts_a_version_at_its_time() -> None:
    topology = Topology().with_events([opened(10), closed(20)])
    assert topology.at(9, STATUS) == CASE
    assert topology.at(10, STATUS) == TopologyVersion(10, ((LINE, False),))
    assert topology.at(19, STATUS).since == 10
    assert topology.at(20, STATUS) == TopologyVersion(20, ())


def test_a_branch_is_in_service_when_it_is_closed_at_both_ends() -> None:
    topology = Topology().with_events([opened(1, end="from"), opened(2, end="to"), closed(3)])
    assert topology.at(2, STATUS) == TopologyVersion(1, ((LINE, False),))
    assert topology.at(3, STATUS).switched == ((LINE, False),)
    again = topology.with_events([closed(4, end="to")])
    assert again.at(4, STATUS) == TopologyVersion(4, ())


def test_a_branch_that_the_case_has_out_of_service_can_come_in() -> None:
    topology = Topology().with_events([closed(5, OTHER), closed(5, OTHER, "to")])
    assert topology.at(5, STATUS).switched == ((OTHER, True),)


def test_of_two_events_at_one_time_the_higher_version_counts_and_then_the_open_one() -> None:
    def at(*those: BreakerEvent) -> bool:
        return not Topology().with_events(those).at(5, STATUS).switched

    assert at(opened(5, version=1), closed(5, version=2))
    assert not at(closed(5, version=1), opened(5, version=2))
    assert not at(opened(5), closed(5))


def test_an_event_of_the_past_that_becomes_known_late_changes_what_is_asked_of_the_past() -> None:
    topology = Topology().with_events([opened(10), closed(20)])
    later = topology.with_events([opened(15, COUPLER, "")])
    assert later.at(14, STATUS) == topology.at(14, STATUS)
    assert later.at(16, STATUS).switched == ((LINE, False), (COUPLER, False))
    assert later.at(20, STATUS) == TopologyVersion(20, ((COUPLER, False),))


def test_an_event_that_says_what_stands_starts_no_version() -> None:
    topology = Topology().with_events([closed(10), opened(10, OTHER, "to")])
    assert topology.at(11, STATUS) == CASE


@given(st.lists(events()), st.randoms(), st.integers(0, 13))
def test_order_and_repetition_of_events_are_irrelevant(
    known: list[BreakerEvent], random: object, time: int
) -> None:
    shuffled = [*known, *known[::2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one_by_one = Topology()
    for event in shuffled:
        one_by_one = one_by_one.with_events([event])
    together = Topology().with_events(known)
    assert one_by_one == together
    assert one_by_one.at(time, STATUS) == together.at(time, STATUS)


@given(st.lists(events()), st.integers(0, 13), st.integers(0, 6))
def test_what_is_forgotten_changes_no_later_answer(
    known: list[BreakerEvent], before: int, more: int
) -> None:
    topology = Topology().with_events(known)
    shorter = topology.forget(before, STATUS)
    assert shorter.at(before + more, STATUS) == topology.at(before + more, STATUS)
    assert len(shorter.events) <= len(topology.events)
    assert shorter.status() == topology.status()


@given(st.lists(events()), st.integers(0, 13))
def test_a_version_holds_from_its_time_on(known: list[BreakerEvent], time: int) -> None:
    topology = Topology().with_events(known)
    version = topology.at(time, STATUS)
    assert version.since <= time
    assert topology.at(version.since, STATUS).switched == version.switched
    assert all(closed is not STATUS[element] for element, closed in version.switched)


def test_the_case_says_what_stands_at_first(three_buses) -> None:  # type: ignore[no-untyped-def]
    status = case_status(three_buses)
    assert [status[Element("branch", name)] for name in "0123"] == [True, True, True, False]
