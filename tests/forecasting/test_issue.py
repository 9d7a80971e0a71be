import json
from dataclasses import replace

import numpy as np
import pytest

from forecasting.arrays import Artefact
from forecasting.fleet import Fleet
from forecasting.hierarchy import Hierarchy
from forecasting.issue import issue
from forecasting.live import LiveState
from forecasting.training import History, train

N_TRAIN = 24 * 160
STEPS = 48


@pytest.fixture(scope="module")
def ahead(world):
    return world.stations[N_TRAIN : N_TRAIN + STEPS]


@pytest.fixture(scope="module")
def issued(trained, tree, ahead):
    return issue(trained.fleet, trained.state, trained.fleet.reconciler(tree), STEPS, ahead)


def test_the_first_step_follows_the_last_reading(issued, world):
    assert issued.times[0] == world.times[N_TRAIN]
    assert issued.series == world.series


def test_the_published_set_adds_up_and_its_days_too(issued, tree):
    reconciled = issued.forecasts["reconciled"]
    assert tree.incoherence(reconciled) < 1e-9
    assert tree.incoherence(issued.daily.energy_mwh) < 1e-9
    np.testing.assert_allclose(issued.daily.energy_mwh.sum(axis=1), reconciled.sum(axis=1))


def test_the_model_beats_the_naive_at_every_level(issued, world):
    actual = world.load[N_TRAIN : N_TRAIN + STEPS].T
    error = {m: np.abs(f - actual).mean(axis=1) for m, f in issued.forecasts.items()}
    assert (error["gam_ar"] < error["seasonal_naive_7d"]).all()
    assert (error["reconciled"] < error["seasonal_naive_7d"]).all()


def test_quantiles_do_not_cross_and_surround_the_mean(issued):
    assert (np.diff(issued.quantiles, axis=1) >= 0).all()
    mean = issued.forecasts["reconciled"]
    assert (issued.quantiles[:, 0] < mean).all()
    assert (issued.quantiles[:, -1] > mean).all()


def test_short_term_is_mid_term_plus_the_residual_forecast(trained, tree, ahead, issued):
    fleet, state = trained.fleet, trained.state
    mid, _, _ = fleet.predict_standard(issued.times, ahead, state.weather)
    short = fleet.link.inverse(
        mid + fleet.ar.forecast(state.residuals, fleet.calendar.instant(issued.times))
    ).T
    np.testing.assert_allclose(issued.forecasts["gam_ar"], short, rtol=1e-9)


def test_readings_one_by_one_or_together_give_the_same_issue(trained, tree, world):
    fleet = trained.fleet
    more = slice(N_TRAIN, N_TRAIN + 12)
    together = trained.state.advanced(fleet, world.load[more], world.stations[more])
    single = trained.state
    for t in range(N_TRAIN, N_TRAIN + 12):
        single = single.advanced(fleet, world.load[t : t + 1], world.stations[t : t + 1])
    weather = world.stations[N_TRAIN + 12 : N_TRAIN + 48]
    one, other = (issue(fleet, s, fleet.reconciler(tree), 36, weather) for s in (together, single))
    np.testing.assert_allclose(one.quantiles, other.quantiles, rtol=1e-10)


def test_a_reading_as_forecast_leaves_the_rest_of_the_forecast_alone(trained, tree, ahead):
    fleet = trained.fleet
    reconciler = fleet.reconciler(tree)
    first = issue(fleet, trained.state, reconciler, STEPS, ahead)
    reading = first.forecasts["gam_ar"][:, :1].T
    later = issue(
        fleet, trained.state.advanced(fleet, reading, ahead[:1]), reconciler, STEPS - 1, ahead[1:]
    )
    np.testing.assert_allclose(
        later.forecasts["gam_ar"], first.forecasts["gam_ar"][:, 1:], rtol=1e-9
    )


def test_a_series_that_cannot_be_fitted_is_issued_naive_with_the_reason(calendar, world, tree):
    load = world.load[: 24 * 40].copy()
    load[: 24 * 32, 3] = np.nan
    trained = train(calendar, History(world.series, world.times[: 24 * 40], load,
                                      world.stations[: 24 * 40]))  # fmt: skip
    ahead = world.stations[24 * 40 : 24 * 42]
    fleet = trained.fleet
    assert "fewer than 14 days" in fleet.reasons[3]
    # Nobody else has a model here: there is no shape to start from.
    alone = replace(fleet, reasons=tuple(reason or "switched off" for reason in fleet.reasons))
    out = issue(alone, trained.state, alone.reconciler(tree), STEPS, ahead)
    assert out.method[3] == "seasonal_naive_7d"
    assert "fewer than 14 days" in out.reason[3]
    np.testing.assert_array_equal(out.forecasts["gam_ar"][3], out.forecasts["seasonal_naive_7d"][3])
    assert tree.incoherence(out.forecasts["reconciled"]) < 1e-9


