import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.checkpoint_store import CheckpointDamagedError, CheckpointStore


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path / "checkpoints")


def last(store, name="area-0"):
    return store._directory / f"{name}.checkpoint"


def test_nothing_kept_is_none(store):
    assert store.load("area-0") is None
    assert store.names() == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_what_is_saved_is_loaded(store, data):
    store.save("area-0", data)
    assert store.load("area-0").data == data


def test_the_last_one_counts_and_names_are_listed(tmp_path):
    store = CheckpointStore(tmp_path, durable=True)
    for data in (b"one", b"two", b"three"):
        store.save("area.0", data)
    store.save("area.1", b"")
    checkpoint = store.load("area.0")
    assert (checkpoint.data, checkpoint.previous, checkpoint.problem) == (b"three", False, "")
    assert store.names() == ["area.0", "area.1"]
    store.delete("area.0")
    assert store.names() == ["area.1"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda b: b[:-1], "holds 3 bytes of 4"),
        (lambda b: b[:-1] + b"?", "does not match its checksum"),
        (lambda b: b"", "is not a checkpoint"),
        (lambda b: b[:20], "is not a checkpoint"),
    ],
)
def test_a_damaged_one_is_noticed_and_the_previous_one_taken(store, spoil, said):
    store.save("area-0", b"old")
    store.save("area-0", b"new!")
    last(store).write_bytes(spoil(last(store).read_bytes()))
    checkpoint = store.load("area-0")
    assert (checkpoint.data, checkpoint.previous) == (b"old", True)
    assert said in checkpoint.problem


def test_when_no_whole_generation_is_left_it_says_so(store):
    store.save("area-0", b"only")
    last(store).write_bytes(b"GCC1")
    with pytest.raises(CheckpointDamagedError, match="no whole generation is left: restore"):
        store.load("area-0")


def test_a_crash_between_the_two_renames_leaves_the_previous_one(store):
    store.save("area-0", b"one")
    last(store).rename(last(store).with_suffix(".previous"))
    checkpoint = store.load("area-0")
    assert (checkpoint.data, checkpoint.previous) == (b"one", False)


def test_what_a_crash_left_half_written_is_never_read(store):
    store.save("area-0", b"one")
    last(store).with_suffix(".tmp").write_bytes(b"GCC1half")
    assert store.load("area-0").data == b"one"
    assert store.names() == ["area-0"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden"])
def test_names_that_are_not_file_names_are_refused(store, name):
    with pytest.raises(ValueError, match="cannot name a checkpoint"):
        store.save(name, b"")
