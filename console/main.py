"""The `gridcast` command as a process: what every ending means.

Exit codes: 0 done, 1 internal error or a server that cannot be had, 2 bad input, 3 an estimation
without a state, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

__all__ = ["main", "run"]

_STOPPED = 130


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C.

    A type of its own: where a plain KeyboardInterrupt passes through code compiled from text,
    as dataclasses are, CPython ends the process by the signal whatever code it returns.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; every error becomes a message."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        # Imported here, where Ctrl-C is taken care of: it takes most of a second.
        from console.endings import failed

        try:
            from typer.main import get_command

            from console.commands import app

            get_command(app).main(given, prog_name="gridcast")
        except Exception as error:
            return failed(error)
    except KeyboardInterrupt:
        return _stopped()
    except SystemExit as ending:
        if ending.code == _STOPPED:
            return _stopped()
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    return 0


def _stopped() -> int:
    sys.stderr.write("gridcast: stopped\n")
    return _STOPPED


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Interrupted


def _terminated(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def main() -> NoReturn:
    """Entry point of the console script."""
    signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _terminated)
    raise SystemExit(run())


if __name__ == "__main__":
    main()
