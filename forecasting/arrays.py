"""Names for the array types that the package passes around, and the form a model is stored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
AnyArray: TypeAlias = npt.NDArray[Any]

__all__ = ["AnyArray", "Artefact", "BoolArray", "FloatArray", "IntArray"]


@dataclass(frozen=True, slots=True)
class Artefact:
    """A model as plain arrays and JSON-able facts: an npz and a JSON file hold it, no pickle.

    Examples
    --------
    >>> inner = Artefact({"beta": np.zeros(2)}, {"scale": "log"})
    >>> outer = Artefact({}, {}).with_part("gam", inner)
    >>> sorted(outer.arrays), outer.part("gam").facts
    (['gam/beta'], {'scale': 'log'})
    """

    arrays: Mapping[str, AnyArray]
    facts: Mapping[str, Any]

    def with_part(self, name: str, part: Artefact) -> Artefact:
        """Return this artefact with another one filed under ``name``."""
        arrays = {**self.arrays, **{f"{name}/{key}": a for key, a in part.arrays.items()}}
        return Artefact(arrays, {**self.facts, name: dict(part.facts)})

    def part(self, name: str) -> Artefact:
        """Return what ``with_part`` filed under ``name``."""
        head = f"{name}/"
        inside = {k[len(head) :]: a for k, a in self.arrays.items() if k.startswith(head)}
        return Artefact(inside, self.facts[name])
