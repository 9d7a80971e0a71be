"""JSON files that are there whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from console.errors import BadInputError

__all__ = ["check_json_target", "write_json"]


def check_json_target(path: Path | None) -> None:
    """Refuse a target that could not be written, before the work is done.

    Raises
    ------
    BadInputError
        When its directory does not exist or cannot be written, or it is a directory.
    """
    if path is None:
        return
    if path.is_dir():
        raise BadInputError(f"--json {path}: is a directory; give a file name in it")
    folder = path.parent
    if not folder.is_dir():
        raise BadInputError(f"--json {path}: there is no directory {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise BadInputError(f"--json {path}: directory {folder} cannot be written to")


def write_json(path: Path, tree: object) -> None:
    """Write `tree` by renaming a finished file; NaN and Infinity are refused.

    Raises
    ------
    ValueError
        When a number is not finite.
    """
    text = json.dumps(tree, indent=2, allow_nan=False) + "\n"
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
