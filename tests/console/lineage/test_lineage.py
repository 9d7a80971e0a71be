"""From a forecast down to the raw offsets, and from a bad meter up to all that it touched.

Two zones are metered by the hour: document k (raw offset k) holds hour k after the past that the
models were given. Issues are made every six hours.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from forecasting.calendar import Calendar
from forecasting.hierarchy import Hierarchy
from records.forecast import forecast_record
from records.log import LogRecord, Outgoing, Partition
from records.meter import MeterDocument, MeterSeries, meter_record
from records.tick import tick_record
from records.time import DAY, HOUR, MINUTE, format_time, parse_time
from records.topics import topic_name
from storage.embedded_log import EmbeddedLogWriter
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from stream.forecast_plan import ForecastPlan, TrainingSet
from stream.forecast_stage import ForecastStage
from stream.metering import MeteringStage
from stream.stage import Issued

START = parse_time("2024-01-01T00:00:00Z")
N_PAST = 60 * 24
NOW = START + N_PAST * HOUR
HOURS = 30
REFIT = DAY
LEAVES = ("north", "south")
TREE = Hierarchy(("total", *LEAVES), ("total", "zone", "zone"), (None, "total", "total"))
METERS = topic_name("demo", "meter.read.v1")
FORECASTS = topic_name("demo", "forecast.v1")


def load_mw(hours: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    shape = 1.0 + 0.3 * np.sin(2 * np.pi * (hours % 24) / 24)
    noise = np.random.default_rng(5).standard_normal((20_000, 2))[hours] * 0.01
    return np.stack([100.0 * shape, 50.0 * shape], axis=1) * np.exp(noise)


def document(hour: int) -> Outgoing:
    at = START + hour * HOUR
    series = [
        MeterSeries(name, [at], [float(value)])
        for name, value in zip(LEAVES, load_mw(np.array([hour]))[0], strict=True)
    ]
    given = MeterDocument(0, "mdm", f"d{hour}", 0, 1, HOUR, at + HOUR, "MWh", series)
    return meter_record(METERS, given)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run thirty hours through metering and forecasting, and record it all."""
    directory = tmp_path_factory.mktemp("run")
    plan = ForecastPlan(
        "short", TREE, Calendar("UTC", HOUR), 24, 6 * HOUR, HOUR, "meter.interval.v1",
        refit_every=REFIT, code="1.2+abc",
    )  # fmt: skip
    past = load_mw(np.arange(N_PAST))
    forecasting = ForecastStage("demo", plan, TrainingSet(START, past, np.empty((N_PAST, 0))))
    stages: list[Any] = [MeteringStage("demo"), forecasting]
    states = [stage.initial([Partition(stage.inputs[0], 0)]) for stage in stages]
    offsets: dict[str, int] = {}
    with (
        HistorianWriter(directory / "historian") as writer,
        EmbeddedLogWriter(directory / "log") as log,
    ):
        recorder = Recorder(writer)
        log.claim(FORECASTS, [0])

        def take(out: Outgoing, at: int) -> None:
            offset = offsets[out.topic] = offsets.get(out.topic, -1) + 1
            record = LogRecord(out.topic, 0, offset, at, out.value, out.key, out.headers)
            recorder.take([record])
            for place, stage in enumerate(stages):
                if out.topic not in stage.inputs:
                    continue
                states[place], outcomes = stage.step(states[place], record)
                for outcome in outcomes:
                    if isinstance(outcome, Issued):
                        for level in outcome.run.levels:
                            told = forecast_record(FORECASTS, level, outcome.run.issue_time)
                            log.append([told])
                            take(told, at)
                    else:
                        take(outcome, at)

        for hour in range(N_PAST, N_PAST + HOURS):
            known = START + (hour + 1) * HOUR
            take(document(hour), known)
            take(tick_record(METERS, 0, known + MINUTE, "clock"), known + MINUTE)
        recorder.flush()
    return directory


Gridcast = Callable[..., Any]


@pytest.fixture
def told(gridcast: Gridcast, run: Path, tmp_path: Path) -> Callable[..., Any]:
    """Run `gridcast lineage ...` on the run, and return its JSON."""

    def command(*arguments: str, directory: Path = run) -> Any:
        out = tmp_path / "lineage.json"
        ended = gridcast("lineage", *arguments, "--directory", str(directory), "--json", str(out))
        assert ended.code == 0, ended.err
        return json.loads(out.read_text()) | {"printed": ended.out}

    return command


def run_id(hours: int) -> str:
    text = format_time(NOW + hours * HOUR).replace("-", "").replace(":", "")
    return f"{text}-short"


