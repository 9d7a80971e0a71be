"""A sample of a month of trouble; `benchmarks/estimation_accuracy.py --parts month` has it all."""

import pytest

from network.model import Network
from tests.network.simulated.month import SimulatedMonth
from tests.network.simulated.month_run import Month, follow


@pytest.fixture(scope="module")
def told(case118: Network) -> Month:
    return follow(SimulatedMonth(case118, seed=0, scans=100))


def test_a_month_of_skew_holes_errors_and_switching_gives_no_wrong_state_unsaid(
    told: Month,
) -> None:
    assert told.scans == 100
    # With a hundred scans in a month every fifth is under a wrong status: some do not fit.
    assert told.not_valid <= told.late_statuses
    assert told.wrong <= told.late_statuses
    assert told.silently_wrong == 0
    assert told.false_removals == 0


def test_scans_under_a_wrong_breaker_status_are_explained_by_it(told: Month) -> None:
    # Even two at once, with gross errors besides and a start that is hours old.
    assert told.late_statuses > 5
    assert told.late_named >= 0.8 * told.late_statuses


def test_most_gross_errors_of_a_month_are_found(told: Month) -> None:
    assert told.gross_errors > 50
    assert told.gross_found >= 0.95 * told.gross_errors
