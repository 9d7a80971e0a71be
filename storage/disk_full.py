"""Telling a full disk from other refusals: room can be made, and then the work goes on."""

from __future__ import annotations

import errno

__all__ = ["MAKE_ROOM", "is_disk_full"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No room on the disk, none left of the user's share of it, or a limit on the size of files."""

MAKE_ROOM = "make room on the disk, and it goes on; nothing is lost"


def is_disk_full(error: BaseException | None) -> bool:
    """Whether the disk refused for want of room, be it the cause of another error.

    >>> is_disk_full(OSError(errno.ENOSPC, "No space left on device"))
    True
    >>> is_disk_full(OSError(errno.EACCES, "Permission denied"))
    False
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False
