import numpy as np
import pytest

from records.errors import Reason, RecordError
from records.time import SECOND
from stream.watermark import NEVER, TimeBounds, Watermark


def test_the_watermark_is_the_greatest_event_time_less_the_disorder() -> None:
    mark = Watermark(20).seen(100).seen(60).seen(130)
    assert mark.time == 110


def test_nothing_seen_is_before_everything() -> None:
    assert Watermark(20).time == NEVER


def test_a_time_more_than_a_minute_ahead_of_the_log_is_refused() -> None:
    bounds = TimeBounds()
    bounds.check(160 * SECOND, 100 * SECOND)
    with pytest.raises(RecordError) as caught:
        bounds.check(160 * SECOND + 1, 100 * SECOND)
    assert caught.value.reason is Reason.TIME_OUT_OF_BOUNDS


def test_a_time_before_the_earliest_is_refused() -> None:
    with pytest.raises(RecordError):
        TimeBounds(earliest=50).check(49, 100)


def test_columns_are_checked_alike() -> None:
    bounds = TimeBounds(future=60, earliest=50)
    assert bounds.outside(np.array([50, 160]), 100) is None
    outside = bounds.outside(np.array([49, 50, 160, 161]), 100)
    assert outside is not None
    assert outside.tolist() == [True, False, False, True]
