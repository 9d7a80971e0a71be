from __future__ import annotations

import numpy as np

from forecasting.calendar import Calendar
from forecasting.design import Design
from forecasting.specification import default_specification
from forecasting.weather import smooth
from forecasting.zones import zone_matrices

HOUR = 3_600_000_000_000


def test_all_zones_at_once_are_the_zones_one_by_one() -> None:
    rng = np.random.default_rng(0)
    calendar = Calendar("Europe/Paris", HOUR).predictors(np.arange(24 * 600) * HOUR)
    temperature = np.cumsum(rng.standard_normal((len(calendar), 3)), axis=0) * [1.0, 2.0, 0.1]
    weather, _ = smooth(temperature, 24)
    own = [calendar.joined(weather.zone(z)) for z in range(3)]
    specification = default_specification(600.0)
    designs = [Design(specification.resolved(predictors)) for predictors in own]
    stacked = zone_matrices(designs, calendar, weather.columns)
    for design, predictors, X in zip(designs, own, stacked, strict=True):
        np.testing.assert_allclose(X, design.matrix(predictors), atol=1e-9)


def test_rows_without_weather_are_nan_in_their_zone_only() -> None:
    calendar = Calendar("UTC", HOUR).predictors(np.arange(48) * HOUR)
    temperature = np.stack([np.linspace(0.0, 9.0, 48), np.linspace(5.0, 6.0, 48)], axis=1)
    weather, _ = smooth(temperature, 24)
    designs = [
        Design(default_specification(2.0).resolved(calendar.joined(weather.zone(z))))
        for z in range(2)
    ]
    weather.columns["temperature"][3, 1] = np.nan
    first, second = zone_matrices(designs, calendar, weather.columns)
    assert np.isfinite(first).all()
    assert np.isnan(second[3]).all()
    assert np.isfinite(np.delete(second, 3, axis=0)).all()
