import numpy as np
import pytest

from forecasting.cold_start import cold_start
from forecasting.issue import issue
from forecasting.training import History, train

NAMES = ("all", "shops", "homes", "mill", "fresh")
PARENT = np.array([-1, 0, 0, 0, 0])
HOUR = np.arange(48) % 24
SHOPS = 10.0 + 5.0 * ((HOUR >= 8) & (HOUR < 20))
HOMES = 10.0 + 5.0 * np.sin(2 * np.pi * (HOUR - 13) / 24)
MILL = np.full(48, 20.0)
NEW = np.array([False, False, False, False, True])


def world(fresh: np.ndarray, n_known: int) -> tuple[np.ndarray, np.ndarray]:
    """A day of readings of all, and what the models of the old ones forecast of the next."""
    loads = np.stack([SHOPS + HOMES + MILL + fresh, SHOPS, HOMES, MILL, fresh], axis=1)
    past, ahead = loads[:24].copy(), loads[24:].copy()
    past[: 24 - n_known, 4] = np.nan
    ahead[:, 4] = np.nan
    return past, ahead


def test_after_a_day_a_point_is_shaped_like_what_it_resembles_and_scaled():
    past, ahead = world(0.3 * SHOPS, 24)
    out = cold_start(NEW, NAMES, PARENT, past, ahead, 24)
    np.testing.assert_allclose(out.values[:, 4], 0.3 * ahead[:, 1], rtol=0.02)
    assert out.method.tolist() == ["", "", "", "", "cold_start"]
    assert out.reason[4].startswith("1 days known: shaped like shops")
    assert out.donor.tolist() == [0, 1, 2, 3, 1]
    assert np.isnan(out.values[:, :4]).all()


def test_it_follows_what_is_forecast_of_them_and_not_what_they_were():
    past, ahead = world(0.3 * SHOPS, 24)
    ahead[:, 1] *= 2.0  # a cold spell is coming
    out = cold_start(NEW, NAMES, PARENT, past, ahead, 24)
    assert out.values[:, 4].mean() > 0.5 * SHOPS.mean()


def test_a_point_like_no_other_takes_its_share_of_the_sum():
    noise = np.random.default_rng(0).uniform(1.0, 9.0, 48)
    past, ahead = world(noise, 24)
    out = cold_start(NEW, NAMES, PARENT, past, ahead, 24)
    key = noise[:24].sum() / past[:, 0].sum()
    np.testing.assert_allclose(out.values[:, 4], key * ahead[:, 0])
    assert out.method[4] == "sharing_key"
    assert "% of all" in out.reason[4]


def test_before_a_day_is_over_nothing_is_called_alike():
    past, ahead = world(0.3 * SHOPS, 6)
    out = cold_start(NEW, NAMES, PARENT, past, ahead, 24)
    assert out.method[4] == "sharing_key"
    key = past[-6:, 4].sum() / past[-6:, 0].sum()
    np.testing.assert_allclose(out.values[:, 4], key * ahead[:, 0])


def test_a_point_without_a_reading_or_with_nobody_to_learn_from_is_left_alone():
    past, ahead = world(0.3 * SHOPS, 0)
    assert np.isnan(cold_start(NEW, NAMES, PARENT, past, ahead, 24).values).all()
    past, ahead = world(0.3 * SHOPS, 24)
    out = cold_start(NEW, NAMES, PARENT, past, np.full_like(ahead, np.nan), 24)
    assert (out.method == "").all()


def test_the_share_climbs_to_a_sum_that_has_a_forecast():
    noise = np.random.default_rng(0).uniform(1.0, 9.0, 48)
    past, ahead = world(noise, 24)
    ahead[:, 1] = np.nan
    out = cold_start(NEW, NAMES, np.array([-1, 0, 0, 0, 1]), past, ahead, 24)
    assert "% of all" in out.reason[4]


@pytest.mark.parametrize("n_days", [2, 6])
def test_from_its_first_days_a_new_series_is_issued_better_than_by_the_naive(
    calendar, world, tree, n_days
):
    """n2, whose clock lies between those of n1 and s1, begins before the training ends."""
    n = 24 * 100
    load = world.load[:n].copy()
    names = list(world.series)
    n2, sums = names.index("n2"), [names.index("north"), names.index("all")]
    rest = load[:, sums] - load[:, [n2]]
    begun = np.arange(n) >= n - 24 * n_days
    load[:, sums] = rest + np.where(begun, load[:, n2], 0.0)[:, None]
    load[~begun, n2] = np.nan
    trained = train(calendar, History(world.series, world.times[:n], load, world.stations[:n]))
    out = issue(trained.fleet, trained.state, trained.fleet.reconciler(tree), 48,
                world.stations[n : n + 48])  # fmt: skip
    truth = world.load[n : n + 48, n2]
    error = {m: np.nanmean(np.abs(v[n2] - truth)) for m, v in out.forecasts.items()}
    assert out.method[n2] == "cold_start"
    if n_days < 3:
        assert error["gam_ar"] < error["seasonal_naive_7d"]
    assert error["gam_ar"] < 0.05 * truth.mean()
    # The models of the sums do not know it yet; they do not press it down to what they learnt.
    assert error["reconciled"] < 0.05 * truth.mean()
    assert tree.incoherence(out.forecasts["reconciled"]) < 1e-9
    inside = (out.quantiles[n2, 0] < truth) & (truth < out.quantiles[n2, -1])
    assert (out.quantiles[n2, -1] > out.quantiles[n2, 0]).all()
    assert inside.mean() > 0.5
