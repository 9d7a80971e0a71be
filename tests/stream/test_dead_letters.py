"""Every reason for a dead letter: bytes, origin and reason are kept, and the partition goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from records.deadletter import DeadLetter, decode_dead_letter
from records.errors import Reason
from records.finding import decode_findings
from records.log import LogRecord, Outgoing, Partition
from records.points import Point
from records.quality import Quality
from records.scada import FRAME_LIMITS, ScadaFrame, frame_record
from records.time import DAY, SECOND
from records.topics import topic_name
from records.view import decode_view
from tests.stream.conftest import FRAMES, T0

DEAD = topic_name("test", "dead-letter.v1")
VIEWS = topic_name("test", "scada.view.v1")
FINDINGS = topic_name("test", "finding.v1")
OFFSET = 7


def frame(rows: list[tuple[int, float]], *, at: int = T0, area: int = 0) -> Outgoing:
    numbers, values = zip(*rows, strict=True)
    made = ScadaFrame(
        area, "gateway", 1, at, 1, np.array(numbers, np.uint32), np.array(values, np.float64),
        np.zeros(len(rows), np.uint16), np.zeros(len(rows), np.int32),
    )  # fmt: skip
    return frame_record(FRAMES, made)


def as_json(**content: Any) -> Outgoing:
    """A frame as people write it; Python's JSON writes NaN and Infinity too."""
    given = {
        "area": 0, "source": "edge", "sequence": 1, "scan_time": T0, "point": [1], "value": [1.0],
    } | content  # fmt: skip
    headers = {"ce_type": "gridcast.scada.frame.v1", "content-type": "application/json"}
    return Outgoing(FRAMES, 0, json.dumps(given).encode(), b"0", headers)


GOOD = frame([(1, 10.0)])
UNREAD: dict[str, tuple[Outgoing, Reason]] = {
    "cut short": (replace(GOOD, value=GOOD.value[:50]), Reason.UNDECODABLE),
    "no Arrow at all": (replace(GOOD, value=b"\x00\xff junk"), Reason.UNDECODABLE),
    "empty": (replace(GOOD, value=b""), Reason.UNDECODABLE),
    "too many bytes": (
        replace(GOOD, value=GOOD.value + bytes(FRAME_LIMITS.max_bytes)), Reason.OVERSIZED,
    ),
    "too many rows": (
        frame([(n, 1.0) for n in range(FRAME_LIMITS.max_rows + 1)]), Reason.OVERSIZED,
    ),
    "a column too few": (as_json(value=[]), Reason.SCHEMA_MISMATCH),
    "a field nobody knows": (as_json(colour="red"), Reason.UNDECODABLE),
    "an unknown type": (
        replace(GOOD, headers={**GOOD.headers, "ce_type": "x.y.v9"}), Reason.UNKNOWN_TYPE,
    ),
    "no type": (replace(GOOD, headers={}), Reason.UNKNOWN_TYPE),
    "NaN": (frame([(1, float("nan"))]), Reason.NOT_FINITE),
    "Infinity": (frame([(1, float("inf"))]), Reason.NOT_FINITE),
    "NaN in JSON": (as_json(value=[float("nan")]), Reason.UNDECODABLE),
    "another area's": (frame([(1, 1.0)], area=5), Reason.WRONG_PARTITION),
    "a time ahead": (frame([(1, 1.0)], at=T0 + 120 * SECOND), Reason.TIME_OUT_OF_BOUNDS),
    "a time before the epoch": (frame([(1, 1.0)], at=-5), Reason.TIME_OUT_OF_BOUNDS),
}  # fmt: skip
"""Records that are refused whole."""

UNPLACED: dict[str, tuple[Outgoing, Reason, list[int]]] = {
    "an unknown point": (frame([(1, 10.0), (99, 1.0)]), Reason.UNKNOWN_POINT, [1]),
    "two values for one time": (
        frame([(2, 5.0), (1, 10.0), (2, 6.0)]), Reason.CONTRADICTORY, [0, 2],
    ),
    "older than what is kept": (
        frame([(1, 10.0)], at=T0 - 100 * DAY), Reason.TIME_OUT_OF_BOUNDS, [0],
    ),
}  # fmt: skip
"""Records of which some rows are refused."""


