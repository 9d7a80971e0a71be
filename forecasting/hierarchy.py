"""Who sums to whom: a versioned tree (or forest) of series, of any depth, balanced or not."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from forecasting.arrays import FloatArray, IntArray

__all__ = ["Hierarchy"]


@dataclass(frozen=True)
class Hierarchy:
    """Nodes with their level and parent; a parent is the sum of its children.

    Parameters
    ----------
    ids
        One a node, unique; arrays of nodes are in this order.
    levels
        Name of each node's level, such as ``"region"``.
    parents
        Id of each node's parent; None at a root.
    version
        Name of this state of the tree; empty = a digest of the structure.

    Raises
    ------
    ValueError
        If ids repeat, a parent is unknown, or a node is its own ancestor.

    Examples
    --------
    >>> tree = Hierarchy(("all", "a", "b"), ("total", "zone", "zone"), (None, "all", "all"))
    >>> tree.aggregate(np.array([[1.0], [2.0]])).ravel().tolist()
    [3.0, 1.0, 2.0]
    """

    ids: tuple[str, ...]
    levels: tuple[str, ...]
    parents: tuple[str | None, ...]
    version: str = ""

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.levels) == len(self.parents):
            msg = "ids, levels and parents must have one entry a node"
            raise ValueError(msg)
        if len(set(self.ids)) != len(self.ids):
            repeated = sorted({i for i in self.ids if self.ids.count(i) > 1})
            msg = f"node ids repeat: {', '.join(repeated)}"
            raise ValueError(msg)
        unknown = {p for p in self.parents if p is not None} - set(self.ids)
        if unknown:
            msg = f"unknown parents: {', '.join(sorted(unknown))}"
            raise ValueError(msg)
        if (self.depth < 0).any():
            looped = self.ids[int(np.argmin(self.depth))]
            msg = f"node {looped!r} is its own ancestor"
            raise ValueError(msg)
        if not self.version:
            text = repr((self.ids, self.levels, self.parents)).encode()
            object.__setattr__(self, "version", hashlib.sha256(text).hexdigest()[:12])

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def parent_index(self) -> IntArray:
        """Place of each node's parent, -1 at a root, shape (n_nodes,)."""
        place = {node: i for i, node in enumerate(self.ids)}
        parents = [-1 if p is None else place[p] for p in self.parents]
        return np.array(parents, dtype=np.int64)

    @cached_property
    def depth(self) -> IntArray:
        """Number of ancestors of each node, shape (n_nodes,); -1 in a loop."""
        above, depth = self.parent_index.copy(), np.zeros(len(self.ids), dtype=np.int64)
        for _ in range(len(self.ids)):
            climbing = above >= 0
            if not climbing.any():
                return depth
            depth[climbing] += 1
            above[climbing] = self.parent_index[above[climbing]]
        return np.where(above >= 0, -1, depth)

    @cached_property
    def leaves(self) -> IntArray:
        """Places of the nodes without children, shape (n_leaves,)."""
        inner = np.unique(self.parent_index[self.parent_index >= 0])
        return np.setdiff1d(np.arange(len(self.ids)), inner)

    @cached_property
    def constraints(self) -> sparse.csr_array:
        """C with C y = 0: each inner node minus its children, shape (n_inner, n_nodes)."""
        inner = np.setdiff1d(np.arange(len(self.ids)), self.leaves)
        row_of = np.full(len(self.ids), -1)
        row_of[inner] = np.arange(len(inner))
        child = np.flatnonzero(self.parent_index >= 0)
        rows = np.concatenate([np.arange(len(inner)), row_of[self.parent_index[child]]])
        columns = np.concatenate([inner, child])
        values = np.concatenate([np.ones(len(inner)), -np.ones(len(child))])
        return sparse.csr_array((values, (rows, columns)), shape=(len(inner), len(self.ids)))

    @cached_property
    def summing_matrix(self) -> sparse.csr_array:
        """S with y = S y_leaves, shape (n_nodes, n_leaves)."""
        column = np.arange(len(self.leaves))
        node = self.leaves.copy()
        rows, columns = [], []
        while len(node):
            rows.append(node)
            columns.append(column)
            above = self.parent_index[node]
            node, column = above[above >= 0], column[above >= 0]
        place = (np.concatenate(rows), np.concatenate(columns))
        shape = (len(self.ids), len(self.leaves))
        return sparse.csr_array((np.ones(len(place[0])), place), shape=shape)

    def aggregate(self, leaf_values: FloatArray) -> FloatArray:
        """Return the values of all nodes from those of the leaves, shape (n_nodes, n_steps)."""
        return np.asarray(self.summing_matrix @ leaf_values)

    def incoherence(self, values: FloatArray) -> float:
        """Return the largest |sum of children - parent| / max(1, sum of |children|).

        Parameters
        ----------
        values
            Shape (n_nodes, n_steps), MW.
        """
        C = self.constraints
        if not C.shape[0]:
            return 0.0
        children = abs(C) @ np.abs(values) - np.abs(values[self._inner])
        return float(np.max(np.abs(C @ values) / np.maximum(1.0, children), initial=0.0))

    @cached_property
    def _inner(self) -> IntArray:
        return np.setdiff1d(np.arange(len(self.ids)), self.leaves)

    def level(self, name: str) -> IntArray:
        """Return the places of the nodes of a level."""
        return np.flatnonzero(np.array([level == name for level in self.levels]))

    def subset(self, kept: Collection[str]) -> Hierarchy:
        """Return a tree of the kept nodes under a new version; children climb to what remains."""
        keep = set(kept)
        above = dict(zip(self.ids, self.parents, strict=True))

        def remaining(parent: str | None) -> str | None:
            while parent is not None and parent not in keep:
                parent = above[parent]
            return parent

        rows: Sequence[tuple[str, str, str | None]] = [
            (node, level, remaining(parent))
            for node, level, parent in zip(self.ids, self.levels, self.parents, strict=True)
            if node in keep
        ]
        ids, levels, parents = zip(*rows, strict=True) if rows else ((), (), ())
        return Hierarchy(ids, levels, parents)
