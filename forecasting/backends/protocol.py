"""What a fitting backend must do."""

from __future__ import annotations

from typing import Protocol

from forecasting.arrays import FloatArray, IntArray
from forecasting.gam_fitting import GamFit
from forecasting.link import Link
from forecasting.predictors import Predictors
from forecasting.residuals import ArModel
from forecasting.specification import GamSpecification

__all__ = ["MidTermFit", "ResidualFit"]


class MidTermFit(Protocol):
    """Fits additive models; ``gam_fitting.fit_gam`` says what the arguments mean."""

    def __call__(
        self,
        specification: GamSpecification,
        predictors: Predictors,
        load: FloatArray,
        n_instants: int,
        *,
        link: Link | None = None,
        smoothing: FloatArray | None = None,
        blocks: IntArray | None = None,
    ) -> GamFit:
        """Return the fitted models and, given blocks, the residuals held out by block."""
        ...


class ResidualFit(Protocol):
    """Fits autoregressions; ``residuals.fit_ar`` says what the arguments mean."""

    def __call__(
        self, residuals: FloatArray, lags: tuple[int, ...], instant: IntArray, n_instants: int
    ) -> ArModel:
        """Return the fitted autoregressions. A backend may use lags of its own."""
        ...
