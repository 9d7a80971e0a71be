"""Workers of one stage, side by side."""

from __future__ import annotations

import socket
from typing import Any
from urllib.request import urlopen

from console.services.metrics import SERVICES, serve_metrics
from console.settings import MetricsSettings


def test_only_stages_over_kafka_have_several_workers(gridcast: Any) -> None:
    ended = gridcast("worker", "gateway", "--run", "run.json", "--instance", "1")
    assert ended.code == 2
    assert "one gateway in a run" in ended.err and "area, metering" in ended.err


def test_the_figures_of_a_second_worker_have_a_port_of_their_own() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    first = free - SERVICES.index("area") - len(SERVICES)
    settings = MetricsSettings(enabled=True, first_port=first)
    assert serve_metrics(settings, "area", 1) == free
    with urlopen(f"http://127.0.0.1:{free}/metrics") as answer:
        assert b"gridcast_forecast_deadline_missed_total" in answer.read()
