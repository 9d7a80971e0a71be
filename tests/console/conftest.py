"""A working directory of its own for each test, and a way to run the command in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from console.main import run
from network.estimator import Estimator
from network.measurement import Origin, Quantity, full_telemetry
from network.model import Network
from network.power_flow import PowerFlow


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def gridcast(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `gridcast ARGUMENTS` in a fresh directory, with no server named."""
    for name in ("REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "HISTORIAN_URL", "GRIDCAST_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Ended:
        capsys.readouterr()
        code = run(arguments)
        told = capsys.readouterr()
        return Ended(code, told.out, told.err)

    return command


NAMES = {
    Quantity.V: ("bus", "", "v_pu"),
    Quantity.P_INJECTION: ("bus", "", "p_mw"),
    Quantity.Q_INJECTION: ("bus", "", "q_mvar"),
    Quantity.P_FROM: ("branch", "from", "p_mw"),
    Quantity.Q_FROM: ("branch", "from", "q_mvar"),
    Quantity.P_TO: ("branch", "to", "p_mw"),
    Quantity.Q_TO: ("branch", "to", "q_mvar"),
}


@dataclass(frozen=True)
class Scan:
    """A full scan of a network whose state is known, as the columns of a file."""

    network: Network
    v: np.ndarray
    columns: dict[str, list[Any]]

    def row(self, kind: str, name: str, end: str, quantity: str) -> int:
        keys = zip(*(self.columns[c] for c in ("kind", "id", "end", "quantity")), strict=True)
        return list(keys).index((kind, name, end, quantity))

    def table(self) -> pa.Table:
        time = pa.array(self.columns["time"], pa.timestamp("ns", "UTC"))
        rest = {name: column for name, column in self.columns.items() if name != "time"}
        return pa.table(rest).append_column("time", time)


@pytest.fixture
def scan_of() -> Callable[..., Scan]:
    """Make a scan of a network from its power flow, with noise."""

    def make(network: Network, noise: float = 1.0) -> Scan:
        telemetry = full_telemetry(network)
        v = PowerFlow(network).solve()
        measured = telemetry.origin == Origin.MEASURED
        rng = np.random.default_rng(14)
        value = Estimator(network, telemetry).predict(v)
        value += noise * measured * rng.standard_normal(len(value)) * telemetry.sigma
        names = [NAMES[Quantity(quantity)] for quantity in telemetry.quantity]
        ids = {"bus": network.buses.id, "branch": network.branches.id}
        elements = zip(names, telemetry.element, strict=True)
        columns = {
            "kind": [kind for kind, _, _ in names],
            "id": [str(ids[name[0]][element]) for name, element in elements],
            "end": [end for _, end, _ in names],
            "quantity": [quantity for _, _, quantity in names],
            "value": value.tolist(),
            "sigma": telemetry.sigma.tolist(),
            "quality": ["good" if each else "zero_injection" for each in measured],
            "time": [datetime(2024, 1, 1, tzinfo=UTC)] * len(names),
        }
        return Scan(network, v, columns)

    return make