def logged(outgoing: Outgoing, offset: int = OFFSET) -> LogRecord:
    return LogRecord(
        FRAMES, 0, offset, T0 + SECOND, outgoing.value, outgoing.key, dict(outgoing.headers)
    )


@pytest.fixture
def step(
    point: Callable[..., Point], area_stage: Callable[..., Any]
) -> Callable[[Outgoing], tuple[list[Outgoing], list[Outgoing]]]:
    """What comes of a record, and then of a good one."""

    def both(bad: Outgoing) -> tuple[list[Outgoing], list[Outgoing]]:
        stage = area_stage([point(1), point(2)])
        state = stage.initial([Partition(FRAMES, 0)])
        state, _ = stage.step(state, logged(frame([(1, 9.0), (2, 5.0)], at=T0 - SECOND), 6))
        state, first = stage.step(state, logged(bad))
        state, then = stage.step(state, logged(frame([(1, 12.0)], at=T0 + SECOND), OFFSET + 1))
        return first, then

    return both


def letters(outcomes: list[Outgoing]) -> list[DeadLetter]:
    return [decode_dead_letter(out.value) for out in outcomes if out.topic == DEAD]


def shown(outcomes: list[Outgoing]) -> list[float]:
    """Value of point 1 in each view."""
    return [float(decode_view(out.value).value[0]) for out in outcomes if out.topic == VIEWS]


def kept_as_it_came(letter: DeadLetter, bad: Outgoing) -> bool:
    """Whether a letter has the raw bytes, key, headers and place of its record."""
    return (
        (letter.value, letter.key, letter.headers) == (bad.value, bad.key, dict(bad.headers))
        and (letter.topic, letter.partition, letter.offset) == (FRAMES, 0, OFFSET)
        and letter.append_time == T0 + SECOND
    )


@pytest.mark.parametrize("what", UNREAD)
def test_what_cannot_be_read_is_kept_raw_with_its_origin_and_the_next_record_is_read(
    what: str, step: Any
) -> None:
    bad, reason = UNREAD[what]
    outcomes, then = step(bad)
    (letter,) = letters(outcomes)
    assert kept_as_it_came(letter, bad)
    assert (letter.reason, letter.rows, letter.count) == (reason, None, 1)
    assert letter.detail
    assert shown(outcomes) == []
    assert (letters(then), shown(then)) == ([], [12.0])


@pytest.mark.parametrize("what", UNPLACED)
def test_rows_that_cannot_be_placed_are_named_and_the_others_taken(what: str, step: Any) -> None:
    bad, reason, rows = UNPLACED[what]
    outcomes, then = step(bad)
    (letter,) = letters(outcomes)
    assert kept_as_it_came(letter, bad)
    assert (letter.reason, letter.rows, letter.count) == (reason, rows, len(rows))
    assert shown(then) == [12.0]


def test_contradictory_values_count_for_neither_and_the_others_of_the_frame_do(step: Any) -> None:
    bad, _, _ = UNPLACED["two values for one time"]
    outcomes, _ = step(bad)
    (view,) = (decode_view(out.value) for out in outcomes if out.topic == VIEWS)
    assert view.value.tolist() == [10.0, 5.0]
    assert view.quality[0] == 0
    assert view.quality[1] & np.uint16(Quality.MISSING)


@pytest.mark.parametrize(
    ("value", "rule"), [(99_999.0, "range"), (9_000.0, "range"), (-9_000.0, "range")]
)
def test_what_is_read_but_not_believed_is_flagged_and_kept(
    value: float, rule: str, step: Any
) -> None:
    outcomes, _ = step(frame([(1, value), (2, 5.0)]))
    assert letters(outcomes) == []
    found = [f.rule for o in outcomes if o.topic == FINDINGS for f in decode_findings(o.value)]
    assert rule in found


def test_a_letter_of_the_same_record_is_the_same_letter(step: Any) -> None:
    bad, _ = UNREAD["cut short"]
    first, again = (step(bad)[0] for _ in range(2))
    assert first == again
    assert first[0].key == f"{FRAMES}/0/{OFFSET}/undecodable".encode()


def test_every_reason_is_among_these() -> None:
    whole = {reason for _, reason in UNREAD.values()}
    assert whole | {reason for _, reason, _ in UNPLACED.values()} == set(Reason)
