from dataclasses import replace

import numpy as np

from network.model import Network
from network.validation import validate


def _found(network: Network) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(finding.component, finding.field, finding.ids) for finding in validate(network)}


def test_a_sound_network_has_no_fatal_finding(ieee14: Network) -> None:
    assert not any(finding.fatal for finding in validate(ieee14))


def test_branches_without_rating_are_named(three_buses: Network) -> None:
    assert ("branch", "rate_mva", ("2",)) in _found(three_buses)


def test_a_zero_impedance_is_named_and_fatal(three_buses: Network) -> None:
    branches = three_buses.branches
    zero = np.array([False, True, False, False])
    bad = replace(
        three_buses,
        branches=replace(
            branches,
            r_pu=np.where(zero, 0.0, branches.r_pu),
            x_pu=np.where(zero, 0.0, branches.x_pu),
        ),
    )
    fatal = [finding for finding in validate(bad) if finding.fatal]
    assert [(f.component, f.field, f.ids) for f in fatal] == [("branch", "x_pu", ("1",))]


def test_an_island_without_slack_is_named(three_buses: Network) -> None:
    cut = three_buses.with_branch_status(np.array([True, False, False, False]))
    assert ("bus", "kind", ("30",)) in _found(cut)


def test_a_branch_to_nowhere_is_named(three_buses: Network) -> None:
    branches = replace(three_buses.branches, to_bus=np.array([1, 2, 9, 2]))
    assert ("branch", "to_bus", ("2",)) in _found(replace(three_buses, branches=branches))


def test_an_id_used_twice_is_named(three_buses: Network) -> None:
    buses = replace(three_buses.buses, id=np.array(["a", "b", "a"]))
    assert ("bus", "id", ("a",)) in _found(replace(three_buses, buses=buses))
