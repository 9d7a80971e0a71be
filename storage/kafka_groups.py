"""What consumer groups have committed: it trails the checkpoints, and is there for people."""

from __future__ import annotations

from collections.abc import Mapping

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from records.log import Partition
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_reader import KafkaReadError

__all__ = ["committed_offsets"]


def committed_offsets(
    connection: KafkaConnection, prefix: str
) -> Mapping[str, Mapping[Partition, int]]:
    """Return the next offset of each partition that groups have committed.

    Parameters
    ----------
    connection
        The cluster.
    prefix
        Of the names of the groups.

    Returns
    -------
    Committed offsets by name of the group without the prefix.

    Raises
    ------
    KafkaReadError
        When Kafka does not answer.
    """
    admin = KafkaAdminClient(**connection.options("gridcast-doctor"))
    try:
        groups = [
            group["group_id"]
            for group in admin.list_groups()
            if group["group_id"].startswith(prefix)
        ]
        found = admin.list_group_offsets(groups) if groups else {}
        return {
            name.removeprefix(prefix): {
                Partition(place.topic, place.partition): int(at.offset)
                for place, at in offsets.items()
                if at.offset >= 0
            }
            for name, offsets in found.items()
        }
    except KafkaError as error:
        raise KafkaReadError(f"Kafka does not tell what was committed: {error!r}") from error
    finally:
        admin.close()
