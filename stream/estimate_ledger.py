"""What was estimated and told so far, so that only what became different is told again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from records.finding import Finding
from records.meter_estimate import EstimateInputs, EstimateMethod
from records.snapshot import Tree
from stream.meter_gaps import GapEstimate, MeterSeries

__all__ = ["EstimateLedger", "LedgerChange"]

_NOTHING = EstimateInputs([], 0.0, 0, 0, 0, 0, "", None)


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """Periods of one meter to tell of together; `energy_mwh` None = taken back."""

    method: EstimateMethod
    inputs: EstimateInputs
    reason: str
    start: list[int] = field(default_factory=list)
    energy_mwh: list[float | None] = field(default_factory=list)
    revision: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Entry:
    """The last revision of one period: its energy (None = taken back) and whence it came."""

    revision: int
    energy_mwh: float | None
    whence: bytes


class EstimateLedger:
    """Estimates of an area by meter and period start, and findings that were told."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[int, _Entry]] = {}
        self._told: dict[tuple[str, str, int], None] = {}

    def new_findings(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return those that were not told before, and note them."""
        new = [f for f in findings if (f.point, f.rule, f.time) not in self._told]
        self._told |= {(f.point, f.rule, f.time): None for f in new}
        return new

    def changes(
        self,
        meter: str,
        series: MeterSeries,
        estimates: Sequence[GapEstimate],
        frozen: int,
    ) -> Iterator[LedgerChange]:
        """Note the estimates of a meter and yield what differs from those before.

        Parameters
        ----------
        series
            What stands of the meter.
        estimates
            Every estimate that can be made now.
        frozen
            Estimates of periods before this (ns UTC) stay, unless a reading came.
        """
        entries = self._entries.setdefault(meter, {})
        standing = set()
        for estimate in estimates:
            fresh = LedgerChange(estimate.method, estimate.inputs, "missing when it was due")
            again = LedgerChange(estimate.method, estimate.inputs, "its inputs changed")
            whence = _digest(estimate)
            starts = (series.first + estimate.place * series.period).tolist()
            standing |= set(starts)
            for start, energy in zip(starts, estimate.energy_mwh.tolist(), strict=True):
                kept = entries.get(start)
                if kept is None or kept.energy_mwh is None:
                    _note(fresh, entries, start, energy, whence)
                elif kept.energy_mwh != energy or kept.whence != whence:
                    _note(again, entries, start, energy, whence)
            yield from (change for change in (fresh, again) if change.start)
        yield from self._taken_back(entries, series, standing, frozen)
        if not entries:
            del self._entries[meter]

    def _taken_back(
        self,
        entries: dict[int, _Entry],
        series: MeterSeries,
        standing: set[int],
        frozen: int,
    ) -> Iterator[LedgerChange]:
        came = LedgerChange(EstimateMethod.REVERSED, _NOTHING, "a reading came")
        lost = LedgerChange(EstimateMethod.REVERSED, _NOTHING, "its inputs no longer allow one")
        for start in sorted(entries.keys() - standing):
            place = (start - series.first) // series.period
            if entries[start].energy_mwh is None or not 0 <= place < len(series.net_mwh):
                continue
            if np.isfinite(series.net_mwh[place]):
                _note(came, entries, start, None, b"")
            elif start >= frozen:
                _note(lost, entries, start, None, b"")
        yield from (change for change in (came, lost) if change.start)

    def forget(self, before: int) -> None:
        """Drop what is about periods before `before` (ns UTC)."""
        for meter in list(self._entries):
            kept = {s: e for s, e in self._entries[meter].items() if s >= before}
            self._entries[meter] = kept
            if not kept:
                del self._entries[meter]
        self._told = {key: None for key in self._told if key[2] >= before}

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "entries": [
                [meter, [[s, e.revision, e.energy_mwh, e.whence] for s, e in entries.items()]]
                for meter, entries in self._entries.items()
            ],
            "told": [list(key) for key in self._told],
        }

    @classmethod
    def load(cls, tree: Any) -> EstimateLedger:
        """State from its tree."""
        ledger = cls()
        for meter, entries in tree["entries"]:
            ledger._entries[meter] = {start: _Entry(*entry) for start, *entry in entries}
        ledger._told = dict.fromkeys((point, rule, time) for point, rule, time in tree["told"])
        return ledger


def _note(
    change: LedgerChange,
    entries: dict[int, _Entry],
    start: int,
    energy: float | None,
    whence: bytes,
) -> None:
    revision = entries[start].revision + 1 if start in entries else 1
    entries[start] = _Entry(revision, energy, whence)
    change.start.append(start)
    change.energy_mwh.append(energy)
    change.revision.append(revision)


def _digest(estimate: GapEstimate) -> bytes:
    told = msgspec.json.encode((estimate.method, estimate.inputs))
    return blake2b(told, digest_size=8).digest()
