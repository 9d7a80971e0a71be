"""Times given to `gridcast replay`."""

from __future__ import annotations

from console.errors import BadInputError
from records.time import parse_duration, parse_time

__all__ = ["duration", "moment"]


def moment(option: str, text: str | None) -> int | None:
    """Return the time (ns UTC) that an option gives, None where it is not given.

    Raises
    ------
    BadInputError
        When it is no time with a zone.
    """
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadInputError(f"{option} {text}: {error}") from None


def duration(option: str, text: str | None) -> int | None:
    """Return the duration (ns) that an option gives, None where it is not given.

    Raises
    ------
    BadInputError
        When it is no duration.
    """
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInputError(f"{option} {text}: {error}") from None
