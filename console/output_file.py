"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from console.errors import BadInputError

__all__ = ["check_target", "check_targets", "replacing"]


def check_target(option: str, path: Path | None) -> None:
    """Refuse a target that could not be written, before the work is done.

    Raises
    ------
    BadInputError
        When its directory does not exist or cannot be written, or it is a directory.
    """
    if path is None:
        return
    if path.is_dir():
        raise BadInputError(f"{option} {path}: is a directory; give a file name in it")
    folder = path.parent
    if not folder.is_dir():
        raise BadInputError(f"{option} {path}: there is no directory {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise BadInputError(f"{option} {path}: directory {folder} cannot be written to")


def check_targets(targets: Mapping[str, Path | None], inputs: Sequence[Path] = ()) -> None:
    """Refuse targets by option as `check_target` does, and any that meets another file.

    Raises
    ------
    BadInputError
    """
    taken = {path.absolute(): "an input" for path in inputs}
    for option, path in targets.items():
        check_target(option, path)
        if path is not None:
            other = taken.setdefault(path.absolute(), option)
            if other != option:
                raise BadInputError(f"{option} {path}: is {other} as well; give it another name")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary file to write, which takes the place of `path` at the end.

    When the work inside fails, `path` stays what it was and the temporary file goes.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
