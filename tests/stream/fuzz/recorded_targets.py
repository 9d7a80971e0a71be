"""What the recorder alone reads: forecasts, findings, ruptures, estimates, letters."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import msgspec

from records.deadletter import dead_letter_record
from records.errors import Reason, RecordError
from records.forecast import FORECAST_TYPE, decode_forecast
from records.log import LogRecord, Outgoing
from records.meter_estimate import (
    EstimateInputs,
    EstimateMethod,
    MeterEstimate,
    RegisterUsed,
    estimate_record,
)
from records.time import HOUR
from records.topics import topic_name
from storage.filing import file_record
from storage.historian_classes import HistoryClass
from tests.storage.history_records import finding, forecast, rupture
from tests.stream.fuzz.target import T0, Account, Target, logged

__all__ = ["RECORDED"]


def _estimate(rng: random.Random) -> Outgoing:
    registers = [RegisterUsed(T0 + k * HOUR, 5.0 + k, "d1", 0, 1) for k in range(2)]
    inputs = EstimateInputs(registers, 1.5, 2, T0, T0 + HOUR, 4, "digest", rng.choice([None, 1.1]))
    estimate = MeterEstimate(
        0, "meter:1", "load:1 p_mw", HOUR, [T0, T0 + HOUR], [rng.gauss(5, 1), None], [1, 2],
        rng.choice(list(EstimateMethod)), inputs, "a gap", "rule 1", T0 + 2 * HOUR,
    )  # fmt: skip
    return estimate_record(topic_name("t", "meter.estimate.v1"), estimate)


def _letter(rng: random.Random) -> Outgoing:
    refused = logged(finding(T0), T0)
    error = RecordError(Reason.UNDECODABLE, "no JSON")
    rows = rng.choice([None, [0, 2]])
    topic = topic_name("t", "dead-letter.v1")
    return dead_letter_record(topic, refused, error, source="area-0", rows=rows)


def _account(record: LogRecord) -> Account:
    """Kept by its columns, or, as no one else refuses it, whole where it cannot be read."""
    whole = any(filed.kept_as is HistoryClass.RECORDS for filed in file_record(record))
    return Account(whole=whole, taken=not (whole or _empty(record)))


def _empty(record: LogRecord) -> bool:
    """Whether it is sound and tells nothing, so that there is nothing to keep."""
    try:
        if record.headers.get("ce_type") == FORECAST_TYPE:
            return decode_forecast(record.value).values.size == 0
        return json.loads(record.value) == []
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return False


def _target(name: str, sent: Callable[[random.Random], Outgoing], *, as_json: bool) -> Target:
    return Target(name, lambda rng: logged(sent(rng), T0), _account, json=as_json)


RECORDED = (
    _target("forecast", lambda rng: forecast(T0, [5.0, rng.gauss(5, 1)]), as_json=False),
    _target("finding", lambda rng: finding(T0), as_json=True),
    _target("rupture", lambda rng: rupture(T0), as_json=True),
    _target("meter estimate", _estimate, as_json=True),
    _target("dead letter", _letter, as_json=False),
)
