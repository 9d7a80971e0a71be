"""How far estimated flows and replaced readings were from the truth that the twin kept aside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ingest.twin.truth import TimedTable
from records.points import ElementKind, PointRegister, Quantity
from records.quality import NOT_BELIEVED, REPLACED, Quality
from records.state import NetworkState, as_floats
from records.view import ScadaView

__all__ = ["FlowScore", "ImputationScore", "TelemetryScores", "flow_error"]

_UNMEASURED = np.uint16(NOT_BELIEVED | REPLACED)


@dataclass(frozen=True, slots=True)
class FlowScore:
    """Root mean square error of branch active powers, in standard deviations of their noise.

    `n` readings or estimated flows were compared; NaN when none.
    """

    rmse_over_sigma: float
    n: int


@dataclass(frozen=True, slots=True)
class ImputationScore:
    """Mean absolute error of replaced active powers, MW; NaN when none was replaced."""

    held_mw: float
    n_held: int
    typical_mw: float
    n_typical: int


@dataclass(slots=True)
class _Sum:
    total: float = 0.0
    n: int = 0

    def add(self, values: npt.NDArray[np.float64]) -> None:
        self.total += float(values.sum())
        self.n += len(values)

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else float("nan")


@dataclass(slots=True)
class TelemetryScores:
    """Takes live views at moments whose true flows are known.

    Only flows have a truth at every such moment, so replaced readings are judged on them.

    Parameters
    ----------
    register
        What the telemetry measures.
    truth
        True active powers by point id.
    """

    register: PointRegister
    truth: TimedTable
    _believed: _Sum = field(default_factory=_Sum)
    _held: _Sum = field(default_factory=_Sum)
    _typical: _Sum = field(default_factory=_Sum)
    _rows: dict[int, int] = field(init=False)
    _flows: dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]] = field(init=False)

    def __post_init__(self) -> None:
        self._rows = {time: row for row, time in enumerate(self.truth.times.tolist())}
        column = {name: place for place, name in enumerate(self.truth.columns)}
        self._flows = {}
        for area in self.register.areas:
            points = self.register.at(area, 0).points
            place = [column.get(p.id, -1) if _is_flow(p.kind, p.quantity) else -1 for p in points]
            self._flows[area] = (np.array(place), np.array([p.sigma for p in points]))

    def wants(self, scan_time: int) -> bool:
        """Whether the true flows of that moment are known."""
        return scan_time in self._rows

    def take(self, view: ScadaView) -> None:
        """Compare one view with the truth."""
        row = self._rows.get(view.scan_time)
        if row is None:
            return
        table = self.register.at(view.area, view.scan_time)
        place = table.locate(view.point)
        column, sigma = self._flows[view.area]
        known = (place >= 0) & (column[place] >= 0) & np.isfinite(view.value)
        at = place[known]
        error = np.abs(view.value[known] - self.truth.values[row, column[at]])
        quality = view.quality[known]
        believed = (quality & _UNMEASURED) == 0
        self._believed.add((error[believed] / sigma[at][believed]) ** 2)
        self._held.add(error[(quality & np.uint16(Quality.HELD)) > 0])
        self._typical.add(error[(quality & np.uint16(Quality.TYPICAL)) > 0])

    def raw_flows(self) -> FlowScore:
        """Return the error of the readings that validation believed."""
        return FlowScore(self._believed.mean**0.5, self._believed.n)

    def imputation(self) -> ImputationScore:
        """Return the error of replaced flows."""
        held, typical = self._held, self._typical
        return ImputationScore(held.mean, held.n, typical.mean, typical.n)


def _is_flow(kind: ElementKind, quantity: Quantity) -> bool:
    return kind is ElementKind.BRANCH and quantity is Quantity.ACTIVE


def flow_error(
    states: Iterable[NetworkState], register: PointRegister, truth: TimedTable
) -> FlowScore:
    """Compare the flows of every valid state with the truth, at both ends of every branch."""
    row_of = {time: row for row, time in enumerate(truth.times.tolist())}
    sigma_of = {point.id: point.sigma for point in register.points}
    sigma = np.array([sigma_of.get(name, np.nan) for name in truth.columns])
    squares = _Sum()
    for state in states:
        row = row_of.get(state.time)
        if row is None or not state.valid:
            continue
        estimated = np.concatenate([as_floats(state.p_from_mw), as_floats(state.p_to_mw)])
        share = (estimated - truth.values[row]) / sigma
        squares.add(share[np.isfinite(share)] ** 2)
    return FlowScore(squares.mean**0.5, squares.n)
