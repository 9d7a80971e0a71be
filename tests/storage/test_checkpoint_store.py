import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from records.snapshot import part_name
from storage.checkpoint_record import CheckpointDamagedError, CheckpointFormatError
from storage.checkpoint_store import CheckpointStore
from storage.disk_full import is_disk_full


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
        (lambda b: b[:-1], "holds 7 bytes of 8"),
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


def torn(store):
    last(store).write_bytes(last(store).read_bytes()[:20])


def test_a_damaged_generation_never_takes_the_place_of_the_whole_one_before_it(store):
    body = b"of the old one"
    part = part_name(body)
    store.save("area-0", b"old", [part], {part: body})
    store.save("area-0", b"new!")
    torn(store)
    assert store.load("area-0").data == b"old"
    store.save("area-0", b"again")
    torn(store)
    kept = store.load("area-0")
    assert (kept.data, kept.parts) == (b"old", {part: body})


def test_the_generation_that_a_crash_between_the_renames_left_keeps_its_parts(store):
    body = b"of the only one"
    part = part_name(body)
    store.save("area-0", b"one", [part], {part: body})
    last(store).rename(last(store).with_suffix(".previous"))
    assert store.load("area-0").data == b"one"
    store.save("area-0", b"two")
    torn(store)
    kept = store.load("area-0")
    assert (kept.data, kept.parts) == (b"one", {part: body})


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


def parts_of(store, name="area-0"):
    shelf = store._shelf(name)
    return {kept.name for kept in shelf.iterdir()} if shelf.is_dir() else set()


def keep(store, data, *bodies, new=None):
    named = {part_name(body): body for body in bodies}
    store.save("area-0", data, named.keys(), named if new is None else new)
    return set(named)


def test_a_part_is_written_once_and_loaded_with_every_checkpoint_that_names_it(store):
    keep(store, b"one", b"first")
    named = keep(store, b"two", b"first", b"second", new={part_name(b"second"): b"second"})
    kept = store.load("area-0")
    assert (kept.data, set(kept.parts)) == (b"two", named)
    assert sorted(kept.parts.values()) == [b"first", b"second"]


def test_a_part_goes_when_neither_of_the_two_generations_names_it(store):
    first = keep(store, b"one", b"first")
    second = keep(store, b"two", b"second")
    assert parts_of(store) == first | second
    third = keep(store, b"three", b"third")
    assert parts_of(store) == second | third


def test_what_a_killed_process_left_behind_goes_with_the_next_checkpoint(store, tmp_path):
    first = keep(store, b"one", b"first")
    (store._shelf("area-0") / part_name(b"never named")).write_bytes(b"never named")
    (store._shelf("area-0") / "half.tmp").write_bytes(b"ha")
    another = CheckpointStore(tmp_path / "checkpoints")
    second = keep(another, b"two", b"second")
    assert parts_of(another) == first | second


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda part: part.unlink(), "is missing"),
        (lambda part: part.write_bytes(b"other"), "does not match its name"),
    ],
)
def test_without_one_of_its_parts_a_checkpoint_is_damaged_and_the_previous_one_taken(
    store, spoil, said
):
    keep(store, b"one", b"first")
    (second,) = keep(store, b"two", b"second")
    spoil(store._shelf("area-0") / second)
    kept = store.load("area-0")
    assert (kept.data, kept.parts, kept.previous) == (b"one", {part_name(b"first"): b"first"}, True)
    assert said in kept.problem


def test_a_checkpoint_that_is_deleted_takes_its_parts_along(store):
    keep(store, b"one", b"first")
    store.delete("area-0")
    assert (store.load("area-0"), store.names(), parts_of(store)) == (None, [], set())


def test_several_are_loaded_at_once(store):
    store.save("a", b"1")
    store.save("b", b"2")
    assert {name: kept.data for name, kept in store.load_all(["a", "b", "c"]).items()} == {
        "a": b"1",
        "b": b"2",
    }


def test_one_of_another_release_is_refused_and_says_what_to_do(store):
    store.save("area-0", b"one")
    last(store).write_bytes(b"GCC1" + bytes(60))
    with pytest.raises(CheckpointFormatError, match="another release: run that release, delete"):
        store.load("area-0")


def test_a_full_disk_leaves_the_last_one_and_nothing_beside_it(store, full_disk):
    first, second = {part_name(b"1"): b"1"}, {part_name(b"2"): b"2"}
    store.save("area-0", b"first", first.keys(), first)
    before = sorted(store._directory.rglob("*"))
    with full_disk(60), pytest.raises(OSError, match="File too large") as told:
        store.save("area-0", bytes(200), (first | second).keys(), second)
    assert is_disk_full(told.value)
    assert sorted(store._directory.rglob("*")) == before
    assert store.load("area-0").data == b"first"
    store.save("area-0", b"second", (first | second).keys(), second)
    assert store.load("area-0").parts == first | second
