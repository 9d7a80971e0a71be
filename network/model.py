"""The grid as tables of arrays: buses, branches, generators, loads, breakers.

Every table is a frozen set of columns of one length. Elements are named by the
string ids of their case; inside the tables buses are referred to by row.
Per-unit values are on ``Network.base_mva`` and the base voltage of the bus.
Generators inject (positive is into the network), loads withdraw (positive is
out of it).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from types import MappingProxyType

import numpy as np

from network.arrays import Bools, Complexes, Floats, Ints, Strings
from network.errors import BadCase

__all__ = ["Branches", "Breakers", "BusKind", "Buses", "Generators", "Loads", "Network"]


class BusKind(IntEnum):
    """What a power flow holds at a bus (the codes of MATPOWER)."""

    PQ = 1
    PV = 2
    SLACK = 3
    OUT = 4


class _Table:
    """Checks that every column of a table has the length of its ids."""

    __slots__ = ()

    def __post_init__(self) -> None:
        columns = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise BadCase(f"columns of {type(self).__name__} differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.id)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, eq=False)
class Buses(_Table):
    """Buses, and the shunts at them.

    Attributes
    ----------
    id : (n_bus,) str
        Names, unique.
    base_kv : (n_bus,) float
        Base voltage, kV.
    area : (n_bus,) str
        Name of the area a bus belongs to.
    kind : (n_bus,) int
        :class:`BusKind`.
    v_set_pu, angle_set_deg : (n_bus,) float
        Voltage of the case: held at slack buses, the start elsewhere.
    gs_mw, bs_mvar : (n_bus,) float
        Shunt at 1 pu: MW consumed, MVAr injected.
    """

    id: Strings
    base_kv: Floats
    area: Strings
    kind: Ints
    v_set_pu: Floats
    angle_set_deg: Floats
    gs_mw: Floats
    bs_mvar: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Branches(_Table):
    """Lines and transformers as pi circuits, the ideal transformer at the from end.

    Attributes
    ----------
    id : (n_branch,) str
        Names, unique, over all branches whether in service or not.
    from_bus, to_bus : (n_branch,) int
        Rows of the bus table.
    r_pu, x_pu : (n_branch,) float
        Series impedance.
    g_from_pu, b_from_pu, g_to_pu, b_to_pu : (n_branch,) float
        Shunt admittance at either end (half the charging each, for a line).
    tap : (n_branch,) float
        Off-nominal ratio, 1 for a line.
    shift_deg : (n_branch,) float
        Phase shift, positive delays the to end.
    in_service : (n_branch,) bool
    rate_mva : (n_branch,) float
        Long-term rating; NaN when the case gives none.
    """

    id: Strings
    from_bus: Ints
    to_bus: Ints
    r_pu: Floats
    x_pu: Floats
    g_from_pu: Floats
    b_from_pu: Floats
    g_to_pu: Floats
    b_to_pu: Floats
    tap: Floats
    shift_deg: Floats
    in_service: Bools
    rate_mva: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Generators(_Table):
    """Generators and other injections.

    Attributes
    ----------
    id : (n_generator,) str
    bus : (n_generator,) int
        Row of the bus table.
    p_mw, q_mvar : (n_generator,) float
        Injection of the case.
    v_set_pu : (n_generator,) float
        Voltage held at the bus; NaN when the unit does not control voltage.
    in_service : (n_generator,) bool
    p_min_mw, p_max_mw : (n_generator,) float
        Range of active power; NaN when unknown.
    """

    id: Strings
    bus: Ints
    p_mw: Floats
    q_mvar: Floats
    v_set_pu: Floats
    in_service: Bools
    p_min_mw: Floats
    p_max_mw: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Loads(_Table):
    """Loads of constant power.

    Attributes
    ----------
    id : (n_load,) str
    bus : (n_load,) int
        Row of the bus table.
    p_mw, q_mvar : (n_load,) float
        Withdrawal.
    in_service : (n_load,) bool
    """

    id: Strings
    bus: Ints
    p_mw: Floats
    q_mvar: Floats
    in_service: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Breakers(_Table):
    """Breakers between two buses, such as couplers: a closed one makes one bus of two.

    Those at the ends of a branch have no row: it is out of service when one of them is open.

    Attributes
    ----------
    id : (n_breaker,) str
        Names, unique.
    from_bus, to_bus : (n_breaker,) int
        Rows of the bus table.
    closed : (n_breaker,) bool
        In the case.
    """

    id: Strings
    from_bus: Ints
    to_bus: Ints
    closed: Bools

    @classmethod
    def none(cls) -> "Breakers":
        """No breakers."""
        rows = np.zeros(0, np.int64)
        return cls(np.zeros(0, np.str_), rows, rows, np.zeros(0, np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """One version of the grid, immutable; a change of topology makes another.

    Attributes
    ----------
    name : str
    base_mva : float
        Base of the per-unit system.
    buses, branches, generators, loads
        The tables.
    bus_alias : mapping of str to str
        Names of buses that were fused into another, and the name that stands for them.
    breakers
        Breakers between two buses. Numerics know of none: `network.switching.switched` gives
        them the network as the breakers stand.
    """

    name: str
    base_mva: float
    buses: Buses
    branches: Branches
    generators: Generators
    loads: Loads
    bus_alias: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    breakers: Breakers = field(default_factory=Breakers.none)

    @property
    def n_bus(self) -> int:
        """Number of buses."""
        return len(self.buses)

    @property
    def n_branch(self) -> int:
        """Number of branches, in service or not."""
        return len(self.branches)

    def bus_rows(self, ids: Iterable[str]) -> Ints:
        """Rows of the named buses, following aliases; -1 for a name that is not known."""
        rows = {name: row for row, name in enumerate(self.buses.id.tolist())}
        rows |= {name: rows[target] for name, target in self.bus_alias.items() if target in rows}
        return np.array([rows.get(name, -1) for name in ids], dtype=np.int64)

    def branch_rows(self, ids: Iterable[str]) -> Ints:
        """Rows of the named branches; -1 for a name that is not known."""
        rows = {name: row for row, name in enumerate(self.branches.id.tolist())}
        return np.array([rows.get(name, -1) for name in ids], dtype=np.int64)

    def with_branch_status(self, in_service: Bools) -> "Network":
        """Return the network with other branches in service, ``(n_branch,)``."""
        status = np.asarray(in_service, dtype=np.bool_).copy()
        return replace(self, branches=replace(self.branches, in_service=status))

    def injection_mva(self) -> Complexes:
        """Net injection of the case at each bus, ``(n_bus,)`` complex MVA, shunts left out."""
        net = np.zeros(self.n_bus, dtype=np.complex128)
        unit, load = self.generators, self.loads
        np.add.at(net, unit.bus, np.where(unit.in_service, unit.p_mw + 1j * unit.q_mvar, 0))
        np.subtract.at(net, load.bus, np.where(load.in_service, load.p_mw + 1j * load.q_mvar, 0))
        return net
