"""A dataset folder replayed end to end, in memory."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingest.dataset import Dataset, read_dataset
from records.forecast import ForecastLevel
from records.time import DAY, HOUR
from stream.replay import Replay, ReplayOptions, TooShortError, replay_dataset
from stream.stage import Issued, Outcome

N_DAYS = 100
HIERARCHY = """
version = "1"
timezone = "Europe/Paris"
step = "PT1H"
[[node]]
id = "all"
level = "total"
[[node]]
id = "north"
level = "zone"
parent = "all"
stations = { s = 1.0 }
[[node]]
id = "south"
level = "zone"
parent = "all"
stations = { s = 1.0 }
"""


def write_dataset(folder: Path, n_days: int = N_DAYS) -> None:
    """Two zones that follow the hour, the weekend and the cold, with a little noise."""
    rng = np.random.default_rng(3)
    times = pd.date_range("2023-01-02", periods=24 * n_days, freq="h", tz="UTC")
    hours = np.arange(len(times))
    cold = 5.0 * np.sin(2 * np.pi * hours / 24 / 9) + 3.0 * np.sin(2 * np.pi * hours / 24)
    shape = 1.0 + 0.3 * np.sin(2 * np.pi * hours / 24) - 0.1 * (times.dayofweek >= 5)
    shape = shape + 0.02 * cold
    folder.mkdir(exist_ok=True)
    (folder / "hierarchy.toml").write_text(HIERARCHY)
    parts = []
    for name, size in (("north", 100.0), ("south", 40.0)):
        load = size * shape * np.exp(0.01 * rng.standard_normal(len(times)))
        parts.append(
            pd.DataFrame({"series": name, "valid_time": times, "value": load, "unit": "MW"})
        )
    pd.concat(parts).to_parquet(folder / "load.parquet", index=False)
    pd.DataFrame(
        {
            "station": "s",
            "valid_time": times,
            "quantity": "temperature_degc",
            "value": 10.0 - cold,
        }
    ).to_parquet(folder / "weather.parquet", index=False)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data") / "two-zones"
    write_dataset(folder)
    return read_dataset(folder)


@pytest.fixture(scope="module")
def replayed(dataset: Dataset) -> tuple[Replay, list[Outcome]]:
    outcomes: list[Outcome] = []
    options = ReplayOptions(cadence=6 * HOUR)
    return replay_dataset(dataset, options, on_outcome=outcomes.append), outcomes


Replayed = tuple[Replay, list[Outcome]]


def mape(replay: Replay, level: str, lead: str, method: str) -> float:
    return next(
        row.mape
        for row in replay.rows
        if row.series is None and (row.level, row.lead, row.method) == (level, lead, method)
    )


def test_the_last_fifth_is_replayed_with_an_issue_each_cadence(replayed: Replayed) -> None:
    replay, outcomes = replayed
    assert replay.end - replay.start == N_DAYS // 5 * DAY
    issues = [o.run.issue_time for o in outcomes if isinstance(o, Issued)]
    assert len(issues) == replay.n_issues == N_DAYS // 5 * 4
    assert {later - earlier for earlier, later in pairwise(issues)} == {6 * HOUR}


def test_model_and_residual_beat_the_seasonal_naive_at_every_level_and_lead(
    replayed: Replayed,
) -> None:
    replay, _ = replayed
    for level in ("total", "zone"):
        for lead in ("PT1H", "PT24H", "PT48H"):
            naive = mape(replay, level, lead, "seasonal_naive_7d")
            assert mape(replay, level, lead, "gam_ar") < naive
            assert mape(replay, level, lead, "reconciled") < naive


def test_every_published_set_adds_up(replayed: Replayed) -> None:
    for outcome in replayed[1]:
        if isinstance(outcome, Issued):
            levels: dict[str, ForecastLevel] = {v.level: v for v in outcome.run.levels}
            np.testing.assert_allclose(
                levels["total"].values[0, 0], levels["zone"].values[:, 0].sum(axis=0), rtol=1e-9
            )


def test_realised_weather_in_place_of_forecasts_is_said(replayed: Replayed) -> None:
    assert replayed[0].realised_weather


def test_two_replays_are_the_same_to_the_bit(dataset: Dataset, replayed: Replayed) -> None:
    again: list[Outcome] = []
    replay_dataset(dataset, ReplayOptions(cadence=6 * HOUR), on_outcome=again.append)
    for one, other in zip(replayed[1], again, strict=True):
        if isinstance(one, Issued):
            assert isinstance(other, Issued)
            for a, b in zip(one.run.levels, other.run.levels, strict=True):
                assert a.meta == b.meta
                assert a.values.tobytes() == b.values.tobytes()
        else:
            assert one == other


def test_too_short_a_history_is_refused_with_its_dates(tmp_path: Path) -> None:
    write_dataset(tmp_path, n_days=30)
    with pytest.raises(TooShortError, match="2023-01-02"):
        replay_dataset(read_dataset(tmp_path), ReplayOptions())
