import numpy as np

from forecasting.naive import seasonal_naive


def test_a_full_history_gives_the_same_hour_a_week_before():
    history = np.arange(24.0 * 10)[:, None]
    out = seasonal_naive(history, 24, 48)
    np.testing.assert_array_equal(out[:, 0], history[24 * 3 : 24 * 5, 0])


def test_a_missing_week_looks_two_weeks_back():
    history = np.arange(24.0 * 15)[:, None]
    history[24 * 8 + 5] = np.nan
    assert seasonal_naive(history, 24, 24)[5, 0] == 24 * 1 + 5


def test_a_short_history_falls_back_to_yesterday():
    history = np.arange(30.0)[:, None]
    assert seasonal_naive(history, 24, 26)[:, 0].tolist()[:2] == [6.0, 7.0]
    assert seasonal_naive(history, 24, 26)[24, 0] == 6.0


def test_nothing_known_stays_unknown():
    out = seasonal_naive(np.full((10, 2), np.nan), 24, 3)
    assert out.shape == (3, 2)
    assert np.isnan(out).all()
    assert np.isnan(seasonal_naive(np.empty((0, 1)), 24, 3)).all()
