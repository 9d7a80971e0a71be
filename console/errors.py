"""Errors that a person caused and can mend: told in one message, never as a traceback."""

from __future__ import annotations

__all__ = ["BadInputError", "UnavailableError"]


class BadInputError(ValueError):
    """Something given is wrong; the message says what, where and what to do (exit code 2)."""


class UnavailableError(RuntimeError):
    """A server or service cannot be had; the message says what to do (exit code 1)."""
