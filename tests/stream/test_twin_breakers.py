"""From a branch that the twin opens to the states that follow, through the stages."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import numpy as np
import pytest

from ingest.network_files import read_case
from ingest.twin import FaultRates, Twin, TwinSettings, read_truth
from network.published.ieee118 import with_published_data
from network.topology import BreakerEvent, Element
from records.envelope import event_type
from records.log import LogRecord, Outgoing, Partition
from records.scada import FRAME_TYPE
from records.state import NetworkState, as_floats, decode_state
from records.tick import TICK_TYPE
from records.time import HOUR, MINUTE, SECOND, parse_time
from records.topics import topic_name
from stream.area import AreaStage
from stream.estimation import EstimationStage
from stream.local_clock import LocalClock

START = parse_time("2014-11-10T20:00:00Z")
OPENS, CLOSES = START + 20 * MINUTE, START + 40 * MINUTE
ROW = 7


def test_the_states_follow_the_breakers_of_the_twin(tmp_path: Any) -> None:
    for package in ("simbench", "pandapower"):
        pytest.importorskip(package, reason="the demo's extra is not installed")
    network = with_published_data(read_case("pandapower:case118"))
    line = Element("branch", str(network.branches.id[ROW]))
    twin = Twin(
        network,
        TwinSettings(
            START, START + HOUR, namespace="test", scan_period=60 * SECOND,
            rates=FaultRates.none(),
            switchings=(
                BreakerEvent(OPENS, line, "", False), BreakerEvent(CLOSES, line, "", True),
            ),
        ),
    )  # fmt: skip
    areas = range(len(twin.area_names))
    frames, views = topic_name("test", "scada.frame.v1"), topic_name("test", "scada.view.v1")
    area = AreaStage("test", twin.register, LocalClock(UTC))
    estimation = EstimationStage("test", network, twin.register)
    in_area = [area.initial([Partition(frames, number)]) for number in areas]
    estimated = estimation.initial([Partition(views, number) for number in areas])
    states: list[NetworkState] = []
    offset = 0
    for batch in twin.batches(tmp_path):
        for sent in batch.records:
            if sent.topic != frames or event_type(sent.headers) not in (FRAME_TYPE, TICK_TYPE):
                continue
            offset += 1
            _, told = area.step(in_area[sent.partition], logged(sent, offset, batch.time))
            for view in told:
                if isinstance(view, Outgoing) and view.topic == views:
                    _, made = estimation.step(estimated, logged(view, offset, batch.time))
                    states += [
                        decode_state(o.value)
                        for o in made
                        if isinstance(o, Outgoing) and o.topic.endswith("network.state.v1")
                    ]
    assert len(states) >= 11 and all(state.valid for state in states)
    for state in states:
        opened = OPENS <= state.time < CLOSES
        changes = {f"branch:{line.id}" if ":" not in line.id else line.id: False}
        assert state.switched == (changes if opened else {})
        since = OPENS if opened else CLOSES if state.time >= CLOSES else 0
        assert state.topology_since == since
    truth = read_truth(tmp_path, "flows")
    n_branch = network.n_branch
    errors = [
        as_floats(state.p_from_mw) - truth.values[truth.times.tolist().index(state.time), :n_branch]
        for state in states
    ]
    # In MW, of telemetry with a sigma of 0.8; for a scan or two the rate rule doubts what jumped.
    assert np.sqrt(np.mean(np.square(errors))) < 0.5 * 0.8
    assert max(np.abs(error[ROW]) for error in errors) < 6 * 0.8


def logged(sent: Outgoing, offset: int, time: int) -> LogRecord:
    return LogRecord(sent.topic, sent.partition, offset, time, sent.value, sent.key, sent.headers)
