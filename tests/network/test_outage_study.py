from dataclasses import replace

import numpy as np
import pytest

from network.model import Network
from network.outage_factors import OutageFactors
from network.outage_study import Outage, OutageStudy, study_outages
from network.power_flow import PowerFlow


def _rated(network: Network, mva: float) -> Network:
    rates = np.full(network.n_branch, mva)
    return replace(network, branches=replace(network.branches, rate_mva=rates))


def _study(network: Network, **options: float) -> OutageStudy:
    return study_outages(network, PowerFlow(network).solve(), **options)


def test_without_ac_the_overloads_are_those_of_the_factors(ieee14: Network) -> None:
    network = _rated(ieee14, 80.0)
    study = _study(network, most_ac=0)
    over = study.overloads
    assert len(over) > 0 and not over.is_ac.any() and over.solved.all()
    branch = ~over.is_unit
    after = OutageFactors(network, study.v).after_branches(over.lost[branch])
    told = after[over.element[branch], np.arange(branch.sum())]
    np.testing.assert_allclose(over.p_from_mw[branch], told)


def test_the_worst_first_and_what_ac_does_not_confirm_not_at_all(ieee14: Network) -> None:
    network = _rated(ieee14, 80.0)
    study = _study(network, most_ac=100)
    over = study.overloads
    assert over.is_ac.all()
    assert np.all(np.diff(over.loading_percent) <= 0)
    listed = {
        (Outage(*key), e) for *key, e in zip(over.is_unit, over.lost, over.element, strict=True)
    }
    for outage, solution in study.ac.items():
        assert solution is not None
        power = np.maximum(abs(solution.s_from_mva), abs(solution.s_to_mva))
        for element in range(network.n_branch):
            assert ((outage, element) in listed) == (power[element] >= 80.0)


def test_few_ac_solutions_go_to_the_worst(ieee14: Network) -> None:
    network = _rated(ieee14, 80.0)
    linear = _study(network, most_ac=0).overloads
    worst = list(dict.fromkeys(zip(linear.is_unit.tolist(), linear.lost.tolist(), strict=True)))
    assert set(_study(network, most_ac=3).ac) == {Outage(*key) for key in worst[:3]}


def test_an_outage_without_an_ac_solution_keeps_its_linear_rows(three_buses: Network) -> None:
    loads = replace(three_buses.loads, p_mw=np.array([480.0, 10.0]))
    network = _rated(replace(three_buses, loads=loads), 400.0)
    study = _study(network)
    assert study.ac[Outage(False, 0)] is None
    lost = (study.overloads.lost == 0) & ~study.overloads.is_unit
    assert lost.any() and not study.overloads.solved[lost].any()
    assert not study.overloads.is_ac[lost].any()


def test_such_an_outage_has_a_row_even_without_an_overload(three_buses: Network) -> None:
    loads = replace(three_buses.loads, p_mw=np.array([480.0, 10.0]))
    network = replace(three_buses, loads=loads)
    v = PowerFlow(network).solve()
    highest = study_outages(_rated(network, 400.0), v).overloads.loading_percent.max()
    rated = _rated(network, 400.0 * highest / 95.0)
    over = study_outages(rated, v).overloads
    assert (over.element == -1).any()
    assert np.isnan(over.loading_percent[over.element == -1]).all()


def test_units_at_the_slack_are_named_and_not_studied(three_buses: Network) -> None:
    study = _study(three_buses)
    assert study.at_slack == ("0",)
    assert study.units.tolist() == [1]
    assert study.n_outages == 4


def test_overloads_without_any_outage_are_told(ieee14: Network) -> None:
    # 156.9 MW flow from bus 1 to bus 2 and 75.5 to bus 5; no other flow reaches 90 MVA.
    assert _study(_rated(ieee14, 90.0)).overloaded_before == ("0",)


def test_all_flows_cover_every_outage_that_splits_nothing(ieee14: Network) -> None:
    network = _rated(ieee14, 80.0)
    study = _study(network, most_ac=2)
    blocks = list(study.all_flows())
    outages = [outage for block, _, _ in blocks for outage in block]
    assert len(outages) == len(set(outages)) == study.n_outages - len(study.islanding)
    assert sum(int(is_ac.sum()) for _, _, is_ac in blocks) == 2
    for block, flows, is_ac in blocks:
        assert np.isfinite(flows).all()
        for place in np.flatnonzero(is_ac):
            solution = study.ac[block[place]]
            assert solution is not None
            assert flows[:, place] == pytest.approx(solution.s_from_mva.real)
