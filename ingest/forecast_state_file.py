"""Forecasts of a network's state in files: one row a bus, unit, planned outage or exchange."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.dataset.columns import float_column, text_column, time_column
from ingest.dataset.errors import Problems
from ingest.dataset.tables import RawTable, open_file
from network.arrays import Floats, Ints
from network.forecast_state import NodalForecast
from network.model import Network

__all__ = ["FORECAST_STATE_COLUMNS", "ForecastStateFile", "read_forecast_state_file"]

FORECAST_STATE_COLUMNS = ("kind", "id", "quantity", "value", "valid_time", "issue_time")

_QUANTITIES = {
    "bus": ("p_mw", "power_factor"),
    "gen": ("p_mw", "outage"),
    "branch": ("outage",),
    "net_position": ("p_mw",),
}
_REMEDY = (
    "write bus with p_mw or power_factor, gen with p_mw or outage, branch with outage, "
    "or net_position with p_mw"
)


@dataclass(frozen=True, slots=True, eq=False)
class ForecastStateFile:
    """What is forecast for the peak.

    Attributes
    ----------
    forecast : NodalForecast
    valid_time, issue_time : int
        Start of the interval and when the forecast was made, ns UTC.
    n_times : int
        Times in the file.
    """

    forecast: NodalForecast
    valid_time: int
    issue_time: int
    n_times: int


def read_forecast_state_file(path: Path, network: Network) -> ForecastStateFile:
    """Read a forecast, Parquet or CSV, and take the time of the greatest consumption.

    Parameters
    ----------
    path : Path
        Columns `FORECAST_STATE_COLUMNS`.
    network : Network
        The case whose ids the rows use.

    Returns
    -------
    ForecastStateFile

    Raises
    ------
    ingest.dataset.errors.DatasetError
        Something in the file cannot be used; the message has every place and a remedy.
    """
    problems = Problems()
    table = open_file(path, FORECAST_STATE_COLUMNS, (), problems)
    if table is None:
        problems.raise_if_any()
        raise AssertionError("a file that cannot be opened has a problem")
    texts = {name: text_column(table, name, required=False) for name in ("kind", "id", "quantity")}
    value = float_column(table, "value")
    valid, issued = time_column(table, "valid_time").ns, time_column(table, "issue_time").ns
    problems.raise_if_any()
    kind, ids, quantity = (
        np.array([texts[name].at(row) for row in range(table.n_rows)], dtype=np.str_)
        for name in ("kind", "id", "quantity")
    )
    row_of = _rows(table, network, kind, ids, quantity)
    _check_values(table, kind, ids, quantity, value)
    _check_times(table, valid, issued)
    peak = _peak(table, kind, quantity, value, valid)
    problems.raise_if_any()
    at = valid == peak
    _check_once(table, at, kind, ids, quantity)
    problems.raise_if_any()

    def column(of: str, what: str, n: int) -> Floats:
        mine = at & (kind == of) & (quantity == what)
        filled = np.full(n, np.nan)
        filled[row_of[mine]] = value[mine]
        return filled

    def out(of: str) -> Ints:
        lost: Ints = row_of[at & (kind == of) & (quantity == "outage") & (value != 0)]
        return lost

    exchange = value[at & (kind == "net_position")]
    forecast = NodalForecast(
        consumption_mw=column("bus", "p_mw", network.n_bus),
        power_factor=column("bus", "power_factor", network.n_bus),
        unit_mw=column("gen", "p_mw", len(network.generators)),
        net_position_mw=float(exchange[0]) if len(exchange) else np.nan,
        branches_out=out("branch"),
        units_out=out("gen"),
    )
    return ForecastStateFile(forecast, int(peak), int(issued[0]), len(np.unique(valid)))


_Texts = npt.NDArray[np.str_]


def _rows(table: RawTable, network: Network, kind: _Texts, ids: _Texts, quantity: _Texts) -> Ints:
    """Rows of the elements in their tables; what cannot be placed is a problem."""
    words = zip(kind.tolist(), quantity.tolist(), strict=True)
    known = np.array([what in _QUANTITIES.get(of, ()) for of, what in words], dtype=np.bool_)
    table.complain_rows(
        np.flatnonzero(~known),
        lambda row: f"kind {str(kind[row])!r}, quantity {str(quantity[row])!r}: nothing forecast",
        _REMEDY,
    )
    units = {name: row for row, name in enumerate(network.generators.id.tolist())}
    row_of = np.full(len(kind), -1, dtype=np.int64)
    for of in ("bus", "branch", "gen"):
        mine = np.flatnonzero(kind == of)
        names = ids[mine].tolist()
        if of == "gen":
            row_of[mine] = [units.get(name, -1) for name in names]
        else:
            rows = network.bus_rows if of == "bus" else network.branch_rows
            row_of[mine] = rows(names)
    table.complain_rows(
        np.flatnonzero(known & (kind != "net_position") & (row_of < 0)),
        lambda row: f"the case has no {kind[row]} {str(ids[row])!r}",
        "use ids of the case",
    )
    return row_of


def _check_values(
    table: RawTable, kind: _Texts, ids: _Texts, quantity: _Texts, value: Floats
) -> None:
    factor = quantity == "power_factor"
    bad = np.isnan(value) | (factor & ~((value > 0) & (value <= 1)))
    bad |= (quantity == "outage") & ~np.isin(value, [0.0, 1.0])

    def what(row: int) -> str:
        told = "empty" if np.isnan(value[row]) else f"{value[row]:g}"
        return f"{kind[row]} {ids[row]} {quantity[row]}: value is {told}"

    remedy = "write MW, a power factor above 0 and up to 1, or 1 for an outage (0 for none)"
    table.complain_rows(np.flatnonzero(bad), what, remedy)


def _check_times(table: RawTable, valid: Ints, issued: Ints) -> None:
    if len(np.unique(issued)) > 1:
        table.complain(None, "it has more than one issue_time", "give one issue of a forecast")
    table.complain_rows(
        np.flatnonzero(valid < issued),
        lambda _: "valid_time lies before issue_time",
        "give forecasts of what was still to come",
    )


def _peak(table: RawTable, kind: _Texts, quantity: _Texts, value: Floats, valid: Ints) -> int:
    """Return the time of the greatest consumption, the first of equal ones."""
    mine = (kind == "bus") & (quantity == "p_mw")
    if not mine.any():
        table.complain(None, "no bus has p_mw", "give the forecast consumption of the buses")
        return int(valid[0])
    times, place = np.unique(valid[mine], return_inverse=True)
    total = np.bincount(place, np.nan_to_num(value[mine]))
    return int(times[np.argmax(total)])


def _check_once(
    table: RawTable, at: npt.NDArray[np.bool_], kind: _Texts, ids: _Texts, quantity: _Texts
) -> None:
    seen: set[tuple[str, str, str]] = set()
    again = []
    for row in np.flatnonzero(at).tolist():
        key = (str(kind[row]), str(ids[row]), str(quantity[row]))
        if key in seen:
            again.append(row)
        seen.add(key)
    table.complain_rows(
        np.array(again, dtype=np.int64),
        lambda row: f"{kind[row]} {ids[row]} {quantity[row]} stands twice for one time",
        "give each once",
    )
