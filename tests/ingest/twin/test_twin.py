from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ingest.batch import Batch
from ingest.twin import FaultRates, Twin, TwinSettings, read_truth
from network.model import Network
from records.envelope import event_type
from records.errors import RecordError
from records.log import LogRecord, Outgoing
from records.meter import METER_TYPE
from records.scada import FRAME_TYPE, ScadaFrame, decode_frame
from records.tick import TICK_TYPE, decode_tick
from records.time import HOUR, MINUTE, SECOND, parse_time
from records.weather import WEATHER_TYPE, decode_weather

START = parse_time("2014-11-10T20:00:00Z")
END = START + 6 * HOUR  # Over midnight, UTC.
OFTEN = FaultRates(
    late_share=0.02,
    out_of_order_share=0.02,
    duplicate_share=0.02,
    corrected_share=0.02,
    undecodable_share=0.01,
    unknown_point_share=0.01,
)


def twin(network: Network, **options: object) -> Twin:
    settings = {"start": START, "end": END, "rates": OFTEN, "seed": 3} | options
    return Twin(network, TwinSettings(**settings))  # type: ignore[arg-type]


def read_back(record: Outgoing) -> LogRecord:
    return LogRecord(record.topic, record.partition, 0, 0, record.value, record.key, record.headers)


def frames(batches: Iterable[Batch]) -> tuple[list[tuple[int, ScadaFrame]], int]:
    """Frames with the time of their handing over, and how many could not be read."""
    out, n_bad = [], 0
    for batch in batches:
        for record in batch.records:
            if event_type(record.headers) == FRAME_TYPE:
                try:
                    out.append((batch.time, decode_frame(read_back(record))))
                except RecordError:
                    n_bad += 1
    return out, n_bad


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("truth")


@pytest.fixture(scope="module")
def sent(network: Network, truth: Path) -> list[Batch]:
    return list(twin(network).batches(truth))


def test_a_batch_a_scan_in_order_and_ticks_that_close_it(
    sent: list[Batch], network: Network
) -> None:
    times = [batch.time for batch in sent]
    assert times[:-1] == list(range(START, END + 1, 30 * SECOND))
    assert times[-1] == END + 5 * MINUTE
    last = sent[-1].records
    places = [(r.topic, r.partition) for r in last]
    assert places == twin(network).partitions and len(places) == 7
    assert {decode_tick(r.value).time for r in last} == {END + 5 * MINUTE}


def test_ticks_follow_what_they_speak_for(sent: list[Batch]) -> None:
    for batch in sent:
        kinds = [event_type(record.headers) == TICK_TYPE for record in batch.records]
        assert kinds == sorted(kinds)
        assert any(kinds) == (batch.time % (5 * MINUTE) == 0)


def test_every_scan_of_every_area_comes_once_but_for_its_faults(
    sent: list[Batch], truth: Path
) -> None:
    came, n_bad = frames(sent)
    count = Counter((f.scan_time, f.area) for _, f in came if f.version == 1)
    rows = pq.read_table(truth / "frames").to_pylist()
    fault = {(int(r["scan_time"].value), r["area"]): r["fault"] for r in rows}
    assert set(fault.values()) == {
        "late", "out_of_order", "duplicate", "corrected", "undecodable", "unknown_point",
    }  # fmt: skip
    cut = [key for key, name in fault.items() if name == "undecodable"]
    assert n_bad == len(cut) > 0
    for time in range(START, END, 30 * SECOND):
        for area in range(3):
            name = fault.get((time, area))
            expected = {"duplicate": 2, "undecodable": 0}.get(name or "", 1)
            # What would come after the end never does.
            if name not in ("late", "out_of_order") or count[time, area]:
                assert count[time, area] == expected
    handed_over = [(time, f) for time, f in came if fault.get((f.scan_time, f.area)) is None]
    assert all(time == f.scan_time for time, f in handed_over)
    late = [time - f.scan_time for time, f in came if fault.get((f.scan_time, f.area)) == "late"]
    assert late and min(late) >= 30 * SECOND and max(late) <= 31 * MINUTE
    corrections = [(time, f) for time, f in came if f.version == 2]
    assert corrections and all(time > f.scan_time for time, f in corrections)


def test_the_same_seed_sends_the_same_bytes_wherever_it_starts(network: Network) -> None:
    calm = FaultRates(stuck=0.0, late_share=0.0, corrected_share=0.0)
    early = twin(network, end=START + 2 * HOUR, rates=calm)
    late = twin(network, start=START + HOUR, end=START + 2 * HOUR, rates=calm)
    whole = {b.time: b.records for b in early.batches()}
    for batch in late.batches():
        scada = [r for r in batch.records if event_type(r.headers) == FRAME_TYPE]
        before = [r for r in whole[batch.time] if event_type(r.headers) == FRAME_TYPE]
        if batch.time > START + HOUR:
            assert [r.value for r in scada] == [r.value for r in before]


