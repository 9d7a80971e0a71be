"""Our AC outages and lightsim2grid's, and what is said where they differ."""

from dataclasses import replace

import numpy as np
import pytest

from network.lightsim2grid_outages import lightsim2grid_version, solved_by_lightsim2grid
from network.limits import RatingKind
from network.model import BusKind, Network
from network.outage_confirmation import confirm_worst
from network.outage_limits import StudyLimits, taken
from network.outage_power_flow import OutagePowerFlow
from network.outage_study import study_outages
from network.outages import Outage, OutageKind
from network.outages_of_network import outages_of
from network.power_flow import PowerFlow
from network.published.ieee118 import with_published_data

pytestmark = pytest.mark.skipif(
    lightsim2grid_version() is None, reason="needs lightsim2grid, the 'contingency' extra"
)

LISTED = (
    Outage("busbar", OutageKind.LISTED, buses=(20,)),
    Outage("two lines", OutageKind.LISTED, branches=(20, 30)),
    Outage("unit and line", OutageKind.LISTED, branches=(40,), units=(7,)),
)


def _assert_same(network: Network, every: int, tolerance: float = 2e-6) -> None:
    v = PowerFlow(network).solve()
    one = OutagePowerFlow(network, v)
    outages = outages_of(network, one.unit_mw, LISTED).outages
    some = [*outages[::every], *outages[-3:]]
    theirs, solved = solved_by_lightsim2grid(one, v, some)
    for place, outage in enumerate(some):
        ours = one.after(outage)
        assert (ours is not None) == solved[place], outage.name
        if ours is not None:
            np.testing.assert_allclose(theirs[:, place], ours.v, atol=tolerance)


def test_outages_of_118_buses_have_the_same_voltages_in_both(case118: Network) -> None:
    _assert_same(case118, every=4)


def test_outages_of_1354_buses_have_the_same_voltages_in_both(case1354: Network) -> None:
    _assert_same(case1354, every=90)


def test_both_programs_confirm_the_worst_of_118_buses(case118: Network) -> None:
    network = with_published_data(case118)
    v = PowerFlow(network).solve()
    for ratings in RatingKind:
        limits = StudyLimits(ratings=ratings)
        study = study_outages(network, v, limits=limits, listed=LISTED)
        confirmed = confirm_worst(study, v, limits, 25)
        assert confirmed is not None
        assert len(confirmed.outages) == 25 and confirmed.disagree == ()
        assert confirmed.loading_percent < 0.01 and confirmed.voltage_pu < 1e-5
        # The worst by loading and by voltage in turn.
        worst = study.outages[study.overloads.outage[0]], study.outages[study.excursions.outage[0]]
        assert confirmed.outages[0] == worst[0].name and worst[1].name in confirmed.outages[:2]


def test_a_limit_that_only_one_program_finds_is_a_disagreement(case118: Network) -> None:
    network = with_published_data(case118)
    v = PowerFlow(network).solve()
    limits = StudyLimits()
    study = study_outages(network, v, limits=limits)
    first = int(study.overloads.outage[0])
    name = study.outages[first].name
    kept = ~((study.overloads.outage == first) & (study.overloads.loading_percent > 130))
    assert not kept.all()
    confirmed = confirm_worst(
        replace(study, overloads=taken(study.overloads, kept)), v, limits, 200
    )
    assert confirmed is not None and name in confirmed.disagree
    assert confirmed.loading_percent > 30


def test_a_network_with_two_slack_buses_is_not_taken(ieee14: Network) -> None:
    kind = ieee14.buses.kind.copy()
    kind[1] = BusKind.SLACK
    network = replace(ieee14, buses=replace(ieee14.buses, kind=kind))
    v = PowerFlow(network).solve()
    assert confirm_worst(study_outages(network, v), v, StudyLimits(), 5) is None
