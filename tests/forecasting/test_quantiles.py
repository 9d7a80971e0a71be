import numpy as np

from forecasting.quantiles import PROBABILITIES, QuantileModel, fit_quantiles, point_mass


def errors_of(n_origins: int = 300, n_steps: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Errors that grow with lead and are twice as wide in the second half of the day."""
    rng = np.random.default_rng(4)
    instant = (np.arange(n_origins)[:, None] * 25 + np.arange(n_steps)) % 24
    wide = np.where(instant >= 12, 2.0, 1.0)
    growth = np.sqrt(1.0 + np.arange(n_steps))
    errors = rng.normal(0, 1, (n_origins, n_steps)) * wide * growth
    return np.stack([errors, 10 * errors], axis=2), instant


def test_intervals_cover_what_they_promise():
    errors, instant = errors_of()
    model = fit_quantiles(errors, instant, 24)
    inside = []
    for o in range(len(errors)):
        q = model.offsets(instant[o])
        inside.append((errors[o] >= q[0]) & (errors[o] <= q[-1]))
    assert 0.88 < np.mean(inside) < 0.93


def test_quantiles_never_cross_and_widen_with_lead_and_hour():
    errors, instant = errors_of()
    model = fit_quantiles(errors, instant, 24)
    q = model.offsets(np.full(24, 3))
    assert (np.diff(q, axis=0) >= 0).all()
    width = q[-1] - q[0]
    assert width[20, 0] > 3 * width[0, 0]
    evening = model.offsets(np.full(24, 18))
    assert 1.5 < (evening[-1] - evening[0])[10, 0] / width[10, 0] < 2.5


def test_every_series_has_its_own_spread():
    errors, instant = errors_of()
    q = fit_quantiles(errors, instant, 24).offsets(instant[0])
    np.testing.assert_allclose(q[:, :, 1], 10 * q[:, :, 0], rtol=1e-9)


def test_a_series_without_errors_has_no_spread():
    errors, instant = errors_of()
    errors[:, :, 1] = np.nan
    model = fit_quantiles(errors, instant, 24)
    assert (model.offsets(instant[0])[:, :, 1] == 0).all()
    assert (point_mass(2, 24, PROBABILITIES).offsets(instant[0]) == 0).all()


def test_leads_beyond_the_training_take_the_last_known_spread():
    errors, instant = errors_of()
    model = fit_quantiles(errors, instant, 24)
    q = model.offsets(np.zeros(30, dtype=np.int64))
    np.testing.assert_array_equal(q[:, 23], q[:, 29])


def test_a_quantile_model_survives_being_stored():
    errors, instant = errors_of()
    model = fit_quantiles(errors, instant, 24)
    again = QuantileModel.from_arrays(model.to_arrays())
    np.testing.assert_array_equal(model.offsets(instant[1]), again.offsets(instant[1]))
