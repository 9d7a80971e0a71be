"""Metered energy against the SCADA means of the same load, over the same period.

Both sides are joined by their watermarks, so the outcome does not depend on which came first.
A finding is made when a meter and its telemetry come apart, not at every period while they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from records.finding import Finding
from records.snapshot import Tree
from records.time import DAY, MINUTE
from records.window import WindowBatch

__all__ = ["CheckLimits", "CheckState", "check_against_scada"]


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """When a meter and its telemetry are apart.

    Parameters
    ----------
    apart_mw, apart_share
        They are when their mean powers differ by more than `apart_mw` plus `apart_share` of
        the metered one.
    imputed_share
        Windows with more replaced time than this are not compared.
    window
        Length of the SCADA windows, ns.
    keep
        How long both sides are kept to be compared, ns.
    """

    apart_mw: float = 1.0
    apart_share: float = 0.05
    imputed_share: float = 0.2
    window: int = 5 * MINUTE
    keep: int = 2 * DAY


@dataclass(slots=True)
class CheckState:
    """Means by start and series, MW; changed in place.

    Parameters
    ----------
    metered
        Period and net mean power by series, by period start.
    scada
        Mean power by series, NaN where not to be compared, by window start.
    apart
        Series that were apart when last compared.
    """

    metered: dict[int, tuple[int, dict[str, float]]]
    scada: dict[int, dict[str, float]]
    apart: set[str]

    @classmethod
    def empty(cls) -> CheckState:
        """Nothing known."""
        return cls({}, {}, set())

    def dump(self) -> Tree:
        """State as a tree."""
        return {
            "metered": [
                [start, period, list(means), np.array(list(means.values()), np.float64)]
                for start, (period, means) in self.metered.items()
            ],
            "scada": [
                [start, list(means), np.array(list(means.values()), np.float64)]
                for start, means in self.scada.items()
            ],
            "apart": sorted(self.apart),
        }

    @classmethod
    def load(cls, tree: Mapping[str, Any]) -> CheckState:
        """State from its tree."""
        return cls(
            {
                start: (period, dict(zip(names, means.tolist(), strict=True)))
                for start, period, names, means in tree["metered"]
            },
            {
                start: dict(zip(names, means.tolist(), strict=True))
                for start, names, means in tree["scada"]
            },
            set(tree["apart"]),
        )


def check_against_scada(
    state: CheckState,
    intervals: Iterable[WindowBatch],
    windows: Iterable[WindowBatch],
    now: int,
    limits: CheckLimits,
) -> list[Finding]:
    """Take metered intervals and SCADA windows in, and compare what became comparable.

    Parameters
    ----------
    intervals, windows
        What became known up to `now` (ns UTC), in the order of their logs.
    """
    touched: set[int] = set()
    for batch in intervals:
        _, means = state.metered.setdefault(batch.start, (batch.length, {}))
        means.update(zip(batch.series, batch.mean.tolist(), strict=True))
        touched.add(batch.start)
    moved: set[int] = set()
    for batch in windows:
        compared = batch.imputed_share <= limits.imputed_share
        values = np.where(compared, batch.mean, np.nan)
        state.scada.setdefault(batch.start, {}).update(
            zip(batch.series, values.tolist(), strict=True)
        )
        moved.add(batch.start)
    touched |= {
        start
        for start, (period, _) in state.metered.items()
        if any(start <= window < start + period for window in moved)
    }
    findings = []
    for start in sorted(touched):
        findings += _compared(state, start, limits)
    for start in [start for start in state.metered if start < now - limits.keep]:
        del state.metered[start]
    for start in [start for start in state.scada if start < now - limits.keep]:
        del state.scada[start]
    return findings


def _compared(state: CheckState, start: int, limits: CheckLimits) -> list[Finding]:
    period, metered = state.metered[start]
    parts = [state.scada.get(at) for at in range(start, start + period, limits.window)]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or start % limits.window or period % limits.window:
        return []
    series = [name for name in metered if all(name in part for part in known)]
    if not series:
        return []
    table = np.array([[part[name] for name in series] for part in known], np.float64)
    scada = table.mean(axis=0)
    meter = np.array([metered[name] for name in series], np.float64)
    comparable = np.isfinite(scada) & np.isfinite(meter)
    apart = comparable & (
        np.abs(meter - scada) > limits.apart_mw + limits.apart_share * np.abs(meter)
    )
    findings = []
    for index in np.flatnonzero(comparable).tolist():
        name = series[index]
        if apart[index] and name not in state.apart:
            findings.append(_finding(name, start, meter, scada, index))
        if apart[index]:
            state.apart.add(name)
        else:
            state.apart.discard(name)
    return findings


def _finding(
    name: str,
    start: int,
    meter: npt.NDArray[np.float64],
    scada: npt.NDArray[np.float64],
    index: int,
) -> Finding:
    return Finding(
        name,
        "meter_apart",
        start,
        float(meter[index]),
        f"about {scada[index]:g} MW, the mean of the telemetry",
    )
