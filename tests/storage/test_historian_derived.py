import numpy as np
import pyarrow.parquet as pq
import pytest

from records.state import decode_state
from records.time import DAY, HOUR, MINUTE
from records.window import decode_window
from storage.historian import Historian
from storage.historian_classes import HistoryClass
from storage.historian_derived import state_records, window_records
from storage.historian_writer import HistorianWriter
from storage.recorder import Recorder
from tests.storage import history_records as made
from tests.storage.history_records import T0, logged

SENT = [
    made.window(T0, [1.0, np.nan, 3.0]),
    made.window(T0 + 5 * MINUTE, [4.0, 5.0, 6.0]),
    made.window(T0, [1.5], revision=2, known=T0 + 10 * MINUTE),
    made.window(T0 + 10 * MINUTE, [7.0, 8.0, 9.0]),
]
OTHER = made.window(T0, [20.0, 30.0], area=1)


@pytest.fixture
def historian(tmp_path):
    with HistorianWriter(tmp_path) as writer:
        recorder = Recorder(writer)
        recorder.take([logged(record, offset) for offset, record in enumerate(SENT)])
        recorder.take([logged(OTHER, 7)])
        recorder.take([logged(made.state(T0 + k * MINUTE), k) for k in range(3)])
        recorder.flush()
    with Historian(tmp_path) as historian:
        yield historian


def same(found, sent):
    """Equal but for the offset of the input, which the historian does not keep."""
    first, second = decode_window(found.value), decode_window(sent.value)
    assert (first.area, first.start, first.length) == (second.area, second.start, second.length)
    assert found.headers["gc_watermark"] == sent.headers["gc_watermark"]
    for name in (
        "series", "revision", "mean", "q95", "minimum", "maximum", "energy_mwh", "count",
        "imputed_share", "quality",
    ):  # fmt: skip
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


def test_batches_come_back_whole_and_in_the_order_of_each_partition(historian):
    found = list(window_records(historian, made.WINDOWS, T0, T0 + HOUR))
    for record, sent in zip(found, [*SENT, OTHER], strict=True):
        assert (record.topic, record.partition) == (sent.topic, sent.partition)
        same(record, sent)


def test_only_what_was_known_in_the_period_comes_back(historian):
    found = window_records(historian, made.WINDOWS, T0 + 5 * MINUTE, T0 + 10 * MINUTE)
    assert [decode_window(record.value).start for record in found] == [T0, T0]


def test_windows_of_another_length_come_back_by_their_class(tmp_path):
    quarter, long = 15 * MINUTE, HistoryClass.LONG_WINDOWS
    sent = made.window(T0, [2.0, 3.0], length=quarter, topic=made.QUARTERS)
    with HistorianWriter(tmp_path) as writer:
        recorder = Recorder(writer)
        recorder.take([logged(sent), logged(made.window(T0, [9.0]))])
        recorder.take([logged(made.window(T0, [5.0], length=HOUR, topic=made.HOURS))])
        recorder.flush()
    with Historian(tmp_path) as historian:
        (found,) = window_records(
            historian, made.QUARTERS, T0, T0 + DAY, kept_as=long, length=quarter
        )
    assert found.topic == made.QUARTERS
    same(found, sent)


def test_states_come_back_byte_for_byte(historian):
    found = list(state_records(historian, made.STATES, T0, T0 + HOUR))
    assert found == [made.state(T0 + k * MINUTE) for k in range(3)]
    assert decode_state(found[0].value).removed


def test_states_written_before_topologies_were_told_come_back_with_the_case(tmp_path):
    with HistorianWriter(tmp_path) as writer:
        recorder = Recorder(writer)
        recorder.take([logged(made.state(T0))])
        recorder.flush()
    (old,) = tmp_path.rglob("*.parquet")
    added = ["topology_since", "switched", "total_losses_mw", "regions"]
    pq.write_table(pq.read_table(old).drop_columns(added), old)
    with Historian(tmp_path) as historian:
        (found,) = state_records(historian, made.STATES, T0, T0 + HOUR)
    state = decode_state(found.value)
    assert (state.topology_since, state.switched) == (0, {})
    assert (state.total_losses_mw, state.regions) == (None, {})
