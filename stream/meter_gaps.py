"""Estimates of the energies that one meter is missing, from its registers and its own habits.

Where two register readings enclose a gap, what they counted less what was measured between them is
the energy of the gap, to the last digit; the meter's typical profile only spreads it. Elsewhere the
profile stands at the level of the days before. The last value is never held: it would put a
customer's dinner on the whole night.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from records.finding import Finding
from records.meter_estimate import EstimateInputs, EstimateMethod, RegisterUsed
from records.time import DAY
from stream.local_clock import N_SLOTS
from stream.meter_registers import RegisterPoint, net_difference

__all__ = ["GapEstimate", "GapRules", "MeterSeries", "estimate_gaps"]

_HOURS = 24


@dataclass(frozen=True, slots=True)
class GapRules:
    """How gaps are estimated; ns and shares.

    Parameters
    ----------
    span
        How far before a gap readings teach its profile.
    least
        Readings must cover so much of that time, ns.
    level
        How far before the gap the profile is scaled by.
    most_scaled
        The profile is multiplied by this at most, and divided by it at most.
    """

    span: int = 14 * DAY
    least: int = 3 * DAY
    level: int = 3 * DAY
    most_scaled: float = 2.0


@dataclass(frozen=True, slots=True)
class MeterSeries:
    """What stands of one meter, period by period without a hole; arrays of shape (n_periods,).

    Parameters
    ----------
    name
        The meter, for findings.
    first, period
        Start of the first period, ns UTC, and length of each, ns.
    net_mwh
        Withdrawal less injection; NaN = missing.
    revision
        Of the reading that stands, 0 = none ever came.
    slot
        Hour and day type, `stream.local_clock.LocalClock.slot`.
    """

    name: str
    first: int
    period: int
    net_mwh: npt.NDArray[np.float64]
    revision: npt.NDArray[np.int32]
    slot: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GapEstimate:
    """Energies of some missing periods that were found together.

    `place` are their numbers in the series, shape (n_missing,); `energy_mwh` the estimates.
    """

    place: npt.NDArray[np.int64]
    energy_mwh: npt.NDArray[np.float64]
    method: EstimateMethod
    inputs: EstimateInputs


def estimate_gaps(
    series: MeterSeries,
    registers: Sequence[RegisterPoint],
    rules: GapRules,
    since: int = 0,
) -> tuple[list[GapEstimate], list[Finding]]:
    """Estimate every missing period of a meter.

    Parameters
    ----------
    series
        The readings, up to where they are due.
    registers
        Register readings by instant; those between two periods are left out.
    rules
        Limits.
    since
        Number of the first period that may be estimated.

    Returns
    -------
    Estimates, each period in one at most, and what stood in their way: `register_fell`,
    `register_apart` (it counted less than was measured), `not_estimable` (too little is known).
    """
    missing = np.isnan(series.net_mwh)
    missing[:since] = False
    if not missing.any():
        return [], []
    estimates, findings = [], []
    for first, second in pairwise(_on_periods(series, registers)):
        i, j = (_place(series, point.at) for point in (first, second))
        gap = np.flatnonzero(missing[i:j]) + i
        if not len(gap) or np.isnan(series.net_mwh[i:since]).any():
            continue
        found = _between(series, first, second, gap, rules)
        if isinstance(found, Finding):
            findings.append(found)
        else:
            estimates.append(found)
            missing[gap] = False
    left = np.flatnonzero(missing)
    for run in np.split(left, np.flatnonzero(np.diff(left) > 1) + 1):
        if len(run):
            typical = _typical(series, run, rules)
            if isinstance(typical, Finding):
                findings.append(typical)
            else:
                estimates.append(typical)
    return estimates, findings


def _between(
    series: MeterSeries,
    first: RegisterPoint,
    second: RegisterPoint,
    gap: npt.NDArray[np.int64],
    rules: GapRules,
) -> GapEstimate | Finding:
    """Share out what two registers counted and no reading accounts for."""
    counted = net_difference(first, second)
    moment = series.first + int(gap[0]) * series.period
    if counted is None:
        return Finding(
            series.name, "register_fell", second.at, second.net_mwh, "registers count up"
        )
    between = series.net_mwh[_place(series, first.at) : _place(series, second.at)]
    measured = between[np.isfinite(between)]
    energy = counted - float(measured.sum())
    if energy < 0 and (measured >= 0).all() and counted >= 0:
        return Finding(
            series.name, "register_apart", moment, counted, f"{measured.sum():g} MWh or more"
        )
    profile, taught = _profile(series, int(gap[0]), rules)
    weight = profile[series.slot[gap]]
    method = EstimateMethod.REGISTER_PROFILE
    if not np.isfinite(weight).all():
        method, taught = EstimateMethod.REGISTER_EVEN, taught[:0]
        spread = np.full(len(gap), energy / len(gap))
    elif (weight > 0).all() and energy >= 0:
        spread = energy * weight / weight.sum()
    else:  # directions mix: a profile that crosses zero cannot be stretched, only moved
        spread = weight + (energy - weight.sum()) / len(gap)
    used = [_used(first), _used(second)]
    inputs = _inputs(series, taught, used, measured, None)
    return GapEstimate(gap, spread, method, inputs)


def _typical(
    series: MeterSeries, run: npt.NDArray[np.int64], rules: GapRules
) -> GapEstimate | Finding:
    """Put the typical profile at the level of the days before the gap."""
    profile, taught = _profile(series, int(run[0]), rules)
    expected = profile[series.slot[run]]
    if len(taught) * series.period < rules.least or not np.isfinite(expected).all():
        known = len(taught) * series.period / DAY
        return Finding(
            series.name,
            "not_estimable",
            series.first + int(run[0]) * series.period,
            known,
            f"{rules.least / DAY:g} days of readings before the gap, of every hour in it",
        )
    near = taught[taught >= run[0] - rules.level // series.period]
    actual, usual = series.net_mwh[near], profile[series.slot[near]]
    scale = 1.0
    if len(near) and (usual > 0).all() and actual.sum() > 0:
        scale = float(np.clip(actual.sum() / usual.sum(), 1 / rules.most_scaled, rules.most_scaled))
    inputs = _inputs(series, taught, [], actual, scale)
    return GapEstimate(run, scale * expected, EstimateMethod.TYPICAL_SCALED, inputs)


def _profile(
    series: MeterSeries, before: int, rules: GapRules
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Mean energy of each slot before a gap, NaN where unknown, and the readings it is from.

    An hour that was not measured on days of its type takes the mean of that hour on all days.
    """
    begin = max(0, before - rules.span // series.period)
    taught = np.flatnonzero(np.isfinite(series.net_mwh[begin:before])) + begin
    slot, energy = series.slot[taught], series.net_mwh[taught]
    total = np.bincount(slot, energy, N_SLOTS)
    count = np.bincount(slot, minlength=N_SLOTS)
    hour_total = total.reshape(-1, _HOURS).sum(axis=0)
    hour_count = count.reshape(-1, _HOURS).sum(axis=0)
    with np.errstate(invalid="ignore"):
        profile = np.where(count > 0, total / count, np.tile(hour_total / hour_count, 3))
    return profile, taught


def _on_periods(series: MeterSeries, registers: Sequence[RegisterPoint]) -> list[RegisterPoint]:
    end = series.first + len(series.net_mwh) * series.period
    return [
        point
        for point in registers
        if series.first <= point.at <= end and (point.at - series.first) % series.period == 0
    ]


def _place(series: MeterSeries, moment: int) -> int:
    return (moment - series.first) // series.period


def _used(point: RegisterPoint) -> RegisterUsed:
    run, _, revision, document = point.version
    return RegisterUsed(point.at, point.net_mwh, document, run, revision)


def _inputs(
    series: MeterSeries,
    taught: npt.NDArray[np.int64],
    registers: list[RegisterUsed],
    measured: npt.NDArray[np.float64],
    scale: float | None,
) -> EstimateInputs:
    versions = blake2b(measured.tobytes(), digest_size=8)
    versions.update((series.first + taught * series.period).tobytes())
    versions.update(series.revision[taught].tobytes())
    versions.update(series.net_mwh[taught].tobytes())
    begin, until = (0, 0)
    if len(taught):
        begin = series.first + int(taught[0]) * series.period
        until = series.first + (int(taught[-1]) + 1) * series.period
    return EstimateInputs(
        registers,
        float(measured.sum()),
        len(measured),
        begin,
        until,
        len(taught),
        versions.hexdigest(),
        scale,
    )
