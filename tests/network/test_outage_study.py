from dataclasses import replace

import numpy as np

from network.limits import RatingKind
from network.model import Network
from network.outage_factors import OutageFactors
from network.outage_limits import StudyLimits
from network.outage_power_flow import OutagePowerFlow
from network.outage_study import FlowsAfter, OutageStudy, study_outages
from network.outages import Outage, OutageKind
from network.power_flow import PowerFlow
from network.published.ieee118 import with_published_data


def _rated(network: Network, mva: float) -> Network:
    rates = np.full(network.n_branch, mva)
    return replace(network, branches=replace(network.branches, rate_mva=rates))


def _study(network: Network, most_ac: int | None = None, **limits: float) -> OutageStudy:
    v = PowerFlow(network).solve()
    return study_outages(network, v, most_ac=most_ac, limits=StudyLimits(**limits))


def _listed(study: OutageStudy) -> set[tuple[str, int]]:
    over = study.overloads
    names = [study.outages[place].name for place in over.outage.tolist()]
    return set(zip(names, over.element.tolist(), strict=True))


def test_without_ac_the_overloads_are_those_of_the_factors(ieee14: Network) -> None:
    network = _rated(ieee14, 80.0)
    study = _study(network, most_ac=0)
    over = study.overloads
    assert len(over) > 0 and not over.is_ac.any() and over.solved.all()
    assert not study.in_ac.any() and len(study.excursions) == 0
    lost = [study.outages[place].branches for place in over.outage.tolist()]
    branch = np.array([bool(rows) for rows in lost])
    rows = np.array([rows[0] for rows in lost if rows])
    after = OutageFactors(network, PowerFlow(network).solve()).after_branches(rows)
    told = after[over.element[branch], np.arange(branch.sum())]
    np.testing.assert_allclose(over.p_from_mw[branch], told)


def test_by_default_every_outage_is_solved_and_every_limit_looked_at(ieee14: Network) -> None:
    network = _rated(ieee14, 80.0)
    study = _study(network, v_min_pu=1.0, v_max_pu=1.08)
    assert study.in_ac.all() and not study.not_converged.any()
    assert np.all(np.diff(study.overloads.loading_percent) <= 0)
    flow = OutagePowerFlow(network, PowerFlow(network).solve())
    overloads, voltages = set(), set()
    for outage in study.outages:
        exact = flow.after(outage)
        assert exact is not None
        power = np.maximum(abs(exact.s_from_mva), abs(exact.s_to_mva))
        overloads |= {(outage.name, element) for element in np.flatnonzero(power >= 80.0).tolist()}
        beyond = (abs(exact.v) < 1.0) | (abs(exact.v) > 1.08)
        voltages |= {(outage.name, bus) for bus in np.flatnonzero(beyond).tolist()}
    assert _listed(study) == overloads
    out = study.excursions
    names = [study.outages[place].name for place in out.outage.tolist()]
    assert set(zip(names, out.bus.tolist(), strict=True)) == voltages
    assert len(voltages) > 0
    assert np.all(np.diff(np.abs(out.v_pu - out.limit_pu)) <= 0)


def _assert_nothing_missed(network: Network, study: OutageStudy, places: list[int]) -> None:
    """Hold the lists of a study to a power flow of its own for some outages."""
    v = PowerFlow(network).solve()
    one = OutagePowerFlow(network, v)
    out, over = study.excursions, study.overloads
    for place in places:
        exact = one.after(study.outages[place])
        assert (exact is not None) == study.in_ac[place]
        if exact is None:
            continue
        power = np.maximum(abs(exact.s_from_mva), abs(exact.s_to_mva))
        with np.errstate(invalid="ignore"):
            loaded = np.flatnonzero(power >= network.branches.rate_mva)
        assert set(loaded) == set(over.element[over.outage == place])
        magnitude = abs(exact.v)
        beyond = np.flatnonzero((magnitude < 0.94 - 1e-9) | (magnitude > 1.06 + 1e-9))
        assert set(beyond) == set(out.bus[out.outage == place])


def test_no_limit_that_a_full_ac_study_of_118_buses_finds_is_missed(case118: Network) -> None:
    network = with_published_data(case118)
    study = _study(network)
    assert len(study.overloads) > 200 and len(study.excursions) > 20
    _assert_nothing_missed(network, study, list(range(len(study.outages))))


def test_nor_one_of_1354_buses(case1354: Network) -> None:
    # A sample, with every outage that the common factor does not solve among it; all of them
    # are in benchmarks/contingency.py.
    study = _study(case1354)
    failed = np.flatnonzero(study.not_converged).tolist()
    _assert_nothing_missed(case1354, study, [*range(0, len(study.outages), 40), *failed])


def test_a_voltage_held_at_an_end_of_the_band_is_within_it(ieee14: Network) -> None:
    # The units at buses 2, 3, 6 and 8 hold 1.045, 1.01, 1.07 and 1.09 pu.
    study = _study(ieee14, v_min_pu=1.01, v_max_pu=1.09)
    assert 7 not in study.excursions.bus.tolist()
    lost = {
        study.outages[place].name for place in study.excursions.outage[study.excursions.bus == 2]
    }
    assert lost == {"gen:2"}


def test_few_ac_solutions_go_to_the_worst(ieee14: Network) -> None:
    network = _rated(ieee14, 80.0)
    worst = list(dict.fromkeys(_study(network, most_ac=0).overloads.outage.tolist()))
    assert set(np.flatnonzero(_study(network, most_ac=3).in_ac)) == set(worst[:3])


