"""MATPOWER cases, version 2: the text of a ``.m`` file or the bytes of a ``.mat`` file.

Buses and loads are named by the bus number, branches and generators by their row,
counted from 0 over all rows. A rating of 0 means that there is none.
"""

import io
import re
from collections.abc import Mapping

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError

from network.arrays import Floats, Ints, Strings
from network.errors import BadCase
from network.model import Branches, Buses, BusKind, Generators, Loads, Network

__all__ = ["network_from_mat", "network_from_matpower_text", "network_from_tables"]

_COLUMNS = {"bus": 13, "gen": 10, "branch": 11}
_CHANGED = re.compile(
    r"\b(?:mpc\.)?(?P<part>bus|gen|branch)\s*\([^\n=]*\)\s*=(?!=)[^\n]*"
    r"|\bmpc\.(?P<whole>bus|gen|branch)\s*=(?!=)\s*(?![\s\[])[^\n]*"
)
_SCALAR = re.compile(r"\b(?:mpc\.)?baseMVA\s*=\s*([-+\d.eE]+)\s*;?")


def network_from_matpower_text(text: str, name: str = "") -> Network:
    """Read the text of a ``.m`` case.

    Parameters
    ----------
    text : str
        A case function that assigns literal matrices; statements that compute are not run.
    name : str
        Name of the network; by default that of the function.

    Returns
    -------
    Network

    Raises
    ------
    BadCase
        A matrix is missing, ragged, not numeric, or changed by a statement further down.
    """
    bare = re.sub(r"\.\.\.[^\n]*\n", " ", re.sub(r"%.*", "", text))
    changed = _CHANGED.search(bare)
    if changed is not None:
        table, statement = changed["part"] or changed["whole"], changed.group(0).strip()
        raise BadCase(
            f"matrix '{table}' is changed by '{statement}', which is not run: save the case as a "
            ".mat file, or write the values out"
        )
    base = _SCALAR.search(bare)
    if base is None:
        raise BadCase("the MATPOWER case has no baseMVA; write 'mpc.baseMVA = 100;'")
    title = re.search(r"function\s+(?:\[?[\w,\s.]*\]?\s*=\s*)?(\w+)", bare)
    tables = {table: _matrix(bare, table) for table in _COLUMNS}
    label = name or (title.group(1) if title else "matpower")
    return network_from_tables(tables, float(base.group(1)), label)


def _matrix(text: str, table: str) -> Floats:
    found = re.search(rf"\b(?:mpc\.)?{table}\s*=\s*\[(.*?)\]", text, re.DOTALL)
    if found is None:
        raise BadCase(f"the MATPOWER case has no matrix '{table}'")
    rows: list[list[float]] = []
    for number, line in enumerate(re.split(r"[;\n]", found.group(1)), start=1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        try:
            rows.append([float(word) for word in words])
        except ValueError as error:
            raise BadCase(f"matrix '{table}', row {number}: {error}") from error
    if not rows:
        raise BadCase(f"matrix '{table}' has no row")
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise BadCase(f"matrix '{table}' has rows of different lengths: {sorted(widths)}")
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1)


def network_from_mat(content: bytes, name: str = "matpower") -> Network:
    """Read the bytes of a ``.mat`` case (a struct ``mpc``, or its fields at the top).

    Raises
    ------
    BadCase
        The file is not a MATLAB file, or holds no case.
    """
    try:
        loaded = scipy.io.loadmat(io.BytesIO(content))  # type: ignore[arg-type]
    except (ValueError, TypeError, NotImplementedError, OSError, MatReadError) as error:
        raise BadCase(f"not a MATLAB file of version 7 or below: {error}") from error
    fields: Mapping[str, object] = loaded
    if "mpc" in loaded:
        struct = np.asarray(loaded["mpc"])
        if struct.dtype.names is None or struct.size != 1:
            raise BadCase("the MATLAB file holds no case: 'mpc' is not a struct")
        fields = {key: struct.ravel()[0][key] for key in struct.dtype.names}
    missing = [key for key in ("baseMVA", *_COLUMNS) if key not in fields]
    if missing:
        raise BadCase(f"the MATLAB file holds no case: {', '.join(missing)} not found")
    try:
        tables = {table: np.asarray(fields[table], dtype=np.float64) for table in _COLUMNS}
        base = float(np.asarray(fields["baseMVA"], dtype=np.float64).item())
    except (ValueError, TypeError) as error:
        raise BadCase(f"the MATLAB file holds no case of numbers: {error}") from error
    return network_from_tables(tables, base, name)


