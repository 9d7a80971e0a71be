"""The truth that forecasts are scored on, and what a corrected window makes of a score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from console.replays.replay_truth import replay_truth
from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from records.log import LogRecord, Outgoing
from records.time import HOUR, MINUTE, parse_time
from records.topics import topic_name
from records.window import WindowBatch, window_record
from storage.historian import Historian
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from stream.forecast_plan import ForecastPlan
from stream.lead_scores import LeadScores

T0 = parse_time("2014-11-10T00:00Z")
WINDOWS = topic_name("t", "window.5min.v1")
LONG = topic_name("t", "window.60min.v1")
TREE = Hierarchy(("total", "north", "south"), ("total", "zone", "zone"), (None, "total", "total"))
PLAN = ForecastPlan("p", TREE, Calendar("UTC", HOUR), 2, HOUR, 5 * MINUTE, "window.5min.v1")


def window(
    start: int, means: dict[str, float], *, revision: int = 1, length: int = 5 * MINUTE,
    topic: str = WINDOWS,
) -> Outgoing:  # fmt: skip
    n, unknown = len(means), np.full(len(means), np.nan)
    batch = WindowBatch(
        0, start, length, 0, np.array(list(means), object), np.full(n, revision, np.int32),
        np.array(list(means.values())), unknown, unknown, unknown, unknown,
        np.full(n, 10, np.int32), np.zeros(n), np.zeros(n, np.uint16),
    )  # fmt: skip
    return window_record(topic, batch, start + length)


def truth_of(
    folder: Path, sent: list[Outgoing]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with HistorianWriter(folder) as writer:
        recorder = Recorder(writer)
        recorder.take(
            [
                LogRecord(out.topic, 0, offset, 0, out.value, out.key, out.headers)
                for offset, out in enumerate(sent)
            ]
        )
        recorder.flush()
    with Historian(folder) as historian:
        start, values = replay_truth(historian, PLAN, T0, T0 + HOUR)
    assert start == T0
    return values


@pytest.fixture
def told() -> list[Outgoing]:
    """An hour of 5 MW in the north and 20 MW in the south."""
    return [window(T0 + k * 5 * MINUTE, {"north": 5.0, "south": 20.0}) for k in range(12)]


def test_a_corrected_window_corrects_the_truth_of_its_series_and_of_their_sums(
    told: list[Outgoing], tmp_path: Path
) -> None:
    corrected = window(T0 + 10 * MINUTE, {"north": 41.0}, revision=2)
    assert truth_of(tmp_path / "before", told).tolist() == [[25.0, 5.0, 20.0]]
    assert truth_of(tmp_path / "after", [*told, corrected]).tolist() == [[28.0, 8.0, 20.0]]


def test_a_corrected_window_changes_the_scores_of_its_series_and_of_their_sums(
    told: list[Outgoing], tmp_path: Path
) -> None:
    scores = LeadScores(TREE, HOUR, [HOUR])
    scores.take(T0, {"gam": np.array([[30.0], [10.0], [20.0]])})

    def mape(folder: str, sent: list[Outgoing]) -> dict[str | None, float]:
        rows = scores.rows(T0, truth_of(tmp_path / folder, sent))
        return {row.series: row.mape for row in rows if row.series}

    corrected = window(T0 + 10 * MINUTE, {"north": 41.0}, revision=2)
    before, after = mape("before", told), mape("after", [*told, corrected])
    assert before == pytest.approx({"total": 20.0, "north": 100.0, "south": 0.0})
    assert after == pytest.approx({"total": 100 * 2 / 28, "north": 25.0, "south": 0.0})


def test_longer_windows_are_not_counted_once_more(told: list[Outgoing], tmp_path: Path) -> None:
    hour = window(T0, {"north": 99.0, "south": 99.0}, length=HOUR, topic=LONG)
    assert truth_of(tmp_path, [*told, hour]).tolist() == [[25.0, 5.0, 20.0]]
