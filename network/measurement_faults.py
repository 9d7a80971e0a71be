"""What may be wrong with a measurement that was taken out: a sign, a scale, P and Q swapped.

A gross error could be anything, so it explains nothing; a value that becomes right when its
sign is turned explains itself. Each explanation costs less than a gross error does.
"""

from dataclasses import dataclass

import numpy as np

from network.arrays import Floats
from network.estimate import StateEstimate
from network.measurement import Quantity, Telemetry

__all__ = ["GROSS_COST", "NAMED_COST", "MeasurementFault", "measurement_faults"]

GROSS_COST = 33.0
"""What an unexplained removal costs in units of J: the square of the usual threshold."""
NAMED_COST = 14.0
"""What an explained one costs, besides its remaining residual."""

_SCALES = (1000.0, 0.001, 100.0, 0.01, 10.0, 0.1, np.sqrt(3.0), 1 / np.sqrt(3.0), 2.0, 0.5)
_PARTNER = {
    Quantity.P_FROM: Quantity.Q_FROM,
    Quantity.P_TO: Quantity.Q_TO,
    Quantity.P_INJECTION: Quantity.Q_INJECTION,
}
_WITHIN = 4.0


@dataclass(frozen=True, slots=True)
class MeasurementFault:
    """What may be wrong with one removed measurement.

    Attributes
    ----------
    kind : str
        ``sign``, ``scale``, ``swap`` or ``gross``.
    rows : tuple of int
        Of the telemetry; two for a swap.
    factor : float
        Measured by estimated, for ``scale``; NaN otherwise.
    cost : float
        In units of J.
    """

    kind: str
    rows: tuple[int, ...]
    factor: float
    cost: float


def measurement_faults(
    telemetry: Telemetry, value: Floats, estimate: StateEstimate, error: Floats
) -> tuple[MeasurementFault, ...]:
    """Explain every removed measurement of an estimate.

    Parameters
    ----------
    telemetry : Telemetry
    value : (m,) float
        The scan.
    estimate : StateEstimate
    error : (m,) float
        Standard errors of ``estimate.estimated``, in the measurements' units.

    Returns
    -------
    tuple of MeasurementFault
        One for each removal, or for each swapped pair.
    """
    removed = [removal.row for removal in estimate.removed]
    faults = _swaps(telemetry, value, estimate, error)
    swapped = {row for fault in faults for row in fault.rows}
    for row in removed:
        if row not in swapped:
            faults.append(_single(row, telemetry, value, estimate, error))
    return tuple(faults)


def _single(
    row: int, telemetry: Telemetry, value: Floats, estimate: StateEstimate, error: Floats
) -> MeasurementFault:
    z, told = float(value[row]), float(estimate.estimated[row])
    sigma = float(telemetry.sigma[row])
    best = MeasurementFault("gross", (row,), float("nan"), GROSS_COST)
    if telemetry.quantity[row] == Quantity.V:
        return best
    for kind, factor in (("sign", -1.0), *(("scale", f) for f in _SCALES)):
        if abs(told * (factor - 1.0)) < 2 * _WITHIN * sigma:
            continue
        # A sensor's noise is scaled with it or not; the wider of the two is believed.
        off = (z - factor * told) / np.hypot(sigma * max(1.0, abs(factor)), factor * error[row])
        cost = NAMED_COST + float(off) ** 2
        if abs(off) < _WITHIN and cost < best.cost:
            best = MeasurementFault(kind, (row,), factor if kind == "scale" else float("nan"), cost)
    return best


def _swaps(
    telemetry: Telemetry, value: Floats, estimate: StateEstimate, error: Floats
) -> list[MeasurementFault]:
    removed = {removal.row for removal in estimate.removed}
    place = {
        (int(q), int(e)): row
        for row, (q, e) in enumerate(zip(telemetry.quantity, telemetry.element, strict=True))
    }
    found = []
    for p_quantity, q_quantity in _PARTNER.items():
        elements = {
            int(telemetry.element[row])
            for row in removed
            if telemetry.quantity[row] in (p_quantity, q_quantity)
        }
        for element in sorted(elements):
            p, q = place.get((p_quantity, element)), place.get((q_quantity, element))
            if p is None or q is None or not np.isfinite(value[[p, q]]).all():
                continue
            off = [
                (value[a] - estimate.estimated[b]) / np.hypot(telemetry.sigma[a], error[b])
                for a, b in ((p, q), (q, p))
            ]
            apart = abs(estimate.estimated[p] - estimate.estimated[q])
            if max(map(abs, off)) < _WITHIN and apart > 2 * _WITHIN * telemetry.sigma[p]:
                cost = NAMED_COST + float(np.square(off).sum())
                found.append(MeasurementFault("swap", (p, q), float("nan"), cost))
    return found
