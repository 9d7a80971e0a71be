"""What a backtest does: windows, origins, refits, leads, weather; read from plain settings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np

from records.time import DAY, HOUR, MINUTE, format_duration, from_datetime, parse_duration

__all__ = [
    "BOOSTED",
    "DAY_AHEAD",
    "METHODS",
    "MID_TERM",
    "MONTHLY",
    "Product",
    "Protocol",
    "ProtocolError",
    "read_protocol",
]

METHODS = (
    "seasonal_naive_7d",
    "same_weekday_last_year",
    "hong_vanilla",
    "incumbent",
    "gam",
    "gam_ar",
    "aggregated",
    "reconciled",
)
BOOSTED = "boosted"
"""Trees, scored only where they are asked for: they take minutes a series."""
MID_TERM, DAY_AHEAD = "mid-term", "day_ahead"
MONTHLY = "P1M"

_REQUIRED = ("train_start", "test_start", "test_end")
_OPTIONAL = (
    "origin_step",
    "refit",
    "leads",
    "weather",
    "levels",
    "methods",
    "quantiles",
    "product",
)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_LEADS = ("PT1H", "PT24H", "PT48H", "0-24h", "24-48h", DAY_AHEAD, MID_TERM)
_SPAN = re.compile(r"(\d+)-(\d+)h")
_LONGEST = 7 * DAY
_MOST_DAYS = 6


class ProtocolError(ValueError):
    """A protocol that cannot be used; the message names the key and what to write."""


@dataclass(frozen=True, slots=True)
class Product:
    """Issued every local day at its gate, for the whole of a later local day.

    Parameters
    ----------
    gate
        Local time of day of the issue, ns; the first step from then on.
    days
        Days from that of the issue to that forecast, at least 1.
    """

    gate: int
    days: int

    @property
    def hours(self) -> int:
        """Hours from the gate to the end of the day forecast, on its longest."""
        return -(-((self.days + 1) * DAY + HOUR - self.gate) // HOUR)


_DEFAULT_PRODUCTS = {DAY_AHEAD: Product(9 * HOUR + 30 * MINUTE, 1)}


@dataclass(frozen=True, slots=True)
class Protocol:
    """A backtest.

    Parameters
    ----------
    train_start, test_start, test_end
        ns UTC, the end exclusive.
    origin_step
        Time between two origins, ns.
    refit
        ``"P1M"`` (calendar months), or a duration in ns.
    leads
        As written: ``PTnH`` is the interval that ends n hours after the issue, ``0-24h`` all
        intervals between, ``day_ahead`` and ``mid-term`` the products of these names.
    as_issued
        Weather as it was forecast at each origin; else the actual one.
    levels
        Levels to score, None = all.
    methods
        Methods to score.
    quantiles
        Probabilities, increasing.
    products
        By name; ``day_ahead`` is one of them.
    """

    train_start: int
    test_start: int
    test_end: int
    origin_step: int
    refit: int | str
    leads: tuple[str, ...]
    as_issued: bool
    levels: tuple[str, ...] | None
    methods: tuple[str, ...]
    quantiles: tuple[float, ...]
    products: Mapping[str, Product]

    def span(self, lead: str, step: int) -> tuple[int, int] | None:
        """Return first and last + 1 step of a lead; None for the named products.

        Raises
        ------
        ProtocolError
            When the lead does not end with a step, or the step is longer than it.
        """
        if lead == MID_TERM or lead in self.products:
            return None
        low, high = _lead_ns(lead)
        first = high - step if low is None else low
        if first < 0 or first % step or high % step:
            raise ProtocolError(
                f"leads: {lead!r} is not a multiple of the step {format_duration(step)}; "
                "name hours that are"
            )
        return first // step, high // step

    def n_steps(self, step: int) -> int:
        """Return the steps of the longest lead of the rolling origins; 0 without any."""
        spans = [self.span(lead, step) for lead in self.leads]
        return max((span[1] for span in spans if span is not None), default=0)


def read_protocol(settings: Mapping[str, Any]) -> Protocol:
    """Read a protocol from the keys of its file.

    Raises
    ------
    ProtocolError
        On an unknown or missing key, or a value that cannot be meant.
    """
    known = (*_REQUIRED, *_OPTIONAL)
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise ProtocolError(f"{key}: no such key; {hint}")
    for key in _REQUIRED:
        if key not in settings:
            raise ProtocolError(f"{key}: is missing; write it as a UTC time")
    start, test, end = (_moment(key, settings[key]) for key in _REQUIRED)
    if not start < test < end:
        raise ProtocolError("train_start, test_start and test_end must follow each other")
    products = _products(settings.get("product", {}))
    leads = _names(settings, "leads", (*_LEADS, *(p for p in products if p != DAY_AHEAD)))
    for lead in leads:
        if lead != MID_TERM and lead not in products:
            _lead_ns(lead, tuple(products))
    methods = _names(settings, "methods", METHODS)
    for method in methods:
        if method not in (*METHODS, BOOSTED):
            known_ones = ", ".join((*METHODS, BOOSTED))
            raise ProtocolError(f"methods: no {method!r}; there are {known_ones}")
    weather = settings.get("weather", "actual")
    if weather not in ("actual", "as_issued"):
        raise ProtocolError(f"weather: {weather!r}; write 'actual' or 'as_issued'")
    levels = _names(settings, "levels", ()) if "levels" in settings else None
    return Protocol(
        start,
        test,
        end,
        _duration("origin_step", settings.get("origin_step", "PT5H30M")),
        _refit(settings.get("refit", MONTHLY)),
        leads,
        weather == "as_issued",
        levels,
        methods,
        _quantiles(settings.get("quantiles")),
        products,
    )


def _moment(key: str, value: object) -> int:
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return from_datetime(aware)
        if isinstance(value, date):
            return from_datetime(datetime.combine(value, time(), UTC))
    except ValueError:
        pass
    raise ProtocolError(f"{key}: {value!r} is no time; write it like 2014-01-01T00:00:00Z")


def _duration(key: str, value: object) -> int:
    try:
        found = parse_duration(value) if isinstance(value, str) else 0
    except ValueError as error:
        raise ProtocolError(f"{key}: {error}") from None
    if found <= 0:
        raise ProtocolError(f"{key}: {value!r} is no duration above zero, such as 'PT5H30M'")
    return found


def _refit(value: object) -> int | str:
    return MONTHLY if value == MONTHLY else _duration("refit", value)


def _names(settings: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = settings.get(key, list(default))
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise ProtocolError(f"{key}: write a list of names with at least one in it")
    return tuple(dict.fromkeys(value))


def _products(tables: object) -> dict[str, Product]:
    """Read the tables ``[product.NAME]``; that of the day ahead is there anyway."""
    out = dict(_DEFAULT_PRODUCTS)
    if not isinstance(tables, Mapping):
        raise ProtocolError("product: write a table [product.NAME] with gate and days")
    for name, table in tables.items():
        where = f"product.{name}"
        if not isinstance(table, Mapping) or set(table) - {"gate", "days"} or "gate" not in table:
            raise ProtocolError(f'{where}: write gate = "09:30" (local) and days = 1, no more')
        clock = _CLOCK.fullmatch(str(table["gate"]))
        days = table.get("days", 1)
        if clock is None:
            raise ProtocolError(
                f'{where}.gate: {table["gate"]!r} is no time of day such as "09:30"'
            )
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= _MOST_DAYS:
            raise ProtocolError(f"{where}.days: write 1 to {_MOST_DAYS}, 1 being the next day")
        if name == MID_TERM or _is_lead(name):
            raise ProtocolError(f"{where}: is the name of a lead; give the product another")
        out[str(name)] = Product(int(clock[1]) * HOUR + int(clock[2]) * MINUTE, days)
    return out


def _is_lead(name: str) -> bool:
    try:
        _lead_ns(name)
    except ProtocolError:
        return False
    return True


def _lead_ns(lead: str, products: tuple[str, ...] = (DAY_AHEAD,)) -> tuple[int | None, int]:
    """First (None: that of the last interval) and last moment of a lead after the issue, ns."""
    span = _SPAN.fullmatch(lead)
    if span is not None:
        low, high = int(span[1]) * HOUR, int(span[2]) * HOUR
        if not low < high <= _LONGEST:
            raise ProtocolError(f"leads: {lead!r} must rise, to 168 hours at most")
        return low, high
    try:
        end = parse_duration(lead)
    except ValueError:
        end = 0
    if not 0 < end <= _LONGEST:
        raise ProtocolError(
            f"leads: {lead!r} is none; write PT1H to PT168H, '0-24h', {', '.join(products)} or "
            f"{MID_TERM}"
        )
    return None, end


def _quantiles(value: object) -> tuple[float, ...]:
    if value is None:
        return tuple(np.arange(1, 20).astype(float) / 20.0)
    numbers = value if isinstance(value, list) else []
    good = bool(numbers) and all(
        isinstance(p, float) and low < p < 1.0
        for low, p in zip([0.0, *numbers[:-1]], numbers, strict=True)
    )
    if not good:
        raise ProtocolError("quantiles: write rising probabilities between 0 and 1")
    return tuple(numbers)
