"""The mid-term model: one additive model an instant of the day, for every series of a design."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from forecasting.arrays import Artefact, FloatArray, IntArray
from forecasting.design import Design
from forecasting.gram import rows_by_instant
from forecasting.link import Link
from forecasting.predictors import Predictors
from forecasting.specification import GamSpecification
from forecasting.threads import in_parts

__all__ = ["GamModel"]

_PART = 16_384  # coefficients of a column over instants, worth a thread of their own


@dataclass(frozen=True)
class GamModel:
    """Fitted additive models of all series that share one design.

    Attributes
    ----------
    design
        Terms with their ranges.
    link
        Scale of each series.
    coefficients
        Shape (n_instants, n_columns, n_series), on the standardised link scale.
    smoothing
        Pooled smoothing parameters, shape (n_instants, n_penalties).
    scale
        What each series multiplies them by, shape (n_series,).
    column_mean
        Mean of the design over the training rows of each instant, shape (n_instants, n_columns).
    reasons
        Per series: empty, or why its fit must not be used.
    """

    design: Design
    link: Link
    coefficients: FloatArray
    smoothing: FloatArray
    scale: FloatArray
    column_mean: FloatArray
    reasons: tuple[str, ...]

    @property
    def n_series(self) -> int:
        """Number of series."""
        return len(self.scale)

    def predict_standard(self, predictors: Predictors) -> FloatArray:
        """Return the forecast on the standardised link scale, shape (n_times, n_series)."""
        return self.standard(self.design.matrix(predictors), predictors.instant)

    def standard(self, X: FloatArray, instant: IntArray) -> FloatArray:
        """Return what ``predict_standard`` does from a design that is already there.

        Parameters
        ----------
        X
            Shape (n_times, n_columns); rows of NaN give NaN.
        instant
            Local instant of day of each row, shape (n_times,).
        """
        out = np.empty((len(X), self.n_series))
        present, place = np.unique(instant, return_inverse=True)

        def of_instants(part: slice) -> None:
            for k in range(part.start, part.stop):
                rows = np.flatnonzero(place == k)
                design, coefficients = X[rows], self.coefficients[present[k]]
                # A few rows leave most splines untouched; reading those costs more than the sums.
                needed = np.flatnonzero(design.any(axis=0))
                if 2 * len(needed) < design.shape[1]:
                    design, coefficients = design[:, needed], coefficients[needed]
                out[rows] = design @ coefficients

        in_parts(len(present), of_instants, at_least=max(1, _PART // self.n_series))
        return out

    def predict(self, predictors: Predictors) -> FloatArray:
        """Return the forecast in MW, shape (n_times, n_series).

        On the logarithmic scale this is the median, which percentage and absolute errors reward.
        """
        return self.link.inverse(self.predict_standard(predictors))

    def contributions(self, predictors: Predictors, series: IntArray | None = None) -> FloatArray:
        """Return what each term adds, shape (n_terms + 1, n_times, n_chosen).

        Row 0 is the level, the others follow ``design.term_names``. Each term is centred over the
        training rows of its instant. They sum to the forecast on the link scale of each series:
        log MW for a logarithmic series (so a contribution of 0.02 is about +2 %), MW for others.
        """
        chosen = np.arange(self.n_series) if series is None else series
        X = self.design.matrix(predictors)
        centred = X - self.column_mean[predictors.instant]
        offsets = self.design.offsets
        out = np.zeros((len(offsets), len(X), len(chosen)))
        for h, rows in enumerate(rows_by_instant(predictors.instant, len(self.coefficients))):
            if not len(rows):
                continue
            beta = self.coefficients[h][:, chosen]
            out[0, rows] = self.column_mean[h] @ beta
            for j, (a, b) in enumerate(pairwise(offsets), start=1):
                out[j, rows] = centred[rows, a:b] @ beta[a:b]
        out *= self.link.spread[chosen]
        out[0] += self.link.centre[chosen]
        return out

    def to_arrays(self) -> Artefact:
        """Return the model as plain arrays and facts."""
        names = ("coefficients", "smoothing", "scale", "column_mean")
        facts = {
            "specification": self.design.specification.to_facts(),
            "reasons": list(self.reasons),
        }
        arrays = {name: getattr(self, name) for name in names}
        return Artefact(arrays, facts).with_part("link", self.link.to_arrays())

    @classmethod
    def from_arrays(cls, stored: Artefact) -> GamModel:
        """Return the model that ``to_arrays`` wrote."""
        names = ("coefficients", "smoothing", "scale", "column_mean")
        return cls(
            design=Design(GamSpecification.from_facts(stored.facts["specification"])),
            link=Link.from_arrays(stored.part("link")),
            reasons=tuple(stored.facts["reasons"]),
            **{name: stored.arrays[name] for name in names},
        )
