import numpy as np

from forecasting.conformal import ConformalState, calibrate

BAND = np.repeat([0, 1], 3)


def test_intervals_too_narrow_come_to_cover_what_they_promise():
    rng = np.random.default_rng(0)
    n = 3_000
    errors = rng.normal(size=(n, 6, 1))
    offsets = np.broadcast_to(np.array([-1.0, 0.0, 1.0])[:, None, None], (n, 3, 6, 1))
    out = calibrate(offsets, errors, np.arange(n) * 6, BAND, 0.9)
    inside = (errors >= out[:, 0]) & (errors <= out[:, -1])
    assert inside[:30].mean() < 0.85
    assert abs(inside[1_000:].mean() - 0.9) < 0.01
    assert (np.diff(out, axis=1) >= 0).all()


def test_each_band_has_its_own_correction():
    state = ConformalState.starting(2, 1)
    offsets = np.array([-1.0, 1.0])[:, None, None] * np.ones((2, 6, 1))
    error = np.where(BAND == 0, 5.0, np.nan)[:, None]
    after = state.learnt(offsets, error, BAND, 0.9)
    assert after.log_scale[0, 0] > 0
    assert after.log_scale[1, 0] == 0


def test_an_outcome_not_yet_known_teaches_nothing():
    rng = np.random.default_rng(1)
    errors = rng.normal(size=(20, 6, 1))
    offsets = np.broadcast_to(np.array([-1.0, 1.0])[:, None, None], (20, 2, 6, 1))
    origins = np.arange(20) * 3
    before = calibrate(offsets, errors, origins, BAND, 0.9)
    errors[10:] = 100.0
    after = calibrate(offsets, errors, origins, BAND, 0.9)
    np.testing.assert_array_equal(before[:11], after[:11])
    assert (after[11, 1, :3] > before[11, 1, :3]).all()


def test_a_state_survives_being_stored():
    state = ConformalState(np.array([[0.3], [-0.2]]))
    again = ConformalState.from_arrays(state.to_arrays())
    np.testing.assert_array_equal(state.log_scale, again.log_scale)
