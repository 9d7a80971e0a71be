"""Quiet points: taken in at once they leave what judging them one by one leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from records.points import ElementKind, Point, PointRegister, Quantity
from records.time import MINUTE, SECOND
from stream.quiet import take_quiet
from stream.readings import Cells
from stream.roster import Roster
from stream.sequence import Memory, judge
from stream.validation import RuleLimits

Scans: TypeAlias = Sequence[tuple[tuple[float, bool, bool], ...]]
"""Value of each point in each scan, whether it is credible, and whether it is absent."""

SIGMA = 0.5
REGISTER = PointRegister(
    [
        Point(
            f"load:{number} p_mw",
            number,
            0,
            ElementKind.LOAD,
            str(number),
            Quantity.ACTIVE,
            sigma=SIGMA,
            max_rate=0.1,
            deadband=1.0 if number == 3 else 0.0,
        )
        for number in range(4)
    ]
)
TABLE = Roster(REGISTER, 0).at(0)
LIMITS = RuleLimits(frozen_after=2 * MINUTE)
# Within six sigma of each other or well beyond; equal ones come often.
VALUES = st.sampled_from([0.0, 10.0, 10.5, 11.0, 12.5, 40.0, 10_000.0])
READINGS = st.lists(
    st.tuples(
        *[st.tuples(VALUES, st.sampled_from([True] * 4 + [False]), st.booleans())] * len(TABLE.ids)
    ),
    max_size=8,
)


def cells_of(scans: Scans) -> tuple[Cells, npt.NDArray[np.bool_]]:
    shape = (len(scans), len(TABLE.ids))
    value = np.array([[v for v, _, _ in scan] for scan in scans]).reshape(shape)
    credible = np.array([[c for _, c, _ in scan] for scan in scans], bool).reshape(shape)
    present = ~np.array([[a for _, _, a in scan] for scan in scans], bool).reshape(shape)
    time = np.broadcast_to(np.arange(shape[0])[:, None] * 30 * SECOND + MINUTE, shape)
    quality = np.zeros(shape, np.uint16)
    return Cells(present, time, value, quality, bool(present.all())), credible


def one_by_one(
    memory: Memory, cells: Cells, credible: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    believed = np.zeros(cells.present.shape, bool)
    for k, there in enumerate(cells.present):
        rows = np.flatnonzero(there)
        believed[k, rows], _ = judge(
            memory,
            TABLE,
            LIMITS,
            rows,
            cells.time[k, rows],
            cells.value[k, rows],
            credible[k, rows],
        )
    return believed


@given(READINGS, READINGS)
def test_quiet_points_are_believed_and_remembered_as_if_judged_one_by_one(
    before: Scans, scans: Scans
) -> None:
    at_once = Memory.empty(len(TABLE.ids))
    past, past_credible = cells_of(before)
    earlier = replace(past, time=past.time - 10 * MINUTE)
    one_by_one(at_once, earlier, past_credible)
    judged = at_once.take(slice(None))
    cells, credible = cells_of(scans)
    quiet = take_quiet(at_once, TABLE, cells, credible)
    believed = one_by_one(judged, cells, credible)
    np.testing.assert_array_equal(believed[:, quiet], cells.present[:, quiet])
    left = judged.take(slice(None))
    left.put(np.flatnonzero(~quiet), at_once.take(np.flatnonzero(~quiet)))
    for field in fields(Memory):
        np.testing.assert_array_equal(getattr(at_once, field.name), getattr(left, field.name))


def test_a_steady_point_is_quiet_and_one_that_jumps_repeats_or_is_not_credible_is_not() -> None:
    memory = Memory.empty(len(TABLE.ids))
    scans = [
        ((10.0, True, False), (10.0, True, False), (10.0, True, False), (10.0, True, False)),
        ((11.0, True, False), (40.0, True, False), (10.0, True, False), (11.0, False, False)),
    ]
    quiet = take_quiet(memory, TABLE, *cells_of(scans))
    assert quiet.tolist() == [True, False, False, False]
    assert (memory.value[0], memory.time[0]) == (11.0, 90 * SECOND)
    assert np.isnan(memory.value[1:]).all()
