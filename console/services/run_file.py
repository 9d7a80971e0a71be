"""What the processes of one run have in common, in a file that the parent writes for them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from console.errors import BadInputError
from console.settings import Settings

__all__ = ["RunFile", "read_run", "write_run"]

_NAME = "run.json"


class RunFile(BaseModel):
    """One run: the settings, and what its input is.

    Addresses and secrets are not in it: they reach the processes through their environment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Settings
    start: int
    """Event time at which the input begins, ns UTC."""
    days: int
    """Length of the input."""
    seed: int
    """Of everything random in the network twin."""
    speed: float | None
    """Event time per wall time; None for as fast as it goes."""

    @property
    def directory(self) -> Path:
        """Where the run keeps its files."""
        return self.settings.directory


def write_run(run: RunFile) -> Path:
    """Write the file of a run into its directory and return its path."""
    run.directory.mkdir(parents=True, exist_ok=True)
    path = run.directory / _NAME
    path.write_text(run.model_dump_json(indent=2))
    return path


def read_run(path: Path) -> RunFile:
    """Read the file of a run; addresses are taken from the environment of this process.

    Raises
    ------
    BadInputError
        When it is not there or is not the file of a run.
    """
    try:
        return RunFile.model_validate_json(path.read_text())
    except FileNotFoundError:
        raise BadInputError(f"{path}: no such file; `gridcast up` and `demo` write it") from None
    except ValidationError as error:
        raise BadInputError(f"{path} is not the file of a run: {error}") from None
