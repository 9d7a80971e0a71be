from hypothesis import given
from hypothesis import strategies as st

from stream.faust_assignor import assign_units
from stream.stage import Scope

MEMBERS = st.sets(st.text("abc", min_size=1, max_size=3), min_size=1)
PARTITIONS = st.dictionaries(
    st.sampled_from(["x", "y", "z"]), st.sets(st.integers(0, 9)), min_size=1
)


@given(scope=st.sampled_from(Scope), members=MEMBERS, partitions=PARTITIONS)
def test_every_partition_has_one_worker(scope, members, partitions):
    dealt = assign_units(scope, members, partitions)
    assert set(dealt) == members
    given_out = [(t, n) for each in dealt.values() for t, ns in each.items() for n in ns]
    assert sorted(given_out) == sorted((t, n) for t, ns in partitions.items() for n in ns)


@given(members=MEMBERS, partitions=PARTITIONS)
def test_partitions_of_one_number_stay_together(members, partitions):
    dealt = assign_units(Scope.PARTITION, members, partitions)
    owners: dict[int, set[str]] = {}
    for member, each in dealt.items():
        for numbers in each.values():
            for number in numbers:
                owners.setdefault(number, set()).add(member)
    assert all(len(names) == 1 for names in owners.values())


@given(members=MEMBERS, partitions=PARTITIONS)
def test_workers_beside_the_first_of_a_stage_over_all_stand_by(members, partitions):
    dealt = assign_units(Scope.ALL, members, partitions)
    assert {name for name, each in dealt.items() if each} <= {min(members)}


@given(members=MEMBERS, numbers=st.sets(st.integers(0, 20)))
def test_work_is_dealt_evenly(members, numbers):
    counts = [
        len(each.get("x", []))
        for each in assign_units(Scope.PARTITION, members, {"x": numbers}).values()
    ]
    assert max(counts) - min(counts) <= 1
