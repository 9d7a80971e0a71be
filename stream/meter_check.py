"""Metered energy against the SCADA means of the same load, over the same period.

Both sides are joined by their watermarks, so the outcome does not depend on which came first.
A finding is made where a meter and its telemetry come apart: they were not in the period before,
and had not been found so in this one. A batch that repeats a revision changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from records.finding import Finding
from records.snapshot import Tree
from records.time import DAY, MINUTE
from records.window import WindowBatch

__all__ = ["CheckLimits", "CheckState", "check_against_scada"]

_Interval: TypeAlias = tuple[int, int]
"""Start and length, ns UTC and ns."""
_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """When a meter and its telemetry are apart.

    Parameters
    ----------
    apart_mw, apart_share
        They are when their mean powers differ by more than `apart_mw` plus `apart_share` of
        the metered one.
    imputed_share
        Windows with more replaced time than this are not compared.
    window
        Length of the SCADA windows, ns.
    keep
        How long both sides are kept to be compared, ns.
    """

    apart_mw: float = 1.0
    apart_share: float = 0.05
    imputed_share: float = 0.2
    window: int = 5 * MINUTE
    keep: int = 3 * DAY


@dataclass(slots=True)
class _Means:
    """Mean powers of one interval, a column a series; MW, NaN where not to be compared."""

    length: int
    revision: npt.NDArray[np.int32]
    mean: npt.NDArray[np.float64]
    apart: npt.NDArray[np.bool_]

    @classmethod
    def empty(cls, length: int) -> _Means:
        return cls(length, np.empty(0, np.int32), np.empty(0), np.empty(0, np.bool_))

    def widen(self, n_series: int) -> None:
        more = n_series - len(self.mean)
        if more > 0:
            self.revision = np.append(self.revision, np.zeros(more, np.int32))
            self.mean = np.append(self.mean, np.full(more, np.nan))
            self.apart = np.append(self.apart, np.zeros(more, np.bool_))


class CheckState:
    """What is known of both sides, by the start of each interval; changed in place."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._place: dict[str, int] = {}
        self._found: dict[tuple[str, ...], npt.NDArray[np.int64]] = {}
        self._metered: dict[_Interval, _Means] = {}
        self._scada: dict[_Interval, _Means] = {}

    def take(
        self,
        batch: WindowBatch,
        known: npt.NDArray[np.bool_],
        *,
        metered: bool,
    ) -> npt.NDArray[np.int64]:
        """Keep what is new in a batch and return its columns; NaN where not `known`."""
        side = self._metered if metered else self._scada
        means = side.setdefault((batch.start, batch.length), _Means.empty(batch.length))
        powers = np.isfinite(batch.energy_mwh) | metered
        columns = self._columns(tuple(batch.series[powers]))
        means.widen(len(self._names))
        newer = batch.revision[powers] > means.revision[columns]
        columns = columns[newer]
        means.revision[columns] = batch.revision[powers][newer]
        means.mean[columns] = np.where(known, batch.mean, np.nan)[powers][newer]
        return columns

    def periods_of(self, window: int) -> list[_Interval]:
        """Return the metered periods that hold the window that starts then."""
        return [(s, length) for s, length in self._metered if s <= window < s + length]

    def compare(
        self, interval: _Interval, columns: npt.NDArray[np.int64], limits: CheckLimits
    ) -> list[Finding]:
        """Compare some series over one metered period."""
        start, length = interval
        metered = self._metered[interval]
        if start % limits.window or metered.length % limits.window:
            return []
        within = range(start, start + length, limits.window)
        parts = [self._scada.get((at, limits.window)) for at in within]
        windows = [part for part in parts if part is not None]
        if len(windows) < len(parts):
            return []
        n_series = len(self._names)
        for means in (metered, *windows):
            means.widen(n_series)
        scada = np.mean([part.mean[columns] for part in windows], axis=0)
        meter = metered.mean[columns]
        comparable = np.isfinite(scada) & np.isfinite(meter)
        limit = limits.apart_mw + limits.apart_share * np.abs(meter)
        apart = comparable & (np.abs(meter - scada) > limit)
        new = apart & ~metered.apart[columns]
        before = self._metered.get((start - length, length))
        if before is not None:
            before.widen(n_series)
            new &= ~before.apart[columns]
        metered.apart[columns[comparable]] = apart[comparable]
        return [
            Finding(
                self._names[columns[k]],
                "meter_apart",
                start,
                float(meter[k]),
                f"about {scada[k]:g} MW, the mean of the telemetry",
            )
            for k in np.flatnonzero(new).tolist()
        ]

    def forget(self, before: int) -> None:
        """Drop intervals that start before `before` (ns UTC)."""
        for side in (self._metered, self._scada):
            for key in [key for key in side if key[0] < before]:
                del side[key]

    def _columns(self, names: tuple[str, ...]) -> npt.NDArray[np.int64]:
        """Columns of some series; most batches hold the same ones as others before."""
        found = self._found.get(names)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[names] = np.array([self._column(n) for n in names], np.int64)
        return found

    def _column(self, name: str) -> int:
        place = self._place.get(name)
        if place is None:
            place = self._place[name] = len(self._names)
            self._names.append(name)
        return place

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "names": list(self._names),
            "metered": _dump(self._metered),
            "scada": _dump(self._scada),
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> CheckState:
        """State from its tree."""
        state = cls()
        state._names = list(tree["names"])
        state._place = {name: place for place, name in enumerate(state._names)}
        state._metered = {(start, c[0]): _Means(*c) for start, *c in tree["metered"]}
        state._scada = {(start, c[0]): _Means(*c) for start, *c in tree["scada"]}
        return state


def check_against_scada(
    state: CheckState,
    intervals: Iterable[WindowBatch],
    windows: Iterable[WindowBatch],
    now: int,
    limits: CheckLimits,
) -> list[Finding]:
    """Take metered intervals and SCADA windows in, and compare what became comparable.

    Parameters
    ----------
    intervals, windows
        What became known up to `now` (ns UTC), in the order of their logs. What is older than
        is kept is passed over: told again after a restart, it would look new.
    """
    oldest = now - limits.keep
    touched: dict[_Interval, list[npt.NDArray[np.int64]]] = {}
    for batch in (b for b in intervals if b.start >= oldest):
        columns = state.take(batch, np.isfinite(batch.mean), metered=True)
        if len(columns):
            touched.setdefault((batch.start, batch.length), []).append(columns)
    moved: dict[int, list[npt.NDArray[np.int64]]] = {}
    for batch in (b for b in windows if b.start >= oldest):
        columns = state.take(batch, batch.imputed_share <= limits.imputed_share, metered=False)
        if len(columns):
            moved.setdefault(batch.start, []).append(columns)
    for window, parts in moved.items():
        for interval in state.periods_of(window):
            touched.setdefault(interval, []).extend(parts)
    findings = []
    for interval in sorted(touched):
        columns = np.unique(np.concatenate(touched[interval]))
        findings += state.compare(interval, columns, limits)
    state.forget(oldest)
    return findings


def _dump(side: Mapping[_Interval, _Means]) -> Tree:
    return [
        [start, means.length, means.revision, means.mean, means.apart]
        for (start, _), means in side.items()
    ]
