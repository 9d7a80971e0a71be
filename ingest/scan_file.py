"""Scans in files: one row a measurement, placed on a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.dataset.columns import NO_TIME, Coded, float_column, text_column, time_column
from ingest.dataset.errors import Problems
from ingest.dataset.tables import RawTable, open_file
from network.model import Network
from network.scan_columns import NamedScan, RefusedRows, read_scan_columns

__all__ = ["SCAN_COLUMNS", "ScanFile", "read_scan_file"]

SCAN_COLUMNS = ("kind", "id", "end", "quantity", "value", "sigma", "quality", "time")

_Texts = npt.NDArray[np.str_]
_REMEDY = {
    "quality": "write good, suspect, pseudo, zero_injection (p_mw and q_mvar at a bus) or missing",
    "quantity": "at a bus write v_pu, p_mw or q_mvar and leave end empty; at a branch p_mw or "
    "q_mvar with end from or to; values in per unit, MW and MVAr",
    "value": "write a finite number, or quality missing",
    "sigma": "write a standard deviation above 0 in the unit of the value, or leave it empty",
}


@dataclass(frozen=True, slots=True, eq=False)
class ScanFile:
    """A scan and the names of its measurements.

    Attributes
    ----------
    scan : NamedScan
        Rows in use, placed on the network.
    kind, id, end, quantity : (m,) str
        Of the rows in use, as in the file.
    n_rows : int
        Rows of the file, the missing ones included.
    """

    scan: NamedScan
    kind: _Texts
    id: _Texts
    end: _Texts
    quantity: _Texts
    n_rows: int


def read_scan_file(path: Path, network: Network) -> ScanFile:
    """Read a scan, Parquet or CSV.

    Parameters
    ----------
    path : Path
        Columns `SCAN_COLUMNS`; rows of quality ``missing`` are left out whatever they hold.
    network : Network
        The case whose ids the rows use.

    Returns
    -------
    ScanFile

    Raises
    ------
    ingest.dataset.errors.DatasetError
        Something in the file cannot be used; the message has every place and a remedy.
    """
    problems = Problems()
    table = open_file(path, SCAN_COLUMNS, (), problems)
    if table is None:
        problems.raise_if_any()
        raise AssertionError("a file that cannot be opened has a problem")
    names = ("kind", "id", "end", "quantity", "quality")
    texts = {name: _texts(text_column(table, name, required=False)) for name in names}
    value, sigma = float_column(table, "value"), float_column(table, "sigma")
    time = time_column(table, "time", required=False)
    problems.raise_if_any()
    virtual = texts["quality"] == "zero_injection"
    kind, ids, end, quantity, quality = (texts[name].tolist() for name in names)
    sigma_used = np.where(virtual, np.nan, sigma)
    scan = read_scan_columns(network, kind, ids, end, quantity, value, sigma_used, quality)
    for refused in scan.refused:
        _complain(table, network, refused, texts, {"value": value, "sigma": sigma})
    used = texts["quality"] != "missing"
    untimed = np.flatnonzero(used & (time.ns == NO_TIME))
    table.complain_rows(untimed, lambda _: "time is empty", "write when it was measured, in UTC")
    _refuse_second_scan(table, texts, used, time.ns)
    if not used.any():
        table.complain(None, "every row is missing", "give at least one value that was measured")
    problems.raise_if_any()
    kept = {name: column[scan.row] for name, column in texts.items() if name != "quality"}
    return ScanFile(scan, **kept, n_rows=table.n_rows)


def _texts(coded: Coded) -> _Texts:
    return np.array([*coded.names, ""], dtype=np.str_)[coded.code]


def _complain(
    table: RawTable,
    network: Network,
    refused: RefusedRows,
    texts: dict[str, _Texts],
    numbers: dict[str, npt.NDArray[np.float64]],
) -> None:
    def what(row: int) -> str:
        words = [str(texts[name][row]) for name in ("kind", "id", "end", "quantity")]
        place = " ".join(filter(None, words))
        column = refused.column
        if column in numbers:
            entry = numbers[column][row]
            return f"{place}: {column} is {'empty' if np.isnan(entry) else f'{entry:g}'}"
        if column == "quantity":
            kind, _, end, quantity = words
            return f"kind {kind!r}, end {end!r}, quantity {quantity!r}: nothing that is measured"
        return f"{place}: {column} {str(texts[column][row])!r} cannot be used"

    table.complain_rows(refused.row, what, _REMEDY.get(refused.column) or _ids(network))


def _ids(network: Network) -> str:
    """What ids of the case look like."""
    shown = []
    for kind, ids in (("buses", network.buses.id), ("branches", network.branches.id)):
        few = ", ".join(ids[:3].tolist())
        shown.append(f"{kind} {few}{f' to {ids[-1]}' if len(ids) > 3 else ''}")
    return f"write an id of the case: {' or '.join(shown)}"


def _refuse_second_scan(
    table: RawTable,
    texts: dict[str, _Texts],
    used: npt.NDArray[np.bool_],
    time: npt.NDArray[np.int64],
) -> None:
    """Refuse a measurement that is there at two times: the file holds more than one scan."""
    rows = np.flatnonzero(used)
    key = np.stack([texts[name][rows] for name in ("kind", "id", "end", "quantity")])
    _, first, which = np.unique(key, axis=1, return_index=True, return_inverse=True)
    again = rows[time[rows] != time[rows[first[which.ravel()]]]]
    table.complain_rows(
        again,
        lambda row: (
            f"{texts['kind'][row]} {texts['id'][row]} {texts['quantity'][row]} is there "
            "at another time too"
        ),
        "keep the rows of one scan",
    )
