"""Names for the array types that the network package passes around."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Bools", "Complexes", "Floats", "Ints", "Sparse", "Strings"]

Bools: TypeAlias = npt.NDArray[np.bool_]
Complexes: TypeAlias = npt.NDArray[np.complex128]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
# The stubs cannot tell a matrix product from a matrix-vector product.
Sparse: TypeAlias = Any
Strings: TypeAlias = npt.NDArray[np.str_]
