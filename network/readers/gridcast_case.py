"""gridcast's own network format: named columns, from and to TOML text or column tables.

A document has ``format = "gridcast.network.v1"``, ``name``, ``base_mva``, and the tables
``buses``, ``branches``, ``generators``, ``loads`` and, where there are any, ``breakers`` between
two buses, each a set of columns of one length.
The columns are those of :mod:`network.model`, except that buses are referred to by their
id and ``kind`` is a word (``pq``, ``pv``, ``slack``, ``out``). Columns with a natural
default may be left out. In Parquet each table is a file of its own beside
``network.toml``, which then holds the rest; this module does not care.
"""

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from network.arrays import Floats, Ints, Strings
from network.errors import BadCase
from network.model import Branches, Breakers, Buses, BusKind, Generators, Loads, Network

__all__ = [
    "FORMAT",
    "TABLES",
    "network_columns",
    "network_from_columns",
    "network_from_toml",
    "network_toml",
]

FORMAT = "gridcast.network.v1"
TABLES: dict[str, dict[str, object]] = {
    "buses": {
        "id": None,
        "base_kv": None,
        "area": "1",
        "kind": "pq",
        "v_set_pu": 1.0,
        "angle_set_deg": 0.0,
        "gs_mw": 0.0,
        "bs_mvar": 0.0,
    },
    "branches": {
        "id": None,
        "from_bus": None,
        "to_bus": None,
        "r_pu": None,
        "x_pu": None,
        "g_from_pu": 0.0,
        "b_from_pu": 0.0,
        "g_to_pu": 0.0,
        "b_to_pu": 0.0,
        "tap": 1.0,
        "shift_deg": 0.0,
        "in_service": True,
        "rate_mva": math.nan,
    },
    "generators": {
        "id": None,
        "bus": None,
        "p_mw": 0.0,
        "q_mvar": 0.0,
        "v_set_pu": math.nan,
        "in_service": True,
        "p_min_mw": math.nan,
        "p_max_mw": math.nan,
    },
    "loads": {"id": None, "bus": None, "p_mw": 0.0, "q_mvar": 0.0, "in_service": True},
    "breakers": {"id": None, "from_bus": None, "to_bus": None, "closed": True},
}
"""Columns of each table and their defaults; ``None`` where one must be given."""

_ROWS = {
    "buses": Buses,
    "branches": Branches,
    "generators": Generators,
    "loads": Loads,
    "breakers": Breakers,
}
_BUS_COLUMNS = frozenset({"bus", "from_bus", "to_bus"})


def network_columns(network: Network) -> dict[str, dict[str, list[Any]]]:
    """Return the tables of a network as lists, ready to be written; no table without breakers."""
    names = network.buses.id
    columns: dict[str, dict[str, list[Any]]] = {}
    for table in _ROWS:
        rows = getattr(network, table)
        if table == "breakers" and not len(rows):
            continue
        columns[table] = {}
        for column in TABLES[table]:
            values = getattr(rows, column)
            if column in _BUS_COLUMNS:
                values = names[values]
            written = values.tolist()
            if column == "kind":
                written = [BusKind(value).name.lower() for value in written]
            columns[table][column] = written
    return columns


def network_toml(network: Network, *, tables: bool = True) -> str:
    """Write a network as TOML.

    Parameters
    ----------
    network : Network
    tables : bool
        Whether to write the tables too; without them, what stands beside Parquet files.
    """
    lines = [
        f"format = {json.dumps(FORMAT)}",
        f"name = {json.dumps(network.name)}",
        f"base_mva = {network.base_mva!r}",
    ]
    if tables:
        for table, columns in network_columns(network).items():
            lines += ["", f"[{table}]"]
            lines += [f"{name} = [{_row(values)}]" for name, values in columns.items()]
    if network.bus_alias:
        lines += ["", "[bus_alias]"]
        lines += [f"{json.dumps(a)} = {json.dumps(b)}" for a, b in network.bus_alias.items()]
    return "\n".join(lines) + "\n"