def network_from_tables(tables: Mapping[str, Floats], base_mva: float, name: str) -> Network:
    """Make a network from the matrices ``bus``, ``gen`` and ``branch`` of a case.

    Parameters
    ----------
    tables : mapping of str to (n, >= 13 | 10 | 11) float
        Matrices in MATPOWER's column order.
    base_mva : float
    name : str

    Returns
    -------
    Network

    Raises
    ------
    BadCase
        Too few columns, or a branch or generator at a bus that is not in the table.
    """
    for table, least in _COLUMNS.items():
        if tables[table].ndim != 2 or tables[table].shape[1] < least:
            shape = tables[table].shape
            raise BadCase(f"matrix '{table}' has shape {shape}; it needs {least} columns")
    bus, gen, branch = tables["bus"], tables["gen"], tables["branch"]
    numbers = bus[:, 0].astype(np.int64)

    def rows(column: Floats, what: str) -> Ints:
        order = np.argsort(numbers)
        wanted = column.astype(np.int64)
        at = np.searchsorted(numbers, wanted, sorter=order).clip(max=len(numbers) - 1)
        found: Ints = order[at]
        unknown = numbers[found] != wanted
        if unknown.any():
            raise BadCase(f"{what}: buses {np.unique(wanted[unknown]).tolist()} do not exist")
        return found

    on = gen[:, 7] > 0
    at = rows(gen[:, 0], "matrix 'gen', column 1")
    kind = bus[:, 1].astype(np.int64)
    v_set = bus[:, 7].copy()
    # As MATPOWER has it: the first unit in service sets the voltage of its bus.
    v_set[at[on][::-1]] = np.where(kind[at[on]] > 1, gen[on, 5], v_set[at[on]])[::-1]
    loaded = (bus[:, 2] != 0) | (bus[:, 3] != 0)
    half = branch[:, 4] / 2
    zeros = np.zeros(len(branch))
    return Network(
        name=name,
        base_mva=base_mva,
        buses=Buses(
            id=_names(numbers),
            base_kv=np.where(bus[:, 9] > 0, bus[:, 9], 1.0),
            area=_names(bus[:, 6].astype(np.int64)),
            kind=_kinds_with_units(kind, at[on]),
            v_set_pu=v_set,
            angle_set_deg=bus[:, 8].copy(),
            gs_mw=bus[:, 4].copy(),
            bs_mvar=bus[:, 5].copy(),
        ),
        branches=Branches(
            id=_names(np.arange(len(branch))),
            from_bus=rows(branch[:, 0], "matrix 'branch', column 1"),
            to_bus=rows(branch[:, 1], "matrix 'branch', column 2"),
            r_pu=branch[:, 2].copy(),
            x_pu=branch[:, 3].copy(),
            g_from_pu=zeros,
            b_from_pu=half,
            g_to_pu=zeros.copy(),
            b_to_pu=half.copy(),
            tap=np.where(branch[:, 8] == 0, 1.0, branch[:, 8]),
            shift_deg=branch[:, 9].copy(),
            in_service=branch[:, 10] > 0,
            rate_mva=np.where(branch[:, 5] > 0, branch[:, 5], np.nan),
        ),
        generators=Generators(
            id=_names(np.arange(len(gen))),
            bus=at,
            p_mw=gen[:, 1].copy(),
            q_mvar=gen[:, 2].copy(),
            v_set_pu=gen[:, 5].copy(),
            in_service=on,
            p_min_mw=gen[:, 9].copy(),
            p_max_mw=gen[:, 8].copy(),
        ),
        loads=Loads(
            id=_names(numbers[loaded]),
            bus=np.flatnonzero(loaded).astype(np.int64),
            p_mw=bus[loaded, 2].copy(),
            q_mvar=bus[loaded, 3].copy(),
            in_service=np.ones(int(loaded.sum()), dtype=np.bool_),
        ),
    )


def _names(numbers: Ints) -> Strings:
    return numbers.astype(np.str_)


def _kinds_with_units(kind: Ints, with_unit: Ints) -> Ints:
    """Turn PV buses whose units are all out of service into PQ, as MATPOWER does."""
    alone = (kind == BusKind.PV) & ~np.isin(np.arange(len(kind)), with_unit)
    return np.where(alone, int(BusKind.PQ), kind)
