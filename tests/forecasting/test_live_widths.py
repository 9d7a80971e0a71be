from dataclasses import replace

import numpy as np
import pytest

from forecasting.conformal import ConformalState
from forecasting.issue import issue
from forecasting.live_widths import LiveWidths

N_TRAIN = 24 * 160


def noisy(trained, noise, n, seed=0):
    """Return the state after n readings that are as expected but for noise, hour by hour."""
    fleet, rng = trained.fleet, np.random.default_rng(seed)
    state = trained.state
    no_weather = np.full((1, 1), np.nan)
    for _ in range(n):
        times = np.array([state.end_ns])
        mid, _, columns = fleet.predict_standard(times, no_weather, state.weather)
        expected = mid + fleet.ar.forecast(state.residuals, columns.instant)
        sd = noise * fleet.ar.innovation_sd
        load = fleet.link.inverse(expected + sd * rng.standard_normal(expected.shape))
        state = state.advanced(fleet, load, no_weather)
    return state


@pytest.mark.parametrize(("noise", "sign"), [(3.0, 1), (0.2, -1)])
def test_widths_follow_what_came(trained, noise, sign):
    state = noisy(trained, noise, 24 * 14)
    assert (sign * state.widths.conformal.log_scale > 0).all()


def test_the_first_lesson_is_the_share_outside_a_band(trained):
    model = trained.fleet.quantiles
    start = LiveWidths.starting(model)
    n_steps, n_series = model.spread.shape
    instant = np.arange(n_steps) % 24
    state = start.begun(trained.fleet.ar, trained.state.residuals, instant)
    far = np.full((n_steps, n_series), 1e3)
    far[1::2] = np.nan
    half = state.after(model, far[:10], instant[:10])
    assert (half.conformal.log_scale == 0).all()
    learnt = half.after(model, far[10:], instant[10:])
    # Every reading outside where 10 % may be: 0.1 x (1 - 0.1).
    np.testing.assert_allclose(learnt.conformal.log_scale, 0.09)


def test_a_series_that_is_issued_naive_is_not_taught(trained, world):
    reasons = ("no skill", *trained.fleet.reasons[1:])
    fleet = replace(trained.fleet, reasons=reasons)
    state, stations = trained.state, np.full((60, 1), np.nan)
    after = state.advanced(fleet, 3 * world.load[:60], stations)
    assert (after.widths.conformal.log_scale[:, 0] == 0).all()
    assert (after.widths.conformal.log_scale[:, 1:] > 0).all()


def test_steps_one_by_one_or_together_teach_the_same(trained, world):
    fleet = trained.fleet
    load, stations = world.load[:130].copy(), world.stations[:130]
    load[20:25, 2] = np.nan
    together = trained.state.advanced(fleet, load, stations)
    single = trained.state
    for t in range(130):
        single = single.advanced(fleet, load[t : t + 1], stations[t : t + 1])
    taught = (state.widths.conformal.log_scale for state in (together, single))
    np.testing.assert_allclose(*taught)
    assert (together.widths.conformal.log_scale != 0).any()
    assert together.widths.age == single.widths.age
    np.testing.assert_allclose(together.widths.path, single.widths.path, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(together.residuals, single.residuals, rtol=1e-9, atol=1e-12)


def test_the_issue_carries_the_widths(trained, tree, world):
    fleet, ahead = trained.fleet, world.stations[N_TRAIN : N_TRAIN + 24]
    doubled = ConformalState(np.full_like(trained.state.widths.misses, np.log(2.0)))
    wide = replace(trained.state, widths=replace(trained.state.widths, conformal=doubled))
    one, two = (issue(fleet, s, fleet.reconciler(tree), 24, ahead) for s in (trained.state, wide))
    around = fleet.link.forward(one.forecasts["gam_ar"].T)
    shift = (one.forecasts["reconciled"] - one.forecasts["gam_ar"]).T
    narrow, widened = (
        fleet.link.forward(i.quantiles[:, -1].T - shift) - around for i in (one, two)
    )
    np.testing.assert_allclose(widened, 2 * narrow, rtol=1e-8)
