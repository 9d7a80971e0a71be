import numpy as np
import pytest

from records.envelope import known_at, watermark_of
from records.errors import RecordError
from records.late import (
    LateParts,
    LateReadings,
    decode_late,
    decode_late_parts,
    late_parts_record,
    late_record,
)
from records.window import WindowBatch, window_record

LATE = LateReadings(
    3, 41, 1_000, 300, False, np.array([600, 900], np.int64), np.array(["a", "b"], object)
)


def test_a_request_comes_back_as_it_was_told():
    sent = late_record("t", LATE, 2_000)
    found = decode_late(sent.value)
    assert (found.area, found.input_offset, found.known) == (3, 41, 1_000)
    assert (found.length, found.metered) == (300, False)
    assert (found.start.tolist(), found.series.tolist()) == ([600, 900], ["a", "b"])
    assert (sent.partition, sent.key, watermark_of(sent.headers)) == (3, b"3", 2_000)


def test_the_same_request_has_the_same_id_and_another_one_has_not():
    assert late_record("t", LATE, 1).headers["ce_id"] == late_record("t", LATE, 2).headers["ce_id"]
    metered = LateReadings(3, 41, 1_000, 300, True, LATE.start, LATE.series)
    assert (
        late_record("t", metered, 1).headers["ce_id"] != late_record("t", LATE, 1).headers["ce_id"]
    )


def test_a_request_cut_short_cannot_be_read():
    with pytest.raises(RecordError):
        decode_late(late_record("t", LATE, 1).value[:-40])


def test_parts_that_came_late_come_back_as_they_were_told():
    late = LateParts(3, 41, 17, 1_000, LATE.start, LATE.series)
    sent = late_parts_record("t", late)
    found = decode_late_parts(sent.value)
    assert (found.area, found.input_offset, found.parts_offset, found.known) == (3, 41, 17, 1_000)
    assert (found.start.tolist(), found.series.tolist()) == ([600, 900], ["a", "b"])
    assert (sent.partition, sent.key, watermark_of(sent.headers)) == (3, b"3", 1_000)
    with pytest.raises(RecordError):
        decode_late_parts(late_record("t", LATE, 1).value)


def test_a_window_made_again_tells_when_it_is_known_and_moves_no_watermark():
    empty = np.empty(0)
    batch = WindowBatch(
        0, 600, 300, 7, np.empty(0, object), np.empty(0, np.int32), empty, empty, empty, empty,
        empty, np.empty(0, np.int32), empty, np.empty(0, np.uint16),
    )  # fmt: skip
    closed = window_record("t", batch, 1_000)
    again = window_record("t", batch, None, known=1_000)
    assert (watermark_of(closed.headers), known_at(closed.headers)) == (1_000, 1_000)
    assert (watermark_of(again.headers), known_at(again.headers)) == (None, 1_000)
    assert again.headers["ce_source"] == "rebuild-0"
