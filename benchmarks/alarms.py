"""What alarms cost: a view against its limits, a state against its own, a screening for outages.

    OPENBLAS_NUM_THREADS=1 python benchmarks/alarms.py --json out.json [--hours 6]

The network twin of the demo through area, estimation and alarms in one process; processor time
of the alarms alone, medians, and how many alarms there were by kind.
"""

import argparse
import statistics
import time
from collections import Counter
from datetime import UTC
from pathlib import Path
from typing import Any

from _report import write_report

from ingest.network_files import read_case
from ingest.twin import Twin, TwinSettings
from network.published.ieee118 import with_published_data
from records.alarm import decode_alarm
from records.log import LogRecord, Outgoing
from records.time import HOUR, parse_time
from records.topics import topic_name
from stream.alarms import AlarmSettings, AlarmStage, AlarmState
from stream.area import AreaStage
from stream.cascade import Cascade
from stream.estimation import EstimationStage
from stream.local_clock import LocalClock
from stream.stage import Outcome

START = parse_time("2014-11-09T13:00:00Z")
SPACE = "demo"


class Timed(AlarmStage):
    """The stage, with the processor time of its steps by topic."""

    spent: dict[str, list[float]]

    def step(self, state: AlarmState, record: LogRecord) -> tuple[AlarmState, list[Outcome]]:
        """Step, and note what it took."""
        began = time.process_time()
        result = super().step(state, record)
        self.spent.setdefault(record.topic.split(".", 2)[2], []).append(
            1e3 * (time.process_time() - began)
        )
        return result


def run(hours: int, screen_every: int) -> dict[str, Any]:
    network = with_published_data(read_case("pandapower:case118"))
    twin = Twin(network, TwinSettings(START, START + hours * HOUR, namespace=SPACE))
    alarms = Timed(SPACE, network, twin.register, AlarmSettings(screen_every=screen_every))
    alarms.spent = {}
    stages = [
        AreaStage(SPACE, twin.register, LocalClock(UTC)),
        EstimationStage(SPACE, network, twin.register),
        alarms,
    ]
    areas = range(len(twin.register.areas))
    frames = topic_name(SPACE, "scada.frame.v1")
    cascade = Cascade(
        stages,
        {
            frames: areas,
            topic_name(SPACE, "scada.view.v1"): areas,
            topic_name(SPACE, "network.state.v1"): [0],
        },
    )
    told = set()
    for batch in twin.batches():
        sent = [record for record in batch.records if record.topic == frames]
        for outcome in cascade.send(sent, batch.time):
            if isinstance(outcome, Outgoing) and outcome.topic.endswith("network.alarm.v1"):
                alarm = decode_alarm(outcome.value)
                told.add((alarm.kind.value, alarm.key, alarm.raised))
    views, states = (alarms.spent[name] for name in ("scada.view.v1", "network.state.v1"))
    return {
        "screen_every": screen_every,
        "n_views": len(views),
        "n_states": len(states),
        "view_ms": statistics.median(views),
        "state_ms": statistics.median(states),
        "total_s": (sum(views) + sum(states)) / 1e3,
        "excursions": dict(Counter(kind for kind, _, _ in told)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--hours", type=int, default=6)
    args = parser.parse_args()
    # Without screening first: the difference is what screening one state costs.
    write_report(args.json, {"runs": [run(args.hours, 10**9), run(args.hours, 1)]})


if __name__ == "__main__":
    main()
