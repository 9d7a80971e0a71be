"""JSON files that are there whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

from console.output_file import check_target, replacing

__all__ = ["check_json_target", "write_json"]


def check_json_target(path: Path | None) -> None:
    """Refuse a target that could not be written, before the work is done.

    Raises
    ------
    BadInputError
        When its directory does not exist or cannot be written, or it is a directory.
    """
    check_target("--json", path)


def write_json(path: Path, tree: object) -> None:
    """Write `tree` by renaming a finished file; NaN and Infinity are refused.

    Raises
    ------
    ValueError
        When a number is not finite.
    """
    text = json.dumps(tree, indent=2, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
