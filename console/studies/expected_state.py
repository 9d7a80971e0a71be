"""The state that a forecast leads to, and the warnings that its study gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer

from console.endings import say
from console.studies.scan_estimate import NOT_SOLVED
from ingest.forecast_state_file import ForecastStateFile, read_forecast_state_file
from network.advance_warnings import AdvanceWarning, advance_warnings
from network.errors import NotConverged
from network.forecast_state import ForecastState, forecast_state
from network.model import Network
from network.outage_limits import StudyLimits
from network.outage_study import OutageStudy
from records.time import format_duration, format_time

__all__ = ["ExpectedState", "expected_json", "expected_state", "tell_warnings"]

_SHOWN = 10


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedState:
    """A forecast as read, and the state it leads to."""

    file: ForecastStateFile
    state: ForecastState

    @property
    def lead(self) -> int:
        """From the issue to the start of the interval, ns: the time there is to act."""
        return self.file.valid_time - self.file.issue_time


def expected_state(network: Network, path: Path) -> ExpectedState:
    """Read a forecast and solve for its peak.

    Raises
    ------
    ingest.dataset.errors.DatasetError
    typer.Exit
        With `NOT_SOLVED` where no state holds what is forecast.
    """
    file = read_forecast_state_file(path, network)
    try:
        return ExpectedState(file, forecast_state(network, file.forecast))
    except NotConverged as error:
        at = format_time(file.valid_time)
        say(f"{path}: no state holds what is forecast for {at}: {error}")
        raise typer.Exit(NOT_SOLVED) from None


def expected_json(
    expected: ExpectedState, study: OutageStudy, limits: StudyLimits
) -> dict[str, object]:
    """Make the part of the summary that only a forecast has."""
    file, state, loads = expected.file, expected.state, expected.state.network.loads
    warnings = advance_warnings(study, state.v, limits, expected.lead)
    return {
        "forecast": {
            "valid_time": format_time(file.valid_time),
            "issue_time": format_time(file.issue_time),
            "lead": format_duration(expected.lead),
            "times": file.n_times,
            "consumption_mw": round(float(loads.p_mw[state.v[loads.bus] != 0].sum()), 6),
            "moved_mw": round(state.moved_mw, 6),
            "left_mw": round(state.left_mw, 6),
            "unfed": list(state.unfed),
        },
        "warnings": [_warning(warning) for warning in warnings],
    }


def _warning(warning: AdvanceWarning) -> dict[str, object]:
    known = not np.isnan(warning.value)
    return {
        "kind": str(warning.kind),
        "outage": warning.outage or None,
        "element": warning.element or None,
        "value": round(warning.value, 6) if known else None,
        "limit": warning.limit if known else None,
        "severity": str(warning.severity),
        "lead": format_duration(warning.lead),
        "lead_time": str(warning.lead_time),
    }


def tell_warnings(summary: dict[str, object], tell: Callable[[str], None]) -> None:
    """Tell the gravest warnings of a summary that has some."""
    warnings, about = summary.get("warnings"), summary.get("forecast")
    if not isinstance(warnings, list) or not isinstance(about, dict):
        return
    for warning in warnings[:_SHOWN]:
        after = f" after {warning['outage']}" if warning["outage"] else ""
        if warning["value"] is None:
            what = "no solution"
        elif warning["kind"] == "loading":
            what = f"{warning['element']} at {warning['value']:.1f} %"
        else:
            what = f"bus {warning['element']} at {warning['value']:.4f} pu"
        tell(f"{warning['severity']}: {what}{after}; {warning['lead_time']}")
    if about["unfed"]:
        tell(f"planned outages cut off {', '.join(about['unfed'][:_SHOWN])}")
    tell(
        f"forecast for {about['valid_time']}, {about['lead']} ahead: {len(warnings)} warnings, "
        f"{about['consumption_mw']:.0f} MW, units moved by {about['moved_mw']:.1f} MW"
    )
