from __future__ import annotations

import numpy as np

from records.time import HOUR, MINUTE
from records.window import WindowBatch
from stream.meter_check import CheckLimits, CheckState, check_against_scada

LIMITS = CheckLimits(window=15 * MINUTE, keep=3 * HOUR)


def batch(start: int, length: int, mean: float) -> WindowBatch:
    one = np.array([mean])
    return WindowBatch(
        0, start, length, 0, np.array(["load"], dtype=object), np.ones(1, np.int32),
        one, one, one, one, one * length / HOUR, np.ones(1, np.int32), np.zeros(1),
        np.zeros(1, np.uint16),
    )  # fmt: skip


def test_what_is_told_again_after_it_was_forgotten_makes_no_finding() -> None:
    state = CheckState()
    metered = [batch(0, HOUR, 50.0)]
    scada = [batch(k * 15 * MINUTE, 15 * MINUTE, 80.0) for k in range(4)]
    found = check_against_scada(state, metered, scada, HOUR, LIMITS)
    assert [finding.rule for finding in found] == ["meter_apart"]
    assert check_against_scada(state, metered, scada, 2 * HOUR, LIMITS) == []
    check_against_scada(state, [], [], 4 * HOUR, LIMITS)
    assert check_against_scada(state, metered, scada, 4 * HOUR, LIMITS) == []
