"""The result of a state estimation."""

from dataclasses import dataclass

import numpy as np

from network.arrays import Bools, Complexes, Floats

__all__ = ["Removal", "StateEstimate"]


@dataclass(frozen=True, slots=True)
class Removal:
    """A measurement that was taken out as bad.

    Attributes
    ----------
    row : int
        Of the telemetry.
    normalised : float
        Its residual by the residual's own standard deviation, when it was taken out.
    value, estimated : float
        What was measured, and what the rest says instead; in the measurement's unit.
    """

    row: int
    normalised: float
    value: float
    estimated: float


@dataclass(frozen=True, slots=True, eq=False)
class StateEstimate:
    """One consistent state of the network.

    Attributes
    ----------
    v : (n_bus,) complex
        Voltages, per unit; 0 at buses out of service.
    observed : (n_bus,) bool
        False where measurements do not determine the voltage.
    estimated : (m,) float
        Each measurement as the state has it, measured or not, in its own unit.
    residual : (m,) float
        Measured less estimated; NaN where nothing was measured.
    weight : (m,) float
        Inverse variances, per unit, of what the state rests on; 0 where a measurement is
        missing or was removed.
    removed : tuple of Removal
    objective : float
        J, the weighted sum of squared residuals of what was used.
    degrees_of_freedom : int
        Measurements used less states determined.
    plausible : bool
        Whether J is what noise alone would give.
    converged : bool
    iterations : int
    gain_renewed : bool
        Whether the state was too far from where the gain was taken: the result is as good,
        but took longer. See :meth:`network.estimator.Estimator.recentred`.
    s_from_mva, s_to_mva : (n_branch,) complex
        Flow into each branch at either end; 0 out of service.
    s_bus_mva : (n_bus,) complex
        Net injection at each bus, shunts left out.
    """

    v: Complexes
    observed: Bools
    estimated: Floats
    residual: Floats
    weight: Floats
    removed: tuple[Removal, ...]
    objective: float
    degrees_of_freedom: int
    plausible: bool
    converged: bool
    iterations: int
    gain_renewed: bool
    s_from_mva: Complexes
    s_to_mva: Complexes
    s_bus_mva: Complexes

    @property
    def used(self) -> Bools:
        """Measurements ``(m,)`` that the state rests on: neither missing nor removed."""
        return self.weight > 0

    @property
    def j_per_dof(self) -> float:
        """J by its degrees of freedom; NaN without any."""
        if self.degrees_of_freedom <= 0:
            return float("nan")
        return self.objective / self.degrees_of_freedom

    @property
    def loss_mw(self) -> Floats:
        """Active losses of each branch, ``(n_branch,)`` MW."""
        return np.real(self.s_from_mva + self.s_to_mva)
