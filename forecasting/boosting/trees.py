"""Boosted trees as a short-term expert: they learn what the other models leave behind.

Three ensembles for each span of leads, which differ in what they start from: the additive model,
the additive model with the autoregression, and the load at the same instant of the day before.
Their errors differ as well, so that the best mixture of them, and of the autoregression alone, is
better than each. It is found on the latest quarter of the targets by small ensembles that have not
seen it. LightGBM does the boosting, and is an extra: without it the other experts stand alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from forecasting.arrays import Artefact, FloatArray, IntArray
from forecasting.boosting.features import MEMORY_DAYS, Past, features
from forecasting.rolling_origin import Origins
from forecasting.stations import convex_weights

__all__ = ["BoostedModel", "BoostingMissingError", "fit_boosted", "require_lightgbm"]

_SPAN_HOURS = (0, 1, 3, 8, 16, 24, 36, 48, 96, 168)
_STARTS = ("base", "followed", "day_before")
_TREES, _TRIAL_TREES = 600, 150
_RATE, _TRIAL_RATE = 0.03, 0.1
_TRIAL_SHARE = 0.25
_TOWARDS_EQUAL = 0.1
_LEAST_ROWS = 500
_SETTINGS = {
    "objective": "l1",
    "num_leaves": 31,
    "min_data_in_leaf": 60,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "feature_fraction": 0.3,
    "lambda_l2": 10.0,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbose": -1,
    "num_threads": 1,
}


class BoostingMissingError(ImportError):
    """LightGBM is not installed."""

    def __init__(self) -> None:
        super().__init__("boosted trees need LightGBM: install gridcast with the extra 'boosting'")


@dataclass(frozen=True, slots=True)
class BoostedModel:
    """Ensembles of one series.

    Attributes
    ----------
    spans
        First and last + 1 lead of each span, shape (n_spans, 2).
    ensembles
        One a span and start, as LightGBM writes them.
    weights
        Of the ensembles and, last, of the autoregression alone, shape (n_spans, n_starts + 1).
    """

    spans: IntArray
    weights: FloatArray
    ensembles: tuple[tuple[str, ...], ...]

    def forecast(self, past: Past, origins: Origins, others: FloatArray) -> FloatArray:
        """Return the load on the link scale, shape (n_origins, n_steps).

        Parameters
        ----------
        past
            Of the series, the base reaching over the horizons.
        origins
            Where forecasts are made.
        others
            As they were for `fit_boosted`, shape (n_origins, n_steps, n_models).

        Raises
        ------
        BoostingMissingError
            Without LightGBM.
        """
        lgb = _lightgbm()
        out = np.full((len(origins.rows), origins.n_steps), np.nan)
        for (first, last), weights, texts in zip(
            self.spans.tolist(), self.weights, self.ensembles, strict=True
        ):
            leads = np.arange(first, min(last, origins.n_steps))
            if not len(leads):
                break
            origin, lead = np.repeat(origins.rows, len(leads)), np.tile(leads, len(origins.rows))
            told = others[:, leads].reshape(len(origin), -1)
            lines = features(past, origin, lead, told)
            mixture = weights[-1] * _start(past, "followed", origin, lead, told)
            for weight, start, text in zip(weights, _STARTS, texts, strict=False):
                if weight > 0.0:
                    added = np.asarray(lgb.Booster(model_str=text).predict(lines, num_threads=1))
                    mixture += weight * (_start(past, start, origin, lead, told) + added)
            out[:, leads] = mixture.reshape(len(origins.rows), -1)
        return out

    def to_arrays(self) -> Artefact:
        """Return the model as plain arrays and facts."""
        arrays = {"spans": self.spans, "weights": self.weights}
        return Artefact(arrays, {"ensembles": [list(texts) for texts in self.ensembles]})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> BoostedModel:
        """Return the model that ``to_arrays`` wrote."""
        ensembles = tuple(tuple(texts) for texts in stored.facts["ensembles"])
        return cls(stored.arrays["spans"], stored.arrays["weights"], ensembles)


def fit_boosted(
    past: Past, origins: Origins, others: FloatArray, *, most_rows: int = 40_000
) -> BoostedModel:
    """Learn from the forecasts that would have been made at past origins.

    Parameters
    ----------
    past
        The training window; its base is held out, so that what it misses is what it will miss.
    origins
        Training origins, the more the better.
    others
        What other models, the autoregression first, expected the base to miss, shape
        (n_origins, n_steps, n_models).
    most_rows
        Targets to learn from in each span of leads; drawn when there are more.

    Raises
    ------
    ValueError
        When an origin lies too early, or too few targets are known.
    BoostingMissingError
        Without LightGBM.
    """
    _lightgbm()
    if len(origins.rows) and origins.rows.min() < MEMORY_DAYS * past.n_instants:
        raise ValueError(f"origins must have {MEMORY_DAYS} days before them")
    per_hour = past.n_instants / 24
    edges = [round(hours * per_hour) for hours in _SPAN_HOURS]
    edges = [edge for edge in edges if edge < origins.n_steps] + [origins.n_steps]
    spans = np.array(sorted(set(pairwise(edges))), np.int64).reshape(-1, 2)
    ensembles, weights = [], []
    for first, last in spans.tolist():
        place, lead = _drawn(len(origins.rows), first, last, most_rows)
        origin, told = origins.rows[place], others[place, lead]
        target = past.load[origin + lead]
        lines = features(past, origin, lead, told)
        starts = np.stack([_start(past, name, origin, lead, told) for name in _STARTS])
        left = target - starts
        known = np.isfinite(left).all(axis=0) & np.isfinite(told).all(axis=1)
        if known.sum() < _LEAST_ROWS:
            raise ValueError(f"{known.sum()} known targets, at least {_LEAST_ROWS} are needed")
        lines, left = lines[known], left[:, known]
        weights.append(_best_mixture(lines, left, left[_STARTS.index("followed")]))
        ensembles.append(tuple(_grown(lines, each, _TREES).model_to_string() for each in left))
    return BoostedModel(spans, np.stack(weights), tuple(ensembles))


def require_lightgbm() -> None:
    """Go on where boosted trees can be grown.

    Raises
    ------
    BoostingMissingError
        Without LightGBM.
    """
    _lightgbm()


def _best_mixture(lines: FloatArray, left: FloatArray, left_alone: FloatArray) -> FloatArray:
    """Weights of small ensembles, and of none, on targets that these have not seen."""
    n_seen = int(len(lines) * (1 - _TRIAL_SHARE))
    seen, after = slice(0, n_seen), slice(n_seen, None)
    errors = []
    for each in left:
        small = _grown(lines[seen], each[seen], _TRIAL_TREES, _TRIAL_RATE)
        errors.append(each[after] - small.predict(lines[after], num_threads=1))
    errors.append(left_alone[after])
    products = np.stack(errors) @ np.stack(errors).T
    products += _TOWARDS_EQUAL * np.trace(products) / len(products) * np.eye(len(products))
    return np.asarray(convex_weights(products[None])[0])


def _grown(
    lines: FloatArray, left: FloatArray, n_trees: int, rate: float = _RATE
) -> Any:  # a lightgbm.Booster
    lgb = _lightgbm()
    settings = {**_SETTINGS, "learning_rate": rate}
    return lgb.train(settings, lgb.Dataset(lines, left), n_trees)


def _start(
    past: Past, name: str, origin: IntArray, lead: IntArray, others: FloatArray
) -> FloatArray:
    row = origin + lead
    if name == "day_before":
        start = past.load[past.day_before(origin, row)]
    else:
        start = past.base[row] + others[:, 0] if name == "followed" else past.base[row]
    return np.asarray(start)


def _drawn(n_origins: int, first: int, last: int, most: int) -> tuple[IntArray, IntArray]:
    """Places of origins and leads of a span, all of them or as many as allowed, evenly spread."""
    n_pairs = n_origins * (last - first)
    pair = np.arange(n_pairs)
    if n_pairs > most:
        pair = np.sort(np.random.default_rng(first).choice(n_pairs, most, replace=False))
    return pair // (last - first), first + pair % (last - first)


def _lightgbm() -> ModuleType:
    try:
        import lightgbm
    except ImportError as error:
        raise BoostingMissingError from error
    return lightgbm
