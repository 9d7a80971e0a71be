"""Waiting for processes to end, and for files to come: the kernel tells, nobody polls."""

from __future__ import annotations

import ctypes
import os
import select
import time
from pathlib import Path

__all__ = ["Ending", "wait_for_file"]


class Ending:
    """The end of a process, ours or not, which can be awaited even after it has come.

    Parameters
    ----------
    pid
        Of a process that is there, or was.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._fd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._fd = -1

    def wait(self, deadline_s: float = 30.0) -> None:
        """Return once it has come; fail when it does not in time."""
        if self._fd >= 0:
            came, _, _ = select.select([self._fd], [], [], deadline_s)
            assert came, f"the process did not end within {deadline_s:g} s"
            os.close(self._fd)
            self._fd = -1


_CREATE, _MOVED_TO = 0x100, 0x80
_libc = ctypes.CDLL(None, use_errno=True)


def wait_for_file(path: Path, deadline_s: float = 120.0, ending: int | None = None) -> bool:
    """Wait until there is a file or directory; its directories may come before it.

    Parameters
    ----------
    path
        What is waited for.
    deadline_s
        Fails when it does not come within this.
    ending
        Id of a process that makes it: False is returned when that ends before.
    """
    end = time.monotonic() + deadline_s
    maker = os.pidfd_open(ending) if ending is not None else None
    try:
        while not path.exists():
            near = next(p for p in path.parents if p.is_dir())
            watch = _libc.inotify_init1(os.O_CLOEXEC)
            try:
                added = _libc.inotify_add_watch(watch, os.fsencode(near), _CREATE | _MOVED_TO)
                # Between the look and the watch it may have come, or the next directory of its.
                if added < 0 or next(p for p in path.parents if p.is_dir()) != near:
                    continue
                if path.exists():
                    break
                waited = [watch] if maker is None else [watch, maker]
                came, _, _ = select.select(waited, [], [], max(0.0, end - time.monotonic()))
                assert came, f"{path} did not come within {deadline_s:g} s"
                if watch not in came and not path.exists():
                    return False
            finally:
                os.close(watch)
        return True
    finally:
        if maker is not None:
            os.close(maker)
