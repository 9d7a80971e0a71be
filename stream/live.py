"""What is believed of an area now, in order of arrival: the memory behind the live view.

Late readings belong to their windows; here only what is newer than the last reading of its
point counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from records.finding import Finding
from records.quality import NOT_BELIEVED, Quality
from records.snapshot import Tree
from records.time import SECOND
from stream.frame_rows import FrameRows
from stream.sequence import Memory, judge
from stream.validation import Rule, RuleLimits, describe

__all__ = ["Live", "judge_live"]

_NOT_BELIEVED = np.uint16(NOT_BELIEVED)
_SUSPECT = np.uint16(Quality.SUSPECT)
_MISSING = np.uint16(Quality.MISSING)


@dataclass(slots=True)
class Live:
    """Live memory of an area; arrays of shape (n_points,).

    Parameters
    ----------
    memory
        Each point's past.
    source
        Bits of the last reading, with SUSPECT where a rule was broken.
    quality
        Bits at the last scan: those of its reading, of the last one where a live link was
        silent by exception, else MISSING.
    broken
        `Rule` bits that the last reading broke: a finding is made when a bit appears.
    """

    memory: Memory
    source: npt.NDArray[np.uint16]
    quality: npt.NDArray[np.uint16]
    broken: npt.NDArray[np.uint16]

    @classmethod
    def empty(cls, n_points: int) -> Live:
        """Nothing received yet."""
        return cls(
            Memory.empty(n_points),
            np.full(n_points, _MISSING, np.uint16),
            np.full(n_points, _MISSING, np.uint16),
            np.zeros(n_points, np.uint16),
        )

    def silence(self) -> None:
        """The link is silent: nothing is measured any more."""
        self.quality |= _MISSING

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "memory": self.memory.dump(),
            "source": self.source,
            "quality": self.quality,
            "broken": self.broken,
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> Live:
        """State from its tree."""
        return cls(Memory.load(tree["memory"]), tree["source"], tree["quality"], tree["broken"])


def judge_live(
    live: Live, placed: FrameRows, scan_time: int, viewed: int, limits: RuleLimits
) -> list[Finding]:
    """Take a frame's readings in and return a finding for each condition that starts.

    Parameters
    ----------
    live
        Changed in place.
    placed
        The readings.
    scan_time
        Time of the scan, ns UTC.
    viewed
        Time of the last view: a newer scan begins a new one.
    limits
        Limits of the rules.
    """
    table = placed.table
    if scan_time > viewed and not placed.complete:
        live.quality = np.full(len(live.quality), _MISSING, np.uint16)
        if table.any_by_exception:
            silent = table.by_exception.copy()
            silent[placed.block.row] = False
            rows = np.flatnonzero(silent)
            live.memory.confirm(rows, scan_time)
            live.quality[rows] = live.source[rows]
    if placed.block.single:
        return _judge_once(live, placed, limits)
    findings = []
    order = np.argsort(placed.block.time, kind="stable")
    while len(order):
        _, first = np.unique(placed.block.row[order], return_index=True)
        findings += _judge_once(live, placed.select(order[first]), limits)
        order = np.delete(order, first)
    return findings


def _judge_once(live: Live, placed: FrameRows, limits: RuleLimits) -> list[Finding]:
    """Judge readings of which no two are of one point."""
    memory, block = live.memory, placed.block
    newer = block.time > memory.seen[placed.rows]
    if np.count_nonzero(newer) != len(newer):
        _correct(live, placed)
        placed = placed.select(newer)
        block = placed.block
    if not len(block.row):
        return []
    rows = placed.rows
    _, odd = judge(
        memory,
        placed.table,
        limits,
        rows,
        block.time,
        block.value,
        (block.quality & _NOT_BELIEVED) == 0,
    )
    quality, broken = block.quality, placed.broken
    if odd is not None:
        broken = broken | odd
        quality = np.where(odd != 0, quality | _SUSPECT, quality)
    started = broken & ~live.broken[rows]
    live.broken[rows], live.source[rows], live.quality[rows] = broken, quality, quality
    if not np.count_nonzero(started):
        return []
    return _findings(memory, placed, started, limits)


def _correct(live: Live, placed: FrameRows) -> None:
    """A higher version of the very reading that is believed replaces it."""
    block, memory = placed.block, live.memory
    same = (
        (block.version > 1)
        & (block.time == memory.time[block.row])
        & ((block.quality & _NOT_BELIEVED) == 0)
    )
    rows = block.row[same]
    memory.value[rows] = block.value[same]
    live.source[rows] = live.quality[rows] = block.quality[same]


def _findings(
    memory: Memory, placed: FrameRows, started: npt.NDArray[np.uint16], limits: RuleLimits
) -> list[Finding]:
    findings = []
    table, block = placed.table, placed.block
    for index in np.flatnonzero(started).tolist():
        row = int(block.row[index])
        findings += describe(
            str(table.ids[row]),
            Rule(int(started[index])),
            int(block.time[index]),
            float(block.value[index]),
            low=float(table.low[row]),
            high=float(table.high[row]),
            last=float(memory.value[row]),
            rate=float(table.rate_per_ns[row]) * SECOND,
            frozen=limits.frozen_after / SECOND,
        )
    return findings
