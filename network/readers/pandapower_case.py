"""pandapower networks, as an object or as the JSON text that pandapower writes.

pandapower itself turns its tables into pi circuits; it is an extra of gridcast and
is imported when first needed. Buses are named by the index of their table, other
elements by table and index: ``line:7``, ``trafo:3``, ``load:12``, ``gen:0``.
"""

import copy
import re
import warnings
from types import MappingProxyType
from typing import Any

import numpy as np

from network.arrays import Bools, Floats, Ints, Strings
from network.errors import BadCase
from network.model import Branches, Breakers, Buses, BusKind, Generators, Loads, Network

__all__ = ["network_from_pandapower", "network_from_pandapower_json", "published_pandapower_case"]

_SWITCHED = {"l": "line", "t": "trafo", "t3": "trafo3w"}
_MODELLED = {"bus", "line", "trafo", "trafo3w", "impedance", "gen", "ext_grid", "sgen", "load"}
_IGNORED = ("dcline", "motor", "storage", "asymmetric_load", "asymmetric_sgen", "xward", "ward")


def published_pandapower_case(name: str) -> Network:
    """Read one of the published networks that pandapower ships, such as ``case118``.

    Raises
    ------
    BadCase
        pandapower is not installed, or has no network of that name.
    """
    networks = _pandapower_module("pandapower.networks")
    make = getattr(networks, name, None)
    if not re.fullmatch(r"[A-Za-z]\w*", name) or not callable(make):
        raise BadCase(f"pandapower ships no network {name!r}; try case14 or case118")
    return network_from_pandapower(_quietly(make), name)


def network_from_pandapower_json(text: str, name: str = "pandapower") -> Network:
    """Read the JSON that ``pandapower.to_json`` wrote.

    Raises
    ------
    BadCase
        pandapower is not installed, or cannot read the text.
    """
    pandapower = _pandapower_module("pandapower")
    try:
        net = _quietly(lambda: pandapower.from_json_string(text))
    except Exception as error:
        raise BadCase(f"pandapower cannot read this JSON: {error}") from error
    if not isinstance(net, pandapower.pandapowerNet) or _MODELLED - set(net.keys()):
        raise BadCase("this JSON holds no pandapower net; write it with pandapower.to_json")
    return network_from_pandapower(net, name)


def network_from_pandapower(net: Any, name: str = "") -> Network:
    """Make a network from a pandapower net.

    Branches out of service stay in the table. A branch with an open switch at either end
    counts as out of service: the charging of a line open at one end is left out. Buses that
    closed switches join are one for good; open switches between buses become breakers.

    Parameters
    ----------
    net : pandapowerNet
        Left as it is.
    name : str
        By default the name of the net.

    Returns
    -------
    Network

    Raises
    ------
    BadCase
        The net holds elements that have no model here.
    """
    unknown = [table for table in _IGNORED if table in net and len(net[table])]
    if unknown:
        raise BadCase(f"no model for the pandapower tables {unknown}; replace them by load or sgen")
    status = _branch_status(net)
    ppc, lookup = _pi_circuits(net, status)
    order, representative, alias = _bus_rows(net, lookup["bus"])
    row_of = {int(index): row for index, row in zip(net.bus.index, representative, strict=True)}
    zones = net.bus.get("zone")
    bus = ppc["bus"]
    area = ["1"] * len(order)
    if zones is not None:
        named = zones.reindex(order)
        area = [str(value) if _given(value) else "1" for value in named]
    generators = _generators(net, row_of)
    return Network(
        name=name or str(getattr(net, "name", "") or "pandapower"),
        base_mva=float(ppc["baseMVA"]),
        buses=Buses(
            id=np.array([str(index) for index in order]),
            base_kv=bus[:, 9].copy(),
            area=np.array(area),
            kind=_kinds(net, row_of, len(order)),
            v_set_pu=_voltages(net, row_of, len(order)),
            angle_set_deg=_angles(net, row_of, len(order)),
            gs_mw=bus[:, 4].copy(),
            bs_mvar=bus[:, 5].copy(),
        ),
        branches=_branches(ppc, lookup["branch"], net, status),
        generators=generators,
        loads=_loads(net, row_of),
        bus_alias=MappingProxyType(alias),
        breakers=_breakers(net, row_of),
    )


def _pandapower_module(module: str) -> Any:
    import importlib

    try:
        return _quietly(lambda: importlib.import_module(module))
    except ImportError as error:
        raise BadCase("pandapower is not installed; run: pip install 'gridcast[demo]'") from error


