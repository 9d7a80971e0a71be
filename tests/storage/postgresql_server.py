"""A real PostgreSQL of the tests' own: behind a socket without a password, on TCP with one."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

PASSWORD = "grid/secret?42"  # with signs that an address must have written otherwise


def server_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class PostgresqlServer:
    """Made and started by a ``with``, and thrown away at its end."""

    def __init__(self) -> None:
        programs = server_programs()
        if programs is None:
            pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
        self._programs = programs
        # A socket's path is short, so not under pytest's own directory.
        self._directory = Path(tempfile.mkdtemp(prefix="gridcast-postgresql-"))
        self._as_user: dict[str, object] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("postgres")
            os.chown(self._directory, user.pw_uid, user.pw_gid)
            self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql:///postgres?host={self._directory}&port={self.port}&user=gridcast"

    def start(self) -> None:
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} "
            f"-c unix_socket_directories={self._directory} -c fsync=off"
        )
        self._run("pg_ctl", "-w", "-l", self._directory / "log", "-o", options, "start")

    def stop(self) -> None:
        """End it as a crash does: nothing is finished, and sessions are cut off."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def address(self, user: str, password: str = PASSWORD) -> str:
        """Of the server over TCP, which asks for a password."""
        written = password.replace("%", "%25").replace("/", "%2F").replace("?", "%3F")
        return f"postgresql://{user}:{written}@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> PostgresqlServer:
        self._run(
            "initdb", "-U", "gridcast", "--auth-local=trust", "--auth-host=scram-sha-256",
            "-E", "UTF8", "--no-sync",
        )  # fmt: skip
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        running = (self._directory / "data" / "postmaster.pid").exists()
        if running:
            self.stop()
        shutil.rmtree(self._directory)

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [self._programs / program, "-D", self._directory / "data", *arguments],
            check=True, cwd=self._directory, stdout=subprocess.DEVNULL, **self._as_user,
        )  # fmt: skip
