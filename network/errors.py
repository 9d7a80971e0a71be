"""What the network package raises when work cannot go on.

::

    NetworkError
    ├── BadCase         a case file or table cannot be read
    ├── NotConverged    an iteration ended without a solution
    └── NotObservable   the measurements do not determine any state

Findings that do not stop the work are values: see :mod:`network.validation`.
"""

__all__ = ["BadCase", "NetworkError", "NotConverged", "NotObservable"]


class NetworkError(Exception):
    """Base of the exceptions of this package."""


class BadCase(NetworkError):
    """A case cannot be read; the message says what, where, and what to do."""


class NotConverged(NetworkError):  # noqa: N818
    """An iteration ended without a solution.

    Parameters
    ----------
    message : str
        What did not converge.
    iterations : int
        Iterations done.
    mismatch : float
        The largest remaining mismatch, per unit.
    """

    def __init__(self, message: str, *, iterations: int, mismatch: float) -> None:
        super().__init__(f"{message} after {iterations} iterations (mismatch {mismatch:.3g} pu)")
        self.iterations = iterations
        self.mismatch = mismatch


class NotObservable(NetworkError):  # noqa: N818
    """The measurements do not determine any part of the state."""
