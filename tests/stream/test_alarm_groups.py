"""Alarms that belong together: what touches on the grid, however many there are."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from network.readers.matpower import network_from_matpower_text
from records.alarm import Alarm, AlarmKind, AlarmSeverity, LeadTime
from stream.alarm_groups import AlarmGroups

N_BUSES = 30
"""A line of buses: branch k runs from bus k + 1 to bus k + 2."""


def groups() -> AlarmGroups:
    buses = "\n".join(
        f"{n} {3 if n == 1 else 1} 0 0 0 0 1 1 0 110 1 1.1 0.9;" for n in range(1, N_BUSES + 1)
    )
    branches = "\n".join(
        f"{n} {n + 1} 0.01 0.1 0 100 100 100 0 0 1 -360 360;" for n in range(1, N_BUSES)
    )
    return AlarmGroups(
        network_from_matpower_text(
            f"function mpc = line\nmpc.version = '2';\nmpc.baseMVA = 100;\nmpc.bus = [\n{buses}\n];"
            f"\nmpc.gen = [\n1 0 0 100 -100 1 100 1 200 0;\n];\nmpc.branch = [\n{branches}\n];\n",
            "line",
        )
    )


def alarm(branch: int, percent: float = 110.0) -> Alarm:
    return Alarm(
        f"branch:{branch}", "from", AlarmKind.TELEMETRY, AlarmSeverity.MAJOR, 3,
        LeadTime.OPERATIONAL, 0, 0, 0, None, percent, 100.0, "MVA", percent, f"branch:{branch}",
    )  # fmt: skip


@given(st.sets(st.integers(0, N_BUSES - 2), min_size=1), st.randoms(use_true_random=False))
def test_neighbours_form_a_group_whatever_the_order_they_come_in(
    branches: set[int], random: Random
) -> None:
    ordered = sorted(branches)
    starts = [b for b in ordered if b - 1 not in branches]
    # Each run of consecutive branches is one group, named by its worst: here the last one.
    expected = {}
    for branch in ordered:
        run = max(s for s in starts if s <= branch)
        last = run
        while last + 1 in branches:
            last += 1
        expected[f"branch:{branch}"] = f"branch:{last}"
    shuffled = list(branches)
    random.shuffle(shuffled)
    found = groups().causes([alarm(b, 110.0 + b) for b in shuffled], set())
    assert {key[1]: cause for key, cause in found.items()} == expected


def test_what_is_not_on_the_network_stands_alone() -> None:
    unknown = [alarm(branch) for branch in (900, 901)]
    found = groups().causes(unknown, set())
    assert sorted(found.values()) == ["branch:900", "branch:901"]
