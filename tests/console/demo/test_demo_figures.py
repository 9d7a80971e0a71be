"""What the demo counts, where a restart has put records into the log twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from console.demo.demo_figures import LogScan
from console.demo.telemetry_scores import TelemetryScores
from ingest.twin.truth import TimedTable
from records.points import ElementKind, Point, PointRegister, Quantity
from records.view import ScadaView, view_record
from storage.memory_log import MemoryLog

VIEWS = "gridcast.t.scada.view.v1"
FLOW = Point("branch:0 from p_mw", 1, 0, ElementKind.BRANCH, "0", Quantity.ACTIVE, 0.5, "from")
TRUTH = TimedTable(np.array([300, 600]), (FLOW.id,), np.array([[10.0], [20.0]]))
VIEW = ScadaView(
    area=0,
    scan_time=300,
    version=1,
    point=np.array([1], np.uint32),
    value=np.array([10.5]),
    quality=np.array([0], np.uint16),
    age_s=np.zeros(1, np.float32),
)


def test_a_view_that_a_restart_repeats_is_scored_once() -> None:
    log = MemoryLog()
    first = view_record(VIEWS, VIEW, 300)
    log.append([first, first, view_record(VIEWS, replace(VIEW, scan_time=600), 600), first])
    log.flush()
    scores = TelemetryScores(PointRegister([FLOW]), TRUTH)
    LogScan(log, "t").score_views(scores)
    assert scores.raw_flows().n == 2
