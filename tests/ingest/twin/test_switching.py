"""Branches of the twin that open and close during a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingest.twin import FaultRates, Twin, TwinSettings, read_truth
from network.model import Network
from network.topology import BreakerEvent, Element
from records.envelope import event_type
from records.log import LogRecord
from records.points import Point, Quantity
from records.scada import FRAME_TYPE, ScadaFrame, decode_frame
from records.time import HOUR, MINUTE, SECOND, parse_time

START = parse_time("2014-11-10T20:00:00Z")
LINE = 7
OPENS, CLOSES = START + 20 * MINUTE, START + 40 * MINUTE


def event(time: int, closed: bool, branch: str) -> BreakerEvent:
    return BreakerEvent(time, Element("branch", branch), "", closed)


def twin(network: Network, *switchings: BreakerEvent, **options: object) -> Twin:
    settings = TwinSettings(
        START, START + HOUR, scan_period=60 * SECOND, rates=FaultRates.none(),
        switchings=switchings, **options,  # type: ignore[arg-type]
    )  # fmt: skip
    return Twin(network, settings)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("truth")


@pytest.fixture(scope="module")
def made(network: Network) -> Twin:
    name = str(network.branches.id[LINE])
    return twin(network, event(CLOSES, True, name), event(OPENS, False, name))


@pytest.fixture(scope="module")
def scans(made: Twin, truth: Path) -> dict[int, dict[str, float]]:
    """What was read, by scan and point."""
    points: dict[int, Point] = {point.number: point for point in made.register.points}
    read: dict[int, dict[str, float]] = {}
    for batch in made.batches(truth):
        for sent in batch.records:
            if event_type(sent.headers) == FRAME_TYPE:
                frame: ScadaFrame = decode_frame(
                    LogRecord(sent.topic, sent.partition, 0, 0, sent.value, sent.key, sent.headers)
                )
                values = zip(frame.point.tolist(), frame.value.tolist(), strict=True)
                named = {points[number].id: value for number, value in values}
                read.setdefault(frame.scan_time, {}).update(named)
    return read


def test_the_status_is_telemetered_at_both_ends(
    made: Twin, scans: dict[int, dict[str, float]]
) -> None:
    statuses = [p for p in made.register.points if p.quantity is Quantity.STATUS]
    assert len(statuses) == 2 * made.network.n_branch
    for end in ("from", "to"):
        name = f"branch:{LINE} {end} closed"
        assert {time: values[name] for time, values in scans.items()} == {
            time: float(not OPENS <= time < CLOSES) for time in scans
        }
    others = {values[f"branch:{LINE + 1} from closed"] for values in scans.values()}
    assert others == {1.0}


def test_an_open_branch_carries_noise_alone(scans: dict[int, dict[str, float]]) -> None:
    for time, values in scans.items():
        flow = abs(values[f"branch:{LINE} from p_mw"])
        assert (flow < 6 * 0.8) == (OPENS <= time < CLOSES)


def test_the_truth_follows_the_breakers(
    network: Network, made: Twin, truth: Path, scans: dict[int, dict[str, float]]
) -> None:
    flows = read_truth(truth, "flows")
    column = flows.columns.index(f"branch:{LINE} from p_mw")
    open_then = (flows.times >= OPENS) & (flows.times < CLOSES)
    assert np.count_nonzero(open_then) == 4
    np.testing.assert_array_equal(flows.values[open_then, column], 0)
    assert (np.abs(flows.values[~open_then, column]) > 6).all()
    assert flows.times.tolist() == list(range(START, START + HOUR + 1, 5 * MINUTE))
    # Loads are what they were: nothing was cut off.
    whole = read_truth(truth, "hourly").values
    plain = truth / "plain"
    for _ in twin(network, breaker_status=True).batches(plain):
        pass
    n_loads = len(made.load_series)
    # Between nodes power follows from voltages, and these have changed a little.
    np.testing.assert_allclose(
        whole[:, :n_loads], read_truth(plain, "hourly").values[:, :n_loads], rtol=2e-5
    )


def test_what_cannot_be_switched_is_refused(network: Network) -> None:
    with pytest.raises(ValueError, match="five minutes"):
        twin(network, event(START + MINUTE, False, "line:7"))
    with pytest.raises(ValueError, match="no branch nowhere"):
        twin(network, event(OPENS, False, "nowhere"))


def test_without_switchings_no_status_is_sent(network: Network) -> None:
    quantities = {point.quantity for point in twin(network).register.points}
    assert Quantity.STATUS not in quantities