def _quietly(make: Any) -> Any:
    # pandapower warns about its own use of pandas, which says nothing about the case.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def _given(value: object) -> bool:
    return value is not None and value == value and str(value) != ""


def _branch_status(net: Any) -> dict[str, Bools]:
    status = {
        table: net[table]["in_service"].to_numpy(dtype=bool).copy()
        for table in ("line", "trafo", "trafo3w", "impedance")
        if len(net[table])
    }
    for kind, table in _SWITCHED.items():
        opened = net.switch[(net.switch["et"] == kind) & ~net.switch["closed"].astype(bool)]
        if len(opened):
            status[table] &= ~net[table].index.isin(opened["element"])
    return status


def _pi_circuits(net: Any, status: dict[str, Bools]) -> tuple[dict[str, Any], dict[str, Any]]:
    to_ppc = _pandapower_module("pandapower.converter.pypower.to_ppc").to_ppc
    whole = copy.deepcopy(net)
    for table in (*status, "bus"):
        whole[table]["in_service"] = True
    whole["switch"] = whole.switch[whole.switch["et"] == "b"]
    try:
        ppc = _quietly(
            lambda: to_ppc(
                whole,
                calculate_voltage_angles=True,
                check_connectivity=False,
                init="flat",
                mode="pf",
            )
        )
    except UserWarning as error:  # raised, not warned, where a net cannot be solved
        raise BadCase(f"pandapower cannot use this net: {error}") from error
    return ppc, whole["_pd2ppc_lookups"]


def _bus_rows(net: Any, lookup: Any) -> tuple[list[int], list[int], dict[str, str]]:
    """Order of the buses in the circuits, row of each bus, and the names fused away."""
    rows = [int(lookup[int(index)]) for index in net.bus.index]
    first: dict[int, int] = {}
    alias: dict[str, str] = {}
    for index, row in zip(net.bus.index, rows, strict=True):
        if row in first:
            alias[str(index)] = str(first[row])
        else:
            first[row] = int(index)
    return [first[row] for row in sorted(first)], rows, alias


def _branches(
    ppc: dict[str, Any], ranges: dict[str, tuple[int, int]], net: Any, status: dict[str, Bools]
) -> Branches:
    rows = ppc["branch"]
    n = len(rows)
    ids: list[str] = [""] * n
    on = np.ones(n, dtype=np.bool_)
    for table, (start, stop) in ranges.items():
        index = list(net[table].index) if table in _MODELLED else list(range(stop - start))
        if table == "trafo3w":
            names = [f"{table}:{i}:{end}" for end in ("hv", "mv", "lv") for i in index]
            on[start:stop] = np.tile(status[table], 3)
        else:
            names = [f"{table}:{i}" for i in index]
            on[start:stop] = status.get(table, np.ones(len(index), dtype=np.bool_))
        ids[start:stop] = names

    def extra(key: str) -> Floats:
        return np.real(np.asarray(ppc.get(key, np.zeros(n)))).astype(np.float64)

    if extra("branch_r_asym").any() or extra("branch_x_asym").any():
        raise BadCase("an impedance with unlike values from either side has no model here")
    real = np.real(rows)
    g, b = extra("branch_g"), real[:, 4]
    return Branches(
        id=np.array(ids),
        from_bus=real[:, 0].astype(np.int64),
        to_bus=real[:, 1].astype(np.int64),
        r_pu=real[:, 2].copy(),
        x_pu=real[:, 3].copy(),
        g_from_pu=g / 2,
        b_from_pu=b / 2,
        g_to_pu=(g + extra("branch_g_asym")) / 2,
        b_to_pu=(b + extra("branch_b_asym")) / 2,
        tap=np.where(real[:, 8] == 0, 1.0, real[:, 8]),
        shift_deg=real[:, 9].copy(),
        in_service=on,
        rate_mva=np.where(real[:, 5] > 0, real[:, 5], np.nan),
    )


def _column(table: Any, name: str, default: float = np.nan) -> Floats:
    if name not in table:
        return np.full(len(table), default)
    return np.asarray(table[name].fillna(default), dtype=np.float64)


def _at(table: Any, row_of: dict[int, int]) -> Ints:
    return np.array([row_of[int(bus)] for bus in table["bus"]], dtype=np.int64)


