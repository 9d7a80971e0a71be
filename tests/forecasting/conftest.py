"""A small synthetic country: hourly loads that follow the clock, the weather and each other."""

import numpy as np
import pytest

from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from forecasting.training import History, TrainedFleet, train

HOUR_NS = 3_600_000_000_000


def hours(start: str, n: int) -> np.ndarray:
    first = np.datetime64(start, "ns").astype(np.int64)
    return first + HOUR_NS * np.arange(n, dtype=np.int64)


@pytest.fixture(scope="session")
def calendar() -> Calendar:
    holidays = np.array(["2023-05-01", "2023-07-14"], dtype="datetime64[D]")
    return Calendar("Europe/Paris", HOUR_NS, holidays)


@pytest.fixture(scope="session")
def tree() -> Hierarchy:
    ids = ("all", "north", "south", "n1", "n2", "s1")
    levels = ("total", "region", "region", "bus", "bus", "bus")
    return Hierarchy(ids, levels, (None, "all", "all", "north", "north", "south"))


@pytest.fixture(scope="session")
def world(calendar: Calendar, tree: Hierarchy) -> History:
    """160 days and two more of hourly load at every node, with temperature."""
    rng = np.random.default_rng(3)
    n = 24 * 162
    times = hours("2023-03-01T00", n)
    temperature = 12 + 6 * np.sin(np.arange(n) * 2 * np.pi / 24) + np.cumsum(rng.normal(0, 0.2, n))
    local = calendar.predictors(times)
    clock = np.sin(2 * np.pi * (local.instant[:, None] - np.array([7, 9, 11])) / 24)
    weekend = (local["day_class"] >= 5)[:, None]
    noise = np.zeros((n, 3))
    for t in range(1, n):
        noise[t] = 0.8 * noise[t - 1] + rng.normal(0, 0.01, 3)
    cold = 0.01 * np.maximum(15 - temperature, 0)[:, None]
    log_load = np.log([50.0, 80.0, 120.0]) + 0.2 * clock - 0.1 * weekend + cold + noise
    load = tree.aggregate(np.exp(log_load).T).T
    return History(tree.ids, times, load, temperature[:, None])


N_TRAIN = 24 * 160


@pytest.fixture(scope="session")
def trained(calendar: Calendar, world: History) -> TrainedFleet:
    assert world.stations is not None
    past = History(
        world.series, world.times[:N_TRAIN], world.load[:N_TRAIN], world.stations[:N_TRAIN]
    )
    return train(calendar, past)
