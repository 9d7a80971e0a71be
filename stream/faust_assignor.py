"""Which worker of a group has which partitions: a state's partitions always stay together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)
from faust.assignor.partition_assignor import PartitionAssignor

from stream.stage import Scope

__all__ = ["assign_units", "assignor_for"]


def assign_units(
    scope: Scope, members: Iterable[str], partitions: Mapping[str, Iterable[int]]
) -> dict[str, dict[str, list[int]]]:
    """Deal partition numbers out to members in turn; a stage over all has one worker.

    The other workers of such a stage stand by.

    Parameters
    ----------
    scope
        What one state of the stage covers.
    members
        Ids of the workers.
    partitions
        Partition numbers by topic.

    Returns
    -------
    dict
        Partition numbers by topic, by member.

    Examples
    --------
    >>> assign_units(Scope.PARTITION, ["b", "a"], {"x": [0, 1, 2], "y": [0, 1, 2]})
    {'a': {'x': [0, 2], 'y': [0, 2]}, 'b': {'x': [1], 'y': [1]}}
    >>> assign_units(Scope.ALL, ["b", "a"], {"x": [0, 1]})
    {'a': {'x': [0, 1]}, 'b': {}}
    """
    names = sorted(members)
    dealt: dict[str, dict[str, list[int]]] = {name: {} for name in names}
    numbers = sorted({number for each in partitions.values() for number in each})
    for index, number in enumerate(numbers):
        name = names[0] if scope is Scope.ALL else names[index % len(names)]
        for topic in sorted(partitions):
            if number in partitions[topic]:
                dealt[name].setdefault(topic, []).append(number)
    return dealt


def assignor_for(scope: Scope) -> type[PartitionAssignor]:
    """Make Faust's assignor of a stage with this scope."""

    class UnitAssignor(PartitionAssignor):
        """Deals whole states out, and keeps nothing of its own."""

        @property
        def name(self) -> str:
            return f"gridcast-{scope.value}"

        def metadata(self, topics: set[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(self.version, sorted(topics), b"")

        def assign(
            self,
            cluster: ClusterMetadata,
            member_metadata: Mapping[str, ConsumerProtocolMemberMetadata],
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            topics = {topic for each in member_metadata.values() for topic in each.subscription}
            partitions = {topic: cluster.partitions_for_topic(topic) or set() for topic in topics}
            return {
                member: ConsumerProtocolMemberAssignment(self.version, sorted(dealt.items()), b"")
                for member, dealt in assign_units(scope, member_metadata, partitions).items()
            }

        def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
            """Nothing to remember: the checkpoints say where every state stands."""

    return UnitAssignor
