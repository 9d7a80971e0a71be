"""`gridcast historian prepare`: the historian's tables on a server, and who may use them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from console.errors import BadInputError
from console.historian_access import historian_schema, historian_url
from console.options import Config, Namespace
from console.settings import load_settings

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The historian on a PostgreSQL server.")


@app.callback()
def _historian() -> None:
    """Keep `prepare` a command of its own, as there is but one."""


@app.command("prepare")
def prepare(
    writer: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help="Role of the recorder: may add and delete rows."),
    ] = None,
    reader: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help="Role that may read."),
    ] = None,
    config: Config = None,
    namespace: Namespace = None,
) -> None:
    """Make the tables at HISTORIAN_URL, or bring them up to date, and give roles their rights.

    Run it as a role that may create a schema in the database, or owns the one there is; the
    services then need no such right. What is there is kept; each option may be given several times.
    """
    settings = load_settings(config, namespace=namespace)
    url = historian_url(settings)
    if url is None:
        raise BadInputError(
            "HISTORIAN_URL is not set: it names the server, such as "
            "postgresql://user:password@host:5432/database; a historian in files needs no preparing"
        )
    from storage.postgresql_writer import PostgresqlHistorianWriter

    console = Console(highlight=False, soft_wrap=True)
    with PostgresqlHistorianWriter(url, historian_schema(settings)) as historian:
        done = "made or brought up to date" if historian.made else "was up to date"
        extension = historian.timescale
        tables = "plain tables" if extension is None else f"TimescaleDB {extension.version}"
        console.print(f"{historian.where}: {done}; {tables}")
        for role in reader or ():
            historian.grant(role, write=False)
            console.print(f"{role} may read")
        for role in writer or ():
            historian.grant(role, write=True)
            console.print(f"{role} may read and record")
