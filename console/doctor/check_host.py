"""Checks of the machine: room on the disk and a clock that can be trusted."""

from __future__ import annotations

import ctypes
import shutil
import sys
from pathlib import Path

from console.doctor.check import Check, Verdict

__all__ = ["clock", "disk"]

_GIB = 1 << 30
_TIME_ERROR = 5  # what adjtimex(2) answers for a clock that is not synchronised


def disk(directory: Path) -> Check:
    """Room on the disk that the run writes to."""
    existing = next(p for p in (directory, *directory.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    seen = f"{free / _GIB:.1f} GiB free for {directory}"
    if free < _GIB:
        return Check("disk", Verdict.BAD, seen, "free some, or point --directory elsewhere")
    if free < 5 * _GIB:
        return Check("disk", Verdict.WARNING, seen, "the demo's log and history need about 3 GiB")
    return Check("disk", Verdict.GOOD, seen)


def clock() -> Check:
    """Whether the kernel knows its clock to be synchronised (Linux only)."""
    if sys.platform != "linux":
        return Check("clock", Verdict.WARNING, "not checked on this system", "keep NTP running")
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(1024))
    if answer == _TIME_ERROR:
        return Check(
            "clock", Verdict.WARNING, "the kernel says it is not synchronised",
            "run chrony or systemd-timesyncd; readings 60 s ahead of the log are refused",
        )  # fmt: skip
    return Check("clock", Verdict.GOOD, "synchronised")
