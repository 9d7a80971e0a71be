from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ingest.twin.profiles import PROFILES, local_profiles, read_profiles
from ingest.twin.shapes import KNOT, LEVEL, LoadShapes
from ingest.twin.victoria import STEP, read_victoria
from network.model import Network
from records.time import DAY, HOUR, MINUTE, parse_time

SHARED = Path(
    os.environ.get("GRIDCAST_SHARED_DATA", Path(__file__).parents[3].parent / "shared" / "data")
)


@pytest.fixture(scope="module")
def shapes(network: Network) -> LoadShapes:
    return LoadShapes.of(network, seed=1)


def test_victoria_has_every_half_hour_of_the_year() -> None:
    year = read_victoria()
    assert year.times[0] == parse_time("2014-01-01T00:00:00+10:00")
    assert (np.diff(year.times) == STEP).all()
    # The heat wave of January 2014: the year's peak, in the afternoon of the 14th to 17th.
    peak = parse_time("2014-01-14T00:00:00+11:00")
    assert peak < year.times[year.demand_mw.argmax()] < peak + 4 * DAY
    assert year.temperature_degc.max() == pytest.approx(43.2)


@pytest.mark.shared_data
def test_victorias_times_agree_with_an_independent_copy() -> None:
    file = SHARED / "aus_elec" / "aus_elec_2012_2014.parquet"
    if not file.is_file():
        pytest.skip(f"{file} is absent; GRIDCAST_SHARED_DATA names its folder")
    other = pq.read_table(file, columns=["ts_utc", "demand_VIC", "temp_c_VIC"]).to_pandas()
    if "ts_utc" in other:
        other = other.set_index("ts_utc")
    year = read_victoria()
    moments = other.index.as_unit("ns").asi8
    other = other[(moments >= year.times[0]) & (moments <= year.times[-1])]
    assert len(other) == 17_519
    rows = np.searchsorted(year.times, other.index.as_unit("ns").asi8)
    np.testing.assert_allclose(year.demand_mw[rows], other["demand_VIC"], atol=0.01)
    np.testing.assert_allclose(year.temperature_degc[rows], other["temp_c_VIC"], atol=0.01)


def test_profiles_keep_their_mean_and_their_weekday() -> None:
    pytest.importorskip("simbench", reason="the demo's extra is not installed")
    profiles = read_profiles()
    assert profiles.shape == (366, 96, len(PROFILES))
    np.testing.assert_allclose(profiles.mean(axis=(0, 1)), 1.0)
    # 30 May 2016 was a Monday, as 10 November 2014 was; both calendars step by days.
    monday = int(np.datetime64("2014-11-10").astype(np.int64)) * DAY
    quarter = 15 * MINUTE
    drawn = local_profiles(profiles, monday + quarter * np.arange(96))
    source = int(np.datetime64("2016-05-30").astype(np.int64))
    first = int(np.datetime64("2016-01-01").astype(np.int64))
    np.testing.assert_array_equal(drawn, profiles[source - first])


def test_hourly_means_are_those_of_the_straight_lines(shapes: LoadShapes) -> None:
    start = parse_time("2014-05-05T00:00:00Z")
    knots = shapes.knots(start, 9)
    fine = np.arange(0, 2 * HOUR, 15 * 1_000_000_000)
    lines = np.stack(
        [np.interp(fine + 7_500_000_000, KNOT * np.arange(9), knots[:, k]) for k in range(5)]
    )
    expected = lines.reshape(5, 2, -1).mean(axis=2).T
    np.testing.assert_allclose(shapes.hourly(start, start + 2 * HOUR)[:, :5], expected, rtol=1e-9)


def test_a_stretch_is_the_same_however_it_is_asked_for(shapes: LoadShapes) -> None:
    start = parse_time("2014-05-05T21:00:00Z")
    whole = shapes.knots(start, 40)
    np.testing.assert_array_equal(shapes.knots(start + 15 * KNOT, 10), whole[15:25])


def test_every_load_has_a_shape_of_its_own_about_the_level(shapes: LoadShapes) -> None:
    start = parse_time("2014-03-01T00:00:00Z")
    hourly = shapes.hourly(start, start + 200 * DAY)
    assert abs(hourly.mean() - LEVEL) < 0.05
    assert hourly.min() > 0
    correlation = np.corrcoef(hourly.T)
    np.fill_diagonal(correlation, 0)
    assert correlation.max() < 0.9999


def test_loads_answer_to_the_heat_wave(shapes: LoadShapes) -> None:
    hot, mild = parse_time("2014-01-16T04:00:00Z"), parse_time("2014-03-06T04:00:00Z")
    ratio = shapes.hourly(hot, hot + HOUR) / shapes.hourly(mild, mild + HOUR)
    assert np.median(ratio) > 1.2
