import numpy as np

from forecasting.link import choose_link


def test_series_with_values_that_have_no_logarithm_stay_on_their_level():
    load = np.exp(np.random.default_rng(0).normal(3, 0.2, (400, 4)))
    load[5, 1] = 0.0
    load[:, 2] -= load[:, 2].mean()
    load[::20, 3] *= 0.001  # an industry that stops one day in twenty
    assert choose_link(load).logarithmic.tolist() == [True, False, False, False]


def test_the_link_and_its_inverse_agree():
    load = np.abs(np.random.default_rng(1).normal(50, 5, (100, 3)))
    load[:, 2] -= 60
    link = choose_link(load)
    np.testing.assert_allclose(link.inverse(link.forward(load)), load, rtol=1e-12)


def test_a_standardised_series_has_mean_zero_and_spread_one():
    load = np.exp(np.random.default_rng(2).normal(2, 0.3, (500, 2)))
    load[::7, 0] = np.nan
    standard = choose_link(load).forward(load)
    np.testing.assert_allclose(np.nanmean(standard, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.nanstd(standard, axis=0), 1)


def test_an_empty_and_a_constant_series_do_no_harm():
    load = np.column_stack([np.full(50, np.nan), np.full(50, 3.0)])
    link = choose_link(load)
    assert np.isfinite(link.centre).all()
    np.testing.assert_allclose(link.forward(load)[:, 1], 0.0, atol=1e-12)
