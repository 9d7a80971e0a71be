"""What was estimated and told so far, so that only what became different is told again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from records.finding import Finding
from records.meter_approval import Decision, MeterApproval
from records.meter_estimate import EstimateInputs, EstimateMethod, EstimateStatus
from records.snapshot import Tree
from stream.meter_gaps import GapEstimate, MeterSeries

__all__ = ["EstimateLedger", "LedgerChange"]

_NOTHING = EstimateInputs([], 0.0, 0, 0, 0, 0, "", None)
_BACK = EstimateStatus.TAKEN_BACK
_STATUS = {
    Decision.APPROVE: EstimateStatus.APPROVED,
    Decision.REJECT: EstimateStatus.REJECTED,
}


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """Periods of one meter to tell of together; `energy_mwh` None = taken back or rejected.

    `by` and `decided_at` (ns UTC) are the person's who decided; empty and None of the rule.
    """

    method: EstimateMethod
    inputs: EstimateInputs
    reason: str
    status: EstimateStatus = EstimateStatus.PROPOSED
    by: str = ""
    decided_at: int | None = None
    start: list[int] = field(default_factory=list)
    energy_mwh: list[float | None] = field(default_factory=list)
    revision: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Made:
    """Method and inputs that entries share."""

    method: EstimateMethod
    inputs: EstimateInputs


@dataclass(slots=True)
class _Entry:
    """The last revision of one period: its energy (None = taken back) and whence it came.

    `made` is what it was made with; None of those that an older checkpoint knew.
    """

    revision: int
    energy_mwh: float | None
    whence: bytes
    made: _Made | None = None
    status: EstimateStatus = EstimateStatus.PROPOSED
    by: str = ""
    decided_at: int | None = None


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
            made = _Made(estimate.method, estimate.inputs)
            starts = (series.first + estimate.place * series.period).tolist()
            standing |= set(starts)
            for start, energy in zip(starts, estimate.energy_mwh.tolist(), strict=True):
                kept = entries.get(start)
                if kept is None or kept.energy_mwh is None:
                    _note(fresh, entries, start, energy, whence, made)
                elif kept.energy_mwh != energy or kept.whence != whence:
                    _note(again, entries, start, energy, whence, made)
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
        came = LedgerChange(EstimateMethod.REVERSED, _NOTHING, "a reading came", _BACK)
        text = "its inputs no longer allow one"
        lost = LedgerChange(EstimateMethod.REVERSED, _NOTHING, text, _BACK)
        for start in sorted(entries.keys() - standing):
            place = (start - series.first) // series.period
            if entries[start].energy_mwh is None or not 0 <= place < len(series.net_mwh):
                continue
            if np.isfinite(series.net_mwh[place]):
                _note(came, entries, start, None, b"")
            elif start >= frozen:
                _note(lost, entries, start, None, b"")
        yield from (change for change in (came, lost) if change.start)

    def decided(self, approval: MeterApproval) -> tuple[list[LedgerChange], list[int]]:
        """Note a person's decision; return what to tell, and periods that it says nothing of.

        It stands on the revisions that it names, and only where these are the last ones. The
        same decision once more changes nothing.
        """
        entries = self._entries.get(approval.meter, {})
        status = _STATUS[approval.decision]
        changes: dict[int, LedgerChange] = {}
        void: list[int] = []
        for start, revision in zip(approval.start, approval.revision, strict=True):
            kept = entries.get(start)
            if kept is None or kept.energy_mwh is None or kept.made is None:
                void.append(start)
                continue
            done = (kept.status, kept.by, kept.decided_at) == (status, approval.by, approval.at)
            if done and kept.revision == revision + 1:
                continue
            if kept.revision != revision:
                void.append(start)
                continue
            rejected = approval.decision is Decision.REJECT
            method = EstimateMethod.REVERSED if rejected else kept.made.method
            change = changes.setdefault(
                id(kept.made),
                LedgerChange(
                    method, kept.made.inputs, approval.reason, status, approval.by, approval.at
                ),
            )
            _note(change, entries, start, kept.energy_mwh, kept.whence, kept.made)
        return list(changes.values()), void

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
        made: dict[int, tuple[int, _Made]] = {}
        for entries in self._entries.values():
            for entry in entries.values():
                if entry.made is not None:
                    made.setdefault(id(entry.made), (len(made), entry.made))
        return {
            "entries": [
                [meter, [_row(start, entry, made) for start, entry in entries.items()]]
                for meter, entries in self._entries.items()
            ],
            "made": [[m.method.value, msgspec.json.encode(m.inputs)] for _, m in made.values()],
            "told": [list(key) for key in self._told],
        }

    @classmethod
    def load(cls, tree: Any) -> EstimateLedger:
        """State from its tree."""
        ledger = cls()
        made = [
            _Made(EstimateMethod(method), msgspec.json.decode(inputs, type=EstimateInputs))
            for method, inputs in tree.get("made", ())
        ]
        for meter, entries in tree["entries"]:
            ledger._entries[meter] = {start: _entry(row, made) for start, *row in entries}
        ledger._told = dict.fromkeys((point, rule, time) for point, rule, time in tree["told"])
        return ledger


def _row(start: int, entry: _Entry, made: Mapping[int, tuple[int, _Made]]) -> list[Tree]:
    place = -1 if entry.made is None else made[id(entry.made)][0]
    known: list[Tree] = [start, entry.revision, entry.energy_mwh, entry.whence, place]
    return [*known, entry.status.value, entry.by, entry.decided_at]


def _entry(row: Sequence[Any], made: Sequence[_Made]) -> _Entry:
    """Entry from its row; older checkpoints hold the first three."""
    revision, energy, whence, *more = row
    if not more:
        return _Entry(revision, energy, whence)
    place, status, by, decided_at = more
    known = None if place < 0 else made[place]
    return _Entry(revision, energy, whence, known, EstimateStatus(status), by, decided_at)


def _note(
    change: LedgerChange,
    entries: dict[int, _Entry],
    start: int,
    energy: float | None,
    whence: bytes,
    made: _Made | None = None,
) -> None:
    """Make the next revision of a period; of what was rejected the energy is kept, not told."""
    revision = entries[start].revision + 1 if start in entries else 1
    entries[start] = _Entry(
        revision, energy, whence, made, change.status, change.by, change.decided_at
    )
    change.start.append(start)
    change.energy_mwh.append(None if change.status is EstimateStatus.REJECTED else energy)
    change.revision.append(revision)


def _digest(estimate: GapEstimate) -> bytes:
    told = msgspec.json.encode((estimate.method, estimate.inputs))
    return blake2b(told, digest_size=8).digest()
