"""One writer a directory: an advisory lock that names its holder and dies with it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

__all__ = ["WriterLock", "WriterLockedError"]

_NAME = "writer.lock"
_TRY_EVERY_S = 0.01


class WriterLockedError(RuntimeError):
    """Another process writes here; the message names it."""


class WriterLock:
    """Exclusive right to write in `directory` until closed, or until the process ends.

    The lock is the kernel's (``flock``), so a killed writer never leaves it behind; the text
    in the file only says who holds it.

    Parameters
    ----------
    directory
        Created when absent.
    holder
        What the holder calls itself in another writer's error.
    patience_s
        How long to wait for another writer that may let go soon.

    Raises
    ------
    WriterLockedError
        When another writer, of this process or of any other, holds it.
    """

    def __init__(self, directory: Path, holder: str = "", *, patience_s: float = 0.0) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / _NAME
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._take(time.monotonic() + patience_s)
        except BlockingIOError:
            said = os.pread(self._fd, 200, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise WriterLockedError(
                f"{directory} already has a writer ({said}); one process writes it at a time: "
                "stop that one first, or give this one a directory of its own"
            ) from None
        # The lock holds without the text, for which a full disk has no room.
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"process {os.getpid()} {holder}".encode(), 0)

    def _take(self, deadline: float) -> None:
        while True:
            try:
                return fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_TRY_EVERY_S)

    def close(self) -> None:
        """Let another writer in."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
