"""The twin's grid while its branches are switched: one grid for each topology."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from ingest.twin.grid import Grid, NodeStates, Powers
from ingest.twin.shapes import LoadShapes
from network.model import Network
from network.switching import switched
from network.topology import BreakerEvent, Element, Topology, case_status
from records.time import DAY

__all__ = ["Era", "SwitchedGrid", "joined_powers"]


@dataclass(frozen=True, slots=True, eq=False)
class Era:
    """States of a part of a day, and the grid that they are of."""

    grid: Grid
    states: NodeStates


class SwitchedGrid:
    """Grids by what is switched.

    Parameters
    ----------
    network
        The network of the case.
    shapes
        Loads.
    switchings
        Branches that open and close, and when.

    Attributes
    ----------
    case
        The grid of the case.
    """

    def __init__(
        self, network: Network, shapes: LoadShapes, switchings: Iterable[BreakerEvent]
    ) -> None:
        self.case = Grid(network, shapes)
        self._status = case_status(network)
        self._topology = Topology().with_events(switchings)
        unknown = {event.element for event in self._topology.events} - self._status.keys()
        if unknown:
            names = ", ".join(sorted(f"{element.kind} {element.id}" for element in unknown))
            raise ValueError(f"the network has no {names} to be switched")
        self._grids: dict[tuple[tuple[Element, bool], ...], Grid] = {(): self.case}

    def at(self, time_ns: int) -> Grid:
        """Return the grid as its breakers stand at a time (ns UTC)."""
        changes = self._topology.at(time_ns, self._status).switched
        if changes not in self._grids:
            told = switched(self.case.network, changes).network
            self._grids[changes] = Grid(told, self.case.shapes)
        return self._grids[changes]

    def eras(self, day: int, start: int, end: int) -> list[Era]:
        """Solve ``[start, end]`` of the day that begins at `day` (ns UTC), era by era."""
        inside = {event.time for event in self._topology.events if start < event.time < end}
        edges = [start, *sorted(inside), end]
        eras = []
        solved: dict[int, NodeStates] = {}
        for first, last in pairwise(edges):
            grid = self.at(first)
            if id(grid) not in solved:
                solved[id(grid)] = grid.solve(day, day + DAY)
            eras.append(Era(grid, solved[id(grid)].between(first, last)))
        return eras


def joined_powers(parts: Sequence[Powers]) -> Powers:
    """Powers one after the other in time."""
    if len(parts) == 1:
        return parts[0]
    columns = (column.name for column in fields(Powers))
    return Powers(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))
