"""The hierarchy of a dataset: nodes, levels, weather stations, clock and step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["HierarchySpec", "NodeSpec"]


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node: a measured series at the bottom, the sum of its children above.

    `parent` is None for the root; `stations` are weather stations by positive weight, empty
    where the node names none.
    """

    id: str
    level: str
    parent: str | None
    stations: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HierarchySpec:
    """One version of the hierarchy, as written in ``hierarchy.toml``.

    Parameters
    ----------
    version
        Version of the hierarchy.
    timezone
        IANA name of the local clock.
    step_ns
        Length of an interval, ns; divides a day.
    nodes
        In the order of the file; a tree with one root.
    country
        Holiday calendar, such as ``"FR"`` or ``"AU-VIC"``, or None.
    holidays_file
        Name of a file of dates in the folder, or None.
    """

    version: str
    timezone: str
    step_ns: int
    nodes: tuple[NodeSpec, ...]
    country: str | None = None
    holidays_file: str | None = None

    @property
    def root(self) -> str:
        """Id of the node without a parent."""
        return next(node.id for node in self.nodes if node.parent is None)

    @property
    def bottom(self) -> tuple[str, ...]:
        """Ids of the nodes without children, in the order of the file."""
        parents = {node.parent for node in self.nodes}
        return tuple(node.id for node in self.nodes if node.id not in parents)

    @property
    def levels(self) -> tuple[str, ...]:
        """Level names, in the order in which they first appear."""
        return tuple(dict.fromkeys(node.level for node in self.nodes))

    def node(self, node_id: str) -> NodeSpec:
        """Return a node by its id; raises KeyError for an unknown one."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    def children(self, node_id: str) -> tuple[str, ...]:
        """Ids of the direct children of a node."""
        return tuple(node.id for node in self.nodes if node.parent == node_id)

    def stations_of(self, node_id: str) -> dict[str, float]:
        """Weather stations that stand for a node, weights summing to 1.

        A node that names none takes those of the nearest node above that does; failing that,
        all those below it, each child counting alike. Empty where there are none at all.
        """
        node: NodeSpec | None = self.node(node_id)
        while node is not None:
            if node.stations:
                return _normalised(node.stations)
            node = None if node.parent is None else self.node(node.parent)
        return self._stations_below(node_id)

    def _stations_below(self, node_id: str) -> dict[str, float]:
        own = self.node(node_id).stations
        if own:
            return _normalised(own)
        total: dict[str, float] = {}
        for child in self.children(node_id):
            for station, weight in self._stations_below(child).items():
                total[station] = total.get(station, 0.0) + weight
        return _normalised(total)


def _normalised(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {station: weight / total for station, weight in weights.items()}
