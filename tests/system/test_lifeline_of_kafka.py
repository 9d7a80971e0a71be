"""A broker does not outlive the process that started it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.broker

_OWNER = """
import sys
from pathlib import Path
from console.services.local_kafka import LocalKafka
broker = LocalKafka(Path(sys.argv[1]))
broker.start()
print(broker.pid, flush=True)
sys.stdin.read()
"""


def test_a_killed_owner_takes_its_broker_along(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert owner.stdout is not None
    broker = int(owner.stdout.readline())
    watched = subprocess.Popen(["tail", "--pid", str(broker), "-f", "/dev/null"])
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert watched.wait(60) == 0
