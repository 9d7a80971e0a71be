import numpy as np

from forecasting.link import choose_link
from forecasting.rolling_origin import Origins
from forecasting.skill import compare_with_naive


def test_the_better_of_model_and_naive_is_found_series_by_series():
    rng = np.random.default_rng(0)
    load = 100 + rng.normal(0, 5, (24 * 60, 2))
    link = choose_link(load)
    origins = Origins(np.arange(24 * 20, 24 * 50, 25), 24)
    small = rng.normal(0, 0.1, (len(origins.rows), 24))
    errors = np.stack([small, 40 * small], axis=2)
    test = compare_with_naive(errors, load, link, origins, 24)
    assert test.naive_wins.tolist() == [False, True]
    # The naive's error is a difference of two independent draws: variance 2 * 25.
    np.testing.assert_allclose(test.naive_variance, 50.0, rtol=0.15)
