"""Speeds given by people."""

from __future__ import annotations

import pytest

from console.errors import BadInputError
from console.replays.pacing import PacedOutlet, Pacing, parse_speed
from records.envelope import event_headers
from records.log import Outgoing


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast"])
def test_a_speed_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="above 0, or max"):
        parse_speed(text)


def test_a_paced_outlet_hands_over_everything_in_order() -> None:
    class Kept:
        def __init__(self) -> None:
            self.outcomes: list[object] = []

        def deliver(self, outcomes: object) -> None:
            self.outcomes += list(outcomes)  # type: ignore[call-overload]

        def flush(self) -> None:
            self.outcomes.append("flushed")

    def derived(watermark: int | None) -> Outgoing:
        headers = event_headers(
            "t", "s", event_id="1", content_type="application/json", watermark=watermark
        )
        return Outgoing("topic", 0, b"", b"", headers)

    kept = Kept()
    outlet = PacedOutlet(kept, Pacing(1e12, start=5))
    sent = [derived(None), derived(1), derived(10), derived(8)]
    outlet.deliver(sent)
    outlet.flush()
    assert kept.outcomes == [*sent, "flushed"]