def test_without_faults_frames_are_whole_and_good(network: Network) -> None:
    calm = twin(network, end=START + HOUR, rates=FaultRates.none())
    came, n_bad = frames(calm.batches())
    assert n_bad == 0 and len(came) == 120 * 3
    sizes = [len(table.points) for table in (calm.register.at(a, START) for a in range(3))]
    assert all(len(f.point) == sizes[f.area] and not f.quality.any() for _, f in came)


def test_weather_is_known_from_the_first_moment_and_meters_report(sent: list[Batch]) -> None:
    first = [
        decode_weather(read_back(r))
        for r in sent[0].records
        if event_type(r.headers) == WEATHER_TYPE
    ]
    assert [r.issue_time for r in first] == [START - 2 * HOUR]  # 18:00, arrived at 20:00.
    kinds = Counter(event_type(r.headers) for batch in sent for r in batch.records)
    assert kinds[WEATHER_TYPE] == 12 + 2 and kinds[METER_TYPE] > 0


def test_measurements_are_counted(sent: list[Batch]) -> None:
    for batch in sent[:40]:
        came, n_bad = frames([batch])
        others = [event_type(r.headers) for r in batch.records]
        if METER_TYPE not in others and WEATHER_TYPE not in others:
            assert batch.n_measurements == sum(len(f.point) for _, f in came) + n_bad


def test_the_truth_is_kept_hour_by_hour_and_node_by_node(
    sent: list[Batch], truth: Path, network: Network
) -> None:
    hourly, flows = read_truth(truth, "hourly"), read_truth(truth, "flows")
    assert sorted(p.name for p in (truth / "hourly").iterdir()) == [
        "2014-11-10.parquet",
        "2014-11-11.parquet",
    ]
    assert hourly.times.tolist() == list(range(START, END, HOUR))
    assert hourly.columns == (*twin(network).load_series, "losses:0", "losses:1", "losses:2")
    assert flows.times.tolist() == list(range(START, END + 1, 5 * MINUTE))
    assert flows.columns[0] == "branch:0 from p_mw" and flows.columns[-1] == "branch:185 to p_mw"


def test_scans_agree_with_the_truth_within_noise(
    sent: list[Batch], truth: Path, network: Network
) -> None:
    flows = read_truth(truth, "flows")
    made = {point.id: point for point in twin(network).register.points}
    came, _ = frames(sent)
    at_nodes = {(f.scan_time, f.area): f for _, f in came if f.version == 1}
    error = []
    for row, time in enumerate(flows.times.tolist()[:-1]):
        for column in range(0, len(flows.columns), 31):
            point = made[flows.columns[column]]
            frame = at_nodes.get((time, point.area))
            if frame is not None:
                place = np.flatnonzero(frame.point == point.number)
                if len(place):
                    error.append(frame.value[place[0]] - flows.values[row, column])
    middle = np.quantile(np.abs(error), 0.5)
    # The median of |normal| is 0.674 sigma; a few readings are gross errors.
    assert middle == pytest.approx(0.674 * 0.8, rel=0.1)


def test_history_is_the_same_truth_with_noise_and_gaps(
    network: Network, truth: Path, sent: list[Batch]
) -> None:
    hourly = read_truth(truth, "hourly")
    history = twin(network).history(START, END)
    assert history.times.tolist() == hourly.times.tolist()
    assert (*history.series, *history.loss_series) == hourly.columns
    both = np.concatenate([history.load_mw, history.losses_mw], axis=1)
    np.testing.assert_allclose(both, hourly.values, rtol=0.02, equal_nan=False)
    year = twin(network).history(
        parse_time("2014-02-01T00:00:00Z"), parse_time("2014-03-01T00:00:00Z")
    )
    missing = np.isnan(year.load_mw).mean()
    assert 0 < missing < 0.02
    assert np.isfinite(year.temperature_degc).all() and np.isfinite(year.losses_mw).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scan_period": 90 * SECOND}, "scan_period is 90 s"),
        ({"scan_period": 7 * SECOND}, "divisor of 5 minutes"),
        ({"end": START}, "start before end"),
        ({"tick_period": 45 * SECOND}, "tick_period"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused(
    network: Network, options: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TwinSettings(**({"start": START, "end": END} | options))


def test_a_period_beyond_the_year_of_the_shapes_is_refused(network: Network) -> None:
    with pytest.raises(ValueError, match="not within the year"):
        twin(network, end=parse_time("2015-01-01T00:00:00Z"))
    with pytest.raises(ValueError, match="not within the year"):
        twin(network).history(parse_time("2013-12-01T00:00:00Z"), START)
