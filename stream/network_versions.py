"""The networks that states rest on: as their breakers stood."""

from __future__ import annotations

from collections import OrderedDict

from network.model import Network
from network.switching import switched
from network.topology import Element, case_status
from records.state import NetworkState
from stream.alarm_watch import element_name

__all__ = ["NetworkVersions"]

_KEPT = 4


class NetworkVersions:
    """Makes the network of a state from what the state says of it.

    Parameters
    ----------
    network
        The network, breakers as in the case.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._elements: dict[str, Element] = {
            element_name(*element): element for element in case_status(network)
        }
        self._made: OrderedDict[frozenset[tuple[str, bool]], Network] = OrderedDict()

    def of(self, state: NetworkState) -> Network:
        """Return the network of a state; the very same one as long as nothing was switched."""
        key = frozenset(state.switched.items())
        if key not in self._made:
            known = [(n, closed) for n, closed in state.switched.items() if n in self._elements]
            changes = [(self._elements[name], closed) for name, closed in known]
            self._made[key] = switched(self._network, changes).network
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]
