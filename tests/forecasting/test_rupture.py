import numpy as np

from forecasting.rupture import RuptureRules, RuptureState, step


def watch(innovations: np.ndarray, readings: np.ndarray | None = None) -> list[tuple]:
    """Return (step, series, kind, onset) of every event."""
    state, found = RuptureState.starting(np.ones(innovations.shape[1])), []
    readings = innovations + 100 if readings is None else readings
    for t, row in enumerate(innovations):
        state, events = step(state, row, readings[t])
        found += [
            (t, int(s), kind, t - int(back))
            for s, kind, back in zip(events.series, events.kind, events.onset_steps, strict=True)
        ]
    return found


def noise(n: int, series: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, series))


def test_a_lasting_shift_is_a_rupture_with_its_onset():
    z = noise(400)
    z[200:] += 2.0
    events = watch(z)
    level = [event for event in events if event[2] == "level"]
    assert level
    assert 200 <= level[0][0] < 215
    assert abs(level[0][3] - 200) <= 5


def test_one_wild_reading_is_an_outlier_and_no_rupture():
    z = noise(400)
    z[200] = 80.0
    assert {event[2] for event in watch(z)} == {"outlier"}


def test_a_wider_spread_is_found():
    z = noise(600)
    z[300:] *= 3.0
    kinds = [event[2] for event in watch(z) if event[0] >= 300]
    assert "variance" in kinds


def test_a_frozen_reading_is_found_once():
    z = noise(100)
    readings = z + 100
    readings[50:80] = readings[50]
    frozen = [event for event in watch(z, readings) if event[2] == "frozen"]
    assert len(frozen) == 1
    assert frozen[0][3] == 50


def test_calm_noise_raises_no_rupture_in_a_hundred_series():
    assert watch(np.clip(noise(2_000, series=100, seed=5), -5.9, 5.9)) == []


def test_missing_readings_move_nothing():
    z = noise(50)
    z[10:40] = np.nan
    assert watch(z) == []


def test_the_stated_run_length_matches_a_simulation():
    rules = RuptureRules(threshold=3.0, drift=0.5, forget=0.0, spread_threshold=1e9)
    state, alarms, n, series = RuptureState.starting(np.ones(500)), 0, 2_000, 500
    for row in noise(n, series, seed=9):
        state, events = step(state, row, row, rules)
        alarms += sum(kind == "level" for kind in events.kind)
    simulated = n * series / alarms
    assert 0.7 < simulated / rules.mean_run_length() < 1.6


def test_a_state_survives_being_stored():
    state, _ = step(RuptureState.starting(np.ones(2)), np.array([3.0, -1.0]), np.array([5.0, 6.0]))
    again = RuptureState.from_arrays(state.to_arrays())
    for name in RuptureState.__slots__:
        np.testing.assert_array_equal(getattr(state, name), getattr(again, name))