def test_an_outage_without_an_ac_solution_keeps_its_linear_rows(three_buses: Network) -> None:
    loads = replace(three_buses.loads, p_mw=np.array([480.0, 10.0]))
    network = _rated(replace(three_buses, loads=loads), 400.0)
    study = _study(network)
    # Neither branch alone carries 480 MW to bus 20.
    failed = [study.outages[i].name for i in np.flatnonzero(study.not_converged)]
    assert failed == ["branch:0", "branch:1"]
    lost = study.overloads.outage == 0
    assert lost.any() and not study.overloads.solved[lost].any()
    assert not study.overloads.is_ac[lost].any()


def test_such_an_outage_has_a_row_even_without_an_overload(three_buses: Network) -> None:
    loads = replace(three_buses.loads, p_mw=np.array([480.0, 10.0]))
    over = _study(_rated(replace(three_buses, loads=loads), 9000.0)).overloads
    assert over.element.tolist() == [-1, -1] and not over.solved.any()
    assert np.isnan(over.loading_percent).all()


def test_units_at_the_slack_are_named_and_not_studied(three_buses: Network) -> None:
    study = _study(three_buses)
    assert study.at_slack == ("gen:0",)
    assert [outage.name for outage in study.outages][-1] == "gen:1"
    assert study.n_outages == 4


def test_a_unit_that_holds_a_voltage_and_gives_nothing_is_studied(ieee14: Network) -> None:
    study = _study(ieee14)
    # Condensers at buses 3, 6 and 8.
    assert {"gen:1", "gen:2", "gen:3", "gen:4"} <= {outage.name for outage in study.outages}


def test_what_is_beyond_its_limits_without_any_outage_is_told(ieee14: Network) -> None:
    # 156.9 MW flow from bus 1 to bus 2 and 75.5 to bus 5; no other flow reaches 90 MVA.
    # Bus 8 is held at 1.09 pu, bus 6 at 1.07 and bus 7 floats at 1.062.
    study = _study(_rated(ieee14, 90.0))
    assert study.overloaded_before == ("0",)
    assert set(study.excursions_before) == {"6", "7", "8"}


def test_ratings_of_current_count_at_the_voltage_of_the_end(ieee14: Network) -> None:
    network = _rated(ieee14, 80.0)
    v = PowerFlow(network).solve()
    by_power = study_outages(network, v)
    by_current = study_outages(network, v, limits=StudyLimits(ratings=RatingKind.CURRENT))
    for study in (by_power, by_current):
        over = study.overloads
        # The base voltages of all branches overloaded are 1 kV here, so 80 MVA are 46.2 kA.
        np.testing.assert_allclose(over.limit_a, 80e3 / np.sqrt(3))
    over = by_current.overloads
    np.testing.assert_allclose(over.loading_percent, 100 * over.current_a / over.limit_a)
    # Voltages of this case are above 1 pu at every bus, so a current is below its power.
    assert _listed(by_current) < _listed(by_power)


def test_a_listed_double_circuit_is_solved_with_the_rest(ieee14: Network) -> None:
    pair = Outage("pair", OutageKind.LISTED, branches=(2, 4))
    network = _rated(ieee14, 80.0)
    v = PowerFlow(network).solve()
    for most_ac in (0, None):
        study = study_outages(network, v, listed=[pair], most_ac=most_ac)
        assert study.outages[-1] == pair
        mine = study.overloads.outage == len(study.outages) - 1
        assert mine.any() and study.overloads.is_ac[mine].all() == (most_ac is None)


def test_a_listed_outage_that_splits_the_network_is_listed_as_such(ieee14: Network) -> None:
    # Bus 14 hangs on branches 16 (9-14) and 19 (13-14); bus 9 feeds bus 10 and bus 14 too.
    pair = Outage("both ways to 14", OutageKind.LISTED, branches=(16, 19))
    slack = Outage("slack", OutageKind.LISTED, buses=(0,))
    study = study_outages(ieee14, PowerFlow(ieee14).solve(), listed=[pair, slack])
    assert [(i.contingency, i.buses) for i in study.islanding] == [
        ("branch:13", ("8",)),
        ("both ways to 14", ("14",)),
    ]
    assert study.at_slack[-1] == "slack"


def test_every_outage_is_seen_once_with_its_flows(ieee14: Network) -> None:
    network = _rated(ieee14, 80.0)
    v = PowerFlow(network).solve()
    for most_ac in (2, None):
        seen: list[FlowsAfter] = []
        study = study_outages(network, v, most_ac=most_ac, see=seen.append)
        names = [outage.name for part in seen for outage in part.outages]
        assert sorted(names) == sorted(outage.name for outage in study.outages)
        assert all(np.isfinite(part.p_from_mw).all() for part in seen)
        ac = [outage.name for part in seen if part.is_ac for outage in part.outages]
        assert len(ac) == (2 if most_ac else len(study.outages))
        flow = OutagePowerFlow(network, v)
        for part in seen:
            for place, outage in enumerate(part.outages):
                exact = flow.after(outage)
                if part.is_ac:
                    assert exact is not None
                    exact_p = exact.s_from_mva.real
                    np.testing.assert_allclose(part.p_from_mw[:, place], exact_p, atol=1e-3)