def _row(values: Sequence[Any]) -> str:
    def word(value: Any) -> str:
        return repr(value) if isinstance(value, float) else json.dumps(value)

    return ", ".join(word(value) for value in values)


def network_from_toml(text: str) -> Network:
    """Read a network that stands in one TOML document.

    Raises
    ------
    BadCase
        Not TOML, not this format, or a column is missing, unknown or of another length.

    Examples
    --------
    >>> network = network_from_toml('''
    ... format = "gridcast.network.v1"
    ... name = "pair"
    ... base_mva = 100
    ... [buses]
    ... id = ["a", "b"]
    ... base_kv = [110, 110]
    ... kind = ["slack", "pq"]
    ... [branches]
    ... id = ["ab"]
    ... from_bus = ["a"]
    ... to_bus = ["b"]
    ... r_pu = [0.01]
    ... x_pu = [0.1]
    ... ''')
    >>> network.n_bus, network.branches.to_bus.tolist()
    (2, [1])
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadCase(f"not a TOML document: {error}") from error
    return network_from_columns(document, document)


def network_from_columns(
    document: Mapping[str, Any], tables: Mapping[str, Mapping[str, Sequence[Any]]]
) -> Network:
    """Make a network from a document's head and its tables of columns.

    Parameters
    ----------
    document : mapping
        With ``format``, ``name``, ``base_mva`` and perhaps ``bus_alias``.
    tables : mapping of table to mapping of column to values

    Raises
    ------
    BadCase
    """
    if document.get("format") != FORMAT:
        raise BadCase(f"the network has format {document.get('format')!r}; expected {FORMAT!r}")
    base = document.get("base_mva")
    if not isinstance(base, (int, float)) or not base > 0:
        raise BadCase("the network needs base_mva, a positive number of MVA")
    names = _column("buses", "id", tables.get("buses", {}))
    row_of = {name: row for row, name in enumerate(names.tolist())}
    made: dict[str, Any] = {}
    for table, record in _ROWS.items():
        given = tables.get(table, {})
        unknown = sorted(set(given) - set(TABLES[table]))
        if unknown:
            raise BadCase(f"table '{table}' has unknown columns {unknown}")
        columns = {}
        for column in TABLES[table]:
            values = _column(table, column, given)
            if column in _BUS_COLUMNS:
                values = _rows(table, column, values, row_of)
            columns[column] = values
        made[table] = record(**columns)
    alias = {str(a): str(b) for a, b in document.get("bus_alias", {}).items()}
    name = str(document.get("name", ""))
    return Network(name, float(base), **made, bus_alias=MappingProxyType(alias))


def _column(
    table: str, column: str, given: Mapping[str, Sequence[Any]]
) -> "np.typing.NDArray[Any]":
    default = TABLES[table][column]
    values = given.get(column)
    if values is None:
        count = len(next(iter(given.values()))) if given else 0
        if count and default is None:
            raise BadCase(f"table '{table}' lacks the column '{column}'")
        values = [default] * count
    text = column in {"id", "area"} | _BUS_COLUMNS
    try:
        if column == "kind":
            return np.array([BusKind[str(word).upper()] for word in values], dtype=np.int64)
        if text:
            strings: Strings = np.array([str(value) for value in values], dtype=np.str_)
            return strings
        if column in ("in_service", "closed"):
            return np.array(values, dtype=np.bool_)
        floats: Floats = np.array(
            [math.nan if value is None else value for value in values], dtype=np.float64
        )
        return floats
    except (ValueError, TypeError, KeyError) as error:
        raise BadCase(f"table '{table}', column '{column}': {error}") from error


def _rows(table: str, column: str, names: Strings, row_of: Mapping[str, int]) -> Ints:
    unknown = sorted({name for name in names.tolist() if name not in row_of})
    if unknown:
        raise BadCase(f"table '{table}', column '{column}': no such buses: {unknown[:10]}")
    return np.array([row_of[name] for name in names.tolist()], dtype=np.int64)
