"""Scans as rows of named measurements, the form of files and frames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from network.arrays import Bools, Floats, Ints, Strings
from network.measurement import Origin, Quantity, Telemetry
from network.model import Network
from network.validation import NetworkFinding

__all__ = ["NamedScan", "RefusedRows", "read_scan_columns"]

_QUANTITY = {
    ("bus", "", "v_pu"): Quantity.V,
    ("bus", "", "p_mw"): Quantity.P_INJECTION,
    ("bus", "", "q_mvar"): Quantity.Q_INJECTION,
    ("branch", "from", "p_mw"): Quantity.P_FROM,
    ("branch", "from", "q_mvar"): Quantity.Q_FROM,
    ("branch", "to", "p_mw"): Quantity.P_TO,
    ("branch", "to", "q_mvar"): Quantity.Q_TO,
}
_QUALITIES = ("good", "suspect", "pseudo", "zero_injection", "missing")
_SIGMA_V_PU, _SIGMA_FLOW, _SIGMA_INJECTION, _SIGMA_ZERO = 0.004, 0.8, 1.0, 0.01
_PSEUDO_SHARE, _PSEUDO_LEAST = 0.2, 5.0


@dataclass(frozen=True, slots=True, eq=False)
class RefusedRows:
    """Rows that could not be placed, all for one reason.

    Attributes
    ----------
    column : str
        The column to mend.
    row : (k,) int
        Which of the rows given.
    message : str
        What is wrong with them.
    """

    column: str
    row: Ints
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class NamedScan:
    """Rows that could be placed on a network.

    Attributes
    ----------
    telemetry : Telemetry
        Of the rows in use, in their order.
    value : (m,) float
        Per unit, MW or MVAr.
    row : (m,) int
        Which of the rows given each one is.
    findings : tuple of NetworkFinding
        Rows that could not be placed, and why.
    refused : tuple of RefusedRows
        The same by row number.
    """

    telemetry: Telemetry
    value: Floats
    row: Ints
    findings: tuple[NetworkFinding, ...]
    refused: tuple[RefusedRows, ...] = ()


def read_scan_columns(
    network: Network,
    kind: Sequence[str],
    ids: Sequence[str],
    end: Sequence[str],
    quantity: Sequence[str],
    value: Floats,
    sigma: Floats,
    quality: Sequence[str],
) -> NamedScan:
    """Place the rows of a scan on a network.

    Parameters
    ----------
    network : Network
    kind : (n,) str
        ``bus`` or ``branch``.
    ids : (n,) str
        As in the case.
    end : (n,) str
        ``from`` or ``to`` at a branch, empty at a bus.
    quantity : (n,) str
        ``v_pu``, ``p_mw``, ``q_mvar``.
    value : (n,) float
        At a bus the net injection, at a branch the flow into it.
    sigma : (n,) float
        NaN for the default of the quality: 0.004 pu, 0.8 MW for flows, 1 MW for injections;
        for ``pseudo`` a fifth of the value and at least 5 MW; for ``zero_injection`` 0.01 MW.
    quality : (n,) str
        ``good``, ``suspect`` (used; the residuals decide), ``pseudo``, ``zero_injection``
        (the value is 0), ``missing`` (left out).

    Returns
    -------
    NamedScan
    """
    kinds, ends, what, marks = (np.asarray(c, np.str_) for c in (kind, end, quantity, quality))
    names = np.asarray(ids, np.str_)
    code = np.full(len(names), -1, dtype=np.int64)
    for (a, b, c), number in _QUANTITY.items():
        code[(kinds == a) & (ends == b) & (what == c)] = int(number)
    element = np.where(kinds == "branch", network.branch_rows(names), network.bus_rows(names))
    virtual, pseudo = marks == "zero_injection", marks == "pseudo"
    z = np.where(virtual, 0.0, np.asarray(value, np.float64))
    spread = _sigmas(code, z, np.asarray(sigma, np.float64), virtual, pseudo)
    wanted = marks != "missing"
    injection = np.isin(code, [int(Quantity.P_INJECTION), int(Quantity.Q_INJECTION)])
    problems: tuple[tuple[str, Bools, str], ...] = (
        ("quality", ~np.isin(marks, _QUALITIES), f"quality is one of {', '.join(_QUALITIES)}"),
        ("quantity", code < 0, "no such combination of kind, end and quantity"),
        ("id", element < 0, "the case has no such element"),
        ("quality", virtual & ~injection, "zero_injection is for p_mw and q_mvar at a bus"),
        ("value", ~np.isfinite(z), "the value is not a number; mark it missing"),
        ("sigma", ~((spread > 0) & np.isfinite(spread)), "sigma is not positive"),
    )
    usable = wanted.copy()
    findings: list[NetworkFinding] = []
    refused: list[RefusedRows] = []
    for column, bad, message in problems:
        bad = usable & bad
        findings += _found(column, kinds, names, bad, message)
        if bad.any():
            refused.append(RefusedRows(column, np.flatnonzero(bad), message))
        usable &= ~bad
    row = np.flatnonzero(usable)
    origin = np.where(virtual, Origin.ZERO_INJECTION, np.where(pseudo, Origin.PSEUDO, 0))
    telemetry = Telemetry(code[row], element[row], spread[row], origin[row].astype(np.int64))
    return NamedScan(telemetry, z[row], row, tuple(findings), tuple(refused))


def _sigmas(code: Ints, z: Floats, given: Floats, virtual: Bools, pseudo: Bools) -> Floats:
    injection = np.isin(code, [int(Quantity.P_INJECTION), int(Quantity.Q_INJECTION)])
    default = np.where(injection, _SIGMA_INJECTION, _SIGMA_FLOW)
    default = np.where(code == Quantity.V, _SIGMA_V_PU, default)
    power = np.maximum(_PSEUDO_SHARE * np.abs(z), _PSEUDO_LEAST)
    default = np.where(pseudo & (code != Quantity.V), power, default)
    default = np.where(virtual, _SIGMA_ZERO, default)
    return np.where(np.isnan(given), default, given)


def _found(
    column: str, kinds: Strings, names: Strings, bad: Bools, message: str
) -> Iterator[NetworkFinding]:
    for kind in np.unique(kinds[bad]).tolist():
        ids = tuple(dict.fromkeys(names[bad & (kinds == kind)].tolist()))
        yield NetworkFinding(kind, column, ids, message, fatal=False)
