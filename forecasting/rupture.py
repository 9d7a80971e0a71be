"""Watches forecast innovations for ruptures: a lasting shift, a change of spread, a frozen signal.

Every series keeps a two-sided CUSUM of its standardised, clipped innovations (Page, Biometrika
41, 1954) for the level and one of their squares for the spread. Clipping tells an outlier from a
rupture: one wild reading, however large, cannot fill a CUSUM; a lasting shift does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.arrays import Artefact, BoolArray, FloatArray, IntArray
from forecasting.rupture_state import Observed

__all__ = [
    "RuptureEvents",
    "RuptureRules",
    "RuptureState",
    "levels_around_onset",
    "observed",
    "step",
]

LEVEL, SPREAD, FROZEN, OUTLIER = "level", "variance", "frozen", "outlier"


@dataclass(frozen=True, slots=True)
class RuptureRules:
    """Settings of the detector, in standard deviations of the innovations.

    With ``drift`` 0.5 and ``threshold`` 14 a two-sided CUSUM of independent normal innovations
    raises a false alarm about once in 2 ARL = 2e6 steps and more by Siegmund's approximation
    (exp(2 k b) - 2 k b - 1) / (2 k^2) / 2 with b = threshold + 1.166; innovations of load have
    heavier tails, which the clipping contains.
    """

    drift: float = 0.5
    threshold: float = 14.0
    clip: float = 3.0
    outlier: float = 6.0
    spread_drift: float = 1.5
    spread_threshold: float = 60.0
    frozen_steps: int = 6
    forget: float = 0.01

    def mean_run_length(self) -> float:
        """Return the mean number of steps between false level alarms (Siegmund 1985).

        Examples
        --------
        >>> RuptureRules(drift=0.5, threshold=4.0).mean_run_length() > 150
        True
        """
        b = self.threshold + 1.166
        k = self.drift
        return float((np.exp(2 * k * b) - 2 * k * b - 1) / (2 * k * k) / 2)


@dataclass(frozen=True, slots=True)
class RuptureState:
    """What the detector keeps, every field of shape (n_series,).

    Attributes
    ----------
    scale
        Robust standard deviation of the innovations.
    up, down, spread
        CUSUMs of a rise, a fall, and of the squares.
    up_steps, down_steps, spread_steps
        Steps since each CUSUM last stood at zero: the estimated onset.
    same_steps
        Steps the reading has not changed.
    last
        Last reading, MW; NaN before the first.
    """

    scale: FloatArray
    up: FloatArray
    down: FloatArray
    spread: FloatArray
    up_steps: IntArray
    down_steps: IntArray
    spread_steps: IntArray
    same_steps: IntArray
    last: FloatArray

    @classmethod
    def starting(cls, scale: FloatArray) -> RuptureState:
        """Return the state of a watch that begins now.

        Parameters
        ----------
        scale
            Standard deviation of the one-step innovations, e.g. ``ArModel.innovation_sd``.
        """
        zero, none = np.zeros(len(scale)), np.zeros(len(scale), dtype=np.int64)
        safe = np.where(scale > 0, scale, 1.0)
        unknown = np.full(len(scale), np.nan)
        return cls(safe, zero, zero, zero, none, none, none, none, unknown)

    def to_arrays(self) -> Artefact:
        """Return the state as plain arrays."""
        return Artefact({name: getattr(self, name) for name in self.__slots__}, {})

    @classmethod
    def from_arrays(cls, stored: Artefact) -> RuptureState:
        """Return the state that ``to_arrays`` wrote."""
        return cls(**{name: stored.arrays[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class RuptureEvents:
    """What one step found, one entry an event.

    Attributes
    ----------
    series
        Place of the series.
    kind
        ``level``, ``variance``, ``frozen`` (ruptures) or ``outlier`` (transient).
    onset_steps
        Steps back to the estimated onset; 0 = this step.
    statistic, threshold
        The evidence.
    """

    series: IntArray
    kind: tuple[str, ...]
    onset_steps: IntArray
    statistic: FloatArray
    threshold: FloatArray

    def __len__(self) -> int:
        return len(self.series)


def step(
    state: RuptureState,
    innovations: FloatArray,
    readings: FloatArray,
    rules: RuptureRules | None = None,
) -> tuple[RuptureState, RuptureEvents]:
    """Take in the innovations of one interval.

    Parameters
    ----------
    innovations
        Reading minus its one-step forecast, on the scale of ``state.scale``, shape (n_series,);
        NaN = missing: nothing moves but the frozen count starts again.
    readings
        The readings themselves, shape (n_series,).

    Returns
    -------
    tuple
        The state after (a CUSUM that fired starts again at zero) and the events.
    """
    rules = rules or RuptureRules()
    known = np.isfinite(innovations) & np.isfinite(readings)
    z = np.where(known, innovations, 0.0) / state.scale
    clipped = np.clip(z, -rules.clip, rules.clip)
    up = np.where(known, np.maximum(0.0, state.up + clipped - rules.drift), state.up)
    down = np.where(known, np.maximum(0.0, state.down - clipped - rules.drift), state.down)
    excess = clipped**2 - rules.spread_drift
    spread = np.where(known, np.maximum(0.0, state.spread + excess), state.spread)
    same = np.where(known & (readings == state.last), state.same_steps + 1, 0)
    since_up = _since(state.up_steps, up, known)
    since_down = _since(state.down_steps, down, known)
    since_spread = _since(state.spread_steps, spread, known)

    rose, fell = up > rules.threshold, down > rules.threshold
    shifted = rose | fell
    widened = (spread > rules.spread_threshold) & ~shifted
    froze = same == rules.frozen_steps
    wild = known & (np.abs(z) > rules.outlier) & ~shifted
    level_statistic = np.maximum(up, down)
    level_onset = np.where(rose, since_up, since_down)
    events = _collected(
        (LEVEL, shifted, level_onset, level_statistic, rules.threshold),
        (SPREAD, widened, since_spread, spread, rules.spread_threshold),
        (FROZEN, froze, same, same.astype(np.float64), float(rules.frozen_steps)),
        (OUTLIER, wild, np.zeros_like(same), np.abs(z), rules.outlier),
    )
    # The scale follows slowly, through clipped squares: E min(z^2, 9) = 0.995 for a normal z.
    drifted = state.scale * np.sqrt(1.0 + rules.forget * (clipped**2 / 0.995 - 1.0))
    fired = shifted | widened
    after = RuptureState(
        scale=np.where(known, drifted, state.scale),
        up=np.where(shifted, 0.0, up),
        down=np.where(shifted, 0.0, down),
        spread=np.where(fired, 0.0, spread),
        up_steps=np.where(shifted, 0, since_up),
        down_steps=np.where(shifted, 0, since_down),
        spread_steps=np.where(fired, 0, since_spread),
        same_steps=same,
        last=np.where(known, readings, np.nan),
    )
    return after, events


def observed(
    state: RuptureState, events: RuptureEvents, rules: RuptureRules, start: int, step_ns: int
) -> Observed:
    """Return what a step says about whether models may be used.

    A step of the level is what a model does not survive. More scatter leaves its mean right, and
    a frozen reading is a fault of the measurement: both make a series suspect only.

    Parameters
    ----------
    state, events
        After the step.
    start
        Of the step, ns UTC.
    step_ns
        Length of a step.
    """
    n = len(state.scale)
    level = np.maximum(state.up, state.down) / rules.threshold
    suspicion = np.maximum(level, state.spread / rules.spread_threshold)
    suspicion = np.maximum(suspicion, (state.same_steps >= rules.frozen_steps).astype(np.float64))
    ruptured = np.zeros(n, dtype=np.bool_)
    onset = np.full(n, start, np.int64)
    statistic, threshold = np.zeros(n), np.ones(n)
    lasting = np.array([kind == LEVEL for kind in events.kind], dtype=np.bool_)
    place = events.series[lasting]
    ruptured[place] = True
    # The CUSUM left zero one step before it counted one.
    onset[place] = start - step_ns * np.maximum(events.onset_steps[lasting] - 1, 0)
    statistic[place] = events.statistic[lasting]
    threshold[place] = events.threshold[lasting]
    return Observed(suspicion, ruptured, onset, statistic, threshold)


def levels_around_onset(
    events: RuptureEvents, loads: FloatArray, per_day: int
) -> tuple[FloatArray, FloatArray]:
    """Return the mean level before and since the onset of each event, MW.

    Parameters
    ----------
    loads
        Up to the step on which they were found, shape (n, n_series), NaN = missing.
    per_day
        Steps of a day: the level before is that of the same instants, whole days back.

    Returns
    -------
    tuple
        Two arrays of shape (n_events,), NaN where nothing is known.
    """
    before, after = np.full(len(events), np.nan), np.full(len(events), np.nan)
    for i, (series, back) in enumerate(zip(events.series, events.onset_steps, strict=True)):
        n = int(back) + 1
        days = -(-n // per_day) * per_day
        after[i] = _mean_known(loads[max(0, len(loads) - n) :, series])
        before[i] = _mean_known(
            loads[max(0, len(loads) - n - days) : max(0, len(loads) - days), series]
        )
    return before, after


def _mean_known(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _since(steps: IntArray, statistic: FloatArray, known: BoolArray) -> IntArray:
    return np.where(known, np.where(statistic > 0, steps + 1, 0), steps)


def _collected(
    *found: tuple[str, BoolArray, IntArray, FloatArray, float],
) -> RuptureEvents:
    places = [np.flatnonzero(hit) for _, hit, *_ in found]
    kinds = [(kind,) * len(place) for (kind, *_), place in zip(found, places, strict=True)]
    rows = list(zip(found, places, strict=True))
    return RuptureEvents(
        series=np.concatenate(places),
        kind=tuple(kind for group in kinds for kind in group),
        onset_steps=np.concatenate([onset[place] for (_, _, onset, _, _), place in rows]),
        statistic=np.concatenate([value[place] for (_, _, _, value, _), place in rows]),
        threshold=np.concatenate([np.full(len(p), limit) for (*_, limit), p in rows]),
    )