def test_a_forecast_leads_down_to_offsets_features_model_and_programs(
    told: Callable[..., Any],
) -> None:
    tree = told("forecast", run_id(6))
    lineage = tree["lineage"]
    assert lineage["code"] == lineage["training"]["code"] == "1.2+abc"
    assert "day_class" in lineage["features"]
    assert "residual lag 24" in lineage["features"]
    # Hours 0 to 5 were documents at offsets 0, 2, ..., 10, each followed by a tick.
    assert lineage["inputs"] == [{"topic": METERS, "partition": 0, "first": 0, "last": 11}]
    training = lineage["training"]
    assert (training["since"], training["until"]) == (format_time(START), format_time(NOW))
    assert training["inputs"] == []
    models = {row["id"]: row["model_versions"] for row in tree["series"]}
    assert models["north"] == {"gam": training["version"], "residual": training["version"]}
    assert {row["id"]: row["parent"] for row in tree["series"]}["north"] == "total"
    assert f"model {training['version']}" in tree["printed"]


def test_a_training_says_what_it_learnt_from(told: Callable[..., Any]) -> None:
    first = told("forecast", run_id(18))["lineage"]["training"]
    second = told("forecast", run_id(30))["lineage"]["training"]
    assert second["version"] != first["version"]
    assert second["until"] == format_time(NOW + DAY)
    assert second["given_until"] == format_time(NOW)
    assert second["inputs"] == [{"topic": METERS, "partition": 0, "first": 0, "last": 47}]


def test_a_sum_leads_to_the_latest_windows_of_its_parts(told: Callable[..., Any]) -> None:
    tree = told("forecast", run_id(6), "--series", "total")
    latest = tree["latest_inputs"]
    assert latest["leaves"] == ["north", "south"]
    assert latest["windows"] == 12
    assert latest["raw"] == [{"topic": METERS, "partition": 0, "first": 0, "last": 10}]
    assert [row["id"] for row in tree["series"]] == ["total", "north", "south"]


def test_without_a_historian_the_topic_tells_the_same(
    told: Callable[..., Any], run: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "log").symlink_to(run / "log")
    from_topic = told("forecast", run_id(6), directory=bare)
    recorded = told("forecast", run_id(6))
    assert from_topic["found_in"] == FORECASTS
    assert recorded["found_in"] == "historian"
    for key in ("lineage", "series", "hierarchy_version", "issue_time"):
        assert from_topic[key] == recorded[key], key


def test_a_bad_meter_leads_up_to_every_window_sum_training_and_forecast(
    told: Callable[..., Any],
) -> None:
    tree = told(
        "point", "north",
        "--from", format_time(NOW + 8 * HOUR), "--to", format_time(NOW + 10 * HOUR),
    )  # fmt: skip
    assert tree["raw"] == [
        {"topic": METERS, "partition": 0, "readings": 2, "first": 16, "last": 18}
    ]
    assert [(w["start"], w["input_offset"]) for w in tree["windows"]] == [
        (format_time(NOW + 8 * HOUR), 16), (format_time(NOW + 9 * HOUR), 18),
    ]  # fmt: skip
    assert tree["sums"] == ["total"]
    assert tree["reconciled_with"] == ["south"]
    # The issue at hour 6 came before it; only the models trained at hour 24 learnt from it.
    assert [(f["run_id"], f["through"]) for f in tree["forecasts"]] == [
        (run_id(12), ["latest"]),
        (run_id(18), ["latest"]),
        (run_id(24), ["latest", "training"]),
        (run_id(30), ["latest", "training"]),
    ]
    (training,) = tree["trainings"]
    assert training["until"] == format_time(NOW + DAY)
    assert (training["first_run"], training["last_run"]) == (run_id(24), run_id(30))
    assert "4 forecasts of 2 series" in tree["printed"]


def test_a_window_leads_down_to_the_offsets_of_its_readings(told: Callable[..., Any]) -> None:
    tree = told("window", "south", format_time(NOW + 8 * HOUR), "--length", "PT1H")
    (revision,) = tree["revisions"]
    assert revision["input_offset"] == 16
    assert revision["raw"] == [
        {"topic": METERS, "partition": 0, "readings": 1, "first": 16, "last": 16}
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["forecast", "20240301T000000Z-long"], "there is no forecast"),
        (["forecast", "yesterday"], "is not the id of a forecast"),
        (["forecast", run_id(6), "--series", "nort"], "did you mean north"),
        (["point", "nort", "--from", "2024-03-01T00:00Z", "--to", "2024-03-02T00:00Z"],
         "no point or meter 'nort'; it has north"),
        (["point", "north", "--from", "2024-03-02T00:00Z", "--to", "2024-03-01T00:00Z"],
         "is not after"),
        (["window", "north", "2024-03-01T00:00Z", "--length", "PT5M"],
         "there are 2024-03-01T00:00:00Z of PT1H"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_with_a_hint(
    gridcast: Gridcast, run: Path, arguments: list[str], message: str
) -> None:
    ended = gridcast("lineage", *arguments, "--directory", str(run))
    assert ended.code == 2
    assert message in ended.err
