"""A stage: pure steps from input records to outcomes, run alike by every shell.

The embedded runner, the Faust worker, replays and crash tests drive the same stages. A stage
knows no client, no file and no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias, TypeVar

from forecasting.issue import Issue
from records.forecast import ForecastRun
from records.log import LogRecord, Outgoing, Partition
from records.snapshot import Tree

__all__ = ["Issued", "Outcome", "Scope", "Stage"]


class Scope(StrEnum):
    """What one state of a stage covers."""

    PARTITION = "partition"
    """One state for each partition number, of all input topics; partitions move freely."""
    ALL = "all"
    """One state over all input partitions, joined by their watermarks."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A forecast run to publish, with the numbers of every method behind it."""

    run: ForecastRun
    issue: Issue


Outcome: TypeAlias = Outgoing | Issued

S = TypeVar("S")


class Stage(Protocol[S]):
    """What every shell drives.

    Attributes
    ----------
    name
        Names its checkpoint and its workers.
    inputs
        Full names of the topics it reads.
    scope
        What one state covers.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def inputs(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def scope(self) -> Scope: ...  # noqa: D102

    def initial(self, partitions: Sequence[Partition]) -> S:
        """State before the first record of these partitions."""
        ...

    def step(self, state: S, record: LogRecord) -> tuple[S, list[Outcome]]:
        """Take one record in. The state passed in is consumed: use only the one returned.

        The outcomes are a pure function of the records stepped so far in each partition;
        which partition came first must not matter to what is eventually emitted.
        """
        ...

    def dump(self, state: S) -> Tree:
        """State as a tree for the checkpoint."""
        ...

    def load(self, tree: Tree) -> S:
        """State from a checkpoint's tree."""
        ...
