"""What another meter says of a sum: the gap between its parts and it, and what that leaves a part.

A balance sets the leaves below one node against one metered series of the whole. What they differ
by in honest times (losses, what is not metered) is its offset; a gap beyond that is somebody's
false reading, if the other meter is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, BoolArray, FloatArray, IntArray
from forecasting.hierarchy import Hierarchy

__all__ = ["Balances"]

_LEAST = 7
"""Days of honest past that a balance needs."""
_FLOOR = 0.002
"""Least noise of a gap, as a share of the metered sum."""


@dataclass(frozen=True, slots=True)
class Balances:
    """Balances of one hierarchy.

    Attributes
    ----------
    of_leaf
        Balance of each leaf, the nearest above it, -1 = none, shape (n_leaves,).
    member
        Whether a leaf lies below the node of a balance, shape (n_balances, n_leaves).
    offset, noise
        Median gap of honest times, and its robust standard deviation, MW, shape (n_balances,);
        NaN where too little is known: such a balance says nothing.
    """

    of_leaf: IntArray
    member: BoolArray
    offset: FloatArray
    noise: FloatArray

    @classmethod
    def learnt(
        cls,
        tree: Hierarchy,
        nodes: Sequence[str],
        leaves: FloatArray,
        metered: FloatArray,
        per_day: int,
    ) -> Balances:
        """Learn what gaps are usual from an honest past.

        Parameters
        ----------
        nodes
            Node of each balance.
        leaves, metered
            MW, shapes (n_steps, n_leaves) and (n_steps, n_balances); NaN = missing.
        per_day
            Steps of a day.
        """
        place = {name: i for i, name in enumerate(tree.ids)}
        S = tree.summing_matrix
        member = np.array([S[[place[node]], :].toarray()[0] > 0 for node in nodes], np.bool_)
        member = member.reshape(len(nodes), len(tree.leaves))
        of_leaf = np.full(len(tree.leaves), -1, np.int64)
        for balance in np.argsort(tree.depth[[place[node] for node in nodes]], kind="stable"):
            of_leaf[member[balance]] = balance
        gap = leaves @ member.T - metered
        offset, noise = np.full(len(nodes), np.nan), np.full(len(nodes), np.nan)
        for balance in range(len(nodes)):
            known = gap[np.isfinite(gap[:, balance]), balance]
            if len(known) >= _LEAST * per_day:
                offset[balance] = np.median(known)
                spread = 1.4826 * np.median(np.abs(known - offset[balance]))
                floor = _FLOOR * float(np.nanmean(np.abs(metered[:, balance])))
                noise[balance] = max(spread, floor)
        return cls(of_leaf, member, offset, noise)

    def gap(self, leaves: FloatArray, metered: FloatArray) -> FloatArray:
        """Return how far the parts stand above the whole beyond the usual, MW.

        Parameters
        ----------
        leaves, metered
            MW, shapes (n_steps, n_leaves) and (n_steps, n_balances).

        Returns
        -------
        FloatArray
            Shape (n_steps, n_balances), NaN where anything is missing.

        Examples
        --------
        >>> tree = Hierarchy(("all", "a", "b"), ("total", "zone", "zone"), (None, "all", "all"))
        >>> past = np.tile([2.0, 3.0], (7, 1))
        >>> balances = Balances.learnt(tree, ["all"], past, np.full((7, 1), 5.5), per_day=1)
        >>> balances.gap(np.array([[4.0, 3.0]]), np.array([[5.5]])).tolist()
        [[2.0]]
        """
        return np.asarray(leaves @ self.member.T - metered - self.offset)

    def credible(
        self,
        leaves: FloatArray,
        metered: FloatArray,
        starts: IntArray,
        distrusted: BoolArray,
        since: IntArray,
    ) -> FloatArray:
        """Return the leaves, of those that are distrusted what the balance leaves them.

        Parameters
        ----------
        starts
            Of the steps, ns UTC, shape (n_steps,).
        distrusted, since
            Leaves that are not believed, and from when on (ns UTC), shape (n_leaves,). Two of one
            balance cannot be told apart: both are missing.
        """
        if not distrusted.any():
            return leaves
        out = np.array(leaves, np.float64)
        for leaf in np.flatnonzero(distrusted).tolist():
            balance = self.of_leaf[leaf]
            alone = balance >= 0 and (distrusted & self.member[balance]).sum() == 1
            told = np.full(len(leaves), np.nan)
            if alone:
                others = self.member[balance].copy()
                others[leaf] = False
                told = metered[:, balance] + self.offset[balance] - leaves[:, others].sum(axis=1)
            out[:, leaf] = np.where(starts >= since[leaf], told, out[:, leaf])
        return out

    def to_arrays(self) -> Artefact:
        """Return the balances as plain arrays."""
        return Artefact({name: getattr(self, name) for name in self.__slots__}, {})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> Balances:
        """Return the balances that ``to_arrays`` wrote."""
        return cls(**{name: stored.arrays[name] for name in cls.__slots__})
