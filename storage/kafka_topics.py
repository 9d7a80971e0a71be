"""Creates the catalogue's topics in Apache Kafka, and says where existing ones differ from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kafka import KafkaAdminClient
from kafka.admin import ConfigFilterType, ConfigResource, ConfigResourceType, NewPartitions

from records.time import DAY
from records.topics import CATALOGUE, Partitioning, Topic, topic_name
from storage.kafka_connection import KafkaConnection
from storage.kafka_log_writer import MAX_RECORD_BYTES

__all__ = ["TopicReport", "create_topics", "topic_config"]

_NS_PER_MS = 1_000_000
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What was found or done for one topic.

    Parameters
    ----------
    topic
        Full name.
    created
        Whether it did not exist before.
    partitions_added
        How many were added to one that had too few.
    differences
        Where an existing topic is not as the catalogue says; it is left as it is.
    """

    topic: str
    created: bool
    partitions_added: int
    differences: tuple[str, ...]


def topic_config(topic: Topic) -> dict[str, str]:
    """Kafka's settings for one line of the catalogue.

    >>> topic_config(CATALOGUE["scada.view.v1"])["retention.ms"]
    '21600000'
    """
    retention_ms = topic.retention_ns // _NS_PER_MS
    config = {
        # The broker's clock, so that append times never fall and no producer can move them.
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(MAX_RECORD_BYTES),
        # Retention deletes whole segments, so they must be shorter than it.
        "segment.ms": str(max(10 * _MINUTE_MS, min(DAY // _NS_PER_MS, retention_ms // 6))),
    }
    if topic.compacted:
        return config | {"cleanup.policy": "compact", "min.compaction.lag.ms": str(retention_ms)}
    return config | {"cleanup.policy": "delete", "retention.ms": str(retention_ms)}


def create_topics(
    connection: KafkaConnection,
    namespace: str,
    areas: int,
    *,
    replication: int | None = None,
    names: Iterable[str] | None = None,
) -> list[TopicReport]:
    """Create what is missing; safe to call again.

    Parameters
    ----------
    connection
        The cluster.
    namespace
        Part of every topic's name.
    areas
        Number of areas, and so of partitions of the topics kept by area.
    replication
        Copies of every record; by default 3, or as many as there are brokers. From 3 on, two
        must hold a record before it is acknowledged.
    names
        Which topics of the catalogue, without prefix; all by default.

    Returns
    -------
    list of TopicReport
        In the order of the catalogue.
    """
    chosen = [CATALOGUE[name] for name in names] if names is not None else CATALOGUE.values()
    wanted = {
        topic_name(namespace, t.name): (t, areas if t.partitioning is Partitioning.AREA else 1)
        for t in chosen
    }
    admin = KafkaAdminClient(**connection.options("gridcast-admin"))
    try:
        copies = replication or min(3, len(admin.describe_cluster()["brokers"]))
        existing = _existing(admin, wanted)
        missing = {
            name: {
                "num_partitions": partitions,
                "replication_factor": copies,
                "configs": topic_config(topic)
                | {"min.insync.replicas": "2" if copies >= 3 else "1"},
            }
            for name, (topic, partitions) in wanted.items()
            if name not in existing
        }
        if missing:
            admin.create_topics(missing, wait_for_metadata=True)
        # Records name their partition, so more partitions never move a key.
        grown = {
            name: partitions - existing[name]
            for name, (_, partitions) in wanted.items()
            if existing.get(name, partitions) < partitions
        }
        if grown:
            admin.create_partitions(
                {name: NewPartitions(total_count=wanted[name][1]) for name in grown}
            )
        configs = _configs(admin, existing)
    finally:
        admin.close()
    return [
        TopicReport(
            name,
            created=name in missing,
            partitions_added=grown.get(name, 0),
            differences=_differences(topic, configs.get(name), existing.get(name, 0), partitions),
        )
        for name, (topic, partitions) in wanted.items()
    ]


def _existing(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, int]:
    """Partition counts of those topics that exist."""
    found = sorted(set(admin.list_topics()) & set(names))
    if not found:
        return {}
    return {each["name"]: len(each["partitions"]) for each in admin.describe_topics(topics=found)}


def _configs(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, Mapping[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    described = admin.describe_configs(resources, config_filter=ConfigFilterType.ALL)
    return {
        name: {key: str(entry["value"]) for key, entry in entries.items()}
        for name, entries in described["topic"].items()
    }


def _differences(
    topic: Topic, found: Mapping[str, str] | None, partitions: int, wanted_partitions: int
) -> tuple[str, ...]:
    if found is None:
        return ()
    lines = [
        f"{key} is {found.get(key)}, the catalogue says {value}"
        for key, value in topic_config(topic).items()
        if found.get(key) != value
    ]
    if partitions > wanted_partitions:
        lines.append(f"{partitions} partitions, the catalogue says {wanted_partitions}")
    return tuple(lines)
