"""Which version of each meter reading stands: arrays by period start, a column a meter.

A version is ordered by (settlement run, when it was made known, revision, document), so the
order in which documents arrive does not matter to what finally stands. A withdrawal is a
version without a value: it takes back every earlier one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from records.errors import Reason, RecordError
from records.meter import MeterDocument
from records.snapshot import Tree

__all__ = ["Accepted", "MeterVersions", "Standing"]


@dataclass(slots=True)
class Standing:
    """What stands of one period: versions and net energies; arrays of shape (n_meters,).

    `net_mwh` is withdrawal less injection, NaN where nothing stands or the reading was withdrawn.
    """

    period: int
    run: npt.NDArray[np.int64]
    known: npt.NDArray[np.int64]
    document_revision: npt.NDArray[np.int64]
    document: npt.NDArray[np.int64]
    revision: npt.NDArray[np.int32]
    net_mwh: npt.NDArray[np.float64]

    @classmethod
    def empty(cls, n_meters: int, period: int) -> Standing:
        """Nothing known of any meter."""
        before = np.full(n_meters, np.iinfo(np.int64).min)
        return cls(
            period,
            before,
            before.copy(),
            before.copy(),
            before.copy(),
            np.zeros(n_meters, np.int32),
            np.full(n_meters, np.nan),
        )

    def widened(self, n_meters: int) -> Standing:
        """Room for meters that were first heard of later."""
        if len(self.run) == n_meters:
            return self
        wider = Standing.empty(n_meters, self.period)
        for column in fields(self)[1:]:
            getattr(wider, column.name)[: len(self.run)] = getattr(self, column.name)
        return wider


@dataclass(frozen=True, slots=True)
class Accepted:
    """The readings of one period start that a document changed; arrays of shape (n_changed,).

    Parameters
    ----------
    start, period
        The period, ns UTC and ns.
    meter
        Places of the meters in `MeterVersions.meters`.
    net_mwh
        Withdrawal less injection, NaN where withdrawn.
    revision
        1 for a first version, one more for each that replaced it.
    """

    start: int
    period: int
    meter: npt.NDArray[np.int64]
    net_mwh: npt.NDArray[np.float64]
    revision: npt.NDArray[np.int32]


class MeterVersions:
    """The readings of an area, each at the version that stands; changed in place."""

    def __init__(self) -> None:
        self.meters: list[str] = []
        self._place: dict[str, int] = {}
        self._standing: dict[tuple[int, int], Standing] = {}
        self._lengths: set[int] = set()

    def take(self, document: MeterDocument) -> list[Accepted]:
        """Take a document in and return what it changed, by period start.

        Raises
        ------
        RecordError
            When the document gives a meter two values for one period, or periods of another
            length than those of the same start before.
        """
        meter, start, net = self._columns(document)
        if not len(start):
            return []
        _refuse_contradiction(document, meter, start, net)
        starts = np.unique(start).tolist()
        for moment in starts:
            self._refuse_other_length(document, moment, meter[start == moment])
        accepted = []
        for moment in starts:
            inside = start == moment
            changed = self._replace(document, moment, meter[inside], net[inside])
            if changed is not None:
                accepted.append(changed)
        return accepted

    def forget(self, before: int) -> None:
        """Drop periods that start before `before` (ns UTC)."""
        for key in [key for key in self._standing if key[0] < before]:
            del self._standing[key]

    def standing(self, start: int, period: int) -> Standing | None:
        """Return what stands of a period; None where nothing was ever said about it."""
        kept = self._standing.get((start, period))
        return None if kept is None else kept.widened(len(self.meters))

    def place(self, meter: str) -> int:
        """Return the place of a meter in `meters`."""
        return self._place[meter]

    def periods(self) -> list[tuple[int, int]]:
        """Return start and length of every period that is kept, ns UTC and ns."""
        return list(self._standing)

    def _refuse_other_length(
        self, document: MeterDocument, start: int, meter: npt.NDArray[np.int64]
    ) -> None:
        for period in self._lengths - {document.period}:
            known = self.standing(start, period)
            if known is not None and (known.revision[meter] > 0).any():
                raise RecordError(
                    Reason.SCHEMA_MISMATCH,
                    f"periods of {document.period} ns where {period} ns came before",
                )

    def _columns(
        self, document: MeterDocument
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Meter place, start and net energy of each reading given or withdrawn."""
        meter: list[int] = []
        start: list[int] = []
        net: list[float] = []
        for series in document.series:
            place = self._place.get(series.meter)
            if place is None:
                place = self._place[series.meter] = len(self.meters)
                self.meters.append(series.meter)
            n_readings = len(series.start)
            injected = series.injected_mwh or [None] * n_readings
            withdrawal = series.withdrawn_reading or [False] * n_readings
            for moment, taken, given, back in zip(
                series.start, series.withdrawn_mwh, injected, withdrawal, strict=True
            ):
                if back or taken is not None or given is not None:
                    meter.append(place)
                    start.append(moment)
                    net.append(np.nan if back else (taken or 0.0) - (given or 0.0))
        return np.array(meter, np.int64), np.array(start, np.int64), np.array(net, np.float64)

    def _replace(
        self,
        document: MeterDocument,
        start: int,
        meter: npt.NDArray[np.int64],
        net: npt.NDArray[np.float64],
    ) -> Accepted | None:
        place = (start, document.period)
        self._lengths.add(document.period)
        standing = self._standing.get(place) or Standing.empty(0, document.period)
        standing = self._standing[place] = standing.widened(len(self.meters))
        digest = blake2b(document.document.encode(), digest_size=8).digest()
        key = (
            document.run,
            document.available_at,
            document.revision,
            int.from_bytes(digest, "little", signed=True),
        )
        columns = (
            standing.run,
            standing.known,
            standing.document_revision,
            standing.document,
        )
        higher = np.zeros(len(meter), np.bool_)
        tied = np.ones(len(meter), np.bool_)
        for ours, theirs in zip(key, columns, strict=True):
            higher |= tied & (ours > theirs[meter])
            tied &= ours == theirs[meter]
        if not higher.any():
            return None
        chosen, unique = np.unique(meter[higher], return_index=True)
        for ours, theirs in zip(key, columns, strict=True):
            theirs[chosen] = ours
        standing.revision[chosen] += 1
        standing.net_mwh[chosen] = net[higher][unique]
        return Accepted(
            start,
            standing.period,
            chosen,
            standing.net_mwh[chosen].copy(),
            standing.revision[chosen].copy(),
        )

    def dump(self) -> Tree:
        """State as a tree."""
        names = [column.name for column in fields(Standing)]
        return {
            "meters": list(self.meters),
            "standing": [
                [start, [getattr(kept, name) for name in names]]
                for (start, _), kept in self._standing.items()
            ],
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> MeterVersions:
        """State from its tree."""
        versions = cls()
        versions.meters = list(tree["meters"])
        versions._place = {name: place for place, name in enumerate(versions.meters)}
        for start, columns in tree["standing"]:
            kept = Standing(*columns)
            versions._standing[start, kept.period] = kept
            versions._lengths.add(kept.period)
        return versions


def _refuse_contradiction(
    document: MeterDocument,
    meter: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    net: npt.NDArray[np.float64],
) -> None:
    order = np.lexsort((net, start, meter))
    meter, start, net = meter[order], start[order], net[order]
    repeated = (meter[1:] == meter[:-1]) & (start[1:] == start[:-1])
    unlike = (net[1:] != net[:-1]) & ~(np.isnan(net[1:]) & np.isnan(net[:-1]))
    if (repeated & unlike).any():
        raise RecordError(
            Reason.CONTRADICTORY,
            f"document {document.document} gives a meter two values for one period",
        )
