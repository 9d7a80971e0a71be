"""What the registers of meters stood at: the highest version of each instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from records.meter import MeterDocument
from records.snapshot import Tree

__all__ = ["RegisterPoint", "Registers", "net_difference"]

_Version: TypeAlias = tuple[int, int, int, str]


@dataclass(frozen=True, slots=True)
class RegisterPoint:
    """Both registers of one meter at one instant (ns UTC), MWh since the meter was set up.

    `version` orders them: settlement run, when it was made known, revision, document.
    """

    at: int
    withdrawn_mwh: float
    injected_mwh: float
    rolls_over_mwh: float | None
    version: _Version

    @property
    def net_mwh(self) -> float:
        """Withdrawal less injection."""
        return self.withdrawn_mwh - self.injected_mwh


class Registers:
    """Register readings of an area, by meter and instant; changed in place."""

    def __init__(self) -> None:
        self._points: dict[str, dict[int, RegisterPoint]] = {}

    def take(self, document: MeterDocument) -> set[str]:
        """Take a document's register readings in; return the meters that they changed."""
        version = (document.run, document.available_at, document.revision, document.document)
        changed = set()
        for reading in document.register_readings:
            kept = self._points.setdefault(reading.meter, {})
            injected = reading.injected_mwh or [0.0] * len(reading.at)
            for at, taken, given in zip(reading.at, reading.withdrawn_mwh, injected, strict=True):
                point = RegisterPoint(at, taken, given, reading.rolls_over_mwh, version)
                if at not in kept or _order(point) > _order(kept[at]):
                    kept[at] = point
                    changed.add(reading.meter)
        return changed

    def of(self, meter: str) -> list[RegisterPoint]:
        """Return the readings of a meter, by instant."""
        kept = self._points.get(meter, {})
        return [kept[at] for at in sorted(kept)]

    def forget(self, before: int) -> None:
        """Drop readings before `before` (ns UTC), but for the last one of each meter."""
        for meter, kept in self._points.items():
            old = sorted(at for at in kept if at < before)
            for at in old[: -1 if len(old) == len(kept) else len(old)]:
                del self._points[meter][at]

    def dump(self) -> Tree:
        """State as a tree."""
        return [
            [
                meter,
                [
                    [p.at, p.withdrawn_mwh, p.injected_mwh, p.rolls_over_mwh, list(p.version)]
                    for p in kept.values()
                ],
            ]
            for meter, kept in self._points.items()
        ]

    @classmethod
    def load(cls, tree: Any) -> Registers:
        """State from its tree."""
        registers = cls()
        for meter, points in tree:
            registers._points[meter] = {
                at: RegisterPoint(at, taken, given, limit, _version(version))
                for at, taken, given, limit, version in points
            }
        return registers


def net_difference(first: RegisterPoint, second: RegisterPoint) -> float | None:
    """Net energy (MWh) counted between two readings; None where a register fell.

    >>> version = (0, 0, 1, "d")
    >>> before = RegisterPoint(0, 99.5, 0.0, 100.0, version)
    >>> net_difference(before, RegisterPoint(1, 0.25, 0.0, 100.0, version))
    0.75
    """
    parts = []
    for before, after in (
        (first.withdrawn_mwh, second.withdrawn_mwh),
        (first.injected_mwh, second.injected_mwh),
    ):
        counted = after - before
        if counted < 0:
            if second.rolls_over_mwh is None:
                return None
            counted += second.rolls_over_mwh
        parts.append(counted)
    return parts[0] - parts[1]


def _order(point: RegisterPoint) -> tuple[_Version, float, float]:
    return (point.version, point.withdrawn_mwh, point.injected_mwh)


def _version(stored: Any) -> _Version:
    run, known, revision, document = stored
    return (run, known, revision, document)
