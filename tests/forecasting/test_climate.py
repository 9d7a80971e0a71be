import numpy as np
import pytest

from forecasting.climate import mixture_quantiles, scenario_loads, temperature_scenarios
from forecasting.weather import smooth

YEAR = 365
DAYS = 2 * YEAR + 20


def test_a_scenario_is_the_same_season_of_a_past_year_moved_by_days():
    """One value a day, its number: a year and two years back, today and a day earlier or later."""
    record = np.arange(float(DAYS))[:, None]
    paths = temperature_scenarios(record, 1, 30, shifts=(-1, 0, 1), fade_days=0.0)
    assert paths.shape == (6, 30, 1)
    first = {int(path[0, 0]) for path in paths}
    assert first == {DAYS - back - shift for back in (365, 730) for shift in (-1, 0, 1)}
    assert (np.diff(paths[..., 0], axis=1) == 1.0).all()


def test_it_sets_out_from_the_weather_of_now_and_comes_back_to_its_own():
    record = np.zeros((DAYS, 1))
    record[-1] = 8.0  # a warm day, after years at zero
    (path,) = temperature_scenarios(record, 1, 30, shifts=(0,), fade_days=2.0)[:1, :, 0]
    np.testing.assert_allclose(path, 8.0 * np.exp(-(np.arange(30) + 0.5) / 2.0))


def test_a_record_of_less_than_a_year_has_no_scenario():
    with pytest.raises(ValueError, match="300 days of record"):
        temperature_scenarios(np.zeros((300, 1)), 1, 30)


def test_the_loads_of_a_scenario_are_those_of_a_forecast_with_its_weather(trained, world):
    fleet, ahead = trained.fleet, slice(24 * 160, 24 * 162)
    calendar = fleet.calendar.predictors(world.times[ahead])
    truth = world.stations[ahead, 0]
    found = scenario_loads(
        fleet.gams[0], calendar, np.stack([truth, truth - 5.0]), trained.state.weather, 24
    )
    weather, _ = smooth(truth[:, None], 24, trained.state.weather)
    expected = fleet.gams[0].predict_standard(calendar.joined(weather.zone(0)))
    np.testing.assert_allclose(found[0], expected, rtol=1e-12)
    assert found[1].mean() > found[0].mean()  # these loads heat


def test_quantiles_of_a_mixture_are_those_of_all_its_parts_together():
    rng = np.random.default_rng(0)
    centres, offsets = rng.normal(0, 3, (40, 2)), rng.normal(0, 4, (500, 2))
    found = mixture_quantiles(centres, offsets, np.array([0.1, 0.5, 0.9]))
    every = (centres[:, None] + offsets).reshape(-1, 2)
    np.testing.assert_allclose(found, np.quantile(every, [0.1, 0.5, 0.9], axis=0))
