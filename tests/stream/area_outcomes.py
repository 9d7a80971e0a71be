"""What an area stage put out, by topic."""

from collections.abc import Sequence
from typing import Any

from records.deadletter import decode_dead_letter
from records.finding import Finding, decode_findings
from records.log import Outgoing
from records.topics import topic_name
from records.view import ScadaView, decode_view

__all__ = ["findings", "letters", "views"]


def views(outcomes: Sequence[Outgoing]) -> list[ScadaView]:
    name = topic_name("test", "scada.view.v1")
    return [decode_view(o.value) for o in outcomes if o.topic == name]


def findings(outcomes: Sequence[Outgoing]) -> list[Finding]:
    name = topic_name("test", "finding.v1")
    return [f for o in outcomes if o.topic == name for f in decode_findings(o.value)]


def letters(outcomes: Sequence[Outgoing]) -> list[Any]:
    name = topic_name("test", "dead-letter.v1")
    return [decode_dead_letter(o.value) for o in outcomes if o.topic == name]
