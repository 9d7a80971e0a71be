"""Opening a table of the folder, Parquet or CSV, with the names of its columns checked."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ingest.dataset.errors import Problems

__all__ = ["RawTable", "open_file", "open_table"]

_SHOWN = 3
"""Rows told for one kind of problem."""
_PLAIN = ("value", "version")
"""Text columns of a CSV with many different entries; the others are dictionary-encoded."""


@dataclass(frozen=True, slots=True)
class RawTable:
    """A table as read, before its entries are understood.

    Parameters
    ----------
    file
        File name.
    columns
        The known columns; text throughout for a CSV.
    is_csv
        Whether rows are told as lines.
    skipped
        Line numbers of a CSV that hold no row (blank, or refused), ascending.
    """

    file: str
    columns: pa.Table
    is_csv: bool
    problems: Problems
    skipped: tuple[int, ...] = ()

    @property
    def n_rows(self) -> int:
        """Number of data rows."""
        return int(self.columns.num_rows)

    def __contains__(self, name: str) -> bool:
        return name in self.columns.column_names

    def place(self, row: int) -> int:
        """Return the 1-based data row of a 0-based row, or its line in a CSV."""
        if not self.is_csv:
            return row + 1
        line = row + 2
        for skipped in self.skipped:
            line += skipped <= line
        return line

    def complain(self, row: int | None, what: str, remedy: str) -> None:
        """Note a problem at a 0-based row, or with the whole file."""
        unit = "line" if self.is_csv else "row"
        place = None if row is None else self.place(row)
        self.problems.add(self.file, place, what, remedy, unit=unit)

    def complain_rows(
        self, rows: npt.NDArray[np.intp], what: Callable[[int], str], remedy: str
    ) -> None:
        """Note one kind of problem of several 0-based rows: the first few, and how many."""
        for row in rows[:_SHOWN].tolist():
            self.complain(row, what(row), remedy)
        if len(rows) > _SHOWN:
            more = len(rows) - _SHOWN
            self.complain(int(rows[_SHOWN]), f"{more} more from here on like that", remedy)


def open_table(
    folder: Path, stem: str, required: Sequence[str], optional: Sequence[str], problems: Problems
) -> RawTable | None:
    """Open ``stem.parquet`` or ``stem.csv``; None when there is none or it cannot be read.

    A missing file is no problem of its own: the caller knows whether it must be there.
    """
    paths = [
        path for path in (folder / f"{stem}.parquet", folder / f"{stem}.csv") if path.is_file()
    ]
    if len(paths) == 2:
        problems.add(f"{stem}.*", None, f"{stem} comes as Parquet and as CSV", "keep one of them")
    if len(paths) != 1:
        return None
    return open_file(paths[0], required, optional, problems)


def open_file(
    path: Path, required: Sequence[str], optional: Sequence[str], problems: Problems
) -> RawTable | None:
    """Open one file, CSV by its suffix and else Parquet; None when it cannot be used."""
    if not path.is_file():
        problems.add(str(path), None, "there is no such file", "check the name")
        return None
    if path.stat().st_size == 0:
        problems.add(path.name, None, "the file is empty", f"write columns {', '.join(required)}")
        return None
    as_csv = path.suffix.lower() == ".csv"
    opened = _open_csv(path, problems) if as_csv else _open_parquet(path, problems)
    if opened is None or not _columns_known(opened, required, optional):
        return None
    if opened.n_rows == 0:
        problems.add(path.name, None, "the file has no row", "write at least one row of data")
        return None
    return opened


def _open_parquet(path: Path, problems: Problems) -> RawTable | None:
    try:
        table = pyarrow.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        told = str(error).splitlines()[0]
        problems.add(path.name, None, f"it is not Parquet: {told}", "write the file again")
        return None
    index = [name for name in table.column_names if name.startswith("__index_level_")]
    return RawTable(path.name, table.drop_columns(index), False, problems)


def _open_csv(path: Path, problems: Problems) -> RawTable | None:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            header = next(csv.reader(lines), [])
    except (UnicodeDecodeError, csv.Error) as error:
        problems.add(
            path.name, 1, f"it is not UTF-8 text: {error}", "save it as UTF-8", unit="line"
        )
        return None
    except OSError as error:
        problems.add(path.name, None, f"it cannot be opened: {error.strerror}", "make it readable")
        return None
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        problems.add(
            path.name, 1, f"columns appear twice: {repeated}", "keep one of each", unit="line"
        )
        return None
    refused: list[pyarrow.csv.InvalidRow] = []

    def refuse(row: pyarrow.csv.InvalidRow) -> str:
        refused.append(row)
        return "skip"

    text = {
        name: pa.string() if name in _PLAIN else pa.dictionary(pa.int32(), pa.string())
        for name in header
    }
    try:
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(
                ignore_empty_lines=False, invalid_row_handler=refuse
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=text, strings_can_be_null=False
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        told = str(error).splitlines()[0]
        problems.add(path.name, None, f"it cannot be read as CSV: {told}", "correct that place")
        return None
    for row in refused:
        if row.text.strip():
            problems.add(
                path.name,
                row.number,
                f"{row.actual_columns} fields where the header has {row.expected_columns}",
                "write one field a column, quoted where it holds a comma",
                unit="line",
            )
    skipped = tuple(row.number for row in refused)
    return RawTable(path.name, table, True, problems, skipped)


def _columns_known(table: RawTable, required: Sequence[str], optional: Sequence[str]) -> bool:
    """Tell missing columns, and misspelt optional ones; other columns are nobody's business."""
    names = table.columns.column_names
    missing = [name for name in required if name not in names]
    for name in missing:
        near = difflib.get_close_matches(name, names, 1)
        hint = f"is it {near[0]!r}?" if near else "add it"
        table.complain(None, f"column {name!r} is missing (found {', '.join(names)})", hint)
    misspelt = False
    for name in names:
        near = difflib.get_close_matches(name, optional, 1, 0.8)
        if near and name not in (*required, *optional) and near[0] not in names:
            misspelt = True
            table.complain(None, f"column {name!r} is not known", f"is it {near[0]!r}?")
    return not missing and not misspelt