def _named(table: str, frame: Any) -> Strings:
    return np.array([f"{table}:{index}" for index in frame.index], dtype=np.str_)


def _in_service(net: Any, table: str) -> Bools:
    live = net.bus["in_service"].reindex(net[table]["bus"]).to_numpy(dtype=bool)
    on: Bools = net[table]["in_service"].to_numpy(dtype=bool) & live
    return on


def _generators(net: Any, row_of: dict[int, int]) -> Generators:
    parts = {table: net[table] for table in ("ext_grid", "gen", "sgen") if len(net[table])}
    scale = {
        table: np.ones(len(frame)) if table == "ext_grid" else _column(frame, "scaling", 1.0)
        for table, frame in parts.items()
    }

    def stacked(name: str, default: float, scaled: bool = False) -> Floats:
        columns = [
            _column(frame, name, default) * (scale[table] if scaled else 1.0)
            for table, frame in parts.items()
        ]
        return np.concatenate([np.zeros(0), *columns])

    return Generators(
        id=np.concatenate([np.array([], np.str_), *(_named(t, f) for t, f in parts.items())]),
        bus=np.concatenate([np.zeros(0, np.int64), *(_at(f, row_of) for f in parts.values())]),
        p_mw=stacked("p_mw", 0.0, scaled=True),
        q_mvar=stacked("q_mvar", 0.0, scaled=True),
        v_set_pu=stacked("vm_pu", np.nan),
        in_service=np.concatenate([np.zeros(0, np.bool_), *(_in_service(net, t) for t in parts)]),
        p_min_mw=stacked("min_p_mw", np.nan),
        p_max_mw=stacked("max_p_mw", np.nan),
    )


def _loads(net: Any, row_of: dict[int, int]) -> Loads:
    frame = net.load
    scale = _column(frame, "scaling", 1.0)
    return Loads(
        id=_named("load", frame),
        bus=_at(frame, row_of),
        p_mw=_column(frame, "p_mw", 0.0) * scale,
        q_mvar=_column(frame, "q_mvar", 0.0) * scale,
        in_service=_in_service(net, "load"),
    )


def _breakers(net: Any, row_of: dict[int, int]) -> Breakers:
    """Open switches between two buses that nothing else joins."""
    between = net.switch[(net.switch["et"] == "b") & ~net.switch["closed"].astype(bool)]
    ends = [
        np.array([row_of[int(bus)] for bus in between[side]], dtype=np.int64)
        for side in ("bus", "element")
    ]
    apart = ends[0] != ends[1]
    names = _named("switch", between)
    return Breakers(
        names[apart], ends[0][apart], ends[1][apart], np.zeros(int(apart.sum()), np.bool_)
    )


def _slack_units(net: Any) -> Bools:
    if "slack" not in net.gen:
        return np.zeros(len(net.gen), dtype=np.bool_)
    return net.gen["slack"].fillna(False).to_numpy(dtype=bool)  # type: ignore[no-any-return]


def _kinds(net: Any, row_of: dict[int, int], n_bus: int) -> Ints:
    kind = np.full(n_bus, int(BusKind.PQ), dtype=np.int64)
    slack = _slack_units(net)
    on = _in_service(net, "gen")
    kind[_at(net.gen, row_of)[on]] = int(BusKind.PV)
    kind[_at(net.gen, row_of)[on & slack]] = int(BusKind.SLACK)
    kind[_at(net.ext_grid, row_of)[_in_service(net, "ext_grid")]] = int(BusKind.SLACK)
    live = net.bus["in_service"].to_numpy(dtype=bool)
    rows = np.array([row_of[int(index)] for index in net.bus.index])
    alive = np.zeros(n_bus, dtype=np.bool_)
    alive[rows[live]] = True
    return np.where(alive, kind, int(BusKind.OUT))


def _voltages(net: Any, row_of: dict[int, int], n_bus: int) -> Floats:
    v = np.ones(n_bus)
    for table in ("gen", "ext_grid"):
        on = _in_service(net, table)
        v[_at(net[table], row_of)[on]] = _column(net[table], "vm_pu", 1.0)[on]
    return v


def _angles(net: Any, row_of: dict[int, int], n_bus: int) -> Floats:
    on = _in_service(net, "ext_grid")
    held = _at(net.ext_grid, row_of)[on]
    angle = _column(net.ext_grid, "va_degree", 0.0)[on]
    start = np.full(n_bus, float(angle[0]) if len(angle) else 0.0)
    start[held] = angle
    return start
