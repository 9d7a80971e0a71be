"""A child process that never outlives its parent, however the parent dies.

The kernel sends the child a signal when its parent is gone (`prctl(PR_SET_PDEATHSIG)`), and
keeps doing so after an `exec`; so any program can be started through this module::

    python -m console.services.lifeline PARENT_PID program argument ...
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["ENDINGS", "follow_parent"]

ENDINGS = (signal.SIGINT, signal.SIGTERM)
"""Held back by the parent while it starts a child, so that it always knows what it started."""

_PR_SET_PDEATHSIG = 1


def follow_parent(parent: int) -> None:
    """Have SIGTERM sent to this process when its parent dies; exit if it is dead already.

    The signal comes when the *thread* that started this process ends, so children are started
    from the main thread. Where the kernel has no such service (other than Linux), only the
    check remains.

    Parameters
    ----------
    parent
        Process id of the parent, as the parent itself told it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(f"process {parent}, which started this one, is gone")


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
    follow_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
