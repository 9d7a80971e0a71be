"""Files what a replay makes in a process of its own, beside the one that makes it.

It reads the replay's log as any reader does and writes its historian; over its standard input it
is asked to finish, and ends where that ends: so it never outlives the replay.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from console.errors import UnavailableError

__all__ = ["Filing"]

_FINISH, _DONE = b"finish\n", b"done\n"
_IDLE_S = 0.02


class Filing:
    """The process that files, seen from the one that replays; a context manager.

    Parameters
    ----------
    path
        Folder of the replay, with its ``log`` and its ``historian``.
    topics
        Full names of what is filed.
    """

    def __init__(self, path: Path, topics: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "console.replays.filing", str(path), *topics],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def finish(self) -> None:
        """Wait until everything that the log shows is committed.

        Raises
        ------
        UnavailableError
            When the process is gone; it has told why.
        """
        child = self._process
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(_FINISH)
            told = child.stdout.read(len(_DONE))
        except BrokenPipeError:
            told = b""
        if told != _DONE:
            raise UnavailableError(
                f"what files the output of the replay ended with code {child.wait()}; replay again"
            )

    def __enter__(self) -> Filing:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _file(path: Path, topics: list[str]) -> None:
    # Imported here: the replay itself needs none of it.
    from console.services.recorder_service import take_available
    from storage.embedded_log import EmbeddedLogReader
    from storage.historian_writer import HistorianWriter
    from storage.recorder import Recorder

    with EmbeddedLogReader(path / "log") as reader, HistorianWriter(path / "historian") as kept:
        recorder = Recorder(kept)
        while True:
            taken, _ = take_available(recorder, reader, topics)
            asked, _, _ = select.select([0], [], [], 0.0 if taken else _IDLE_S)
            if not asked:
                continue
            if not os.read(0, len(_FINISH)):
                return
            while take_available(recorder, reader, topics)[0]:
                pass
            recorder.flush()
            os.write(1, _DONE)


if __name__ == "__main__":
    from console.endings import failed

    # Ctrl-C is the replay's to act on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _file(Path(sys.argv[1]), sys.argv[2:])
    except Exception as error:
        sys.exit(failed(error))
    # Everything is closed: what libraries tidy up at an end the replay would wait for.
    os._exit(0)
