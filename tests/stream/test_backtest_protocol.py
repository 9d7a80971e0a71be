"""Reading a backtest's protocol."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from records.time import HOUR, MINUTE, parse_time
from stream.backtest_protocol import METHODS, MONTHLY, ProtocolError, read_protocol

LEAST = {
    "train_start": datetime(2012, 1, 1, tzinfo=UTC),
    "test_start": "2014-01-01",
    "test_end": "2015-01-01T11:00:00+11:00",
}


def test_the_windows_alone_are_enough() -> None:
    protocol = read_protocol(LEAST)
    assert protocol.test_end == parse_time("2015-01-01T00:00:00Z")
    assert protocol.origin_step == 5 * HOUR + 30 * MINUTE
    assert protocol.refit == MONTHLY
    assert protocol.methods == METHODS
    assert not protocol.as_issued
    assert len(protocol.quantiles) == 19


def test_a_lead_is_the_interval_that_ends_then() -> None:
    protocol = read_protocol(LEAST)
    assert protocol.span("PT1H", 30 * MINUTE) == (1, 2)
    assert protocol.span("24-48h", HOUR) == (24, 48)
    assert protocol.span("day_ahead", HOUR) is None
    assert protocol.n_steps(30 * MINUTE) == 96


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"orign_step": "PT1H"}, "did you mean 'origin_step'"),
        ({"test_start": "yesterday"}, "test_start: 'yesterday' is no time"),
        ({"test_start": "2016-01-01"}, "must follow each other"),
        ({"leads": ["PT0H"]}, "leads: 'PT0H'"),
        ({"leads": ["24-0h"]}, "must rise"),
        ({"leads": ["P30D"]}, "write PT1H to PT168H"),
        ({"leads": []}, "at least one"),
        ({"methods": ["prophet"]}, "no 'prophet'; there are seasonal_naive_7d"),
        ({"weather": "guessed"}, "write 'actual' or 'as_issued'"),
        ({"origin_step": 5}, "origin_step: 5 is no duration"),
        ({"refit": "P1Y"}, "refit: duration 'P1Y'"),
        ({"quantiles": [0.9, 0.1]}, "rising probabilities"),
        ({"product": {"noon": {"days": 1}}}, 'product.noon: write gate = "09:30"'),
        ({"product": {"noon": {"gate": "25:00"}}}, "product.noon.gate: '25:00' is no time of day"),
        ({"product": {"noon": {"gate": "12:00", "days": 9}}}, "product.noon.days: write 1 to 6"),
        ({"product": {"PT1H": {"gate": "12:00"}}}, "is the name of a lead"),
    ],
)
def test_what_cannot_be_meant_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        read_protocol({**LEAST, **change})
    assert message in str(caught.value)


def test_a_missing_window_is_named() -> None:
    with pytest.raises(ProtocolError, match="test_end: is missing"):
        read_protocol({k: v for k, v in LEAST.items() if k != "test_end"})


def test_a_lead_must_fit_the_step() -> None:
    with pytest.raises(ProtocolError, match="not a multiple of the step"):
        read_protocol({**LEAST, "leads": ["PT30M"]}).span("PT30M", HOUR)


def test_a_product_of_ones_own_is_a_lead_with_its_gate() -> None:
    protocol = read_protocol({**LEAST, "product": {"two_days": {"gate": "17:30", "days": 2}}})
    assert protocol.leads[-1] == "two_days"
    assert protocol.span("two_days", HOUR) is None
    # From 17:30 to the end of the second day after: 6.5 + 48 hours, one more in autumn.
    assert protocol.products["two_days"].hours == 56
    assert protocol.products["day_ahead"].hours == 40
