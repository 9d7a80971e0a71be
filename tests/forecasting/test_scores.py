import numpy as np
import pytest

from forecasting.scores import coverage, crps, interval_width, pinball, score


def test_point_scores_by_hand():
    s = score(np.array([10.0, 20.0, np.nan]), np.array([12.0, 15.0, 3.0]))
    assert s.n == 2
    assert float(s.mape) == pytest.approx((20 + 25) / 2)
    assert float(s.wape) == pytest.approx(100 * 7 / 30)
    assert float(s.mae) == 3.5
    assert float(s.rmse) == pytest.approx(np.sqrt((4 + 25) / 2))
    assert float(s.bias) == -1.5
    assert float(s.over_share) == 50.0
    assert float(s.peak_error) == 5.0


def test_an_axis_keeps_the_others():
    s = score(np.ones((4, 3)), np.full((4, 3), 2.0))
    assert s.mape.tolist() == [100.0, 100.0, 100.0]


def test_nothing_to_score_is_not_a_number():
    s = score(np.array([np.nan]), np.array([1.0]))
    assert np.isnan(s.mape)
    assert np.isnan(s.peak_error)


def test_pinball_by_hand():
    # Actual 10 against 8 at 0.9: 0.9 * 2; against 13 at 0.1: 0.9 * 3.
    losses = pinball(np.array([10.0]), np.array([[13.0], [8.0]]), np.array([0.1, 0.9]))
    np.testing.assert_allclose(losses, [2.7, 1.8])


def test_crps_of_a_fine_normal_fan_is_the_closed_form():
    from scipy.stats import norm

    p = np.arange(0.005, 1.0, 0.005)
    value = crps(np.array([0.3]), norm.ppf(p)[:, None], p)
    exact = 0.3 * (2 * norm.cdf(0.3) - 1) + 2 * norm.pdf(0.3) - 1 / np.sqrt(np.pi)
    assert value == pytest.approx(exact, abs=2e-3)


def test_coverage_and_width():
    actual = np.array([1.0, 5.0, np.nan])
    assert coverage(actual, np.zeros(3), np.full(3, 2.0)) == 50.0
    assert interval_width(np.zeros(3), np.full(3, 2.0)) == 2.0
