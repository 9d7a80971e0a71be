"""Tables whose ids and times are never cut short: in a narrow terminal they fold."""

from __future__ import annotations

from rich.table import Table

__all__ = ["folding_table"]


def folding_table(*headings: str, title: str | None = None) -> Table:
    """Return a table of these columns."""
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
