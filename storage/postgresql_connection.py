"""A connection to the historian's PostgreSQL server: found, lost, found again, and told of plainly.

No message names a password: addresses are taken apart here, and only their harmless parts told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["HistorianAddressError", "HistorianUnavailableError", "PostgresqlConnection"]

_HOSTS = re.compile(
    r"(\[[0-9a-fA-F:.]+\]|[^\[\]:,]*)(:\d+)?(,(\[[0-9a-fA-F:.]+\]|[^\[\]:,]*)(:\d+)?)*"
)
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DEFAULTS = {
    # A server that is gone without a word is noticed within half a minute, not within hours.
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "30000",
    "application_name": "gridcast",
}
_LOST = ("08", "25006", "53", "57P")
"""Server's codes for: connection lost, a standby, no room or connections left, shutting down."""
_RIGHTS = "42501"
_MISSING = ("3F000", "42P01", "42703", "42883")


class HistorianAddressError(ValueError):
    """The address of the historian's server cannot be used; the message does not repeat it."""


class HistorianUnavailableError(RuntimeError):
    """The historian's server cannot be had now; the message says which, why and what to do."""


class PostgresqlConnection:
    """One session at a time, opened when it is needed, and again after it was lost.

    Parameters
    ----------
    url
        ``postgresql://user@host:5432/database``. A password may be in it, or where libpq looks
        for one (``PGPASSWORD``, ``PGPASSFILE``).
    schema
        Quoted; where tables are looked for.
    read_only
        Whether the server is to refuse writes.
    on_connect
        Called with a cursor in the first transaction of each session.

    Raises
    ------
    HistorianAddressError
        When `url` is no such address.
    """

    def __init__(
        self,
        url: str,
        schema: str,
        *,
        read_only: bool = False,
        on_connect: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self._url, self._secrets = _checked(url)
        self.where = _where(url)
        self._schema = schema
        self._read_only = read_only
        self._on_connect = on_connect
        self._open: Any = None

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Yield a cursor; commit at the end, roll back on an error.

        Raises
        ------
        HistorianUnavailableError
            When the server does not answer, or not us. What was not committed is undone; whether
            a commit that was answered by silence was made, only its traces tell.
        """
        try:
            session = self._session()
            with session.cursor() as cursor:
                yield cursor
            session.commit()
        except BaseException as error:
            told = self._told(error)
            if told is not None:
                self.close()
                raise told from None
            if self._open is not None:
                with suppress(_driver().Error):
                    self._open.rollback()
            raise

    def close(self) -> None:
        """Close the session, if there is one."""
        session, self._open = self._open, None
        if session is not None:
            with suppress(_driver().Error):
                session.close()

    def _session(self) -> Any:
        if self._open is None:
            session = _driver().connect(self._url)
            try:
                with session.cursor() as cursor:
                    cursor.execute(f"SET search_path TO {self._schema}")
                    if self._read_only:
                        cursor.execute("SET default_transaction_read_only TO on")
                session.commit()
                with session.cursor() as cursor:
                    self._on_connect(cursor)
                session.commit()
            except BaseException:
                with suppress(_driver().Error):
                    session.close()
                raise
            self._open = session
        return self._open

    def _told(self, error: BaseException) -> HistorianUnavailableError | None:
        """The error as it concerns whoever runs gridcast; None where it does not."""
        if not isinstance(error, _driver().Error):
            return None
        code = getattr(error, "sqlstate", None) or ""
        said: str = str(error)
        for secret in self._secrets:
            said = said.replace(secret, "***")
        said = " ".join(said.partition("\n")[0].split())
        if code == _RIGHTS:
            remedy = 'give the role its rights: see "Rights" in docs/historian.md'
        elif code in _MISSING:
            remedy = (
                f"schema {self._schema} lacks what gridcast keeps in it: `gridcast historian "
                "prepare` makes it, with a role that may"
            )
        elif code.startswith(_LOST) or (not code and "[libpq]" in said):
            remedy = "check that the server runs and that HISTORIAN_URL is right"
        else:
            return None
        return HistorianUnavailableError(f"the historian at {self.where}: {said}; {remedy}")


def _driver() -> Any:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise HistorianAddressError(
            "a historian in PostgreSQL needs one package more: pip install 'gridcast[postgresql]'"
        ) from error
    return dbapi


def _checked(url: str) -> tuple[str, tuple[str, ...]]:
    """An address with defaults, and what of it must not be told.

    libpq quotes what it cannot read of an address: so it gets none that it cannot.
    """
    wrong = None
    scheme, colon, rest = url.partition("://")
    place = rest.partition("/")[0].partition("?")[0]
    if not colon or scheme not in ("postgresql", "postgres"):
        wrong = "it does not begin with postgresql://"
    elif (
        "#" in url or _BROKEN_PERCENT.search(url) or not _HOSTS.fullmatch(place.rpartition("@")[2])
    ):
        wrong = "a password in it must have / ? # : @ % written as %2F %3F %23 %3A %40 %25"
    if wrong is not None:
        raise HistorianAddressError(
            f"HISTORIAN_URL cannot be used: {wrong}; it is to be such as "
            "postgresql://user:password@host:5432/database"
        )
    query = parse_qs(urlsplit(url).query)
    password = place.rpartition("@")[0].partition(":")[2]
    secrets = {password, unquote(password), *query.get("password", ())} - {""}
    added = "&".join(f"{name}={value}" for name, value in _DEFAULTS.items() if name not in query)
    return url + ("&" if "?" in url else "?") + added, tuple(secrets)


def _where(url: str) -> str:
    """Hosts and database, for messages.

    >>> _where("postgresql://user:secret@db.grid:5432/history?sslmode=require")
    'db.grid:5432/history'
    >>> _where("postgresql:///history?host=/run/postgresql")
    '/run/postgresql/history'
    """
    split = urlsplit(url)
    hosts = split.netloc.rpartition("@")[2] or parse_qs(split.query).get("host", ["localhost"])[0]
    return f"{hosts}/{split.path.lstrip('/')}"
