import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.weather import blend_stations, smooth


def record(n: int, *, gaps: float = 0.0, zones: int = 2) -> np.ndarray:
    rng = np.random.default_rng(n)
    values = 10 + np.cumsum(rng.normal(0, 1, (n, zones)), axis=0)
    values[rng.random(values.shape) < gaps] = np.nan
    return values


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 119), st.sampled_from([0.0, 0.1, 0.5]))
def test_online_equals_offline_wherever_the_record_is_cut(cut: int, gaps: float):
    values = record(120, gaps=gaps)
    whole, end = smooth(values, 24)
    first, state = smooth(values[:cut], 24)
    second, end_in_parts = smooth(values[cut:], 24, state)
    for name, column in whole.columns.items():
        parts = np.concatenate([first.columns[name], second.columns[name]])
        np.testing.assert_allclose(parts, column, rtol=1e-12, atol=1e-12, equal_nan=True)
    np.testing.assert_allclose(end_in_parts.sums, end.sums, rtol=1e-12)


def test_one_reading_at_a_time_equals_all_at_once():
    values = record(60, gaps=0.2)
    whole, _ = smooth(values, 12)
    state, rows = None, []
    for t in range(60):
        columns, state = smooth(values[t : t + 1], 12, state)
        rows.append(columns.columns["temperature_max_1d"][0])
    np.testing.assert_allclose(np.array(rows), whole.columns["temperature_max_1d"])


def test_a_constant_temperature_is_its_own_past_from_the_first_interval():
    columns, _ = smooth(np.full((100, 1), 7.0), 24)
    for column in columns.columns.values():
        np.testing.assert_allclose(column, 7.0)


def test_smoothing_follows_the_stated_memory():
    # A unit impulse after a long silence at zero: weight 1 - a decays as a^k, a = exp(-1/24).
    values = np.zeros((24 * 60, 1))
    values[-3] = 1.0
    columns, _ = smooth(values, 24)
    decay = np.exp(-1 / 24)
    expected = (1 - decay) * decay**2
    np.testing.assert_allclose(columns.columns["temperature_1d"][-1, 0], expected, rtol=1e-9)


def test_extremes_look_back_one_day_and_no_further():
    values = np.zeros((60, 1))
    values[10] = 5.0
    peak = smooth(values, 24)[0].columns["temperature_max_1d"][:, 0]
    assert (np.flatnonzero(peak == 5.0) == np.arange(10, 34)).all()


def test_a_gap_takes_the_temperature_a_day_before_and_says_so():
    values = np.arange(48.0)[:, None]
    values[30] = np.nan
    columns, _ = smooth(values, 24)
    assert columns.columns["temperature"][30, 0] == 6.0
    assert columns.filled[:, 0].nonzero()[0].tolist() == [30]


def test_before_the_first_known_temperature_there_is_none():
    columns, _ = smooth(np.array([[np.nan], [3.0], [np.nan]]), 24)
    assert np.isnan(columns.columns["temperature"][0, 0])
    assert columns.columns["temperature"][2, 0] == 3.0


def test_a_zone_without_any_station_reporting_is_unknown():
    values = np.array([[np.nan, np.nan, 4.0]])
    zones = blend_stations(values, np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]))
    assert np.isnan(zones[0, 0])
    assert zones[0, 1] == 4.0
