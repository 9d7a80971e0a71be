"""What is wrong with a dataset folder, told all at once: file, row, what to do."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["MAX_PROBLEMS", "DatasetError", "Problem", "Problems"]

MAX_PROBLEMS = 20
"""How many problems are told before reading stops."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file.

    Parameters
    ----------
    file
        File name inside the folder.
    row
        1-based data row, or the line of a text file; None where the whole file is meant.
    what
        What was seen.
    remedy
        What to do about it.
    unit
        ``"row"`` (of a Parquet file) or ``"line"`` (of a CSV or TOML file).
    """

    file: str
    row: int | None
    what: str
    remedy: str
    unit: str = "row"

    def __str__(self) -> str:
        where = self.file if self.row is None else f"{self.file}, {self.unit} {self.row}"
        return f"{where}: {self.what}; {self.remedy}"


class DatasetError(ValueError):
    """A dataset folder that cannot be used as it is.

    Attributes
    ----------
    problems : tuple of Problem
        What was found, in the order of reading.
    n_more : int
        Further problems that are not listed.
    """

    def __init__(self, problems: tuple[Problem, ...], n_more: int = 0) -> None:
        self.problems = problems
        self.n_more = n_more
        lines = [str(problem) for problem in problems]
        if n_more:
            lines.append(f"and {n_more} more of the same kinds")
        super().__init__("\n".join(lines))


@dataclass(slots=True)
class Problems:
    """Collects problems while reading; `raise_if_any` ends it.

    >>> found = Problems()
    >>> found.add("load.csv", None, "the file is empty", "write the header and at least one row")
    >>> found.raise_if_any()
    Traceback (most recent call last):
    ingest.dataset.errors.DatasetError: load.csv: the file is empty; write the header and ...
    """

    listed: list[Problem] = field(default_factory=list)
    n_more: int = 0

    def __bool__(self) -> bool:
        return bool(self.listed)

    def add(self, file: str, row: int | None, what: str, remedy: str, *, unit: str = "row") -> None:
        """Note a problem; beyond `MAX_PROBLEMS` only its number is kept."""
        if len(self.listed) < MAX_PROBLEMS:
            self.listed.append(Problem(file, row, what, remedy, unit))
        else:
            self.n_more += 1

    def raise_if_any(self) -> None:
        """Raise `DatasetError` with everything noted so far."""
        if self.listed:
            raise DatasetError(tuple(self.listed), self.n_more)
