import numpy as np

from forecasting.kalman import adapt, choose_drift

N_INSTANTS = 4


def world(n_days: int = 300, break_day: int | None = None):
    rng = np.random.default_rng(0)
    n = n_days * N_INSTANTS
    level = np.full(n, 1.0)
    weather = np.sin(np.arange(n) / 40)
    effects = np.stack([level, weather])[:, :, None]
    gain = np.ones(n)
    if break_day is not None:
        gain[break_day * N_INSTANTS :] = 0.8
    values = (level * gain + weather + rng.normal(0, 0.05, n))[:, None]
    return effects, values


def test_without_drift_a_right_model_is_left_alone():
    effects, values = world()
    out = adapt(effects, values, N_INSTANTS, np.zeros(2)).by_age[0]
    np.testing.assert_allclose(out[100:, 0], effects.sum(axis=0)[100:, 0], atol=0.03)


def test_a_lasting_break_is_followed():
    effects, values = world(break_day=150)
    out = adapt(effects, values, N_INSTANTS, np.full(2, 1e-3)).by_age[0]
    late = slice(200 * N_INSTANTS, None)
    adapted = np.abs(values - out)[late].mean()
    static = np.abs(values - effects.sum(axis=0))[late].mean()
    assert adapted < 0.5 * static


def test_an_age_uses_no_younger_reading():
    effects, values = world(60)
    before = adapt(effects, values, N_INSTANTS, np.full(2, 1e-3))
    values[40 * N_INSTANTS :] += 5.0
    after = adapt(effects, values, N_INSTANTS, np.full(2, 1e-3))
    for age in (0, 1):
        known = slice(0, (41 + age) * N_INSTANTS)
        np.testing.assert_array_equal(before.by_age[age, known], after.by_age[age, known])


def test_missing_readings_change_nothing():
    effects, values = world(50)
    values[20 * N_INSTANTS : 30 * N_INSTANTS] = np.nan
    out = adapt(effects, values, N_INSTANTS, np.full(2, 1e-4)).by_age[0]
    assert np.isfinite(out).all()


def test_each_lead_takes_what_its_origin_knew():
    effects, values = world(20)
    forecasts = adapt(effects, values, N_INSTANTS, np.full(2, 1e-3))
    rows = 40 + np.arange(2 * N_INSTANTS)[None, :]
    out = forecasts.at(rows, N_INSTANTS)[0, :, 0]
    np.testing.assert_array_equal(out[:4], forecasts.by_age[0, 40:44, 0])
    np.testing.assert_array_equal(out[4:], forecasts.by_age[1, 44:48, 0])


def test_a_drifting_series_gets_more_drift_than_a_steady_one():
    effects, values = world(400)
    rng = np.random.default_rng(3)
    wander = np.cumsum(rng.normal(0, 0.003, len(values)))[:, None]
    both = np.concatenate([values, values + wander], axis=1)
    drift = choose_drift(np.repeat(effects, 2, axis=2), both, N_INSTANTS, slice(800, None))
    assert drift[0, 1] > drift[0, 0]