def test_a_new_node_takes_what_the_others_imply_and_says_so(trained, tree, ahead):
    grown = Hierarchy((*tree.ids, "s2"), (*tree.levels, "bus"), (*tree.parents, "south"))
    out = issue(trained.fleet, trained.state, trained.fleet.reconciler(grown), STEPS, ahead)
    assert out.method[-1] == "reconciled"
    assert out.reason[-1].startswith("no model")
    assert grown.incoherence(out.forecasts["reconciled"]) < 1e-9
    assert np.isfinite(out.quantiles).all()


def test_a_gap_in_the_weather_forecast_does_not_stop_the_issue(trained, tree, ahead):
    holed = ahead.copy()
    holed[10:20] = np.nan
    out = issue(trained.fleet, trained.state, trained.fleet.reconciler(tree), STEPS, holed)
    assert np.isfinite(out.forecasts["gam"]).all()


def test_a_fleet_without_weather_forecasts_from_the_calendar(calendar, world, tree):
    past = History(world.series, world.times[:N_TRAIN], world.load[:N_TRAIN])
    trained = train(calendar, past)
    out = issue(trained.fleet, trained.state, trained.fleet.reconciler(tree), STEPS)
    actual = world.load[N_TRAIN : N_TRAIN + STEPS].T
    assert (np.abs(out.forecasts["gam_ar"] / actual - 1)).mean() < 0.1


def test_a_stored_fleet_and_state_issue_the_same(trained, tree, ahead, issued, tmp_path):
    def through_disk(artefact: Artefact, name: str) -> Artefact:
        np.savez(tmp_path / f"{name}.npz", **dict(artefact.arrays))
        facts = json.loads(json.dumps(dict(artefact.facts)))
        with np.load(tmp_path / f"{name}.npz", allow_pickle=False) as arrays:
            return Artefact(dict(arrays), facts)

    fleet = Fleet.from_arrays(through_disk(trained.fleet.to_arrays(), "fleet"))
    state = LiveState.from_arrays(through_disk(trained.state.to_arrays(), "state"))
    again = issue(fleet, state, fleet.reconciler(tree), STEPS, ahead)
    np.testing.assert_array_equal(again.quantiles, issued.quantiles)


def test_several_stations_make_zones_that_share_a_design(calendar, world, tree):
    stations = np.column_stack([world.stations, world.stations + 3.0])[:N_TRAIN]
    weights = np.array([[0.5, 0.5], [1, 0], [0, 1], [1, 0], [1, 0], [0, 1]], dtype=np.float64)
    past = History(world.series, world.times[:N_TRAIN], world.load[:N_TRAIN], stations, weights)
    trained = train(calendar, past)
    assert len(trained.fleet.gams) == 3
    assert (np.array(trained.fleet.reasons) == "").all()


def test_a_history_with_a_jump_in_time_is_refused(world):
    times = world.times[:10].copy()
    times[5:] += 1
    with pytest.raises(ValueError, match="one step apart"):
        History(world.series, times, world.load[:10])


def test_the_fan_is_the_distribution_of_each_series_moved_by_reconciliation(trained, issued):
    fleet, instant = trained.fleet, trained.fleet.calendar.instant(issued.times)
    base = issued.forecasts["gam_ar"]
    around = fleet.link.forward(base.T) + fleet.quantiles.offsets(instant)
    moved = (issued.forecasts["reconciled"] - base)[:, None]
    expected = fleet.link.inverse(around).transpose(2, 0, 1) + moved
    np.testing.assert_allclose(issued.quantiles, expected, rtol=1e-9)


def test_a_series_on_the_level_scale_may_pass_through_zero(calendar, world, tree, ahead):
    load = tree.aggregate(world.load[:N_TRAIN, tree.leaves].T - [[0.0], [85.0], [0.0]]).T
    trained = train(calendar, History(world.series, world.times[:N_TRAIN], load,
                                      world.stations[:N_TRAIN]))  # fmt: skip
    fleet = trained.fleet
    assert fleet.link.logarithmic.tolist().count(False) >= 1
    assert fleet.link.logarithmic.any()
    out = issue(fleet, trained.state, fleet.reconciler(tree), STEPS, ahead)
    instant = fleet.calendar.instant(out.times)
    around = fleet.link.forward(out.forecasts["gam_ar"].T) + fleet.quantiles.offsets(instant)
    moved = (out.forecasts["reconciled"] - out.forecasts["gam_ar"])[:, None]
    expected = fleet.link.inverse(around).transpose(2, 0, 1) + moved
    np.testing.assert_allclose(out.quantiles, expected, rtol=1e-8, atol=1e-8)
