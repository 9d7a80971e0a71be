"""Joining partitions by their watermarks, whatever order they arrive in.

Time is cut on a grid. The cut at time t holds, from every partition, exactly the records up
to and including the first whose watermark reached t. Each partition's share depends on that
partition alone, so the join is a pure function of the input logs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from records.log import Partition
from records.snapshot import Tree

__all__ = ["Cut", "CutJoin", "JoinState", "Share"]


@dataclass(frozen=True, slots=True)
class Share:
    """One input record's part in a cut: its event type, payload and offset."""

    kind: str
    value: bytes
    offset: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Everything known at `time` (ns UTC), by partition."""

    time: int
    shares: Mapping[Partition, Sequence[Share]]


@dataclass(slots=True)
class _Input:
    first: int | None = None
    until: int | None = None
    pending: list[Share] = field(default_factory=list)
    frozen: list[tuple[int, list[Share]]] = field(default_factory=list)


@dataclass(slots=True)
class JoinState:
    """Where every partition stands, and what waits for the others."""

    inputs: dict[Partition, _Input]
    released: int | None = None


class CutJoin:
    """Joins partitions at multiples of `step_ns`.

    >>> join, a, b = CutJoin(10), Partition("t", 0), Partition("t", 1)
    >>> state = join.initial([a, b])
    >>> join.take(state, a, Share("x", b"1", 0), watermark=20)
    []
    >>> [cut.time for cut in join.take(state, b, Share("x", b"2", 0), watermark=31)]
    []
    >>> [cut.time for cut in join.take(state, a, Share("x", b"3", 1), watermark=45)]
    [30]
    """

    def __init__(self, step_ns: int) -> None:
        self._step = step_ns

    def initial(self, partitions: Sequence[Partition]) -> JoinState:
        """State before the first record."""
        return JoinState({partition: _Input() for partition in partitions})

    def take(
        self,
        state: JoinState,
        partition: Partition,
        share: Share | None,
        watermark: int | None,
    ) -> list[Cut]:
        """Take one record in, in place, and return the cuts that it completes.

        Parameters
        ----------
        share
            What the record contributes; None for a tick.
        watermark
            The record's watermark, ns UTC; None leaves the partition's as it is.
        """
        entry = state.inputs[partition]
        if share is not None:
            entry.pending.append(share)
        if watermark is not None:
            self._advance(entry, watermark - watermark % self._step)
        return self._release(state)

    def _advance(self, entry: _Input, reached: int) -> None:
        if entry.until is None:
            entry.first = reached
            entry.frozen.append((reached, entry.pending))
        elif reached > entry.until:
            entry.frozen.append((entry.until + self._step, entry.pending))
        else:
            return
        entry.pending = []
        entry.until = reached

    def _release(self, state: JoinState) -> list[Cut]:
        untils = [entry.until for entry in state.inputs.values()]
        if any(until is None for until in untils):
            return []
        ready = min(until for until in untils if until is not None)
        if state.released is None:
            start = max(entry.first for entry in state.inputs.values() if entry.first is not None)
        else:
            start = state.released + self._step
        cuts = [self._cut(state, time) for time in range(start, ready + 1, self._step)]
        if cuts:
            state.released = cuts[-1].time
        return cuts

    @staticmethod
    def _cut(state: JoinState, time: int) -> Cut:
        shares: dict[Partition, list[Share]] = {}
        for partition, entry in state.inputs.items():
            due = [part for when, part in entry.frozen if when <= time]
            entry.frozen = entry.frozen[len(due) :]
            shares[partition] = [share for part in due for share in part]
        return Cut(time, shares)

    def dump(self, state: JoinState) -> Tree:
        """State as a tree."""
        return {
            "released": state.released,
            "inputs": [
                {
                    "topic": partition.topic,
                    "number": partition.number,
                    "first": entry.first,
                    "until": entry.until,
                    "pending": _dump_shares(entry.pending),
                    "frozen": [[time, _dump_shares(part)] for time, part in entry.frozen],
                }
                for partition, entry in state.inputs.items()
            ],
        }

    def load(self, tree: Mapping[str, Any]) -> JoinState:
        """State from its tree."""
        return JoinState(
            {
                Partition(item["topic"], item["number"]): _Input(
                    item["first"],
                    item["until"],
                    _load_shares(item["pending"]),
                    [(time, _load_shares(part)) for time, part in item["frozen"]],
                )
                for item in tree["inputs"]
            },
            tree["released"],
        )


def _dump_shares(shares: Sequence[Share]) -> Tree:
    return [[share.kind, share.value, share.offset] for share in shares]


def _load_shares(tree: Sequence[Sequence[Any]]) -> list[Share]:
    return [Share(kind, value, offset) for kind, value, offset in tree]
